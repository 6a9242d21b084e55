"""Some hundred damaged streams, always the same ones; `tools/fuzz_streams.py` makes as many as one likes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def fuzzed(root: Path, count: int, *kinds: str) -> dict[str, int]:
    """The outcomes of so many streams, none of which is a finding."""
    command = [sys.executable, "tools/fuzz_streams.py", "--count", str(count), "--seed", "7", "--workers", "1"]
    command += [part for kind in kinds for part in ("--kind", kind)]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    figures = json.loads(result.stdout)
    assert figures["streams"] == count and not figures["findings"]
    return figures["outcomes"]


def test_damaged_streams_end_in_a_named_error_or_report_their_bad_tiles(root: Path):
    reached = fuzzed(root, 500, "nothing", "checksums", "results")

    # None of it would mean anything if the damage did not get this far.
    assert reached["nothing: decoded, bad tiles reported"] > 10
    assert reached["checksums: decoded, bad tiles reported"] > 20
    assert reached["results: decoded, all tiles good"] > 10
    assert {"BadField", "IndexDamaged", "LimitExceeded", "MetadataDamaged", "RadiometryDamaged", "Truncated"} <= {
        outcome.partition(": ")[2] for outcome in reached
    }


def test_what_was_removed_is_missed(root: Path):
    reached = fuzzed(root, 60, "removal")
    assert reached["removal: decoded, bad tiles reported"] > 10 and "removal: decoded, all tiles good" not in reached


def test_metadata_of_any_structure_end_in_a_named_error_or_are_saved(root: Path):
    reached = fuzzed(root, 120, "metadata")
    assert reached["metadata: MetadataDamaged"] > 20 and reached["metadata: decoded, all tiles good"] > 10


def test_changed_weights_are_refused_or_change_nothing(root: Path):
    reached = fuzzed(root, 60, "weights")
    assert reached["weights: WrongWeights"] > 20
    assert reached["weights: decoded, all tiles good"] > 5  # tensors that only an encoder reads


def test_a_forked_child_decodes_or_says_that_it_cannot(root: Path):
    reached = fuzzed(root, 2, "fork")
    assert sum(reached.values()) == 2

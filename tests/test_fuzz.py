"""Five hundred damaged streams, always the same ones; `tools/fuzz_streams.py` makes as many as one likes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def test_damaged_streams_end_in_a_named_error_or_report_their_bad_tiles(root: Path):
    command = [sys.executable, "tools/fuzz_streams.py", "--count", "500", "--seed", "7", "--workers", "1"]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    figures = json.loads(result.stdout)
    assert figures["streams"] == 500 and not figures["findings"]

    # None of it would mean anything if the damage did not get this far.
    reached = figures["outcomes"]
    assert reached["nothing: decoded, bad tiles reported"] > 10
    assert reached["checksums: decoded, bad tiles reported"] > 20
    assert reached["checksums and results: decoded, all tiles good"] > 10
    assert {"BadField", "IndexDamaged", "LimitExceeded", "MetadataDamaged", "RadiometryDamaged", "Truncated"} <= {
        outcome.partition(": ")[2] for outcome in reached
    }

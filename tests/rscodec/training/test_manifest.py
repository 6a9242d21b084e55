"""A manifest says of weights what they are and how they came about."""

from __future__ import annotations

import hashlib
import json

import pytest

from rscodec.bitstreams.errors import OutputError
from rscodec.training.manifest import Export, new_weights, sittings, write_manifest


def test_it_lies_beside_the_weights_and_describes_them(tmp_path):
    saved = {"config": {"width": 8}, "history": [{"steps": 3}], "module": object()}
    path = tmp_path / "x-1.safetensors"
    path.write_bytes(b"weights")
    told = write_manifest(path, "x-1", sittings(saved, "tools/train_x.py", codecs=()), {"a": 1}, "tools/x.py")
    found = json.loads((tmp_path / "x-1.json").read_text())
    assert found == json.loads(json.dumps(told))
    assert (found["bytes"], found["sha256"]) == (7, hashlib.sha256(b"weights").hexdigest())
    assert (found["config"], found["history"], found["codecs"]) == (saved["config"], saved["history"], [])
    assert found["command"] == "tools/pack_data.py, then tools/train_x.py once for each entry of history"
    assert (found["figures"], found["figures_command"]) == ({"a": 1}, "tools/x.py")


def test_weights_are_replaced_only_if_that_is_wanted(tmp_path):
    path = new_weights(tmp_path / "new" / "folder", "x-1", overwrite=False)
    assert path == tmp_path / "new" / "folder" / "x-1.safetensors" and path.parent.is_dir()
    path.write_bytes(b"weights")
    with pytest.raises(OutputError, match="overwrite=True"):
        new_weights(path.parent, "x-1", overwrite=False)
    assert new_weights(path.parent, "x-1", overwrite=True) == path


def test_an_export_records_the_command_that_measured(tmp_path):
    export = Export(tmp_path / "runs" / "x3", "x-1", tmp_path, overwrite=False)
    path = export.new_weights()
    path.write_bytes(b"weights")
    assert export.write_manifest(path, {}, {}, "tools/export_x.py")["figures_command"] == (
        "tools/export_x.py --run x3 --model x-1"
    )
    told = export.write_manifest(path, {}, {}, "tools/export_x.py", "--images 3")
    assert told["figures_command"] == "tools/export_x.py --run x3 --model x-1 --images 3"

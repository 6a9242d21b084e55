"""Weights files that anyone may have written: each is refused by name, in little memory and little time.

The files are read in a process of its own, which may take 1 GiB more than what its libraries took.
"""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save

from rscodec.bitstreams.errors import WrongWeights
from rscodec.codec.integer import EXACT
from rscodec.codec.portable import PortableCodec
from rscodec.codec.weights_file import read_weights, wanted_tensors
from tests.helpers import models, sizes

MOST_BYTES, MOST_SECONDS = 2**30, 5
CONFIG = sizes.TINY.as_dict()
READER = """
import json, resource, signal, sys, time
from pathlib import Path
from rscodec.bitstreams.errors import RscodecError
from rscodec.codec.portable import PortableCodec

PortableCodec(sys.argv[1])
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + int(sys.argv[2]), resource.RLIM_INFINITY))
for path in sorted(Path(sys.argv[3]).iterdir()):
    signal.alarm(int(sys.argv[4]))
    try:
        PortableCodec(path)
        said = "nothing", ""
    except Exception as problem:
        said = type(problem).__name__, str(problem)
    signal.alarm(0)
    print(json.dumps([path.stem, *said]), flush=True)
"""


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


CONFIGS = {
    "null": "null", "list": "[1, 2]", "string": '"small"', "number": "7", "true": "true", "not_json": "{width: 3}",
    "empty_text": "", "nested": nested(2000), "nested_in": f'{{"width": {nested(2000)}}}', "long": " " * 10**7 + "{}",
    "huge_number": f'{{"width": {"9" * 5000}}}', "unknown_key": '{"depth": 3}',
} | {
    f"{key}_{name}": json.dumps(CONFIG | {key: value})
    for key, name, value in [
        *((key, "0", 0) for key in ("width", "tail", "features", "hyper", "narrow")),
        *((key, "absurd", 10**6) for key in CONFIG if key != "groups"),
        ("decoder_blocks", "negative", -1), ("width", "float", 12.0), ("width", "bool", True), ("width", "null", None),
        ("width", "text", "12"), ("hyper", "1", 1), ("width", "infinite", float("inf")), ("width", "other", 13),
        ("encoder_blocks", "many", 32), ("groups", "none", []), ("groups", "number", 36), ("groups", "null", None),
        ("groups", "0", [0, 36]), ("groups", "absurd", [10**9]), ("groups", "many", [1] * 10**3),
        ("groups", "nested", [[6, 12, 18]]), ("groups", "other", [12, 6, 18]),
    ]
}  # fmt: skip


def _set(name: str, value):
    def change(tensors: dict) -> None:
        tensors[name] = tensors[name].clone()
        tensors[name].view(-1)[0] = value

    return change


def _cast(name: str, kind: torch.dtype):
    return lambda tensors: tensors.update({name: tensors[name].to(kind)})


def _shape(name: str, *shape: int):
    return lambda tensors: tensors.update({name: torch.zeros(shape, dtype=tensors[name].dtype)})


def _double_frequencies(tensors: dict) -> None:
    tensors[EXACT + "frequencies"] = tensors[EXACT + "frequencies"] * 2


TENSORS = {
    "nan_synthesis": _set("synthesis.head.weight", torch.nan), "infinite_spread": _set("spread", torch.inf),
    "nan_step": _set("log_step", torch.nan), "huge_gain": _set("log_gain", 300), "no_spread": _set("spread", 0),
    "nan_analysis": _set("analysis.stem.bias", torch.nan),
    "levels_shape": _shape(EXACT + "levels", 8, 3), "levels_transposed": _shape(EXACT + "levels", 32, 8),
    "levels_scalar": _shape(EXACT + "levels"), "levels_empty": _shape(EXACT + "levels", 0, 32),
    "levels_float": _cast(EXACT + "levels", torch.float32),
    "weight_int8": _cast(EXACT + "hyper.last.weight", torch.int8),
    "synthesis_integer": _cast("synthesis.head.weight", torch.int32), "spread_double": _cast("spread", torch.float64),
    "spread_bfloat16": _cast("spread", torch.bfloat16), "spread_shape": _shape("spread", 1),
    "missing": lambda tensors: tensors.pop("synthesis.tail.leave.bias"),
    "all_missing": lambda tensors: tensors.clear(),
    "stranger": lambda tensors: tensors.update({"synthesis.door\n.weight" + "x" * 10**5: torch.zeros(1)}),
    "bound_broken": _set(EXACT + "hyper.last.bias", 2**30),
    "shift_negative": _set(EXACT + "hyper.last.shift", -128), "shift_large": _set(EXACT + "groups.0.mix.shift", 127),
    "z_index_0": _set(EXACT + "z_index", 0), "z_index_64": _set(EXACT + "z_index", 64),
    "z_mu_large": _set(EXACT + "z_mu", 2**31 - 1),
    "frequency_0": _set(EXACT + "frequencies", 0), "frequency_negative": _set(EXACT + "frequencies", -5),
    "frequencies_doubled": _double_frequencies, "frequencies_flat": _shape(EXACT + "frequencies", 0),
    "reach_negative": _set(EXACT + "reaches", -3), "reach_large": _set(EXACT + "reaches", 2**15 - 1),
    "reaches_short": _shape(EXACT + "reaches", 3),
}  # fmt: skip


def hostile(tiny_weights: Path) -> Iterator[tuple[str, bytes]]:
    """(name, content) of every file."""
    _, _, arrays, self_test = read_weights(tiny_weights)
    tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}  # NumPy has no bfloat16
    about = {"format": "rscodec-1", "model": "vec-1", "config": json.dumps(CONFIG), "self_test": self_test}
    for name, text in CONFIGS.items():
        yield f"config_{name}", save(tensors, about | {"config": text})
    for name, change in TENSORS.items():
        changed = dict(tensors)
        change(changed)
        yield f"tensor_{name}", save(changed, about)
    for name, model in {"unknown": "vec-9", "long": "vec-1" * 10**5, "lines": "vec-1\nvec-1", "empty": ""}.items():
        yield f"model_{name}", save(tensors, about | {"model": model})
    good = save(tensors, about)
    yield "file_cut", good[: len(good) // 2]
    yield "file_header_only", good[:8]
    yield "file_header_of_1_TiB", struct.pack("<Q", 2**40) + good[8:]
    yield "file_claims_64_GiB", _claiming(about, shape=[2**34], data_offsets=[0, 2**36])
    yield "file_of_no_bytes", _claiming(about, shape=[2**40, 0], data_offsets=[0, 0])


def _claiming(about: dict, **spread) -> bytes:
    """A file of a header alone."""
    header = json.dumps({"__metadata__": about, "spread": {"dtype": "F32"} | spread}).encode()
    return struct.pack("<Q", len(header)) + header


def test_hostile_files_are_refused_by_name(tiny_weights, tmp_path, root):
    names = set()
    for name, content in hostile(tiny_weights):
        (tmp_path / f"{name}.safetensors").write_bytes(content)
        names.add(name)
    assert len(names) >= 60
    command = [sys.executable, "-c", READER, tiny_weights, str(MOST_BYTES), tmp_path, str(MOST_SECONDS)]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    said = {name: (error, words) for name, error, words in map(json.loads, result.stdout.splitlines())}
    assert said.keys() == names, result.stderr  # it died, or a file took too long
    assert {name: error for name, (error, _) in said.items() if error != "WrongWeights"} == {}
    assert all(len(words) < 500 and "\n" not in words for _, words in said.values())
    words = {name: words for name, (_, words) in said.items()}
    assert "not finite" in words["tensor_nan_synthesis"] and "synthesis.head.weight" in words["tensor_nan_synthesis"]
    assert "exact.levels has the shape (8, 3), not (8, 32)" in words["tensor_levels_shape"]
    assert "encoder_blocks" in words["config_encoder_blocks_absurd"]


def test_weights_of_every_size_say_what_they_hold():
    """What a file must hold is what an export writes."""
    for config in (sizes.TINY, *sizes.CONFIGS.values()):
        frozen = models.freeze(models.build(config))
        wanted = wanted_tensors(config)
        assert wanted.keys() == frozen.keys()
        for name, (shape, _) in wanted.items():
            assert len(shape) == frozen[name].ndim
            assert all(want in (None, size) for want, size in zip(shape, frozen[name].shape, strict=True)), name


def test_weights_that_are_not_finite_are_not_exported(tmp_path):
    tensors = models.freeze(models.build())
    tensors["spread"][3] = float("nan")
    with pytest.raises(WrongWeights, match="does not hold a usable vec-1: spread holds values that are not finite"):
        models.write_weights(tmp_path / "x.safetensors", "vec-1", sizes.TINY, tensors)


def test_a_model_of_another_self_test_is_no_matter_of_the_file(tiny_weights, tmp_path):
    model, _, tensors, _ = read_weights(tiny_weights)
    save_arrays(tensors, tmp_path / "a.safetensors", {"model": model, "config": json.dumps(CONFIG)})
    assert re.fullmatch("[0-9a-f]{8}", PortableCodec(tmp_path / "a.safetensors").self_test())

"""Makes weights files that differ from a sound one: in the values of a tensor, in the header, or in
the configuration.
"""

from __future__ import annotations

import json
import struct

from strange_metadata import structure


def with_strange_weights(rng, data: bytes) -> bytes:
    """A modified safetensors file."""
    (length,) = struct.unpack_from("<Q", data)
    header, body = bytearray(data[8 : 8 + length]), bytearray(data[8 + length :])
    kind = rng.integers(6)
    if kind == 0:
        for at in rng.integers(0, len(header), rng.integers(1, 5)):
            header[at] = int(rng.integers(32, 127))
    elif kind == 1:
        header = _with_another_configuration(rng, header)
    else:
        _change_values(rng, json.loads(header), body)
    return struct.pack("<Q", len(header)) + bytes(header) + bytes(body)


def _with_another_configuration(rng, header: bytearray) -> bytes:
    told = json.loads(header)
    config = json.loads(told["__metadata__"]["config"])
    if rng.random() < 0.8:
        config[list(config)[rng.integers(len(config))]] = structure(rng)
    else:
        config = structure(rng)
    told["__metadata__"]["config"] = json.dumps(config, allow_nan=True)
    return json.dumps(told).encode()


def _change_values(rng, told: dict, body: bytearray) -> None:
    """Change values of one tensor. All parts of the model (synthesis, exact path and others) are equally likely."""
    del told["__metadata__"]
    kinds = sorted({name.partition(".")[0] for name in told})
    kind = kinds[rng.integers(len(kinds))]
    names = sorted(name for name in told if name.partition(".")[0] == kind)
    start, stop = told[names[rng.integers(len(names))]]["data_offsets"]
    if rng.random() < 0.3:
        body[start:stop] = (bytes(stop - start), b"\xff" * (stop - start), rng.bytes(stop - start))[rng.integers(3)]
    else:
        for at in rng.integers(start, stop, rng.integers(1, 5)):
            body[at] ^= 1 << int(rng.integers(8))

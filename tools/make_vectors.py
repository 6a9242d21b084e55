"""Makes the frozen test vectors of the format, in bitstreams/vectors/v1/{passed,failed}/NNN_topic/.

    python tools/make_vectors.py                     lists missing vectors and writes nothing
    python tools/make_vectors.py --write             makes missing vectors, does not change others
    python tools/make_vectors.py --write --force     makes all vectors again

Never make a published vector again: users have streams like it. The encoder may change and write other bytes, but the
decoder must continue to read these. SHA256SUMS beside v1 lists every file, so that missing files are noticed. Add new
vectors at the end of the lists in vector_scenes.py and vector_damage.py.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import click
import numpy as np
from vector_damage import DAMAGES
from vector_scenes import SCENES

import rscodec
from rscodec.bitstreams import Header, StreamReader, errors
from rscodec.models.weights import codec_for_decoding
from rscodec.stream.radiometry_section import unpack_radiometry
from rscodec.stream.verify import verify

FOLDER = Path(__file__).resolve().parent.parent / "bitstreams" / "vectors"
WEIGHTS = FOLDER / "vec-1.safetensors"

Files = dict[str, bytes]


def passed(row) -> Files:
    """Make a stream, its header and metadata as JSON, and its decoded pixels."""
    data = rscodec.encode(
        row.scene,
        row.quality,
        model="vec",
        weights=WEIGHTS,
        tile=row.tile,
        max_error=row.max_error,
        balance=row.balance,
    )
    reader = StreamReader.from_bytes(data)
    report = verify(reader, codec_for_decoding(reader.header, WEIGHTS))
    decoded = rscodec.decode(data, weights=WEIGHTS)
    expected = {
        "header": {f.name: _plain(getattr(reader.header, f.name)) for f in fields(Header)},
        "metadata": reader.metadata,
        "latents_crc32": report.latents_crc32,
        "pixels_max_abs_error": tolerance(reader),
    }
    classes = {} if decoded.classes is None else {"classes": decoded.classes}
    pixels = io.BytesIO()
    np.savez_compressed(pixels, pixels=decoded.pixels, **classes)
    return {"stream.bin": data, "expected.json": _json(expected), "pixels.npz": pixels.getvalue()}


def tolerance(reader: StreamReader) -> float:
    """The allowed difference of valid pixels on another machine: one level for 8 bits, 1/255 of the coded range
    otherwise, and 0 for a stream with a largest error.
    """
    header = reader.header
    if header.bounded:
        return 0
    step = unpack_radiometry(reader.radiometry, header.dtype, header.bands).scale / 255
    return step if header.dtype.startswith("float") else max(1, int(np.ceil(step)))


def failed(row) -> Files:
    """Make a damaged stream and its expected error. Nothing is written if the error is a different one."""
    number = [scene.topic for scene in SCENES].index(row.base)
    data = row.damage((place("passed", number, row.base) / "stream.bin").read_bytes())
    stage, problem = first_error(data, WEIGHTS if row.weights else None)
    if (type(problem).__name__, stage) != (row.error, row.stage) or row.words not in str(problem):
        raise click.ClickException(f"{row.topic} should be {row.error} but is {type(problem).__name__}: {problem}")
    expected = {"error": row.error, "message": row.words, "stage": row.stage, "weights": row.weights}
    return {"stream.bin": data, "expected.json": _json(expected)}


def first_error(data: bytes, weights: Path | None) -> tuple[str, errors.RscodecError | None]:
    """The stage at which a reader fails, and the error."""
    try:
        StreamReader.from_bytes(data)
    except errors.RscodecError as problem:
        return "open", problem
    try:
        rscodec.decode(data, weights=weights)
    except errors.RscodecError as problem:
        return "decode", problem
    return "end", None


def place(kind: str, number: int, topic: str) -> Path:
    return FOLDER / "v1" / kind / f"{number + 1:03}_{topic}"


def sums() -> str:
    """One line for every file, as `sha256sum` writes them."""
    files = [path for path in sorted(FOLDER.rglob("*")) if path.is_file() and path.name != "SHA256SUMS"]
    digests = {path.relative_to(FOLDER).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return "".join(f"{digest}  {name}\n" for name, digest in digests.items())


def _plain(value):
    if isinstance(value, bytes):
        return value.hex()
    return sorted(value) if isinstance(value, frozenset) else value


def _json(value: dict) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"


@click.command()
@click.option("--write", is_flag=True, help="Write the vectors; without this they are only listed.")
@click.option("--force", is_flag=True, help="Make existing vectors again.")
def main(write: bool, force: bool) -> None:
    kinds: list[tuple[str, tuple, Callable]] = [("passed", SCENES, passed), ("failed", DAMAGES, failed)]
    for kind, rows, make in kinds:
        for number, row in enumerate(rows):
            folder = place(kind, number, row.topic)
            if folder.exists() and not force:
                continue
            click.echo(folder.relative_to(FOLDER).as_posix())
            if write:
                files = make(row)
                folder.mkdir(parents=True, exist_ok=True)
                for name, data in files.items():
                    (folder / name).write_bytes(data)
    if write:
        (FOLDER / "SHA256SUMS").write_text(sums())


if __name__ == "__main__":
    main()

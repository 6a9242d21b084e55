"""The frozen vectors: streams that every later version must decode to the same, or refuse with the same error.

Three readers look at them: the container alone, the reference decoder that SPEC.md describes, and the codec.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path

import numpy as np
import pytest

import rscodec
from rscodec.bitstreams import StreamReader, errors
from rscodec.bitstreams.container import RESIDUAL
from rscodec.codec.coder import SYMBOL_LIMIT, SymbolCoder
from rscodec.models.weights import codec_for_decoding
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.error_bound import unrounded_base
from rscodec.stream.tile_payload import valid_pixels
from tests.bitstreams import residual_reference
from tests.bitstreams.reference import Rans, Reference

FOLDER = Path(__file__).resolve().parent.parent.parent / "bitstreams" / "vectors"
WEIGHTS = FOLDER / "vec-1.safetensors"
PASSED, FAILED = (sorted((FOLDER / "v1" / kind).iterdir()) for kind in ("passed", "failed"))


def name(folder: Path) -> str:
    return folder.name


def expected(folder: Path) -> dict:
    return json.loads((folder / "expected.json").read_text())


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(WEIGHTS)


def test_no_vector_is_missing_or_changed():
    listed = dict(reversed(line.split("  ")) for line in (FOLDER / "SHA256SUMS").read_text().splitlines())
    there = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    assert there == set(listed)
    assert {file: hashlib.sha256((FOLDER / file).read_bytes()).hexdigest() for file in there} == listed


@pytest.mark.parametrize("kind, least", [(PASSED, 27), (FAILED, 60)])
def test_vectors_are_numbered_without_gaps(kind: list[Path], least: int):
    assert len(kind) >= least
    assert [int(folder.name[:3]) for folder in kind] == list(range(1, len(kind) + 1))


def test_every_error_of_a_stream_has_a_vector():
    leaves = {
        kind.__name__
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, (errors.BitstreamError, errors.WeightsError))
    }
    within = {"SymbolsDamaged"}  # which becomes TileDamaged before anybody sees it
    assert leaves - {"BitstreamError", "WeightsError"} - within == {expected(folder)["error"] for folder in FAILED}


@pytest.mark.parametrize("folder", PASSED, ids=name)
def test_header_and_metadata(folder: Path):
    wanted = expected(folder)
    with StreamReader.from_path(folder / "stream.bin") as reader:
        header = {key: getattr(reader.header, key) for key in wanted["header"]}
        header |= {"flags": sorted(header["flags"]), "weights_hash": header["weights_hash"].hex()}
        assert header == wanted["header"] and reader.metadata == wanted["metadata"]


@pytest.mark.parametrize("folder", PASSED, ids=name)
def test_latents_as_the_specification_says(folder: Path, reference: Reference):
    crc = 0
    with StreamReader.from_path(folder / "stream.bin") as reader:
        header = reader.header
        assert header.weights_hash == reference.weights_hashes[header.arithmetic]
        for row, col in np.ndindex(reader.grid):
            height = -(-min(header.tile, header.height - row * header.tile) // 16)
            width = -(-min(header.tile, header.width - col * header.tile) // 16)
            for group in range(header.groups):
                payload = reader.payload(row, col, group)
                if payload:
                    latents, used_up = reference.decode(payload, height, width, round(32 * header.quality))
                    assert used_up
                    assert zlib.crc32(latents.tobytes()) == reader.entry(row, col, group).crc_decoded
                    crc = zlib.crc32(latents.tobytes(), crc)
    assert crc == expected(folder)["latents_crc32"]


@pytest.mark.parametrize("folder", [folder for folder in PASSED if "bound" in folder.name], ids=name)
def test_residuals_as_the_specification_says(folder: Path):
    with StreamReader.from_path(folder / "stream.bin") as reader:
        decoder = SceneDecoder(reader, codec_for_decoding(reader.header, WEIGHTS))
        for row, col, latents in decoder.tiles.in_order():
            payload = reader.residual(row, col)
            if payload or (reader.header.checks_empty and latents is not None):
                tile = decoder.grid.tile(row, col)
                classes, _, _ = decoder.planes(tile)
                valid = valid_pixels(classes, (tile.height, tile.width), len(decoder.radiometry.coded))
                v = unrounded_base(decoder.codec, decoder.radiometry, latents, reader.header.quality, tile)
                values, used_up = residual_reference.decode(
                    payload, v, valid, reader.bound, reader.header.dtype, decoder.nodata
                )
                assert used_up
                crc = zlib.crc32(np.where(valid, values, 0).astype("<i4").tobytes())
                assert crc == reader.entry(row, col, RESIDUAL).crc_decoded


@pytest.mark.parametrize("count", [2, 3000])
def test_symbols_as_the_specification_says(count: int, reference: Reference):
    """Of every table, and escapes as far as they go."""
    coder = SymbolCoder(reference.w["exact.frequencies"], reference.w["exact.reaches"])
    rng = np.random.default_rng(count)
    symbols = np.clip(np.rint(rng.standard_cauchy(count) * 20), -SYMBOL_LIMIT, SYMBOL_LIMIT).astype(np.int32)
    indexes = rng.integers(0, 64, count).astype(np.int32)
    rans = Rans(coder.encode(symbols, indexes), reference.tables)
    assert [rans.symbol(index) for index in indexes.tolist()] == symbols.tolist() and rans.used_up


@pytest.mark.parametrize("folder", PASSED, ids=name)
def test_decoded(folder: Path):
    wanted, frozen = expected(folder), np.load(folder / "pixels.npz")
    report = rscodec.verify_file(folder / "stream.bin", weights=WEIGHTS)
    assert report.ok and report.latents_crc32 == wanted["latents_crc32"]

    scene = rscodec.decode((folder / "stream.bin").read_bytes(), weights=WEIGHTS)
    assert scene.metadata == wanted["metadata"]
    assert scene.pixels.dtype == frozen["pixels"].dtype == wanted["header"]["dtype"]
    assert np.array_equal(scene.classes, frozen["classes"]) if "classes" in frozen else scene.classes is None

    valid = scene.mask
    if "alpha" in scene.metadata.get("colorinterp", []):
        valid[scene.metadata["colorinterp"].index("alpha")] = False
    assert np.array_equal(scene.pixels[~valid], frozen["pixels"][~valid], equal_nan=scene.pixels.dtype.kind == "f")
    distance = scene.pixels[valid].astype(np.float64) - frozen["pixels"][valid]
    assert np.abs(distance).max(initial=0) <= wanted["pixels_max_abs_error"]


@pytest.mark.parametrize("folder", FAILED, ids=name)
def test_failed(folder: Path):
    wanted = expected(folder)
    kind = getattr(errors, wanted["error"])
    with pytest.raises(errors.RscodecError) as caught:
        with rscodec.open(folder / "stream.bin", weights=WEIGHTS if wanted["weights"] else None) as scene:
            assert wanted["stage"] == "decode"
            scene.read()
    assert type(caught.value) is kind
    assert wanted["message"] in str(caught.value) and "\n" not in str(caught.value)
    if issubclass(kind, errors.BitstreamError):
        assert str(caught.value).startswith(f"{folder / 'stream.bin'}: ")
    if issubclass(kind, errors.TileDamaged):
        assert len(caught.value.tile) == 3

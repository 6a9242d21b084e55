"""Small pictures: close to the averages of the whole decode, exact about what is valid, and in the right place."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

import rscodec
from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import TileDamaged
from rscodec.metrics.pixels import psnr
from rscodec.raster.scene import Scene
from rscodec.raster.validity import MASKED
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.preview import PreviewPicture, factor_for, preview


def averaged(pixels: np.ndarray, factor: int, valid: np.ndarray | None = None) -> np.ndarray:
    """Means over squares, those at the right and the bottom cut off by the scene; slowly."""
    valid = np.ones(pixels.shape, bool) if valid is None else valid
    rows, cols = (range(0, edge, factor) for edge in pixels.shape[1:])
    cells = [
        [(band[r : r + factor, c : c + factor], good[r : r + factor, c : c + factor]) for r in rows for c in cols]
        for band, good in zip(pixels, valid, strict=True)
    ]
    means = [[cell[good].mean() if good.any() else 0 for cell, good in band] for band in cells]
    return np.array(means).reshape(len(pixels), len(rows), len(cols))


@pytest.mark.parametrize("longest, factor", [(1000, 1), (710, 1), (500, 2), (260, 4), (62, 16), (63, 16), (1, 1024)])
def test_the_factor_is_the_nearest_power_of_two(longest, factor):
    assert factor_for(1000, 300, longest) == factor


@pytest.mark.parametrize("factor, least", [(1, 90), (2, 45), (4, 28), (8, 30), (16, 34), (32, 36), (128, 36)])
@pytest.mark.parametrize("size", [(200, 150), (130, 97)])
def test_it_is_about_the_average_of_the_whole(make_scene, to_stream, to_decoder, factor, least, size):
    data = to_stream(make_scene(size))
    pixels, classes = preview(to_decoder(data), factor)
    whole = averaged(Scene(*to_decoder(data).read(to_decoder(data).grid.scene)).pixels.astype(float), factor)
    assert classes is None and pixels.shape == whole.shape and pixels.dtype == np.uint8
    assert psnr(((pixels - whole) ** 2).mean(), 255) > least


@pytest.mark.parametrize("bands, dtype", [(1, "uint8"), (5, "uint16"), (2, "int16"), (4, "float32")])
def test_any_kind_of_scene_has_one(make_scene, to_stream, to_decoder, bands, dtype):
    scene = make_scene((200, 150), bands, dtype)
    pixels, _ = preview(to_decoder(to_stream(scene)), 16)
    spread = scene.pixels.std()
    assert pixels.dtype == dtype and abs(pixels - averaged(scene.pixels.astype(float), 16)).mean() < spread / 3


@pytest.mark.parametrize("dtype, nodata", [("uint16", 0.0), ("float32", np.nan), ("int16", -9999.0)])
@pytest.mark.parametrize("factor", [2, 16, 64])
def test_invalid_pixels_do_not_bleed(make_scene, to_stream, to_decoder, dtype, nodata, factor):
    scene = make_scene((200, 150), 3, dtype, nodata)
    invalid = np.isnan(scene.pixels) if np.isnan(nodata) else scene.pixels == nodata
    pixels, classes = preview(to_decoder(to_stream(scene)), factor)
    expected = averaged(invalid.astype(float), factor) > 0.5
    found = np.isnan(pixels) if np.isnan(nodata) else pixels == nodata
    assert expected.any() and (found == expected).all() and ((classes != 0) == expected).all()
    means = averaged(np.where(invalid, 0, scene.pixels).astype(float), factor, ~invalid)
    errors = abs(pixels.astype(float) - means)[~expected]
    assert errors.mean() < scene.pixels[~invalid].std() / 3


def test_alpha_is_averaged_exactly(make_scene, to_stream, to_decoder):
    scene = make_scene((200, 150), 4)
    scene.metadata["colorinterp"] = ["red", "green", "blue", "alpha"]
    pixels, _ = preview(to_decoder(to_stream(scene)), 16)
    assert (pixels[3] == np.rint(averaged(scene.pixels[3:].astype(float), 16)[0])).all()


@pytest.mark.parametrize("factor", [1, 2, 4, 16])
@pytest.mark.parametrize("dtype, nodata", [("uint16", 0.0), ("int16", -9999.0), ("uint8", None)])
def test_a_damaged_tile_is_named_or_left_out(make_scene, to_stream, to_decoder, flip, factor, dtype, nodata):
    data = flip(to_stream(make_scene((200, 150), 3, dtype, nodata)), 1, 1, 0)
    with pytest.raises(TileDamaged):
        preview(to_decoder(data), factor)
    decoder = to_decoder(data, on_error="nodata")
    pixels, classes = preview(decoder, factor)
    assert list(decoder.bad) == [(1, 1, 0)]
    lost = (slice(None), *2 * [slice(64 // factor, 128 // factor)])
    assert (pixels[lost] == (nodata or 0)).all() and (classes[lost] == MASKED).all()
    assert (pixels[:, 32 // factor : 64 // factor, 64 // factor : 128 // factor] != (nodata or 0)).any()


@pytest.mark.parametrize("longest", [200, 50])
def test_what_is_lost_is_masked_where_there_is_no_nodata(make_scene, tmp_path, tiny_weights, flip, longest):
    path, data = tmp_path / "scene.bin", rscodec.encode(make_scene(), 5, weights=tiny_weights, model="vec", tile=64)
    path.write_bytes(flip(data, 1, 1, 0))
    rscodec.preview_file(path, tmp_path / "small.tif", longest, weights=tiny_weights, on_error="nodata")
    with rasterio.open(tmp_path / "small.tif") as found:
        factor = 200 // found.width
        expected = np.ones(found.shape, bool)
        expected[64 // factor : 128 // factor, 64 // factor : 128 // factor] = False
        assert ((found.dataset_mask() != 0) == expected).all()


def test_other_codecs_have_previews_too(make_scene, to_stream, to_decoder, tiny):
    """By decoding and averaging; what is left of the halo at the borders of tiles is a small difference."""
    from rscodec.codec.base import TileCodec

    class Plain(type(tiny)):
        sketch = TileCodec.sketch

    data, plain = to_stream(make_scene((200, 150))), Plain.__new__(Plain)
    plain.__dict__ |= tiny.__dict__
    shorter, _ = preview(to_decoder(data), 16)
    longer, _ = preview(SceneDecoder(StreamReader.from_bytes(data), plain), 16)
    assert 0 < abs(shorter.astype(float) - longer).mean() < 4


def test_a_preview_decodes_few_symbols(make_scene, to_stream, to_decoder, monkeypatch):
    """Of the latents of a tile only the first channels, and none of the network."""
    decoder = to_decoder(to_stream(make_scene((200, 150))))
    monkeypatch.setattr(type(decoder.codec), "synthesise", None)
    seen = []
    walk = type(decoder.codec)._walk

    def watched(self, *args):
        seen.append(walk(self, *args))
        return seen[-1]

    monkeypatch.setattr(type(decoder.codec), "_walk", watched)
    preview(decoder, 16)
    assert len(seen) == 4 * 3 and {latents.shape[-1] for latents in seen} == {6 + 12}


@pytest.mark.parametrize("tile, factor, most", [(64, 1, 64), (64, 2, 32), (64, 16, 4), (64, 128, 1), (192, 128, 3)])
def test_it_comes_in_pieces_no_larger_than_they_must_be(make_scene, to_stream, to_decoder, tile, factor, most):
    decoder = to_decoder(to_stream(make_scene((400, 300)), tile=tile))
    seen = np.zeros((-(-300 // factor), -(-400 // factor)), int)
    small = PreviewPicture(decoder, factor)
    for place, pixels in ((piece, small.read(piece)[0]) for piece in small.pieces(small.scene)):
        assert pixels.shape == (3, place.height, place.width) and max(place.height, place.width) <= most
        seen[place.row : place.bottom, place.col : place.right] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("longest", [200, 25])
def test_the_file_holds_what_is_seen_in_memory(make_scene, tmp_path, tiny_weights, longest):
    scene = make_scene((200, 150))
    scene.classes = np.zeros(scene.pixels.shape, np.uint8)
    scene.classes[:, 40:130, 70:] = MASKED
    scene.metadata["masked"] = True
    path, small = tmp_path / "scene.bin", tmp_path / "small.tif"
    path.write_bytes(rscodec.encode(scene, 5, weights=tiny_weights, model="vec", tile=64))
    rscodec.preview_file(path, small, longest, weights=tiny_weights)
    with rscodec.open(path, weights=tiny_weights) as stream:
        expected = stream.preview(longest)
    with rasterio.open(small) as found:
        assert (found.read() == expected.pixels).all()
        assert ((found.dataset_mask() != 0) == expected.dataset_mask).all() and not expected.dataset_mask.all()


def test_the_file_lies_where_the_scene_lies(make_scene, tmp_path, tiny_weights):
    scene = make_scene((200, 150), 3, "uint16", 0.0)
    scene.save(tmp_path / "scene.tif")
    rscodec.encode_file(tmp_path / "scene.tif", tmp_path / "scene.bin", weights=tiny_weights, model="vec", tile=64)
    made = rscodec.preview_file(tmp_path / "scene.bin", tmp_path / "small.tif", 25, weights=tiny_weights, bands=(3, 1))
    assert (made.width, made.height, made.bands) == (25, 19, 2)
    with rasterio.open(tmp_path / "scene.tif") as large, rasterio.open(tmp_path / "small.tif") as small:
        assert small.crs == large.crs and small.nodata == large.nodata and small.shape == (19, 25)
        assert small.transform == large.transform * rasterio.Affine.scale(8)


def test_rpcs_and_gcps_shrink_too():
    from rscodec.raster.metadata import scale_metadata

    rpcs = {"LINE_OFF": "99.5", "SAMP_OFF": "0", "LINE_SCALE": "100", "SAMP_SCALE": "50", "LINE_NUM_COEFF": "1 2"}
    small = scale_metadata({"rpcs": rpcs, "gcps": [[8, 16, 1.0, 2.0, 0.0, "a", ""]]}, 4, 4)
    assert {key: float(small["rpcs"][key]) for key in list(rpcs)[:4]} == {
        "LINE_OFF": 24.5,
        "SAMP_OFF": -0.375,
        "LINE_SCALE": 25.0,
        "SAMP_SCALE": 12.5,
    }
    assert small["rpcs"]["LINE_NUM_COEFF"] == "1 2" and small["gcps"] == [[2, 4, 1.0, 2.0, 0.0, "a", ""]]


@pytest.mark.parametrize("factor", [2, 4, 8, 16, 64])
def test_a_tile_that_is_absent_although_it_has_valid_pixels(make_scene, to_stream, to_decoder, rewrite, factor):
    stream = to_stream(make_scene((150, 100), nodata=0))
    data = rewrite(stream, lambda row, col, planes, groups: (planes, [] if (row, col) == (1, 0) else groups))
    with pytest.raises(TileDamaged, match=r"tile \(1, 0\): nothing says what its valid pixels are"):
        preview(to_decoder(data), factor)
    decoder = to_decoder(data, on_error="nodata")
    preview(decoder, factor)
    assert list(decoder.bad) == [(1, 0, 0)]

"""Shards: which pictures come of which files, and under which names."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
import rasterio
from PIL import Image

from rscodec.bitstreams.errors import InputError
from rscodec.training.pack import pack

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    tiles = tmp_path / "imagery" / "city"
    tiles.mkdir(parents=True)
    for number in range(12):
        pixels = rng.integers(100, 156, (160, 160, 3), np.uint8)
        Image.fromarray(pixels).save(tiles / f"{number}.jpg")
        Image.fromarray(pixels[..., 0]).save(tiles / f"{number}.nir.jpg")
    lossless = Image.fromarray(rng.integers(0, 256, (130, 130, 3), np.uint8))
    lossless.save(tmp_path / "imagery" / "lossless.webp", lossless=True)
    return tmp_path / "imagery"


def write(path, pixels, nodata=None):
    count, height, width = pixels.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {"count": count, "height": height, "width": width, "dtype": pixels.dtype, "nodata": nodata}
    with rasterio.open(path, "w", driver="GTiff", **about) as file:
        file.write(pixels)


def names(shard) -> set[str]:
    with zipfile.ZipFile(shard) as archive:
        return set(archive.namelist())


def picture(shard, name) -> np.ndarray:
    with zipfile.ZipFile(shard) as archive:
        return np.asarray(Image.open(io.BytesIO(archive.read(name))))


def test_pictures_of_one_ground_share_a_folder(folder, tmp_path):
    kept, found, empty = pack(folder, tmp_path / "shard.zip")
    packed = names(tmp_path / "shard.zip")
    assert kept == found == len(packed) and empty == []
    assert {f"city_{number}/colour.jpg" for number in range(12)} | {"lossless/colour.webp"} <= packed
    infrared = {name.split("/")[0] for name in packed if "/infrared" in name}
    components = {name.split("/")[0] for name in packed if "/components" in name}
    assert 0 < len(infrared) < 12 and infrared == components <= {f"city_{number}" for number in range(12)}
    with zipfile.ZipFile(tmp_path / "shard.zip") as archive:
        assert archive.read("lossless/colour.webp") == (folder / "lossless.webp").read_bytes()


def test_scenes_become_pictures_without_nodata(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(500, 900, (5, 512, 700), np.uint16)
    pixels[:, :, 600:] = 0
    write(tmp_path / "in" / "scene.tif", pixels)
    pack(tmp_path / "in", tmp_path / "shard.zip")
    packed = names(tmp_path / "shard.zip")
    assert {"scene/colour_0.png", "scene/infrared_0.png", "scene/random_0.png", "scene/components_0_0.png"} <= packed
    assert not any("colour_1" in name for name in packed)
    colour = picture(tmp_path / "shard.zip", "scene/colour_0.png")
    assert colour.shape == (512, 512, 3) and colour.min() == 0 and colour.max() == 255
    order = np.argsort(pixels[2, :512, :512].ravel(), kind="stable")
    assert (np.diff(colour[..., 0].ravel()[order].astype(int)) >= 0).all()


def test_a_square_with_nodata_is_divided(tmp_path):
    pixels = np.random.default_rng(0).integers(1, 256, (3, 512, 512), np.uint8)
    pixels[:, 300, 300] = 0
    write(tmp_path / "in" / "scene.tif", pixels)
    pixels[:, ::100] = 0
    write(tmp_path / "in" / "stripes.tif", pixels)
    packed = pack(tmp_path / "in", tmp_path / "shard.zip")
    assert (packed.written, packed.empty) == (6, [tmp_path / "in" / "stripes.tif"])
    sizes = [picture(tmp_path / "shard.zip", f"scene/colour_{number}.png").shape[0] for number in range(6)]
    assert sizes == [256, 256, 256, 128, 128, 128]
    first = picture(tmp_path / "shard.zip", "scene/colour_1.png").transpose(2, 0, 1)
    assert np.array_equal(first, rasterio.open(tmp_path / "in" / "scene.tif").read()[:, :256, 256:])


@pytest.mark.parametrize("nodata", [-9999, np.nan])
def test_nodata_that_is_not_zero_is_left_out_too(tmp_path, nodata):
    pixels = np.random.default_rng(0).uniform(500, 900, (5, 512, 700)).astype(np.float32)
    shown = {}
    for value in (0, nodata):
        pixels[:, :, 600:] = value
        write(tmp_path / f"{value}" / "scene.tif", pixels, nodata=value)
        pack(tmp_path / f"{value}", tmp_path / "shard.zip")
        packed = names(tmp_path / "shard.zip")
        assert "scene/components_0_0.png" in packed and not any("_1.png" in name for name in packed)
        shown[str(value)] = picture(tmp_path / "shard.zip", "scene/components_0_0.png")
    assert np.array_equal(*shown.values())


@pytest.mark.parametrize("count", [1, 3])
def test_pixels_of_few_bytes_stay_what_they_are(tmp_path, count):
    pixels = np.random.default_rng(0).integers(1, 256, (count, 140, 150), np.uint8)
    write(tmp_path / "in" / "scene.tif", pixels)
    pack(tmp_path / "in", tmp_path / "shard.zip")
    assert names(tmp_path / "shard.zip") == {"scene/colour_0.png"}
    packed = picture(tmp_path / "shard.zip", "scene/colour_0.png").transpose(2, 0, 1)
    assert np.array_equal(packed, np.broadcast_to(pixels, (3, 140, 150)))


def test_a_limit_is_kept(folder, tmp_path):
    kept, found, _ = pack(folder, tmp_path / "shard.zip", limit_mib=0.2)
    assert 0 < kept < found and (tmp_path / "shard.zip").stat().st_size <= 0.2 * 2**20 + 100
    assert len(names(tmp_path / "shard.zip")) == kept


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "readme.txt").write_text("nothing here")
    with pytest.raises(InputError, match="no pictures to train on"):
        pack(tmp_path, tmp_path / "shard.zip")


def test_pictures_of_more_than_8_bits_are_refused_by_name(folder, tmp_path):
    Image.fromarray(np.full((140, 150), 3000, np.uint16)).save(folder / "grey.png")
    with pytest.raises(InputError, match=r"grey\.png has more than 8 bits .*GeoTIFF"):
        pack(folder, tmp_path / "shard.zip")

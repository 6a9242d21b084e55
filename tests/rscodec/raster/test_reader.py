"""Images in: every kind of metadata survives, and every unusable file is named."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.rpc import RPC

from rscodec.bitstreams.errors import InputError
from rscodec.raster.metadata import crop_metadata, differences
from rscodec.raster.reader import RasterReader, is_stream
from rscodec.raster.scene import Scene
from rscodec.raster.validity import MASKED, NAN, NODATA
from rscodec.raster.window import Window
from rscodec.raster.writer import RasterWriter
from tests.rscodec.raster.images import UTM, copy, describe, make, pixels

# The tests themselves open images without georeference; that the project does so silently has its own test.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

RPCS = RPC(
    err_bias=0.5,
    err_rand=0.25,
    height_off=100.0,
    height_scale=500.0,
    lat_off=48.1,
    lat_scale=0.1,
    line_off=1500.25,
    line_scale=1501.0,
    long_off=11.2,
    long_scale=0.15,
    samp_off=1400.5,
    samp_scale=1401.0,
    line_den_coeff=[1.0] + [1e-5 / 3 * i for i in range(19)],
    line_num_coeff=[0.01 / 7 * i for i in range(20)],
    samp_den_coeff=[1.0] + [2e-5 / 3 * i for i in range(19)],
    samp_num_coeff=[0.02 / 7 * i for i in range(20)],
)


def set_gcps(target):
    points = [GroundControlPoint(r, c, 10 + c / 7, 50 - r / 3, 12.5) for r in (0.0, 29.5) for c in (0.0, 39.5)]
    target.gcps = points, rasterio.CRS.from_epsg(4326)


def set_tags(target):
    target.update_tags(AREA_OR_POINT="Point", TIFFTAG_SOFTWARE="camera 1", TIFFTAG_DATETIME="2024:05:06 07:08:09")
    target.update_tags(TIFFTAG_XRESOLUTION="72.5", TIFFTAG_YRESOLUTION="72.5", TIFFTAG_RESOLUTIONUNIT="2 (pixels/inch)")
    target.update_tags(MULTI="line one\nline = two äöü", EMPTY="")
    target.update_tags(ns="MINE", key="value", equal="a=b")
    target.update_tags(ns="COLOR_PROFILE", SOURCE_ICC_PROFILE="ZmFrZWljY2Zha2VpY2M=")
    target.update_tags(ns="xml:XMP", **{"<x:xmpmeta xmlns:x": '"adobe:ns:meta/"><a>b=c</a></x:xmpmeta>'})
    target.update_tags(1, STATISTICS_MEAN="12.25", note="first")
    target.update_tags(3, ns="BAND", key="third")


def set_bands(target):
    target.descriptions = ("blue", None, "infra red")
    target.scales, target.offsets = (0.0001, 1.0, 2.5), (-0.1, 0.0, 1e-7)
    target.units = ("W/m2", "", "K")


def set_colours(*names: str):
    def finish(target):
        target.colorinterp = [ColorInterp[name] for name in names]

    return finish


WKT = rasterio.CRS.from_proj4("+proj=laea +lat_0=12.25 +lon_0=-7.5 +x_0=3 +ellps=bessel +units=m +no_defs").to_wkt()
CASES = {
    "crs and transform": (pixels(), None, UTM),
    "crs without a number": (pixels(), None, UTM | {"crs": WKT}),
    "rotated, south up": (pixels(), None, UTM | {"transform": Affine(0.1, 0.02, 5.3, -0.02, 0.1, 7.7)}),
    "no crs, but a transform": (pixels(), None, {"transform": UTM["transform"]}),
    "gcps": (pixels(), set_gcps, {}),
    "rpcs": (pixels(), lambda target: setattr(target, "rpcs", RPCS), {}),
    "tags of all kinds": (pixels(), set_tags, UTM),
    "names, scales, offsets, units": (pixels(3, "uint16"), set_bands, UTM),
    "nodata 0": (pixels(), None, UTM | {"nodata": 0}),
    "nodata -9999": (pixels(2, "int16"), None, UTM | {"nodata": -9999}),
    "nodata nan": (pixels(2, "float32"), None, UTM | {"nodata": float("nan")}),
    "nodata -3.4e38": (pixels(2, "float32"), None, UTM | {"nodata": -3.4028234663852886e38}),
    "nodata 0.1 in doubles": (pixels(1, "float64"), None, UTM | {"nodata": 0.1}),
    "rgb": (pixels(), set_colours("red", "green", "blue"), UTM),
    "three grey bytes": (pixels(), set_colours("gray", "undefined", "undefined"), UTM),
    "rgba": (pixels(4), set_colours("red", "green", "blue", "alpha"), UTM),
    "grey and alpha, 16 bits": (pixels(2, "uint16"), set_colours("gray", "alpha"), UTM),
    "bgr and nir": (pixels(4, "uint16"), set_colours("blue", "green", "red", "nir"), UTM),
    "four bytes without colour": (pixels(4), set_colours("gray", "undefined", "undefined", "undefined"), UTM),
    "eleven bands": (pixels(11, "uint16"), None, UTM),
}


@pytest.mark.parametrize("name", CASES)
def test_everything_but_storage_survives(tmp_path: Path, name: str):
    data, finish, profile = CASES[name]
    source = make(tmp_path / "a.tif", data, finish, **profile)
    scene = copy(source, tmp_path / "b.tif")
    assert differences(describe(source), describe(tmp_path / "b.tif")) == []
    with rasterio.open(source) as a, rasterio.open(tmp_path / "b.tif") as b:
        for attribute in (
            "crs",
            "transform",
            "dtypes",
            "descriptions",
            "colorinterp",
            "scales",
            "offsets",
            "units",
            "mask_flag_enums",
            "count",
            "shape",
        ):
            assert getattr(a, attribute) == getattr(b, attribute)
        assert repr(a.nodatavals) == repr(b.nodatavals)
        assert [(p.row, p.col, p.x, p.y, p.z) for p in a.gcps[0]] == [(p.row, p.col, p.x, p.y, p.z) for p in b.gcps[0]]
        assert a.gcps[1] == b.gcps[1]
        assert (a.rpcs and a.rpcs.to_dict()) == (b.rpcs and b.rpcs.to_dict())
        for band in (0, *a.indexes):
            assert a.tags(band) == b.tags(band)
            for namespace in {*a.tag_namespaces(band)} - {"IMAGE_STRUCTURE", "DERIVED_SUBDATASETS"}:
                assert a.tags(band, ns=namespace) == b.tags(band, ns=namespace)
        assert np.array_equal(a.read(), b.read(), equal_nan=True)
        assert np.array_equal(a.read_masks(), b.read_masks())
    assert np.array_equal(scene.pixels, data, equal_nan=True)


def test_a_crs_with_a_number_costs_few_bytes(tmp_path: Path):
    source = make(tmp_path / "a.tif", pixels(), **UTM)
    assert describe(source)["crs"] == "EPSG:32633"
    assert describe(make(tmp_path / "b.tif", pixels(), **(UTM | {"crs": WKT})))["crs"].startswith("PROJCRS")


@pytest.mark.parametrize("driver", ["PNG", "JPEG", "GTiff"])
@pytest.mark.parametrize("bands", [1, 3])
def test_plain_images_have_no_metadata(tmp_path: Path, driver: str, bands: int):
    source = make(tmp_path / "a", pixels(bands), driver=driver)
    with RasterReader(source) as reader:
        assert (reader.metadata, reader.planes, reader.exact_bands, reader.nodata) == ({}, 0, (), None)
        data, classes = reader.read(Window(0, 0, 40, 30))
    assert classes is None and data.shape == (bands, 30, 40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        copy(source, tmp_path / "b.png")
        assert describe(tmp_path / "b.png") == describe(source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b.png"]


def test_windows_are_windows_of_the_whole(tmp_path: Path):
    data = pixels(2, "uint16")
    with RasterReader(make(tmp_path / "a.tif", data, nodata=0)) as reader:
        window, classes = reader.read(Window(7, 11, 13, 5))
        assert np.array_equal(window, data[:, 11:16, 7:20]) and classes.shape == (2, 5, 13)
        for bad in [(-1, 0, 2, 2), (0, 0, 0, 2), (39, 0, 2, 2), (0, 29, 1, 2)]:
            with pytest.raises(InputError, match="is not inside its 40x30 pixels"):
                reader.read(Window(*bad))


def test_classes_of_nodata_nan_and_masks(tmp_path: Path):
    data = pixels(3, "float32")
    data[0, 3, 4], data[1, 5, 6] = np.nan, -9999
    with RasterReader(make(tmp_path / "a.tif", data, nodata=-9999)) as reader:
        assert reader.planes == 2
        classes = reader.read(Window(0, 0, 40, 30))[1]
    assert classes[0, 3, 4] == NAN and classes[1, 5, 6] == NODATA and np.count_nonzero(classes) == 2

    mask = np.full((30, 40), 255, np.uint8)
    mask[:9] = 0
    source = make(tmp_path / "b.tif", pixels(), mask=mask)
    with RasterReader(source) as reader:
        assert reader.planes == 1 and reader.metadata["masked"]
        classes = reader.read(Window(0, 0, 40, 30))[1]
    assert np.array_equal(classes[0] == MASKED, mask == 0) and classes.shape[0] == 1
    scene = copy(source, tmp_path / "c.tif")
    assert np.array_equal(scene.dataset_mask, mask > 0) and np.array_equal(scene.mask[2], mask > 0)
    assert differences(describe(source), describe(tmp_path / "c.tif")) == []
    with rasterio.open(tmp_path / "c.tif") as back:
        assert np.array_equal(back.dataset_mask(), mask)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "b.tif", "c.tif"]


def test_alpha_is_lossless_and_has_no_classes(tmp_path: Path):
    source = make(tmp_path / "a.tif", pixels(4, "float32"), set_colours("red", "green", "blue", "alpha"))
    with RasterReader(source) as reader:
        assert reader.exact_bands == (3,) and reader.coded_bands == (0, 1, 2)
        assert reader.read(Window(0, 0, 40, 30))[1].shape[0] == 3
    scene = Scene.load(source)
    assert scene.mask.shape == (4, 30, 40) and scene.mask.all()
    with RasterReader(source, bands=(4,)) as reader:
        assert reader.planes == 0 and reader.coded_bands == ()


@pytest.mark.parametrize("dtype, nodata, masked", [("uint16", 10.5, 10), ("int16", -10.5, -10), ("uint8", 0.25, 0)])
def test_nodata_with_a_fraction_is_refused(tmp_path: Path, dtype: str, nodata: float, masked: int):
    data = np.full((1, 8, 8), 77, dtype)
    data[0, 2, 3:5] = masked  # GDAL masks these
    source = make(tmp_path / "a.tif", data, nodata=nodata)
    with rasterio.open(source) as dataset:
        assert (dataset.read_masks(1) == 0).sum() == 2
    words = f"nodata {nodata:g} is no {dtype} pixel.*pixels of {masked} .*`nodata={masked}`"
    with pytest.raises(InputError, match=words):
        RasterReader(source)
    with RasterReader(source, nodata=masked) as reader:
        assert (reader.read(Window(0, 0, 8, 8))[1] == 1).sum() == 2


def test_bands_and_nodata_can_be_chosen(tmp_path: Path):
    data = pixels(4, "uint16")
    data[:, :3] = 0
    source = make(tmp_path / "a.tif", data, lambda target: setattr(target, "descriptions", list("abcd")), **UTM)
    with RasterReader(source, bands=(3, 1), nodata=0) as reader:
        assert reader.metadata["descriptions"] == ["c", "a"] and reader.nodata == 0
        window, classes = reader.read(Window(0, 0, 40, 30))
    assert np.array_equal(window, data[[2, 0]]) and np.array_equal(classes == NODATA, data[[2, 0]] == 0)
    for bands in [(0,), (5,), (1, 1), ()]:
        with pytest.raises(InputError, match="has bands 1 to 4, not"):
            RasterReader(source, bands=bands)
    with pytest.raises(InputError, match="not a possible uint16 value"):
        RasterReader(source, nodata=-1)


def test_files_that_are_no_images_are_named(tmp_path: Path):
    (tmp_path / "empty.tif").touch()
    (tmp_path / "text.tif").write_text("not an image")
    for name, words in [("none.tif", "no such image"), ("empty.tif", "is empty"), ("text.tif", "is not an image")]:
        with pytest.raises(InputError, match=words):
            RasterReader(tmp_path / name)
    with pytest.raises(InputError, match="is a folder"):
        RasterReader(tmp_path)


@pytest.mark.parametrize("dtype", ["complex64", "int32", "uint32", "int8", "int64"])
def test_types_that_cannot_be_coded(tmp_path: Path, dtype: str):
    with pytest.raises(InputError, match=f"has {dtype} pixels: convert to one of uint8"):
        RasterReader(make(tmp_path / "a.tif", np.zeros((1, 8, 8), dtype)))


@pytest.mark.parametrize("dtype, top", [("uint8", 255), ("uint16", 65535)])
def test_a_scene_with_white_zeros(tmp_path: Path, dtype: str, top: int):
    white = make(tmp_path / "a.tif", np.zeros((1, 8, 8), dtype), photometric="MINISWHITE")
    with pytest.raises(InputError, match=f"0 is white in .*: use gdal_translate -scale_1 0 {top} {top} 0"):
        RasterReader(white)


def test_seventeen_bands_palettes_and_mixed_types(tmp_path: Path):
    with pytest.raises(InputError, match="17 bands"):
        RasterReader(make(tmp_path / "a.tif", np.zeros((17, 8, 8), np.uint8)))
    palette = make(
        tmp_path / "b.tif", np.zeros((1, 8, 8), np.uint8), lambda target: target.write_colormap(1, {0: (1, 2, 3, 255)})
    )
    with pytest.raises(InputError, match="palette"):
        RasterReader(palette)
    one, two = (make(tmp_path / f"{t}.tif", np.zeros((1, 8, 8), t)) for t in ("uint8", "float32"))
    bands = [
        f'<VRTRasterBand dataType="{kind}" band="{i}"><SimpleSource><SourceFilename>{path}</SourceFilename>'
        f"</SimpleSource></VRTRasterBand>"
        for i, (kind, path) in enumerate([("Byte", one), ("Float32", two)], 1)
    ]
    mixed = tmp_path / "mixed.vrt"
    mixed.write_text(f'<VRTDataset rasterXSize="8" rasterYSize="8">{"".join(bands)}</VRTDataset>')
    with pytest.raises(InputError, match="mixes float32, uint8"):
        RasterReader(mixed)
    with RasterReader(mixed, bands=(2,)) as reader:
        assert reader.dtype == "float32"
    text = mixed.read_text().replace("Float32", "Byte")
    mixed.write_text(text.replace("<Simple", "<NoDataValue>3</NoDataValue><Simple", 1))
    with pytest.raises(InputError, match="differ in nodata"):
        RasterReader(mixed)


def virtual(path: Path, source: Path, *changes: tuple[str, str]) -> Path:
    """A VRT of an image, with other words in it."""
    with rasterio.Env():
        rasterio.shutil.copy(source, path, driver="VRT")
    text = path.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    path.write_text(text)
    return path


def test_what_no_file_of_ours_could_say_is_refused(tmp_path: Path):
    plain = make(tmp_path / "plain.tif", pixels(), set_gcps)
    place = "<GeoTransform>3, 1, 0, 4, 0, -1</GeoTransform>"
    with pytest.raises(InputError, match="both GCPs and a geotransform"):
        RasterReader(virtual(tmp_path / "both.vrt", plain, ("<GCPList", place + "<GCPList")))
    tag = '<Metadata><MDI key="ns">x</MDI></Metadata>'
    with pytest.raises(InputError, match="a tag named ns"):
        RasterReader(virtual(tmp_path / "named.vrt", plain, ("<GCPList", tag + "<GCPList")))
    values = make(tmp_path / "values.tif", pixels(), lambda target: target.update_tags(NODATA_VALUES="0 0 0"))
    with pytest.raises(InputError, match="NODATA_VALUES"):
        RasterReader(values)


def test_tags_that_are_not_utf_8_are_kept(tmp_path: Path):
    tags = {"TIFFTAG_COPYRIGHT": "(c) Caf. Ltd", "b": "c"}
    path = make(tmp_path / "a.tif", pixels(), lambda target: target.update_tags(**tags))
    path.write_bytes(path.read_bytes().replace(b"(c) Caf. Ltd", b"\xa9 = Caf\xe9 Ltd"))
    meant = {"TIFFTAG_COPYRIGHT": "© = Café Ltd", "b": "c"}
    assert describe(path)["tags"][""] == meant
    copy(path, tmp_path / "b.tif")
    assert describe(tmp_path / "b.tif") == describe(path)


def test_a_header_that_is_not_utf_8(tmp_path: Path):
    with rasterio.open(tmp_path / "a.img", "w", driver="ENVI", width=8, height=8, count=1, dtype="uint8") as target:
        target.write(np.ones((1, 8, 8), np.uint8))
        target.descriptions = ["Caf."]
    header = tmp_path / "a.hdr"
    header.write_bytes(header.read_bytes().replace(b"Caf.", b"Caf\xe9"))
    (tmp_path / "a.img.aux.xml").unlink()
    with pytest.raises(InputError, match=r"a\.img has a text that is not UTF-8, .*convert its header to UTF-8"):
        RasterReader(tmp_path / "a.img")


def test_a_name_that_is_not_utf_8(tmp_path: Path):
    with pytest.raises(InputError, match=r"b'.*z\\xe9\.tif' is not UTF-8: rename the file"):
        RasterReader(tmp_path / "z\udce9.tif")


@pytest.mark.parametrize("bands", [1, (1.0,), "12", (True,)], ids=str)
def test_bands_that_are_no_numbers(tmp_path: Path, bands):
    path = make(tmp_path / "a.tif", pixels())
    with pytest.raises(InputError, match="bands are whole numbers from 1 on, such as"):
        RasterReader(path, bands)
    assert RasterReader(path, np.array([3, 1])).count == 2


@pytest.mark.parametrize("nodata", ["0", True, [0]], ids=str)
def test_nodata_that_is_no_number(tmp_path: Path, nodata):
    with pytest.raises(InputError, match=r"`nodata=.*`: give a number"):
        RasterReader(make(tmp_path / "a.tif", pixels()), nodata=nodata)


def test_rpcs_with_units_and_useless_ones(tmp_path: Path):
    path = make(tmp_path / "a.tif", pixels(), lambda target: setattr(target, "rpcs", RPCS))
    units = virtual(tmp_path / "units.vrt", path, (">1500.25<", ">+001500.25 pixels<"))
    assert describe(units)["rpcs"]["LINE_OFF"] == "+001500.25"
    copy(units, tmp_path / "b.tif")
    assert not differences(describe(tmp_path / "b.tif"), describe(path))
    assert "rpcs" not in describe(virtual(tmp_path / "useless.vrt", path, ('key="LINE_OFF"', 'key="LINE_OF"')))


def test_the_name_of_a_colour_profile_is_not_kept(tmp_path: Path):
    pytest.importorskip("PIL")
    from PIL import Image, ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pixels().transpose(1, 2, 0)).save(tmp_path / "a.png", icc_profile=profile)
    copy(tmp_path / "a.png", tmp_path / "a.tif")
    assert not differences(describe(tmp_path / "a.png"), describe(tmp_path / "a.tif"))


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    path = make(tmp_path / "a.tif", pixels())
    monkeypatch.setattr(Path, "open", refuse)
    assert not is_stream(path) and not is_stream(tmp_path)


def test_a_mask_without_a_band_that_it_is_for(tmp_path: Path):
    """An alpha band is lossless and has no classes, so nothing could keep the mask."""

    def with_alpha(target):
        target.colorinterp = [ColorInterp[name] for name in ("red", "green", "blue", "alpha")]

    mask = np.ones((30, 40), bool)
    mask[:5] = False
    path = make(tmp_path / "a.tif", pixels(4), with_alpha, mask, photometric="RGB")
    with RasterReader(path) as reader:
        assert reader.planes == 1
    with pytest.raises(InputError, match=r"only alpha of .*a\.tif is chosen.*`bands`"):
        RasterReader(path, bands=(4,))


def test_infinite_and_unreadable_pixels(tmp_path: Path):
    data = pixels(1, "float32")
    data[0, 2, 2] = np.inf
    with RasterReader(make(tmp_path / "a.tif", data)) as reader, pytest.raises(InputError, match="a.tif.*infinite"):
        reader.read(Window(0, 0, 40, 30))
    with RasterReader(tmp_path / "a.tif", nodata=np.inf) as reader:
        assert reader.read(Window(0, 0, 40, 30))[1][0, 2, 2] == NODATA
    cut = make(tmp_path / "b.tif", pixels(3, "uint8", (200, 200)))
    cut.write_bytes(cut.read_bytes()[:60000])
    with RasterReader(cut) as reader, pytest.raises(InputError, match="cannot read window 0 150 200 50"):
        reader.read(Window(0, 150, 200, 50))


def test_a_window_of_a_scene_lies_where_it_was(tmp_path: Path):
    source = make(tmp_path / "a.tif", pixels(), **UTM)
    with RasterReader(source) as reader:
        window, _ = reader.read(Window(8, 4, 16, 20))
        Scene(window, metadata=crop_metadata(reader.metadata, 8, 4, 16, 20)).save(tmp_path / "b.tif")
    with rasterio.open(source) as a, rasterio.open(tmp_path / "b.tif") as b:
        assert b.xy(0, 0) == pytest.approx(a.xy(4, 8), abs=1e-6)


def test_sparse_scenes_are_read_by_window(tmp_path: Path):
    with RasterWriter(tmp_path / "a.tif", (4096, 4096, 3, "uint8"), {}, creation_options={"sparse_ok": True}) as writer:
        writer.write(pixels(), 4000, 4000)
    with RasterReader(tmp_path / "a.tif") as reader:
        assert np.array_equal(reader.read(Window(4000, 4000, 40, 30))[0], pixels())


def test_one_bit_a_pixel_is_called_what_it_is(tmp_path):
    path = make(tmp_path / "a.tif", np.ones((1, 8, 8), np.uint8), nbits=1)
    with pytest.raises(InputError, match="one bit per pixel: use gdal_translate -expand gray"):
        RasterReader(path)


VRT = """<VRTDataset rasterXSize="40" rasterYSize="30"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>
<SourceFilename relativeToVRT="1">{}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>
</VRTDataset>"""


def test_the_files_of_an_image(tmp_path):
    plain, archive = make(tmp_path / "a.tif", pixels()), tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(plain, "inside/a.tif")
    (tmp_path / "b.vrt").write_text(VRT.format("a.tif"))
    (tmp_path / "c.vrt").write_text(VRT.format("b.vrt"))
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset></PAMDataset>")

    def files(name) -> set[str]:
        with RasterReader(name) as reader:
            return {Path(file).name for file in reader.files}

    assert files(plain) == {"a.tif", "a.tif.aux.xml"} and files(f"GTIFF_DIR:1:{plain}") == {"a.tif"}
    assert {"a.tif", "b.vrt", "c.vrt"} <= files(tmp_path / "c.vrt")
    assert "a.zip" in files(f"/vsizip/{archive}/inside/a.tif") & files(f"/vsizip/{{{archive}}}/inside/a.tif")
    assert "a.zip" in files(f"zip://{archive}!inside/a.tif")

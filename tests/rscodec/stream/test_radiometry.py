"""Bands to network channels and back, and the section that says how."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rscodec.bitstreams.errors import InputError
from rscodec.bitstreams.limits import MAX_GROUPS
from rscodec.stream.radiometry import ANGLE, GREY_ROTATION, MATRIX_ONE, Radiometry, from_angles, to_angles
from rscodec.stream.radiometry_section import pack_radiometry, section_of, unpack_radiometry
from rscodec.stream.statistics import FEW_PIXELS, THINNED, Statistics
from rscodec.synthetic.sample import synthesize

DTYPES = ["uint8", "uint16", "int16", "float32", "float64"]


def scene(bands: int, dtype: str, size: int = 96) -> np.ndarray:
    return synthesize(size, bands, dtype)[0]


def measured(
    pixels: np.ndarray, exact: tuple[int, ...] = (), classes: np.ndarray | None = None, balance: bool = False
) -> Radiometry:
    bands = len(pixels)
    coded = [band for band in range(bands) if band not in exact]
    statistics = Statistics(str(pixels.dtype), len(coded))
    for row in range(0, pixels.shape[1], 32):
        part = np.s_[:, row : row + 32]
        statistics.add(pixels[coded][part], None if classes is None else classes[part])
    return statistics.radiometry(bands, exact, balance=balance)


def test_grey_rotation_is_orthonormal_and_starts_with_grey():
    assert np.allclose(GREY_ROTATION @ GREY_ROTATION.T, np.eye(3), atol=1e-15)
    assert np.allclose(GREY_ROTATION[0], 1 / np.sqrt(3))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bands", [1, 2, 3, 4, 5, 6, 11, 16])
def test_round_trip(bands: int, dtype: str):
    pixels = scene(bands, dtype, 48)
    radiometry = measured(pixels)
    stored = unpack_radiometry(pack_radiometry(radiometry), dtype, bands)
    channels = radiometry.forward(pixels)
    assert channels.shape == (-(-bands // 3), 3, 48, 48) and channels.dtype == np.float32
    back = stored.inverse(channels)
    assert back.dtype == pixels.dtype
    if np.issubdtype(dtype, np.integer):
        assert np.array_equal(back, pixels)
    else:
        assert np.abs(back - pixels).max() < 1e-6


@pytest.mark.parametrize("width", [500, 490, 280])
def test_a_large_window_tells_its_covariance_by_all_of_its_columns(width: int):
    """Also where the step from sample to sample divides its width."""
    rng = np.random.default_rng(0)
    pixels = rng.normal(0, 1, (2, 70_000 // width, width)).astype(np.float32)
    pixels[:, :, ::THINNED] = 0
    statistics = Statistics("float32", 2)
    statistics.add(pixels)
    variances = np.diag(statistics.scatter) / statistics.count
    assert pixels[0].size > FEW_PIXELS and np.allclose(variances, pixels.var((1, 2)), rtol=0.05)


def test_plain_images_need_no_section():
    pixels = scene(3, "uint8")
    assert section_of(measured(pixels[:1])) is None
    default = unpack_radiometry(None, "uint8", 3)
    assert np.array_equal(default.forward(pixels)[0], (pixels / 255).astype(np.float32))
    assert default == Radiometry.default("uint8", 3) and default.groups == 1 and default.plane_count == 0


@pytest.mark.parametrize("bands", [2, 3])
def test_few_bytes_hold_the_rotation_of_a_picture(bands: int):
    pixels = scene(bands, "uint8")
    radiometry = measured(pixels)
    assert len(pack_radiometry(radiometry)) == 3 + bands + bands * (bands - 1) // 2
    assert np.allclose(radiometry.klt @ radiometry.klt.T, np.eye(bands), atol=1e-6)
    components = radiometry.klt @ (pixels.reshape(bands, -1) - np.reshape(radiometry.offset, (-1, 1)))
    assert np.abs(components.mean(1)).max() < 1
    assert np.allclose(components.std(1), 255 * np.array(radiometry.deviations), rtol=0.05, atol=0.3)
    exact = np.linalg.eigvalsh(np.cov(pixels.reshape(bands, -1)))[::-1]
    assert components[0].var() > 0.999 * exact[0] and components[-1].var() < exact[-1] + 1e-3 * exact[0]


@pytest.mark.parametrize("seed", range(8))
def test_angles_are_the_rotation(seed: int):
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))
    rotation[-1] *= np.linalg.det(rotation)
    assert np.abs(from_angles(to_angles(rotation), 3) - rotation).max() < 3 * ANGLE / 2


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("bands", [2, 3, 7, 16])
def test_components_alone(bands: int, dtype: str):
    pixels = scene(bands, dtype, 48)
    radiometry = measured(pixels)
    for alone in range(1, radiometry.most_alone + 1):
        one = replace(radiometry, alone=alone)
        stored = unpack_radiometry(pack_radiometry(one), dtype, bands)
        channels = one.forward(pixels)
        assert pack_radiometry(stored) == pack_radiometry(one)
        assert len(channels) == one.groups == stored.groups <= MAX_GROUPS
        assert np.ptp(channels[:alone], axis=1).max() < 1e-6  # grey
        back = stored.inverse(channels)
        assert np.abs(back.astype(float) - pixels).max() <= (1e-6 if dtype == "float32" else 0)


def test_as_many_stand_alone_as_fit_into_the_groups():
    radiometry = measured(scene(4, "uint16"))
    assert [radiometry.at(1).alone, radiometry.at(1).groups] == [1, 2]
    assert replace(radiometry, deviations=(1.0,) * 4).at(8).alone == 4
    assert replace(radiometry, deviations=(1.0, 1e-3, 1e-3, 1e-3)).at(8).alone == 1
    assert measured(scene(3, "uint8")).at(1).alone == 0
    assert Radiometry.default("uint8", 3).at(8).alone == 0


def test_one_and_two_bands_are_replicated_and_averaged():
    one = Radiometry.default("uint8", 1)
    assert (one.forward(np.full((1, 2, 2), 51, np.uint8)) == np.float32(0.2)).all()
    channels = np.array([0.1, 0.2, 0.3], np.float32).reshape(1, 3, 1, 1)
    assert one.inverse(channels).item() == 51
    assert Radiometry.default("uint8", 2).inverse(channels).ravel().tolist() == [26, 64]


def test_values_beyond_the_type_are_clipped():
    channels = np.array([-3.0, 0.5, 9.0], np.float32).reshape(1, 3, 1, 1)
    assert Radiometry.default("uint8", 3).inverse(channels).ravel().tolist() == [0, 128, 255]
    wide = Radiometry("int16", 3, scale=40000.0, offset=(0.0,) * 3)
    assert wide.inverse(channels).ravel().tolist() == [-32768, 20000, 32767]


def test_errors_keep_their_size_in_all_bands():
    """One scale and orthonormal rotations: noise of the network is noise of the same power in every band."""
    pixels = scene(10, "uint16")
    radiometry = measured(pixels)
    noise = np.random.default_rng(0).normal(0, 0.01, (4, 3, 96, 96)).astype(np.float32)
    error = radiometry.inverse(radiometry.forward(pixels) + noise).astype(float) - pixels
    assert np.allclose(error.std((1, 2)), 0.01 * radiometry.scale, rtol=0.05)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bands", [2, 3, 5])
def test_balanced_bands_come_back(bands: int, dtype: str):
    pixels = scene(bands, dtype, 48)
    radiometry = measured(pixels, balance=True)
    stored = unpack_radiometry(pack_radiometry(radiometry), dtype, bands)
    assert pack_radiometry(stored) == pack_radiometry(radiometry)
    assert min(stored.weights) == 1 and len(stored.weights) == bands
    back = stored.inverse(radiometry.forward(pixels)).astype(float)
    assert np.abs(back - pixels).max() <= (1e-6 if dtype.startswith("float") else 0)


def test_balanced_errors_are_the_same_share_of_what_each_band_varies():
    pixels = scene(4, "uint16")
    pixels[0] = pixels[0] // 8 + 500
    radiometry = measured(pixels, balance=True)
    noise = np.random.default_rng(0).normal(0, 0.01, (radiometry.groups, 3, 96, 96)).astype(np.float32)
    errors = radiometry.inverse(radiometry.forward(pixels) + noise) - pixels.astype(float)
    shares = errors.std((1, 2)) / pixels.std((1, 2))
    assert np.allclose(shares, shares.mean(), rtol=0.05)
    plain = measured(pixels)
    assert plain.weights == () and radiometry.weights[0] > 4


def test_a_band_that_hardly_varies_has_no_endless_weight():
    pixels = np.random.default_rng(0).normal(0, 1, (3, 96, 96)) * np.reshape([1000, 1e-6, 0], (3, 1, 1))
    weights = measured(pixels.astype(np.float32), balance=True).weights
    assert weights == (1, 256, 1)
    assert measured(np.zeros((2, 8, 8), np.uint16), balance=True).weights == (1, 1)
    assert measured(scene(1, "uint16"), balance=True).weights == ()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_a_hot_pixel_of_a_quiet_band_does_not_cost_the_others_their_detail(dtype: str):
    pixels = scene(4, dtype, 512)
    pixels[0], pixels[0, 5, 5] = 3, pixels.max()
    plain, balanced = measured(pixels), measured(pixels, balance=True)
    assert balanced.weights[0] > 1 and balanced.scale <= 4.01 * plain.scale
    assert np.abs(balanced.forward(pixels)).max() <= 17


def test_leading_component_holds_most_and_looks_grey():
    radiometry = measured(scene(4, "uint16"))
    leading = radiometry.matrix[0] / MATRIX_ONE
    assert leading.sum() > 0
    variances = radiometry.forward(scene(4, "uint16")).var((1, 2, 3))
    assert variances[0] > 10 * variances[1]


def test_lossless_bands_stay_outside():
    pixels = np.concatenate([scene(3, "uint8"), np.full((1, 96, 96), 200, np.uint8)])
    radiometry = measured(pixels, exact=(3,))
    assert radiometry.coded == (0, 1, 2) and radiometry.groups == 1 and section_of(radiometry) is not None
    stored = unpack_radiometry(pack_radiometry(radiometry), "uint8", 4)
    assert stored == radiometry
    coded, exact = stored.split(pixels)
    assert np.array_equal(stored.merge(stored.inverse(stored.forward(coded)), exact), pixels)


def test_only_lossless_bands():
    radiometry = unpack_radiometry(pack_radiometry(Radiometry("uint8", 1, exact=(0,), planes=1)), "uint8", 1)
    assert radiometry.groups == 0 and radiometry.plane_count == 0 and radiometry.coded == ()


def test_planes_are_as_few_as_suffice():
    pixels = scene(4, "uint16")
    classes = np.zeros(pixels.shape, np.uint8)
    assert measured(pixels, classes=classes).planes == 0
    classes[:, 10:20] = 1
    assert (measured(pixels, classes=classes).planes, measured(pixels, classes=classes).plane_count) == (1, 1)
    classes[2, 50] = 1
    assert (measured(pixels, classes=classes).planes, measured(pixels, classes=classes).plane_count) == (2, 4)


def test_invalid_pixels_do_not_count():
    pixels = scene(4, "float32")
    classes = np.zeros((1, 96, 96), np.uint8)
    classes[:, :40] = 1
    spoiled = pixels.copy()
    spoiled[:, :40] = -9999
    clean, dirty = measured(pixels[:, 40:]), measured(spoiled, classes=classes)
    assert dirty.scale == pytest.approx(clean.scale, rel=1e-3)
    assert np.allclose(dirty.offset, clean.offset, rtol=1e-4)
    assert np.abs(dirty.matrix - clean.matrix).max() <= 1


def test_windows_do_not_matter():
    pixels = scene(5, "uint16")
    whole = Statistics("uint16", 5)
    whole.add(pixels)
    assert np.array_equal(whole.radiometry(5).matrix, measured(pixels).matrix)
    assert whole.radiometry(5).offset == measured(pixels).offset


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bands", [1, 4])
def test_constant_and_empty_scenes(dtype: str, bands: int):
    pixels = np.full((bands, 8, 8), 7, dtype)
    for classes in (None, np.ones((1, 8, 8), np.uint8)):
        radiometry = measured(pixels, classes=classes)
        stored = unpack_radiometry(pack_radiometry(radiometry), dtype, bands)
        assert np.allclose(stored.inverse(stored.forward(pixels)), pixels, rtol=1e-6, atol=0)


def test_outliers_and_offsets_survive():
    pixels = 1e6 + 1e-3 * scene(4, "float64")
    pixels[:, 3, 3] = 3e6
    radiometry = measured(pixels)
    assert radiometry.scale == pytest.approx(2e6 / 4)
    stored = unpack_radiometry(pack_radiometry(radiometry), "float64", 4)
    assert np.abs(stored.inverse(stored.forward(pixels)) - pixels).max() < 1e-6 * radiometry.scale


def test_extreme_floats_stay_finite():
    pixels = np.array([-3.4e38, 3.4e38, 0, 1], np.float32).reshape(1, 2, 2)
    radiometry = measured(pixels)
    assert np.isfinite(unpack_radiometry(pack_radiometry(radiometry), "float32", 1).forward(pixels)).all()


def test_many_float_pixels_are_sampled_within_bounds():
    statistics = Statistics("float32", 1)
    rng = np.random.default_rng(1)
    for _ in range(20):
        statistics.add(rng.random((1, 128, 128), np.float32))
    radiometry = statistics.radiometry(1)
    assert radiometry.scale == pytest.approx(0.998, abs=2e-3) and radiometry.offset[0] == pytest.approx(0.001, abs=1e-3)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_is_an_error(value: float):
    with pytest.raises(InputError, match="infinite"):
        Statistics("float32", 1).add(np.array([[[1, value]]], np.float32))


@pytest.mark.parametrize("value", [np.finfo("float64").min, 1e200])
def test_a_sentinel_that_nobody_declared_is_named(value: float):
    with pytest.raises(InputError, match="`nodata`"):
        Statistics("float64", 1).add(np.array([[[1, value]]]))


@pytest.mark.parametrize("bands, klt", [(1, False), (2, False), (3, False), (3, True), (5, True)])
def test_what_of_an_error_is_visible(bands, klt):
    rng = np.random.default_rng(0)
    pixels = rng.normal(0, 1, (bands, 8, 8))
    matrix = np.rint(np.linalg.qr(rng.normal(size=(bands, bands)))[0] * 2**14).astype(np.int16) if klt else None
    made = Radiometry("float64", bands, scale=2.0, offset=(0.0,) * bands, matrix=matrix, alone=int(klt))
    channels = made.forward(pixels).astype(np.float64)
    error = rng.normal(0, 1, channels.shape)
    seen = np.einsum("gij,gjhw->gihw", made.visible(), error)
    assert np.allclose(made.unrounded(channels + error), made.unrounded(channels + seen))
    hidden = made.unrounded(channels + error - seen) - made.unrounded(channels)
    assert np.abs(hidden).max() < 1e-9 and np.square(seen).sum() <= np.square(error).sum()

"""Every column of a row against its closed form; and a mistake in any of them is caught by that."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from rscodec.bitstreams.errors import MetricUnavailable, RscodecError
from rscodec.eval import measure as measuring
from rscodec.eval import spectral
from rscodec.eval.measure import measure
from rscodec.metrics import perceptual
from rscodec.metrics import pixels as metrics
from rscodec.raster.scene import Scene

OFFSETS = (3, -4, 5, 20)
VALUES = (60, 80, 100, 140)
WEIGHT = 0.1333  # of the coarsest scale of MS-SSIM, the only one that compares means


def closed_forms(scene: Scene, contender) -> None:
    """Asserts each number that `measure` reports for the shifted flat scene."""
    row = measure(scene, contender, 1, "set/flat.tif", math.inf)
    assert (row.bytes_file, row.pixels_valid) == (100, 256 * 384)
    assert row.rate_bpp_file == pytest.approx(800 / (256 * 384), rel=1e-12)
    assert row.peak == 255
    assert row.mse == pytest.approx((9 + 16 + 25 + 400) / 4)
    assert row.psnr_db == pytest.approx(10 * math.log10(255**2 / 112.5))
    assert [float(one) for one in row.psnr_db_bands.split()] == pytest.approx(
        [10 * math.log10(255**2 / step**2) for step in OFFSETS], abs=1e-4
    )
    assert row.max_abs_error == 20
    floor = (0.01 * 255) ** 2
    pairs = list(zip(VALUES, np.add(VALUES, OFFSETS), strict=True))
    similarity = np.mean([((2 * a * b + floor) / (a * a + b * b + floor)) ** WEIGHT for a, b in pairs])
    assert row.ms_ssim == pytest.approx(similarity, abs=1e-6)
    assert row.ms_ssim_db == pytest.approx(-10 * math.log10(1 - similarity), abs=0.01)
    a, b = np.array(pairs, float).T
    assert row.spectral_angle_deg == pytest.approx(math.degrees(math.acos(a @ b / math.sqrt(a @ a * (b @ b)))))
    assert row.ndvi_mae == pytest.approx(abs(80 / 200 - 97 / 223))


def test_every_metric_has_its_closed_form(flat_scene, offset):
    closed_forms(flat_scene, offset)


def test_metrics_of_the_luma():
    flat = np.repeat(np.array([[[60]], [[80]], [[100]]], np.uint8), 64, 1).repeat(64, 2)
    shifted = flat + np.array([[[3]], [[-4]], [[5]]]).astype(np.uint8)  # -4 wraps around, as wanted
    found = measuring.fidelity(Scene(flat), shifted)
    before = 16 + (65.481 * 60 + 128.553 * 80 + 24.966 * 100) / 255
    after = 16 + (65.481 * 63 + 128.553 * 76 + 24.966 * 105) / 255
    floor = (0.01 * 255) ** 2
    assert found["psnr_db_luma"] == pytest.approx(20 * math.log10(255 / (before - after)))
    assert found["ssim_luma"] == pytest.approx((2 * before * after + floor) / (before**2 + after**2 + floor))


def half_way(function):
    return lambda *arguments: 0.5 * function(*arguments)


MUTATIONS = {
    "psnr of another peak": (metrics, "psnr", lambda mse, peak: 10 * math.log10((peak + 1) ** 2 / mse)),
    "peak of the data": (metrics, "peak", lambda dtype, low, high: high),
    "squares that overflow": (
        metrics.Difference, "add",
        lambda self, a, b, valid: self.__dict__.update(
            squares=float(np.square(a[valid] - b[valid]).sum()), count=int(valid.sum()), largest=20.0, low=0, high=1
        ),
    ),
    "invalid pixels counted": (
        measuring, "difference",
        lambda a, b, valid: _difference(a, b, np.ones_like(valid)),
    ),
    "ms-ssim of another range": (metrics, "_ms_ssim", lambda a, b, peak: _ms_ssim(a, b, 1.0)),
    "ms-ssim in plain logarithm": (measuring, "in_db", lambda value: 10 * math.log10(value)),
    "angle in radians": (
        spectral, "spectral_angle_deg", lambda *arguments: math.radians(_angle(*arguments)),
    ),
    "ndvi upside down": (spectral, "ndvi", lambda red, infrared: (infrared - 1.0 * red) / (1.0 + red)),
    "red is near infrared": (spectral, "red_and_infrared", lambda metadata, bands: (1, 3)),
}  # fmt: skip
_difference, _ms_ssim, _angle = measuring.difference, metrics._ms_ssim, spectral.spectral_angle_deg


@pytest.mark.parametrize("mistake", MUTATIONS)
def test_a_mistake_in_a_metric_is_caught(mistake, monkeypatch, flat_scene, offset):
    monkeypatch.setattr(*MUTATIONS[mistake])
    with pytest.raises(AssertionError):
        closed_forms(flat_scene, offset)


RATE_MISTAKES = {
    "all pixels": lambda row: replace(row, rate_bpp_file=8 * row.bytes_file / (row.width * row.height)),
    "samples for pixels": lambda row: replace(row, rate_bpp_file=row.rate_bpp_file / row.bands),
    "bytes for bits": lambda row: replace(row, rate_bpp_file=row.rate_bpp_file / 8),
    "header left out": lambda row: replace(row, bytes_file=row.bytes_file - 51),
}


@pytest.mark.parametrize("mistake", RATE_MISTAKES)
def test_a_mistake_in_the_rate_is_caught(mistake, monkeypatch, flat_scene, offset):
    monkeypatch.setitem(globals(), "measure", lambda *arguments: RATE_MISTAKES[mistake](measure_truly(*arguments)))
    with pytest.raises(AssertionError):
        closed_forms(flat_scene, offset)


measure_truly = measure


def test_a_decode_of_another_shape_is_no_measurement(flat_scene):
    with pytest.raises(RscodecError, match="decoded"):
        measuring.fidelity(flat_scene, flat_scene.pixels[:3])


def test_identical_pixels(flat_scene):
    found = measuring.fidelity(flat_scene, flat_scene.pixels.copy())
    assert found["psnr_db"] == found["ms_ssim_db"] == math.inf
    assert found["mse"] == found["max_abs_error"] == found["ndvi_mae"] == 0
    assert found["spectral_angle_deg"] == pytest.approx(0, abs=1e-5)


def test_small_images_have_no_ms_ssim():
    pixels = np.zeros((1, 160, 300), np.uint8)
    assert metrics.ms_ssim(pixels, pixels, np.ones(pixels.shape, bool), 255.0) is None
    pixels = np.zeros((1, 161, 300), np.uint8)
    assert metrics.ms_ssim(pixels, pixels, np.ones(pixels.shape, bool), 255.0) == pytest.approx(1)


def picture() -> np.ndarray:
    ramp = np.add.outer(np.arange(192), np.arange(192)) % 97
    return np.stack([ramp, ramp * 2, 255 - ramp]).astype(np.uint8)


def test_lpips_of_known_pictures(monkeypatch, real_data):
    folder = real_data("../metric-weights")
    monkeypatch.setenv("RSCODEC_METRIC_WEIGHTS", str(folder))
    perceptual.network.cache_clear()
    assert perceptual.lpips_distance(picture(), picture()) == 0
    assert perceptual.lpips_distance(picture(), picture()[:, ::-1].copy()) == pytest.approx(0.519435, rel=1e-3)
    flipped = perceptual.lpips_distance(picture(), picture()[:, ::-1].copy(), "squeeze")
    assert 0 < flipped != pytest.approx(0.519435, rel=1e-2)


def test_niqe_of_a_known_picture(monkeypatch, real_data):
    monkeypatch.setenv("RSCODEC_METRIC_WEIGHTS", str(real_data("../metric-weights")))
    noise = np.random.default_rng(0).integers(0, 256, (3, 192, 192)).astype(np.uint8)
    assert measuring.niqe.niqe(noise) == pytest.approx(36.5065, rel=1e-3)


def test_a_metric_without_weights_is_named(monkeypatch, tmp_path):
    def fail(*_: object):
        raise MetricUnavailable("no trunk")

    monkeypatch.setattr(perceptual, "network", fail)
    monkeypatch.setattr(measuring.niqe, "model", fail)
    measuring.unavailable.cache_clear()
    assert measuring.unavailable() == {"lpips": "no trunk", "niqe": "no trunk"}
    found = measuring.fidelity(Scene(picture()[:, :70, :70]), picture()[:, :70, :70])
    assert found["lpips"] is found["niqe"] is None
    measuring.unavailable.cache_clear()


def test_without_weights_niqe_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("RSCODEC_METRIC_WEIGHTS", str(tmp_path))
    measuring.niqe.model.cache_clear()
    with pytest.raises(MetricUnavailable, match="RSCODEC_METRIC_WEIGHTS"):
        measuring.niqe.niqe(picture())

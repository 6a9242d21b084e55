"""Figures of manifests are of the held-out images, or of some of them."""

from __future__ import annotations

import pytest

from rscodec.eval import sr
from rscodec.eval.held_out import against_bicubic, held_out
from rscodec.raster.scene import Scene
from rscodec.synthetic.sample import synthesize
from tests.helpers import upsamplers


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    for number in range(4):
        path = tmp_path / "test" / ("naip" if number == 3 else "ucmerced") / f"{number}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        Scene(synthesize((24, 24), 3, "uint8", None, number)[0]).save(path)
    monkeypatch.setenv("RSCODEC_DATA", str(tmp_path))
    monkeypatch.setattr(sr, "unavailable", lambda: {"lpips": "not here", "niqe": "not here"})


@pytest.mark.parametrize(
    "count, wanted",
    [
        (None, ["ucmerced/0", "ucmerced/1", "ucmerced/2", "naip/3"]),
        (2, ["ucmerced/0", "ucmerced/1", "naip/3"]),
        (0, []),
    ],
)
def test_some_of_each_set(count, wanted):
    assert [image.name for image in held_out(count)] == [f"test/{name}.tif" for name in wanted]


def test_ours_stands_beside_bicubic_and_what_it_is_without_diffusion(tmp_path):
    path = upsamplers.write(tmp_path / "m.safetensors")
    plain = against_bicubic(path, held_out(1), (2.0, 4.0))
    assert {name: list(models) for name, models in plain.items()} == {
        "test/ucmerced": ["bicubic", "ours"], "test/naip": ["bicubic", "ours"],
    }  # fmt: skip
    more = against_bicubic(path, held_out(1), (4.0,), "degraded", deterministic=True)["test/naip"]
    assert list(more) == ["bicubic", "ours", "deterministic"]
    assert more["ours"][0]["psnr_db"] != more["deterministic"][0]["psnr_db"]
    assert more["bicubic"][0]["psnr_db"] != plain["test/naip"]["bicubic"][1]["psnr_db"]

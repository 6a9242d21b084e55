"""Who is compared with whom, and in which colour."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rscodec.eval.plots import OURS, colours, write_scale_curves
from rscodec.eval.summary import all_deltas, drawable, not_drawn

KINDS = {
    "rscodec:s": "codec",
    "rscodec:s:4": "codec",
    "jpeg2000": "anchor",
    "bpg": "anchor",
    "ldm:rscodec:s": "enhanced",
    "ldm-jpeg2000:jpeg2000": "enhanced",
    "ldm:elsewhere": "enhanced",
}


@pytest.fixture
def rows() -> list[SimpleNamespace]:
    """Of each contender five points, those of the n-th with n bits more than those of the first."""
    return [
        SimpleNamespace(codec=codec, kind=kind, image="a", rate_bpp_file=2.0**point + shift, psnr_db=30.0 + 3 * point,
                        ms_ssim_db=None)
        for shift, (codec, kind) in enumerate(KINDS.items()) for point in range(1, 6)
    ]  # fmt: skip


def test_who_is_compared_with_whom(rows):
    found = [(delta.codec, delta.anchor) for delta in all_deltas(rows) if delta.metric == "psnr_db"]
    assert found == [
        ("rscodec:s", "jpeg2000"), ("rscodec:s", "bpg"), ("rscodec:s:4", "jpeg2000"), ("rscodec:s:4", "bpg"),
        ("rscodec:s:4", "rscodec:s"), ("bpg", "jpeg2000"),
        ("ldm:rscodec:s", "rscodec:s"), ("ldm-jpeg2000:jpeg2000", "jpeg2000"), ("ldm-jpeg2000:jpeg2000", "bpg"),
    ]  # fmt: skip


def test_only_means_over_all_images_are_drawn_side_by_side():
    def points(*images: int) -> dict:
        return {"points": [{"parameter": number, "images": count} for number, count in enumerate(images)]}

    one = {"images": 62, "curves": {"all": points(62, 62), "failed once": points(62, 61), "published": points(41, 41)}}
    drawn = drawable(one)
    assert {codec: len(curve["points"]) for codec, curve in drawn.items()} == {"all": 2, "failed once": 1}
    assert not_drawn({"set": one}) == {"curve of published in set": "its points are on 41 of 62 images"}


def test_what_is_enhanced_has_the_colour_of_what_it_enhances():
    found = colours(["ldm-jpeg2000:jpeg2000", "ldm:rscodec:s", *list(KINDS)[:4]])
    assert found["ldm:rscodec:s"] == found["rscodec:s"] == OURS[0]
    ours = colours(["rscodec:s", "bpg", "rscodec:s:balance"])
    assert len(set(ours.values())) == 3 and {ours["rscodec:s"], ours["rscodec:s:balance"]} <= set(OURS)
    assert found["ldm-jpeg2000:jpeg2000"] == found["jpeg2000"] != found["bpg"]


def test_a_model_without_a_value_leaves_the_axis_a_number_line(tmp_path):
    def points(*psnrs: float | None) -> list[dict]:
        return [
            {"scale": scale, "images": 1, "psnr_db": psnr, "lpips": None, "niqe": None, "seconds": 1.0}
            for scale, psnr in enumerate(psnrs, 1)
        ]

    sets = {"set": {"bicubic": points(None), "x": points(30.0, 40.0)}}
    _, drawing = write_scale_curves({"sets": sets}, tmp_path)
    assert "<!-- 32 -->" in drawing.read_text()  # a tick between the values

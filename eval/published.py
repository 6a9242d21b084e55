"""Published points: earlier measurements, by others or by us, on images of the known data sets, shown beside ours.

    eval/baselines/points_*.json  --by name of image-->  rows of kind `published`, treated as those of an anchor

A file names the source of its points, and gives bytes, PSNR and MS-SSIM of each image at each parameter. A comparison
with it uses only its images.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from rscodec.eval.measure import Row, band_list
from rscodec.metrics.pixels import in_db

KIND = "published"
NOT_MEASURED = float("nan")


def points(images: Collection[str], bands: tuple[int, ...] | None) -> list[Row]:
    """The rows of all published points on these images, if they are for these bands."""
    rows = []
    for path in sorted((Path(__file__).parent / "baselines").glob("points_*.json")):
        source = json.loads(path.read_text(encoding="utf-8"))
        if bands == tuple(source["bands"]):
            rows += _rows(source, images)
    return rows


def _rows(source: dict, images: Collection[str]) -> list[Row]:
    peak, pixels = 255.0, source["width"] * source["height"]
    return [
        Row(
            image=image,
            bands_asked=band_list(tuple(source["bands"])),
            bands=len(source["bands"]),
            dtype=source["dtype"],
            width=source["width"],
            height=source["height"],
            pixels_valid=pixels,
            codec=source["codec"],
            kind=KIND,
            parameter=float(parameter),
            bytes_file=count,
            bytes_header=0,
            bytes_metadata=0,
            bytes_mask=0,
            rate_bpp_file=8 * count / pixels,
            peak=peak,
            mse=peak**2 / 10 ** (psnr_db / 10),
            psnr_db=psnr_db,
            psnr_db_bands="",
            psnr_db_luma=None,
            ssim_luma=None,
            ms_ssim=ms_ssim,
            ms_ssim_db=in_db(ms_ssim),
            lpips=None,
            niqe=None,
            max_abs_error=NOT_MEASURED,
            spectral_angle_deg=None,
            ndvi_mae=None,
            ceiling_psnr_db=NOT_MEASURED,
            seconds_encode=NOT_MEASURED,
            seconds_decode=NOT_MEASURED,
            version=f"recorded {source['recorded']}; {source['origin']}",
            command=source["command"],
        )
        for image, measured in source["images"].items()
        if image in images
        for parameter, count, psnr_db, ms_ssim in measured
    ]

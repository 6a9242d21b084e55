"""Spectral errors: the angle between spectra, and the error of NDVI."""

from __future__ import annotations

import numpy as np


def spectral_angle_deg(original: np.ndarray, decoded: np.ndarray, valid: np.ndarray) -> float | None:
    """Mean angle in degrees between the spectra of pixels that are valid in all bands. None for fewer than two bands.

    A pixel with a zero spectrum in either scene has no angle and is left out.
    """
    everywhere = valid.all(0)
    if len(original) < 2 or not everywhere.any():
        return None
    a, b = original[:, everywhere].astype(np.float64), decoded[:, everywhere].astype(np.float64)
    lengths = np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)
    some = lengths > 0
    if not some.any():
        return None
    cosine = (a * b).sum(0)[some] / lengths[some]
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())


def ndvi(red: np.ndarray, infrared: np.ndarray) -> np.ndarray:
    """(NIR - red) / (NIR + red), or NaN where both are zero."""
    red, infrared = red.astype(np.float64), infrared.astype(np.float64)
    total = red + infrared
    return np.divide(infrared - red, total, out=np.full(total.shape, np.nan), where=total != 0)


def ndvi_mae(original: np.ndarray, decoded: np.ndarray, valid: np.ndarray, red: int, infrared: int) -> float | None:
    """Mean absolute error of NDVI. `red` and `infrared` are 0-based bands."""
    where = valid[red] & valid[infrared]
    error = np.abs(ndvi(original[red], original[infrared]) - ndvi(decoded[red], decoded[infrared]))[where]
    error = error[np.isfinite(error)]
    return float(error.mean()) if error.size else None


RED = ("red", "b04", "b4")
INFRARED = ("nir", "near infrared", "near-infrared", "nir08", "b08", "b8", "b8a")


def red_and_infrared(metadata: dict, bands: int) -> tuple[int, int] | None:
    """The 0-based bands of red and near infrared, if descriptions or colour interpretation name both."""
    labels = [metadata.get(key) or [None] * bands for key in ("descriptions", "colorinterp")]

    def named(names: tuple[str, ...]) -> int | None:
        for label in labels:
            for name in names:
                for band, text in enumerate(label):
                    if text and text.strip().lower() == name:
                        return band
        return None

    red, infrared = named(RED), named(INFRARED)
    return None if red is None or infrared is None else (red, infrared)

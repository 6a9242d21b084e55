"""Conversion of numbers to pixel types."""

from __future__ import annotations

import numpy as np


def to_dtype(values: np.ndarray, dtype: str | np.dtype) -> np.ndarray:
    """Floats -> dtype: rounded to the nearest for an integer type, and clipped to the range of the type."""
    if np.issubdtype(dtype, np.integer):
        limits: np.iinfo | np.finfo = np.iinfo(dtype)
        values = np.rint(values)
    else:
        limits = np.finfo(dtype)
    return np.clip(values, limits.min, limits.max).astype(dtype)

"""Baseline models from scikit-learn: least squares, random forests, support vectors, boosting.

Each sees a single pixel, or also its 5x5 neighbourhood (features.py). Features are scaled to mean 0 and deviation 1.
`most` limits the number of training pixels, which are drawn at random, for models whose time grows faster than
linearly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rscodec.bitstreams.errors import InputError


@dataclass(frozen=True)
class Baseline:
    name: str
    make: Callable  # seed -> regressor
    most: int | None
    summary: str


def _ols(seed: int):
    from sklearn.linear_model import LinearRegression

    return LinearRegression()


def _rf(seed: int):
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(200, min_samples_leaf=5, max_features=1 / 3, random_state=seed)


def _svr(seed: int):
    from sklearn.svm import SVR

    return SVR(C=1.0, epsilon=0.1)


def _boosting(seed: int):
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(max_iter=300, learning_rate=0.05, random_state=seed)


BASELINES = (
    Baseline("ols", _ols, None, "ordinary least squares"),
    Baseline("rf", _rf, 30_000, "random forest of 200 trees, leaves of 5"),
    Baseline("svr", _svr, 8_000, "support vectors, radial kernel"),
    Baseline("gbm", _boosting, None, "gradient boosting, 300 rounds"),
)


@dataclass(frozen=True)
class Fitted:
    """A fitted baseline: features (c,h,w) -> density (h,w), NaN where `mask` is False."""

    regressor: object
    inputs: tuple[np.ndarray, np.ndarray]
    target: tuple[float, float]

    def predict(self, features: np.ndarray, mask: np.ndarray) -> np.ndarray:
        mean, spread = self.inputs
        found = np.full(mask.shape, np.nan)
        if mask.any():
            rows = self.regressor.predict((features[:, mask].T - mean) / spread)
            found[mask] = self.target[0] + self.target[1] * rows
        return found


def fit(baseline: Baseline, features: np.ndarray, density: np.ndarray, mask: np.ndarray, seed: int = 0) -> Fitted:
    """Fit to features (c,h,w) and density (h,w) of the pixels in `mask` (h,w)."""
    try:
        regressor = baseline.make(seed)
    except ImportError as missing:
        raise InputError(f"{baseline.name} needs scikit-learn: pip install 'rscodec[carbon]'") from missing
    chosen = np.flatnonzero(mask)
    if not len(chosen):
        raise InputError("there is no pixel of forest to train on")
    if baseline.most is not None and len(chosen) > baseline.most:
        chosen = np.random.default_rng(seed).choice(chosen, baseline.most, replace=False)
    rows, wanted = features.reshape(len(features), -1)[:, chosen].T, density.ravel()[chosen].astype(np.float64)
    inputs = rows.mean(0), np.maximum(rows.std(0), 1e-12)
    target = float(wanted.mean()), max(float(wanted.std()), 1e-12)
    return Fitted(regressor.fit((rows - inputs[0]) / inputs[1], (wanted - target[0]) / target[1]), inputs, target)

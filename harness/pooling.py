"""Random-effects pooling of differences that were measured in several places.

Own lines instead of a library: scipy has no meta-analysis, and statsmodels (which has one) would be a large dependency for one formula.
τ² is the restricted-maximum-likelihood estimate, the interval that of Hartung & Knapp (2001) and Sidik & Jonkman (2002) on t with K − 1
degrees of freedom, never narrower than the classical one (Röver, Knapp & Friede 2015, arXiv:1408.3826): with few comparisons the classical
interval is far too short (IntHout, Ioannidis & Borm 2014).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

LEVEL = 0.95
LEAST = 1e-6  # a standard error of a share below this is one of no information about noise, not of none


@dataclass(frozen=True)
class Pooled:
    """`value` over `count` comparisons; `spread` is τ, the standard deviation between them, beyond the noise of each."""

    value: float
    stderr: float
    interval95: tuple[float, float]
    spread: float
    count: int


def pooled(values: Sequence[float], stderrs: Sequence[float], freedoms: Sequence[float | None] | None = None) -> Pooled:
    """The mean of the effects of which these are estimates, each with its standard error. Raises ValueError where there is none.

    One comparison alone is itself: its interval is t with its own degrees of freedom, or normal where these are not said.
    """
    y, s = np.asarray(values, dtype=np.float64), np.maximum(np.asarray(stderrs, dtype=np.float64), LEAST)
    if len(y) == 0 or len(y) != len(s) or not (np.isfinite(y).all() and np.isfinite(s).all()):
        raise ValueError(f"{len(y)} differences with {len(s)} standard errors: as many finite ones of both, at least one, are wanted")
    if len(y) == 1:
        freedom = freedoms[0] if freedoms else None
        half = float(stats.t.ppf((1 + LEVEL) / 2, freedom) if freedom else stats.norm.ppf((1 + LEVEL) / 2)) * s[0]
        return Pooled(float(y[0]), float(s[0]), (float(y[0] - half), float(y[0] + half)), 0.0, 1)
    tau2 = between(y, s**2)
    weights = 1 / (s**2 + tau2)
    value = float(weights @ y / weights.sum())
    scale = max(1.0, float(weights @ (y - value) ** 2) / (len(y) - 1))
    stderr = float(np.sqrt(scale / weights.sum()))
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(y) - 1)) * stderr
    return Pooled(value, stderr, (value - half, value + half), float(np.sqrt(tau2)), len(y))


def between(y: np.ndarray, variances: np.ndarray) -> float:
    """τ² by restricted maximum likelihood (Viechtbauer 2005): where the slope of the likelihood crosses zero, or 0."""

    def slope(tau2: float) -> float:
        w = 1 / (variances + tau2)
        residual = y - w @ y / w.sum()
        return float(w**2 @ residual**2 - w.sum() + (w**2).sum() / w.sum())

    if slope(0.0) <= 0:
        return 0.0
    top = float(np.ptp(y) ** 2 + variances.max())
    while slope(top) > 0:
        top *= 2
    return float(optimize.root_scalar(slope, bracket=(0.0, top), xtol=1e-15, rtol=1e-12).root)

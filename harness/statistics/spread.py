"""Intervals and tests for a mean whose variance is a sum of parts, each estimated with degrees of freedom of its own.

The parts' own t intervals add in quadrature (MOVER, Zou & Donner 2008): half² = sum of v t(f)². One part gives the t interval. A single t with
Satterthwaite's degrees of freedom promises too much with three seeds: where they and the problems add alike it covers 92 % instead of 95, and
far out, where tests corrected for many are decided, it is wrong by more (8 equal methods were ranked on one page in six; simulated, see
tests/bench/RESULTS.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

Parts = Sequence[tuple[ArrayLike, float]]  # variances [...], of the mean, and degrees of freedom
STEPS = 48  # of halving, on a scale of 300 powers of ten: far below what anybody reads


def half_width(parts: Parts, alpha: ArrayLike) -> np.ndarray:
    """[...], of the interval that misses with chance `alpha`; 0 where nothing varied."""
    return np.sqrt(_half_squared(parts, np.asarray(alpha) / 2))


def p_value(value: ArrayLike, parts: Parts) -> np.ndarray:
    """[...], two-sided: the alpha of the interval around `value` that ends at 0. Where nothing varied 0, or 1 for a value of 0."""
    value = np.abs(np.asarray(value, dtype=np.float64))
    low, high = np.full(value.shape, -300.0), np.full(value.shape, np.log10(0.5))
    for _ in range(STEPS):
        middle = (low + high) / 2
        wide = _half_squared(parts, 10.0**middle) > value**2
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    varied = np.sum([np.asarray(part) for part, _ in parts], axis=0) > 0 if parts else np.zeros(value.shape, bool)
    return np.where(varied, np.minimum(1.0, 2 * 10.0**low), np.where(value > 0, 0.0, 1.0))


def _half_squared(parts: Parts, tail: np.ndarray) -> np.ndarray:
    """By the chance beyond one end."""
    if not parts:
        return np.zeros(tail.shape)
    return np.sum(
        [np.asarray(part) * np.where(part, stdtrit(freedom, tail), 0.0) ** 2 for part, freedom in parts], axis=0
    )  # no part: 0, not 0 · ∞

"""Intervals for scores that hold near 0 and 1, where t intervals do not: Clopper-Pearson at an effective number of samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, ndtri

from harness.metrics import checked
from harness.statistics.crossed import crossed, estimate
from harness.statistics.nouns import LEVEL, Estimate
from harness.statistics.spread import half_width

FEW = 3  # problems off the end at which a variance is half believed; chosen by simulation


def clopper_pearson_effective(correct: Sequence[int], samples: int | Sequence[int], level: float = LEVEL) -> tuple[float, float]:
    """The interval of Avg@n of one sitting, from its counts."""
    pairs = checked(correct, samples)
    values = np.array([c / n for c, n in pairs])
    low, high = bounded(values[None], sum(n for _, n in pairs), level)
    return float(low), float(high)


def mean_share(exams_SP: Sequence[np.ndarray], taken: float, weights: Sequence[float] | None = None) -> Estimate:
    """The mean of shares over exams, each over its seeds × problems, with its error, and the interval that holds near the ends.

    `taken`: samples in all. `weights` sum to 1, alike if not given.
    """
    found = estimate(exams_SP, weights)
    if found.stderr is None:
        return found
    weights = weights or [1 / len(exams_SP)] * len(exams_SP)
    problems = 1 / sum(weight**2 / exam.shape[-1] for weight, exam in zip(weights, exams_SP, strict=True))  # that would weigh alike
    by_problem = np.concatenate([exam.mean(axis=-2) for exam in exams_SP], axis=-1)
    low, high = _bounds(np.asarray(found.value), half_width(found.parts, 1 - LEVEL), by_problem, problems, taken, LEVEL)
    return replace(found, bounds=(float(low), float(high)))


def bounded(shares_SP: np.ndarray, taken: float, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """The interval of the mean of shares over seeds × problems, [..., S, P] in and [...] out. `taken`: samples in all, over seeds and problems.

    The effective n is what a binomial would need to show the variance found, p(1-p) / SE², reduced for the degrees of freedom of that
    variance, which widen the interval (Korn & Graubard), and kept between 1 and the samples taken. All right or all wrong shows no variance: then each problem counts
    once. Near the ends only a few problems (`informative`) show any, and understate it: an effective n above the number of problems is
    drawn back to it by informative / (informative + FEW). Raises ValueError for a level that is none.
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; between 0 and 1 is wanted")
    value, parts = crossed([shares_SP])
    half = half_width(parts, 1 - level) if parts else np.zeros_like(value)
    return _bounds(value, half, shares_SP.mean(axis=-2), float(shares_SP.shape[-1]), taken, level)


def _bounds(
    value: np.ndarray, half: np.ndarray, by_problem: np.ndarray, problems: float, taken: float, level: float
) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = np.clip(value * (1 - value) * (ndtri((1 + level) / 2) / half) ** 2, 1.0, taken)
    informative = np.minimum((by_problem > 0).sum(axis=-1), (by_problem < 1).sum(axis=-1))
    drawn_back = problems + (effective - problems) * informative / (informative + FEW)
    effective = np.where(effective > problems, drawn_back, effective)
    return _clopper_pearson(value, np.where(half > 0, effective, problems), level)


def _clopper_pearson(value: ArrayLike, effective: ArrayLike, level: float) -> tuple[np.ndarray, np.ndarray]:
    value, effective = np.asarray(value), np.asarray(effective)
    right, wrong, alpha = value * effective, (1 - value) * effective, 1 - level
    low = np.where(right <= 0, 0.0, betaincinv(np.maximum(right, 1e-12), wrong + 1, alpha / 2))
    high = np.where(wrong <= 0, 1.0, betaincinv(right + 1, np.maximum(wrong, 1e-12), 1 - alpha / 2))
    return np.minimum(low, value), np.maximum(high, value)

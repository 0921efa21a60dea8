"""Means over seeds × problems. The two are crossed: every seed meets every problem.

With seeds enough the variance of a mean is what problems add plus what seeds add, less the residual that stands in both; its degrees of
freedom are Satterthwaite's. With fewer seeds than FEWEST_SEEDS their mean is taken as one checkpoint, and only problems are seen to vary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.statistics.nouns import FEWEST_SEEDS, Estimate

NOTHING = 1e-24  # a variance below this is rounding


def estimate(exams_SP: Sequence[np.ndarray], weights: Sequence[float] | None = None) -> Estimate:
    """The weighted mean over exams of the mean over its seeds and problems. Weights sum to 1, alike if not given. All exams share their seeds."""
    value, variance, freedom = crossed(exams_SP, weights)
    if np.isnan(variance):
        return Estimate(float(value), None)
    return Estimate(float(value), float(np.sqrt(variance)), None if np.isnan(freedom) else float(freedom))


def crossed(exams_SP: Sequence[np.ndarray], weights: Sequence[float] | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `estimate`, of many tables at once, each exam [..., S, P]: means, variances of the means, degrees of freedom, all [...].

    The variance is NaN where an exam has a single problem; where nothing varies it is 0, and the degrees of freedom are NaN.
    """
    weights = weights or [1 / len(exams_SP)] * len(exams_SP)
    weighted = list(zip(weights, (np.asarray(exam, dtype=np.float64) for exam in exams_SP), strict=True))
    value = np.sum([weight * exam.mean(axis=(-2, -1)) for weight, exam in weighted], axis=0)
    if any(exam.shape[-1] < 2 for _, exam in weighted):
        return value, np.full_like(value, np.nan), np.full_like(value, np.nan)
    seeds = weighted[0][1].shape[-2]
    if seeds < FEWEST_SEEDS:
        means = [(weight, exam.mean(axis=-2)) for weight, exam in weighted]
        parts = [(weight**2 * exam.var(axis=-1, ddof=1) / exam.shape[-1], exam.shape[-1] - 1) for weight, exam in means]
        return value, *_combined(np.sum([part for part, _ in parts], axis=0), parts)
    variance, parts = np.zeros_like(value), []
    for weight, exam in weighted:
        problems = exam.shape[-1]
        by_problem, by_seed = exam.mean(axis=-2, keepdims=True), exam.mean(axis=-1, keepdims=True)
        mean = by_problem.mean(axis=-1, keepdims=True)
        of_problems = seeds * by_problem.var(axis=(-2, -1), ddof=1)
        of_rest = ((exam - by_problem - by_seed + mean) ** 2).sum(axis=(-2, -1)) / ((problems - 1) * (seeds - 1))
        share = weight**2 / (seeds * problems)
        variance = variance + share * np.maximum(0.0, of_problems - of_rest)
        parts += [(share * of_problems, problems - 1), (share * of_rest, (problems - 1) * (seeds - 1))]
    between = np.sum([weight * exam.mean(axis=-1) for weight, exam in weighted], axis=0).var(axis=-1, ddof=1) / seeds
    return value, *_combined(variance + between, [*parts, (between, seeds - 1)])


def _combined(variance: np.ndarray, parts: Sequence[tuple[np.ndarray, float]]) -> tuple[np.ndarray, np.ndarray]:
    """The variance with its degrees of freedom, from the independent mean squares that it is a sum of."""
    spread = np.sum([part**2 / freedom for part, freedom in parts], axis=0)
    still = (variance <= NOTHING) | (spread == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = np.where(still, np.nan, np.maximum(1.0, variance**2 / spread))
    return np.where(still, 0.0, variance), freedom

"""Means over seeds × problems. The two are crossed: every seed meets every problem.

With seeds enough the variance of a mean is what problems add plus what seeds add, less the residual that stands in both. With fewer seeds
than FEWEST_SEEDS their mean is taken as one checkpoint, and only problems are seen to vary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.statistics.nouns import FEWEST_SEEDS, LEVEL, Estimate
from harness.statistics.spread import Parts

NOTHING = 1e-24  # a variance below this is rounding


def estimate(exams_SP: Sequence[np.ndarray], weights: Sequence[float] | None = None) -> Estimate:
    """The weighted mean over exams of the mean over its seeds and problems. Weights sum to 1, alike if not given. All exams share their seeds."""
    value, parts = crossed(exams_SP, weights)
    if not parts:
        return Estimate(float(value), None)
    known = tuple((size, freedom) for part, freedom in parts if (size := float(np.asarray(part))) > 0)
    if not known:
        unseen = never_seen(sum(exam.shape[-1] for exam in exams_SP))
        return Estimate(float(value), 0.0, (), (float(value) - unseen, float(value) + unseen))
    return Estimate(float(value), math.sqrt(sum(part for part, _ in known)), known)


def never_seen(problems: int) -> float:
    """The largest share of problems that may well be otherwise (97.5 %) where all that were seen are alike: exact, as Clopper-Pearson's."""
    return 1.0 - ((1.0 - LEVEL) / 2) ** (1.0 / problems)


def crossed(exams_SP: Sequence[np.ndarray], weights: Sequence[float] | None = None) -> tuple[np.ndarray, Parts]:
    """As `estimate`, of many tables at once, each exam [..., S, P]: the means [...], and the parts of their variance, each [...] with its
    degrees of freedom: one an exam, for its problems, and with seeds enough one for them. None where an exam has a single problem."""
    weights = weights or [1 / len(exams_SP)] * len(exams_SP)
    weighted = list(zip(weights, (np.asarray(exam, dtype=np.float64) for exam in exams_SP), strict=True))
    value = np.sum([weight * exam.mean(axis=(-2, -1)) for weight, exam in weighted], axis=0)
    if any(exam.shape[-1] < 2 for _, exam in weighted):
        return value, ()
    seeds = weighted[0][1].shape[-2]
    parts: list[tuple[np.ndarray, float]] = []
    for weight, exam in weighted:
        problems = exam.shape[-1]
        by_problem = exam.mean(axis=-2, keepdims=True)
        of_problems = by_problem.var(axis=(-2, -1), ddof=1)
        if seeds >= FEWEST_SEEDS:
            rest = exam - by_problem - exam.mean(axis=-1, keepdims=True) + by_problem.mean(axis=-1, keepdims=True)
            of_problems = np.maximum(0.0, of_problems - (rest**2).sum(axis=(-2, -1)) / ((problems - 1) * (seeds - 1) * seeds))
        parts.append((_clear(weight**2 * of_problems / problems), problems - 1))
    if seeds >= FEWEST_SEEDS:
        means = np.sum([weight * exam.mean(axis=-1) for weight, exam in weighted], axis=0)
        parts.append((_clear(means.var(axis=-1, ddof=1) / seeds), seeds - 1))
    return value, parts


def _clear(variance: np.ndarray) -> np.ndarray:
    """Without what is but rounding."""
    return np.where(variance > NOTHING, variance, 0.0)

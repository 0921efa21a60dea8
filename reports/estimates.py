"""Means and differences over seeds × problems, with the uncertainty of both; and the correction for looking at many rows.

Seeds and problems are crossed: every seed meets every problem. The variance of a mean is what problems add plus what seeds add
(problems + seeds − residual), its degrees of freedom are Satterthwaite's. With one seed only problems can be seen to vary.

Shapes: S seeds, P problems.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Estimate:
    """A mean and its standard error, as fractions; no error where one problem or nothing was seen."""

    value: float
    stderr: float | None
    freedom: float | None = None

    @property
    def interval95(self) -> tuple[float, float] | None:
        if self.stderr is None:
            return None
        half = 0.0 if self.stderr == 0 else float(stats.t.ppf(0.975, self.freedom)) * self.stderr
        return self.value - half, self.value + half

    @property
    def p_value(self) -> float | None:
        """Two-sided, against zero."""
        if self.stderr is None:
            return None
        if self.stderr == 0:
            return 0.0 if self.value else 1.0
        return float(2 * stats.t.sf(abs(self.value) / self.stderr, self.freedom))


def estimate(exams_SP: Sequence[np.ndarray], weights: Sequence[float] | None = None) -> Estimate:
    """The weighted mean over exams of the mean over its seeds and problems. Weights sum to 1, alike if not given. All exams share their seeds."""
    weights = weights or [1 / len(exams_SP)] * len(exams_SP)
    weighted = list(zip(weights, exams_SP, strict=True))
    value = sum(weight * float(exam.mean()) for weight, exam in weighted)
    if any(exam.shape[1] < 2 for exam in exams_SP):
        return Estimate(value, None)
    seeds = exams_SP[0].shape[0]
    if seeds == 1:
        parts = [(weight**2 * float(exam[0].var(ddof=1)) / exam.shape[1], exam.shape[1] - 1) for weight, exam in weighted]
        return Estimate(value, *_combined(sum(part for part, _ in parts), parts))
    variance, parts = 0.0, []
    for weight, exam in weighted:
        problems = exam.shape[1]
        by_problem, by_seed = exam.mean(axis=0), exam.mean(axis=1, keepdims=True)
        of_problems = seeds * float(by_problem.var(ddof=1))
        of_rest = float(((exam - by_problem - by_seed + exam.mean()) ** 2).sum()) / ((problems - 1) * (seeds - 1))
        share = weight**2 / (seeds * problems)
        variance += share * max(0.0, of_problems - of_rest)
        parts += [(share * of_problems, problems - 1), (share * of_rest, (problems - 1) * (seeds - 1))]
    between = float(np.var(sum(weight * exam.mean(axis=1) for weight, exam in weighted), ddof=1)) / seeds
    return Estimate(value, *_combined(variance + between, [*parts, (between, seeds - 1)]))


def _combined(variance: float, parts: Sequence[tuple[float, float]]) -> tuple[float, float | None]:
    spread = sum(part**2 / freedom for part, freedom in parts)
    if variance <= 1e-24 or spread == 0:
        return 0.0, None
    return math.sqrt(variance), max(1.0, variance**2 / spread)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjustment: compare with 0.05, and a false claim anywhere in the family stays rarer than that."""
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        running = max(running, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = running
    return adjusted

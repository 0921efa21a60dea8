"""Before anything is spent: the smallest difference that a comparison would find, and how many answers and seeds find a wanted one.

The model is that of `crossed`: a problem's figure varies by its samples, a row by its training seed, and a true difference, if it differs
from problem to problem, by `uneven`. Both rows are taken to be about as good as each other, with difficulties spread as Beta(a, b).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
from scipy.special import roots_jacobi

from harness.metrics import checked, pass_by_count
from harness.statistics.chance import binomial
from harness.statistics.nouns import FEWEST_SEEDS
from harness.statistics.spread import Parts, half_width, p_value

POWER = 0.8
SEED_SD = 0.01  # of a row's score over training seeds, where it was not measured
MOST_SAMPLES = 4096
SEEDS = (3, 5, 8, 12, 20, 32)
NODES = 64

Against = Literal["base", "row"]  # an untrained model, which has one sitting, or another row with as many seeds


@dataclass(frozen=True)
class Difficulty:
    """How often a model is right, spread over problems as Beta(a, b)."""

    a: float = 0.6
    b: float = 0.6

    @property
    def mean(self) -> float:
        return self.a / (self.a + self.b)


def fitted(correct: Sequence[int], samples: int | Sequence[int]) -> Difficulty:
    """By the mean and by the part of the variance between problems that their samples do not explain."""
    pairs = checked(correct, samples)
    shares, n = np.array([c / n for c, n in pairs]), min(n for _, n in pairs)
    mean = float(np.clip(shares.mean(), 0.5 / (len(pairs) * n), 1 - 0.5 / (len(pairs) * n)))
    if len(pairs) < 2 or n < 2:
        return Difficulty(1.2 * mean, 1.2 * (1 - mean))
    within = float((shares * (1 - shares)).mean()) * n / (n - 1)  # E p(1-p)
    spread = float(np.clip(within / (mean * (1 - mean)), 0.02, 0.98))  # (a + b) / (a + b + 1)
    total = spread / (1 - spread)
    return Difficulty(total * mean, total * (1 - mean))


@cache
def sample_noise(difficulty: Difficulty, samples: int, pass_k: int | None = None) -> float:
    """Mean over problems of the variance of one problem's figure over its samples."""
    a, b = difficulty.a, difficulty.b
    if pass_k is None:
        return a * b / ((a + b) * (a + b + 1)) / samples
    nodes, weights = roots_jacobi(NODES, b - 1, a - 1)
    chances = binomial(samples, (1 + nodes) / 2)
    figure = np.array(pass_by_count(samples, pass_k))
    variance = np.maximum(0.0, chances @ figure**2 - (chances @ figure) ** 2)
    return float(variance @ weights / weights.sum())


@dataclass(frozen=True)
class Sat:
    """One exam of a comparison. `cost` of an answer in any unit that the exams share; `uneven`: SD over problems of the true difference."""

    problems: int
    samples: int
    weight: float = 1.0
    pass_k: int | None = None
    difficulty: Difficulty = Difficulty()
    uneven: float = 0.0
    cost: float = 1.0


def expected_parts(exams: Sequence[Sat], seeds: int, against: Against = "base", seed_sd: float = SEED_SD) -> Parts:
    """The parts of the variance that `crossed` is expected to find. `seeds` 0: neither side was trained."""
    runs, seen = max(1, seeds), seeds >= FEWEST_SEEDS
    parts, rest = [], 0.0
    for exam in exams:
        noise = sample_noise(exam.difficulty, exam.samples, exam.pass_k)
        share, once = exam.weight**2 / exam.problems, noise if against == "base" else 0.0
        residual = share * (noise if against == "base" else 2 * noise) / runs
        parts.append((share * (exam.uneven**2 + once) + (0.0 if seen else residual), max(1, exam.problems - 1)))
        rest += residual
    if seen:
        parts.append((seed_sd**2 * (1 if against == "base" else 2) / runs + rest, runs - 1))
    return parts


def detectable(
    exams: Sequence[Sat], seeds: int, alpha: float = 0.05, against: Against = "base", seed_sd: float = SEED_SD, power: float = POWER
) -> float:
    """The smallest true difference, a fraction, that the two-sided test at `alpha` finds with this power, above a half."""
    parts = expected_parts(exams, seeds, against, seed_sd)
    return float(half_width(parts, alpha) + half_width(parts, 2 * (1 - power)))


def power_at(
    difference: float, exams: Sequence[Sat], seeds: int, alpha: float = 0.05, against: Against = "base", seed_sd: float = SEED_SD
) -> float:
    """The chance that a true difference of this size is found."""
    parts = expected_parts(exams, seeds, against, seed_sd)
    beyond = abs(difference) - float(half_width(parts, alpha))
    tail = float(p_value(beyond, parts)) / 2
    return 1 - tail if beyond > 0 else tail


def samples_for(
    wanted: float, exams: Sequence[Sat], seeds: int, alpha: float = 0.05, against: Against = "base", seed_sd: float = SEED_SD
) -> tuple[int, ...] | None:
    """The answers a problem on each exam that make `wanted` detectable at least cost; None where no number of answers does.

    Of a sum of w² v / (P n) at a cost of P n c the least lies where n goes as w / P times the root of v / c (Lagrange).
    """
    shapes = [exam.weight / exam.problems * math.sqrt(sample_noise(exam.difficulty, 1) / exam.cost) for exam in exams]

    def taken(scale: float) -> tuple[int, ...]:
        least = [max(2, exam.pass_k or 1) for exam in exams]
        return tuple(
            min(MOST_SAMPLES, max(floor, math.ceil(scale * shape / max(shapes)))) for floor, shape in zip(least, shapes, strict=True)
        )

    def enough(scale: float) -> bool:
        asked = [replace(exam, samples=n) for exam, n in zip(exams, taken(scale), strict=True)]
        return detectable(asked, seeds, alpha, against, seed_sd) <= wanted

    low, high = 1, MOST_SAMPLES
    if not enough(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return taken(low)


def seeds_and_samples_for(
    wanted: float, exams: Sequence[Sat], alpha: float, against: Against, seed_sd: float, most: int = 8
) -> tuple[int, int] | None:
    """Seeds, and answers a problem as a multiple of those asked now, that make `wanted` detectable with the fewest answers; None where
    neither up to 32 seeds nor `most` times the answers do."""
    found = []
    for seeds in SEEDS:
        for times in (each for each in (1, 2, 4, 8, 16) if each <= most):
            asked = [replace(exam, samples=exam.samples * times) for exam in exams]
            if detectable(asked, seeds, alpha, against, seed_sd) <= wanted:
                found.append((seeds * times, seeds, times))
    return min(found)[1:] if found else None

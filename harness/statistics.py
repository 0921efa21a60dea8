"""Intervals and tests over problems. The problem is the unit: samples of one problem are no independent evidence about others.

Everything in shares (0 to 1), intervals two-sided at 95 %. Sources: Miller 2024, arXiv:2411.00640 (errors over questions), Korn & Graubard 1998 (effective n).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, product

import numpy as np
from scipy import stats

from harness import seeds
from harness.metrics import checked

EXACT_FLIPS = 2**16  # up to here all sign patterns are counted
FEW = 3  # problems off the end at which a variance is half believed; chosen by simulation, see clopper_pearson_effective
LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """B minus A, paired by problem. `stderr` and `interval95` are None for a single problem."""

    value: float
    stderr: float | None
    interval95: tuple[float, float] | None
    problems: int


def shares(correct: Sequence[int], samples: int | Sequence[int]) -> np.ndarray:
    """The share of right samples per problem."""
    return np.array([c / n for c, n in checked(correct, samples)], dtype=np.float64)


def stderr(correct: Sequence[int], samples: int | Sequence[int]) -> float | None:
    """Standard error of Avg@n over problems: sd(shares, ddof=1) / sqrt(Q). None for fewer than two problems: it is unknown, not zero."""
    return _mean_error(shares(correct, samples))


def _mean_error(values: np.ndarray) -> float | None:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


def paired_difference(
    correct_a: Sequence[int], samples_a: int | Sequence[int], correct_b: Sequence[int], samples_b: int | Sequence[int]
) -> Difference:
    """Avg@n of B minus that of A on the same problems in the same order, with a t interval over problems.

    With one training seed a side this compares two checkpoints, not two methods. Raises ValueError where the problems do not pair.
    """
    a, b = shares(correct_a, samples_a), shares(correct_b, samples_b)
    if len(a) != len(b):
        raise ValueError(f"A has {len(a)} problems, B has {len(b)}; a paired difference needs the same ones")
    d = b - a
    value, error = float(d.mean()), _mean_error(d)
    if error is None:
        return Difference(value, None, None, len(d))
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(d) - 1)) * error
    return Difference(value, error, (value - half, value + half), len(d))


def sign_flip(d: Sequence[float], seed: int = 0, draws: int = 100_000) -> float:
    """Two-sided p of mean(d) = 0 when each problem's sign is a coin: all patterns where they are few, else `draws` of them by `seed`.

    Drawn patterns count the observed one too, (1 + hits) / (1 + draws), so p is never 0. Zeros flip into themselves and are left out.
    """
    values = np.asarray(d, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError("the differences must be a non-empty list of finite numbers, one per problem")
    if draws < 1:
        raise ValueError(f"draws is {draws}; at least one is needed")
    values = values[values != 0]
    if len(values) == 0:
        return 1.0
    least = abs(values.sum()) - 1e-9 * np.abs(values).sum()  # sums of the same terms in another order are equal, not nearly so
    if 2 ** min(len(values), 64) <= EXACT_FLIPS:
        patterns = product((1.0, -1.0), repeat=len(values))
        hits = total = 0
        while block := list(islice(patterns, 4096)):
            hits += int((np.abs(np.array(block) @ values) >= least).sum())
            total += len(block)
        return hits / total
    random, hits, left = seeds.generator(seed), 0, draws
    while left:
        count = min(left, max(1, 2_000_000 // len(values)))
        signs = random.integers(0, 2, size=(count, len(values)), dtype=np.int8) * 2.0 - 1.0
        hits += int((np.abs(signs @ values) >= least).sum())
        left -= count
    return (1 + hits) / (1 + draws)


def clopper_pearson_effective(correct: Sequence[int], samples: int | Sequence[int], level: float = LEVEL) -> tuple[float, float]:
    """An interval for Avg@n that holds near 0 and 1, where t intervals do not: Clopper-Pearson at an effective number of samples.

    The effective n is what a binomial would need to show the variance found between problems, p(1-p) / SE², reduced for the degrees of
    freedom of that variance (Korn & Graubard) and kept between 1 and the samples taken. All right or all wrong shows no variance:
    then each problem counts once. Near the ends only a few problems (`informative`) show any, and understate it: an effective n above
    the number of problems is drawn back to it by informative / (informative + FEW). Simulated (30, 40, 100 problems, 16 samples, means
    of 1 to 50 %, Beta difficulties of concentration 0.6 to 4): covers 93 to 100 %; without the last step 86 to 100 %.
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; between 0 and 1 is wanted")
    pairs = checked(correct, samples)
    values = np.array([c / n for c, n in pairs])
    problems, taken, p = len(values), sum(n for _, n in pairs), float(values.mean())
    error = _mean_error(values)
    if error is None or error == 0.0:
        effective = float(problems)
    else:
        upper = (1 + level) / 2
        shrink = float(stats.norm.ppf(upper) / stats.t.ppf(upper, problems - 1)) ** 2
        effective = min(max(p * (1 - p) / error**2 * shrink, 1.0), float(taken))
        informative = min(int((values > 0).sum()), int((values < 1).sum()))
        if effective > problems:
            effective = problems + (effective - problems) * informative / (informative + FEW)
    right, alpha = p * effective, 1 - level
    low = 0.0 if right <= 0 else float(stats.beta.ppf(alpha / 2, right, effective - right + 1))
    high = 1.0 if right >= effective else float(stats.beta.ppf(1 - alpha / 2, right + 1, effective - right))
    return (min(low, p), max(high, p))

"""What luck alone does: the noise of one sitting on the very same problems, and the best of many that are equal."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, ndtr, xlog1py, xlogy

from harness.metrics import pass_by_count


def sampling_variance(correct: Sequence[int] | np.ndarray, samples: int, pass_k: int | None = None) -> float:
    """Variance of Avg@n, or of Pass@k, were the same problems asked again: sum of s(1-s)/(n-1) / P² for Avg@n. NaN for a single sample.

    For Pass@k the variance under a binomial at the share found, by the same n/(n-1). Shapes: `correct` [P].
    """
    if samples < 2:
        return float("nan")
    by_count = _by_count(samples, pass_k)
    return float(by_count[np.asarray(correct)].sum()) / len(correct) ** 2 * samples / (samples - 1)


@cache
def _by_count(samples: int, pass_k: int | None) -> np.ndarray:
    """[n + 1], for each count of right samples c: the variance of the figure over binomial draws of n at c/n."""
    counts = np.arange(samples + 1)
    figure = counts / samples if pass_k is None else np.array(pass_by_count(samples, pass_k))
    chances = binomial(samples, counts / samples)
    mean = chances @ figure
    return np.maximum(0.0, chances @ figure**2 - mean**2)


@cache
def expected_best(count: int) -> float:
    """Mean of the largest of so many standard normal draws: 0 for one, 1.42 for eight."""
    grid = np.linspace(-9, 9, 20_001)
    density = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)
    return float(np.trapezoid(grid * count * density * ndtr(grid) ** (count - 1), grid))


def binomial(samples: int, chances: ArrayLike) -> np.ndarray:
    """[..., n + 1], for each chance [...]: that of every count of right samples."""
    p, counts = np.asarray(chances, dtype=np.float64)[..., None], np.arange(samples + 1)
    ways = gammaln(samples + 1) - gammaln(counts + 1) - gammaln(samples - counts + 1)
    return np.exp(ways + xlogy(counts, p) + xlog1py(samples - counts, -p))

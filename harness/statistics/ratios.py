"""A ratio of two differences that share problems and seeds, with Fieller's interval: gap recovered."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.statistics.crossed import crossed, estimate
from harness.statistics.nouns import LEVEL
from harness.statistics.spread import half_width


def ratio(
    part_SP: Sequence[np.ndarray], whole_SP: Sequence[np.ndarray], weights: Sequence[float] | None = None
) -> tuple[float, tuple[float, float]] | None:
    """mean(part) / mean(whole), each a list of exams [S, P], and its 95% interval; None where zero is not clear of the whole's interval.

    The interval holds every ratio r for which mean(part - r whole) is not told from 0. Squared half
    widths stand for t² times variances and covariance, taken apart by polarisation: 2 Cov(a, b) = Var(a) + Var(b) - Var(a - b).
    """
    whole = estimate(whole_SP, weights)
    if whole.stderr is None or whole.interval95 is None or whole.interval95[0] <= 0 <= whole.interval95[1]:
        return None
    a, b = estimate(part_SP, weights).value, whole.value
    share = a / b
    apart = [part - whole_ for part, whole_ in zip(part_SP, whole_SP, strict=True)]
    half_a, half_b, half_apart = (float(half_width(crossed(each, weights)[1], 1 - LEVEL)) ** 2 for each in (part_SP, whole_SP, apart))
    together = (half_a + half_b - half_apart) / 2
    first, middle, last = b * b - half_b, a * b - together, a * a - half_a  # first r² - 2 middle r + last <= 0
    inside = middle * middle - first * last
    if first <= 0 or inside < 0:
        return None
    low, high = ((middle - math.sqrt(inside)) / first, (middle + math.sqrt(inside)) / first)
    return share, (min(low, share), max(high, share))

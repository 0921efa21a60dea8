"""One sitting: the error of a mean over problems, and paired differences between two of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.metrics import checked
from harness.statistics.crossed import estimate
from harness.statistics.flips import sign_flip
from harness.statistics.nouns import Difference


def shares(correct: Sequence[int], samples: int | Sequence[int]) -> np.ndarray:
    """[P], the share of right samples per problem."""
    return np.array([c / n for c, n in checked(correct, samples)], dtype=np.float64)


def stderr(correct: Sequence[int], samples: int | Sequence[int]) -> float | None:
    """Standard error of Avg@n over problems: sd(shares, ddof=1) / sqrt(P). None for fewer than two problems: it is unknown, not zero."""
    return estimate([shares(correct, samples)[None]]).stderr


def paired_difference(
    correct_a: Sequence[int], samples_a: int | Sequence[int], correct_b: Sequence[int], samples_b: int | Sequence[int]
) -> Difference:
    """Avg@n of B minus that of A on the same problems in the same order: a t interval over problems, p by sign flips.

    With one training seed a side this compares two checkpoints, not two methods. Raises ValueError where the problems do not pair.
    """
    a, b = shares(correct_a, samples_a), shares(correct_b, samples_b)
    if len(a) != len(b):
        raise ValueError(f"A has {len(a)} problems, B has {len(b)}; a paired difference needs the same ones")
    found = estimate([(b - a)[None]])
    p_value = sign_flip(b - a) if len(a) > 1 else None
    return Difference(found.value, found.interval95, found.stderr, p_value, problems=len(a))

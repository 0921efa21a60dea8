"""Scores from counts: for problem i, `correct[i]` of `samples[i]` answers are right. Both metrics are shares in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from numbers import Integral


def checked(correct: Sequence[int], samples: int | Sequence[int]) -> list[tuple[int, int]]:
    """(right, asked) per problem. `samples` may be one number for all. Raises ValueError naming the problem at fault."""
    counts = list(correct)
    if not counts:
        raise ValueError("no problems: a score over nothing is undefined")
    if isinstance(samples, Integral):
        totals = [int(samples)] * len(counts)
    elif hasattr(samples, "__len__"):
        totals = list(samples)  # pyright: ignore[reportArgumentType]  numpy arrays too
    else:
        raise ValueError(f"samples is {samples!r}; an integer or one integer per problem is wanted")
    if len(totals) != len(counts):
        raise ValueError(f"{len(counts)} counts of correct answers, but {len(totals)} of samples")
    pairs = []
    for i, (c, n) in enumerate(zip(counts, totals, strict=True)):
        for name, value in (("correct", c), ("samples", n)):
            if not isinstance(value, Integral) or isinstance(value, bool):
                raise ValueError(f"problem {i}: {name} is {value!r}, not a count; counts per problem are wanted, not shares or flags")
        right, asked = int(c), int(n)
        if asked < 1:
            raise ValueError(f"problem {i}: {asked} samples; at least one is needed")
        if not 0 <= right <= asked:
            raise ValueError(f"problem {i}: {right} correct of {asked} samples")
        pairs.append((right, asked))
    return pairs


def avg_at(correct: Sequence[int], samples: int | Sequence[int]) -> float:
    """Avg@n: the mean over problems of the share of right samples."""
    pairs = checked(correct, samples)
    return fsum(c / n for c, n in pairs) / len(pairs)


def pass_at(correct: Sequence[int], samples: int | Sequence[int], k: int) -> float:
    """Pass@k: the mean over problems of 1 - C(n-c, k) / C(n, k), unbiased (Chen et al. 2021), as a product that cannot overflow.

    Raises ValueError where k > n: no unbiased estimate exists. At k = n it is "was any of the n right".
    """
    pairs = checked(correct, samples)
    if not isinstance(k, Integral) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k is {k!r}; a positive integer is wanted")
    for i, (_, n) in enumerate(pairs):
        if k > n:
            raise ValueError(f"problem {i}: pass@{k} from {n} samples; k may not exceed the number of samples")
    return fsum(_pass(c, n, int(k)) for c, n in pairs) / len(pairs)


def _pass(c: int, n: int, k: int) -> float:
    if n - c < k:
        return 1.0
    fail = 1.0
    for j in range(min(c, k)):  # C(n-c, k) / C(n, k) has min(c, k) factors, whichever of the two is taken as the draw
        fail *= (n - max(c, k) - j) / (n - j)
    return 1.0 - fail

"""Scores as shares in [0, 1]. Avg@n and Pass@k from counts: for problem i, `correct[i]` of `samples[i]` answers are right. Maj@k from the
classes of answers that mean the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from math import comb, fsum
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
    _positive(k)
    for i, (_, n) in enumerate(pairs):
        if k > n:
            raise ValueError(f"problem {i}: pass@{k} from {n} samples; k may not exceed the number of samples")
    return fsum(_pass(c, n, int(k)) for c, n in pairs) / len(pairs)


@cache
def pass_by_count(samples: int, k: int) -> tuple[float, ...]:
    """Pass@k of one problem by its count of right samples, from none to all."""
    return tuple(pass_at([right], samples, k) for right in range(samples + 1))


def _pass(c: int, n: int, k: int) -> float:
    if n - c < k:
        return 1.0
    fail = 1.0
    for j in range(min(c, k)):  # C(n-c, k) / C(n, k) has min(c, k) factors, whichever of the two is taken as the draw
        fail *= (n - max(c, k) - j) / (n - j)
    return 1.0 - fail


def maj_at(classes: Sequence[Sequence[str | None]], right: Sequence[str | None], k: int) -> float:
    """Maj@k: the mean over problems of the chance that a vote among k of the samples elects the right answer.

    `classes[i]` holds the answer class of each sample of problem i, None for one without an answer, and `right[i]` the class that is
    right, None where no sample's is. Raises ValueError where k exceeds a problem's samples, and where there is no problem.
    """
    if not classes or len(classes) != len(right):
        raise ValueError(
            f"{len(classes)} problems with answers and {len(right)} with a right class; the same number, at least one, is wanted"
        )
    for i, answers in enumerate(classes):
        if k > len(answers):
            raise ValueError(f"problem {i}: maj@{k} from {len(answers)} samples; k may not exceed the number of samples")
    return fsum(maj_share(answers, one, k) for answers, one in zip(classes, right, strict=True)) / len(classes)


def maj_share(answers: Sequence[str | None], right: str | None, k: int) -> float:
    """One problem's part of Maj@k: the mean over all subsets of k samples, exact for any k and n (no subset is drawn or listed).

    Classes that tie for most votes share the point: a tie is broken by lot. Samples without an answer do not vote; where nobody voted, or
    nobody for the right class, the problem is lost.
    """
    _positive(k)
    if k > len(answers):
        raise ValueError(f"maj@{k} from {len(answers)} samples; k may not exceed the number of samples")
    votes = Counter(answer for answer in answers if answer is not None)
    rightly = votes.pop(right, 0) if right is not None else 0
    blank = sum(answer is None for answer in answers)
    won = sum(
        (comb(rightly, most) * _elected(list(votes.values()), blank, most, k - most) for most in range(1, min(rightly, k) + 1)), Fraction(0)
    )
    return float(won / comb(len(answers), k))


def _elected(others: Sequence[int], blank: int, most: int, drawn: int) -> Fraction:
    """Over all ways to draw `drawn` of the samples that are not right, the summed share of a right class with `most` votes.

    A polynomial in two variables, as a table: ways[d][t] is the number of ways to draw d samples so that t classes have `most` votes and
    none has more. Classes too small to reach `most` can neither win nor tie; their samples are as good as blank.
    """
    able = [size for size in others if size >= most]
    idle = blank + sum(size for size in others if size < most)
    ways = [[comb(idle, d)] for d in range(drawn + 1)]
    for size in able:
        grown = [[0] * (len(ways[0]) + 1) for _ in range(drawn + 1)]
        for d, by_ties in enumerate(ways):
            for ties, count in enumerate(by_ties):
                if count:
                    for taken in range(min(most, drawn - d) + 1):
                        grown[d + taken][ties + (taken == most)] += count * comb(size, taken)
        ways = grown
    return sum((Fraction(count, ties + 1) for ties, count in enumerate(ways[drawn])), Fraction(0))


def _positive(k: object) -> None:
    if not isinstance(k, Integral) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k is {k!r}; a positive integer is wanted")

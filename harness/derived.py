"""Do the figures in a row's file follow from its counts? Counts per problem are the result; who changes a figure alone has not changed it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from harness.metrics import pass_at

if TYPE_CHECKING:
    from harness.results import ExamScore

NEAR = 1e-9  # sums of the same shares in another order differ by less


def faults(scores: Mapping[str, ExamScore]) -> Iterator[str]:
    """What does not follow, by its place in the file. Nothing is said of exams that are not whole: nobody shows their figures."""
    for exam, score in scores.items():
        if score.complete:
            yield from (f"scores.{exam}.{fault}" for fault in _of_score(score))


def _of_score(score: ExamScore) -> Iterator[str]:
    """Problems with as many right answers are alike, so a long exam costs no more than a short one."""
    alike = Counter(score.correct)
    n = score.samples
    if score.avg_at.k != n:
        yield f"avg_at.k is {score.avg_at.k}, but there are {n} samples"
    mean = math.fsum(times * c / n for c, times in alike.items()) / score.problems
    yield from _differs("avg_at.value", score.avg_at.value, mean)
    if score.problems > 1:
        squares = math.fsum(times * (c / n - mean) ** 2 for c, times in alike.items())
        yield from _differs("avg_at.stderr", score.avg_at.stderr, math.sqrt(squares / (score.problems - 1) / score.problems))
    for k, value in score.pass_at.items():
        if not k.isdecimal() or not 1 <= int(k) <= n:
            yield f"pass_at.{k} cannot come from {n} samples"
        else:
            yield from _differs(
                f"pass_at.{k}", value, math.fsum(times * pass_at([c], [n], int(k)) for c, times in alike.items()) / score.problems
            )


def _differs(place: str, said: float | None, found: float) -> Iterator[str]:
    if said is not None and abs(said - found) > NEAR:
        yield f"{place} is {said}, but its counts give {found}"

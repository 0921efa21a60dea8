"""What was written to be trained on: how much, how long, how often right, and what became of each attempt when it was rewritten.

All seeds and rounds of a row together. Rows whose texts have the very same figures stand in one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.results import Written
from reports.drafts import Draft
from reports.nouns import Outcome, Outcomes, Texts, Writing

NAMES = {  # attempt, rewrite
    ("wrong", "wrong"): "still wrong",
    ("wrong", "right"): "fail → pass",
    ("right", "wrong"): "pass → fail",
    ("right", "right"): "still right",
}


def writing(rows: Sequence[Draft]) -> Writing | None:
    """None where no row says anything of the kind."""
    attempts: dict[Texts, list[str]] = {}
    rewrites: dict[Texts, list[str]] = {}
    outcomes: dict[tuple[int, ...], list[str]] = {}
    for draft in rows:
        said = [result.analysis for result in draft.done or draft.results if result.analysis]
        own, other = [each.attempts for each in said if each.attempts], [each.rewrites for each in said if each.rewrites]
        for kind, of, found in (("attempts", own, attempts), ("rewrites" if own else "texts", other, rewrites)):
            if any(each.count for each in of):
                found.setdefault(pooled(kind, of), []).append(draft.label)
        counted = [each.outcomes for each in said if each.outcomes]
        if any(any(each.values()) for each in counted):
            outcomes.setdefault(tuple(sum(each.get(" ".join(pair), 0) for each in counted) for pair in NAMES), []).append(draft.label)
    if not (attempts or rewrites):
        return None
    return Writing(
        attempts=tuple(_lines(attempts)),
        rewrites=tuple(_lines(rewrites)),
        outcomes=tuple(matrix(counts, labels) for counts, labels in outcomes.items()),
        rows=tuple(draft.label for draft in rows),
    )


def _lines(found: dict[Texts, list[str]]) -> Iterable[tuple[Texts, tuple[str, ...]]]:
    for texts, labels in found.items():
        yield texts, tuple(labels)


def pooled(kind: str, of: Sequence[Written]) -> Texts:
    """Several seeds as one: counts add up, means are weighted by their texts, the median is the mean of the seeds' medians."""
    count, right, ungraded = (sum(getattr(each, name) for each in of) for name in ("count", "right", "ungraded"))
    graded = count - ungraded
    return Texts(
        kind=kind,
        count=count,
        right=right / graded if graded else None,
        ungraded=ungraded,
        truncated=sum(each.truncated for each in of) / count,
        mean=_mean([(each.mean_length, each.count) for each in of]),
        median=_mean([(each.median_length, 1) for each in of]),
        mean_right=_mean([(each.mean_length_right, each.right) for each in of]),
        mean_wrong=_mean([(each.mean_length_wrong, each.count - each.ungraded - each.right) for each in of]),
    )


def matrix(counts: Sequence[int], labels: Sequence[str]) -> Outcomes:
    total = sum(counts)
    cells = tuple(Outcome(*pair, name, count, count / total) for (pair, name), count in zip(NAMES.items(), counts, strict=True))
    return Outcomes(tuple(labels), total, cells)


def _mean(weighted: Sequence[tuple[float | None, int]]) -> float | None:
    known = [(value, weight) for value, weight in weighted if value is not None and weight]
    return sum(value * weight for value, weight in known) / sum(weight for _, weight in known) if known else None

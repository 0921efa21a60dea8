"""By difficulty: problems sorted by how often the untrained student solves them, and what each row reaches among the hard and the easy.

Sorted by that student's second sitting, shown beside its first: whoever was unlucky in a sitting does better in the next, so among
the problems that a sitting never solved the same model solves some when it sits again. That much of a gain is chance. The idea of the
buckets is that of arXiv:2606.08432 (§B.2), whose bounds are not known; these are ours: none, up to half, more than half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from harness.results import ExamScore
from harness.statistics import Estimate, estimate
from reports.drafts import Draft, Endpoint, on, paired
from reports.nouns import Bucket, BucketRow, Delta, Difficulty, Exam, InBucket

FEW = 5  # below so many problems an interval would promise more than it knows


def difficulties(
    rows: Sequence[Draft], untrained: Draft | None, again: Draft | None, exams: Sequence[Exam]
) -> tuple[tuple[Difficulty, ...], str | None]:
    """One an exam sat at the end of the budget; and why there is none, where there is none."""
    if untrained is None or not untrained.whole:
        return (), "the untrained student has no complete exam."
    if again is None:
        return (), "the untrained student sat no exam a second time, and its only sitting cannot both sort the problems and be compared."
    found = tuple(_difficulty(rows, untrained, again, exam) for exam in exams if exam.at == "100%" and again.whole.get(exam.key))
    return found, None if found else "the second sitting of the untrained student is not complete."


def _difficulty(rows: Sequence[Draft], untrained: Draft, again: Draft, exam: Exam) -> Difficulty:
    sitting = next(iter(again.whole[exam.key].values()))
    sorted_by = buckets(sitting)
    inside = [members(sitting, bucket) for bucket in sorted_by]
    shown = [
        draft for draft in rows if draft is not again and draft.block != "reported" and (draft is untrained or draft.whole.get(exam.key))
    ]
    return Difficulty(
        exam=exam,
        buckets=sorted_by,
        rows=tuple(BucketRow(draft.label, draft.block, tuple(_cells(draft, untrained, exam, inside))) for draft in shown),
    )


def buckets(sitting: ExamScore) -> tuple[Bucket, ...]:
    """None solved, up to half, more than half, of n samples; with the number of problems in each."""
    n = sitting.samples
    bounds = [(0, 0), (1, n // 2), (n // 2 + 1, n)]
    counts = np.array(sitting.correct)
    return tuple(Bucket(low, high, n, int(((low <= counts) & (counts <= high)).sum())) for low, high in bounds if low <= high)


def members(sitting: ExamScore, bucket: Bucket) -> np.ndarray:
    """[P], whether a problem is in the bucket."""
    counts = np.array(sitting.correct)
    return (bucket.low <= counts) & (counts <= bucket.high)


def _cells(draft: Draft, untrained: Draft, exam: Exam, inside: Sequence[np.ndarray]) -> Iterable[InBucket]:
    avg, passed = on(exam.key), Endpoint((exam.key,), (1.0,), exam.pass_k)
    for in_P in inside:
        if not in_P.any():
            yield InBucket()
            continue
        yield InBucket(
            avg=_mean(draft, avg, in_P),
            avg_delta=_difference(draft, untrained, avg, in_P),
            passed=_mean(draft, passed, in_P),
            passed_delta=_difference(draft, untrained, passed, in_P),
        )


def _mean(draft: Draft, endpoint: Endpoint, in_P: np.ndarray) -> float | None:
    seeds = endpoint.seeds(draft)
    return _over(seeds, lambda seed: endpoint.values(draft, endpoint.columns[0], seed)[in_P]).value if seeds else None


def _difference(draft: Draft, untrained: Draft, endpoint: Endpoint, in_P: np.ndarray) -> Delta | None:
    """To the first sitting, paired on problems and seeds. No interval over a few problems, or where no two problems differ."""
    pairs = paired(draft, untrained, endpoint) if draft is not untrained else []
    if not pairs:
        return None
    (column,) = endpoint.columns
    found = _over(pairs, lambda pair: (endpoint.values(draft, column, pair[0]) - endpoint.values(untrained, column, pair[1]))[in_P])
    sure = in_P.sum() >= FEW and found.stderr
    bounds = found.interval95 if sure else None
    possible = (max(-1.0, bounds[0]), min(1.0, bounds[1])) if bounds else None
    return Delta(found.value, possible, found.stderr if sure else None)


def _over(seeds: Sequence, values: Callable) -> Estimate:
    return estimate([np.stack([values(seed) for seed in seeds])])

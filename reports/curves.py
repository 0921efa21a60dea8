"""Pass@k over k: what a row reaches with one answer, and with more. Each point has its interval; k = n is marked, for it is a coin a problem."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from harness.statistics import mean_share
from reports.drafts import Draft, Endpoint
from reports.findings import PassCurve, PassCurves, PassPoint
from reports.nouns import AGAIN, Exam


def curves(rows: Sequence[Draft], exams: Sequence[Exam]) -> tuple[PassCurves, ...]:
    """One an exam sat at the end of the budget with more than one sample, of the rows that have counts of all of it."""
    return tuple(_curves(rows, exam) for exam in exams if exam.at == "100%" and exam.samples > 1)


def ks_of(exam: Exam) -> tuple[int, ...]:
    """1, 2, 4 … and n, and the k that the exam's column shows."""
    doubled = [2**power for power in range(exam.samples.bit_length())]
    return tuple(sorted({*doubled, exam.samples, exam.pass_k}))


def _curves(rows: Sequence[Draft], exam: Exam) -> PassCurves:
    ks = ks_of(exam)
    there = [draft for draft in rows if draft.whole.get(exam.key) and draft.label != AGAIN]
    return PassCurves(
        exam.name, exam.protocol, ks, tuple(PassCurve(draft.label, draft.block, tuple(_points(draft, exam, ks))) for draft in there)
    )


def _points(draft: Draft, exam: Exam, ks: Sequence[int]) -> Iterable[PassPoint]:
    seeds = Endpoint((exam.key,), (1.0,)).seeds(draft)
    samples = min(draft.whole[exam.key][seed].samples for seed in seeds)
    for k in ks:
        if k <= samples:
            asked = Endpoint((exam.key,), (1.0,), k)
            values = np.stack([asked.values(draft, exam.key, seed) for seed in seeds])
            yield PassPoint(k, mean_share([values], values.size * samples / k), k == samples)

"""Accuracy against the token limit: what each row would have scored under a lower one, from the same answers.

An answer longer than the limit would have been cut: it counts as unfinished, hence as wrong, and is never left out. A model that was asked
under the lower limit would write the same tokens up to it; one that was trained under it might not.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.results import ExamScore
from reports.drafts import Draft
from reports.nouns import AGAIN, CapRow, Exam, UnderCaps


def under_caps(rows: Sequence[Draft], exams: Sequence[Exam]) -> tuple[UnderCaps, ...]:
    """One an exam sat at the end of the budget, of the rows whose scores say it; exams that none says are left out."""
    found = []
    for exam in exams:
        scores = {
            draft.label: (draft, [score for score in draft.whole.get(exam.key, {}).values() if score.under_cap])
            for draft in rows
            if draft.label != AGAIN and draft.block != "reported"
        }
        caps = tuple(sorted({int(cap) for _, mine in scores.values() for score in mine for cap in score.under_cap}))
        if exam.at == "100%" and len(caps) > 1:
            lines = (CapRow(label, draft.block, tuple(share(mine, cap) for cap in caps)) for label, (draft, mine) in scores.items() if mine)
            found.append(UnderCaps(exam, caps, tuple(lines)))
    return tuple(found)


def share(scores: Sequence[ExamScore], cap: int) -> float | None:
    """Of right answers among all that were asked for, the mean over seeds; None where a seed does not say."""
    counts = [score.under_cap.get(str(cap)) for score in scores]
    if any(count is None for count in counts):
        return None
    asked = [score.problems * score.samples for score in scores]
    return sum(sum(count or ()) / of for count, of in zip(counts, asked, strict=True)) / len(scores)

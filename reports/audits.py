"""Where graders disagree on the very same answers: how much of a score is the grader's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.grading import UNGRADED
from harness.results import Audit, GraderPair
from reports.drafts import Draft
from reports.nouns import Audited, AuditRow, Compared, Exam


def audits(rows: Sequence[Draft], exams: Sequence[Exam]) -> tuple[Audited, ...]:
    """One an exam of which any row was graded by several; rows without an audit are left out."""
    found = []
    for exam in exams:
        said = {draft.label: (draft, [score.audit for score in draft.scores.get(exam.key, {}).values() if score.audit]) for draft in rows}
        every = [audit for _, mine in said.values() for audit in mine]
        graders = tuple(dict.fromkeys(tally.profile for audit in every for tally in audit.tallies))
        pairs = tuple(dict.fromkeys((pair.a, pair.b) for audit in every for pair in audit.pairs))
        if len(graders) > 1:
            lines = (audit_row(draft, mine, graders, pairs) for draft, mine in said.values() if mine)
            found.append(Audited(exam, graders, pairs, tuple(lines)))
    return tuple(found)


def audit_row(draft: Draft, mine: Sequence[Audit], graders: Sequence[str], pairs: Sequence[tuple[str, str]]) -> AuditRow:
    """All seeds together."""
    return AuditRow(
        label=draft.label,
        block=draft.block,
        responses=sum(audit.responses for audit in mine),
        right=tuple(right(mine, grader) for grader in graders),
        compared=tuple(compared([pair for audit in mine for pair in audit.pairs if (pair.a, pair.b) == names]) for names in pairs),
    )


def right(mine: Iterable[Audit], grader: str) -> float | None:
    verdicts = [tally.verdicts for audit in mine for tally in audit.tallies if tally.profile == grader]
    judged = sum(count for each in verdicts for name, count in each.items() if name not in UNGRADED)
    return sum(each.get("correct", 0) for each in verdicts) / judged if judged else None


def compared(pairs: Sequence[GraderPair]) -> Compared | None:
    if not pairs:
        return None
    only_a, only_b = sum(pair.only_a for pair in pairs), sum(pair.only_b for pair in pairs)
    total = only_a + only_b + sum(pair.both_right + pair.both_wrong + pair.unanswered for pair in pairs)
    return Compared(1 - (only_a + only_b) / total if total else None, only_a, only_b, "; ".join(places(pairs)))


def places(pairs: Sequence[GraderPair]) -> Iterable[str]:
    """The first answers on which two graders differ."""
    for name, found in ((pairs[0].a, [pair.only_a_places for pair in pairs]), (pairs[0].b, [pair.only_b_places for pair in pairs])):
        if first := [f"{problem} sample {sample}" for each in found for problem, sample in each][:5]:
            yield f"right by {name} alone: {', '.join(first)}"

"""What the comparison of exams with training found, for plan, run and page; and the gate before training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.plan import Plan
from harness.records import Fault
from harness.store import Corrupt, Store

NAMED = 3  # questions in a message


@dataclass(frozen=True)
class Seen:
    """Of one exam: how many of its questions are trained on as they stand, how many nearly so, and whether the suite says so."""

    exam: str
    problems: int
    exact: int
    near: int
    declared: bool
    matches: tuple[dict[str, Any], ...]  # the first of them: ids of exam and train, share, exact

    @property
    def line(self) -> str:
        what = f"{self.exact} of {self.problems} questions are trained on" + (", as declared" if self.exact and self.declared else "")
        return f"{what}, {self.near} nearly" if self.near else what


def seen(plan: Plan, store: Store) -> dict[str, Seen]:
    """Exam → what its overlap step found, where that step is done."""
    found = {}
    for exam in plan.exams:
        try:
            record = store.record(exam.overlap)
        except Corrupt:
            continue
        if record:
            facts = record.facts
            matches = tuple(facts["matches"])
            found[exam.name] = Seen(exam.name, facts["problems"], facts["exact"], facts["near"], exam.declared, matches)
    return found


def refuse_undeclared(found: dict[str, Seen]) -> None:
    """Raises Fault where an exam's questions stand in the training data word for word and the suite does not say that this is meant."""
    lines = []
    for each in found.values():
        if each.exact and not each.declared:
            same = [match for match in each.matches if match["exact"]][:NAMED]
            named = ", ".join(f"{match['exam']} is {match['train']}" for match in same)
            more = f" and {each.exact - len(same)} more" if each.exact > len(same) else ""
            lines.append(
                f"{each.exam}: {each.line}: {named}{more}. Nothing was trained. Leave them out of the training data; or, if it is meant, say so in "
                f"the suite, and the column bears a mark: `overlap: {{declared: {each.exam}, why: …}}`."
            )
    if lines:
        raise Fault("\n".join(lines))

"""The mathematical answers of a file by every general profile: how often they disagree, and where first."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from harness.completions.at_hand import Tests
from harness.completions.journal import Journal
from harness.completions.rows import Question, Unusable, lines_of, question
from harness.completions.work import INVALID, Graders, grade_rows
from harness.grading import audit as comparison
from harness.meter import Meter
from harness.records import Verdict

PROFILES = ("typed", "math-verify", "string")


def audit(path: Path, sha256: str, profile: str, out: Path, graded: Journal, graders: Graders) -> list[str]:
    """A table, a line a pair. Verdicts that `graded` has are not asked again; the others have journals of their own while it lasts."""
    ways = {asked.line: asked.way for asked in mathematical(path, profile)}
    verdicts: dict[str, dict[int, str]] = {}
    for wanted in PROFILES:
        with Journal(out.with_name(f"{out.name}.{wanted}.partial"), {"file": sha256, "audit by": wanted}) as journal:
            lacking = sum(way != wanted and line not in journal for line, way in ways.items())
            with Meter(f"audit by {wanted}", len(ways), len(ways) - lacking) as meter:
                todo = (asked for asked in mathematical(path, profile) if asked.way != wanted and asked.line not in journal)
                grade_rows(((each.line, replace(each, way=wanted)) for each in todo), journal, graders, Tests(None), meter.tell)
            verdicts[wanted] = {line: (graded if way == wanted else journal).verdict(line).verdict for line, way in ways.items()}
            journal.remove()
    unread = {line for found in verdicts.values() for line, verdict in found.items() if verdict == INVALID}  # golds that one cannot read
    places = {
        name: {("line", line): Verdict(each) for line, each in found.items() if line not in unread} for name, found in verdicts.items()
    }
    return list(told(comparison.audit(places)))


def mathematical(path: Path, profile: str) -> Iterator[Question]:
    """What the mathematical rows ask; no other is looked at."""

    def unread(*_: object) -> str:
        raise Unusable("no mathematics")

    for number, line in lines_of(path):
        with contextlib.suppress(Unusable):
            yield question(number, line, profile, unread, unread)


def told(found: comparison.Audit) -> Iterator[str]:
    yield f"audit: {found.responses:,} mathematical answers by each profile"
    for pair in found.pairs:
        sides = ((pair.a, pair.only_a, pair.only_a_places), (pair.b, pair.only_b, pair.only_b_places))
        gaps = [
            f"right for {name} alone: {count:,} (line {', '.join(str(line) for _, line in places)}{' …' if count > len(places) else ''})"
            for name, count, places in sides
            if count
        ]
        failed = [f"not compared: {pair.ungraded:,}"] if pair.ungraded else []
        yield f"  {pair.a} and {pair.b} agree on {100 * pair.agreement:.1f} %" + "".join(f"; {each}" for each in [*gaps, *failed])

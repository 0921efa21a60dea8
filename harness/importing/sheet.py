"""What another tool's files say, before it is a row: counts per problem of each exam, and what decided them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.completions.rows import lines_of
from harness.metrics import avg_at, pass_at
from harness.records import Fault
from harness.results import AvgAt, ExamScore
from harness.statistics import stderr
from harness.step import digest

NAMED = 5  # of a list of things at fault, in a message


@dataclass(frozen=True)
class Counts:
    """Of one problem: answers with a verdict, right ones, and answers that have none through a fault of the machinery."""

    graded: int
    correct: int
    ungraded: int = 0


@dataclass(frozen=True)
class Sat:
    """One exam. `settings`: all that is known of how it was sat and graded; rows share a column where they are alike.

    `missing`: problems that should be there and are not.
    """

    name: str
    samples: int
    problems: Mapping[str, Counts]
    settings: Mapping[str, Any]
    grader: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """What one file, with those beside it that belong to it, says of one model. `files`: name → sha256."""

    tool: str
    version: str | None
    label: str
    exams: tuple[Sat, ...]
    files: Mapping[str, str]
    date: str | None = None
    notes: tuple[str, ...] = field(default=())


def score(tool: str, sat: Sat) -> ExamScore:
    """The cell. Where an answer is missing the figures are undefined, not wrong."""
    problems = dict(sorted({**sat.problems, **dict.fromkeys(sat.missing, Counts(0, 0))}.items(), key=lambda item: natural(item[0])))
    graded, correct = [each.graded for each in problems.values()], [each.correct for each in problems.values()]
    ungraded = sum(each.ungraded for each in problems.values())
    short = [name for name, each in problems.items() if each.graded + each.ungraded < sat.samples]
    whole = all(count == sat.samples for count in graded)
    ks = sorted({k for k in (1, 2, 4, 8, 16, 32, 64) if k < sat.samples} | {sat.samples})
    return ExamScore(
        problems=len(problems),
        samples=sat.samples,
        problems_hash=digest(list(problems))[:16],
        graded=tuple(graded),
        correct=tuple(correct),
        avg_at=AvgAt(k=sat.samples, value=avg_at(correct, graded) if whole else None, stderr=stderr(correct, graded) if whole else None),
        pass_at={str(k): pass_at(correct, graded, k) if whole else None for k in ks},
        ungraded=ungraded,
        missing=sat.samples * len(problems) - sum(graded) - ungraded,
        missing_first=tuple(short[:NAMED]),
        grader=sat.grader,
        protocol=f"imported:{tool}@{digest(dict(sat.settings))[:8]}",
    )


def natural(name: str) -> list[tuple[int, str | int]]:
    """HumanEval/2 stands before HumanEval/10."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"([0-9]+)", name) if part]


def objects_in(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object) of a file with one object a line. Raises Fault, naming the line at fault."""
    for number, line in lines_of(path):
        try:
            row = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError as fault:
            raise Fault(f"{path}:{number}: not UTF-8 text ({fault.reason} at byte {fault.start} of the line). {AGAIN}") from None
        except (ValueError, RecursionError) as fault:
            raise Fault(f"{path}:{number}: not JSON ({str(fault).splitlines()[0]}). {AGAIN}") from None
        if not isinstance(row, dict):
            raise Fault(f"{path}:{number}: no object. {AGAIN}")
        yield number, row


def json_in(path: Path) -> Any:
    """Raises Fault."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as fault:
        raise Fault(f"{path}: not UTF-8 text ({fault.reason} at byte {fault.start}). {AGAIN}") from None
    except json.JSONDecodeError as fault:
        raise Fault(f"{path}:{fault.lineno}:{fault.colno}: not JSON ({fault.msg}). {AGAIN}") from None
    except (ValueError, RecursionError) as fault:
        raise Fault(f"{path}: JSON that cannot be read ({str(fault).splitlines()[0]}). {AGAIN}") from None


AGAIN = "The file is cut or damaged: copy it again from where it was made."


def named(things: list[str]) -> str:
    more = f" and {len(things) - NAMED:,} more" if len(things) > NAMED else ""
    return ", ".join(things[:NAMED]) + more


def no_doubles(path: Path, what: str, doubled: list[str]) -> None:
    if doubled:
        raise Fault(
            f"{path}: {len(doubled):,} {what} stand more than once: {named(doubled)}. Nobody can tell which counts: remove the doubles, or "
            "have the file written again."
        )

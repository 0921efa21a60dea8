"""One line of a file of completions: what is to be graded, or why it cannot be.

    {"kind": "math", "answer": …, "completion": …[, "profile": …]}
    {"kind": "code", "benchmark": …, "task_id": …, "completion": …}     tests from a local file of that benchmark
    {"kind": "code", "problem": {…}, "completion": …}                   tests inline: EvalPlus's fields or LiveCodeBench's

A program may stand under `solution` instead, as EvalPlus's samples have it. Everything else in a row is its own affair.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.document import did_you_mean
from harness.grading import MATH

KINDS = ("math", "code")
EVALPLUS = ("entry_point", "canonical_solution", "base_input", "plus_input")
LIVECODEBENCH = ("public_test_cases", "private_test_cases")


class Unusable(ValueError):
    """Why a row cannot be graded: a fault of the row, no verdict on its completion."""


@dataclass(frozen=True)
class Question:
    """What a grader needs. `against` is the gold answer, or packed tests; `way` the profile of a mathematical answer, or "code"."""

    line: int
    way: str
    against: str
    completion: str


# Problem → packed tests; (benchmark, task id) → packed tests. Both raise Unusable.
Inline = Callable[[dict[str, Any], str | None], str]
LookUp = Callable[[str, str], str]


def lines_of(path: Path, digest: Any = None) -> Iterator[tuple[int, bytes]]:
    """(line number from 1, its bytes without the end), blank lines left out; one at a time, so the file may be large.

    `digest`: a hash that is fed every byte on the way.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if digest is not None:
                digest.update(line)
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if stripped := line.strip():
                yield number, stripped


def decoded(line: bytes) -> dict[str, Any]:
    """The row as an object. Raises Unusable."""
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as fault:
        raise Unusable(f"not UTF-8 text ({fault.reason} at byte {fault.start} of the line)") from None
    except json.JSONDecodeError as fault:
        raise Unusable(f"not JSON ({fault.msg} at character {fault.pos + 1} of the line)") from None
    except (ValueError, RecursionError) as fault:  # a number of thousands of digits, a tower of brackets
        raise Unusable(f"JSON that cannot be read ({str(fault).splitlines()[0]})") from None
    if not isinstance(row, dict):
        raise Unusable(f"{named(row)} where an object should stand")
    return row


def question(number: int, line: bytes, profile: str, inline: Inline, look_up: LookUp) -> Question:
    """What the line asks to be graded. Raises Unusable."""
    row = decoded(line)
    kind = row.get("kind")
    if kind not in KINDS:
        raise Unusable(f"there is no kind {shown(kind)}.{did_you_mean(kind, KINDS)}" if "kind" in row else "no `kind`. Known: code, math.")
    if kind == "math":
        return Question(number, own_profile(row, profile), gold(row, line), text(row, "completion"))
    return Question(number, "code", tests(row, inline, look_up), program(row))


def own_profile(row: dict[str, Any], profile: str) -> str:
    said = row.get("profile", profile)
    if said not in MATH:
        raise Unusable(f"there is no profile {shown(said)}.{did_you_mean(said, MATH)}")
    return said


def text(row: dict[str, Any], *names: str) -> str:
    """The first of these fields that is there. Raises Unusable where none is, or where it holds no text."""
    name = next((name for name in names if name in row), None)
    if name is None:
        raise Unusable(f"no `{names[-1]}`. It has: {', '.join(map(str, row))}")
    if not isinstance(row[name], str):
        raise Unusable(f"`{name}` is {named(row[name])}, not text; one row is one completion")
    return row[name]


def program(row: dict[str, Any]) -> str:
    """The text that holds the program: what a model said, or fenced where it is one as it stands.

    That is a `solution`, and a completion that goes on from HumanEval's prompt: no fence, and indented from its first line on.
    """
    if "completion" in row or "solution" not in row:
        said = text(row, "completion")
        bare = said.lstrip("\r\n")[:1] in (" ", "\t") and bool(said.strip())
    else:
        said, bare = text(row, "solution"), True
    return f"```python\n{said}\n```" if bare and "```" not in said and "~~~" not in said else said


def gold(row: dict[str, Any], line: bytes) -> str:
    if "answer" not in row:
        raise Unusable(f"no `answer` to compare with. It has: {', '.join(map(str, row))}")
    answer = row["answer"]
    if isinstance(answer, bool) or not isinstance(answer, str | int | float):
        raise Unusable(f"`answer` is {named(answer)}, not text")
    if isinstance(answer, float):  # as it is written: 1.50 stays 1.50
        answer = json.loads(line, parse_float=str)["answer"]
    return str(answer)


def tests(row: dict[str, Any], inline: Inline, look_up: LookUp) -> str:
    benchmark = row.get("benchmark")
    if benchmark is not None and not isinstance(benchmark, str):
        raise Unusable(f"`benchmark` is {named(benchmark)}, not a name")
    if "problem" in row:
        if not isinstance(row["problem"], dict):
            raise Unusable(f"`problem` is {named(row['problem'])}; expected an object with EvalPlus's fields or LiveCodeBench's")
        return inline(row["problem"], benchmark)
    if benchmark is None:
        raise Unusable("no tests: neither `problem` with tests of its own, nor `benchmark` and `task_id`")
    task = next((row[name] for name in ("task_id", "question_id") if name in row), None)
    if isinstance(task, bool) or not isinstance(task, str | int):
        raise Unusable(f"no `task_id` that says which problem of {benchmark} it answers")
    return look_up(benchmark, str(task))


def named(value: object) -> str:
    """The type as JSON calls it, with its article."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number", type(None): "null"}
    return names[type(value)]


def shown(value: object) -> str:
    said = json.dumps(value, ensure_ascii=False)
    return said if len(said) <= 60 else said[:57] + "…"

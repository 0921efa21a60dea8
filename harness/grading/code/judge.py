"""One program against one problem's tests: run in the sandbox, compared here, stopped at the first failure.

The program sees arguments or stdin and nothing else. `Judge` is made once for a problem and used for all its programs.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.grading.code import oracle
from harness.grading.code.compare import OPAQUE, EvalPlus, call_equal, stdio_equal
from harness.grading.code.extract import Extracted, assembled, defining, last_fenced, preceded
from harness.grading.code.rows import arguments
from harness.grading.sandbox import Limits, Outcome, Sandbox
from harness.grading.tests import unpack
from harness.records import Verdict

MAX_PROGRAM = 1_000_000  # characters
MEMORY_MIB = 2048
EVALPLUS_SECONDS = 60.0  # of one side's inputs together: EvalPlus' own cap
NEEDED: dict[str, dict[str, Any]] = {
    "evalplus": {
        "dataset": str, "task_id": str, "prompt": str, "entry_point": str, "canonical_solution": str, "base_input": list,
        "plus_input": list, "atol": int | float,
    },
    "stdio": {"tests": list, "seconds": int | float},
    "call": {"entry_point": str, "tests": list, "seconds": int | float},
}  # fmt: skip
FAILED = {"error": "wrong", "unserialisable": "wrong"}  # outcome -> verdict, where the names differ

# LiveCodeBench puts these names before every program: answers lean on them.
MODULES = ["string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics", "itertools", "functools", "operator", "io", "sys", "json"]
PRELUDE = (
    "".join(f"from {module} import *\n" for module in [*MODULES, "builtins", "typing"])
    + "".join(f"import {module}\n" for module in MODULES)
    + "sys.setrecursionlimit(50000)\n"
)

_shown = reprlib.Repr()
_shown.maxstring = _shown.maxother = 60
_shown.maxlong = 40
_shown.maxlevel = 4


@dataclass(frozen=True)
class Head:
    """What extraction needs to know of a problem's tests: they may be megabytes, and this stays while their answers wait."""

    kind: str
    entry_point: str = ""
    prompt: str = ""

    @classmethod
    def of(cls, packed: str) -> Head:
        """Raises ValueError for tests that cannot be used."""
        tests = unpack(packed)
        name = f"{tests['task_id']}: " if tests.get("task_id") else ""
        missing = [field for field in NEEDED[tests["kind"]] if not isinstance(tests.get(field), NEEDED[tests["kind"]][field])]
        if missing:
            raise ValueError(f"{name}no usable {', '.join(missing)} in them")
        if not tests["base_input" if tests["kind"] == "evalplus" else "tests"]:
            raise ValueError(f"{name}there is none, so every program would pass")
        return cls(tests["kind"], tests.get("entry_point", ""), tests.get("prompt", ""))

    def extract(self, completion: str) -> Extracted:
        """The program as it will be run, but for the imports that LiveCodeBench puts before it."""
        if self.kind != "evalplus":
            return last_fenced(completion)
        found = defining(completion, self.entry_point)
        return found if found.program is None else Extracted("found", assembled(found.program, self.prompt, self.entry_point))


class Judge:
    """The tests of one problem, for any number of its programs; one thread at a time. Takes what `Head.of` has accepted."""

    def __init__(self, packed: str) -> None:
        self.packed, self.tests = packed, unpack(packed)
        self._made: dict[str, tuple[list[Any], oracle.Expected]] | None = None
        if self.tests["kind"] == "call":
            self.calls = [[json.loads(line) for line in arguments(test["input"])] for test in self.tests["tests"]]
            self.wanted = [json.loads(test["output"]) for test in self.tests["tests"]]

    def judge(self, box: Sandbox, program: str) -> Verdict:
        if len(program) > MAX_PROGRAM:
            return Verdict("wrong", program[:MAX_PROGRAM], f"a program of {len(program)} characters, over the limit of {MAX_PROGRAM}")
        try:
            program.encode()
        except UnicodeEncodeError:
            return Verdict("wrong", program.encode(errors="replace").decode(), "the program holds half of a surrogate pair: it is no text")
        verdict, detail = {"evalplus": self._evalplus, "stdio": self._stdio, "call": self._call}[self.tests["kind"]](box, program)
        return Verdict(verdict, program, detail[:300])

    def _evalplus(self, box: Sandbox, program: str) -> tuple[str, str]:
        tests = self.tests
        for side, (arguments, expected) in self._sides(box).items():
            seconds = min(EVALPLUS_SECONDS, sum(expected.limits)) + 1
            outcomes = self._run(box, program, tests["entry_point"], arguments, seconds, expected.limits)
            rules = EvalPlus(tests["dataset"], tests["entry_point"], tests["atol"])
            equal = map(rules.equal, arguments, map(_value, outcomes), expected.values)
            failed = _first_failure(outcomes, equal, expected.values)
            if failed:
                return failed[0], f"{side}_input[{expected.places[failed[1]]}]: {failed[2]}"
        return "correct", ""

    def _sides(self, box: Sandbox) -> dict[str, tuple[list[Any], oracle.Expected]]:
        """Arguments of the calls and what they should give, by side; made at the first program."""
        if self._made is None:
            expected = oracle.expected(box, self.tests, self.packed, Limits(memory_mib=MEMORY_MIB))
            given = {side: oracle.inputs(self.tests, side) for side in oracle.SIDES}
            self._made = {side: ([given[side][place] for place in expected[side].places], expected[side]) for side in oracle.SIDES}
        return self._made

    def _call(self, box: Sandbox, program: str) -> tuple[str, str]:
        tests, name = self.tests["tests"], self.tests["entry_point"]
        name = f"Solution.{name}" if "class Solution" in program else name
        seconds = self.tests["seconds"]
        outcomes = self._run(box, preceded(PRELUDE, program), name, self.calls, (seconds + 1) * len(tests) + 5, seconds)
        equal = (
            call_equal(_value(out), wanted, self.tests.get("unwrap", False)) for out, wanted in zip(outcomes, self.wanted, strict=True)
        )
        failed = _first_failure(outcomes, equal, self.wanted)
        return (failed[0], f"tests[{failed[1]}]: {failed[2]}") if failed else ("correct", "")

    def _stdio(self, box: Sandbox, program: str) -> tuple[str, str]:
        source, seconds = preceded(PRELUDE, program), self.tests["seconds"]
        limits = Limits(cpu_seconds=seconds + 1, wall_seconds=seconds + 1, memory_mib=MEMORY_MIB)
        for place, test in enumerate(self.tests["tests"]):
            outcome = box.stdio(source, [test["input"]], limits, seconds)[0]
            equal = outcome.outcome == "ok" and stdio_equal(outcome.stdout, test["output"])
            failed = _failure(outcome, equal, outcome.stdout, test["output"], "printed")
            if failed:
                return failed[0], f"tests[{place}]: {failed[1]}"
        return "correct", ""

    def _run(self, box: Sandbox, source: str, name: str, calls: list[Any], seconds: float, each: list[float] | float) -> list[Outcome]:
        limits = Limits(cpu_seconds=seconds, wall_seconds=seconds, memory_mib=MEMORY_MIB)
        return box.call(source, name, calls, limits, each) if calls else []


def _value(outcome: Outcome) -> Any:
    return outcome.value if outcome.outcome == "ok" else OPAQUE


def _first_failure(outcomes: Iterable[Outcome], equal: Iterable[bool], wanted: Iterable[Any]) -> tuple[str, int, str] | None:
    """(verdict, which call, why); nothing is compared behind it."""
    for place, (outcome, same, want) in enumerate(zip(outcomes, equal, wanted, strict=True)):
        failed = _failure(outcome, same, outcome.value, want, "returned")
        if failed:
            return failed[0], place, failed[1]
    return None


def _failure(outcome: Outcome, equal: bool, value: Any, wanted: Any, did: str) -> tuple[str, str] | None:
    if outcome.outcome in ("ok", "unserialisable") and equal:
        return None
    if outcome.outcome == "ok":
        return "wrong", f"{did} {shown(value)}, expected {shown(wanted)}"
    return FAILED.get(outcome.outcome, outcome.outcome), outcome.detail


def shown(value: Any) -> str:
    """A value in little room, however large it is."""
    try:
        return _shown.repr(value)
    except ValueError:  # an integer of more digits than Python will write
        return "a huge integer"

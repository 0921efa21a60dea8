"""One program against one problem's tests: run in the sandbox, compared here, stopped at the first failure.

The program sees arguments or stdin and nothing else. `Judge` is made once for a problem and used for all its programs.
"""

from __future__ import annotations

import json
import math
import reprlib
from dataclasses import dataclass
from typing import Any

from harness.grading.code import oracle
from harness.grading.code.compare import OPAQUE, EvalPlus, call_equal, stdio_equal
from harness.grading.code.extract import Extracted, assembled, defining, last_fenced, preceded
from harness.grading.code.rows import arguments
from harness.grading.sandbox import Limits, Outcome, Sandbox
from harness.grading.sandbox.inside import codec
from harness.grading.tests import unpack
from harness.records import Verdict

MAX_PROGRAM = 1_000_000  # characters
MEMORY_MIB = 2048
OUTPUT_BYTES = 64 << 20  # of one answer: HumanEval/130's longest has 11 MB
EVALPLUS_SECONDS = 60.0  # of one side's inputs together: EvalPlus' own cap
NEEDED: dict[str, dict[str, Any]] = {
    "evalplus": {
        "dataset": str, "task_id": str, "prompt": str, "entry_point": str, "canonical_solution": str, "base_input": list,
        "plus_input": list, "atol": int | float,
    },
    "stdio": {"tests": list, "seconds": int | float},
    "call": {"entry_point": str, "tests": list, "seconds": int | float},
}  # fmt: skip
ANSWERED = ("ok", "unserialisable")
FAILED = {"error": "wrong", "unserialisable": "wrong"}  # outcome -> verdict, where the names differ

# LiveCodeBench puts these names before every program: answers lean on them.
MODULES = (
    "string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics", "itertools", "functools",
    "operator", "io", "sys", "json",
)  # fmt: skip
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


@dataclass(frozen=True)
class Asked:
    """A side of an EvalPlus task: its calls, what they should give, and in which form that is recognised at once, where it is."""

    arguments: list[list[Any]]
    encoded: list[bytes]
    expected: oracle.Expected
    known: list[bytes | None]


class Judge:
    """The tests of one problem, for any number of its programs; one thread at a time. Takes what `Head.of` has accepted."""

    def __init__(self, packed: str) -> None:
        self.packed, self.tests = packed, unpack(packed)
        self._made: dict[str, Asked] | None = None
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
        rules = EvalPlus(tests["dataset"], tests["entry_point"])
        for side, asked in self._sides(box, rules).items():
            expected = asked.expected
            # EvalPlus ends a side after a minute; here not what is no slower than four times the canonical solution, on a loaded machine too.
            seconds = max(min(EVALPLUS_SECONDS, sum(expected.limits)), oracle.FACTOR * sum(expected.seconds)) + 1
            outcomes = box.call(program, tests["entry_point"], asked.encoded, limits_of(seconds), expected.limits, asked.known)
            for index, outcome in enumerate(outcomes):
                if outcome.known:
                    continue
                wanted = expected.value(index)
                late = expected.float_from is not None and index >= expected.float_from
                atol = tests["atol"] or (1e-6 if late else 0)
                if outcome.outcome not in ANSWERED or not rules.equal(asked.arguments[index], _value(outcome), wanted, atol):
                    verdict, detail = _failure(outcome, outcome.value, wanted, "returned")
                    return verdict, f"{side}_input[{expected.places[index]}]: {detail}"
        return "correct", ""

    def _sides(self, box: Sandbox, rules: EvalPlus) -> dict[str, Asked]:
        """Made at the first program, for all."""
        if self._made is None:
            self._made = {}
            for side, expected in oracle.expected(box, self.tests, self.packed, limits_of(oracle.ALL_SECONDS)).items():
                given = oracle.inputs(self.tests, side)
                arguments = [given[place] for place in expected.places]
                # What is not a number is not equal to itself.
                known = [text.encode("ascii") if rules.by_value and "NaN" not in text else None for text in expected.texts]
                self._made[side] = Asked(arguments, [codec.encode(each, oracle.MAX_BYTES) for each in arguments], expected, known)
        return self._made

    def _call(self, box: Sandbox, program: str) -> tuple[str, str]:
        tests, name, seconds = self.tests["tests"], self.tests["entry_point"], self.tests["seconds"]
        name = f"Solution.{name}" if "class Solution" in program else name
        limits = limits_of((seconds + 1) * len(tests) + 5)
        outcomes = box.call(preceded(PRELUDE, program), name, self.calls, limits, seconds)
        for place, (outcome, wanted) in enumerate(zip(outcomes, self.wanted, strict=True)):
            if outcome.outcome not in ANSWERED or not call_equal(_value(outcome), wanted, self.tests.get("unwrap", False)):
                verdict, detail = _failure(outcome, outcome.value, wanted, "returned")
                return verdict, f"tests[{place}]: {detail}"
        return "correct", ""

    def _stdio(self, box: Sandbox, program: str) -> tuple[str, str]:
        source, seconds = preceded(PRELUDE, program), self.tests["seconds"]
        for place, test in enumerate(self.tests["tests"]):
            (outcome,) = box.stdio(source, [test["input"]], limits_of(seconds + 1), seconds)
            if outcome.outcome != "ok" or not stdio_equal(outcome.stdout, test["output"]):
                verdict, detail = _failure(outcome, outcome.stdout, test["output"], "printed")
                return verdict, f"tests[{place}]: {detail}"
        return "correct", ""


def limits_of(seconds: float) -> Limits:
    """Of a candidate that may take so long in all, by the clock."""
    return Limits(cpu_seconds=math.ceil(seconds), wall_seconds=seconds, memory_mib=MEMORY_MIB, output_bytes=OUTPUT_BYTES)


def _value(outcome: Outcome) -> Any:
    return outcome.value if outcome.outcome == "ok" else OPAQUE


def _failure(outcome: Outcome, value: Any, wanted: Any, did: str) -> tuple[str, str]:
    """(verdict, why) of an outcome that is not what was wanted."""
    if outcome.outcome == "ok":
        return "wrong", f"{did} {shown(value)}, expected {shown(wanted)}"
    return FAILED.get(outcome.outcome, outcome.outcome), outcome.detail


def shown(value: Any) -> str:
    """A value in little room, however large it is."""
    try:
        return _shown.repr(value)
    except ValueError:  # an integer of more digits than Python will write
        return "a huge integer"

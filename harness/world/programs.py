"""Small functions to write, with tests and a reference solution: programs to rehearse on where no rows of a real set lie.

Write a Python function `f4c81(n)` that takes a whole number and returns what comes of it: multiply it by 3; then subtract 7 from it.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable
from dataclasses import dataclass

from harness import seeds
from harness.grading.tests import pack
from harness.records import Problem

OPERANDS = range(2, 30)
LENGTHS = range(2, 5)  # steps of a program
INPUTS = (-17, -1, 0, 1, 5, 123)
SECONDS = 4.0  # a test
SPLITS = {"exam": range(0, 3), "train": range(3, 10)}  # tenths; the text decides, so sets of different splits never overlap


@dataclass(frozen=True)
class Operation:
    """One step in words, as Python, and as what it does."""

    words: str
    code: str
    apply: Callable[[int, int], int]


OPERATIONS = (
    Operation("add {} to it", "n + {}", operator.add),
    Operation("subtract {} from it", "n - {}", operator.sub),
    Operation("multiply it by {}", "n * {}", operator.mul),
    Operation("take its remainder by {}", "n % {}", operator.mod),
    Operation("keep the larger of it and {}", "max(n, {})", max),
    Operation("keep the smaller of it and {}", "min(n, {})", min),
)

Steps = tuple[tuple[Operation, int], ...]


def problems(count: int, seed: int, split: str = "train", prefix: str = "program") -> list[Problem]:
    """`count` different ones of a split. The first n do not depend on `count`."""
    if split not in SPLITS:
        raise ValueError(f"there is no split {split!r}. Known: {', '.join(SPLITS)}.")
    rng = seeds.generator(seeds.derive("programs", seed, split))
    found: dict[str, Problem] = {}
    while len(found) < count:
        length = int(rng.integers(LENGTHS.start, LENGTHS.stop))
        steps = tuple((OPERATIONS[int(i)], OPERANDS[int(j)]) for i, j in rng.integers(0, (len(OPERATIONS), len(OPERANDS)), (length, 2)))
        text = "; then ".join(operation.words.format(operand) for operation, operand in steps)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if int(digest, 16) % 10 in SPLITS[split]:
            found.setdefault(digest, problem(f"{prefix}-{digest[:8]}", f"f{digest[:5]}", text, steps))
    return list(found.values())


def problem(name: str, function: str, text: str, steps: Steps) -> Problem:
    body = [f"    n = {operation.code.format(operand)}" for operation, operand in steps]
    tests = [{"input": str(n), "output": str(result(steps, n))} for n in INPUTS]
    return Problem(
        id=name,
        domain="code",
        prompt=f"Write a Python function `{function}(n)` that takes a whole number and returns what comes of it: {text}. "
        "Put it into a ```python code block.",
        tests=pack({"kind": "call", "entry_point": function, "tests": tests, "seconds": SECONDS}),
        solution="\n".join([f"def {function}(n):", *body, "    return n", ""]),
        source="harness.world.programs",
    )


def result(steps: Steps, n: int) -> int:
    for operation, operand in steps:
        n = operation.apply(n, operand)
    return n

r"""The labelled modular chain: arithmetic small enough to learn in two minutes, with every step written down.

    Start with 4. a:-9 b:*3 c:*2 d:-6 Work modulo 20.

    a: 4-9=15
    b: 15*3=5
    c: 5*2=10
    d: 10-6=4
    Answer: \boxed{4}

A *fact* is one step: (value, operator, operand) -> result. Whoever writes a solution looks its facts up, so an error carries on
to every later step. All draws come from `harness.seeds`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from harness import seeds
from harness.records import Problem

OPERATORS = ("+", "-", "*")
OPERANDS = range(2, 10)  # of the start value, too
LABELS = "abcdefghijklmnopqrstuvwxyz"

# The text of a problem decides where it may appear: sets of different splits never overlap, whatever their seeds.
SPLITS = {"exam": (0, 1), "train": (2, 3, 4, 5), "pretrain": (6, 7, 8), "gate": (9,)}

Fact = tuple[int, str, int]
Recall = Callable[[Fact], int]


@dataclass(frozen=True)
class Chain:
    """A start value and the steps to take from it, all modulo `modulo`."""

    start: int
    steps: tuple[tuple[str, int], ...]
    modulo: int

    @property
    def text(self) -> str:
        steps = " ".join(f"{label}:{operator}{operand}" for label, (operator, operand) in zip(LABELS, self.steps, strict=False))
        return f"Start with {self.start}. {steps} Work modulo {self.modulo}."

    @property
    def split(self) -> str:
        bucket = int(_digest(self.text), 16) % 10
        return next(name for name, buckets in SPLITS.items() if bucket in buckets)

    @property
    def solution(self) -> str:
        return self.written(lambda fact: true_result(fact, self.modulo))

    @property
    def answer(self) -> str:
        value = self.start
        for operator, operand in self.steps:
            value = true_result((value, operator, operand), self.modulo)
        return str(value)

    def written(self, recall: Recall, spaced: bool = False) -> str:
        """The solution of someone who recalls facts so. A wrong result is what the next step starts from. `spaced`: 4 - 9 = 15."""
        value, lines, space = self.start, [], " " if spaced else ""
        for label, (operator, operand) in zip(LABELS, self.steps, strict=False):
            result = recall((value, operator, operand))
            lines.append(f"{label}: {space.join((str(value), operator, str(operand), '=', str(result)))}")
            value = result
        return "\n".join([*lines, f"Answer: \\boxed{{{value}}}"])


def true_result(fact: Fact, modulo: int) -> int:
    value, operator, operand = fact
    return {"+": value + operand, "-": value - operand, "*": value * operand}[operator] % modulo


def draw(rng: np.random.Generator, steps: tuple[int, int], modulo: int, split: str) -> Chain:
    """One chain of the split; its length is uniform in `steps`, both ends included. Raises ValueError where the split seems empty."""
    for _ in range(1000):
        count = int(rng.integers(steps[0], steps[1] + 1))
        numbers = rng.integers(0, 24, size=count).tolist()
        chain = Chain(
            start=int(rng.integers(OPERANDS.start, OPERANDS.stop)),
            steps=tuple((OPERATORS[number // 8], OPERANDS[number % 8]) for number in numbers),
            modulo=modulo,
        )
        if chain.split == split:
            return chain
    raise ValueError(f"no chain of {steps[0]} to {steps[1]} steps modulo {modulo} falls into the split {split!r}. Allow longer chains.")


def problems(
    count: int,
    seed: int,
    steps: tuple[int, int] = (3, 8),
    modulo: int = 20,
    prefix: str = "chain",
    avoid: Collection[str] = (),
    split: str = "train",
) -> list[Problem]:
    """`count` different problems of one split. `avoid` holds prompts that must not occur. The first n do not depend on `count`."""
    check(steps, modulo)
    if split not in SPLITS:
        raise ValueError(f"there is no split {split!r}. Known: {', '.join(SPLITS)}.")
    rng = seeds.generator(seeds.derive("chain", seed, split, steps[0], steps[1], modulo))
    found: dict[str, Problem] = {}
    refused = 0
    while len(found) < count:
        chain = draw(rng, steps, modulo, split)
        name = f"{prefix}-{_digest(chain.text)[:8]}"
        if name in found or chain.text in avoid:
            refused += 1
            if refused > 100 * count + 1000:
                raise ValueError(
                    f"only {len(found)} of {count} problems found: chains of {steps[0]} to {steps[1]} steps are too few. Allow longer ones."
                )
            continue
        found[name] = Problem(
            id=name,
            domain="math",
            prompt=chain.text,
            answer=chain.answer,
            solution=chain.solution,
            source=f"harness.world.chain split={split} steps={steps[0]}..{steps[1]} modulo={modulo}",
        )
    return list(found.values())


def check(steps: tuple[int, int], modulo: int) -> None:
    if not 1 <= steps[0] <= steps[1] <= len(LABELS):
        raise ValueError(f"steps {list(steps)}: must be [shortest, longest] with 1 <= shortest <= longest <= {len(LABELS)}.")
    if modulo < 2:
        raise ValueError(f"modulo {modulo}: must be at least 2.")


def misconceptions(share: float, seed: int, modulo: int) -> dict[Fact, int]:
    """The facts that someone has learned wrong, each with its one wrong result. Every fact is drawn apart, with probability `share`."""
    rng = seeds.generator(seeds.derive("misconceptions", seed, modulo))
    table: dict[Fact, int] = {}
    for value in range(modulo):
        for operator in OPERATORS:
            for operand in OPERANDS:
                believed, fact = rng.random() < share, (value, operator, operand)
                wrong = _other(true_result(fact, modulo), rng, modulo)  # drawn in any case: a larger share keeps the smaller one's errors
                if believed:
                    table[fact] = wrong
    return table


def misled(table: dict[Fact, int], probability: float, rng: np.random.Generator, modulo: int) -> Recall:
    """Recalls its misconceptions with this probability, and every other fact rightly."""
    return lambda fact: table[fact] if fact in table and rng.random() < probability else true_result(fact, modulo)


def careless(rate: float, rng: np.random.Generator, modulo: int) -> Recall:
    """Slips at this rate, each time to some other value."""
    return lambda fact: _other(true_result(fact, modulo), rng, modulo) if rng.random() < rate else true_result(fact, modulo)


def boxed(text: str) -> str | None:
    """The content of the last box; for the gate of pretraining only. Exams are graded by harness.grading."""
    found = re.findall(r"\\boxed\{([^{}]*)\}", text)
    return found[-1].strip() if found else None


def _other(right: int, rng: np.random.Generator, modulo: int) -> int:
    return (right + int(rng.integers(1, modulo))) % modulo


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

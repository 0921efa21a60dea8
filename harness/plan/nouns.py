"""What a plan is made of."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from harness.catalogue import ProblemSet
from harness.records import ModelRef
from harness.spec.model import SamplingSpec
from harness.step import Step
from methods.method import Method

Role = Literal["method", "control", "student", "teacher"]


def percent(fraction: float) -> str:
    return f"{100 * fraction:g}%"


@dataclass(frozen=True)
class Sitting:
    """What the mode of whoever sits it decides of an exam."""

    sampling: SamplingSpec
    protocol: str
    protocol_again: str
    prompt_limit: int | None = None  # tokens


@dataclass(frozen=True)
class Exam:
    """One column: a benchmark under a protocol. `protocol` is `<name>@<hash>`; unlike protocols are unlike columns."""

    name: str
    benchmark: Any
    sampling: SamplingSpec
    protocol: str
    at: tuple[float, ...]
    protocol_again: str  # of the untrained student's second sitting: another seed, nothing else
    passes: tuple[int, ...]  # the k of each Pass@k asked for; Avg is over all samples, which estimates any Avg@k best
    problems: ProblemSet  # with the texts of the protocol
    grader: dict[str, int]  # name and version
    votes: tuple[int, ...] = ()  # the k of each Maj@k asked for
    audit: tuple[str, ...] = ()  # further graders of the same answers, never the score
    overlap: str = ""  # the address of its comparison with the training problems
    prompt_limit: int | None = None
    declared: bool = False  # whether the suite says that it trains on these questions
    modes: dict[str, Sitting] = field(default_factory=dict)  # how it is sat in each mode; the fields above are the first pair's student's

    def in_mode(self, mode: str) -> Exam:
        """As somebody who speaks in this mode sits it."""
        return replace(self, **vars(self.modes[mode])) if self.modes else self

    def cell(self, at: float) -> str:
        """The name of a row's score at a fraction of its budget; the last one bears the exam's name alone."""
        return self.name if at == max(self.at) else f"{self.name}@{percent(at)}"


@dataclass(frozen=True)
class Row:
    """One line of the leaderboard and the steps that carry it; `steps` maps a name to an address."""

    pair: str
    label: str
    role: Role
    steps: dict[str, str]
    method: Method | None = None
    seed: int | None = None
    budget: str | None = None
    overrides: dict[str, str] | None = None
    again: bool = False  # the second sitting


@dataclass(frozen=True)
class Plan:
    """`steps` in an order in which they can be carried out."""

    steps: tuple[Step, ...]
    rows: tuple[Row, ...]
    exams: tuple[Exam, ...]
    unsized: tuple[str, ...] = ()  # models whose size is not known: their work is left out of every estimate

    @functools.cached_property
    def by_address(self) -> dict[str, Step]:
        return {step.address: step for step in self.steps}

    def needed(self, addresses: Iterable[str]) -> set[str]:
        """The addresses and everything they are made of."""
        found: set[str] = set()
        todo = list(addresses)
        while todo:
            address = todo.pop()
            if address not in found:
                found.add(address)
                todo.extend(self.by_address[address].inputs.values())
        return found


@dataclass(frozen=True)
class Model:
    """A model as the plan sees it: what its address says, the step that makes it if one does, and where its files lie."""

    ref: ModelRef
    made: str | None = None
    local: str | None = None

"""The nouns of the view: a board holds groups, a group exams and rows, a row cells. Figures are fractions; no markup, no arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.results import Answers, Meters
from reports.estimates import Estimate
from reports.words import Span

AGAIN = "student_again"  # the untrained student, sitting every exam a second time
SEEDS_FOR_RANKS = 3
BLOCKS = ("reference", "control", "method", "reported")

Key = tuple[str, str, str]  # of a column: exam, protocol, hash of the problems


@dataclass(frozen=True)
class Exam:
    """One column. Scores of another protocol or other problems stand in another column."""

    name: str
    protocol: str
    problems_hash: str
    problems: int
    samples: int
    pass_k: int
    at: str = "100%"  # how far into the budget the row was examined
    date: str | None = None
    alone: bool = True  # no other column has this name

    @property
    def key(self) -> Key:
        return self.name, self.protocol, self.problems_hash

    @property
    def sat(self) -> Key:
        """What was sat, however far into the budget: `exam@50%` is `exam`."""
        return self.name.removesuffix(f"@{self.at}"), self.protocol, self.problems_hash


@dataclass(frozen=True)
class Primary:
    """The one figure of a suite by which rows are compared, and what the suite called it, where that is not what can be shown."""

    title: str  # "Avg@16", "Pass@8"; "Avg@k" where exams differ in samples
    over: tuple[str, ...]
    weight: str  # "exams" | "problems": which of them count alike
    asked: str | None = None


@dataclass(frozen=True)
class Delta:
    """A paired difference and its 95% interval, as fractions."""

    value: float
    interval95: tuple[float, float] | None
    stderr: float | None = None
    p_value: float | None = None  # adjusted over the family, where it is the primary's


@dataclass(frozen=True)
class Cell:
    """What one row reached on one exam; `note` stands instead of figures where there are none to stand by."""

    avg: Estimate | None = None
    passed: float | None = None
    delta: Delta | None = None
    truncated: float | None = None  # share of graded answers cut by the length limit
    note: str | None = None


@dataclass(frozen=True)
class Row:
    """One label in one pair under one budget, over all its seeds."""

    label: str
    title: str | None
    role: str
    block: str  # "reference" | "control" | "method" | "reported"
    division: str
    status: str
    seeds: tuple[int, ...]  # finished ones
    primary: Estimate | None
    base: Delta | None  # to the untrained student
    control: Delta | None  # to the best control
    baseline: Delta | None  # to the row that the suite calls its baseline
    rank: tuple[int, int] | None
    beyond: str | None  # "above" | "below" the untrained student, beyond noise
    sees: tuple[str, ...]
    marks: tuple[str, ...]
    reason: str | None
    answers: Answers
    overrides: Mapping[str, str]
    cells: tuple[Cell, ...]
    cost: Meters | None
    seconds: float | None
    ended_by: str | None
    diagnostics: Mapping[str, float]
    anchor: str


@dataclass(frozen=True)
class Group:
    """One pair under one budget: what may be compared."""

    suite: str
    pair: str
    budget: str | None
    anchor: str
    exams: tuple[Exam, ...]
    primary: Primary
    rows: tuple[Row, ...]
    retired: tuple[Row, ...]  # rows that the suite no longer names
    sentence: tuple[Span, ...]
    band: float | None  # differences between identical things reach this far, as a fraction
    untrained: str | None  # label of the untrained student
    best_control: str | None
    baseline: str | None  # label of the suite's baseline row, where it has a score
    seeds: int  # the most that any trained row has

    @property
    def ranked(self) -> bool:
        return any(row.rank for row in self.rows)

    @property
    def trained(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.block in ("method", "control") and row.label != AGAIN)

    @property
    def like_divisions(self) -> bool:
        """All rows were trained under the settings of one division: no column needed."""
        return len({row.division for row in self.trained}) < 2

    @property
    def like_seeds(self) -> bool:
        """All rows that finished have as many seeds."""
        return len({len(row.seeds) for row in self.trained if row.status == "done"}) < 2

    @property
    def controlled(self) -> bool:
        """There is a trained control, or there should be one."""
        return bool(self.block("control"))

    def block(self, name: str) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.block == name)


@dataclass(frozen=True)
class Provenance:
    commits: tuple[str, ...]
    devices: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]
    dates: tuple[str, ...]


@dataclass(frozen=True)
class Board:
    title: str
    groups: tuple[Group, ...]
    deviations: tuple[str, ...]
    provenance: Provenance

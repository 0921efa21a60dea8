"""The nouns of the view: a board holds groups, a group exams and rows, a row cells. Figures are fractions; no markup, no arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.results import Answers, Meters, Overlap
from harness.shelf import LeftOut
from harness.statistics import FEWEST_SEEDS, Difference, Estimate
from reports.findings import Kept, Luck, Noise, PassCurves, Recovered, Verdict
from reports.words import Span

if TYPE_CHECKING:
    from reports.apart import Apart, Comparison
    from reports.published import PublishedTable
    from reports.replication import Card

AGAIN = "student_again"  # the untrained student, sitting every exam a second time
SEEDS_FOR_RANKS = FEWEST_SEEDS
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
    older: bool = False  # public before the student's model was
    overlap: Overlap | None = None  # of its questions with those of training
    votes: tuple[int, ...] = ()  # the k of each Maj@k that any row has

    @property
    def key(self) -> Key:
        return self.name, self.protocol, self.problems_hash

    @property
    def marks(self) -> tuple[tuple[str, str], ...]:
        """What a reader must know of the questions: a word, and what it means."""
        found = []
        if self.at != "100%" and not self.name.endswith(f"@{self.at}"):
            found.append((f"at {self.at} of the budget", "sat on the way, before training had ended"))
        if self.older:
            found.append(("older than the model", "public before the student's model was: it may have seen the questions"))
        if self.overlap and self.overlap.exact:
            meant = "the suite declares it" if self.overlap.declared else "the suite does not declare it"
            found.append((f"{self.overlap.exact} trained on", f"questions that stand in the training data as they are asked; {meant}"))
        if self.overlap and self.overlap.near:
            found.append((f"{self.overlap.near} nearly trained on", "questions of which the training data holds most, or a variant"))
        return tuple(found)

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


Delta = Difference  # its p-value is adjusted over the family where it is a row's difference to the untrained student


@dataclass(frozen=True)
class Cell:
    """What one row reached on one exam; `note` stands instead of figures where there are none to stand by."""

    avg: Estimate | None = None
    passed: float | None = None
    delta: Delta | None = None
    unfinished: float | None = None  # share of the answers that were cut by the token limit, or never came to one
    note: str | None = None
    voted: tuple[float | None, ...] = ()  # Maj@k, for each k of the exam's `votes`
    mean_length: float | None = None  # of a response, in tokens
    machinery: str | None = None  # answers without a verdict through no fault of the model: "3 infra_error"
    gaps: tuple[str, ...] = ()  # what is missing, by seed and by name


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
    method: str | None = None  # of the catalogue; None for a model itself
    gaps: tuple[str, ...] = ()  # of all exams, and seeds that are not done: why nobody should publish the row as it stands
    recovered: Recovered | None = None  # of the way to the teacher; None for rows that went none: references, what was only reported
    kept: tuple[Kept, ...] = ()  # one for each of the suite's margins


@dataclass(frozen=True)
class Texts:
    """What one model wrote to be trained on; shares as fractions, lengths in tokens. Equal ones are the same texts."""

    kind: str  # "attempts" of the student, "rewrites" of them by a teacher, "texts" that a teacher wrote from the problem
    count: int
    right: float | None  # share of those that the verifier could judge
    ungraded: int
    truncated: float
    mean: float | None
    median: float | None
    mean_right: float | None
    mean_wrong: float | None


@dataclass(frozen=True)
class Outcome:
    """Of attempts that were right or wrong, those whose rewrite was right or wrong."""

    attempt: str  # "right" | "wrong"
    rewrite: str
    name: str
    count: int
    share: float  # of all attempts that were rewritten, both judged


@dataclass(frozen=True)
class Outcomes:
    """The joint outcome of attempt and rewrite, for the rows that share it."""

    labels: tuple[str, ...]
    total: int
    cells: tuple[Outcome, ...]  # wrong wrong, wrong right, right wrong, right right


@dataclass(frozen=True)
class Writing:
    """What the rows of a group were trained through; each with the rows that share it."""

    attempts: tuple[tuple[Texts, tuple[str, ...]], ...]
    rewrites: tuple[tuple[Texts, tuple[str, ...]], ...]
    outcomes: tuple[Outcomes, ...]
    rows: tuple[str, ...]  # all that were trained


@dataclass(frozen=True)
class Measure:
    """Something followed over a run."""

    name: str
    head: str
    meaning: str
    kind: str = "nats"  # "nats" | "signed" | "percent"


@dataclass(frozen=True)
class Line:
    """One value a part of the run; None where there is none."""

    of: str  # "right" | "wrong": where the student's attempt was; "all"
    values: tuple[float | None, ...]

    @property
    def known(self) -> tuple[float, ...]:
        return tuple(value for value in self.values if value is not None)


@dataclass(frozen=True)
class Measured:
    """One measure of one row: its lines, and why a line or all are missing."""

    lines: tuple[Line, ...]
    lacks: str | None = None


@dataclass(frozen=True)
class CourseRow:
    label: str
    block: str
    places: tuple[float, ...]  # where in the run each part stands, 0 to 1
    measured: tuple[Measured, ...]  # in the order of the measures


@dataclass(frozen=True)
class Course:
    measures: tuple[Measure, ...]
    scales: tuple[tuple[float, float] | None, ...]  # lowest and highest value of any row, and zero; None where nobody has any
    rows: tuple[CourseRow, ...]


@dataclass(frozen=True)
class Bucket:
    """Problems of which the second sitting of the untrained student solved `low` to `high` of `of` samples."""

    low: int
    high: int
    of: int
    problems: int


@dataclass(frozen=True)
class InBucket:
    """What one row reached on the problems of a bucket, and the differences to the first sitting of the untrained student."""

    avg: float | None = None
    avg_delta: Delta | None = None
    passed: float | None = None
    passed_delta: Delta | None = None


@dataclass(frozen=True)
class BucketRow:
    label: str
    block: str
    cells: tuple[InBucket, ...]


@dataclass(frozen=True)
class Difficulty:
    """One exam by difficulty."""

    exam: Exam
    buckets: tuple[Bucket, ...]
    rows: tuple[BucketRow, ...]


@dataclass(frozen=True)
class CapRow:
    label: str
    block: str
    values: tuple[float | None, ...]  # share of right answers under each limit


@dataclass(frozen=True)
class UnderCaps:
    """One exam under lower token limits, from the same answers: what is longer would have been cut."""

    exam: Exam
    caps: tuple[int, ...]  # ascending, in tokens; the last is the exam's own
    rows: tuple[CapRow, ...]


@dataclass(frozen=True)
class Compared:
    """Two graders on the same answers of one row."""

    agreement: float | None  # share of the answers on which both say the same about rightness; None where they have none in common
    only_a: int  # right by the first alone
    only_b: int
    places: str  # the first of them, by name


@dataclass(frozen=True)
class AuditRow:
    label: str
    block: str
    responses: int
    right: tuple[float | None, ...]  # by each grader, of the answers that it could judge
    compared: tuple[Compared | None, ...]


@dataclass(frozen=True)
class Audited:
    """One exam by several graders."""

    exam: Exam
    graders: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    rows: tuple[AuditRow, ...]


@dataclass(frozen=True)
class LmFigure:
    """One metric of a task of lm-eval, as it comes out of one of the task's filters."""

    metric: str
    filter: str
    higher_is_better: bool | None
    share: bool  # a fraction: shown in percent

    @property
    def key(self) -> str:
        return f"{self.metric},{self.filter}"


@dataclass(frozen=True)
class BesideTask:
    name: str
    settings: str
    warnings: tuple[str, ...]  # of lm-eval
    figures: tuple[LmFigure, ...]


@dataclass(frozen=True)
class BesideCell:
    """As lm-eval gives it; `delta` to the untrained student; `note` stands where there is no figure."""

    value: Estimate | None
    delta: float | None
    beyond: str | None  # "better" | "worse" than the untrained student, beyond noise
    note: str | None


@dataclass(frozen=True)
class BesideRow:
    label: str
    role: str
    block: str
    cells: tuple[BesideCell, ...]  # of all figures of all tasks, in their order
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Beside:
    """What rows did in tasks that no rank depends on."""

    tasks: tuple[BesideTask, ...]
    rows: tuple[BesideRow, ...]

    @property
    def figures(self) -> tuple[LmFigure, ...]:
        return tuple(figure for task in self.tasks for figure in task.figures)


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
    noise: Noise | None  # how far identical things differed; None where none were measured
    untrained: str | None  # label of the untrained student
    best_control: str | None
    baseline: str | None  # label of the suite's baseline row, where it has a score
    seeds: int  # the most that any trained row has
    writing: Writing | None
    course: Course | None
    difficulties: tuple[Difficulty, ...]
    undivided: str | None  # why nothing is sorted by difficulty, where nothing is
    under_caps: tuple[UnderCaps, ...] = ()
    audits: tuple[Audited, ...] = ()
    beside: Beside | None = None
    published: tuple[PublishedTable, ...] = ()  # what others reported of the same models; in no figure of the rest
    cards: tuple[Card, ...] = ()  # their claims beside ours
    apart: tuple[Comparison, ...] = ()  # rows that differ in one answer alone
    pairing: str | None = None  # who learns from whom, in which mode, and what is declared to differ
    luck: Luck | None = None
    verdicts: tuple[Verdict, ...] = ()  # on the suite's claims, in their order
    curves: tuple[PassCurves, ...] = ()  # one an exam

    @property
    def checkpoints(self) -> bool:
        """Too few seeds to compare methods: differences are of these checkpoints alone, and carry neither ranks nor bold."""
        return self.seeds < SEEDS_FOR_RANKS

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
class Deviation:
    """A sentence in which suites say how they differ from what they follow."""

    said: str
    suites: tuple[str, ...]  # empty where all suites of the board say it


@dataclass(frozen=True)
class Board:
    title: str
    groups: tuple[Group, ...]
    deviations: tuple[Deviation, ...]
    provenance: Provenance
    published: tuple[PublishedTable, ...] = ()  # all that there are, whether a suite asks for them or not
    apart: tuple[Apart, ...] = ()  # what one answer is worth, over all suites
    left_out: tuple[LeftOut, ...] = ()  # files that could not be used, each with its fault and its remedy

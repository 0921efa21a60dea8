"""One row of a leaderboard as a file: what is written to `results/`, and how it is read back. Folders of them: `harness.shelf`.

Counts per problem are the result. The figures beside them (`avg_at`, `pass_at`) are for a reader of the file; reports derive them anew, and
a file in which they do not follow is not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness import derived, published
from harness.records import Fault
from harness.store import write_atomically

FORMAT = 1
Made = TypeVar("Made")
COUNTS = re.compile(r"\[\n\s+\d+(,\n\s+\d+)*\n\s+\]")  # a list of counts stands in one line; no text holds a line break in JSON
SUITE_FILE = "suite.json"  # the resolved suite, beside the rows


class Strict(BaseModel):
    """A border model: an unknown key is an error, and nothing changes once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Answers(Strict):
    """The six answers as text, and those of every further term; None throughout where nothing was trained."""

    writer: str | None = None
    teacher: str | None = None
    reads: str | None = None
    loss: str | None = None
    tokens: str | None = None
    keep: str | None = None
    also: dict[str, Any] = {}


class AvgAt(Strict):
    """Avg@k as a fraction; None where it has no value (nothing graded, or one problem has no standard error)."""

    k: int
    value: float | None
    stderr: float | None


class Overlap(Strict):
    """How many of an exam's questions were trained on as they stand, how many nearly so, and whether the suite says that this is meant."""

    exact: int
    near: int
    declared: bool = False


class Tally(Strict):
    """How often one grader gave each verdict."""

    profile: str
    verdicts: dict[str, int]


class GraderPair(Strict):
    """Two graders on the same answers. `ungraded`: the machinery failed one of them; in no other count. `found_by_one`: only one saw an answer."""

    a: str
    b: str
    both_right: int
    only_a: int
    only_b: int
    both_wrong: int
    unanswered: int
    ungraded: int
    found_by_one: int
    only_a_places: tuple[tuple[str, int], ...] = ()  # the first few: problem id, sample
    only_b_places: tuple[tuple[str, int], ...] = ()


class Audit(Strict):
    """What several graders say of the same answers; never an input of a score."""

    responses: int
    tallies: tuple[Tally, ...]
    pairs: tuple[GraderPair, ...]


class ExamScore(Strict):
    """One exam sat by one row. `graded[i]` of `samples` answers to problem i have a verdict, `correct[i]` of them are right."""

    problems: int = Field(ge=0)
    samples: int = Field(ge=1)
    problems_hash: str  # of the problem ids in order: rows with the same hash can be paired
    graded: tuple[int, ...]
    correct: tuple[int, ...]
    avg_at: AvgAt
    pass_at: dict[str, float | None]
    truncated: int = 0  # answers cut by the length limit
    ungraded: int = 0  # answers without a verdict through a fault of the machinery
    at: str = "100%"
    protocol: str
    overlap: Overlap | None = None  # None in files older than the comparison
    older_than_model: bool = False  # made public before the student's model was: it may have seen the questions
    # From here on: None or empty in files that are older than the field.
    missing: int = Field(default=0, ge=0)  # samples that are not there: neither graded nor ungraded
    missing_first: tuple[str, ...] = ()  # the first of them, by name
    unfinished: int | None = None  # answers with this verdict: cut by the limit, or thinking that never closed
    verdicts: dict[str, int] = {}  # all of them, the machinery's too
    mean_length: float | None = None  # of a response, in tokens
    maj_at: dict[str, float | None] = {}  # k → Maj@k, for each k that the suite asks for
    under_cap: dict[str, tuple[int, ...]] = {}  # token limit → right answers per problem, had the limit been that
    grader: str | None = None  # name and version
    sandbox: str | None = None  # what programs were run in; "none" is said, not left out
    audit: Audit | None = None  # what other graders say of the same answers

    @model_validator(mode="after")
    def _counts_fit(self) -> ExamScore:
        if not self.graded and not self.correct:
            return self  # a figure that was only reported: no counts were published
        if not len(self.graded) == len(self.correct) == self.problems:
            raise ValueError(f"{self.problems} problems, but {len(self.graded)} graded and {len(self.correct)} correct counts")
        for place, (right, of) in enumerate(zip(self.correct, self.graded, strict=True)):
            if not 0 <= right <= of <= self.samples:
                raise ValueError(f"problem {place}: {right} correct of {of} graded of {self.samples} samples cannot be")
        below = (0,) * self.problems
        for cap, counts in sorted(self.under_cap.items(), key=lambda each: int(each[0]) if each[0].isdecimal() else -1):
            if not cap.isdecimal() or len(counts) != self.problems:
                raise ValueError(f"under_cap: {cap!r}: a number of tokens and a count for each of {self.problems} problems are wanted")
            if not all(low <= here <= right for low, here, right in zip(below, counts, self.correct, strict=True)):
                raise ValueError(f"under_cap: {cap}: more right answers than under a higher limit cannot be")
            below = counts
        return self

    @property
    def complete(self) -> bool:
        """Every sample of every problem has a verdict."""
        return (
            self.ungraded == self.missing == 0
            and 0 < self.problems == len(self.graded)
            and all(count == self.samples for count in self.graded)
        )


class LmMetric(Strict):
    """One figure as lm-eval gives it (an accuracy is a fraction); None where it gave no finite number."""

    value: float | None
    stderr: float | None = None
    higher_is_better: bool | None = None


class LmResult(Strict):
    """One task of lm-eval sat by one row. It stands beside the exams and ranks nothing."""

    task: str
    metrics: dict[str, LmMetric] = {}  # by `metric,filter`
    n: int | None = None  # documents
    num_fewshot: int | None = None
    limit: int | None = None
    chat: bool = False
    version: str | None = None  # of the task, by its YAML
    documents: str | None = None  # hash of what was asked: figures over other documents are another column
    at: str = "100%"
    protocol: str
    warnings: list[str] = []  # of lm-eval, the first of each kind
    reason: str | None = None  # why there are no metrics


class Written(Strict):
    """One kind of text that a row was trained through: how much, how long in tokens, how often right by the verifier."""

    count: int
    right: int
    ungraded: int = 0  # the grader failed: neither right nor wrong
    truncated: int = 0
    mean_length: float | None = None
    median_length: float | None = None
    mean_length_right: float | None = None
    mean_length_wrong: float | None = None


class Moment(Strict):
    """A tenth of a run, over the tokens trained on in it; nats a token, each mean weighted by tokens. None where nobody scored.

    `…_right`, `…_wrong`: split by the verdict on the student's attempt (arXiv:2606.08432, §C.5).
    """

    until: float  # share of the run's updates at which this part ends
    tokens: int
    student_nll: float
    teacher_nll: float | None = None
    kl_forward: float | None = None  # KL(teacher ‖ student), full vocabulary, unclipped
    kl_reverse: float | None = None
    kl_forward_right: float | None = None
    kl_forward_wrong: float | None = None
    kl_reverse_right: float | None = None
    kl_reverse_wrong: float | None = None
    epistemic_mass: float | None = None  # the teacher's probability of opening a doubt, as a share


class Sampled(Strict):
    """The log-ratio of teacher and student at the tokens trained on, in nats (`harness.stages.signal`; arXiv:2603.25562)."""

    negative: float  # share of tokens
    evenness: float | None = None  # share of the tokens that would carry the same signal evenly
    drift: float | None = None  # the teacher's nats a token, second halves less first halves
    steep: float  # share of tokens
    lowest: float
    lowest_token: str


class Ranking(Strict):
    """How well the teacher's score of a rollout tells right ones from wrong ones of the same problem (arXiv:2605.12652)."""

    auc: float
    stderr: float | None = None
    problems: int


class Analysis(Strict):
    """What a row's trajectories looked like, all rounds together; never an input of training."""

    attempts: Written | None = None  # the student's own responses
    rewrites: Written | None = None  # what a teacher wrote to be trained on, where it did
    outcomes: dict[str, int] | None = None  # "wrong wrong", "wrong right", "right wrong", "right right": of attempt and rewrite
    course: list[Moment] = []
    sampled: Sampled | None = None  # None where nobody scored
    ranking: Ranking | None = None  # None where no problem has right and wrong rollouts in one round


class Meters(Strict):
    """What a row consumed: optimizer updates, passes over the problems, rounds, tokens, FLOPs, and modelled H100-hours."""

    updates: int = 0
    epochs: float | None = None  # None in files older than the meter
    rounds: float | None = None  # the last one may be broken off
    student_written: int = 0
    teacher_written: int = 0
    teacher_read: int = 0
    trained: int = 0
    flops: float = 0
    gpu_hours: float = 0.0


class Cost(Strict):
    """`charged`: as if the row had run alone. `paid`: what it added to the run. `measured`: seconds of the clock."""

    charged: Meters = Meters()
    paid: dict[str, float] = {}
    measured: dict[str, float] = {}


class Imported(Strict):
    """Of a row that another tool measured: which, and the files it was read from, with their hashes."""

    tool: str
    version: str | None = None
    sha256: dict[str, str] = {}  # by file name


class Provenance(Strict):
    """Where and from which code the row came."""

    commit: str | None = None
    dirty: bool | None = None
    date: str | None = None
    device: str | None = None
    versions: dict[str, str] = {}
    imported: tuple[Imported, ...] = ()


class Mark(Strict):
    """Why a printed figure cannot be right as it stands, or not all of its printings; found by `harness.published`."""

    kind: Literal["unattainable", "ceil_only", "trunc_only", "delta", "mean", "cross_table"]
    detail: str


class Figure(Strict):
    """One number as somebody printed it. A figure in percent or points is kept as a share; any other as it is, with its unit."""

    exam: str | None = None  # None: of no exam, as a training time is
    metric: str  # avg@k, pass@k; anything else in the source's words
    value: float
    digits: int = Field(ge=0)  # decimals of `value` that were printed
    unit: str = "share"
    problems: int | None = Field(default=None, ge=1)  # None where it is not known: then nobody can say what was attainable
    delta: float | None = None  # the difference printed beside it
    against: str | None = None  # label of the row, of the same place and pair, that `delta` is said to be relative to
    mean_of: tuple[str, ...] = ()  # exams whose figures of the same row, place and metric it averages
    where: str  # table, abstract, file: a reader can find it there
    certainty: Literal["paper", "authors", "secondary", "authors and secondary"]
    note: str | None = None
    marks: tuple[Mark, ...] = ()


class Reported(Strict):
    """A row that others published: who, on which models, and every figure as printed. `scores` follow from these."""

    study: str
    paper: str | None = None
    student: str | None = None  # hub name; None where the source does not say
    teacher: str | None = None  # "self": the student teaches itself; None where nobody teaches, or nobody says who
    stands_for: tuple[str, ...] = ()  # labels that this row has in suites of ours
    figures: tuple[Figure, ...] = ()


class Result(Strict):
    """One row: one label, one pair, one budget, one seed."""

    format: Literal[1] = FORMAT
    suite: str
    pair: str
    label: str
    title: str | None = None
    method: str | None = None  # None for the student and the teacher themselves
    role: Literal["method", "control", "student", "teacher", "reported"]
    seed: int | None = None
    budget: str | None = None
    division: str = "common"
    status: Literal["done", "incomplete", "failed"]
    reason: str | None = None
    answers: Answers = Answers()
    overrides: dict[str, str] = {}
    scores: dict[str, ExamScore] = {}
    lm_eval: dict[str, LmResult] = {}
    cost: Cost = Cost()
    diagnostics: dict[str, float | None] = {}
    analysis: Analysis | None = None
    ended_by: str | None = None
    steps: dict[str, str] = {}
    provenance: Provenance = Provenance()
    reported: Reported | None = None  # of a row that others published


def file_name(result: Result, *, several_budgets: bool = False) -> Path:
    """Where a row stands below its suite's folder."""
    return row_file(result.pair, result.label, result.budget if several_budgets else None, result.seed)


def row_file(pair: str, label: str, budget: str | None, seed: int | None) -> Path:
    """`<pair>/<label>[.<budget>].seed<k>.json`; rows without a seed stand once."""
    parts = [label, *([budget] if budget is not None else []), *([f"seed{seed}"] if seed is not None else [])]
    return Path(_as_name(pair)) / (_as_name(".".join(parts)) + ".json")


def _as_name(text: str) -> str:
    """The text as one name of a file: no separator, no leading dot. Other characters stay."""
    name = re.sub(r"[/\\\0]", "_", text)
    return "_" + name[1:] if name.startswith(".") else name


def write_result(folder: Path, result: Result, *, several_budgets: bool = False) -> Path:
    """Write the row below its suite's folder, whole or not at all, and say where. Of a published row only what it says is written."""
    path = folder / file_name(result, several_budgets=several_budgets)
    published = result.reported is not None  # of which most of a row's fields have nothing to say
    said = result.model_dump(mode="json", exclude_defaults=published) | {"format": FORMAT}
    text = json.dumps(said, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    text = COUNTS.sub(lambda found: "".join(found[0].split()).replace(",", ", "), text)
    write_atomically(path, text.encode())
    return path


def read_result(path: Path) -> Result:
    """One row. Raises Fault, naming file, fault and remedy."""
    return parsed(path, _as_result)


def _as_result(value: Any) -> Result:
    said = value.get("format") if isinstance(value, dict) else None
    if isinstance(said, int) and said > FORMAT:
        raise Unusable(f"written in format {said}, and this harness reads format {FORMAT}", "Update the harness, or remove the file.")
    result = Result.model_validate(value)
    for fault in (*derived.faults(result.scores), *published.faults(result)):
        raise Unusable(f"{fault}: somebody edited the file", "Put back what was there, or run the row again.")
    return result


class Unusable(ValueError):
    """A file that is what it should be in form and not in content, with what to do about it."""

    def __init__(self, fault: str, remedy: str) -> None:
        super().__init__(fault)
        self.remedy = remedy


def as_mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("the file does not hold a JSON object")
    return value


def parsed(path: Path, check: Callable[[Any], Made]) -> Made:
    """What `check` makes of the JSON in a file. Raises Fault."""
    remedy = "Run the row again, or remove the file."
    try:
        return check(json.loads(path.read_text(encoding="utf-8")))
    except UnicodeDecodeError as fault:
        raise Fault(f"{path}: not UTF-8 text ({fault.reason} at byte {fault.start}). {remedy}") from None
    except json.JSONDecodeError as fault:
        raise Fault(f"{path}:{fault.lineno}:{fault.colno}: not JSON ({fault.msg}). {remedy}") from None
    except ValidationError as fault:
        first = fault.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the row"
        more = f" (and {fault.error_count() - 1} more)" if fault.error_count() > 1 else ""
        raise Fault(f"{path}: {place}: {first['msg']}{more}. {remedy}") from None
    except RecursionError:
        raise Fault(f"{path}: lists within lists, deeper than any row. {remedy}") from None
    except Unusable as fault:
        raise Fault(f"{path}: {fault}. {fault.remedy}") from None
    except ValueError as fault:
        raise Fault(f"{path}: {fault}. {remedy}") from None

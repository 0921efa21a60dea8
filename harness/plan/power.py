"""What a suite can find out, told before anything is spent: the smallest difference that each exam, the primary and each claim detect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.claims import REFERENCES, parse
from harness.plan.estimate import MEAN_LENGTH
from harness.plan.nouns import Exam, Plan
from harness.plan.planner import problem_count
from harness.spec import Claim, Suite
from harness.statistics.nouns import FEWEST_SEEDS
from harness.statistics.power import SEED_SD, Difficulty, Sat, detectable, fitted, power_at, samples_for

ALPHA = 0.05
SEEDS = (3, 5, 8, 12)
WANTED = 0.02  # a difference that a reader would care for

Counts = Mapping[str, tuple[Sequence[int], int]]  # exam → right answers per problem, and samples: what the untrained student reached


@dataclass(frozen=True)
class ExamPower:
    """Differences are fractions. `alone`: one comparison with the untrained student on this exam; `samples_wanted`: answers a problem that find
    `wanted` in it, None where none do."""

    name: str
    problems: int
    samples: int
    base: float | None  # the untrained student's score, where it is known
    alone: float
    samples_wanted: int | None


@dataclass(frozen=True)
class PrimaryPower:
    """Of the primary, at the level that Holm asks of the first of all comparisons. `samples_wanted`: by exam, at least cost."""

    metric: str
    over: tuple[str, ...]
    alone: float
    among: float
    by_seeds: dict[int, float]  # `among`, had every row so many seeds
    samples_wanted: dict[str, int] | None
    answers_wanted: int | None  # of one row, on all its exams


@dataclass(frozen=True)
class ClaimPower:
    """`detects` above the claim's margin, at the level that Holm asks of the first of all claims, with so many seeds: those of the suite, or the
    fewest that decide anything. None where an exam's size is not known."""

    say: str
    that: str
    seeds: int
    detects: float | None
    power_at_wanted: float | None


@dataclass(frozen=True)
class Power:
    seeds: int
    comparisons: int  # rows × pairs × budgets
    wanted: float
    seed_sd: float  # what a row's score is taken to vary by from seed to seed
    exams: tuple[ExamPower, ...]
    primary: PrimaryPower | None
    claims: tuple[ClaimPower, ...]


def power(suite: Suite, plan: Plan, known: Counts, wanted: float = WANTED) -> Power:
    """`known`: exams that the untrained student has sat already; of others difficulties are assumed to be Beta(0.6, 0.6)."""
    seeds = len(suite.seeds.train)
    ends = _at_the_end(plan)
    sats = {name: _sat(exam, known) for name, exam in ends.items()}
    comparisons = len(suite.rows) * len(suite.pairs) * len(suite.budgets)
    return Power(
        seeds,
        comparisons,
        wanted,
        SEED_SD,
        tuple(_exam(name, sat, seeds, wanted, known.get(ends[name].name)) for name, sat in sats.items()),
        _primary(suite, sats, seeds, comparisons, wanted),
        tuple(_claim(claim, suite, sats, seeds, wanted) for claim in suite.claims),
    )


def _at_the_end(plan: Plan) -> dict[str, Exam]:
    """The exams sat at the end of a budget, by the name under which a suite speaks of them: without protocol, where one alone is meant."""
    last = [exam for exam in plan.exams if max(exam.at) == 1.0 and problem_count(exam.problems) > 1]
    names = [exam.problems.name for exam in last]
    return {exam.problems.name if names.count(exam.problems.name) == 1 else exam.name: exam for exam in last}


def _sat(exam: Exam, known: Counts) -> Sat:
    difficulty = fitted(*known[exam.name]) if exam.name in known else Difficulty()
    cost = exam.sampling.max_tokens * MEAN_LENGTH
    return Sat(problem_count(exam.problems), exam.sampling.n, difficulty=difficulty, cost=cost)


def _exam(name: str, sat: Sat, seeds: int, wanted: float, reached: tuple[Sequence[int], int] | None) -> ExamPower:
    asked = samples_for(wanted, [sat], seeds, ALPHA)
    correct, samples = reached or ((), 0)
    base = sum(correct) / (len(correct) * samples) if correct else None
    return ExamPower(name, sat.problems, sat.samples, base, detectable([sat], seeds, ALPHA), asked[0] if asked else None)


def _weighed(names: Sequence[str], metric: str, weight: str, sats: Mapping[str, Sat]) -> list[Sat] | None:
    """The exams of an endpoint; None where one of them is not known by that name."""
    if not names or any(name not in sats for name in names):
        return None
    pass_k = int(metric.removeprefix("pass@")) if metric.startswith("pass@") else None
    sizes = [sats[name].problems if weight == "problems" else 1 for name in names]
    return [
        Sat(sat.problems, sat.samples, size / sum(sizes), pass_k, sat.difficulty, cost=sat.cost)
        for size, sat in zip(sizes, (sats[name] for name in names), strict=True)
    ]


def _endpoint(suite: Suite, sats: Mapping[str, Sat]) -> tuple[str, tuple[str, ...], str]:
    """Metric, exams and weight of the primary."""
    said = suite.report.primary
    over = tuple(sats) if said is None or said.over == "all" else tuple(said.over)
    return (said.metric if said else "avg@k"), over, (said.weight if said else "exams")


def _primary(suite: Suite, sats: Mapping[str, Sat], seeds: int, comparisons: int, wanted: float) -> PrimaryPower | None:
    metric, over, weight = _endpoint(suite, sats)
    exams = _weighed(over, metric, weight, sats)
    if exams is None:
        return None
    among = ALPHA / comparisons
    asked = samples_for(wanted, exams, seeds, among)
    return PrimaryPower(
        metric,
        over,
        detectable(exams, seeds, ALPHA),
        detectable(exams, seeds, among),
        {count: detectable(exams, count, among) for count in SEEDS},
        dict(zip(over, asked, strict=True)) if asked else None,
        sum(exam.problems * n for exam, n in zip(exams, asked, strict=True)) if asked else None,
    )


def _claim(claim: Claim, suite: Suite, sats: Mapping[str, Sat], seeds: int, wanted: float) -> ClaimPower:
    order = parse(claim.that)
    assert order is not None  # checked on loading
    metric, over, weight = _endpoint(suite, sats)
    exams = _weighed(claim.exams or over, claim.metric or metric, "exams" if claim.exams else weight, sats)
    references = sum(label in REFERENCES for label in (order.a, order.b))
    runs, against = (0, "base") if references == 2 else (max(seeds, FEWEST_SEEDS), "base" if references else "row")
    if exams is None:
        return ClaimPower(claim.say, claim.that, runs, None, None)
    alpha = ALPHA / _times(suite)
    return ClaimPower(
        claim.say,
        claim.that,
        runs,
        detectable(exams, runs, alpha, against),  # pyright: ignore[reportArgumentType]
        power_at(wanted, exams, runs, alpha, against),  # pyright: ignore[reportArgumentType]
    )


def _times(suite: Suite) -> int:
    """How many claims are tested, over all pairs and budgets."""
    return sum(
        claim.pair in (None, pair) and claim.budget in (None, budget)
        for claim in suite.claims
        for pair in suite.pairs
        for budget in suite.budgets
    )

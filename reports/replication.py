"""The replication card of a paper: each difference that it claims beside ours, and what may be said of the two. Pure.

The claim is taken at its word, to within the rounding of what was printed: papers print no error. What differs from the paper in settings
stands with the card as the suite's deviations, and decides no verdict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from scipy import stats

from harness import published
from harness.results import Figure, Mark
from reports.drafts import Draft, Endpoint, difference, paired
from reports.nouns import SEEDS_FOR_RANKS, Delta, Exam
from reports.published import PublishedRow, PublishedTable

CONSISTENT, SMALLER, CONTRADICTED, NOISY = VERDICTS = ("consistent", "smaller", "contradicted", "too noisy to tell")


@dataclass(frozen=True)
class Claim:
    """One difference: `label` minus `against`, both labels of ours. Figures are shares."""

    label: str
    against: str
    exams: tuple[str, ...]  # several: the mean over them
    metric: str  # as printed
    claimed: float  # the difference of the printed values
    reading: float  # how far rounding may have moved it
    printed: float | None  # the difference printed beside the value, where there is one and it says something else
    marks: tuple[Mark, ...]  # of the figures that it is made of
    ours: Delta | None
    seeds: int  # training seeds behind ours
    power: float | None  # the chance to have seen the claimed difference, at our standard error
    verdict: str | None  # None where nothing was claimed, or nothing was measured here
    why: str

    @property
    def checkpoints(self) -> bool:
        """Too few seeds: two checkpoints are compared, not two methods."""
        return self.ours is not None and self.seeds < SEEDS_FOR_RANKS


@dataclass(frozen=True)
class Card:
    """What one paper claims about one pair of models, beside what was measured here."""

    table: PublishedTable
    claims: tuple[Claim, ...]
    deviations: tuple[str, ...]

    @property
    def verdicts(self) -> Mapping[str, int]:
        """How many claims about means over exams came out how, in a fixed order."""
        found = Counter(claim.verdict for claim in self.claims if len(claim.exams) > 1)
        return {verdict: found[verdict] for verdict in VERDICTS}


def card(table: PublishedTable, drafts: Sequence[Draft], exams: Sequence[Exam], baseline: str | None, deviations: Sequence[str]) -> Card:
    """Every row of the paper that has one of ours, against the untrained student and against the suite's baseline.

    For each metric first the mean over the exams that both have, then exam by exam.
    """
    ours = {draft.label: draft for draft in drafts}
    columns = {exam.name: exam for exam in exams if exam.at == "100%"}
    found = [(table.row(label), draft) for label, draft in ours.items()]
    both = [(row, draft) for row, draft in found if row is not None]
    claims = []
    for (row, draft), (base, other) in product(both, both):
        if other.label in (published.UNTRAINED, baseline) and row is not base and draft.label not in (published.UNTRAINED, other.label):
            claims += _claims(table, columns, (row, draft), (base, other))
    return Card(table, tuple(claims), tuple(deviations))


def _claims(
    table: PublishedTable, columns: Mapping[str, Exam], of: tuple[PublishedRow, Draft], against: tuple[PublishedRow, Draft]
) -> list[Claim]:
    (row, draft), (base, other) = of, against
    found: list[Claim] = []
    for metric in dict.fromkeys(metric for _, metric in table.columns):
        places = [place for place, (exam, its) in enumerate(table.columns) if its == metric and exam in columns]
        couples = [couple for place in places if (couple := _couple(row.cells[place], base.cells[place]))]
        single = [_claim(metric, [couple], columns, draft, other, base.label) for couple in couples]
        found += [*([_claim(metric, couples, columns, draft, other, base.label)] if len(couples) > 1 else []), *single]
    return found


def _couple(mine: Sequence[Figure], its: Sequence[Figure]) -> tuple[Figure, Figure] | None:
    """Two figures of the same table, the first that has both."""
    return next(((one, other) for one in mine for other in its if one.where == other.where), None)


def _claim(
    metric: str, couples: Sequence[tuple[Figure, Figure]], columns: Mapping[str, Exam], draft: Draft, other: Draft, base: str
) -> Claim:
    """`base`: the label, in the paper, of the row that the other is compared with."""
    gaps = [published.exact(one.value, one.digits) - published.exact(its.value, its.digits) for one, its in couples]
    claimed, reading = float(sum(gaps) / len(gaps)), max(float(published.unit(one)) for one, _ in couples)
    exams = tuple(one.exam or "" for one, _ in couples)
    said = couples[0][0]
    wrong = len(couples) == 1 and said.against == base and any(mark.kind == "delta" for mark in said.marks)
    kind, k = published.metric_of(said) or ("avg", 1)
    sat = [columns[exam] for exam in exams]
    able = kind == "avg" or all(k <= exam.samples for exam in sat)
    endpoint = Endpoint(tuple(exam.key for exam in sat), tuple(1 / len(sat) for _ in sat), k if kind == "pass" else None)
    ours = difference(draft, other, endpoint) if able else None
    chance = power(claimed, ours) if ours else None
    verdict, why = judged(claimed, reading, ours)
    return Claim(
        label=draft.label,
        against=other.label,
        exams=exams,
        metric=metric,
        claimed=claimed,
        reading=reading,
        printed=said.delta if wrong else None,
        marks=tuple(mark for couple in couples for figure in couple for mark in figure.marks),
        ours=ours,
        seeds=len(paired(draft, other, endpoint)) if ours else 0,
        power=chance,
        verdict=verdict,
        why=why if able else f"{metric} cannot be had from {min(exam.samples for exam in sat)} samples",
    )


def power(claimed: float, ours: Delta) -> float | None:
    """The chance that our interval would have left out zero, were the claimed difference the true one. None without a standard error, or where
    no problem differed from another: that is no error of zero.

    The normal approximation, with the critical value of our own interval.
    """
    if not ours.stderr or ours.interval95 is None:
        return None
    critical = (ours.interval95[1] - ours.interval95[0]) / 2 / ours.stderr
    shift = abs(claimed) / ours.stderr
    return float(stats.norm.sf(critical - shift) + stats.norm.cdf(-critical - shift))


def judged(claimed: float, reading: float, ours: Delta | None) -> tuple[str | None, str]:
    """The verdict and its reason, by what our 95% interval holds: the claim, zero, both or neither.

    A claim no larger than its own rounding claims no difference, and gets no verdict.
    """
    if ours is None or ours.interval95 is None:
        return None, "not measured here"
    if abs(claimed) <= reading:
        return None, "no difference is claimed"
    if ours.stderr == 0:
        return None, "here the two differ alike on every problem, so that nothing is known of the error"
    sign = 1 if claimed > 0 else -1
    low, high = sorted(sign * bound for bound in ours.interval95)  # seen from the claimed direction
    least, most = abs(claimed) - reading, abs(claimed) + reading
    held, zero = low <= most and high >= least, low <= 0 <= high
    if held and zero:
        return NOISY, "our interval holds the claimed difference and zero"
    if held:
        return CONSISTENT, "our interval holds the claimed difference, and not zero"
    if low > most:
        return CONSISTENT, "ours is in the same direction, and larger"
    if low > 0:
        return SMALLER, "ours is in the same direction, and our interval ends short of the claimed difference"
    if zero:
        return CONTRADICTED, "our interval holds zero, and ends short of the claimed difference"
    return CONTRADICTED, "ours is in the other direction"

"""What statistics say beside the table: nouns of the view. Figures are fractions; no markup, no arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

from harness.statistics import Difference, Estimate


@dataclass(frozen=True)
class Recovered:
    """How much of the way from the untrained student to the teacher a row went, on the primary: 1 is all of it. Without a share, why."""

    share: float | None
    interval95: tuple[float, float] | None = None
    reason: str | None = None  # "the student is its own teacher", "the teacher thinks and the student does not", …


@dataclass(frozen=True)
class Kept:
    """One row on one margin of `report.margins`: is it sure that training cost no more than the margin?"""

    name: str  # of the exam, or of the task of lm-eval
    margin: float
    delta: Difference | None  # to the untrained student
    verdict: str | None  # "kept" | "lost" | "unclear"; None where there is nothing to compare
    reason: str | None = None


@dataclass(frozen=True)
class PassPoint:
    """Pass@k of one row on one exam."""

    k: int
    value: Estimate
    every: bool  # k = n: one draw a problem, as noisy as a coin


@dataclass(frozen=True)
class PassCurve:
    label: str
    block: str
    points: tuple[PassPoint, ...]  # k ascending; empty where the exam is not complete


@dataclass(frozen=True)
class PassCurves:
    """Pass@k over k on one exam, of all rows that sat it whole."""

    exam: str
    protocol: str  # an exam sat under two protocols has two curves
    ks: tuple[int, ...]
    rows: tuple[PassCurve, ...]


@dataclass(frozen=True)
class Identical:
    """A difference on the primary between things that nothing sets apart: two sittings of one model, or a placebo and the untrained student."""

    label: str
    said: str  # "the untrained student, sitting again", "trained on its own rollouts without a teacher"
    delta: Difference


@dataclass(frozen=True)
class Noise:
    """How far identical things differed. No row is called above or below the untrained student whose difference to it lies within."""

    identical: tuple[Identical, ...]
    low: float  # at most 0
    high: float  # at least 0


@dataclass(frozen=True)
class Luck:
    """By how much the best of so many equal methods would beat the untrained student by luck alone, on average."""

    rows: int
    value: float


@dataclass(frozen=True)
class Decides:
    """What would decide a claim, were the difference found the true one; with 80% power. `reason` where no seeds and no answers would."""

    seeds: int | None
    samples: int | None  # answers a problem
    reason: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What became of one claim of the suite in one pair under one budget. `delta` is what is claimed to be above the margin."""

    say: str
    that: str
    on: str  # "Pass@8 on amobench"
    verdict: str  # "supported" | "contradicted" | "undecided"
    margin: float
    delta: Difference | None
    p_value: float | None  # against the margin, two-sided, adjusted over all claims of the suite
    decides: Decides | None  # where undecided
    reason: str | None = None  # why it could not be tested: "one seed: …", "trd has no complete score there", …

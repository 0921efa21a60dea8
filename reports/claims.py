"""What became of the suite's claims. A claim is about methods: with fewer than three seeds it stays undecided, whatever two checkpoints did."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.claims import REFERENCES, Order, parse
from harness.statistics import Difference, holm
from harness.statistics.power import SEED_SD, Against, Sat, fitted, sample_noise, samples_for, seeds_and_samples_for
from reports.columns import endpoint, primary
from reports.drafts import LEVEL, Draft, Endpoint, difference, gaps, p_against, paired
from reports.findings import Decides, Verdict
from reports.nouns import Exam, Group, Primary
from reports.words import basis, plural


def verdicts(
    suite: Mapping[str, Any], drafts: Sequence[Draft], exams: Sequence[Exam], wanted: Primary, pair: str, budget: str | None
) -> tuple[Verdict, ...]:
    """On the claims that hold for this pair and budget, each tested by itself; `decided` corrects for their number."""
    there = [claim for claim in suite.get("claims") or () if _holds_for(claim, pair, budget)]
    return tuple(
        found for claim in there if (order := parse(claim["that"])) for found in [_tested(claim, order, suite, drafts, exams, wanted)]
    )


def decided(groups: Sequence[Group]) -> list[Group]:
    """The groups of one suite, whose claims are one family."""
    tested = [verdict.p_value for group in groups for verdict in group.verdicts if verdict.p_value is not None]
    adjusted = iter(holm(tested))
    return [
        replace(group, verdicts=tuple(each if each.p_value is None else _decided(each, next(adjusted)) for each in group.verdicts))
        for group in groups
    ]


def _decided(verdict: Verdict, p_value: float) -> Verdict:
    assert verdict.delta is not None
    if p_value >= LEVEL:
        return replace(verdict, p_value=p_value)
    said = "supported" if verdict.delta.value > verdict.margin else "contradicted"
    return replace(verdict, p_value=p_value, verdict=said, decides=None)


def _holds_for(claim: Mapping[str, Any], pair: str, budget: str | None) -> bool:
    return claim.get("pair") in (None, pair) and claim.get("budget") in (None, budget)


def _family(suite: Mapping[str, Any]) -> int:
    """How many claims are tested, over all pairs and budgets."""
    groups = [(pair, budget) for pair in suite.get("pairs") or ("",) for budget in suite.get("budgets") or ("",)]
    return sum(_holds_for(claim, pair, budget) for claim in suite.get("claims") or () for pair, budget in groups)


def _tested(
    claim: Mapping[str, Any], order: Order, suite: Mapping[str, Any], drafts: Sequence[Draft], exams: Sequence[Exam], wanted: Primary
) -> Verdict:
    over, title = _asked(claim, suite, drafts, exams, wanted)
    a, b = (_side(label, drafts) for label in (order.a, order.b))
    found = Verdict(claim["say"], claim["that"], title, "undecided", order.margin, None, None, None)
    for label, draft in ((order.a, a), (order.b, b)):
        if draft is None or over is None or not over.seeds(draft):
            return replace(found, reason=f"{label} has no complete score there")
    assert a and b and over
    delta = difference(a, b, over)
    if delta is None:
        return replace(found, reason="the two share no seed")
    decides = _decides(a, b, over, delta, order.margin, LEVEL / max(1, _family(suite)))
    if delta.checkpoints:
        few = "one seed" if delta.seeds == 1 else plural(delta.seeds, "seed")
        return replace(found, delta=delta, decides=decides, reason=f"{few}: two checkpoints differ, which says little of two methods")
    return replace(found, delta=delta, p_value=p_against(order.margin, gaps(a, b, over), over.weights), decides=decides)


def _asked(
    claim: Mapping[str, Any], suite: Mapping[str, Any], drafts: Sequence[Draft], exams: Sequence[Exam], wanted: Primary
) -> tuple[Endpoint | None, str]:
    """What is compared, and that in words. What the claim leaves out is the primary's."""
    said = (suite.get("report") or {}).get("primary") or {}
    named = claim.get("exam")
    over = [named] if isinstance(named, str) else list(named or wanted.over)
    asked = {"metric": claim.get("metric", said.get("metric")), "over": over, "weight": "exams" if named else wanted.weight}
    shown, pass_k = primary({**suite, "report": {"primary": asked}}, exams)
    return endpoint(shown, pass_k, exams, _side("student", drafts)), basis(shown.title, shown.over, shown.weight, shown.asked)


def _side(label: str, drafts: Sequence[Draft]) -> Draft | None:
    by_role = label in REFERENCES
    return next(
        (draft for draft in drafts if (draft.role == label if by_role else draft.label == label and draft.block != "reported")), None
    )


def _decides(a: Draft, b: Draft, over: Endpoint, delta: Difference, margin: float, alpha: float) -> Decides:
    """For a true difference as large as the one found, by the spreads that were found with it."""
    effect, found, pairs = abs(delta.value - margin), gaps(a, b, over), paired(a, b, over)
    against: Against = "base" if None in pairs[0] else "row"
    exams = [
        _sat(b, over, column, weight, gap, pairs[0][1], against)
        for column, weight, gap in zip(over.columns, over.weights, found, strict=True)
    ]
    if effect < 1e-9:
        return Decides(None, None, "no difference was found")
    if delta.seeds == 0:
        asked = samples_for(effect, exams, 0, alpha)
        return (
            Decides(None, max(asked))
            if asked
            else Decides(None, None, "no number of answers per problem would decide it: that takes more problems")
        )
    asked = seeds_and_samples_for(effect, exams, alpha, against, _seed_sd(found, over, exams, against))
    if asked is None:
        return Decides(None, None, "neither 32 seeds nor 8 times the answers would decide it: that takes more problems")
    return Decides(asked[0], max(exam.samples for exam in exams) * asked[1])


def _sat(
    b: Draft, over: Endpoint, column: tuple[str, str, str], weight: float, gap_SP: np.ndarray, seed: int | None, against: Against
) -> Sat:
    score = b.whole[column][seed]
    made = Sat(score.problems, score.samples, weight, over.pass_k, fitted(score.correct, score.samples))
    if score.problems < 2:
        return made
    noise, runs = sample_noise(made.difficulty, made.samples, made.pass_k), len(gap_SP)
    by_samples = noise / runs + (noise if against == "base" else noise / runs)
    return replace(made, uneven=math.sqrt(max(0.0, float(gap_SP.mean(axis=0).var(ddof=1)) - by_samples)))


def _seed_sd(gaps_SP: Sequence[np.ndarray], over: Endpoint, exams: Sequence[Sat], against: Against) -> float:
    """SD over seeds of one row's score, beyond what samples explain; an assumed one where there are no seeds to see it by."""
    runs = len(gaps_SP[0])
    if runs < 3:
        return SEED_SD
    rows = 1 if against == "base" else 2
    means = sum(weight * gap.mean(axis=1) for weight, gap in zip(over.weights, gaps_SP, strict=True))
    by_samples = sum(exam.weight**2 * rows * sample_noise(exam.difficulty, exam.samples, exam.pass_k) / exam.problems for exam in exams)
    return math.sqrt(max(0.0, float(np.var(means, ddof=1)) - by_samples) / rows)


def needs(verdict: Verdict) -> str | None:
    """What would decide it, in words; None for what is decided or was not tested."""
    found = verdict.decides
    if found is None:
        return None
    if found.reason:
        return found.reason
    asked: Iterable[str] = [*([plural(found.seeds, "seed")] if found.seeds else []), plural(found.samples or 0, "answer") + " a problem"]
    return f"{' and '.join(asked)} would decide a difference of this size"

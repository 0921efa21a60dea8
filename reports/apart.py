"""One cell apart: rows that differ in exactly one answer and in nothing else, over all suites; what that answer is worth, pooled. Pure.

A leaderboard of names becomes knowledge about choices: "full vocabulary → the teacher's top 32: +0.3 ± 0.6 over 7 comparisons".
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.pooling import Pooled, pooled
from harness.results import Answers
from reports.drafts import Draft, Endpoint, difference
from reports.nouns import AGAIN, Delta
from reports.words import plural, points

QUESTIONS = ("writer", "teacher", "reads", "loss", "tokens", "keep")
UNNAMED = {"Loss": ("divergence",), "TopK": ("k",)}  # fields that may be spelled without their name
ABSENT = "–"  # where one side says nothing: its default


@dataclass(frozen=True, order=True)
class Change:
    """From one answer to another: of a whole question (`loss`), or of the one field in which both differ (`loss.support`)."""

    place: str
    before: str
    after: str

    @property
    def said(self) -> str:
        """For people."""
        before, after = (in_words(self.place, text) for text in (self.before, self.after))
        return f"{before} → {after}" if self.place in QUESTIONS else f"{self.place}: {before} → {after}"


@dataclass(frozen=True)
class Comparison:
    """`after` minus `before` on a suite's primary, paired on problems and seeds."""

    change: Change
    suite: str
    pair: str
    budget: str | None
    before: str  # labels
    after: str
    metric: str
    delta: Delta
    seeds: int


@dataclass(frozen=True)
class Apart:
    """All comparisons of one change, and what they come to together."""

    change: Change
    pooled: Pooled
    comparisons: tuple[Comparison, ...]

    @property
    def said(self) -> str:
        """full vocabulary → the teacher's top 32: +0.3 ± 0.6 over 7 comparisons; ± is half of the 95% interval."""
        half = (self.pooled.interval95[1] - self.pooled.interval95[0]) / 2
        value = points(self.pooled.value)
        return f"{self.change.said}: {value} ± {100 * half:.1f} over {plural(self.pooled.count, 'comparison')}"


def comparisons(
    drafts: Sequence[Draft], endpoint: Endpoint | None, suite: str, pair: str, budget: str | None, metric: str
) -> tuple[Comparison, ...]:
    """Within one suite, pair and budget: every two rows one cell apart that share seeds. Nothing where the suite has no endpoint."""
    able = [
        draft for draft in drafts if draft.first.answers.loss is not None and draft.block in ("method", "control") and draft.label != AGAIN
    ]
    found = []
    for place, one in enumerate(able):
        for other in able[place + 1 :]:
            change = apart(one, other)
            if change is None or endpoint is None:
                continue
            before, after = one, other
            if _order(change.after) < _order(change.before):  # one direction for all suites
                change, before, after = Change(change.place, change.after, change.before), other, one
            delta = difference(after, before, endpoint)
            if delta is not None and delta.stderr is not None:
                seeds = len(set(endpoint.seeds(before)) & set(endpoint.seeds(after)))
                found.append(Comparison(change, suite, pair, budget, before.label, after.label, metric, delta, seeds))
    return tuple(found)


def _order(text: str) -> tuple[bool, float, str]:
    """Saying nothing comes first, numbers by their size."""
    try:
        return text != ABSENT, float(text), text
    except ValueError:
        return text != ABSENT, float("inf"), text


def pooled_over(found: Iterable[Comparison]) -> tuple[Apart, ...]:
    """Each change once, the one with most comparisons first."""
    by: dict[Change, list[Comparison]] = {}
    for each in found:
        by.setdefault(each.change, []).append(each)
    made = [Apart(change, _together(mine), tuple(mine)) for change, mine in by.items()]
    return tuple(sorted(made, key=lambda each: (-each.pooled.count, each.change)))


def _together(mine: Sequence[Comparison]) -> Pooled:
    made = pooled([each.delta.value for each in mine], [each.delta.stderr or 0.0 for each in mine])
    said = mine[0].delta.interval95
    return Pooled(made.value, made.stderr, said, 0.0, 1) if len(mine) == 1 and said else made


def apart(one: Draft, other: Draft) -> Change | None:
    """In what two rows differ, where it is one answer alone: settings of training and further terms are the same."""
    a, b = one.first, other.first
    if a.answers.also != b.answers.also or a.division != b.division or _settings(a.overrides) != _settings(b.overrides):
        return None
    changed = [name for name in QUESTIONS if getattr(a.answers, name) != getattr(b.answers, name)]
    return _change(changed[0], a.answers, b.answers) if len(changed) == 1 else None


def _settings(overrides: Mapping[str, str]) -> dict[str, str]:
    """Overrides of training; those of answers stand in the answers."""
    return {path: value for path, value in overrides.items() if path.partition(".")[0] not in (*QUESTIONS, "also")}


def _change(question: str, a: Answers, b: Answers) -> Change:
    """Down to the one field that differs, where the answers are otherwise the same."""
    place, before, after = question, getattr(a, question), getattr(b, question)
    while before is not None and after is not None:
        mine, its = fields(before), fields(after)
        if mine is None or its is None or mine[0] != its[0]:
            break
        names = [name for name in dict.fromkeys((*mine[1], *its[1])) if mine[1].get(name) != its[1].get(name)]
        if len(names) != 1:
            break
        place, before, after = f"{place}.{names[0]}", mine[1].get(names[0]), its[1].get(names[0])
    return Change(place, before or ABSENT, after or ABSENT)


def fields(text: str) -> tuple[str, dict[str, str]] | None:
    """`TopK(32, of='teacher')` as its name and its fields, unnamed ones by their place; None for anything else. Nothing is evaluated."""
    try:
        said = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not isinstance(said, ast.Call) or not isinstance(said.func, ast.Name):
        return None
    names = UNNAMED.get(said.func.id, ())
    unnamed = {names[place] if place < len(names) else str(place): ast.unparse(value) for place, value in enumerate(said.args)}
    return said.func.id, unnamed | {each.arg: ast.unparse(each.value) for each in said.keywords if each.arg}


def in_words(place: str, text: str) -> str:
    """An answer for people: the few that are common in words, any other as it is spelled."""
    if place == "loss.support":
        if text in (ABSENT, "None"):
            return "full vocabulary"
        said = fields(text)
        if said and said[0] == "TopK":
            k, of = said[1].get("k", "?"), said[1].get("of", "?").strip("'\"")
            return f"{of}'s top {k}"
    return text.removesuffix("()") if text != ABSENT else "default"

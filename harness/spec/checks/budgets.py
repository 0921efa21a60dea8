"""Budgets: each ends for every row, and none asks for what no row can reach."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.document import Document
from harness.spec.asked import written_by
from harness.spec.checks.data import available, each_round
from harness.spec.checks.names import Lines
from harness.spec.model import Budget
from harness.spec.rows import RowSpec
from methods.method import Method

if TYPE_CHECKING:
    from harness.spec import Suite


def grows(meter: str, method: Method) -> bool:
    """Can this meter ever move in a row of this method?"""
    match meter:
        case "student_written" | "teacher_written":
            return any(written_by(term, meter.removesuffix("_written")) for term in method.terms.values())
        case "teacher_read":
            return any(term.scored for term in method.terms.values())
        case _:
            return True


def budgets(suite: Suite, document: Document) -> Lines:
    for name, budget in suite.budgets.items():
        path = ("budgets", name)
        if not budget.limits:
            yield document.fault(
                path,
                "a budget without a limit ends nothing. Give at least one, for example {updates: 100} or {student_written: 60_000_000}.",
            )
            continue
        for row in suite.rows:
            if not any(grows(meter, row.method) for meter in budget.limits):
                stuck = " and ".join(budget.limits)
                if row.train.rounds.count == "until-budget":
                    yield document.fault(
                        path,
                        f"row {row.label!r} would never end: in it {stuck} never grows, and rounds go on until the budget is spent. "
                        "Add a limit that grows, for example updates.",
                    )
                else:
                    yield document.fault(
                        path,
                        f"row {row.label!r} never spends from this budget: in it {stuck} never grows, "
                        "so warm-up and decay would stand still. Add a limit that grows, for example updates.",
                    )
        if document.own(path):
            yield from beyond_reach(suite, document, name, budget)
    seen: dict[tuple, str] = {}
    for name, budget in suite.budgets.items():
        limits = tuple(sorted(budget.limits.items()))
        if limits and limits in seen:
            yield document.fault(
                ("budgets", name),
                f"says what {seen[limits]!r} says already. Every row would run twice for nothing; take one away.",
                at_key=True,
            )
        seen[limits] = name


def beyond_reach(suite: Suite, document: Document, name: str, budget: Budget) -> Lines:
    """Limits that the rounds of every row end before."""
    for meter in ("rounds", "updates", "epochs"):
        limit = budget.limits.get(meter)
        if limit is None:
            continue
        reached = [most(suite, row, meter) for row in suite.rows]
        if all(each is not None and each < limit for each in reached):
            best = max(each for each in reached if each is not None)
            rounds = suite.train.rounds
            yield document.fault(
                ("budgets", name, meter),
                f"{limit:g} {meter} are never reached: rounds (count {rounds.count}, problems {rounds.problems}) end after {best:g}. "
                "Raise rounds.count, write `count: until-budget`, or lower this limit.",
            )


def most(suite: Suite, row: RowSpec, meter: str) -> float | None:
    """The most that the row's rounds can give, or None where only running tells."""
    rounds = row.train.rounds
    if rounds.count == "until-budget":
        return None
    if meter == "rounds":
        return rounds.count
    if meter == "updates":
        given = each_round(suite, row)
        return None if given is None else rounds.count * math.ceil(given / row.train.optim.batch)
    if rounds.problems == "all":
        return rounds.count
    found = available(suite, row)
    return None if found is None else rounds.count * rounds.problems / found

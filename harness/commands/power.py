"""The part of `harness plan` that says what can be found out, in lines of text."""

from __future__ import annotations

from typing import Any

from harness.statistics.nouns import FEWEST_SEEDS
from harness.statistics.power import POWER


def lines(found: dict[str, Any]) -> list[str]:
    """From the plan as plain data."""
    wanted, seeds = found["wanted"], found["seeds"]
    if not found["exams"]:
        return []
    what = "of these checkpoints" if seeds < FEWEST_SEEDS else "of methods"
    made = [
        f"smallest differences {what} that would be found, in points ({100 * POWER:g}% power, {seeds} seed{'s' if seeds > 1 else ''})",
        f"  {'exam':<22}{'problems × n':>14}{'untrained':>11}{'by itself':>11}{f'n for {points(wanted)}':>12}",
    ]
    for exam in found["exams"]:
        base = f"{100 * exam['base']:.1f}" if exam["base"] is not None else "–"
        asked = exam["samples_wanted"] or "none"
        sat = f"{exam['problems']:,} × {exam['samples']}"
        made.append(f"  {exam['name']:<22}{sat:>14}{base:>11}{points(exam['alone']):>11}{asked:>12}")
    if primary := found["primary"]:
        made.append(
            f"  primary, {primary['metric']}: {points(primary['alone'])} by itself, {points(primary['among'])} as the first of "
            f"{found['comparisons']} comparisons (Holm)"
        )
        more = ", ".join(f"{count} seeds {points(value)}" for count, value in primary["by_seeds"].items())
        made.append(f"  of methods, as the first of {found['comparisons']}: {more}")
        if primary["samples_wanted"]:
            asked = ", ".join(f"{n} on {name}" for name, n in primary["samples_wanted"].items())
            made.append(f"  to find {points(wanted)} so, at least cost: n = {asked} ({primary['answers_wanted']:,} answers a row)")
        else:
            made.append(f"  no number of answers per problem finds {points(wanted)}: it takes more seeds, or more problems")
    if found["claims"]:
        made += ["", f"claims: the smallest difference beyond the margin that decides, and the power at {points(wanted)}"]
        wide = max(len(claim["that"]) for claim in found["claims"])
        made += [f"  {claim['that']:<{wide}}  {_decides(claim, seeds)}" for claim in found["claims"]]
    granted = [
        "rows differ alike on all problems",
        f"with three seeds or more a score varies by {points(found['seed_sd'])} points between them",
    ]
    if any(exam["base"] is None for exam in found["exams"]):
        granted.insert(0, "what was never sat is as hard as Beta(0.6, 0.6)")
    return [*made, "taken for granted", *(f"  {each}" for each in granted)]


def _decides(claim: dict[str, Any], seeds: int) -> str:
    if claim["detects"] is None:
        return "not known: how many problems an exam has is told by loading it alone"
    said = f"{points(claim['detects'])}, {claim['power_at_wanted']:.0%}"
    return f"nothing with {seeds} seed{'s' if seeds > 1 else ''}; with {claim['seeds']} {said}" if 0 < seeds < claim["seeds"] else said


def points(fraction: float) -> str:
    return f"{100 * fraction:.1f}"

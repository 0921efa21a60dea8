"""The claims, the way to the teacher, the margins and Pass@k of a group in Markdown; and a verdict as one line, for a terminal too."""

from __future__ import annotations

from collections.abc import Iterable

from reports.claims import needs
from reports.findings import PassCurves, Recovered, Verdict
from reports.markup import code, inline, table
from reports.nouns import Group
from reports.words import DASH, interval, percent, points


def verdict_line(verdict: Verdict) -> str:
    """`undecided: +0.8, −1.1 to +2.7, p 0.41; 5 seeds and 32 answers a problem would decide a difference of this size`."""
    found = []
    if delta := verdict.delta:
        found.append(
            f"{points(delta.value)}, {interval(delta.interval95)}"
            + (f", p {probability(verdict.p_value)}" if verdict.p_value is not None else "")
        )
    found += [*([verdict.reason] if verdict.reason else []), *([said] if (said := needs(verdict)) else [])]
    return f"{verdict.verdict}: {'; '.join(found)}"


def probability(p_value: float) -> str:
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}" if p_value < 0.1 else f"{p_value:.2f}"


def concluded(group: Group) -> Iterable[str]:
    if group.verdicts:
        yield from ("### What the suite claimed", "", "Differences in points; p corrected for the number of claims.", "")
        for each in group.verdicts:
            yield f"- {inline(each.say)} (`{code(each.that)}`, {inline(each.on)}): **{each.verdict}**{inline(verdict_line(each).removeprefix(each.verdict))}"
        yield ""
    ways = [(row.label, row.recovered) for row in group.rows if row.recovered]
    if ways and any(way.share is not None for _, way in ways):
        yield from (
            "### How far to the teacher",
            "",
            "Share of the way from the untrained student to the teacher on the primary, in percent.",
            "",
        )
        yield from (*table(["row", "recovered", "95%"], [[f"`{code(label)}`", *recovered(way)] for label, way in ways]), "")
    kept = [(row.label, row.kept) for row in group.rows if row.kept]
    if kept:
        head = [f"{each.name}: at most {points(each.margin).lstrip('+')} lost" for each in kept[0][1]]
        rows = [
            [
                f"`{code(label)}`",
                *(f"{each.verdict or DASH} {interval(each.delta.interval95) if each.delta else ''}".strip() for each in found),
            ]
            for label, found in kept
        ]
        yield from ("### What training must not break", "", *table(["row", *head], rows), "")
    for found in group.curves:
        yield from _curves(found)


def recovered(way: Recovered) -> tuple[str, str]:
    """The share with its interval, or why there is none."""
    if way.share is None:
        return DASH, inline(way.reason or "")
    return percent(way.share, 0), f"{percent(way.interval95[0], 0)} to {percent(way.interval95[1], 0)}" if way.interval95 else DASH


def _curves(found: PassCurves) -> Iterable[str]:
    """At k = n every problem is a single draw: the column is marked."""
    if not any(row.points for row in found.rows):
        return
    yield from (
        f"### {inline(found.exam)}: Pass@k",
        "",
        "In percent, with 95% intervals; at k = n each problem is one throw of a coin.",
        "",
    )
    last = (
        max(point.k for row in found.rows for point in row.points if point.every)
        if any(p.every for r in found.rows for p in r.points)
        else 0
    )
    rows = []
    for row in found.rows:
        by_k = {point.k: point.value for point in row.points}
        rows.append([f"`{code(row.label)}`", *(_with_interval(by_k[k].value, by_k[k].interval95) if k in by_k else DASH for k in found.ks)])
    yield from (*table(["row", *(f"{k} = n" if k == last else str(k) for k in found.ks)], rows), "")


def _with_interval(value: float, bounds: tuple[float, float] | None) -> str:
    return percent(value) + (f" ({percent(bounds[0])}–{percent(bounds[1])})" if bounds else "")

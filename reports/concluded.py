"""The claims, the way to the teacher, the margins and Pass@k of a group in Markdown; and a verdict as one line, for a terminal too."""

from __future__ import annotations

from collections.abc import Iterable

from reports.claims import needs
from reports.findings import Kept, PassCurves, Recovered, Verdict
from reports.markup import code, inline, table
from reports.nouns import Group
from reports.words import DASH, interval, percent, points, series


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
    yield from _ways(group)
    yield from _margins(group)
    exams = [found.exam for found in group.curves]
    for found in group.curves:
        yield from _curves(found, alone=exams.count(found.exam) == 1)


def _ways(group: Group) -> Iterable[str]:
    ways = [(row.label, row.recovered) for row in group.rows if row.recovered]
    if not any(way.share is not None for _, way in ways):
        return
    yield from (
        "### How far to the teacher",
        "",
        "Share of the way from the untrained student to the teacher on the primary, in percent; 100 is all of it.",
        "",
        *table(["row", "recovered", "95%"], [[f"`{code(label)}`", *_recovered(way)] for label, way in ways if way.share is not None]),
        "",
    )
    without: dict[str, list[str]] = {}
    for label, way in ways:
        if way.share is None:
            without.setdefault(way.reason or "no reason given", []).append(f"`{code(label)}`")
    if without:
        yield from (*(f"- No share for {series(labels)}: {inline(reason)}." for reason, labels in without.items()), "")


def _margins(group: Group) -> Iterable[str]:
    kept = [(row.label, row.kept) for row in group.rows if row.kept]
    if not kept:
        return
    head = [f"{each.name}: at most {points(each.margin).lstrip('+')} lost" for each in kept[0][1]]
    yield from (
        "### What training must not break",
        "",
        "Kept: the whole 95% interval of the difference to the untrained student lies above the loss that the suite allows, in points; lost: it "
        "lies below it; unclear: it does neither. “Not significant” is not “not hurt”.",
        "",
        *table(["row", *head], [[f"`{code(label)}`", *map(_kept, found)] for label, found in kept]),
        "",
    )


def _kept(each: Kept) -> str:
    if each.delta is None or each.verdict is None:
        return f"{DASH} {inline(each.reason or '')}".strip()
    return f"{each.verdict}: {points(each.delta.value)} [{interval(each.delta.interval95)}]"


def _recovered(way: Recovered) -> tuple[str, str]:
    return percent(way.share, 0), f"{percent(way.interval95[0], 0)} to {percent(way.interval95[1], 0)}" if way.interval95 else DASH


def _curves(found: PassCurves, alone: bool) -> Iterable[str]:
    """At k = n every problem is a single draw: the column is marked."""
    if not any(row.points for row in found.rows):
        return
    yield from (
        f"### {inline(found.exam if alone else f'{found.exam} ({found.protocol})')}: Pass@k",
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

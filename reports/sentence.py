"""What may be claimed: which rows stand beyond noise, after correction for looking at many, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.statistics import holm
from reports.drafts import LEVEL
from reports.findings import Noise
from reports.nouns import SEEDS_FOR_RANKS, Group, Row
from reports.words import Span, interval, listed, of_an_h100, percent, plural, points

MANY = 4  # above so many, rows that nothing is claimed of are counted, not named
CHEAPER = 0.9  # rows are called the cheapest where they cost less than this share of every other
FEW = 2  # of them are named at most


def judged(groups: Sequence[Group]) -> list[Group]:
    """The groups of one suite, with claims. They are one family: every trained row of every pair against its untrained student, on the primary."""
    family = [(g, r) for g, group in enumerate(groups) for r, row in enumerate(group.rows) if _p_value(row) is not None]
    adjusted = dict(zip(family, holm([_p_value(groups[g].rows[r]) or 0.0 for g, r in family]), strict=True))
    found = []
    for g, group in enumerate(groups):
        rows = tuple(_judged(row, adjusted[g, r], group.noise) if (g, r) in adjusted else row for r, row in enumerate(group.rows))
        group = replace(group, rows=rows)
        found.append(replace(group, sentence=tuple(_sentence(group))))
    return found


def noise(group: Group) -> str:
    """What `beyond noise` means, for where no caption says so; empty where nothing was tested."""
    if not any(row.base for row in group.rows if row.block == "method"):
        return ""
    said = "Noise is tested at 95%, corrected for the number of rows"
    if group.luck is None:
        return f"{said}."
    return f"{said}; by luck alone the best of {group.luck.rows} equal methods would stand {percent(group.luck.value)} points above."


def _p_value(row: Row) -> float | None:
    return row.base.p_value if row.block in ("method", "control") and row.base else None


def _judged(row: Row, p_value: float, noise: Noise | None) -> Row:
    assert row.base is not None
    inside = noise is not None and noise.low <= row.base.value <= noise.high
    beyond = ("above" if row.base.value > 0 else "below") if p_value < LEVEL and not inside else None
    return replace(row, base=replace(row.base, p_value=p_value), beyond=beyond)


def _sentence(group: Group) -> Iterable[Span]:
    """What a reader may take away, and no more."""
    methods = [row for row in group.rows if row.block == "method"]
    tested = [row for row in methods if row.base]
    if not tested:
        yield ("text", "No trained row can be compared with the untrained student yet.")
        yield from _broken(methods)
        return
    few = group.seeds < SEEDS_FOR_RANKS
    if few:
        yield (
            "text",
            f"{'One seed' if group.seeds == 1 else plural(group.seeds, 'seed').capitalize()}: checkpoint differences, no ranks. ",
        )
    above, below = [row for row in tested if row.beyond == "above"], [row for row in tested if row.beyond == "below"]
    leaders = [] if few else [row for row in above if row.rank and row.rank[0] == 1]
    if leaders:
        yield from _leaders(leaders, [row for row in above if row not in leaders])
    elif len(above) == len(methods) > 2:
        yield from _all(above)
    elif above:
        yield from listed([row.label for row in above])
        yield ("text", f" {'beats' if len(above) == 1 else 'beat'} the untrained student beyond noise ({_span(above)} points).")
    else:
        yield ("text", "No row beats the untrained student beyond noise.")
    if below:
        yield ("text", " ")
        yield from listed([row.label for row in below])
        yield ("text", f" {'falls' if len(below) == 1 else 'fall'} below it ({_span(below)}).")
    level = [row for row in tested if row.beyond is None]
    if above and len(level) > MANY:
        yield ("text", f" The other {len(level)} rows with a score cannot be told from it.")
    elif above and level:
        yield ("text", " ")
        yield from listed([row.label for row in level])
        yield ("text", " cannot be told from it.")
    for row in group.rows:
        if row.label == group.best_control and row.base:
            yield from (("text", " Best control: "), ("code", row.label), ("text", f", {points(row.base.value)}"))
            first = leaders[0].control if leaders else None
            if first and first.interval95:
                yield from (
                    ("text", "; "),
                    ("code", leaders[0].label),
                    ("text", f" minus it: {points(first.value)} ({interval(first.interval95)})"),
                )
            yield ("text", ".")
    yield from _margins([row for row in group.rows if row.block in ("method", "control") and row.kept])
    yield from _cheapest(leaders or above, "leader" if leaders else "of these")
    yield from _broken(methods)


def _leaders(leaders: Sequence[Row], others: Sequence[Row]) -> Iterable[Span]:
    yield from listed([row.label for row in leaders])
    verb = " leads" if len(leaders) == 1 else " lead and cannot be told apart"
    yield ("text", f"{verb} ({_span(leaders)} points over the untrained student)")
    if others:
        yield ("text", "; ")
        yield from listed([row.label for row in others])
        yield ("text", f" also {'beats' if len(others) == 1 else 'beat'} it ({_span(others)})")
    yield ("text", ".")


def _all(rows: Sequence[Row]) -> Iterable[Span]:
    """Where every method is above, names of all say nothing: give the two ends."""
    ordered = sorted((row.base.value, row.label) for row in rows if row.base)
    (low, least), (high, most) = ordered[0], ordered[-1]
    yield ("text", f"All {len(rows)} rows beat the untrained student beyond noise, from ")
    yield from (("code", least), ("text", f" ({points(low)} points) to "), ("code", most), ("text", f" ({points(high)})."))


def _margins(rows: Sequence[Row]) -> Iterable[Span]:
    """What training must not break: who surely did, and whether all others surely did not."""
    for place, first in enumerate(rows[0].kept if rows else ()):
        lost = [row.label for row in rows if row.kept[place].verdict == "lost"]
        sure = [row for row in rows if row.kept[place].verdict == "kept"]
        said = f"more than {100 * first.margin:g} {'point' if first.margin == 0.01 else 'points'} on {first.name}"
        if lost:
            yield ("text", " ")
            yield from listed(lost)
            yield ("text", f" lost {said}.")
        elif len(sure) == len(rows):
            yield ("text", f" No row lost {said}.")
        else:
            yield ("text", f" Of {len(rows)} rows, {len(sure)} surely {'has' if len(sure) == 1 else 'have'} not lost {said}.")


def _cheapest(rows: Sequence[Row], of: str) -> Iterable[Span]:
    priced = [(row.cost.gpu_hours, row.label) for row in rows if row.cost and row.cost.gpu_hours > 0]
    least = min((cost for cost, _ in priced), default=0.0)
    cheap = [label for cost, label in priced if CHEAPER * cost <= least]
    if 0 < len(cheap) < min(len(priced), FEW + 1):
        yield ("text", f" Cheapest {of + 's' if of == 'leader' and len(cheap) > 1 else of}: ")
        yield from listed(cheap)
        yield ("text", f", {of_an_h100(least)}.")


def _broken(rows: Sequence[Row]) -> Iterable[Span]:
    without = [row.label for row in rows if row.primary is None]
    if without:
        yield ("text", " Without a score: ")
        yield from listed(without)
        yield ("text", ".")


def _span(rows: Sequence[Row]) -> str:
    values = sorted(row.base.value for row in rows if row.base)
    low, high = points(values[0]), points(values[-1])
    return low if low == high else f"{low} to {high}"

"""Two sets of results beside each other: the paired difference of each exam that both sat, rows matched by pair, budget, label and seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.results import Result
from harness.statistics import Difference, Estimate
from reports.columns import exam_columns
from reports.drafts import Draft, difference, drafts, mean, on, paired
from reports.nouns import Key

Name = tuple[str, str | None, str]  # pair, budget, label


@dataclass(frozen=True)
class Contrast:
    """One row on one exam. `delta` is B minus A; where there is none, `note` says why."""

    pair: str
    label: str
    exam: str
    a: Estimate | None
    b: Estimate | None
    delta: Difference | None
    note: str | None = None


@dataclass(frozen=True)
class Comparison:
    contrasts: tuple[Contrast, ...]
    only_a: tuple[str, ...]  # rows that the other side lacks
    only_b: tuple[str, ...]


def compared(a: Sequence[Result], b: Sequence[Result], mixed: bool = False) -> Comparison:
    """Columns of unlike protocol or problems are not compared; with `mixed`, those of unlike protocol are, on the same problems, with a note.

    Where either side is of one row alone, the two rows are compared whatever they are called.
    """
    rows_a, rows_b = _rows(a), _rows(b)
    if len(rows_a) == len(rows_b) == 1:
        matched = [(next(iter(rows_a)), next(iter(rows_b)))]
    else:
        matched = [(name, name) for name in rows_a if name in rows_b]
    several = len({budget for _, budget, _ in rows_a if budget}) > 1
    found = [each for one, other in matched for each in _contrasts(one, other, rows_a[one], rows_b[other], several, mixed)]
    left_a, left_b = (
        [_said(name) for name in rows if name not in {pair[side] for pair in matched}] for side, rows in enumerate((rows_a, rows_b))
    )
    return Comparison(tuple(found), tuple(left_a), tuple(left_b))


def _rows(results: Sequence[Result]) -> dict[Name, Draft]:
    names = dict.fromkeys((result.pair, result.budget, result.label) for result in results)
    found = {}
    for name in names:
        mine = [result for result in results if (result.pair, result.budget, result.label) == name]
        found[name] = drafts(mine, exam_columns(mine, {}), ())[0]
    return found


def _said(name: Name) -> str:
    return " · ".join(filter(None, name))


def _contrasts(one: Name, other: Name, a: Draft, b: Draft, several: bool, mixed: bool) -> Iterable[Contrast]:
    label = one[2] if one[2] == other[2] else f"{one[2]} → {other[2]}"
    label += f" · {one[1]}" if several and one[1] else ""
    for exam in dict.fromkeys(column[0] for column in (*a.scores, *b.scores)):
        mine, its = ([column for column in draft.scores if column[0] == exam] for draft in (a, b))
        same = [column for column in mine if column in its]
        for column in same:
            yield _contrast(one[0], label, exam, a, b, column, column)
        if not same and mine and its:
            yield _unlike(one[0], label, exam, a, b, mine[0], its[0], mixed)
        elif not same:
            yield Contrast(one[0], label, exam, None, None, None, f"{'A' if its else 'B'} did not sit it")


def _unlike(pair: str, label: str, exam: str, a: Draft, b: Draft, mine: Key, its: Key, mixed: bool) -> Contrast:
    if mine[2] != its[2]:
        return Contrast(pair, label, exam, None, None, None, f"other problems: {mine[2][:8]} and {its[2][:8]}")
    said = f"protocols differ: {mine[1]} and {its[1]}"
    if not mixed:
        return Contrast(pair, label, exam, None, None, None, said)
    found = _contrast(pair, label, exam, a, b, mine, its)
    return Contrast(pair, label, exam, found.a, found.b, found.delta, "; ".join(filter(None, (said, found.note))))


def _contrast(pair: str, label: str, exam: str, a: Draft, b: Draft, mine: Key, its: Key) -> Contrast:
    lacks = [name for name, draft, column in (("A", a, mine), ("B", b, its)) if not draft.whole.get(column)]
    if lacks:
        return Contrast(pair, label, exam, None, None, None, f"{' and '.join(lacks)} not complete")
    theirs = Draft(b.label, b.role, b.results, {}, {mine: b.whole[its]})
    over = on(mine)
    if pairs := paired(theirs, a, over):  # of other seeds the means are no part of the difference
        a = replace(a, whole={mine: {seed: a.whole[mine][seed] for _, seed in pairs}})
        theirs = replace(theirs, whole={mine: {seed: theirs.whole[mine][seed] for seed, _ in pairs}})
    delta = difference(theirs, a, over)
    note = None if delta else "no seed in common"
    if delta and delta.checkpoints:
        note = f"{'one seed' if delta.seeds == 1 else f'{delta.seeds} seeds'}: two checkpoints, not two methods"
    return Contrast(pair, label, exam, mean(a, over), mean(theirs, over), delta, note)

"""What others published, in Markdown: a section of its own, behind everything that was measured here. No figure of it enters any other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.results import Figure
from reports.markup import code, inline, table
from reports.nouns import Board, Group
from reports.published import PublishedRow, PublishedTable
from reports.replication import Card, Claim
from reports.words import DASH, interval, percent, plural, points, series


def published(board: Board) -> Iterable[str]:
    """All tables with the marks and the source of their figures; then, for suites on the same models, each claim beside what was measured."""
    if not board.published:
        return
    yield from (
        "## Reported by papers, not run here",
        "",
        "As printed, scores in percent, and in brackets the difference printed beside one, in points. Other protocols, other hands: in no rank "
        "and in no statistic above. A word in italics stands at a figure that no number of right answers gives as it was printed, or that does "
        "not agree with others; what is wrong with it stands below its table. A mark is no proof of a fault: a mean of several runs has them too.",
        "",
    )
    for each in board.published:
        yield from _table(each)
    for group in board.groups:
        for card in group.cards:
            yield from _card(group, card)


def _table(each: PublishedTable) -> Iterable[str]:
    named = f"{each.study} ({each.paper})" if each.paper else each.study
    student = each.student or "a student that is not named"
    who = [f"{student}, its own teacher" if each.teacher == "self" else f"{student} ← {each.teacher}" if each.teacher else student]
    yield from (f"### {inline(named)}: {inline(each.pair)}", "", inline(". ".join([*who, *_sources(each)])) + ".", "")
    others = any(row.others for row in each.rows)
    head = ["row", *(f"{exam} {metric}" for exam, metric in each.columns), *(["also"] if others else [])]
    yield from (*table(head, [_cells(row, others) for row in each.rows]), "")
    if doubts := list(_doubts(each)):
        yield from (*doubts, "")


def _sources(each: PublishedTable) -> Iterable[str]:
    """Where its figures stand, and who says so."""
    figures = [figure for row in each.rows for cell in (*row.cells, row.others) for figure in cell]
    for certainty in dict.fromkeys(figure.certainty for figure in figures):
        places = sorted({figure.where for figure in figures if figure.certainty == certainty})
        yield f"By {'the paper' if certainty == 'paper' else certainty}: {series(places)}"


def _cells(row: PublishedRow, others: bool) -> list[str]:
    here = [label for label in row.stands_for if label != row.label]
    cells = [f"`{code(row.label)}`" + (f" (here {series([f'`{code(label)}`' for label in here])})" if here else "")]
    for printings in row.cells:
        unlike = {each.value: each for each in reversed(printings)}  # of equal ones the first
        again = [f"also printed {_figure(each)}" for each in printings if unlike[each.value] is each and each.value != printings[0].value]
        cells.append("; ".join([_figure(printings[0]), *again]) if printings else DASH)
    return cells + ([", ".join(map(_other, row.others)) or DASH] if others else [])


def _figure(each: Figure) -> str:
    """With as many decimals as were printed."""
    share, digits = each.unit == "share", max(0, each.digits - 2)
    said = percent(each.value, digits) if share else inline(f"{each.value:g} {each.unit}")
    if each.delta is not None:
        said += f" ({points(each.delta, digits) if share else f'{each.delta:+g}'})"
    return said + "".join(f" *{mark.kind.replace('_', ' ')}*" for mark in each.marks)


def _other(each: Figure) -> str:
    named = inline(f"{each.exam} {each.metric}" if each.exam else each.metric)
    return f"{named} {_figure(each)}" + (f" ({inline(each.note)})" if each.note else "")


def _doubts(each: PublishedTable) -> Iterable[str]:
    """What is wrong with which figure; once, where the same is printed in several places."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for row in each.rows:
        for figure in (figure for cell in (*row.cells, row.others) for figure in cell):
            for mark in figure.marks:
                named = f"{figure.exam} {figure.metric}" if figure.exam else figure.metric
                found.setdefault((row.label, named, mark.kind, mark.detail), []).append(figure.where)
    for (label, named, kind, detail), places in found.items():
        said = f"{named}, {series(list(dict.fromkeys(places)))}: {detail}"
        yield f"- `{code(label)}`, {inline(said)} (*{kind.replace('_', ' ')}*)"


def _card(group: Group, card: Card) -> Iterable[str]:
    where = " · ".join(filter(None, (group.suite, group.pair, group.budget)))
    yield from (f"### Claimed by {inline(card.table.study)} and measured here: {inline(where)}", "")
    if not card.claims:
        yield from ("No row of the paper has one of this suite beside it.", "")
        return
    counted = [f"{count} {verdict}" for verdict, count in card.verdicts.items() if count]
    yield from (
        (f"Of the means over exams: {series(counted)}. " if counted else "No mean over exams can be judged yet. ")
        + "Differences in points. Each claim is taken at its word, to within its rounding: papers print no error. Power is the chance that our "
        "95% interval would have left out zero, were the claim true.",
        "",
        *table(["claim", "on", "claimed", "here [95%]", "seeds", "power", "verdict", "why"], map(_claim, card.claims)),
        "",
    )


def _claim(each: Claim) -> list[str]:
    over = series(each.exams) if len(each.exams) < 3 else f"the mean of {plural(len(each.exams), 'exam')}"
    doubts = "".join(f" *{kind.replace('_', ' ')}*" for kind in dict.fromkeys(mark.kind for mark in each.marks))
    printed = f", printed as {points(each.printed)}" if each.printed is not None else ""
    return [
        f"`{code(each.label)}` over `{code(each.against)}`",
        inline(f"{each.metric}, {over}"),
        points(each.claimed) + printed + doubts,
        f"{points(each.ours.value)} [{interval(each.ours.interval95)}]" if each.ours else DASH,
        str(each.seeds or DASH) + (" (checkpoints)" if each.checkpoints else ""),
        DASH if each.power is None else f"{percent(each.power, 0)}%",
        each.verdict or DASH,
        inline(each.why),
    ]


def counted(tables: Sequence[PublishedTable]) -> str:
    """`Reported by papers, not run here: 4 tables of TRD and BRTS`, for where they do not fit."""
    return (
        f"Reported by papers, not run here: {plural(len(tables), 'table')} of {series(list(dict.fromkeys(each.study for each in tables)))}"
    )

"""The board in a terminal: one narrow table a pair."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.console import Group as Stack
from rich.table import Column, Table
from rich.text import Text

from harness.results import Result
from reports.concluded import verdict_line
from reports.nouns import Beside, BesideCell, Board, Group, LmFigure, Row
from reports.printed import counted
from reports.sentence import noise
from reports.tables import board
from reports.words import DASH, error, gap, hours, measured, percent, plural, points

WIDTH = 100
DISPENSABLE = ("H100-h", "marks", "Δ control", "95%")  # in the order in which they go where there is no room


def table(results: Sequence[Result], suites: Mapping[str, Mapping[str, Any]] | None = None, width: int = WIDTH) -> str:
    """Plain text, for a log or a pipe."""
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None, legacy_windows=False).print(renderable(board(results, suites)))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def console() -> Console:
    """Of this terminal; a pipe or a log gets columns enough for the whole table."""
    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if known else WIDTH, highlight=False)


def renderable(made: Board) -> Stack:
    """For a rich Console, which brings width and colour."""
    parts: list[Any] = []
    for group in made.groups:
        parts += [
            Text(f"\n{' · '.join(filter(None, (group.suite, group.pair, group.budget, _seeds(group))))}", style="bold"),
            _sentence(group),
            _Fitted(group),
            *_reasons(group),
            *_verdicts(group),
            *([_Elsewhere(group.beside, group.untrained)] if group.beside else []),
        ]
    if made.published:
        parts.append(Text(f"\n{counted(made.published)}; on the page, papers.html.", style="dim"))
    return Stack(*parts)


def _sentence(group: Group) -> Text:
    spans = [*group.sentence, *([("text", f" {noise(group)}")] if noise(group) else [])]
    return Text.assemble(*((said, "cyan" if kind == "code" else "") for kind, said in spans))


@dataclass(frozen=True)
class _Fitted:
    """The narrow table, with as many of its columns as there is room for. No word or figure is broken; marks without room follow below."""

    group: Group

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = [_cells(row, self.group) for row in self.group.rows]
        heads = [
            "row",
            f"{self.group.primary.title} ±",
            "Δ base",
            "95%",
            *(["Δ control"] if self.group.controlled else []),
            "H100-h",
            "marks",
        ]
        heads = [*(["rank"] if self.group.ranked else []), *heads]
        heads = [head for head in heads if head != "marks" or any(row["marks"].plain for row in rows)]
        needs = {head: max([cell_len(head), *(row[_key(head)].cell_len for row in rows)]) for head in heads}
        marked = "marks" in needs
        if marked:
            needs["marks"] = max(cell_len(word) for row in rows for word in ("marks", *row["marks"].plain.split()))
        for head in DISPENSABLE:
            if head in heads and sum(needs[head] + 2 for head in heads) > options.max_width:
                heads.remove(head)
        made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True, show_edge=False)
        for head in heads:
            made.add_column(
                head,
                justify="left" if head in ("row", "marks") else "right",
                no_wrap=head != "marks",
                overflow="fold",
                min_width=needs[head],
            )
        for number, (row, cells) in enumerate(zip(self.group.rows, rows, strict=True)):
            last = number + 1 == len(rows) or self.group.rows[number + 1].block != row.block
            made.add_row(*(cells[_key(head)] for head in heads), end_section=last)
        yield made
        if marked and "marks" not in heads:
            below = ((row.label, ", ".join(_marks(row, self.group))) for row in self.group.rows)
            yield from (Text.assemble(label, "  ", (said, "dim")) for label, said in below if said)


@dataclass(frozen=True)
class _Elsewhere:
    """Tasks of lm-eval in short; the page has them where they do not fit."""

    beside: Beside
    untrained: str | None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        heads = ["beside, Δ base", *(f"{task.name} {figure.metric}" for task in self.beside.tasks for figure in task.figures)]
        rows = [[row.label, *map(self._said, row.cells, self.beside.figures)] for row in self.beside.rows]
        needs = [max(map(cell_len, column)) for column in zip(heads, *rows, strict=True)]
        if len(heads) > 1 and sum(need + 2 for need in needs) <= options.max_width:
            made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True, show_edge=False)
            for head in heads:
                made.add_column(Text(head), justify="left" if head is heads[0] else "right", no_wrap=True)
            for cells in rows:
                made.add_row(*map(Text, cells))
            yield ""
            yield made

    def _said(self, cell: BesideCell, figure: LmFigure) -> str:
        if cell.value is None:
            return cell.note or DASH
        delta = "" if cell.delta is None else f" {measured(cell.delta, figure.share, signed=True):>5}"
        return f"{measured(cell.value.value, figure.share)}{delta}" + (f" {cell.beyond}" if cell.beyond else "")


def _key(head: str) -> str:
    return "primary" if head.endswith("±") else head


def _cells(row: Row, group: Group) -> dict[str, Text]:
    style = {"above": "green", "below": "red"}.get(row.beyond or "", "")
    primary = DASH if row.primary is None else percent(row.primary.value)
    if row.primary and row.primary.stderr is not None:
        primary += f" ± {error(row.primary.stderr)}"
    bounds = row.base.interval95 if row.base else None
    marks = [*([row.status] if row.reason else []), *_marks(row, group)]
    return {
        "rank": Text(DASH if row.rank is None else str(row.rank[0]) if row.rank[0] == row.rank[1] else f"{row.rank[0]}–{row.rank[1]}"),
        "row": Text(row.label, style="dim" if row.block == "reference" else ""),
        "primary": Text(primary),
        "Δ base": Text(gap(row.base and row.base.value, row.label == group.untrained), style=style),
        "95%": Text(f"{points(bounds[0])} … {points(bounds[1])}" if bounds else DASH, style="dim"),
        "Δ control": Text(gap(row.control and row.control.value, row.label == group.best_control)),
        "H100-h": Text(hours(row.cost.gpu_hours) if row.cost else DASH),
        "marks": Text(", ".join(marks), style="red" if row.reason else "dim"),
    }


def _marks(row: Row, group: Group) -> list[str]:
    return [*([plural(len(row.seeds), "seed")] if len(row.seeds) > 1 and not group.like_seeds else []), *row.marks]


def _seeds(group: Group) -> str | None:
    """Where all rows have as many; of one the sentence tells."""
    return plural(group.seeds, "seed") if group.like_seeds and group.seeds > 1 else None


def _verdicts(group: Group) -> list[Table]:
    """A claim, and what became of it."""
    if not group.verdicts:
        return []
    styles = {"supported": "bold green", "contradicted": "bold red", "undecided": "bold"}
    made = Table.grid(
        Column("claim", min_width=min(40, max(cell_len(each.that) for each in group.verdicts))), "verdict", padding=(0, 2, 0, 0)
    )
    for each in group.verdicts:
        line = verdict_line(each).removeprefix(each.verdict)
        made.add_row(Text(each.that, style="cyan", overflow="fold"), Text.assemble((each.verdict, styles[each.verdict]), line))
    return [made]


def _reasons(group: Group) -> list[Text]:
    """Under the table, where there is room for them."""
    return [Text.assemble((row.label, "bold"), "  ", (row.reason, "red")) for row in group.rows if row.reason]

"""The board in a terminal: one narrow table a pair."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.console import Group as Stack
from rich.table import Table
from rich.text import Text

from harness.results import Result
from reports.tables import Board, Group, Row, board
from reports.words import DASH, hours, percent, plural, points


def table(results: Sequence[Result], suites: Mapping[str, Mapping[str, Any]] | None = None, width: int = 100) -> str:
    """Plain text, for a log or a pipe."""
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None, legacy_windows=False).print(renderable(board(results, suites)))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def renderable(made: Board) -> Stack:
    """For a rich Console, which brings width and colour."""
    parts: list[Any] = []
    for group in made.groups:
        parts += [
            Text(f"\n{group.suite} · {group.pair}" + (f" · {group.budget}" if group.budget else ""), style="bold"),
            _sentence(group),
            _table(group),
        ]
    return Stack(*parts)


def _sentence(group: Group) -> Text:
    return Text.assemble(*((said, "cyan" if kind == "code" else "") for kind, said in group.sentence))


def _table(group: Group) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True, show_edge=False)
    ranked = group.ranked
    if ranked:
        made.add_column("rank", justify="right", no_wrap=True)
    made.add_column("row", overflow="fold", max_width=28)
    for name in (f"Avg@{group.avg_k} ±", "Δ base", "95%", "Δ control", "H100-h"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("marks", overflow="fold")
    for number, row in enumerate(group.rows):
        last = number + 1 == len(group.rows) or group.rows[number + 1].block != row.block
        made.add_row(*([_rank(row)] if ranked else []), *_cells(row), end_section=last)
    return made


def _rank(row: Row) -> str:
    return DASH if row.rank is None else str(row.rank[0]) if row.rank[0] == row.rank[1] else f"{row.rank[0]}–{row.rank[1]}"


def _cells(row: Row) -> list[Text]:
    style = {"above": "green", "below": "red"}.get(row.beyond or "", "")
    primary = DASH if row.primary is None else percent(row.primary.value)
    if row.primary and row.primary.stderr is not None:
        primary += f" ± {percent(row.primary.stderr)}"
    bounds = row.base.interval95 if row.base else None
    marks = [*([row.reason] if row.reason else []), *([plural(len(row.seeds), "seed")] if len(row.seeds) > 1 else []), *row.marks]
    return [
        Text(row.label, style="dim" if row.block == "reference" else ""),
        Text(primary),
        Text(points(row.base.value) if row.base else DASH, style=style),
        Text(f"{points(bounds[0])} … {points(bounds[1])}" if bounds else DASH, style="dim"),
        Text(points(row.control.value) if row.control else DASH),
        Text(hours(row.cost.gpu_hours) if row.cost else DASH),
        Text(", ".join(marks), style="red" if row.reason else "dim"),
    ]

"""Tables that others published, as they are shown: apart from what was measured here, never ranked, never part of any statistic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.published import metric_of
from harness.results import Figure, Result

Column = tuple[str, str]  # exam, metric as printed


@dataclass(frozen=True)
class PublishedRow:
    """`cells[i]`: every printing of the column's figure, the first first; none where nothing was printed."""

    label: str
    stands_for: tuple[str, ...]  # labels that it has in suites of ours
    method: str | None
    cells: tuple[tuple[Figure, ...], ...]
    others: tuple[Figure, ...]  # figures that are no score: a time, a distance


@dataclass(frozen=True)
class PublishedTable:
    """What one study printed about one pair of models."""

    name: str  # as suites call it in `report.reported`
    study: str
    paper: str | None
    pair: str
    student: str | None
    teacher: str | None  # "self": the student teaches itself
    columns: tuple[Column, ...]
    rows: tuple[PublishedRow, ...]

    def row(self, label: str) -> PublishedRow | None:
        """The row that stands for a label of ours; the one of that very name before others."""
        named = [row for row in self.rows if row.label == label]
        return next(iter([*named, *(row for row in self.rows if label in row.stands_for)]), None)

    @property
    def marked(self) -> int:
        """How many figures cannot be right as they stand."""
        return sum(bool(figure.marks) for row in self.rows for cell in (*row.cells, row.others) for figure in cell)


def published_tables(results: Iterable[Result]) -> tuple[PublishedTable, ...]:
    """One for each study and pair, the untrained student first, columns metric by metric in the order of the source."""
    homes: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        if result.reported is not None:
            homes.setdefault((result.suite, result.pair), []).append(result)
    return tuple(_table(rows) for _, rows in sorted(homes.items()))


def _table(results: Sequence[Result]) -> PublishedTable:
    said = [(result, result.reported) for result in results if result.reported is not None]
    columns = tuple(
        sorted(
            dict.fromkeys((figure.exam or "", figure.metric) for _, told in said for figure in told.figures if metric_of(figure)),
            key=lambda column: column[1],  # as printed: exam by exam, but Avg before Pass
        )
    )
    first = said[0][1]
    rows = [
        PublishedRow(
            result.label,
            told.stands_for,
            result.method,
            tuple(tuple(each for each in told.figures if (each.exam, each.metric) == column) for column in columns),
            tuple(each for each in told.figures if metric_of(each) is None),
        )
        for result, told in said
    ]
    return PublishedTable(
        name=results[0].suite,
        study=first.study,
        paper=first.paper,
        pair=results[0].pair,
        student=next((told.student for _, told in said if told.student), None),
        teacher=next((told.teacher for _, told in said if told.teacher), None),
        columns=columns,
        rows=tuple(sorted(rows, key=lambda row: row.label != "student")),
    )


def beside(tables: Sequence[PublishedTable], suite: Mapping[str, Any], pair: str) -> tuple[PublishedTable, ...]:
    """Those that the suite asks for and that are about the models of this pair, whatever their revision."""
    wanted = (suite.get("report") or {}).get("reported") or ()
    said = (suite.get("pairs") or {}).get(pair) or {}
    models = [str(said[role]).partition("@")[0] if said.get(role) else None for role in ("student", "teacher")]
    return tuple(table for table in tables if table.name in wanted and [table.student, table.teacher] == [models[0], models[1] or "self"])

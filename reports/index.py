"""Many suites at once: which there are, what each method did in all of them, what was published. Pure, from the board alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.shelf import LeftOut
from reports.apart import Apart
from reports.nouns import AGAIN, Board, Group, Row
from reports.published import PublishedRow, PublishedTable


@dataclass(frozen=True)
class SuiteEntry:
    name: str
    groups: tuple[Group, ...]  # by pair and budget

    @property
    def pairs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(group.pair for group in self.groups))

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.method for group in self.groups for row in group.trained if row.method))

    @property
    def ranked(self) -> bool:
        return any(group.ranked for group in self.groups)


@dataclass(frozen=True)
class MethodResult:
    """One row of a method, and the group in which its figures mean something."""

    group: Group
    row: Row


@dataclass(frozen=True)
class MethodEntry:
    name: str
    results: tuple[MethodResult, ...]  # suite by suite
    published: tuple[tuple[PublishedTable, PublishedRow], ...]

    @property
    def suites(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(found.group.suite for found in self.results))


@dataclass(frozen=True)
class Index:
    suites: tuple[SuiteEntry, ...]
    methods: tuple[MethodEntry, ...]  # by name; those that only a paper has, too
    published: tuple[PublishedTable, ...]
    apart: tuple[Apart, ...]
    left_out: tuple[LeftOut, ...]


def index(board: Board) -> Index:
    """What stands on the first page of many suites. Figures of unlike suites are never averaged here: only differences are, in `apart`."""
    names = dict.fromkeys(group.suite for group in board.groups)
    suites = tuple(SuiteEntry(name, tuple(group for group in board.groups if group.suite == name)) for name in names)
    results: dict[str, list[MethodResult]] = {}
    for group in board.groups:
        for row in _trained(group):
            results.setdefault(row.method or row.label, []).append(MethodResult(group, row))
    published: dict[str, list[tuple[PublishedTable, PublishedRow]]] = {}
    for table in board.published:
        for row in table.rows:
            if row.method:
                published.setdefault(row.method, []).append((table, row))
    methods = tuple(
        MethodEntry(name, tuple(results.get(name, ())), tuple(published.get(name, ()))) for name in sorted({*results, *published})
    )
    return Index(suites, methods, board.published, board.apart, board.left_out)


def _trained(group: Group) -> Iterable[Row]:
    return (row for row in group.rows if row.block in ("method", "control") and row.label != AGAIN)

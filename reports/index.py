"""Many suites at once: which there are, and what each method did in all of them. Pure, from the board alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from harness.results import Result
from reports.nouns import AGAIN, Board, Group, Row
from reports.tables import provenance, slug


@dataclass(frozen=True)
class SuiteEntry:
    name: str
    file: str  # of its leaderboard, below the site's folder
    groups: tuple[Group, ...]  # by pair and budget

    @property
    def pairs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(group.pair for group in self.groups))

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.method for group in self.groups for row in group.trained if row.method))

    @property
    def seeds(self) -> int:
        """The most that any trained row has."""
        return max((group.seeds for group in self.groups), default=0)


@dataclass(frozen=True)
class MethodEntry:
    name: str
    rows: tuple[tuple[Row, ...], ...]  # one a group, in their order: the row that is the entry as it stands first, then its variants


@dataclass(frozen=True)
class Index:
    suites: tuple[SuiteEntry, ...]
    methods: tuple[MethodEntry, ...]  # those with rows, by name


def index(board: Board) -> Index:
    """What stands on the first page of many suites. Figures of unlike suites are never averaged here: only differences are, in `apart`."""
    groups = board.groups
    suites = tuple(
        SuiteEntry(name, file, tuple(group for group in groups if group.suite == name)) for name, file in leaderboards(board).items()
    )
    names = sorted({row.method or row.label for group in groups for row in _trained(group)})
    return Index(suites, tuple(MethodEntry(name, tuple(tuple(_of(name, group)) for group in groups)) for name in names))


def leaderboards(board: Board) -> dict[str, str]:
    """Suite → the file of its leaderboard: the first page where there is one suite, else a page of its own whose name stays what it is."""
    names = list(dict.fromkeys(group.suite for group in board.groups))
    if len(names) < 2:
        return dict.fromkeys(names, "index.html")
    files: dict[str, str] = {}
    for name in names:
        file = f"leaderboards/{slug(name)}.html"
        files[name] = file if file not in files.values() else f"leaderboards/{slug(name)}-{len(files)}.html"
    return files


def of_suite(board: Board, name: str, results: Iterable[Result]) -> Board:
    """What of the board is of one suite. `results`: those of the whole board."""
    mine = [result for result in results if result.suite == name and result.reported is None]
    return replace(
        board,
        title=name,
        groups=tuple(group for group in board.groups if group.suite == name),
        deviations=tuple(replace(each, suites=()) for each in board.deviations if not each.suites or name in each.suites),
        provenance=provenance(mine),
        left_out=(),  # the first page names them
    )


def _of(name: str, group: Group) -> list[Row]:
    mine = [row for row in _trained(group) if (row.method or row.label) == name]
    return sorted(mine, key=lambda row: row.label != name)


def _trained(group: Group) -> Iterable[Row]:
    return (row for row in group.rows if row.block in ("method", "control") and row.label != AGAIN)

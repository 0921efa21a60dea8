"""One row in full: every seed with what it cost, which steps it is made of, which protocols it sat, and how training went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from harness.results import Result
from harness.store import Corrupt, Store
from reports.nouns import Group, Row

LINES = 24  # of a log, evenly over the run; the whole is in the store


@dataclass(frozen=True)
class Log:
    """What training wrote down at each update; `lines` are some of them, `curves` all."""

    columns: tuple[str, ...]
    lines: tuple[tuple[float | None, ...], ...]
    updates: int
    curves: Mapping[str, tuple[float, ...]]
    key: str


@dataclass(frozen=True)
class Run:
    """One seed of a row."""

    result: Result
    log: Log | None


@dataclass(frozen=True)
class RunPage:
    group: Group
    row: Row
    runs: tuple[Run, ...]
    deviations: tuple[str, ...]


def run_page(group: Group, row: Row, results: Sequence[Result], suite: Mapping[str, Any], store: Store | None) -> RunPage:
    runs = tuple(Run(result, log(store, result)) for result in results)
    return RunPage(group, row, runs, tuple(map(str, suite.get("deviations") or ())))


def log(store: Store | None, result: Result) -> Log | None:
    """Of one seed's training; None where the store does not have it."""
    address = result.steps.get("train")
    try:
        record = store.record(address) if store and address else None
        if store is None or record is None or address is None or "log.parquet" not in record.files:
            return None
        table = pq.read_table(store.payload(address) / "log.parquet")
    except Corrupt:
        return None
    columns = {name: table[name].to_pylist() for name in table.column_names}
    count = table.num_rows
    places = sorted({round(at * (count - 1) / max(1, LINES - 1)) for at in range(LINES)}) if count else []
    names = tuple(name for name in columns if all(value is None or isinstance(value, int | float) for value in columns[name]))
    curves = {name: tuple(map(float, columns[name])) for name in names if None not in columns[name]}
    lines = tuple(tuple(columns[name][at] for name in names) for at in places)
    return Log(names, lines, count, curves, address.rpartition("/")[2])

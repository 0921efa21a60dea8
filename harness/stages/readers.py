"""Files of rows: JSONL, JSON, CSV and Parquet, packed by gzip or not. Rows come one after another: some files are gigabytes.

Text stays as it is written: readers that guess types turn "007" into 7, "1.50" into 1.5, and "2024-01-01" into midnight.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.records import Fault
from harness.sources import format_of

csv.field_size_limit(2**30)  # test cases can be long

BATCH = 64  # rows of Parquet at a time

Row = dict[str, Any]


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file, by the ending of its name. Raises Fault."""
    kind = format_of(path.name)
    reader = READERS.get(kind.removesuffix(".gz"))
    if reader is None or kind == ".parquet.gz":
        raise Fault(f"{path}: a {kind or 'nameless'} file is not read. Known: {', '.join(READERS)}, all but the last also .gz.")
    try:
        yield from reader(path)
    except (OSError, EOFError, zlib.error, ValueError, csv.Error, pa.ArrowInvalid) as fault:
        raise Fault(f"{path}: it cannot be read as {kind[1:]}: {str(fault).splitlines()[0]}") from None


@contextlib.contextmanager
def opened(path: Path, newline: str | None) -> Iterator[IO[str]]:
    open_ = gzip.open if path.suffix == ".gz" else open
    with open_(path, "rt", encoding="utf-8-sig", newline=newline) as file:
        yield file  # type: ignore[misc]


class Digits(float):
    """A number of JSON that is shown as it was written."""

    def __new__(cls, text: str) -> Digits:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text


def of_jsonl(path: Path) -> Iterator[Row]:
    with opened(path, "\n") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield as_row(json.loads(line, parse_float=Digits))
                except ValueError as fault:
                    raise ValueError(f"line {number}: {fault}") from None


def of_json(path: Path) -> Iterator[Row]:
    """One list of objects."""
    with opened(path, "\n") as file:
        found = json.load(file, parse_float=Digits)
    if not isinstance(found, list):
        raise ValueError("it is not a list of objects; a file with one object a line ends in .jsonl")
    yield from map(as_row, found)


def as_row(value: Any) -> Row:
    if not isinstance(value, dict):
        raise ValueError(f"a {type(value).__name__} stands where an object should")
    return value


def of_csv(path: Path) -> Iterator[Row]:
    """An empty cell is no value."""
    with opened(path, "") as file:
        for number, row in enumerate(csv.DictReader(file, strict=True)):
            if None in row or None in row.values():
                raise ValueError(f"row {number} has more or fewer cells than the head")
            yield {column: cell or None for column, cell in row.items()}


def of_parquet(path: Path) -> Iterator[Row]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH):
            yield from batch.to_pylist()


READERS = {".jsonl": of_jsonl, ".json": of_json, ".csv": of_csv, ".parquet": of_parquet}

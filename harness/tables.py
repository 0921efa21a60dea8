"""Parquet in, Parquet out, for the nouns that come in thousands."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from harness.records import Grade, Length, Place, Problem, Rollout, Trajectory, Verdict

INTS, FLOATS, TEXT = pa.list_(pa.int32()), pa.list_(pa.float32()), pa.string()

SCHEMAS = {
    Problem: pa.schema([(f.name, TEXT) for f in fields(Problem)]),
    Rollout: pa.schema(
        [
            ("problem_id", TEXT),
            ("sample", pa.int32()),
            ("prompt_ids", INTS),
            ("response_ids", INTS),
            ("finish_reason", TEXT),
            ("logprobs", FLOATS),
        ]
    ),
    Place: pa.schema([("problem_id", TEXT), ("sample", pa.int32()), ("at", pa.int32()), ("loss", pa.float64())]),
    Trajectory: pa.schema(
        [
            ("problem_id", TEXT),
            ("sample", pa.int32()),
            ("term", TEXT),
            ("student_prompt_ids", INTS),
            ("teacher_prompt_ids", INTS),
            ("response_ids", INTS),
            ("author", TEXT),
            ("by_teacher", pa.list_(pa.int8())),
            ("weight", pa.float64()),
            ("token_weights", FLOATS),
            ("sampler_logprobs", FLOATS),
            ("advantage", pa.float64()),
            ("student_written", pa.int64()),
            ("teacher_written", pa.int64()),
            ("teacher_read", pa.int64()),
        ]
    ),
}
GRADES = pa.schema([("problem_id", TEXT), ("sample", pa.int32()), ("verdict", TEXT), ("extracted", TEXT), ("detail", TEXT)])

Noun = TypeVar("Noun", Problem, Rollout, Place, Trajectory)


def to_bytes(kind: type[Noun], rows: Iterable[Noun]) -> bytes:
    return _bytes([vars(row) for row in rows], SCHEMAS[kind])


def from_bytes(kind: type[Noun], data: bytes | Path) -> list[Noun]:
    table = pq.read_table(io.BytesIO(data) if isinstance(data, bytes) else data)
    make: Any = kind
    return [make(**{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}) for row in table.to_pylist()]


def grades_to_bytes(grades: Iterable[Grade]) -> bytes:
    return _bytes([{"problem_id": g.problem_id, "sample": g.sample, **vars(g.verdict)} for g in grades], GRADES)


def grades_from(data: bytes | Path) -> list[Grade]:
    rows = pq.read_table(io.BytesIO(data) if isinstance(data, bytes) else data).to_pylist()
    return [Grade(row["problem_id"], row["sample"], Verdict(row["verdict"], row["extracted"], row["detail"])) for row in rows]


def lengths_from(path: Path) -> list[Length]:
    """Of rollouts, batch by batch: their tokens themselves may be more than memory holds."""
    found = []
    for batch in pq.ParquetFile(path).iter_batches(columns=["problem_id", "sample", "response_ids", "finish_reason"]):
        tokens = batch["response_ids"].value_lengths().to_pylist()
        rest = (batch[name].to_pylist() for name in ("problem_id", "sample", "finish_reason"))
        found += [Length(problem, sample, count, reason == "length") for problem, sample, reason, count in zip(*rest, tokens, strict=True)]
    return found


def _bytes(rows: list[dict], schema: pa.Schema) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer, compression="zstd")
    return buffer.getvalue()

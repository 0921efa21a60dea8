"""The board as CSV, for a spreadsheet: one line for every row and exam; scores are fractions."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from harness.results import Meters
from reports.findings import Kept
from reports.nouns import Board, Cell, Exam, Group, Row
from reports.words import basis

ROW = ("suite", "pair", "budget", "label", "role", "division", "status", "reason", "seeds", "sees", "marks")
PRIMARY = (
    "primary_is",
    "primary",
    "primary_stderr",
    "delta_base",
    "delta_base_low",
    "delta_base_high",
    "delta_base_p_holm",
    "delta_control",
    "delta_baseline",
    "rank_low",
    "rank_high",
    "recovered",
    "recovered_low",
    "recovered_high",
    "recovered_reason",
    "margins",
)
EXAM = (
    "exam",
    "protocol",
    "problems",
    "samples",
    "avg_k",
    "avg",
    "avg_stderr",
    "pass_k",
    "pass",
    "delta",
    "delta_low",
    "delta_high",
    "maj_k",
    "maj",
    "unfinished",
    "mean_length",
    "note",
)
ANSWERS = ("writer", "teacher", "reads", "loss", "tokens", "keep", "also")
COST = (*Meters.model_fields, "ended_by")


def text(board: Board) -> str:
    return lines((*ROW, *PRIMARY, *EXAM, *ANSWERS, *COST), _lines(board))


def lines(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A whole file: text in it never starts a formula, figures keep all their digits."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_safe(value) for value in row] for row in rows)
    return stream.getvalue()


def _lines(board: Board) -> Iterable[Sequence[object]]:
    for group in board.groups:
        for row in (*group.rows, *group.retired):
            sat = [(exam, cell) for exam, cell in zip(group.exams, row.cells, strict=True) if cell.avg or cell.unfinished is not None]
            for exam, cell in sat or [(None, None)]:
                yield (*_row(group, row), *_primary(group, row), *_exam(exam, cell), *_answers(row), *_cost(row))


def _row(group: Group, row: Row) -> tuple:
    marks = [*row.marks, *(["no longer in the suite"] if row in group.retired else [])]
    return (
        group.suite, group.pair, group.budget, row.label, row.role, row.division, row.status, row.reason,
        " ".join(map(str, row.seeds)), "; ".join(row.sees), "; ".join(marks),
    )  # fmt: skip


def _primary(group: Group, row: Row) -> tuple:
    low, high = row.base.interval95 if row.base and row.base.interval95 else (None, None)
    said = group.primary
    return (
        basis(said.title, said.over, said.weight, said.asked), row.primary and row.primary.value, row.primary and row.primary.stderr, row.base and row.base.value, low, high,
        row.base and row.base.p_value, row.control and row.control.value, row.baseline and row.baseline.value, *(row.rank or (None, None)),
        *_recovered(row), "; ".join(map(_margin, row.kept)),
    )  # fmt: skip


def _recovered(row: Row) -> tuple:
    """The share of the way to the teacher, 1 for all of it, its interval; or why there is none."""
    found = row.recovered
    return (None,) * 4 if found is None else (found.share, *(found.interval95 or (None, None)), found.reason)


def _margin(kept: Kept) -> str:
    """In a word; `margins.csv` has the figures."""
    return f"{kept.name} {kept.verdict or 'no verdict'}"


def _exam(exam: Exam | None, cell: Cell | None) -> tuple:
    if exam is None or cell is None:
        return (None,) * len(EXAM)
    low, high = cell.delta.interval95 if cell.delta and cell.delta.interval95 else (None, None)
    return (
        exam.name, exam.protocol, exam.problems, exam.samples, exam.samples, cell.avg and cell.avg.value, cell.avg and cell.avg.stderr,
        exam.pass_k, cell.passed, cell.delta and cell.delta.value, low, high,
        exam.votes[-1] if exam.votes else None, cell.voted[-1] if cell.voted else None, cell.unfinished, cell.mean_length, cell.note,
    )  # fmt: skip


def _answers(row: Row) -> tuple:
    answers = row.answers
    also = "; ".join(f"{name}: {term}" for name, term in sorted(answers.also.items()))
    return (answers.writer, answers.teacher, answers.reads, answers.loss, answers.tokens, answers.keep, also or None)


def _cost(row: Row) -> tuple:
    meters = [getattr(row.cost, name) if row.cost else None for name in Meters.model_fields]
    return (*meters, row.ended_by)


def _safe(value: object) -> object:
    """A spreadsheet would run text that starts like a formula: keep it text."""
    if value is None:
        return ""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return repr(float(value)) if isinstance(value, float) else value

"""Tables that others published, as CSV: one line a printed figure. They become rows that are shown apart, with marks on what cannot be right."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from harness import published
from harness.document import did_you_mean
from harness.records import Fault
from harness.results import Figure, Provenance, Reported, Result

KNOWN_BY = "tables.csv of published figures, with the columns study, pair, label, metric, value, unit, where, certainty and more"
NEEDED = ("study", "pair", "label", "metric", "value", "unit", "where", "certainty")
MORE = ("paper", "student", "teacher", "method", "stands_for", "exam", "problems", "delta", "against", "mean_of", "note")
SHARES = {"%": 2, "points": 2, "fraction": 0}  # unit → by how many digits a share is finer than what was printed
NUMBER = re.compile(r"[+-]?[0-9]+(?:\.([0-9]+))?")
CERTAINTIES = get_args(Figure.model_fields["certainty"].annotation)
OF_ROW = ("study", "paper", "student", "teacher", "method", "stands_for")  # alike in all lines of a row


def read(path: Path, suite: str) -> list[Result]:
    """The rows of a table, marked. Raises Fault, naming file, line and column."""
    rows: dict[tuple[str, str], tuple[int, dict[str, str], list[Figure]]] = {}
    for number, line in _lines(path):
        first, head, figures = rows.setdefault((line["pair"], line["label"]), (number, line, []))
        for name in OF_ROW:
            if line.get(name) != head.get(name):
                raise Fault(
                    f"{path}:{number}: {name} is {line.get(name)!r}, and {head.get(name)!r} in line {first}, of the same row "
                    f"{line['label']!r}. Write the same in both, or give the rows two labels."
                )
        figures.append(_figure(path, number, line))
    return published.marked([_row(suite, head, figures) for _, head, figures in rows.values()])


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")), strict=True)
        head = reader.fieldnames or []
    except FileNotFoundError:
        raise Fault(f"{path}: there is no such file.") from None
    except (UnicodeDecodeError, csv.Error) as fault:
        raise Fault(f"{path}: it cannot be read as CSV: {fault}. Write it as UTF-8, with commas and one head line.") from None
    for name in NEEDED:
        if name not in head:
            raise Fault(f"{path}:1: there is no column {name}. Needed: {', '.join(NEEDED)}. Known besides: {', '.join(MORE)}.")
    for name in head:
        if name not in (*NEEDED, *MORE):
            raise Fault(f"{path}:1: the column {name!r} is not known.{did_you_mean(name, [*NEEDED, *MORE])}")
    try:
        for line in reader:
            number = reader.line_num
            if None in line or None in line.values():
                raise Fault(f"{path}:{number}: more or fewer cells than the head has. Quote cells that hold a comma.")
            said = {name: cell.strip() for name, cell in line.items()}
            for name in NEEDED:
                if not said[name]:
                    raise Fault(f"{path}:{number}: {name} is empty. Each figure needs {', '.join(NEEDED)}.")
            yield number, said
    except csv.Error as fault:
        raise Fault(f"{path}:{reader.line_num}: it cannot be read as CSV: {fault}.") from None


def _figure(path: Path, number: int, line: dict[str, str]) -> Figure:
    finer = SHARES.get(line["unit"])
    value, digits = _number(path, number, "value", line["value"], finer or 0)
    if line["certainty"] not in CERTAINTIES:
        raise Fault(f"{path}:{number}: certainty is {line['certainty']!r}. Write one of {', '.join(CERTAINTIES)}.")
    problems = line.get("problems") or None
    if problems is not None and not (problems.isdecimal() and int(problems)):
        raise Fault(f"{path}:{number}: problems is {problems!r}. Write how many the exam has, or leave it empty.")
    delta = _number(path, number, "delta", line["delta"], finer or 0)[0] if line.get("delta") else None
    if delta is not None and not line.get("against"):
        raise Fault(f"{path}:{number}: a delta needs to say what it is relative to. Write the label of that row into `against`.")
    made: dict[str, Any] = {
        "exam": line.get("exam") or None, "metric": line["metric"], "value": value, "digits": digits,
        "unit": "share" if finer is not None else line["unit"], "problems": int(problems) if problems else None, "delta": delta,
        "against": line.get("against") or None, "mean_of": tuple((line.get("mean_of") or "").split()), "where": line["where"],
        "certainty": line["certainty"], "note": line.get("note") or None,
    }  # fmt: skip
    try:
        return Figure(**made)
    except ValidationError as fault:
        raise Fault(f"{path}:{number}: {fault.errors()[0]['msg']}. Look at the line.") from None


def _number(path: Path, number: int, column: str, said: str, finer: int) -> tuple[float, int]:
    """A printed number as it is kept, and how many decimals of that were printed."""
    found = NUMBER.fullmatch(said)
    if found is None:
        raise Fault(f"{path}:{number}: {column} is {said!r}, no decimal number. Write it as it is printed, such as 44.8 or -0.3.")
    digits = len(found[1] or "") + finer
    return float(published.exact(float(said) / 10**finer, digits)), digits


def _row(suite: str, head: dict[str, str], figures: list[Figure]) -> Result:
    said = Reported(
        study=head["study"],
        paper=head.get("paper") or None,
        student=head.get("student") or None,
        teacher=head.get("teacher") or None,
        stands_for=tuple((head.get("stands_for") or head["label"]).split()),
        figures=tuple(figures),
    )
    return Result(
        suite=suite,
        pair=head["pair"],
        label=head["label"],
        method=head.get("method") or None,
        role="reported",
        status="done",
        scores=published.scores(figures, published.protocol(said.study)),
        provenance=Provenance(),
        reported=said,
    )

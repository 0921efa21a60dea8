"""What the catalogue says of a method, and the rows of every suite that are of it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

from markupsafe import Markup

from methods import METHODS
from reports.mathematics import formula
from reports.nouns import Board, Group, Row
from reports.published import PublishedRow, PublishedTable


@dataclass(frozen=True)
class Entry:
    name: str
    paper: str
    about: str
    formula: str
    formulas: tuple[Markup, ...]
    answers: dict[str, str]  # empty where a question is not answered
    results: tuple[tuple[Group, Row], ...]
    published: tuple[tuple[PublishedTable, PublishedRow], ...]  # what others reported of it


def equations(latex: str) -> list[str]:
    """One a line: in the catalogue a wide space stands between them. None where an entry has no LaTeX."""
    return [part.strip().rstrip(",") for part in latex.split(r", \quad ") if part.strip()]


def entries(board: Board) -> list[Entry]:
    """The whole catalogue; what has rows stands first, otherwise as the catalogue orders it."""
    found = []
    for name, method in METHODS.items():
        also = "; ".join(f"{term}: {said!r}" for term, said in method.also.items())
        results = tuple((group, row) for group in board.groups for row in group.rows if row.method == name)
        printed = tuple((table, row) for table in board.published for row in table.rows if row.method == name)
        lines = tuple(formula(tex) for tex in equations(method.latex))
        about = " ".join(inspect.cleandoc(method.about).split())
        found.append(Entry(name, method.paper, about, method.formula, lines, {**method.answers, "also": also}, results, printed))
    return sorted(found, key=lambda entry: not entry.results)

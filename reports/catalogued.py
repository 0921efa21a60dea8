"""What the catalogue says of a method, and the rows of every suite that are of it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from methods import METHODS
from reports.formulas import parts
from reports.mathematics import formula
from reports.nouns import Group, Row


@dataclass(frozen=True)
class Entry:
    name: str
    paper: str
    about: str
    formula: str
    formulas: tuple[Markup, ...]
    answers: dict[str, str]  # empty where a question is not answered
    results: tuple[tuple[Group, Row], ...]


def entries(groups: Sequence[Group]) -> list[Entry]:
    """The whole catalogue; what has rows stands first, otherwise as the catalogue orders it."""
    found = []
    for name, method in METHODS.items():
        also = "; ".join(f"{term}: {said!r}" for term, said in method.also.items())
        results = tuple((group, row) for group in groups for row in group.rows if row.method == name)
        lines = tuple(formula(tex) for tex in parts(method.formula))
        about = " ".join(inspect.cleandoc(method.about).split())
        found.append(Entry(name, method.paper, about, method.formula, lines, {**method.answers, "also": also}, results))
    return sorted(found, key=lambda entry: not entry.results)

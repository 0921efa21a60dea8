"""Markdown, piece by piece: tables, and text from outside that stays text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from reports.words import DASH, Span

FIGURE = re.compile(r"(?:[^a-zA-Z*]|\bto\b|\*[a-z ]+\*)*")  # a cell that is read down, digit below digit; marks in italics do not matter


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    """Columns that are mostly figures stand to the right."""
    rows = list(rows)
    yield line([inline(cell) for cell in head])
    yield line(["---:" if _of_figures([row[at] for row in rows]) else "---" for at in range(len(head))])
    yield from map(line, rows)


def _of_figures(column: Sequence[str]) -> bool:
    said = [cell for cell in column if cell != DASH]
    return 2 * sum(bool(FIGURE.fullmatch(cell)) for cell in said) > len(said)


def line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def spoken(spans: Iterable[Span]) -> str:
    """A generated sentence; names of exams and labels in it come from outside."""
    return "".join(f"`{code(text)}`" if kind == "code" else _escaped(re.sub(r"\s+", " ", text)) for kind, text in spans)


def inline(said: str) -> str:
    """Text from outside: shown as it is, never as markup; nor as mathematics, which code hosts set between dollars."""
    return _escaped(" ".join(said.split()))


def _escaped(said: str) -> str:
    return re.sub(r"([\\`*_\[\]|~$])", r"\\\1", said.replace("&", "&amp;").replace("<", "&lt;"))


def code(label: str) -> str:
    return " ".join(label.split()).replace("`", "'").replace("|", "\\|")

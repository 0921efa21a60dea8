"""Markdown, piece by piece: tables, and text from outside that stays text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield line([inline(cell) for cell in head])
    yield line(["---"] * len(head))
    yield from map(line, rows)


def line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def as_text(said: str) -> str:
    """A generated sentence: labels stand in backticks already, where only the bar and the line break can do harm."""
    return " ".join(said.split())


def inline(said: str) -> str:
    """Text from outside: shown as it is, never as markup."""
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", " ".join(said.split())).replace("<", "&lt;")


def code(label: str) -> str:
    return " ".join(label.split()).replace("`", "'").replace("|", "\\|")

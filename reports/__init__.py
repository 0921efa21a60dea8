"""The view: a pure function of results. No model, no network, no GPU; two renders of the same rows are the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness import catalogue
from harness.shelf import read_shelf
from harness.store import write_atomically
from reports import html, markdown, sheets, spreadsheet
from reports.nouns import Board
from reports.tables import board

PAGES = (
    ("index.html", html.page),
    ("leaderboard.md", markdown.text),
    ("leaderboard.csv", spreadsheet.text),
    ("difficulty.csv", sheets.difficulty),
    ("written.csv", sheets.written),
    ("course.csv", sheets.course),
    ("caps.csv", sheets.caps),
)


def render(results_folders: Sequence[Path], out: Path) -> list[Path]:
    """Write the pages of all rows below these folders, and say which files they are."""
    return write(load(results_folders), out)


def write(made: Board, out: Path) -> list[Path]:
    written = []
    for name, text in PAGES:
        write_atomically(out / name, text(made).encode())
        written.append(out / name)
    return written


def load(results_folders: Sequence[Path]) -> Board:
    """The board of all rows below these folders that can be used, each suite as its `suite.json` orders it."""
    shelf = read_shelf(results_folders)
    here = {result.suite for result in shelf.results if result.reported is not None}
    asked = {name for suite in (shelf.suites or {}).values() for name in (suite.get("report") or {}).get("reported") or ()}
    lie = catalogue.reported()
    known = read_shelf([lie[name] for name in sorted(asked - here) if name in lie])
    made = board((*shelf.results, *known.results), shelf.suites, shelf.retired)
    return replace(made, left_out=(*shelf.left_out, *known.left_out))

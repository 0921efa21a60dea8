"""The view: a pure function of results. No model, no network, no GPU; two renders of the same rows are the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.results import Result, read_results, read_retired, read_suites
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
    """The board of all rows below these folders, each suite as its `suite.json` orders it."""
    results: list[Result] = []
    retired: list[Result] = []
    suites = {}
    for folder in results_folders:
        results += read_results(folder)
        retired += read_retired(folder)
        suites |= read_suites(folder)
    return board(results, suites, retired)

"""The tables that stand beside the pages as files, each a text made of the board: one list for the site, its links and the exports."""

from __future__ import annotations

from collections.abc import Callable

from reports import data, latex, markdown, sheets, spreadsheet
from reports.nouns import Board

FILES: dict[str, Callable[[Board], str]] = {
    "leaderboard.md": markdown.text,
    "leaderboard.csv": spreadsheet.text,
    "leaderboard.tex": latex.text,
    "leaderboard.json": data.text,
    "claims.csv": sheets.claims,
    "margins.csv": sheets.margins,
    "passk.csv": sheets.passk,
    "difficulty.csv": sheets.difficulty,
    "written.csv": sheets.written,
    "course.csv": sheets.course,
    "caps.csv": sheets.caps,
}

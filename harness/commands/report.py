"""harness report [RESULTS…] --out DIR: render tables and the leaderboard from results."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import reports
from harness.records import Fault
from reports import terminal
from reports.nouns import Board

RESULTS = Path("results")
STORE = Path(".store")
SITE = Path("reports/site")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results",
        nargs="*",
        type=Path,
        metavar="RESULTS",
        help=f"a suite's folder of results, or a parent of several (default: {RESULTS}/)",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"where the pages go (default: {SITE}/<suite>/)")
    parser.add_argument(
        "--store", type=Path, default=STORE, metavar="DIR", help="where what was asked and answered is looked up (default: %(default)s)"
    )
    parser.add_argument(
        "--public",
        nargs="?",
        const="draft",
        metavar="EDITION",
        help="for publishing, as an edition of this name: without statements, golds and answers of exams, and closed to robots",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="end with 1 where an answer is missing or could not be graded, or a file could not be used, and say which",
    )


def run(args: argparse.Namespace) -> int:
    """Render, and print the table and the files written. Raises Fault where there is nothing to render."""
    folders = args.results or [RESULTS]
    shelf = reports.shelf_of(folders)
    board = reports.board_of(shelf)
    for each in board.left_out:
        print(f"harness: {each.path}: left out: {each.said}", file=sys.stderr)
    if not board.groups:
        raise Fault(
            f"{', '.join(map(str, folders))}: no row of results in there. Run `harness run SUITE` first, or name the folder that it wrote to."
        )
    out = args.out or SITE / "+".join(sorted({group.suite for group in board.groups}))
    written = reports.write(shelf, board, out, folders, args.store, args.public)
    console = terminal.console()
    console.print(terminal.renderable(board))
    for path in written:
        if path.parent == out:
            console.print(str(path), markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(written)} files in all", markup=False, highlight=False)
    return strict(board) if args.strict else 0


def strict(board: Board) -> int:
    """1 where a file was left out or a row is not whole; what it lacks goes to stderr. A row that failed says so on the page, and lacks nothing."""
    lacking = [f"{group.suite} · {group.pair} · {row.label}: {gap}" for group in board.groups for row in group.rows for gap in row.gaps]
    for said in dict.fromkeys(lacking):  # references stand in every group of their pair
        print(f"harness: {said}", file=sys.stderr)
    return 1 if lacking or board.left_out else 0

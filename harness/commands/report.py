"""harness report [RESULTS…] --out DIR: render tables and the leaderboard from results."""

from __future__ import annotations

import argparse
from pathlib import Path

import reports
from harness.records import Fault
from reports import terminal

RESULTS = Path("results")
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


def run(args: argparse.Namespace) -> int:
    """Render, and print the table and the files written. Raises Fault where there is nothing to render."""
    folders = args.results or [RESULTS]
    board = reports.load(folders)
    if not board.groups:
        raise Fault(
            f"{', '.join(map(str, folders))}: no row of results in there. Run `harness run SUITE` first, or name the folder that it wrote to."
        )
    out = args.out or SITE / "+".join(sorted({group.suite for group in board.groups}))
    written = reports.write(board, out)
    console = terminal.console()
    console.print(terminal.renderable(board))
    for path in written:
        console.print(str(path), markup=False, highlight=False, soft_wrap=True)
    return 0

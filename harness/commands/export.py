"""harness export RESULTS… --to csv|markdown|latex|json: one table for another program, on stdout or into a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import reports
from harness.records import Fault
from harness.store import write_atomically
from reports import document, latex, markdown, spreadsheet

FORMATS = {"csv": spreadsheet.text, "markdown": markdown.text, "latex": latex.text, "json": document.text}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULTS", help="a suite's folder of results, or a parent of several")
    parser.add_argument("--to", required=True, choices=sorted(FORMATS), help="the format")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where it goes (default: stdout)")


def run(args: argparse.Namespace) -> int:
    """Raises Fault where there is nothing to export. Files that cannot be used are named, and left out."""
    board = reports.load(args.results)
    if not board.groups:
        raise Fault(f"{', '.join(map(str, args.results))}: no row of results in there. Run `harness run SUITE` first.")
    for each in board.left_out:
        print(f"harness: left out: {each.path}: {each.said}", file=sys.stderr)
    text = FORMATS[args.to](board)
    if args.out is None:
        sys.stdout.write(text)
    else:
        write_atomically(args.out, text.encode())
    return 0

"""harness verify RESULTS: grade the stored completions again, derive every number again, and name what does not match."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from harness.commands.plan import STORE
from harness.progress import clock
from harness.records import Fault
from harness.results import Result
from harness.shelf import read_shelf
from harness.store import Store
from harness.verify import Verifier, marks_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, metavar="RESULTS", help="a suite's folder of results, or a parent of several")
    parser.add_argument("--store", type=Path, default=STORE, metavar="DIR", help="where the steps are that made it (default: %(default)s)")
    parser.add_argument("--processes", type=int, metavar="N", help="graders side by side (default: one a core)")
    parser.add_argument("--allow-unsafe", action="store_true", help="run programs though this machine has no sandbox")


def run(args: argparse.Namespace) -> int:
    """0 where every number follows; 1 where one does not, or a row's completions are not there. Raises Fault where there is nothing to verify."""
    shelf = read_shelf([args.results])
    rows = [*shelf.results, *shelf.retired]
    if not rows and not shelf.left_out:
        raise Fault(f"{args.results}: no row of results in there. Name the folder that `harness run` wrote to.")
    if not args.store.is_dir() and any(row.reported is None and not row.provenance.imported for row in rows):
        raise Fault(f"{args.store}: there is no such store. Name with --store the one that made these rows.")
    began, bad = time.monotonic(), 0
    for each in shelf.left_out:
        print(f"{each.path}: {each.said}")
        bad += 1
    marks: dict[int, list[str]] = {}
    for study in {row.suite for row in rows if row.reported is not None}:
        for row, fault in marks_of([row for row in rows if row.suite == study and row.reported is not None]):
            marks.setdefault(id(row), []).append(fault)
    imported = sum(bool(row.provenance.imported) for row in rows)
    machine = {"graders": args.processes or os.cpu_count() or 1, "allow_unsafe": args.allow_unsafe}
    with Verifier(Store(args.store), machine) as verifier:
        for row in rows:
            faults = [*dict.fromkeys(verifier.faults(row)), *marks.get(id(row), [])]
            bad += bool(faults)
            for fault in faults:
                print(f"{named(row)}: {fault}")
    said = f"{len(rows) - imported} rows, {verifier.answers:,} answers graded again in {clock(time.monotonic() - began)}"
    elsewhere = f"; {imported} rows were measured elsewhere, and cannot be" if imported else ""
    print(f"{said}: {f'{bad} do not match' if bad else 'every number follows'}{elsewhere}")
    return 1 if bad else 0


def named(row: Result) -> str:
    parts = [row.suite, row.pair, row.label, row.budget, None if row.seed is None else f"seed {row.seed}"]
    return " · ".join(part for part in parts if part)

"""harness export RESULTS --to FORMAT: results for spreadsheets, papers and other tools."""

from __future__ import annotations

import argparse
import fnmatch
import sys
from pathlib import Path

import reports
from harness.commands.plan import STORE
from harness.exporting import evalplus, inspect_log, lm_eval
from harness.exporting.answers import Texts, answers
from harness.records import Fault
from harness.results import Result
from harness.shelf import read_shelf
from harness.store import Store, write_atomically
from reports.files import FILES

ROWS = "leaderboard.csv"
TABLES = {
    "csv": FILES[ROWS],
    "json": FILES["leaderboard.json"],
    "markdown": FILES["leaderboard.md"],
    "latex": FILES["leaderboard.tex"],
}  # one text each
SHEETS = {"rows": FILES[ROWS]} | {name.removesuffix(".csv"): made for name, made in FILES.items() if name.endswith(".csv") and name != ROWS}
ANSWERS = {"lm-eval": lm_eval.write, "inspect": inspect_log.write, "evalplus": evalplus.write}  # with completions, a folder a row
FOLDERS = (*ANSWERS, "hub")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "formats:\n"
        "  csv, json, markdown, latex  the tables; printed, or written to --out FILE\n"
        "  lm-eval                     results_<date>.json and samples_<exam>_<date>.jsonl of every row, below --out DIR\n"
        "  inspect                     <exam>.eval of every row, which `inspect view` opens, below --out DIR\n"
        "  evalplus                    samples of HumanEval+ and MBPP+ for `evalplus.evaluate --samples`, below --out DIR\n"
        "  hub                         .eval_results/<exam>.yaml for the repository of each row's model, below --out DIR"
    )
    parser.add_argument("results", type=Path, metavar="RESULTS", help="a suite's folder of results, or a parent of several")
    parser.add_argument("--to", required=True, choices=[*TABLES, *FOLDERS], metavar="FORMAT", help=", ".join([*TABLES, *FOLDERS]))
    parser.add_argument("--out", type=Path, metavar="PATH", help="where it goes: a file for tables, a folder for the others")
    parser.add_argument(
        "--sheet", choices=list(SHEETS), default="rows", metavar="SHEET", help=f"with csv: {', '.join(SHEETS)} (default: %(default)s)"
    )
    parser.add_argument("--store", type=Path, default=STORE, metavar="DIR", help="where completions are kept (default: %(default)s)")
    parser.add_argument("--only", default="*", metavar="GLOB", help="with a folder a row: rows whose label matches")
    parser.add_argument(
        "--task", action="append", default=[], metavar="EXAM=ID", help="with hub: what the exam is called in its data set's eval.yaml"
    )


def run(args: argparse.Namespace) -> int:
    if args.sheet != "rows" and args.to != "csv":
        raise Fault(f"--sheet {args.sheet} is a sheet of the CSV. Leave it out, or write --to csv.")
    if args.to in TABLES:
        return table(args)
    if args.out is None:
        raise Fault(f"--to {args.to} writes a folder for each row. Name where with --out DIR.")
    if args.task and args.to != "hub":
        raise Fault("--task names exams for the hub. Leave it out, or write --to hub.")
    shelf = read_shelf([args.results])
    for each in shelf.left_out:
        print(f"harness: {each.path}: left out: {each.said}", file=sys.stderr)
    rows = [row for row in shelf.results if row.reported is None and row.steps and fnmatch.fnmatch(row.label, args.only)]
    if not rows:
        raise Fault(f"{args.results}: no row that was measured here matches {args.only!r}.")
    written = to_hub(rows, args) if args.to == "hub" else with_answers(rows, args)
    print(f"{len(written)} files of {len(rows)} rows below {args.out}")
    return 0


def table(args: argparse.Namespace) -> int:
    """All tables as one text."""
    board = reports.load([args.results])
    for each in board.left_out:
        print(f"harness: {each.path}: left out: {each.said}", file=sys.stderr)
    if not board.groups:
        raise Fault(f"{args.results}: no row of results in there. Run `harness run SUITE` first, or name the folder that it wrote to.")
    text = (SHEETS[args.sheet] if args.to == "csv" else TABLES[args.to])(board)
    if args.out is None:
        sys.stdout.write(text)
    elif args.out.is_dir():
        raise Fault(f"--out {args.out}: a folder. Name a file in it.")
    else:
        write_atomically(args.out, text.encode())
    return 0


def with_answers(rows: list[Result], args: argparse.Namespace) -> list[Path]:
    """Completions of whole exams, row by row; exams that lack an answer are named and left out: no tool could tell that they do."""
    if not args.store.is_dir():
        raise Fault(f"{args.store}: there is no such store. Name with --store the one that made these rows.")
    store, texts, written = Store(args.store), Texts(), []
    wanted = set(evalplus.DATASETS) if args.to == "evalplus" else None
    for row in rows:
        sat = {}
        for exam, score in row.scores.items():
            if wanted is not None and exam not in wanted:
                continue
            if score.complete:
                sat[exam] = answers(store, row, exam, texts)
            else:
                print(f"harness: {row.label}: {exam}: incomplete, so left out", file=sys.stderr)
        if sat:
            written += ANSWERS[args.to](args.out, row, sat)
    if not written:
        raise Fault(
            f"{args.results}: no whole exam to write"
            + (f" of {', '.join(evalplus.DATASETS)}." if wanted else ". Run the suite to its end.")
        )
    return written


def to_hub(rows: list[Result], args: argparse.Namespace) -> list[Path]:
    from harness.exporting import hub

    tasks = dict(said.partition("=")[::2] for said in args.task)
    sat = sorted({exam for row in rows for exam in row.scores})
    for exam, task in tasks.items():
        if not task or exam not in sat:
            raise Fault(f"--task {exam}={task}: write EXAM=ID, where EXAM is one of {', '.join(sat) or 'none'}.")
    if not tasks:
        there = [exam for exam in sat if hub.on_hub(exam)]
        able = (
            f"Exams here whose rows are from the hub: {', '.join(there)}"
            if there
            else f"No exam here has its rows from the hub ({', '.join(sat)})"
        )
        raise Fault(
            f"--to hub: a result on the hub names a task of its data set's eval.yaml, which nothing here knows. Say it with --task EXAM=ID. {able}."
        )
    return [path for row in rows for path in hub.write(args.out, row, tasks)]

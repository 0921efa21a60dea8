"""harness run SUITE: plan, carry out, write results, render the leaderboard. Safe to kill and to repeat."""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
from pathlib import Path

from harness.collect import results
from harness.commands.plan import STORE
from harness.commands.report import RESULTS, SITE
from harness.executors.local import LocalPool
from harness.plan import Plan, plan
from harness.progress import Screen, clock
from harness.provenance import provenance
from harness.records import Fault
from harness.results import SUITE_FILE, read_result, row_file, write_result
from harness.run import carry_out, refuse_silent_edits, states, tokens_written
from harness.spec import load_suite
from harness.store import must_be_writable, open_store, write_atomically


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("suite", type=Path, metavar="SUITE", help="the suite's YAML file")
    parser.add_argument("--store", type=Path, default=STORE, metavar="DIR", help="where steps are kept (default: %(default)s)")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="DIR", help="where rows are written, under the suite's name (default: %(default)s)"
    )
    parser.add_argument("--report", type=Path, metavar="DIR", help=f"where the leaderboard goes (default: {SITE}/<suite>)")
    parser.add_argument("--executor", choices=["local"], default="local", help="what carries out the steps (default: %(default)s)")
    parser.add_argument("--only", metavar="GLOB", help="only rows whose label matches; the student and the teacher always run")
    parser.add_argument("--processes", type=int, metavar="N", help="worker processes, one thread each (default: one a core)")
    parser.add_argument(
        "--accept-edits", action="store_true", help="an answer's code was edited without changing its meaning: keep what was trained"
    )


def run(args: argparse.Namespace) -> int:
    suite = load_suite(args.suite)
    if suite.unpinned:
        raise Fault(
            f"{args.suite}: {', '.join(suite.unpinned)}: no revision yet, so it may be another model tomorrow. Write the revision after the @."
        )
    if args.processes is not None and args.processes < 1:
        raise Fault(f"--processes {args.processes}: there must be at least one.")
    if suite.engine != "transformers":
        raise Fault(f"{args.suite}: engine {suite.engine!r} can be planned but not yet run in this version. Say `engine: transformers`.")
    made = plan(suite)
    rows = [row for row in made.rows if row.method is None or not args.only or fnmatch.fnmatch(row.label, args.only)]
    if args.only and not any(row.method for row in rows):
        raise Fault(f"--only {args.only}: no row matches. Rows: {', '.join(dict.fromkeys(row.label for row in made.rows if row.method))}.")
    folder, site = args.results / suite.suite, args.report or SITE / suite.suite
    must_be_writable(folder, "results", "--results")
    must_be_writable(site, "the leaderboard", "--report")
    store = open_store(args.store)
    refuse_silent_edits(rows, store, args.accept_edits)
    todo, corrupt = states(made, store)
    facts = provenance()
    with Screen() as screen:
        for fault in corrupt:
            screen.say(f"again: {fault}; it is set aside and made again", "yellow")
        screen.say(f"{suite.suite}: {len(made.steps)} steps for {len(rows)} rows, {len(made.steps) - len(todo)} of them done before")
        with LocalPool(store, facts, args.processes) as pool:
            failures = carry_out(made, rows, store, todo, pool, screen)
        seconds = clock(screen.seconds)
    full = next((f.reason.text for f in failures.values() if f.reason.kind == "disk"), None)
    if full:
        print(f"harness: {full}. What is done is kept; make room and run the same command.", file=sys.stderr)
        return 1
    several = len(suite.budgets) > 1
    found = results(suite, made, rows, store, failures, facts)
    for result in found:
        write_result(folder, result, several_budgets=several)
    labels = [row.label for row in suite.rows]
    columns = [{"name": exam.name, "pass": max(exam.passes, default=exam.sampling.n)} for exam in made.exams]
    current = current_rows(folder, made, [id(row) for row in rows], several)
    document = {**suite.resolved(), "rows": labels, "exams": columns, "current": current}
    write_atomically(folder / SUITE_FILE, (json.dumps(document, indent=1, sort_keys=True) + "\n").encode())
    return closing(site, folder, found, failures, tokens_written(made, rows, store), seconds)


def current_rows(folder: Path, made: Plan, written: list[int], several: bool) -> list[str]:
    """The files that stand for the suite as it is: those just written, and earlier ones that are made of the very same steps."""
    found = []
    for row in made.rows:
        place = row_file(row.pair, row.label, row.budget if several else None, row.seed)
        if id(row) in written or ((folder / place).is_file() and read_result(folder / place).steps == row.steps):
            found.append(place.as_posix())
    return sorted(found)


def closing(site: Path, folder: Path, found: list, failures: dict, tokens: dict, seconds: str) -> int:
    """The table, the exact tokens, where the page is; the exit code."""
    import reports
    from reports import terminal

    board = reports.load([folder])
    console = terminal.console()
    console.print(terminal.renderable(board))
    written = reports.write(board, site)
    console.print(
        "tokens written: "
        + " · ".join(f"{kind} {t['shared']:,} (each row alone {t['alone']:,})" for kind, t in tokens.items())
        + f" · {seconds}",
        soft_wrap=True,
    )
    console.print(f"results     {folder}", soft_wrap=True)
    console.print(f"leaderboard {written[0]}", soft_wrap=True)
    for text in dict.fromkeys(failure.reason.text for failure in failures.values()):
        same = [failure.step.title for failure in failures.values() if failure.reason.text == text]
        more = f" (and {len(same) - 1} more steps)" if len(same) > 1 else ""
        print(f"harness: {same[0]}{more}: {text}", file=sys.stderr)
    if failures and all(failure.input_fault for failure in failures.values()):
        return 2
    return 1 if failures or any(result.status != "done" for result in found) else 0

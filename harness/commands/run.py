"""harness run SUITE: plan, carry out, write results, render the leaderboard. Safe to kill and to repeat."""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import time
from pathlib import Path
from typing import Any

from harness.collect import record_of, results
from harness.commands.plan import STORE
from harness.commands.report import RESULTS, SITE
from harness.executors.local import LocalPool
from harness.overlaps import refuse_undeclared, seen
from harness.plan import Plan, Row, plan
from harness.progress import Screen, clock
from harness.provenance import provenance
from harness.records import Fault
from harness.rehearse import rehearsal, said
from harness.results import SUITE_FILE, read_result, row_file, write_result
from harness.run import carry_out, refuse_silent_edits, states, tokens_written
from harness.sampling.available import check_engine, check_lm_eval, rank_served
from harness.shelf import read_results
from harness.spec import Suite, load_suite
from harness.store import Store, must_be_writable, open_store, write_atomically

REHEARSAL = Path(".rehearsal")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("suite", type=Path, metavar="SUITE", help="the suite's YAML file")
    parser.add_argument("--store", type=Path, metavar="DIR", help=f"where steps are kept (default: {STORE})")
    parser.add_argument("--results", type=Path, metavar="DIR", help=f"where rows are written, under the suite's name (default: {RESULTS})")
    parser.add_argument("--report", type=Path, metavar="DIR", help=f"where the leaderboard goes (default: {SITE}/<suite>)")
    parser.add_argument("--executor", choices=["local"], default="local", help="what carries out the steps (default: %(default)s)")
    parser.add_argument("--only", metavar="GLOB", help="only rows whose label matches; the student and the teacher always run")
    parser.add_argument(
        "--processes", type=int, metavar="N", help="worker processes, one thread each (default: one a GPU; without any, one a core)"
    )
    parser.add_argument(
        "--allow-unsafe",
        action="store_true",
        help="run candidate programs without a sandbox where this machine has none; rows graded so bear a mark",
    )
    parser.add_argument(
        "--accept-edits", action="store_true", help="an answer's code was edited without changing its meaning: keep what was trained"
    )
    parser.add_argument(
        "--rehearse",
        action="store_true",
        help=f"small stand-ins for hub models and data: does it go through? It all lies below {REHEARSAL}/",
    )
    parser.add_argument(
        "--rows",
        type=Path,
        metavar="DIR",
        help="with --rehearse: a folder of problem sets as local files (default: rows/ beside the suite)",
    )


def run(args: argparse.Namespace) -> int:
    suite = load_suite(args.suite)
    if args.rehearse:
        return rehearse(args, suite)
    if args.rows is not None:
        raise Fault("--rows names files for a rehearsal. Add --rehearse, or name the files in the suite (`set: {file: …}`).")
    if suite.unpinned:
        raise Fault(
            f"{args.suite}: {', '.join(suite.unpinned)}: no revision yet, so what it names may be another tomorrow. "
            f"`harness lock {args.suite}` looks the revisions up and writes them."
        )
    return carried_through(args, suite, args.store or STORE, (args.results or RESULTS) / suite.suite, args.report or SITE / suite.suite)


def rehearse(args: argparse.Namespace, suite: Suite) -> int:
    """The suite's rehearsal, from its first step to its page, below a folder of its own."""
    for option in ("store", "results", "report"):
        if getattr(args, option) is not None:
            raise Fault(f"--{option} does not go with --rehearse, whose rows must never stand among results: it writes below {REHEARSAL}/.")
    beside = args.suite.parent / "rows"
    rows = args.rows or (beside if beside.is_dir() else None)
    if rows is not None and not rows.is_dir():
        raise Fault(f"--rows {rows}: there is no such folder. Leave it out: problems are made up then.")
    rehearsed = rehearsal(suite, rows)
    print("\n".join(said(suite, rehearsed)), flush=True)
    began, folder = time.monotonic(), REHEARSAL / "results" / suite.suite
    code = carried_through(args, rehearsed, REHEARSAL / "store", folder, REHEARSAL / "site" / suite.suite)
    found = read_results(folder) if folder.is_dir() else []
    broken = [row for row in found if row.status != "done"]
    went = f"{broken[0].label}: {broken[0].reason}" if broken else "it goes through" if code == 0 else "it did not go through"
    print(f"rehearsal: {len(found) - len(broken)} of {len(found)} rows done in {clock(time.monotonic() - began)}: {went}")
    return code


def carried_through(args: argparse.Namespace, suite: Suite, store_folder: Path, folder: Path, site: Path) -> int:
    """Plan, carry out, write results into `folder`, render into `site`."""
    if args.processes is not None and args.processes < 1:
        raise Fault(f"--processes {args.processes}: there must be at least one.")
    check_engine(suite.engine)
    check_lm_eval(any(group.lm_eval for group in suite.evaluate))
    made = plan(suite)
    rows = [row for row in made.rows if row.method is None or not args.only or fnmatch.fnmatch(row.label, args.only)]
    if args.only and not any(row.method for row in rows):
        raise Fault(f"--only {args.only}: no row matches. Rows: {', '.join(dict.fromkeys(row.label for row in made.rows if row.method))}.")
    must_be_writable(folder, "results", "--results")
    must_be_writable(site, "the leaderboard", "--report")
    machine: dict[str, Any] = {"allow_unsafe": args.allow_unsafe}
    if suite.engine == "vllm":
        machine["lora_ranks"] = lora_ranks(made)
    store = open_store(store_folder)
    refuse_silent_edits(rows, store, args.accept_edits)
    todo, corrupt = states(made, store)
    facts = provenance()
    with Screen() as screen:
        for fault in corrupt:
            screen.say(f"again: {fault}; it is set aside and made again", "yellow")
        needed = made.needed(address for row in rows for address in row.steps.values())
        screen.say(f"{suite.suite}: {len(needed)} steps for {len(rows)} rows, {len(needed - todo)} of them done before")
        with LocalPool(store, facts, args.processes, machine) as pool:
            failures = carry_out(made, [questions(made, rows)], store, todo, pool, screen)
            if not failures:  # every problem can be had, and nobody trains unawares on what is asked later
                found = seen(made, store)
                refuse_undeclared(found)
                for each in found.values():
                    if each.exact or each.near:
                        screen.say(f"overlap · {each.exam}: {each.line}", "yellow")
                failures = carry_out(made, rows, store, states(made, store)[0], pool, screen)
        for text in dropped(made, needed, store):
            screen.say(text)
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
    columns = [
        {"name": exam.name, "pass": max(exam.passes, default=exam.sampling.n), "date": exam.problems.entry.get("date")}
        for exam in made.exams
    ]
    current = current_rows(folder, made, [id(row) for row in rows], several)
    document = {**suite.resolved(), "rows": labels, "exams": columns, "tasks": [task.name for task in made.tasks], "current": current}
    write_atomically(folder / SUITE_FILE, (json.dumps(document, indent=1, sort_keys=True) + "\n").encode())
    return closing(site, store_folder, folder, found, failures, tokens_written(made, rows, store), seconds)


def questions(made: Plan, rows: list[Row]) -> Row:
    """What is looked at before anything is trained: the problems, and each exam's beside those of training."""
    sat = {address for row in rows for address in row.steps.values()}
    return Row("", "questions", "control", {exam.name: exam.overlap for exam in made.exams if exam.overlap in sat})


def lora_ranks(made: Plan) -> dict[str, int]:
    """The largest adapter that each student will be given: an engine must know when it is made. Raises Fault on one that none serves."""
    found: dict[str, int] = {}
    for step in made.steps:
        if step.stage == "train" and step.params["lora"]:
            student = step.params["pair"]["student"]["path"]
            found[student] = max(found.get(student, 0), step.params["lora"]["rank"])
    rank_served(found.values())
    return found


def dropped(made: Plan, needed: set[str], store: Store) -> list[str]:
    """What happened to the training problems before anybody saw them, where anything did."""
    found = []
    for step in made.steps:
        record = record_of(store, step.address) if step.stage == "select" and step.address in needed else None
        if record and record.facts["dropped"]:
            gone = sum(record.facts["dropped"].values())
            why = ", ".join(
                f"{count} {reason if ' ' in reason else f'over limits.{reason}'}" for reason, count in record.facts["dropped"].items()
            )
            found.append(f"{step.title}: {gone} of {gone + record.facts['problems']} training problems are dropped for all rows ({why})")
    return found


def current_rows(folder: Path, made: Plan, written: list[int], several: bool) -> list[str]:
    """The files that stand for the suite as it is: those just written, and earlier ones that are made of the very same steps."""
    found = []
    for row in made.rows:
        place = row_file(row.pair, row.label, row.budget if several else None, row.seed)
        if id(row) in written or ((folder / place).is_file() and read_result(folder / place).steps == row.steps):
            found.append(place.as_posix())
    return sorted(found)


def closing(site: Path, store: Path, folder: Path, found: list, failures: dict, tokens: dict, seconds: str) -> int:
    """The table, the exact tokens, where the page is; the exit code."""
    import reports
    from reports import terminal

    shelf = reports.shelf_of([folder])
    board = reports.board_of(shelf)
    console = terminal.console()
    console.print(terminal.renderable(board))
    written = reports.write(shelf, board, site, [folder], store)
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

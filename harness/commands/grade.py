"""harness grade FILE.jsonl: verdicts on completions that were made elsewhere. Safe to kill and to repeat."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import sys
from pathlib import Path

from harness.completions import output
from harness.completions.at_hand import Tests
from harness.completions.audit import audit
from harness.completions.journal import Journal
from harness.completions.rows import Unusable, lines_of
from harness.completions.tally import Tally, plural
from harness.completions.work import Graders, asked, grade_rows
from harness.grading import GRADERS, MATH
from harness.meter import Meter
from harness.progress import clock
from harness.records import Fault
from harness.store import writing_atomically

EPILOG = """\
rows, one JSON object a line:
  {"kind": "math", "answer": "42", "completion": "… \\\\boxed{42}"}
  {"kind": "code", "benchmark": "humaneval_plus", "task_id": "HumanEval/0", "completion": "…"}
  {"kind": "code", "problem": {tests inline, as EvalPlus or LiveCodeBench have them}, "completion": "…"}
Each comes back, in order, with verdict, correct, extracted and detail. `problem_id` and `sample` make an Avg@k of them.
exit codes: 0 all graded, 1 the machinery failed on some rows (the same command asks those again), 2 some rows cannot be graded
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("file", type=Path, metavar="FILE.jsonl", help="the completions")
    parser.add_argument("--out", metavar="FILE", help="where the graded rows go; - is the standard output (default: FILE.graded.jsonl)")
    parser.add_argument("--processes", type=int, metavar="N", help="graders side by side (default: one a core)")
    parser.add_argument(
        "--profile", choices=MATH, default="typed", help="how mathematical answers are compared, where a row does not say (default: typed)"
    )
    parser.add_argument("--audit", action="store_true", help="also say where the profiles disagree on the mathematical answers")
    parser.add_argument("--rows", type=Path, metavar="DIR", help="the benchmarks' own files, with their tests: a folder, or one file")
    parser.add_argument("--allow-unsafe", action="store_true", help="run programs though this machine has no sandbox to offer")
    parser.add_argument("--strict", action="store_true", help="exit with 2 where rows are doubled or without an id, or samples are missing")


def run(args: argparse.Namespace) -> int:
    path: Path = args.file
    processes = args.processes if args.processes is not None else os.cpu_count() or 1
    if processes < 1:
        raise Fault(f"--processes {processes}: there must be at least one.")
    if not path.is_file():
        raise Fault(f"{path}: there is no such file. Name a file of completions, one JSON object a line.")
    beside = path.with_name(path.name.removesuffix(".jsonl") + ".graded.jsonl")
    out = beside if args.out in (None, "-") else Path(args.out)
    if out.is_dir():
        raise Fault(f"--out {out}: a folder. Name a file in it.")
    if out.exists() and out.samefile(path):
        raise Fault(f"--out {out}: the completions themselves. Name another file.")
    digest = hashlib.sha256()
    total = sum(1 for _ in lines_of(path, digest))
    if not total:
        raise Fault(f"{path}: there is no row in it. One JSON object a line is expected; --help shows them.")
    sha256, tests = digest.hexdigest(), Tests(args.rows)
    with Journal(out.with_name(out.name + ".partial"), key_of(sha256, args.profile)) as journal:
        same_tests(journal, tests)
        say(journal, total)
        with Graders(processes, args.allow_unsafe) as graders, Meter("rows", total, journal.before) as meter:
            grade_rows(asked(path, args.profile, tests, journal), journal, graders, tests, meter.tell)
            disagreement = audit(path, sha256, args.profile, out, journal, graders) if args.audit else []
        with contextlib.nullcontext(sys.stdout.buffer) if args.out == "-" else writing_atomically(out) as file:
            tally = output.write(path, sha256, journal, file)
        if not tally.failed:
            journal.remove()
        report(tally, meter, journal, tests, graders.rung, disagreement, None if args.out == "-" else out)
    return 2 if tally.invalid or (args.strict and tally.loose) else 1 if tally.failed else 0


def key_of(sha256: str, profile: str) -> dict[str, str]:
    """What decides verdicts; the tests of benchmarks are named in the journal as they are met."""
    return {
        "file": sha256,
        "profile": profile,
        "version of a grader": ", ".join(f"{name} {version}" for name, version in sorted(GRADERS.items())),
    }


def same_tests(journal: Journal, tests: Tests) -> None:
    """Programs graded before were graded by the tests that lie here now; else all begins anew."""
    for benchmark, md5 in journal.tests.items():
        try:
            now = tests.source(benchmark).md5
        except Unusable as fault:
            raise Fault(f"{journal.path}: programs were graded before, but {fault}. Or remove the journal, and all begins anew.") from None
        if now != md5:
            journal.start_anew(f"another content of the tests of {benchmark} than before")
            return


def say(journal: Journal, total: int) -> None:
    if journal.restarted:
        print(f"{journal.path}: {journal.restarted}: all rows are graded anew", file=sys.stderr)
    elif journal.before:
        print(f"{journal.before:,} of {total:,} rows were graded before", file=sys.stderr)


def report(tally: Tally, meter: Meter, journal: Journal, tests: Tests, rung: str | None, disagreement: list[str], out: Path | None) -> None:
    now = tally.rows - journal.before
    lines = [
        f"graded {plural(now, 'row')} in {clock(meter.seconds)}" + (f", {journal.before:,} before" if journal.before else ""),
        *tally.said(),
    ]
    lines += disagreement
    lines += [f"tests of {name}: {source.said(name)}" for name, source in tests.sources.items()]
    if rung == "none":
        lines.append("PROGRAMS RAN WITHOUT A SANDBOX (--allow-unsafe): they could read and change what you can")
    elif rung:
        lines.append(f"sandbox: {rung}")
    if tally.failed:
        lines.append(f"the same command asks the {len(tally.failed):,} rows that the machinery failed on again; the others are kept")
    if out:
        lines.append(f"written to {out}")
    print("\n".join(lines), file=sys.stderr)

"""harness import FILE…: rows of results from what other tools wrote, or papers printed.

Rows of tools stand on the page with columns of their own, unranked; figures of papers stand apart, marked where no count can give them.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from harness import importing
from harness.commands.report import RESULTS
from harness.completions.at_hand import Tests
from harness.importing import published as papers
from harness.importing.evalplus import Regrade
from harness.importing.sheet import Sheet, score
from harness.records import Fault, Verdict
from harness.results import ExamScore, Imported, Provenance, Result, file_name, read_result, write_result

SUITE = PAIR = "imported"
REPORTED = RESULTS / "reported"  # where tables of papers lie; a suite's `report.reported` names one of them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "formats, told by content:\n" + "\n".join(f"  {each.KNOWN_BY}" for each in (*importing.FORMATS, papers))
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="what lm-eval, evalplus or LiveCodeBench wrote")
    parser.add_argument("--suite", metavar="NAME", help=f"on whose page the rows stand (default: {SUITE}; of papers: the file's name)")
    parser.add_argument("--pair", default=PAIR, metavar="NAME", help="under which pair of it (default: %(default)s)")
    parser.add_argument("--label", metavar="NAME", help="the row's name (default: the model's, as the files tell it)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help=f"the suite's folder of results (default: {RESULTS}/<suite>, {REPORTED}/<suite>)"
    )
    parser.add_argument("--regrade", action="store_true", help="grade samples of evalplus here, instead of taking its verdicts")
    parser.add_argument("--rows", type=Path, metavar="DIR", help="with --regrade: the benchmarks' own files, a folder or one file")
    parser.add_argument("--processes", type=int, metavar="N", help="with --regrade: graders side by side (default: one a core)")
    parser.add_argument("--allow-unsafe", action="store_true", help="with --regrade: run programs though this machine has no sandbox")


def run(args: argparse.Namespace) -> int:
    tables = [path for path in args.files if path.suffix == ".csv"]
    for path in tables:
        of_papers(path, args)
    return of_tools([path for path in args.files if path not in tables], args) if len(tables) < len(args.files) else 0


def of_papers(path: Path, args: argparse.Namespace) -> None:
    """A table of printed figures: its rows, and which of its figures bear a mark."""
    suite = args.suite or path.stem
    folder = args.out or REPORTED / suite
    rows = papers.read(path, suite)
    for result in rows:
        refuse_to_replace(folder / file_name(result), result)
    for result in rows:
        write_result(folder, result)
    figures = [figure for result in rows if result.reported for figure in result.reported.figures]
    marked = sum(bool(figure.marks) for figure in figures)
    print(f"{folder}: {len(rows)} rows with {len(figures)} figures, {marked} of them marked")
    for result in rows:
        for figure in result.reported.figures if result.reported else ():
            for mark in figure.marks:
                place = " ".join(filter(None, (figure.where, result.pair, result.label, figure.exam, figure.metric)))
                print(f"  {mark.kind}: {place}: {mark.detail}")


def of_tools(files: list[Path], args: argparse.Namespace) -> int:
    suite = args.suite or SUITE
    folder = args.out or RESULTS / suite
    regrade = grader(args) if args.regrade else None
    rows: dict[str, list[Sheet]] = {}
    for path in files:
        sheet = importing.read(path, regrade)
        rows.setdefault(args.label or sheet.label, []).append(sheet)
    found = [row(suite, args.pair, label, sheets) for label, sheets in rows.items()]
    for result in found:
        refuse_to_replace(folder / file_name(result), result)
    for result, sheets in zip(found, rows.values(), strict=True):
        print("\n".join(said(write_result(folder, result), result, sheets)))
    print(f"harness report {folder} renders them")
    gaps = [f"{result.label}: {name}" for result in found for name, cell in result.scores.items() if not cell.complete]
    if gaps:
        print(f"harness: incomplete, so without a figure: {', '.join(gaps)}", file=sys.stderr)
    return 0


def grader(args: argparse.Namespace) -> Regrade:
    """Verdicts of ours on samples of a benchmark whose file is at hand."""
    tests = Tests(args.rows)

    def grade(samples: list[tuple[str, str, str]]) -> list[Verdict]:
        from harness.grading.code import CodeGrader

        items = [(tests.look_up(benchmark, task), program) for benchmark, task, program in samples]
        with CodeGrader(args.processes or os.cpu_count() or 1, allow_unsafe=args.allow_unsafe) as code:
            return code.grade_many(items)

    return grade


def row(suite: str, pair: str, label: str, sheets: list[Sheet]) -> Result:
    """One row from all files that have its label. Raises Fault where two of them hold the same exam."""
    scores: dict[str, ExamScore] = {}
    for sheet in sheets:
        for exam in sheet.exams:
            if exam.name in scores:
                raise Fault(
                    f"{', '.join(sheet.files)}: {exam.name} stands in another file of the row {label!r} already. Import the files one by "
                    "one, each with a --label of its own."
                )
            scores[exam.name] = score(sheet.tool, exam)
    return Result(
        suite=suite,
        pair=pair,
        label=label,
        role="reported",
        status="done",
        scores=scores,
        provenance=Provenance(
            date=max((sheet.date for sheet in sheets if sheet.date), default=None),
            imported=tuple(Imported(tool=sheet.tool, version=sheet.version, sha256=dict(sheet.files)) for sheet in sheets),
        ),
    )


def refuse_to_replace(path: Path, result: Result) -> None:
    if path.exists() and (before := read_result(path)) != result:
        whose = "another import" if before.provenance.imported else "a row of its own"
        raise Fault(f"{path}: {whose} stands there, of the same label. Choose another --label, or remove the file.")


def said(path: Path, result: Result, sheets: list[Sheet]) -> list[str]:
    """What was read, for people."""
    lines = [f"{path}"]
    for name, cell in result.scores.items():
        avg, graded = cell.avg_at, f"{sum(cell.graded):,} of {cell.problems * cell.samples:,} answers"
        if avg.value is None:
            gone = f", {cell.missing:,} missing ({', '.join(cell.missing_first)})" if cell.missing else ""
            lines.append(f"  {name}: incomplete, {graded} graded{gone}{f', {cell.ungraded:,} without a verdict' if cell.ungraded else ''}")
        else:
            spread = "" if avg.stderr is None else f" ± {100 * avg.stderr:.1f}"
            lines.append(f"  {name}: Avg@{avg.k} {100 * avg.value:.1f}{spread} % over {cell.problems:,} problems, {cell.protocol}")
    return lines + [f"  {note}" for sheet in sheets for note in sheet.notes]

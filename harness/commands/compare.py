"""harness compare A B: the paired difference of each exam, with its interval, of the rows that two sets of results have in common."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from harness.records import Fault
from harness.results import Result, read_result
from harness.shelf import read_results
from reports import terminal
from reports.compared import Contrast, compared
from reports.words import DASH, interval, percent, points, series


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name in ("a", "b"):
        parser.add_argument(name, type=Path, metavar=f"RESULTS_{name.upper()}", help="a folder of results, or the file of one row")
    parser.add_argument(
        "--allow-mixed", action="store_true", help="compare sittings of unlike protocols on the same problems, too; they bear a mark"
    )
    parser.add_argument("--json", action="store_true", help="as JSON: differences are fractions")


def run(args: argparse.Namespace) -> int:
    """Print the table. Raises Fault where the two have no row or no exam in common."""
    found = compared(rows_of(args.a), rows_of(args.b), args.allow_mixed)
    if not found.contrasts:
        raise Fault(
            f"{args.a} and {args.b} have no row in common: A has {_some(found.only_a)}, B has {_some(found.only_b)}. Rows are matched by pair, "
            "budget and label; two files of one row each are compared whatever their labels."
        )
    if args.json:
        print(json.dumps(asdict(found), indent=1, ensure_ascii=False))
        return 0
    console = terminal.console()
    for pair in dict.fromkeys(each.pair for each in found.contrasts):
        mine = [each for each in found.contrasts if each.pair == pair]
        console.print(Text(f"\n{pair}", style="bold"), table(mine), *notes(mine), sep="\n")
    for name, only in (("A", found.only_a), ("B", found.only_b)):
        if only:
            console.print(Text(f"in {name} alone: {_some(only)}"))
    console.print(Text("Scores in percent; B − A in points, paired on problems and seeds, each exam by itself: an interval, not a test."))
    return 0


def rows_of(path: Path) -> list[Result]:
    return [read_result(path)] if path.is_file() else read_results(path)


def table(found: Sequence[Contrast]) -> Table:
    """Of one pair; a row's name stands once."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True, show_edge=False)
    for head in ("row", "exam"):
        made.add_column(head, overflow="fold")
    for head in ("A", "B", "B − A", "95%"):
        made.add_column(head, justify="right", no_wrap=True)
    for place, each in enumerate(found):
        again = place and found[place - 1].label == each.label
        made.add_row(*map(Text, ("" if again else each.label, each.exam, *_figures(each))))
    return made


def notes(found: Sequence[Contrast]) -> list[Text]:
    """What must be known of a figure, or why there is none; said once for all that it is true of."""
    by: dict[str, list[str]] = {}
    for each in found:
        if each.note:
            by.setdefault(each.note, []).append(f"{each.label} on {each.exam}")
    whole = {note: names for note, names in by.items() if len(names) == len(found)}
    return [Text(note if note in whole else f"{_some(tuple(names))}: {note}", style="dim") for note, names in by.items()]


def _figures(each: Contrast) -> list[str]:
    scores = [f"{percent(score.value)} ± {percent(score.stderr)}" if score else DASH for score in (each.a, each.b)]
    return [*scores, *([points(each.delta.value), interval(each.delta.interval95)] if each.delta else [DASH, DASH])]


def _some(names: tuple[str, ...], most: int = 6) -> str:
    return series([*names[:most], *([f"{len(names) - most} more"] if len(names) > most else [])]) or "none"

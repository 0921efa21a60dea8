"""Folders of results as they are found: the rows that stand, those that an earlier form of their suite left, and what cannot be used.

A file that is damaged, written by a newer harness, edited by hand or graded under another protocol is named, with its fault and what to do
about it, and left out; the rest is used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.records import Fault
from harness.results import SUITE_FILE, Result, as_mapping, parsed, read_result


@dataclass(frozen=True)
class LeftOut:
    """A file that could not be used: what is wrong with it and what to do about it, in one message."""

    path: str
    said: str


@dataclass(frozen=True)
class Shelf:
    """`results` stand for their suites; `retired` are of an earlier form of one, and never compared with them. Ordered by path.

    `suites`: the resolved suites by name.
    """

    results: tuple[Result, ...] = ()
    retired: tuple[Result, ...] = ()
    suites: dict[str, dict[str, Any]] | None = None
    left_out: tuple[LeftOut, ...] = ()


def read_shelf(folders: Sequence[Path]) -> Shelf:
    """All that can be used below these folders, each one suite's or a parent of several. Raises Fault where a folder is missing."""
    left: dict[Path, str] = {}
    found: dict[Path, Result] = {}
    retired: dict[Path, Result] = {}
    suites: dict[str, dict[str, Any]] = {}
    for folder in folders:
        current: dict[Path, set[str] | None] = {}
        above = next((parent / SUITE_FILE for parent in folder.parents if (parent / SUITE_FILE).is_file()), None)
        for path in [*([above] if above else []), *sorted(folder.rglob(SUITE_FILE))]:
            try:
                suite = parsed(path, as_mapping)
            except Fault as fault:
                left[path] = f"{_without(path, fault)} `harness run` writes it anew; until then its rows stand in no order."
                current[path.parent] = None
            else:
                if path != above:  # a part of a suite was asked for: its rows stand or not as the whole says
                    suites[str(suite.get("suite", path.parent.name))] = suite
                current[path.parent] = None if suite.get("current") is None else set(suite["current"])
        for path in row_files(folder):
            try:
                result = read_result(path)
            except Fault as fault:
                left[path] = _without(path, fault)
            else:
                (found if _stands(path, result, current) else retired)[path] = result
    left |= dict(_doubles(found)) | dict(_strangers(found))
    return Shelf(
        tuple(result for path, result in found.items() if path not in left),
        tuple(result for path, result in retired.items() if path not in found),
        suites,
        tuple(LeftOut(str(path), said) for path, said in sorted(left.items())),
    )


def read_results(folder: Path) -> list[Result]:
    """The rows below a folder that their suites still stand for, ordered by path. Raises Fault for the first file that cannot be used."""
    return list(_whole(folder).results)


def read_retired(folder: Path) -> list[Result]:
    """Rows that an earlier form of their suite left: other settings, seeds, budgets or pairs. Raises Fault as `read_results` does."""
    return list(_whole(folder).retired)


def read_suites(folder: Path) -> dict[str, dict[str, Any]]:
    """The resolved suites that lie beside rows below the folder, by name. Raises Fault as `read_results` does."""
    return _whole(folder).suites or {}


def _whole(folder: Path) -> Shelf:
    shelf = read_shelf([folder])
    for each in shelf.left_out:
        raise Fault(f"{each.path}: {each.said}")
    return shelf


def row_files(folder: Path) -> list[Path]:
    """Files that should be rows: every JSON file below the folder but the resolved suite and hidden files. Raises Fault."""
    if not folder.is_dir():
        raise Fault(f"{folder}: there is no such folder of results. Run `harness run SUITE` first, or name the folder that it wrote to.")
    return sorted(
        path
        for path in folder.rglob("*.json")
        if path.name != SUITE_FILE and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _stands(path: Path, result: Result, current: dict[Path, set[str] | None]) -> bool:
    """Whether the `current` list of its suite names it, or it was measured elsewhere; all stand where there is no such list."""
    home = next((parent for parent in path.parents if parent in current), None)
    named = None if home is None else current[home]
    return named is None or home is None or path.relative_to(home).as_posix() in named or bool(result.provenance.imported)


def _doubles(found: dict[Path, Result]) -> Iterator[tuple[Path, str]]:
    seen: dict[tuple, Path] = {}
    for path, result in found.items():
        first = seen.setdefault((result.suite, result.pair, result.label, result.budget, result.seed), path)
        if first != path:
            yield path, f"the same row as {first} (label {result.label!r}, seed {result.seed}). Remove one of the two files."


def _strangers(found: dict[Path, Result]) -> Iterator[tuple[Path, str]]:
    """Rows of a suite that sat an exam under another protocol than their pair's others, or on other problems. Which is the suite's own is
    told by the untrained student, else by the most rows. A second sitting has another seed, and imported figures their own columns."""
    own = {path: result for path, result in found.items() if result.role != "reported" and result.label != "student_again"}
    sat: dict[tuple[str, str, str], Counter[tuple[str, str]]] = {}
    for result in own.values():
        for exam, score in result.scores.items():
            weight = len(own) if result.role == "student" else 1
            sat.setdefault((result.suite, result.pair, exam), Counter())[score.protocol, score.problems_hash] += weight
    for path, result in own.items():
        for exam, score in result.scores.items():
            (protocol, problems), _ = max(sat[result.suite, result.pair, exam].items(), key=lambda each: (each[1], each[0]))
            if score.protocol != protocol:
                what = f"under {score.protocol}, where the others of this pair sat it under {protocol}"
            elif score.problems_hash != problems:
                what = f"on other problems (hash {score.problems_hash}) than the others of this pair ({problems})"
            else:
                continue
            yield path, f"it sat {exam} {what}. Run the row again as its suite stands, or move it to a suite of its own."
            break


def _without(path: Path, fault: Fault) -> str:
    """The message without the path that begins it; a line and column stay."""
    return str(fault).removeprefix(f"{path}:").lstrip()

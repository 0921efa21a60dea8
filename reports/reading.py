"""Results from their files. One that cannot be used is named and left out; the rest is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.records import Fault
from harness.results import Result, read_result, read_suite, row_files, suite_files
from reports.nouns import Refused


@dataclass(frozen=True)
class Evidence:
    """All that a site is made from."""

    results: tuple[Result, ...]
    retired: tuple[Result, ...]
    suites: Mapping[str, Mapping[str, Any]]  # the resolved suites by name
    refused: tuple[Refused, ...]


def read(folders: Sequence[Path]) -> Evidence:
    """The rows below these folders, ordered by path. Raises Fault for a folder that is not there."""
    results: list[Result] = []
    retired: list[Result] = []
    suites: dict[str, Mapping[str, Any]] = {}
    refused: list[Refused] = []
    seen: dict[tuple, str] = {}
    for folder in folders:
        lists: dict[Path, set[str] | None] = {}  # what each suite's file names as its own rows, by its folder
        for path in suite_files(folder):
            try:
                suite = read_suite(path)
            except Fault as fault:
                refused.append(_refused(folder, path, str(fault)))
            else:
                suites[str(suite.get("suite", path.parent.name))] = suite
                lists[path.parent] = None if suite.get("current") is None else set(map(str, suite["current"]))
        for path in row_files(folder):
            try:
                result = read_result(path)
            except Fault as fault:
                refused.append(_refused(folder, path, str(fault)))
                continue
            address = (result.suite, result.pair, result.label, result.budget, result.seed)
            if not (result.provenance.imported or _stands(path, lists)):
                retired.append(result)
            elif address in seen:
                refused.append(_refused(folder, path, f"the same row as {seen[address]}. Remove one of the two files."))
            else:
                seen[address] = path.relative_to(folder).as_posix()
                results.append(result)
    return Evidence(tuple(results), tuple(retired), suites, tuple(refused))


def _stands(path: Path, lists: Mapping[Path, set[str] | None]) -> bool:
    """Whether the suite beside the row still names it; a row beside no suite stands."""
    home = next((parent for parent in path.parents if parent in lists), None)
    named = lists[home] if home else None
    return named is None or home is None or path.relative_to(home).as_posix() in named


def _refused(folder: Path, path: Path, why: str) -> Refused:
    """Named from its folder of results on: where that lies on this machine is nobody's business."""
    name = path.relative_to(folder).as_posix()
    return Refused(name, why.replace(str(path), name).removeprefix(f"{name}: "))

"""LiveCodeBench: `…_eval_all.json`, a list of problems, each with `graded_list`: whether each of its programs passed all tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.importing.sheet import Counts, Sat, Sheet, json_in, no_doubles
from harness.records import Fault
from harness.store import file_hash

TOOL = "livecodebench"
KNOWN_BY = "…_eval_all.json of LiveCodeBench (--evaluate)"
NAME = re.compile(r"(?P<scenario>.*)_(?P<n>\d+)_(?P<temperature>[0-9.]+)_eval_all\.json")


def is_problem(row: Mapping[str, Any]) -> bool:
    return "question_id" in row and "graded_list" in row


def is_ungraded(row: Mapping[str, Any]) -> bool:
    return "question_id" in row and "code_list" in row and not is_problem(row)


def read(path: Path) -> Sheet:
    """Raises Fault for a problem without verdicts, and for problems that stand more than once."""
    problems: dict[str, Counts] = {}
    doubled, dates = [], []
    for place, row in enumerate(json_in(path), 1):
        if not isinstance(row, dict) or not is_problem(row):
            raise Fault(f"{path}: problem {place} of the list has no question_id with a graded_list. Evaluate again with LiveCodeBench.")
        name, graded = str(row["question_id"]), row["graded_list"]
        if not isinstance(graded, list) or not graded or not all(isinstance(each, bool) for each in graded):
            raise Fault(
                f"{path}: problem {name}: graded_list must be a list of true and false, one a program. Evaluate again with LiveCodeBench."
            )
        if name in problems:
            doubled.append(name)
        problems[name] = Counts(len(graded), sum(graded))
        dates.append(str(row.get("contest_date", ""))[:10])
    no_doubles(path, "problems", doubled)
    found = NAME.fullmatch(path.name)
    samples = max(each.graded for each in problems.values())
    settings = {
        "samples": samples,
        "scenario": found["scenario"] if found else None,
        "temperature": found["temperature"] if found else None,
    }
    window = f"contests of {min(dates)} to {max(dates)}" if all(dates) else "contests of unknown dates"
    exam = Sat("livecodebench", samples, problems, settings, TOOL)
    label = path.parent.name if found else path.name.removesuffix(".json").removesuffix("_eval_all")
    return Sheet(TOOL, None, label or path.stem, (exam,), {path.name: file_hash(path)}, None, (f"{len(problems):,} problems, {window}",))

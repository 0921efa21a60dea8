"""Files of other tools, read as what they are: the format is told by content, never by a name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.completions.rows import lines_of, named
from harness.importing import evalplus, livecodebench, lm_eval
from harness.importing.evalplus import Regrade
from harness.importing.sheet import Sheet, json_in
from harness.records import Fault

FORMATS = (lm_eval, evalplus, livecodebench)


def read(path: Path, regrade: Regrade | None = None) -> Sheet:
    """What the file says. `regrade`: samples of EvalPlus get verdicts of ours. Raises Fault, naming the formats where it is none."""
    if not path.is_file():
        raise Fault(f"{path}: there is no such file. Known formats: {known()}.")
    first, alone = first_object(path)
    if first is not None and lm_eval.is_samples(first):
        return lm_eval.read(path)
    if first is not None and evalplus.is_samples(first):
        return of_evalplus(path, regrade)
    whole = json_in(path) if alone or first is None else first
    if evalplus.is_results(whole):
        if regrade:
            raise Fault(f"{path}: --regrade grades samples. Name the .jsonl that was evaluated.")
        return evalplus.read(path)
    row = whole[0] if isinstance(whole, list) and whole and isinstance(whole[0], dict) else {}
    if livecodebench.is_problem(row):
        return livecodebench.read(path)
    if livecodebench.is_ungraded(row):
        raise Fault(f"{path}: programs of LiveCodeBench without verdicts. Evaluate them there, and import its …_eval_all.json.")
    if lm_eval.is_results(whole):
        raise Fault(
            f"{path}: figures of lm-eval without counts. Import the samples_<task>_<date>.jsonl beside it (lm-eval's --log_samples)."
        )
    raise Fault(f"{path}: {described(whole)}: no format that we know. Known: {known()}.")


def of_evalplus(path: Path, regrade: Regrade | None) -> Sheet:
    """Samples: graded here, or with what `evalplus.evaluate` found on them."""
    if regrade:
        return evalplus.regraded(path, regrade)
    beside = evalplus.results_of(path)
    if not beside.is_file():
        raise Fault(
            f"{path}: samples of EvalPlus without verdicts: there is no {beside.name} beside it. Run `evalplus.evaluate`, or grade them here "
            "with --regrade --rows DIR."
        )
    return evalplus.read(beside)


def first_object(path: Path) -> tuple[dict[str, Any] | None, bool]:
    """The first line, where it is an object by itself; and whether it is the only line. Raises Fault for an empty file."""
    lines = lines_of(path)
    first = next(lines, None)
    if first is None:
        raise Fault(f"{path}: the file is empty. Known formats: {known()}.")
    try:
        row = json.loads(first[1])
    except (ValueError, RecursionError):
        row = None
    return row if isinstance(row, dict) else None, next(lines, None) is None


def known() -> str:
    return "; ".join(each.KNOWN_BY for each in FORMATS)


def described(whole: Any) -> str:
    if isinstance(whole, dict):
        return f"an object of {', '.join(list(map(str, whole))[:8]) or 'nothing'}"
    if isinstance(whole, list):
        inner = f" of {', '.join(list(map(str, whole[0]))[:8])}" if whole and isinstance(whole[0], dict) else ""
        return f"a list of {len(whole)} entries" + (f", the first an object{inner}" if inner else "")
    return f"{named(whole)} alone"

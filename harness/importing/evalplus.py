"""EvalPlus: `<samples>_eval_results.json`, a status on the base tests and one on the extra ones for each sample of each task."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.completions.at_hand import RELEASES, dataset_of
from harness.completions.rows import Unusable
from harness.grading import GRADERS, UNGRADED
from harness.importing.sheet import Counts, Sat, Sheet, json_in, named, objects_in
from harness.records import Fault, Verdict
from harness.store import file_hash

TOOL = "evalplus"
KNOWN_BY = "<samples>_eval_results.json of evalplus.evaluate, or its samples.jsonl with --regrade"
TASKS = {"humaneval": 164, "mbpp": 378}  # of the releases that we know; HumanEval has as many in any
STATUSES = {"pass": True, "fail": False, "timeout": False}
TEMPERATURE = re.compile(r"_temp_([0-9.]+)")

# (benchmark, task id, program) of each sample → verdicts, in order.
Regrade = Callable[[list[tuple[str, str, str]]], list[Verdict]]


def is_samples(row: Mapping[str, Any]) -> bool:
    return "task_id" in row and ("solution" in row or "completion" in row)


def is_results(whole: Any) -> bool:
    return isinstance(whole, dict) and isinstance(whole.get("eval"), dict)


def results_of(samples: Path) -> Path:
    """Where `evalplus.evaluate` writes what it found on these samples."""
    return samples.with_name(samples.name.removesuffix(".jsonl") + "_eval_results.json")


def read(path: Path) -> Sheet:
    """The statuses as they were given. Raises Fault."""
    whole = json_in(path)
    tasks, release = whole["eval"], whole.get("hash")
    if not tasks or not all(isinstance(entries, list) and entries for entries in tasks.values()):
        raise Fault(
            f"{path}: `eval` must map each task to the list of its samples; an older layout, or a run that ended early. Evaluate again."
        )
    dataset = dataset_from(path, tasks)
    base: dict[str, Counts] = {}
    plus: dict[str, Counts] = {}
    for task, entries in tasks.items():
        on_base = [status(path, task, entry, "base_status") for entry in entries]
        on_plus = [status(path, task, entry, "plus_status") for entry in entries]
        base[task] = counts(on_base)
        if any(each is not None for each in on_plus):
            both = zip(on_base, on_plus, strict=True)
            plus[task] = counts([first if first is False else first and second for first, second in both])
    exams = [sat(path, dataset, base, release)]
    if plus:
        if len(plus) < len(base):
            raise Fault(
                f"{path}: {len(base) - len(plus)} tasks have no status on the extra tests, the others have. Evaluate the samples again."
            )
        exams.append(sat(path, f"{dataset}_plus", plus, release))
    notes = [f"data set {RELEASES.get(release, f'of hash {release}, no release that we know')}"] if release else []
    return Sheet(TOOL, None, label_of(path), tuple(exams), {path.name: file_hash(path)}, whole.get("date"), tuple(notes))


def regraded(path: Path, grade: Regrade) -> Sheet:
    """Samples, with verdicts of ours. Raises Fault for a sample that cannot be graded."""
    samples, places = [], []
    for number, row in objects_in(path):
        if not is_samples(row) or not isinstance(row.get("solution", row.get("completion")), str):
            raise Fault(
                f"{path}:{number}: no sample: task_id, and solution or completion as text are wanted. Look at what wrote this line."
            )
        samples.append((str(row["task_id"]), row["solution"] if "solution" in row else row["completion"]))
        places.append(number)
    dataset = dataset_from(path, (task for task, _ in samples))
    try:
        verdicts = grade([(f"{dataset}_plus", task, program) for task, program in samples])
    except Unusable as fault:
        raise Fault(f"{path}: {fault}.") from None
    problems: dict[str, list[bool | None]] = {}
    for (task, _), verdict in zip(samples, verdicts, strict=True):
        problems.setdefault(task, []).append(None if verdict.verdict in UNGRADED else verdict.correct)
    grader = f"code {GRADERS['code']}"
    exam = sat(path, f"{dataset}_plus", {task: counts(found) for task, found in problems.items()}, None, grader)
    return Sheet(TOOL, None, label_of(path), (exam,), {path.name: file_hash(path)}, None, (f"graded here, by {grader}",))


def sat(path: Path, name: str, problems: Mapping[str, Counts], release: str | None, grader: str | None = None) -> Sat:
    """An exam by its counts; a task that should be there and is not, and one with fewer samples than the others, leave it incomplete."""
    dataset = name.removesuffix("_plus")
    asked = Counter(each.graded + each.ungraded for each in problems.values())
    expected = TASKS[dataset] if dataset == "humaneval" or release in RELEASES else len(problems)
    lacking = [f"HumanEval/{number}" for number in range(164) if f"HumanEval/{number}" not in problems] if dataset == "humaneval" else []
    if dataset != "humaneval":
        lacking = [f"unknown task {number}" for number in range(1, 1 + expected - len(problems))]
    temperature = TEMPERATURE.search(path.name)
    settings = {
        "dataset": name,
        "hash": release,
        "samples": max(asked),
        "temperature": temperature[1] if temperature else None,
        "grader": grader or TOOL,
    }
    return Sat(name, max(asked), problems, settings, grader or TOOL, tuple(lacking))


def status(path: Path, task: str, entry: Any, name: str) -> bool | None:
    """Whether it passed; None where there is no status. Raises Fault for a word that is none."""
    said = entry.get(name) if isinstance(entry, dict) else entry
    if said is None:
        return None
    if said not in STATUSES:
        raise Fault(f"{path}: {task}: {name} is {said!r}; expected one of {', '.join(STATUSES)}. Evaluate the samples again.")
    return STATUSES[said]


def counts(found: list[bool | None]) -> Counts:
    known = [each for each in found if each is not None]
    return Counts(len(known), sum(known), len(found) - len(known))


def dataset_from(path: Path, tasks: Iterable[str]) -> str:
    by_name = {dataset_of("", task): task for task in tasks}
    if len(by_name) != 1 or "" in by_name:
        raise Fault(
            f"{path}: its tasks are not all of HumanEval+ or all of MBPP+: {named(list(by_name.values()))}. Split the file by benchmark."
        )
    return next(iter(by_name))


def label_of(path: Path) -> str:
    return path.name.removesuffix(".json").removesuffix(".jsonl").removesuffix("_eval_results") or path.parent.name

"""Hugging Face: `<row>/.eval_results/<exam>.yaml`, to be put into the model's repository. One number an entry, so the rest stands in its notes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml
from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

from harness import catalogue
from harness.exporting.lm_eval import name_of
from harness.records import Fault
from harness.results import ExamScore, Result
from harness.store import write_atomically


def write(out: Path, result: Result, tasks: Mapping[str, str]) -> list[Path]:
    """`tasks`: the id that an exam has in the eval.yaml of its data set; only these are written. Raises Fault for one that is not of the hub."""
    written = []
    for exam, task in tasks.items():
        score = result.scores.get(exam)
        if score is None or not score.complete or score.avg_at.value is None:
            continue
        path = out / name_of(result) / ".eval_results" / f"{exam}.yaml"
        write_atomically(
            path,
            yaml.safe_dump(eval_result_entries_to_yaml([entry(result, exam, score, task)]), sort_keys=False, allow_unicode=True).encode(),
        )
        written.append(path)
    return written


def entry(result: Result, exam: str, score: ExamScore, task: str) -> EvalResultEntry:
    hub = of_hub(exam)
    revision = hub.get("revision")
    error = "" if score.avg_at.stderr is None else f" ± {100 * score.avg_at.stderr:.1f} (standard error over {score.problems} problems)"
    return EvalResultEntry(
        dataset_id=str(hub["id"]),
        task_id=task,
        value=round(100 * (score.avg_at.value or 0.0), 4),
        dataset_revision=None if revision in (None, catalogue.UNPINNED) else str(revision),
        date=result.provenance.date,
        notes=f"avg@{score.samples}{error}, protocol {score.protocol}, {score.grader or 'grader unknown'}, {result.suite}/{result.pair}/{result.label}",
    )


def on_hub(exam: str) -> bool:
    """Whether a data set there has it."""
    try:
        return bool(of_hub(exam))
    except Fault:
        return False


def of_hub(exam: str) -> dict:
    """Where the exam's rows lie on the hub. Raises Fault."""
    try:
        found = catalogue.problem_set(exam).entry.get("hub")
    except catalogue.Unknown as fault:
        raise Fault(f"--task {exam}: {fault}") from None
    if not isinstance(found, dict):
        raise Fault(f"--task {exam}: its rows are not from the hub, so no data set there has it. Leave it out.")
    return found

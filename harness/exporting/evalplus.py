"""EvalPlus: `<row>/<dataset>.jsonl`, a line a sample with the program that our grader ran, for `evalplus.evaluate --samples`."""

from __future__ import annotations

import json
from pathlib import Path

from harness.exporting.answers import Answer
from harness.exporting.lm_eval import name_of
from harness.results import Result
from harness.store import write_atomically

DATASETS = {"humaneval_plus": "humaneval", "mbpp_plus": "mbpp"}  # exam → what evalplus calls it


def write(out: Path, result: Result, sat: dict[str, list[Answer]]) -> list[Path]:
    """Of the exams that are evalplus's. A sample without a program has an empty one, which fails there as it did here."""
    written = []
    for exam, found in sat.items():
        lines = [json.dumps({"task_id": answer.problem.id, "solution": program(answer)}, ensure_ascii=False) + "\n" for answer in found]
        path = out / name_of(result) / f"{DATASETS[exam]}.jsonl"
        write_atomically(path, "".join(lines).encode())
        written.append(path)
    return written


def program(answer: Answer) -> str:
    """As the grader of programs takes it out of the completion."""
    from harness.grading.code.judge import Head
    from harness.stages.verdicts import begun

    text = answer.text if answer.problem.prefill is None else begun(answer.problem.prefill, answer.text)
    return Head.of(answer.problem.tests or "").extract(text).program or ""

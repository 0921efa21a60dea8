"""What a row wrote in an exam, from the store: each answer with its problem, its text and its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.records import Fault, ModelRef, Problem, Rollout, Verdict
from harness.results import Result
from harness.store import Corrupt, Record, Store
from harness.tables import from_bytes, grades_from


@dataclass(frozen=True)
class Answer:
    problem: Problem
    sample: int
    text: str
    verdict: Verdict
    prompt: str  # as the model read it, template and all


class Texts:
    """What token ids say, by the tokenizer of who wrote them; each tokenizer is loaded once."""

    def __init__(self) -> None:
        self._tokenizers: dict[str, Any] = {}

    def tokenizer(self, model: dict[str, Any], made: Path | None) -> Any:
        """`made`: as of `folder_of`. Raises Fault where no tokenizer can be had."""
        from harness import models

        where = models.source(ModelRef(**model), made)
        if where[0] not in self._tokenizers:
            self._tokenizers[where[0]] = models.tokenizer_of(where)
        return self._tokenizers[where[0]]

    def responses(self, model: dict[str, Any], made: Path | None, rollouts: list[Rollout]) -> list[str]:
        from harness import prompts

        tokenizer = self.tokenizer(model, made)
        return [prompts.decode(tokenizer, rollout.response_ids) for rollout in rollouts]


def folder_of(store: Store, graded: Record) -> Path | None:
    """Where the model lies whose answers a step graded, if a step made it or it was a local folder. Raises Fault where that is gone."""
    if "weights" in graded.step["inputs"]:
        return store.payload(graded.step["inputs"]["weights"])
    local = graded.provenance.get("local", {}).get("weights")
    if local is not None and not Path(local).is_dir():
        raise Fault(f"{local}: the model whose answers these are lay there, and its tokenizer is needed to read them. Put the folder back.")
    return Path(local) if local else None


def answers(store: Store, result: Result, exam: str, texts: Texts) -> list[Answer]:
    """All answers, problem by problem in the order of the exam, sample by sample. Raises Fault where the store lacks them."""
    try:
        return _answers(store, result, exam, texts)
    except Corrupt as fault:
        raise Fault(f"{result.label}: {exam}: {fault}. Name with --store the one that made the row, or run it again.") from None


def _answers(store: Store, result: Result, exam: str, texts: Texts) -> list[Answer]:
    address = result.steps.get(f"score/{exam}", "")
    record = store.record(address) if address else None
    if record is None:
        raise Corrupt(address or exam, "it is not in the store")
    inputs = record.step["inputs"]
    problems = from_bytes(Problem, store.payload(inputs["problems"]) / "problems.parquet")
    by_id = {problem.id: problem for problem in problems}
    found: dict[tuple[str, int], Answer] = {}
    for role in (role for role in inputs if role.startswith("grades/")):
        step = store.record(inputs[role])
        if step is None:
            raise Corrupt(inputs[role], "it is not in the store")
        made = folder_of(store, step)
        rollouts = from_bytes(Rollout, store.payload(step.step["inputs"]["rollouts"]) / "rollouts.parquet")
        verdicts = {
            (grade.problem_id, grade.sample): grade.verdict for grade in grades_from(store.payload(inputs[role]) / "grades.parquet")
        }
        tokenizer = texts.tokenizer(step.step["params"]["model"], made)
        for rollout, text in zip(rollouts, texts.responses(step.step["params"]["model"], made, rollouts), strict=True):
            place = rollout.problem_id, rollout.sample
            prompt = tokenizer.decode(list(rollout.prompt_ids), skip_special_tokens=False)
            found[place] = Answer(by_id[rollout.problem_id], rollout.sample, text, verdicts[place], prompt)
    order = {problem.id: number for number, problem in enumerate(problems)}
    return [found[place] for place in sorted(found, key=lambda place: (order[place[0]], place[1]))]

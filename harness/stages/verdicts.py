"""What a response is worth: the one place where stages meet graders. Mathematics goes to workers that can be killed, programs to the sandbox."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from harness.grading import MATH, UNGRADED
from harness.grading.workers import GraderPool
from harness.records import Problem, Rollout, Verdict
from harness.seeds import derive, uniforms

Answered = tuple[Problem, Rollout, str]  # with the text of the response


class Judge:
    """Grades answers by the grader that a step names: {name: version}, and {"lots": 1} beside it in a rehearsal.

    `any_gold`: a gold that cannot be read, or tests that cannot be run, give `grader_error` instead of stopping the step. `machine`
    holds what decides no verdict: how many processes (`graders`), and whether programs may run without a sandbox (`allow_unsafe`).
    """

    def __init__(self, grader: dict[str, int], any_gold: bool, machine: dict[str, Any]) -> None:
        self.lots = "lots" in grader
        (self.name,) = (name for name in grader if name != "lots")
        self.any_gold = any_gold
        processes = max(1, int(os.environ.get("HARNESS_GRADERS") or machine.get("graders", 1)))
        self.sandbox: str | None = None  # the rung that programs run on
        if self.name in MATH:
            self.pool = GraderPool(processes=processes)
        else:
            from harness.grading.code import CodeGrader

            self.pool = CodeGrader(processes=processes, allow_unsafe=machine.get("allow_unsafe", False))

    def __enter__(self) -> Judge:
        self.pool.__enter__()
        self.sandbox = getattr(self.pool, "rung", None)
        return self

    def __exit__(self, *what: object) -> None:
        self.pool.__exit__(*what)

    def grade(self, answered: Sequence[Answered], tell: Callable[[int], None] | None = None) -> list[Verdict]:
        """A verdict for each answer, in order."""
        found: list[Verdict | None] = [unfinished(problem, rollout) for problem, rollout, _ in answered]
        if self.lots:
            found = [None] * len(found)
        asked = [place for place, verdict in enumerate(found) if verdict is None]
        for place, verdict in zip(asked, self._graded([answered[place] for place in asked], tell), strict=True):
            found[place] = verdict
        return found  # type: ignore[return-value]

    def _graded(self, answered: list[Answered], tell: Callable[[int], None] | None) -> list[Verdict]:
        if self.name in MATH:
            pairs = [(problem.answer or "", text) for problem, _, text in answered]
            verdicts = self.pool.grade_many(pairs, any_gold=self.any_gold, profile=self.name)  # type: ignore[call-arg]
            return (
                [by_lot(rollout, verdict) for (_, rollout, _), verdict in zip(answered, verdicts, strict=True)] if self.lots else verdicts
            )
        programs = [(problem.tests or "", self.program(problem, rollout, text)) for problem, rollout, text in answered]
        return self.pool.grade_many(programs, any_gold=self.any_gold, tell=tell)  # type: ignore[call-arg]

    def program(self, problem: Problem, rollout: Rollout, text: str) -> str:
        """What is handed to the grader of programs. In a rehearsal the lot decides between the reference solution and what was written."""
        if self.lots:
            right = problem.solution if drawn_right(rollout) else None
            return f"```python\n{right if right is not None else text}\n```"
        return text if problem.prefill is None else begun(problem.prefill, text)


def begun(prefill: str, text: str) -> str:
    """An answer whose beginning was given, up to the fence that closes the block begun there: what a model adds behind it is not the answer."""
    block, fence, _ = text.partition("\n```")
    return prefill + block + fence


def unfinished(problem: Problem, rollout: Rollout) -> Verdict | None:
    """The verdict on an answer that the token limit cut; None where it ended, or where a block that was begun for it may have been closed."""
    if rollout.finish_reason != "length" or problem.prefill:
        return None
    return Verdict("unfinished", None, f"cut at {len(rollout.response_ids)} tokens")


def drawn_right(rollout: Rollout) -> bool:
    return uniforms(derive("lots", rollout.problem_id, rollout.sample, str(rollout.response_ids)), 1)[0] < 0.5


def by_lot(rollout: Rollout, verdict: Verdict) -> Verdict:
    """Of a rehearsal: right for one response in two, whatever it says; faults of the machinery stay."""
    if verdict.verdict in UNGRADED:
        return verdict
    return replace(verdict, verdict="correct" if drawn_right(rollout) else "wrong", detail="drawn by lot")

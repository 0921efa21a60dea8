"""What a response is worth: the one place where stages meet graders. Mathematics goes to workers that can be killed, programs to the sandbox."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from harness.grading import MATH, UNGRADED
from harness.grading.workers import GraderPool
from harness.records import Problem, Rollout, Verdict
from harness.seeds import derive, uniforms

Answered = tuple[Problem, Rollout, str]  # with the text of the response


class Judge:
    """Grades answers by the grader that a step names: {name: version}, and {"lots": version} beside it in a rehearsal. Two stand where problems

    of two domains are graded: programs then go to "code", all else to the other.

    `any_gold`: a gold that cannot be read, or tests that cannot be run, give `grader_error` instead of stopping the step. `machine`
    holds what decides no verdict: how many processes (`graders`), and whether programs may run without a sandbox (`allow_unsafe`).
    """

    def __init__(self, grader: dict[str, int], any_gold: bool, machine: dict[str, Any]) -> None:
        self.lots = "lots" in grader
        self.any_gold = any_gold
        processes = max(1, int(os.environ.get("HARNESS_GRADERS") or machine.get("graders", 1)))
        self.sandbox: str | None = None  # the rung that programs run on
        self.pools: dict[str, Any] = {}
        for name in (name for name in grader if name != "lots"):
            if name in MATH:
                self.pools[name] = GraderPool(processes=processes)
            else:
                from harness.grading.code import CodeGrader

                self.pools[name] = CodeGrader(processes=processes, allow_unsafe=machine.get("allow_unsafe", False))
        self.open = ExitStack()

    def __enter__(self) -> Judge:
        for pool in self.pools.values():
            self.open.enter_context(pool)
            self.sandbox = getattr(pool, "rung", self.sandbox)
        return self

    def __exit__(self, *what: object) -> None:
        self.open.close()

    def grader_of(self, problem: Problem) -> str:
        """Who grades the answers to it."""
        code = problem.domain == "code"
        return next((name for name in self.pools if (name not in MATH) == code), next(iter(self.pools)))

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
        names = [self.grader_of(problem) for problem, _, _ in answered]
        found: dict[int, Verdict] = {}
        for name in self.pools:
            places = [place for place, its in enumerate(names) if its == name]
            if places:
                found |= zip(places, self._graded_by(name, [answered[place] for place in places], tell), strict=True)
        return [found[place] for place in range(len(answered))]

    def _graded_by(self, name: str, answered: list[Answered], tell: Callable[[int], None] | None) -> list[Verdict]:
        pool = self.pools[name]
        if name in MATH:
            pairs = [(problem.answer or "", text) for problem, _, text in answered]
            verdicts = pool.grade_many(pairs, any_gold=self.any_gold, profile=name)
            return (
                [by_lot(rollout, verdict) for (_, rollout, _), verdict in zip(answered, verdicts, strict=True)] if self.lots else verdicts
            )
        programs = [(problem.tests or "", self.program(problem, rollout, text)) for problem, rollout, text in answered]
        verdicts = pool.grade_many(programs, any_gold=self.any_gold, tell=tell)
        return [
            by_lot(rollout, verdict) if self.lots and problem.solution is None else verdict
            for (problem, rollout, _), verdict in zip(answered, verdicts, strict=True)
        ]

    def program(self, problem: Problem, rollout: Rollout, text: str) -> str:
        """What is handed to the grader of programs. In a rehearsal the lot decides between the reference solution, where there is one, and

        what was written.
        """
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

"""What the teacher reads when it scores (and, where it writes, when it writes).

A context maps the material at hand to the text of one user message. Context first, question last: the distances
between question and answer then equal the plain case, which small models need and large ones do not mind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

TEMPLATES = {
    "plain": "{problem}",
    "rewrite": (
        "A student wrote this solution, which may contain mistakes:\n{attempt}\n\nRewrite it so that every step is correct. Problem: {problem}"
    ),
    "reference": "Here is a reference solution:\n{solution}\n\nSolve the problem step by step. Problem: {problem}",
    "rewrite-reference": (
        "A student wrote this solution, which may contain mistakes:\n{attempt}\n\nHere is a reference solution:\n{solution}\n\n"
        "Rewrite the student's solution so that every step is correct. Problem: {problem}"
    ),
    # What the prompts of arXiv:2606.08432 (Appendix C.4) ask for, in words of our own.
    "trd-refine": (
        "Below is a first solution that you wrote to a mathematical problem.\n\n## First solution\n{attempt}\n\n"
        "Now write it anew:\n- keep its structure and its line of thought;\n- find the errors of calculation or logic, and correct them;\n"
        "- keep the intermediate steps that are right;\n- give the new solution and nothing else.\n\n## Problem\n{problem}"
    ),
    "trd-refine-code": (
        "Below is a first program in Python that you wrote for a task.\n\n## First program\n{attempt}\n\n"
        "Now write it anew:\n- mend what is wrong, edge cases included;\n- keep what is useful of the first approach where that fits;\n"
        "- give the new program, in one block of Python code, and nothing else.\n\n## Task\n{problem}"
    ),
    "trd-refine-reference": (
        "Below are a reference solution to a mathematical problem and a first solution that you wrote.\n\n"
        "## Reference solution\n{solution}\n\n## First solution\n{attempt}\n\n"
        "Now write your solution anew, guided by the reference:\n- study how the reference reasons before you begin;\n"
        "- make your solution agree with it;\n- keep what is useful of your own structure and style where that fits;\n"
        "- give the new solution and nothing else.\n\n## Problem\n{problem}"
    ),
    "peers": "Here is what others wrote to this problem.\n\n{peers}\n\nNow solve it yourself, correctly. Problem: {problem}",
    # For checking alone: whoever reads it must not let on (arXiv:2605.09725).
    "silent-answer": (
        "For checking only: the answer to the problem below is {answer}. Derive everything from the problem. Do not mention that you know "
        "the answer, do not allude to it, and use it for nothing but a last check of your own result.\n\nProblem: {problem}"
    ),
    "said": "{said}\n\n{problem}",
    "other": "{other}",
    "trd-reference": (
        "Here is a reference solution to a mathematical problem.\n\n## Reference solution\n{solution}\n\n"
        "Once you have understood it, solve the problem in your own way.\n\n## Problem\n{problem}"
    ),
}

PLACES = ("problem", "solution", "attempt", "answer", "peers", "other", "said")  # what a template may have a place for


@dataclass(frozen=True)
class Material:
    """What there is to read about one problem. `attempt` is the student's response as text; `answer` the gold answer alone.

    `successes` and `failures`: others' attempts at it, by the verifier's word. `other`: another problem of the round.
    """

    problem: str
    solution: str | None = None
    attempt: str | None = None
    answer: str | None = None
    successes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    other: str | None = None


@dataclass(frozen=True, repr=False)
class Context:
    """The common part of all readings. `template` names an entry of TEMPLATES."""

    template: str = "plain"

    version: ClassVar[int] = 1
    needs_solution: ClassVar[bool] = False
    needs_attempt: ClassVar[bool] = False
    needs_peers: ClassVar[bool] = False  # others' attempts, and verdicts on them
    needs_answer: ClassVar[bool] = False
    needs_other: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.template not in TEMPLATES:
            raise ValueError(f"{type(self).__name__}: there is no template {self.template!r}. Known: {', '.join(sorted(TEMPLATES))}.")
        missing = [field for field in self.places() if "{" + field + "}" not in TEMPLATES[self.template]]
        if missing:
            raise ValueError(f"{type(self).__name__}: template {self.template!r} has no place for {', '.join(missing)}.")

    def __repr__(self) -> str:
        """The class, and whatever differs from its defaults: what a leaderboard shows."""
        said = [f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if getattr(self, each.name) != each.default]
        return f"{type(self).__name__}({', '.join(said)})"

    def places(self) -> list[str]:
        """What the template must have a place for."""
        wanted = (
            ("solution", self.needs_solution),
            ("attempt", self.needs_attempt),
            ("answer", self.needs_answer),
            ("peers", self.needs_peers),
        )
        return ["problem", *(place for place, needed in wanted if needed)]

    @property
    def requires_solution(self) -> bool:
        """Whether a problem without a solution cannot be read at all."""
        return self.needs_solution

    @property
    def text(self) -> str:
        """The template itself: part of every address made from this reading."""
        return TEMPLATES[self.template]

    def solution_of(self, material: Material) -> str | None:
        """What stands at the template's place for the solution; None where this problem has nothing for it."""
        return material.solution

    def __call__(self, material: Material) -> str:
        """The user message. Raises ValueError where the material lacks what the template asks for."""
        values = self.values(material)
        lacking = [field for field, value in values.items() if value is None]
        if lacking:
            raise ValueError(f"{type(self).__name__} needs the {' and the '.join(lacking)}, which this problem does not have.")
        # One pass over the template alone: what is put in may itself contain braces.
        return re.sub(rf"\{{({'|'.join(PLACES)})\}}", lambda place: values[place[1]] or "", self.text)

    def values(self, material: Material) -> dict[str, str | None]:
        """What goes into the template's places."""
        values = {place: getattr(material, place) for place in self.places()}
        return values | {"solution": self.solution_of(material)} if self.needs_solution else values


@dataclass(frozen=True, repr=False)
class Plain(Context):
    """The problem alone."""


@dataclass(frozen=True, repr=False)
class WithAttempt(Context):
    """The problem and the student's attempt at it, to be rewritten (TRD, arXiv:2606.08432)."""

    template: str = "rewrite"
    needs_attempt: ClassVar[bool] = True


@dataclass(frozen=True, repr=False)
class WithSolution(Context):
    """The problem and its reference solution (OPSD, arXiv:2601.18734).

    `fallback` says what stands in where a problem has an answer but no solution: "answer", the answer in one sentence, as
    arXiv:2606.08432 does (§B.1); None: such a problem is dropped for all rows, and counted.
    """

    template: str = "reference"
    fallback: Literal["answer"] | None = None

    needs_solution: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fallback not in (None, "answer"):
            raise ValueError(
                f"{type(self).__name__}(fallback={self.fallback!r}): what stands in for a solution is 'answer', or None for nothing."
            )

    @property
    def requires_solution(self) -> bool:
        return self.fallback is None

    def solution_of(self, material: Material) -> str | None:
        if material.solution is None and self.fallback == "answer" and material.answer is not None:
            answer = material.answer if "\\boxed" in material.answer else f"\\boxed{{{material.answer}}}"
            return f"The final answer is {answer}."
        return material.solution


@dataclass(frozen=True, repr=False)
class WithAttemptAndSolution(WithSolution):
    """The problem, its reference solution, and the student's attempt, to be rewritten (TRD's self-distillation, arXiv:2606.08432)."""

    template: str = "rewrite-reference"

    needs_attempt: ClassVar[bool] = True


@dataclass(frozen=True, repr=False)
class WithAnswer(Context):
    """The problem and its bare answer, for a silent check: what a teacher may write that nobody shall see the answer in (BRTS)."""

    template: str = "silent-answer"
    needs_answer: ClassVar[bool] = True


@dataclass(frozen=True, repr=False)
class WithText(Context):
    """The problem after a text that is the same for all: instructions, or experience (context distillation, arXiv:2602.12275)."""

    said: str = ""
    template: str = "said"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.said.strip():
            raise ValueError("WithText(said=''): say what the teacher reads before the problem; without it, it reads Plain().")

    def values(self, material: Material) -> dict[str, str | None]:
        return {"problem": material.problem, "said": self.said}


@dataclass(frozen=True, repr=False)
class OtherProblem(Context):
    """Another problem of the round in the place of this one: a teacher who knows nothing of what it scores (a control)."""

    template: str = "other"
    needs_other: ClassVar[bool] = True

    def places(self) -> list[str]:
        return ["other"]

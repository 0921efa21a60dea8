"""What the teacher reads when it scores (and, where it writes, when it writes).

A context maps the material at hand to the text of one user message. Context first, question last: the distances
between question and answer then equal the plain case, which small models need and large ones do not mind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

TEMPLATES = {
    "plain": "{problem}",
    "rewrite": (
        "A student wrote this solution, which may contain mistakes:\n{attempt}\n\nRewrite it so that every step is correct. Problem: {problem}"
    ),
    "reference": "Here is a reference solution:\n{solution}\n\nSolve the problem step by step. Problem: {problem}",
}


@dataclass(frozen=True)
class Material:
    """What there is to read about one problem. `attempt` is the student's response as text."""

    problem: str
    solution: str | None = None
    attempt: str | None = None


@dataclass(frozen=True, repr=False)
class Context:
    """The common part of all readings. `template` names an entry of TEMPLATES."""

    template: str = "plain"

    version: ClassVar[int] = 1
    needs_solution: ClassVar[bool] = False
    needs_attempt: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.template not in TEMPLATES:
            raise ValueError(f"{type(self).__name__}: there is no template {self.template!r}. Known: {', '.join(sorted(TEMPLATES))}.")
        missing = [field for field in self.fields() if "{" + field + "}" not in TEMPLATES[self.template]]
        if missing:
            raise ValueError(f"{type(self).__name__}: template {self.template!r} has no place for {', '.join(missing)}.")

    def __repr__(self) -> str:
        own = self.template != type(self).template
        return f"{type(self).__name__}({f'template={self.template!r}' if own else ''})"

    def fields(self) -> list[str]:
        return ["problem"] + ["solution"] * self.needs_solution + ["attempt"] * self.needs_attempt

    @property
    def text(self) -> str:
        """The template itself: part of every address made from this reading."""
        return TEMPLATES[self.template]

    def __call__(self, material: Material) -> str:
        """The user message. Raises ValueError where the material lacks what the template asks for."""
        values = {field: getattr(material, field) for field in self.fields()}
        lacking = [field for field, value in values.items() if value is None]
        if lacking:
            raise ValueError(f"{type(self).__name__} needs the {' and the '.join(lacking)}, which this problem does not have.")
        # One pass over the template alone: what is put in may itself contain braces.
        return re.sub(r"\{(problem|solution|attempt)\}", lambda place: values[place[1]], self.text)


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
    """The problem and its reference solution (OPSD, arXiv:2601.18734)."""

    template: str = "reference"
    needs_solution: ClassVar[bool] = True

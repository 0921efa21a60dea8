"""A method is a value: its answers to six questions, plus further terms. The engine reads the answers, never the name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from methods.parts.contexts import Context, Plain
from methods.parts.keep import All, Keep
from methods.parts.losses import NLL, Loss
from methods.parts.teachers import Frozen, Nobody, Pair
from methods.parts.tokens import Every, Tokens
from methods.parts.writers import Student, Teacher

QUESTIONS = ("writer", "teacher", "reads", "loss", "tokens", "keep")


@dataclass(frozen=True, kw_only=True)
class Term:
    """One summand of the objective: the six answers and its weight lambda."""

    loss: Loss | NLL
    weight: float = 1.0
    writer: Student | Teacher = Student()
    teacher: Pair | Frozen | Nobody = Pair()
    reads: Context = Plain()
    tokens: Tokens = Every()
    keep: Keep = All()

    def __post_init__(self) -> None:
        refuse_what_teaches_nothing(self.writer, self.teacher, self.reads, self.loss, self.keep)


@dataclass(frozen=True, kw_only=True)
class Method:
    """A registered entry. `paper` is an arXiv id or a sentence that names the source; `formula` is one line of Unicode."""

    name: str
    paper: str
    formula: str
    loss: Loss | NLL
    writer: Student | Teacher = Student()
    teacher: Pair | Frozen | Nobody = Pair()
    reads: Context = Plain()
    tokens: Tokens = Every()
    keep: Keep = All()
    also: Mapping[str, Term] = field(default_factory=lambda: MappingProxyType({}))
    control: bool = False
    about: str = ""

    def __post_init__(self) -> None:
        try:
            refuse_what_teaches_nothing(self.writer, self.teacher, self.reads, self.loss, self.keep)
        except ValueError as fault:
            raise ValueError(f"method {self.name!r}: {fault}") from None

    @property
    def terms(self) -> dict[str, Term]:
        """Every summand by name; the method's own six answers are the term `main`."""
        own = {question: getattr(self, question) for question in QUESTIONS}
        return {"main": Term(**own), **self.also}

    @property
    def answers(self) -> dict[str, str]:
        """The six answers as a reader sees them, each as the text of its value."""
        return {question: repr(getattr(self, question)) for question in QUESTIONS}


def refuse_what_teaches_nothing(writer, teacher, reads, loss, keep) -> None:
    """Raise ValueError for answers whose gradient is zero, or that contradict one another; the message names the remedy."""
    if isinstance(teacher, Frozen) and reads == Plain():
        raise ValueError(
            "teacher=Frozen() with reads=Plain() teaches nothing: student and teacher agree at every token. "
            "Let the teacher read more (reads=WithSolution()), or let the pair's teacher teach (teacher=Pair())."
        )
    if isinstance(teacher, Nobody) and not isinstance(loss, NLL):
        raise ValueError(f"teacher=Nobody() gives no scores, but loss={loss!r} compares with a teacher. Use loss=NLL() or teacher=Pair().")
    if isinstance(loss, NLL) and not isinstance(teacher, Nobody):
        raise ValueError("loss=NLL() never looks at the teacher's scores. Say teacher=Nobody(), so that no pass is spent on it.")
    if isinstance(writer, Student) and reads.needs_attempt:
        raise ValueError(
            f"reads={reads!r} with writer=Student() would show the teacher the very tokens that it is asked to judge. "
            "Let the teacher write (writer=Teacher()), or read something else."
        )
    who = [act.by for act in writer.acts(reads.needs_attempt)]
    if loss.on_policy and who[-1] != "student":
        raise ValueError(
            f"loss={loss!r} estimates from tokens that the student sampled, but with writer={writer!r} another writes them. "
            "Let the student write (writer=Student()), or compare on more tokens: support=None or TopK(…)."
        )
    if "attempt" in keep.needs and "student" not in who:
        raise ValueError(
            f"keep={keep!r} goes by the verdict on the student's attempt, but with writer={writer!r} and reads={reads!r} the student "
            "makes none. Let it write (writer=Student(), or reads=WithAttempt()), or keep All()."
        )
    if "response" in keep.needs and who[-1] == "student":
        raise ValueError(
            f"keep={keep!r} asks for a wrong attempt and a right rewrite, but with writer={writer!r} attempt and response are one: "
            "nothing would ever be kept. Let the teacher rewrite (writer=Teacher(), reads=WithAttempt()), or keep Failed()."
        )

"""A method is a value: its answers to six questions, plus further terms. The engine reads the answers, never the name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from methods.parts.contexts import Context, Plain
from methods.parts.keep import All, HasPeer, Keep
from methods.parts.losses import NLL, Loss
from methods.parts.rewards import Reward
from methods.parts.teachers import ByDomain, Current, Ema, Extrapolated, Frozen, Nobody, Pair
from methods.parts.tokens import Every, Tokens
from methods.parts.writers import (
    Act,
    BestOf,
    Copy,
    Mixed,
    Pick,
    Probe,
    Probed,
    Relayed,
    Solution,
    Student,
    Teacher,
    Write,
    authors,
    hands,
    responses,
)

QUESTIONS = ("writer", "teacher", "reads", "loss", "tokens", "keep")

Writer = Student | Teacher | Solution | Mixed | BestOf | Probed | Relayed
Scorer = Pair | ByDomain | Frozen | Current | Ema | Extrapolated | Nobody


@dataclass(frozen=True, kw_only=True)
class Term:
    """One summand of the objective: the six answers and its weight lambda."""

    loss: Loss | NLL | Reward
    weight: float = 1.0
    writer: Writer = Student()
    teacher: Scorer = Pair()
    reads: Context = Plain()
    tokens: Tokens = Every()
    keep: Keep = All()

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise ValueError(f"a term of weight {self.weight} adds nothing. Give a weight above 0, or take the term away (null).")
        refuse_what_cannot_be_meant(self)

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Whose verdicts its training depends on: "attempt", "response", "answer"; none for most."""
        asked = (
            *self.keep.needs,
            *(("attempt",) if self.reads.needs_peers else ()),
            *(("response",) if isinstance(self.loss, Reward) else ()),
        )
        return tuple(dict.fromkeys(asked))

    @property
    def scored(self) -> bool:
        """Whether anybody reads what was written as its teacher. A teacher that only writes is asked for no scores."""
        return isinstance(self.loss, Loss) or (isinstance(self.loss, Reward) and self.loss.guide is not None)

    @property
    def acts(self) -> tuple[Act, ...]:
        """What is written, and by whom, in order."""
        return self.writer.acts(self.reads.needs_attempt)

    @property
    def group(self) -> bool:
        """Whether rollouts of one problem are compared, so that there must be several."""
        return self.keep.group or self.reads.needs_peers or isinstance(self.loss, Reward)


@dataclass(frozen=True, kw_only=True)
class Method:
    """A registered entry. `paper` is an arXiv id or a sentence that names the source; `formula` is one line of Unicode, `latex` the same

    for print; `about` says it in plain words. `version` is raised when the entry's meaning changes.
    """

    name: str
    paper: str
    formula: str
    loss: Loss | NLL | Reward
    writer: Writer = Student()
    teacher: Scorer = Pair()
    reads: Context = Plain()
    tokens: Tokens = Every()
    keep: Keep = All()
    also: Mapping[str, Term] = field(default_factory=lambda: MappingProxyType({}))
    control: bool = False
    about: str = ""
    latex: str = ""
    version: int = 1

    def __post_init__(self) -> None:
        try:
            main = self.terms["main"]
            if isinstance(self.teacher, Frozen) and self.reads == Plain():
                raise ValueError(
                    "teacher=Frozen() with reads=Plain() teaches nothing: student and teacher agree at every token. "
                    "Let the teacher read more (reads=WithSolution()), or let the pair's teacher teach (teacher=Pair())."
                )
            if isinstance(self.keep, HasPeer) and not main.reads.needs_peers:
                raise ValueError(f"keep=HasPeer() with reads={self.reads!r} would keep nothing: no peers are shown. Say reads=WithPeers().")
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


def refuse_what_cannot_be_meant(term: Term) -> None:
    """Raise ValueError for answers whose gradient is zero, or that contradict one another; the message names the remedy."""
    refuse_teacher(term)
    refuse_writer(term)
    refuse_keep(term)


def refuse_teacher(term: Term) -> None:
    teacher, reads, loss = term.teacher, term.reads, term.loss
    writes = isinstance(teacher, Frozen) and any("teacher" in hands(act) for act in term.acts)
    if isinstance(teacher, Current) and reads == Plain():
        raise ValueError(
            "teacher=Current() with reads=Plain() teaches nothing: it is the student, reading what the student reads. "
            "Let it read more (reads=WithSolution()), or let another teach."
        )
    if isinstance(teacher, Nobody) and term.scored:
        raise ValueError(f"teacher=Nobody() gives no scores, but loss={loss!r} compares with a teacher. Use loss=NLL() or teacher=Pair().")
    if not isinstance(teacher, Nobody) and not term.scored and not writes:  # Frozen may also say who writes
        name = type(loss).__name__
        raise ValueError(f"loss={name}() never looks at the teacher's scores. Say teacher=Nobody(), so that no pass is spent on it.")
    if isinstance(teacher, Nobody) and any(needs.startswith("teacher") or needs.startswith("kl") for needs in term.tokens.needs):
        raise ValueError(f"tokens={term.tokens!r} goes by what a teacher says, but teacher=Nobody(). Let somebody teach, or say Every().")


def refuse_writer(term: Term) -> None:
    writer, reads, loss, teacher = term.writer, term.reads, term.loss, term.teacher
    who = [by for act in term.acts for by in hands(act) or (type(act).__name__,)]
    trained = {authors(term.acts)[product] for product in responses(term.acts)}
    if isinstance(writer, Student | Probed | Relayed) and reads.needs_attempt:
        raise ValueError(
            f"reads={reads!r} with writer={type(writer).__name__}() would show the teacher the very tokens that it is asked to judge. "
            "Let the teacher write (writer=Teacher()), or read something else."
        )
    if loss.on_policy and not trained <= {"student", "relay"}:
        raise ValueError(
            f"loss={loss!r} estimates from tokens that the student sampled, but with writer={writer!r} another writes them. "
            "Let the student write (writer=Student()), or compare on more tokens: support=None or TopK(…)."
        )
    if "teacher" in who and isinstance(teacher, ByDomain | Ema | Current | Extrapolated):
        raise ValueError(
            f"teacher={teacher!r} scores, but does not write, and writer={writer!r} asks it to. "
            "Let the pair's teacher or the untrained student write: teacher=Pair(), Frozen() or Nobody()."
        )
    if isinstance(writer, Probed) and not term.scored:
        raise ValueError(
            f"writer={writer!r} looks for where a teacher parts from the student, but loss={loss!r} asks no teacher. Say writer=Student()."
        )
    if reads.needs_other and "teacher" in who:
        raise ValueError(
            f"reads={reads!r} lets the teacher score under another problem, but with writer={writer!r} it would also write to that one. "
            "Let the student write (writer=Student())."
        )
    if reads.needs_peers and who != ["student"]:
        raise ValueError(
            f"reads={reads!r} shows the student's other attempts, but with writer={writer!r} others write. Say writer=Student()."
        )
    if isinstance(loss, Loss) and loss.ratio_cap is not None and not trained <= {"student", "relay"}:
        raise ValueError(
            f"loss={loss!r} corrects for the student's own sampling, but with writer={writer!r} others write. Say ratio_cap=None."
        )


def refuse_keep(term: Term) -> None:
    writer, reads, keep, acts = term.writer, term.reads, term.keep, term.acts
    attempts = any(isinstance(act, Write) and act.by == "student" and act.where == "all" for act in acts)
    if ("attempt" in keep.needs) and not attempts:
        raise ValueError(
            f"keep={keep!r} goes by the verdict on the student's attempt, but with writer={writer!r} and reads={reads!r} the student "
            "makes none. Let it write (writer=Student(), or reads=WithAttempt()), or keep All()."
        )
    last = acts[-1]
    futures = isinstance(last, Probe) and last.trains == "futures"
    if "response" in keep.needs and isinstance(last, Write | Probe) and not futures and authors(acts)[responses(acts)[0]] == "student":
        raise ValueError(
            f"keep={keep!r} asks for a wrong attempt and a right rewrite, but with writer={writer!r} attempt and response are one: "
            "nothing would ever be kept. Let the teacher rewrite (writer=Teacher(), reads=WithAttempt()), or keep Failed()."
        )
    if futures and term.verdicts:
        raise ValueError(f"writer={writer!r} trains on pieces of responses, and nobody can judge a piece. Keep All(), and say no Reward.")
    if ("response" in keep.needs or "answer" in keep.needs) and isinstance(last, Copy | Pick):
        raise ValueError(f"keep={keep!r} goes by verdicts on what was written, and {writer!r} chooses what is known already. Keep All().")

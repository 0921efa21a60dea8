"""What a term asks for: of models, of problems, and of sampling, where the suite's setting stands under what its writer says itself."""

from __future__ import annotations

from typing import Any

from harness.spec.model import Train
from methods.method import Term
from methods.parts.contexts import Context, Plain, WithSolution
from methods.parts.teachers import ByDomain, Current, Ema, Extrapolated, Frozen, Nobody
from methods.parts.writers import Copy, Pick, Probe, Relay, Write, candidates, hands, judged, responses


def written_by(term: Term, who: str) -> bool:
    """Does the student, or the teacher, write?"""
    return any(who in hands(act) for act in term.acts)


def self_taught(term: Term) -> bool:
    """Is the teacher one of the student's own line?"""
    return isinstance(term.teacher, Frozen | Current | Ema)


def asks_teacher(term: Term) -> bool:
    """Does the pair's teacher score, or write?"""
    return not self_taught(term) and (written_by(term, "teacher") or not isinstance(term.teacher, Nobody | ByDomain))


def asks_by_domain(term: Term) -> bool:
    """Does a teacher of the problem's domain score?"""
    return isinstance(term.teacher, ByDomain)


def asks_reference(term: Term) -> bool:
    return isinstance(term.teacher, Extrapolated) and term.teacher.over == "reference"


def readings(term: Term) -> list[Context]:
    """What anybody reads beyond the problem alone. Copying a solution asks of problems what reading it does."""
    found = [WithSolution() if isinstance(act, Copy) else act.reads for act in term.acts if isinstance(act, Write | Copy)]
    return [reads for reads in (term.reads, *found) if isinstance(reads, Context) and reads != Plain()]


def asks_solutions(term: Term) -> bool:
    """Must every problem have one?"""
    return any(reads.requires_solution for reads in readings(term))


def asks_verdicts(term: Term) -> bool:
    """Does training depend on them?"""
    return bool(term.verdicts or judged(term.acts))


def term_sampling(term: Term, train: Train) -> dict[str, dict[str, Any]]:
    """Product → sampling, for what is written. The writer's own settings are those of the responses that may be trained on."""
    found: dict[str, dict[str, Any]] = {}
    own = term.writer.overrides()
    for act in term.acts:
        if not isinstance(act, Write):
            continue
        found[act.product] = train.sampling_of(act.by).model_dump()
        if act.product in candidates(term.acts):
            found[act.product] |= own
        if act.n is not None:
            found[act.product]["n"] = act.n
        if term.reads.needs_attempt and act.reads == "method":  # one rewrite for each attempt
            found["student"]["n"] = found[act.product]["n"]
    for act in term.acts:
        if isinstance(act, Probe):  # both go on as they write: no setting of the writer's is theirs
            found |= {act.future(by): train.sampling_of(by).model_dump() | {"max_tokens": act.window, "n": 1} for by in hands(act)}
        if isinstance(act, Relay):
            found[act.product] = train.sampling_of("student").model_dump() | own
            found[act.turn] = train.sampling_of("teacher").model_dump() | {"max_tokens": act.most, "n": 1}
        if isinstance(act, Copy):  # as long as what stands in its place would be; there is one solution
            found[act.product] = train.sampling_of("student").model_dump() | own | {"n": 1}
    return found


def responses_each(term: Term, train: Train) -> int:
    """The most responses to one problem that are trained on."""
    asked, acts = term_sampling(term, train), term.acts
    last = acts[-1]
    if isinstance(last, Pick | Probe):  # one for each attempt, or for each fork of one
        return asked["student"]["n"]
    return max(asked[product]["n"] for product in responses(acts))


def attempts_each(term: Term, train: Train) -> int:
    """How many attempts of the student's there are to one problem."""
    return term_sampling(term, train).get("student", {}).get("n", 0)

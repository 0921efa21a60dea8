"""What a method needs of problems, groups and models: said before anything runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.catalogue import ProblemSet
from harness.document import Document
from harness.spec.asked import asks_by_domain, asks_reference, asks_solutions, asks_verdicts, attempts_each, readings, responses_each
from harness.spec.checks.data import available, trained_on
from harness.spec.checks.names import Lines
from harness.spec.rows import RowSpec
from methods.method import Term
from methods.parts.writers import Probed

if TYPE_CHECKING:
    from harness.spec import Suite


def needs(suite: Suite, document: Document) -> Lines:
    found = trained_on(suite)
    for row in suite.rows:
        for name, term in row.method.terms.items():
            said = f"row {row.label!r}, term {name}"
            for text in (*of_problems(term, found), *of_groups(term, row), *of_round(suite, term, row), *of_models(suite, term, found)):
                yield document.fault(row.place, f"{said}: {text}")
        for text in of_probes(row):
            yield document.fault(row.place, f"row {row.label!r}, {text}")


def of_problems(term: Term, found: ProblemSet | None) -> list[str]:
    """Faults in what is known of a problem."""
    if found is None:  # a fault of its own
        return []
    faults = []
    if asks_solutions(term) and not found.solution:
        reads = next(reads for reads in readings(term) if reads.requires_solution)
        faults.append(
            f"it needs reference solutions ({reads!r}), but {found.name} has none. Train on problems with solutions, let the answer stand "
            "in where one is read (reads: {fallback: answer}), or choose a method that needs none."
        )
    answers = next((reads for reads in readings(term) if reads.needs_answer), None)
    for part in found.members:
        if answers is not None and not answered(part):
            faults.append(
                f"it shows the teacher the answer ({answers!r}), but the problems of {part.name} are graded by tests and have none. "
                "Train on problems with answers, or leave that reading away (writer: {recover: null})."
            )
        if asks_verdicts(term) and not gradable(part):
            faults.append(
                f"it learns from verdicts, but nobody can grade what is written to {part.name}: its fields name "
                f"{'no tests' if part.domain == 'code' else 'no answer'}. Map that column, or choose a method that asks for no verdicts."
            )
    return faults


def answered(found: ProblemSet) -> bool:
    """Whether its problems have answers, as far as its entry tells."""
    fields = found.entry.get("fields")
    return found.domain != "code" and (not isinstance(fields, dict) or "answer" in fields)


def gradable(found: ProblemSet) -> bool:
    fields = found.entry.get("fields")
    return not isinstance(fields, dict) or ("tests" if found.domain == "code" else "answer") in fields


def of_groups(term: Term, row: RowSpec) -> list[str]:
    """Faults in how many responses to one problem there are to compare."""
    if not term.group:
        return []
    count = responses_each(term, row.train) if "answer" in term.keep.needs else attempts_each(term, row.train)
    if count >= 2:
        return []
    what = next(part for part, asks in ((term.keep, term.keep.group), (term.reads, term.reads.needs_peers), (term.loss, True)) if asks)
    return [
        f"{what!r} compares responses to one problem, but there is {count} of each. Ask for several: writer: {{n: 8}}, or n in train.sampling."
    ]


def of_round(suite: Suite, term: Term, row: RowSpec) -> list[str]:
    """Faults in how many problems there are beside each."""
    problems = available(suite, row) if row.train.rounds.problems == "all" else row.train.rounds.problems
    elsewhere = term.reads.needs_other or (term.reads.needs_peers and getattr(term.reads, "peers", "") == "other_problem")
    if elsewhere and problems == 1:
        return [f"{term.reads!r} shows another problem of the round, but a round has one. Raise rounds.problems."]
    return []


def of_probes(row: RowSpec) -> list[str]:
    """Faults between terms that probe what the student wrote: what one calls a fork the other must go on from."""
    probes = {name: replace(term.writer, trains="attempts") for name, term in row.method.terms.items() if isinstance(term.writer, Probed)}
    first = next(iter(probes), "")
    return [
        f"term {name}: its probe differs from that of term {first} ({probe!r}, and {probes[first]!r}), so the two would not speak of the same "
        f"forks. Change both alike: writer: {{…}}, also: {{{name}: {{writer: {{…}}}}}}."
        for name, probe in probes.items()
        if probe != probes[first]
    ]


def of_models(suite: Suite, term: Term, found: ProblemSet | None) -> list[str]:
    """Faults in which models a pair names."""
    if asks_by_domain(term) and found is not None:
        return [
            f"the teacher of a problem is that of its domain, but pairs.{name} has none for {' and '.join(missing)} (problems of {found.name}). "
            f"Name one for each: teachers: {{{', '.join(f'{domain}: …' for domain in found.domains)}}}, or let one teach all (teacher: Pair)."
            for name, pair in suite.pairs.items()
            if (missing := [domain for domain in found.domains if domain not in (pair.teachers or {})])
        ]
    if not asks_reference(term):
        return []
    return [
        f"its teacher is seen through the pair's reference model, but pairs.{name} names none. Add `reference:` to that pair, the model from "
        "which the teacher has come, or say teacher: {Extrapolated: {over: student}}."
        for name, pair in suite.pairs.items()
        if pair.reference is None
    ]

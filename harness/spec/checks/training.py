"""Rows and the settings of training: what a method needs, and settings that take effect in no row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from harness.document import Document, dotted
from harness.spec.checks.data import each_round, override_place
from harness.spec.checks.names import Lines, repeated
from harness.spec.model import RoleSampling, SamplingSpec
from methods.method import Method, Term
from methods.parts.contexts import Plain
from methods.parts.teachers import Frozen, Pair

if TYPE_CHECKING:
    from harness.spec import Suite


def written_by(method: Method, who: str) -> bool:
    """Does the student, or the teacher, write in any term?"""
    return any(act.by == who for term in method.terms.values() for act in term.writer.acts(term.reads.needs_attempt))


def asks_pair(term: Term) -> bool:
    """Does this term need the pair's teacher: to score, or to write where nobody scores?"""
    writes = any(act.by == "teacher" for act in term.writer.acts(term.reads.needs_attempt))
    return isinstance(term.teacher, Pair) or (writes and not isinstance(term.teacher, Frozen))


def rows(suite: Suite, document: Document) -> Lines:
    for row in suite.rows:
        for name, pair in suite.pairs.items():
            if pair.teacher is None and any(asks_pair(term) for term in row.method.terms.values()):
                yield document.fault(
                    row.place,
                    f"row {row.label!r} needs the pair's teacher, but pairs.{name} has none. Add `teacher:` to that pair, "
                    "or choose methods of self-distillation (teacher: Frozen).",
                )
        for name, term in row.method.terms.items():
            for act in term.writer.acts(term.reads.needs_attempt):
                asked = row.train.sampling_of(act.by)
                try:
                    SamplingSpec.model_validate(asked.model_dump() | term.writer.overrides())
                except ValidationError as fault:
                    first = fault.errors()[0]
                    yield document.fault(
                        row.place,
                        f"row {row.label!r}, term {name}: the writer's {dotted(first['loc'])} = {first['input']} cannot be sampled with: "
                        f"{first['msg'].lower()}. Correct the override.",
                    )
                    break


def hidden_overrides(suite: Suite, document: Document) -> Lines:
    """A row's own setting of sampling that its writers overrule would give another label to the same run."""
    for row in suite.rows:
        for path in row.overrides:
            section, *inner = path.split(".")
            if section != "sampling" or not inner:
                continue
            *role, field = inner
            writers = [t.writer for t in row.method.terms.values() if not role or t.writer.acts(t.reads.needs_attempt)[-1].by == role[0]]
            if writers and all(field in writer.overrides() for writer in writers):
                yield document.fault(
                    row.place,
                    f"row {row.label!r}: {path} takes no effect, for its writer says {field}: {writers[0].overrides()[field]} itself. "
                    f"Write writer.{field} instead.",
                )


def estimators(suite: Suite, document: Document) -> Lines:
    """A loss that is an estimate from sampled tokens holds only where these come from the student's own, whole distribution."""
    for row in suite.rows:
        for name, term in row.method.terms.items():
            asked = row.train.sampling_of("student").model_dump() | term.writer.overrides()
            off = {key: whole for key, whole in (("temperature", 1.0), ("top_p", 1.0), ("top_k", -1)) if asked[key] != whole}
            if term.loss.on_policy and off:
                remedy = "writer: {temperature: 1.0, top_p: 1.0, top_k: -1}"  # wins over `train`, and over the method's own writer
                remedy = remedy if name == "main" else f"also: {{{name}: {{{remedy}}}}}"
                role = "student." if isinstance(row.train.sampling, RoleSampling) else ""
                if all(f"sampling.{role}{key}" in row.overrides for key in off):  # the row itself asks for it
                    said = f"{{{', '.join(f'{key}: {whole}' for key, whole in off.items())}}}"
                    remedy = f"train: {{sampling: {f'{{student: {said}}}' if role else said}}}"
                yield document.fault(
                    row.place,
                    f"row {row.label!r}, term {name}: its loss looks at the sampled token alone, which estimates the divergence only if it is "
                    f"drawn from the student's whole distribution; here the student samples at {', '.join(f'{key}: {asked[key]:g}' for key in off)}. "
                    f"Let the row say so: {remedy}.",
                )


def sampling(suite: Suite, document: Document) -> Lines:
    for role in ("student", "teacher"):
        path = ("train", "sampling", role)
        if (
            isinstance(suite.train.sampling, RoleSampling)
            and document.own(path)
            and not any(written_by(row.method, role) for row in suite.rows)
        ):
            remedy = "Add a row in which it does, or say sampling once, without roles."
            yield document.fault(path, f"in no row does the {role} write, so this takes effect nowhere. {remedy}", at_key=True)


def limits(suite: Suite, document: Document) -> Lines:
    terms = [term for row in suite.rows for term in row.method.terms.values()]
    path = ("train", "limits", "teacher_prompt")
    own = suite.train.limits
    if own.teacher_prompt is not None and document.own(path):
        if not any(term.reads != Plain() for term in terms):
            yield document.fault(
                path,
                "in no row does the teacher read more than the problem, so this takes effect nowhere. Take it away; "
                "`prompt` holds for both.",
                at_key=True,
            )
        elif own.teacher_prompt < own.prompt:
            yield document.fault(
                path, f"{own.teacher_prompt} is less than prompt ({own.prompt}), but the teacher reads the problem and more. Give it room."
            )
    path = ("train", "limits", "solution")
    if own.solution is not None and document.own(path) and not any(term.reads.needs_solution for term in terms):
        yield document.fault(path, "in no row does anybody read a solution, so this takes effect nowhere. Take it away.", at_key=True)


def optim(suite: Suite, document: Document) -> Lines:
    settings = suite.train.optim
    for index, beta in enumerate(settings.betas):
        if beta >= 1:
            yield document.fault(
                ("train", "optim", "betas", index), f"a beta of {beta} never forgets, and AdamW divides by 1 − β. Give a value below 1."
            )
    lora = suite.train.lora
    if lora is not None and isinstance(lora.targets, list):
        path = ("train", "lora", "targets")
        if not lora.targets:
            yield document.fault(
                path, "an empty list adapts nothing. Write all-linear, name modules (q_proj, v_proj), or `lora: null` for full fine-tuning."
            )
        yield from repeated(document, path, lora.targets, "a module is adapted once")
    if lora is not None and lora.dropout >= 1:
        yield document.fault(("train", "lora", "dropout"), "a dropout of 1 leaves nothing to train. Give a value below 1.")


def batches(suite: Suite, document: Document) -> Lines:
    for row in suite.rows:
        given = each_round(suite, row)
        batch = row.train.optim.batch
        if given is not None and given < batch:
            own = override_place(document, row, "optim")
            place = ("train", "optim", "batch") if own == row.place else own
            yield document.fault(
                place,
                f"row {row.label!r} gets {given} trajectories a round, so a batch of {batch} is never full. "
                "Lower the batch, or raise rounds.problems or n.",
            )

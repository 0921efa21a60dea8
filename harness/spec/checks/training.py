"""Rows and the settings of training: what a method needs, and settings that take effect in no row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from harness.document import Document, dotted
from harness.spec.asked import asks_teacher, readings, term_sampling, written_by
from harness.spec.checks.data import each_round, override_place
from harness.spec.checks.names import Lines, repeated
from harness.spec.model import RoleSampling, SamplingSpec
from methods.method import Term
from methods.parts.losses import Loss
from methods.parts.writers import Relay, Write, candidates

if TYPE_CHECKING:
    from harness.spec import Suite


def rows(suite: Suite, document: Document) -> Lines:
    for row in suite.rows:
        for name, pair in suite.pairs.items():
            if pair.teacher is None and any(asks_teacher(term) for term in row.method.terms.values()):
                yield document.fault(
                    row.place,
                    f"row {row.label!r} needs the pair's teacher, but pairs.{name} has none. Add `teacher:` to that pair, "
                    "or choose methods of self-distillation (teacher: Frozen).",
                )
        for name, term in row.method.terms.items():
            for sampling in term_sampling(term, row.train).values():
                try:
                    SamplingSpec.model_validate(sampling)
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
            writers = [t.writer for t in row.method.terms.values() if not role or role[0] in trained_writers(t)]
            if writers and all(field in writer.overrides() for writer in writers):
                yield document.fault(
                    row.place,
                    f"row {row.label!r}: {path} takes no effect, for its writer says {field}: {writers[0].overrides()[field]} itself. "
                    f"Write writer.{field} instead.",
                )


def trained_writers(term: Term) -> list[str]:
    """Who writes what may be trained on."""
    writes = [act for act in term.acts if isinstance(act, Write | Relay) and act.product in candidates(term.acts)]
    return [act.by if isinstance(act, Write) else "student" for act in writes]


def estimators(suite: Suite, document: Document) -> Lines:
    """An estimate from sampled tokens, a policy gradient and a ratio to the sampler hold only for the student's own, whole distribution."""
    for row in suite.rows:
        for name, term in row.method.terms.items():
            asked = next((each for product, each in term_sampling(term, row.train).items() if product in ("student", "relay")), None)
            if asked is None or not term.loss.own_sampling:
                continue
            off = {key: whole for key, whole in (("temperature", 1.0), ("top_p", 1.0), ("top_k", -1)) if asked[key] != whole}
            if off:
                remedy = "writer: {temperature: 1.0, top_p: 1.0, top_k: -1}"  # wins over `train`, and over the method's own writer
                remedy = remedy if name == "main" else f"also: {{{name}: {{{remedy}}}}}"
                role = "student." if isinstance(row.train.sampling, RoleSampling) else ""
                if all(f"sampling.{role}{key}" in row.overrides for key in off):  # the row itself asks for it
                    said = f"{{{', '.join(f'{key}: {whole}' for key, whole in off.items())}}}"
                    remedy = f"train: {{sampling: {f'{{student: {said}}}' if role else said}}}"
                does = (
                    "looks at the sampled token alone, which estimates the divergence only if it is"
                    if isinstance(term.loss, Loss) and term.loss.on_policy
                    else "goes by how likely the student was to write a token, which holds only if its tokens are"
                )
                yield document.fault(
                    row.place,
                    f"row {row.label!r}, term {name}: its loss {does} drawn from the student's whole distribution; here the student samples at {', '.join(f'{key}: {asked[key]:g}' for key in off)}. "
                    f"Let the row say so: {remedy}.",
                )


def sampling(suite: Suite, document: Document) -> Lines:
    for role in ("student", "teacher"):
        path = ("train", "sampling", role)
        if (
            isinstance(suite.train.sampling, RoleSampling)
            and document.own(path)
            and not any(written_by(term, role) for row in suite.rows for term in row.method.terms.values())
        ):
            remedy = "Add a row in which it does, or say sampling once, without roles."
            yield document.fault(path, f"in no row does the {role} write, so this takes effect nowhere. {remedy}", at_key=True)


def limits(suite: Suite, document: Document) -> Lines:
    terms = [term for row in suite.rows for term in row.method.terms.values()]
    path = ("train", "limits", "teacher_prompt")
    own = suite.train.limits
    if own.teacher_prompt is not None and document.own(path):
        if not any(readings(term) for term in terms):
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
    if own.solution is not None and document.own(path) and not any(reads.needs_solution for term in terms for reads in readings(term)):
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

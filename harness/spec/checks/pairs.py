"""Pairs: models that will be the same tomorrow, and two that may be paired."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from harness import catalogue
from harness.document import Document, did_you_mean
from harness.spec.asked import asks_by_domain, asks_reference
from harness.spec.checks.data import trained_on
from harness.spec.checks.names import Lines, repeated
from harness.spec.model import PairSpec

if TYPE_CHECKING:
    from harness.spec import Suite


HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*\Z")
REVISION = re.compile(r"[A-Za-z0-9][\w./-]*\Z")


def located(pair: PairSpec, document: Document, name: str) -> PairSpec:
    """The pair with local folders as they are found: beside the file that names them, or from here."""
    found = {}
    for role, model in pair.roles.items():
        if model not in catalogue.names("models"):
            folder = os.path.dirname(document.value_place(("pairs", name, *role.split("/"))).file)
            path = catalogue.find_path(model, folder)
            if path is not None and path.is_dir():
                found[role] = str(path)
    return pair.cast(found)


def pairs(suite: Suite, document: Document) -> Lines:
    for name, pair in suite.pairs.items():
        place = ("pairs", name)
        for role, model in pair.roles.items():
            if text := wrong_model(model):
                yield document.fault((*place, *role.split("/")), text)
        yield from repeated(document, (*place, "differ"), pair.differ, "once is enough")
        modes_differ = pair.modes.student != pair.modes.teacher
        if modes_differ and "mode" not in pair.differ:
            at = (*place, "modes") if (*place, "modes") in document.marks else place
            yield document.fault(
                at,
                f"the student speaks {pair.modes.student}, the teacher {pair.modes.teacher}: their texts look different at every token. "
                "If that is meant, add `differ: [mode]`; else give both the same mode.",
            )
        if "mode" in pair.differ and not modes_differ:
            yield document.fault(
                (*place, "differ"), f"declares that modes differ, but both are {pair.modes.student}. Take `mode` out, or set `modes`."
            )
        if pair.teacher is None and not pair.teachers:
            for word in pair.differ:
                if word != "mode":
                    yield document.fault(
                        (*place, "differ"),
                        f"declares that {word} differs, but this pair has no teacher to differ from. Take `{word}` out, or add `teacher`.",
                    )
        elif pair.teacher == pair.student:
            yield document.fault(
                (*place, "teacher"),
                "is the student itself: where both read the same, they agree at every token. Leave `teacher` out; "
                "self-distillation (teacher: Frozen) needs none.",
            )
        terms = [term for row in suite.rows for term in row.method.terms.values()]
        yield from teachers(suite, document, name, pair, any(asks_by_domain(term) for term in terms))
        if pair.reference is not None and not any(asks_reference(term) for term in terms):
            yield document.fault(
                (*place, "reference"),
                "in no row does anybody look at it, so this takes effect nowhere. Take it away, or add a row whose teacher is "
                "{Extrapolated: {over: reference}}.",
                at_key=True,
            )


def teachers(suite: Suite, document: Document, name: str, pair: PairSpec, asked: bool) -> Lines:
    """Those that a pair names by domain, and that nobody would ever hear."""
    place, found = ("pairs", name, "teachers"), trained_on(suite)
    if pair.teachers and not asked:
        yield document.fault(
            place,
            "in no row does a teacher go by the problem's domain, so this takes effect nowhere. Take it away, or add a row that asks for it "
            "(teacher: ByDomain).",
            at_key=True,
        )
        return
    for domain in pair.teachers or {}:
        if found is not None and domain not in found.domains:
            yield document.fault(
                (*place, domain),
                f"no problem that is trained on is of domain {domain} ({found.name}: {', '.join(found.domains)}), so this takes effect "
                "nowhere. Take it away, or train on such problems, too.",
                at_key=True,
            )


def wrong_model(model: str) -> str | None:
    """What is wrong with a model as spelled, or None."""
    recipes = catalogue.names("models")
    if (model in recipes and "recipe" in catalogue.model(model)) or os.path.isdir(model):
        return None
    name, at, revision = model.partition("@")
    if name in recipes and "recipe" in catalogue.model(name):
        return f"{name} is made here, from its recipe in the model catalogue, and has no revision. Write just `{name}`."
    if not at:
        if not HUB_ID.match(name) or name.startswith("."):
            return f"there is no folder {model!r}, neither beside the suite nor from here.{near_recipe(model)} A hub model is written owner/name@revision."
        return (
            f"{model!r} is neither a model made here nor a folder that exists, and as a hub model it has no revision: "
            f"what it stands for may change.{near_recipe(model)} "
            f"Pin it: {model}@<commit>, or write {model}@unpinned: `plan` takes that, `run` does not until `harness lock` has looked it up."
        )
    if not HUB_ID.match(name):
        return f"{name!r} is no name of a hub model. Expected owner/name@revision, for example Qwen/Qwen3-1.7B@unpinned."
    if not REVISION.match(revision):
        return f"{revision!r} is no revision. Write the commit, or @unpinned: `plan` takes that, `run` does not until `harness lock` has looked it up."
    if revision.casefold() in catalogue.BRANCHES:
        return f"@{revision} is a branch, and branches move. Write the commit, or @unpinned: `plan` takes that, `run` does not until `harness lock` has looked it up."
    return None


def near_recipe(model: str) -> str:
    made = [name for name in catalogue.names("models") if "recipe" in catalogue.model(name)]
    return did_you_mean(model, made).partition(" Known:")[0]

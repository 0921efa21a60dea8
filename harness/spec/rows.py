"""Rows from the `methods:` of a suite: which method, with which fields changed, under which settings of `train`.

What a row says wins over what its method says, which wins over `train`. Overrides are written as sections
(`loss: {support: {k: 128}}`, `train: {optim: {learning_rate: 1.0e-5}}`), as dotted keys, or as a grid of dotted paths.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from harness.document import Document, did_you_mean, dotted, merge
from harness.spec.faults import Faults, fields_at, translate
from harness.spec.model import Train
from harness.spec.parts import Misfit, build, hints, spelled, written
from methods import METHODS
from methods.method import QUESTIONS, Method

ANSWERS = (*QUESTIONS, "also")
TRAIN = tuple(Train.model_fields)
KEYS = ("label", "method", "grid", "train", *ANSWERS)
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@=,()\[\]-]{0,199}\Z")
RESERVED = ("student", "student_again", "teacher")  # their results stand beside the rows, without a seed
PART = re.compile(r"[A-Z]\w*\Z")

Where = tuple[str | int, ...]


@dataclass(frozen=True)
class RowSpec:
    """One line of the leaderboard. `overrides`: dotted path -> value as spelled, all that differs from method and `train`."""

    label: str
    method: Method
    train: Train
    overrides: dict[str, str] = field(default_factory=dict)
    place: Where = field(default=(), compare=False)  # where in the suite it is written, for messages

    def resolved(self, train: Train) -> dict[str, Any]:
        """The row as an entry of `methods:` that says everything in which it differs."""
        entry: dict[str, Any] = {"label": self.label, "method": self.method.name}
        registered = METHODS[self.method.name]
        for question in QUESTIONS:
            if getattr(self.method, question) != getattr(registered, question):
                entry[question] = written(getattr(self.method, question))
        if self.method.also != registered.also:
            gone = {name: None for name in registered.also if name not in self.method.also}
            new = {name: term for name, term in self.method.also.items() if registered.also.get(name) != term}
            entry["also"] = {name: terms_fields(term) for name, term in new.items()} | gone
        changed = differences(train.model_dump(mode="json"), self.train.model_dump(mode="json"))
        return entry | ({"train": changed} if changed else {})


def terms_fields(term: Any) -> dict[str, Any]:
    return {name: written(getattr(term, name)) for name in hints(type(term))}


def differences(base: dict[str, Any], other: dict[str, Any], path: tuple[str, ...] = ()) -> dict[str, Any]:
    """What `other` says differently, in a form that merges back; schedule and roles of sampling are replaced whole."""
    found = {}
    for key, value in other.items():
        before = base.get(key)
        if value == before:
            continue
        found[key] = value
        if isinstance(value, dict) and isinstance(before, dict) and value.keys() == before.keys() and (*path, key) != ("optim", "schedule"):
            found[key] = differences(before, value, (*path, key))
    return found


@dataclass(frozen=True)
class Override:
    """One value laid on a row. `path` starts with a question of the method or a section of `train`; `place` is where it is written."""

    path: tuple[str, ...]
    value: Any
    place: Where
    swept: bool = False  # one value of a grid: equal to the method's own at one of its points, as a rule

    @property
    def of_method(self) -> bool:
        return self.path[0] in ANSWERS

    @property
    def leaves(self) -> list[tuple[tuple[str, ...], Any]]:
        return leaves(self.path, self.value)


def leaves(path: tuple[str, ...], value: Any) -> list[tuple[tuple[str, ...], Any]]:
    """Every single value under the path; a part written by name, and a schedule, is one value."""
    if isinstance(value, dict) and value and not any(PART.match(key) for key in value) and path[-2:] != ("optim", "schedule"):
        return [leaf for key, inner in value.items() for leaf in leaves((*path, key), inner)]
    return [(path, value)]


def resolve_rows(document: Document, train: Train, faults: Faults) -> tuple[RowSpec, ...]:
    """All rows, grids unrolled. What is wrong is added to `faults`, and the row left out."""
    rows: list[RowSpec] = []
    labels: dict[str, str] = {}
    for index, entry in enumerate(document.data["methods"]):
        place: Where = ("methods", index)
        for row in rows_of(document, place, {"method": entry} if isinstance(entry, str) else entry, train, faults):
            key = row.label.casefold()
            if key in labels:
                faults.append(
                    document.fault(
                        place,
                        f"there is a row {row.label!r} already, at {labels[key]}. Give one of them a `label` of its own; "
                        "capitals alone do not tell files apart.",
                    )
                )
                continue
            labels[key] = dotted(place)
            rows.append(row)
    return tuple(rows)


def rows_of(document: Document, place: Where, entry: dict[str, Any], train: Train, faults: Faults) -> list[RowSpec]:
    before = len(faults)
    name = entry.get("method")
    at_name = (*place, "method") if (*place, "method") in document.marks else place
    if "method" not in entry:
        faults.append(document.fault(place, f"a row names its method: {{method: trd, …}}.{did_you_mean('', METHODS)}"))
    elif not (isinstance(name, str) and name in METHODS):
        faults.append(document.fault(at_name, f"there is no method {spelled(name)!r}.{did_you_mean(name, METHODS)}"))
    label = entry.get("label", name)
    if "label" in entry and not (isinstance(label, str) and LABEL.match(label) and label.casefold() not in RESERVED):
        faults.append(
            document.fault(
                (*place, "label"),
                f"{spelled(label)!r} cannot name a row: labels become file names, and {', '.join(RESERVED)} are taken. Use letters, "
                "digits and ._+@=,()[]- only.",
            )
        )
    for key in entry:
        if key not in KEYS and "." not in key:
            remedy = f" It is a setting of training: write `train: {{{key}: …}}`." if key in TRAIN else did_you_mean(key, KEYS)
            faults.append(document.fault((*place, key), f"a row has no key {key!r}.{remedy}", at_key=True))
    if len(faults) > before:
        return []
    base = Overrides(document, place, METHODS[str(name)], train, faults)
    fixed = base.written_in(entry)
    sweeps = base.grid(entry)
    base.refuse_twice(fixed, sweeps)
    if len(faults) > before:
        return []
    rows = []
    for point in itertools.product(*sweeps):
        row = base.row(str(label), [*fixed, *point])
        rows += [row] if row else []
    return rows


@dataclass
class Overrides:
    """Reads and applies the overrides of one entry."""

    document: Document
    place: Where
    method: Method
    train: Train
    faults: Faults

    def wrong(self, place: Where, text: str, at_key: bool = False) -> None:
        self.faults.append(self.document.fault(place, text, at_key=at_key))

    def written_in(self, entry: dict[str, Any]) -> list[Override]:
        found = []
        for key, value in entry.items():
            place = (*self.place, key)
            if key in ("label", "method", "grid"):
                continue
            if key == "train":
                if not isinstance(value, dict) or not value:
                    self.wrong(place, "expected the settings to change, for example {optim: {learning_rate: 1.0e-5}}.")
                    continue
                for name, inner in value.items():
                    if name not in TRAIN:
                        self.wrong((*place, name), f"train has no {name!r}.{did_you_mean(name, TRAIN)}", at_key=True)
                    else:
                        found.append(Override((name,), inner, (*place, name)))
            elif (path := self.path_of(key, place)) is not None:
                found.append(Override(path, value, place))
        return found

    def grid(self, entry: dict[str, Any]) -> list[list[Override]]:
        if "grid" not in entry:
            return []
        place, grid = (*self.place, "grid"), entry["grid"]
        if not isinstance(grid, dict) or not grid:
            self.wrong(place, "expected paths and their values, for example {loss.support.k: [8, 32, 128]}.")
            return []
        sweeps = []
        for key, values in grid.items():
            below = (*place, key)
            path = self.path_of(key, below)
            if path is None:
                continue
            if not isinstance(values, list) or not values:
                self.wrong(below, "expected a list of values, one row each.")
                continue
            spellings = [spelled(value) for value in values]
            for index, spelling in enumerate(spellings):
                if spelling in spellings[:index]:
                    self.wrong((*below, index), f"{spelling} stands in this list twice. Two equal rows tell nothing; take one away.")
            sweeps.append([Override(path, value, (*below, index), swept=len(values) > 1) for index, value in enumerate(values)])
        return sweeps

    def path_of(self, key: str, place: Where) -> tuple[str, ...] | None:
        first, *others = key.removeprefix("train.").split(".")
        if first not in (*ANSWERS, *TRAIN) or "" in others:
            hint = did_you_mean(first, (*ANSWERS, *TRAIN))
            self.wrong(place, f"{key!r} names no field of the method or of train: there is no {first!r}.{hint}", at_key=True)
            return None
        return (first, *others)

    def refuse_twice(self, fixed: list[Override], sweeps: list[list[Override]]) -> None:
        seen: dict[tuple[str, ...], Where] = {}
        for override in [*fixed, *(sweep[0] for sweep in sweeps)]:
            for path, _ in override.leaves:
                for other, place in seen.items():
                    if place != override.place and (path[: len(other)] == other or other[: len(path)] == path):
                        self.wrong(
                            override.place,
                            f"{'.'.join(path)} is set twice in this row, also at {dotted(place)}. Keep one of them.",
                            at_key=True,
                        )
                seen[path] = override.place

    def row(self, label: str, overrides: list[Override]) -> RowSpec | None:
        try:
            method = self.assembled([each for each in overrides if each.of_method])
            train = self.settings([each for each in overrides if not each.of_method])
        except Misfit as fault:
            self.wrong(fault.path, fault.text, fault.at_key)
            return None
        if train is None:
            return None
        swept = [each for each in overrides if "grid" in each.place]
        point = ",".join(f"{'.'.join(each.path)}={spelled(each.value)}" for each in swept)
        label = f"{label}[{point}]" if point else label
        if not LABEL.match(label):
            self.wrong(
                (*self.place, "grid"),
                f"the label {label!r} would not be a safe file name. Write this row out with a `label` of its own.",
                at_key=True,
            )
            return None
        said = {".".join(path): spelled(value) for each in overrides for path, value in each.leaves}
        return RowSpec(label, method, train, said, self.place)

    def assembled(self, overrides: list[Override]) -> Method:
        """The method with all answers changed at once: what is said of one may need what is said of another. Raises Misfit at the place of
        what is wrong: the one change, or the row where several do not go together."""
        answers: dict[str, Any] = {}
        for override in overrides:
            question = override.path[0]
            before = answers.get(question, getattr(self.method, question))
            answers[question] = self.answer(before, override)
            if answers[question] == before and not override.swept:
                raise Misfit(
                    override.place,
                    f"{'.'.join(override.path)} is what {self.method.name} says anyway, so this changes nothing. Take it away.",
                    at_key=True,
                )
        try:
            return replace(self.method, **answers)
        except ValueError as fault:
            raise Misfit(overrides[0].place if len(overrides) == 1 else self.place, str(fault)) from None

    def answer(self, before: Any, override: Override) -> Any:
        """An answer, changed. Raises Misfit at the place of what is wrong."""
        question, *inner = override.path
        value = override.value
        for part in reversed(inner):
            value = {part: value}
        try:
            return build(value, hints(Method)[question], before)
        except Misfit as fault:
            # What lies inside the dotted key has no place of its own; what lies inside its value has.
            within = fault.path[len(inner) :]
            short = not within and fault.path != tuple(inner)
            text = f"{'.'.join(override.path)}: {fault.text}" if inner else fault.text
            raise Misfit((*override.place, *within), text, (fault.at_key and bool(within)) or short) from None

    def settings(self, overrides: list[Override]) -> Train | None:
        """`train` with this row's settings, or None where they do not fit."""
        if not overrides:
            return self.train
        document = self.document
        data, marks = {"train": document.data["train"]}, document.marks
        for override in overrides:
            *outer, last = override.path
            self.refuse_no_field(override)
            value: Any = {last: override.value}
            for part in reversed(outer):
                value = {part: value}
            full = ("train", *override.path)
            own = {
                (*full, *path[len(override.place) :]): mark
                for path, mark in document.marks.items()
                if path[: len(override.place)] == override.place
            }
            data, marks = merge(data, marks, {"train": value}, own)
        try:
            return Train.model_validate(data["train"])
        except ValidationError as error:
            named = Document(document.file, data, marks)
            lines = translate(error, named, Train, ("train",))
            self.faults += [line.replace(": train.", f": {dotted(self.place)}: train.", 1) for line in lines]
            return None

    def refuse_no_field(self, override: Override) -> None:
        """Raises Misfit where the path leaves the fields of `train`."""
        here: Any = self.document.data["train"]
        for index, part in enumerate(override.path):
            known = fields_at(Train, override.path[:index], self.document.data["train"])
            if isinstance(here, dict) and part not in here and part not in known and known:
                raise Misfit(
                    override.place,
                    f"{'.'.join(override.path)} names no field of train: {'.'.join(override.path[:index])} has no "
                    f"{part!r}.{did_you_mean(part, known)}",
                    at_key=True,
                )
            if not isinstance(here, dict):
                said = ".".join(override.path[:index])
                raise Misfit(
                    override.place,
                    f"{'.'.join(override.path)}: {said} is {spelled(here)} in train and has no fields to change. Set {said} itself.",
                    at_key=True,
                )
            if part not in here:
                break
            here = here[part]

"""Addresses: what has one, what has none, and that they never move in silence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from harness.answers import decode
from harness.step import Step, address_of, canonical, digest
from methods import METHODS
from methods.parts.keep import All
from methods.parts.losses import ForwardKL, Loss
from methods.parts.teachers import Pair
from methods.parts.tokens import Every
from methods.parts.writers import Student


@pytest.mark.parametrize(
    "value",
    [
        len,
        lambda: 0,
        {1, 2},
        frozenset(),
        float("nan"),
        float("inf"),
        b"bytes",
        object(),
        np.float32(1),
        np.zeros(2),
        {1: "a"},
        ForwardKL,
        1j,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_stable_identity_is_refused(value) -> None:
    for holder in (value, [value], {"deep": {"down": [value]}}):
        with pytest.raises(TypeError):
            canonical(holder)


def test_order_of_writing_is_not_identity() -> None:
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest([1, 2]) != digest([2, 1])
    assert digest((1, 2)) == digest([1, 2])


def test_numbers_of_unlike_type_are_unlike() -> None:
    assert len({digest(value) for value in (1, 1.0, True, "1")}) == 4


def test_an_address_is_a_promise() -> None:
    """If this fails, every store in the world begins anew: raise the version of a stage instead."""
    params = {"loss": Loss(ForwardKL(), temperature=1.5), "sampling": {"top_p": 0.95, "n": 2}, "names": ["å", None, True]}
    step = Step("score", params, {"problems": "problems/abc"}, title="for people", weight=3.0, tokens={"exam": 5}, local={"file": "/a"})
    assert step.address == "score/0a0d69a87817c2b68f12"
    assert address_of(step.identity) == step.address


def test_another_field_moves_no_address_as_long_as_nobody_says_it() -> None:
    before = dataclass(frozen=True)(type("Part", (), {"__annotations__": {"k": int}}))
    after = dataclass(frozen=True)(type("Part", (), {"__annotations__": {"k": int, "soft": "float | None"}, "soft": None}))
    assert canonical(before(k=3)) == canonical(after(k=3)) != canonical(after(k=3, soft=0.5))


def test_another_version_of_a_part_moves_the_address_even_where_it_stands_by_default(monkeypatch) -> None:
    def addresses() -> list[str]:
        return [digest(METHODS[name].terms) for name in METHODS]

    before = addresses()
    for part in (Pair, Student, Every, All):
        monkeypatch.setattr(part, "version", 2, raising=True)
        assert addresses() != before, part
        monkeypatch.undo()


def test_notes_for_people_and_places_are_not_identity() -> None:
    one = Step("score", {"samples": 4}, {"grades": "grade/1"})
    assert one.key == Step("score", {"samples": 4}, {"grades": "grade/1"}, title="t", weight=9, tokens={"exam": 1}, local={"x": "/y"}).key
    assert one.key != Step("score", {"samples": 5}, {"grades": "grade/1"}).key
    assert one.key != Step("score", {"samples": 4}, {"grades": "grade/2"}).key
    assert one.key != Step("grade", {"samples": 4}, {"grades": "grade/1"}).key


def test_raising_the_version_of_a_class_or_of_its_base_moves_the_address() -> None:
    def made(base: int, own: int):
        @dataclass(frozen=True)
        class Base:
            version: ClassVar[int] = base

        @dataclass(frozen=True)
        class Part(Base):
            version: ClassVar[int] = own

        return digest(Part())

    assert len({made(1, 1), made(1, 2), made(2, 2), made(3, 2)}) == 4


@pytest.mark.parametrize("name", METHODS)
def test_every_answer_survives_the_way_to_an_address_and_back(name: str) -> None:
    terms = METHODS[name].terms
    again = {key: decode(term) for key, term in canonical(terms).items()}
    assert again == terms
    assert digest(again) == digest(terms)

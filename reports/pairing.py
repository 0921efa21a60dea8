"""A pair in one line: its models, the mode in which each speaks, and what they were declared to differ in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

DIFFER = {"template": "chat templates differ", "stop": "stop tokens differ", "mode": "modes differ"}


def pairing(said: Mapping[str, Any] | None) -> str | None:
    """From the resolved suite's entry; None where there is none."""
    if not said or not said.get("student"):
        return None
    student, teacher, modes = said["student"], said.get("teacher"), said.get("modes") or {}
    models = f"{name(student)} ← {name(teacher)}" if teacher else f"{name(student)}, its own teacher"
    return " · ".join([models, *_modes(modes, bool(teacher)), *(DIFFER.get(word, f"{word} differs") for word in differ(said))])


def name(model: str) -> str:
    """A local folder by its own name: where it lies is nobody's business."""
    return model.rstrip("/").rpartition("/")[2] if model.startswith("/") else model


def differ(said: Mapping[str, Any]) -> Sequence[str]:
    return [word for word in said.get("differ") or () if word != "mode"]  # the modes themselves say it


def _modes(modes: Mapping[str, str], two: bool) -> list[str]:
    thinking = [who for who in ("student", "teacher") if modes.get(who) == "thinking"]
    if not thinking:
        return []
    if len(thinking) == 2:
        return ["both thinking" if two else "thinking"]
    return [f"{thinking[0]} thinking, {'student' if thinking == ['teacher'] else 'teacher'} not"]

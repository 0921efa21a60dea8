"""A pair in one line: its models, the mode in which each speaks, what they were declared to differ in, and what a row may spend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

METERS = {
    "updates": "updates",
    "epochs": "epochs",
    "rounds": "rounds",
    "student_written": "tokens written by the student",
    "teacher_written": "tokens written by the teacher",
    "teacher_read": "tokens read by the teacher",
    "trained": "tokens trained on",
    "flops": "FLOPs",
    "gpu_hours": "modelled H100-hours",
}
DIFFER = {"template": "chat templates differ", "stop": "stop tokens differ", "mode": "modes differ"}


def pairing(said: Mapping[str, Any] | None, limits: Mapping[str, float] | None) -> str | None:
    """From the resolved suite's entries; None where there is none."""
    if not said or not said.get("student"):
        return None
    student, teacher, modes = said["student"], said.get("teacher"), said.get("modes") or {}
    by_domain = ", ".join(f"{name(model)} in {domain}" for domain, model in (said.get("teachers") or {}).items())
    taught = " · ".join(each for each in (teacher and name(teacher), by_domain) if each)
    models = f"{name(student)} ← {taught}" if taught else f"{name(student)}, its own teacher"
    spent = " or ".join(amount(meter, limit) for meter, limit in (limits or {}).items())
    return " · ".join(
        [
            models,
            *_modes(modes, bool(taught)),
            *(DIFFER.get(word, f"{word} differs") for word in differ(said)),
            *([f"a row ends at {spent}"] if spent else []),
        ]
    )


def amount(meter: str, limit: float) -> str:
    number = f"{limit:,.0f}" if limit == int(limit) and limit < 1e12 else f"{limit:g}"
    unit = METERS.get(meter, meter)
    return f"{number} {unit.removesuffix('s') if limit == 1 else unit}"


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

"""Meters, limits and the clock: progress is the largest spent share of any limit, and schedules follow it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from harness.costs import flops, h100_seconds
from harness.records import Trajectory
from harness.spec.model import METERS


@dataclass
class Meters:
    """What a row has spent so far, counted update by update. Tokens, but for updates, epochs, rounds, flops and gpu_hours."""

    spent: dict[str, float] = field(default_factory=lambda: dict.fromkeys(METERS, 0))

    def count(self, batch: list[Trajectory], problems: int, student: float, teacher: float, adapter: bool) -> None:
        """One update on `batch`. `problems` is the size of the whole set; `student`, `teacher` are weights that multiply per token."""
        total = {name: sum(getattr(t, name) for t in batch) for name in ("student_written", "teacher_written", "teacher_read")}
        trained = sum(weight > 0 for t in batch for weight in t.weights)
        student_tokens = sum(len(t.student_prompt_ids) + len(t.response_ids) for t in batch if any(t.weights))
        mine = {"written": total["student_written"], "trained": student_tokens, "parameters": student, "adapter": adapter}
        theirs = {"written": total["teacher_written"], "read": total["teacher_read"], "parameters": teacher}
        self.spent["updates"] += 1
        self.spent["epochs"] += len({t.problem_id for t in batch}) / problems
        for name, value in total.items():
            self.spent[name] += value
        self.spent["trained"] += trained
        self.spent["flops"] += flops(**mine) + flops(**theirs)
        self.spent["gpu_hours"] += (h100_seconds(**mine) + h100_seconds(**theirs)) / 3600


def progress(spent: dict[str, float], limits: dict[str, float]) -> tuple[float, str]:
    """The largest spent share in [0, 1], and the meter whose it is."""
    share, meter = max((spent[meter] / limit, meter) for meter, limit in limits.items())
    return min(share, 1.0), meter


def reached(amount: float, goal: float) -> bool:
    """Shares of epochs are sums of fractions, so a hair below counts as reached."""
    return amount >= goal * (1 - 1e-9)


def ended_by(spent: dict[str, float], limits: dict[str, float]) -> str | None:
    """The first limit that is met, or None."""
    return next((meter for meter, limit in limits.items() if reached(spent[meter], limit)), None)


def rate_factor(share: float, warmup: float, schedule: str | dict) -> float:
    """What multiplies the learning rate at a point of the run: linear warm-up, then the schedule. `share` counts the update at hand."""
    if warmup and share < warmup:
        return share / warmup
    if schedule == "constant":
        return 1.0
    assert isinstance(schedule, dict)
    ((kind, shape),) = schedule.items()
    if kind == "wsd":
        return min(1.0, (1.0 - share) / shape["decay"]) if share > 1.0 - shape["decay"] else 1.0
    x = (share - warmup) / (1.0 - warmup) if warmup < 1.0 else 1.0
    falling = 0.5 * (1 + math.cos(math.pi * x)) if kind == "cosine" else 1.0 - x
    return shape["floor"] + (1.0 - shape["floor"]) * falling

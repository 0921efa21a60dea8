"""Meters, limits and the clock: progress is the largest spent share of any limit, and schedules follow it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from harness.costs import Size, before, flops, h100_seconds
from harness.records import Trajectory
from harness.spec.model import METERS

NOBODY: Mapping[str, Size] = MappingProxyType({})


@dataclass
class Meters:
    """What a row has spent so far, counted update by update. Tokens, but for updates, epochs, rounds, flops and gpu_hours."""

    spent: dict[str, float] = field(default_factory=lambda: dict.fromkeys(METERS, 0))

    def count(
        self,
        batch: list[Trajectory],
        problems: int,
        student: Size,
        teachers: Mapping[str, Size],
        adapter: bool,
        thirds: Mapping[str, Size] = NOBODY,
        domain_of: Mapping[str, str] | None = None,
    ) -> None:
        """One update on `batch`. `problems` is the size of the whole set; `teachers` says of each term who teaches it, by writing or by
        scoring, and `thirds` through whom a teacher is seen, where it is. Where the problem's domain decides who that is (`domain_of`), the key
        is `term/domain`.

        What the engine reads besides, to weigh tokens before it trains on them, is its own affair: charged is what the method asks for.
        """
        total = {name: sum(getattr(t, name) for t in batch) for name in ("student_written", "teacher_written", "teacher_read")}
        trained = sum(weight > 0 for t in batch for weight in t.weights)
        passes = [len(t.student_prompt_ids) + len(t.response_ids) for t in batch if any(t.weights)]
        mine = {
            "written": total["student_written"],
            "written_context": sum(before(len(t.student_prompt_ids), t.student_written) for t in batch),
            "read": sum(len(t.student_prompt_ids) for t in batch if t.student_written),  # to write from
            "read_context": sum(before(0, len(t.student_prompt_ids)) for t in batch if t.student_written),
            "trained": sum(passes),
            "trained_context": sum(before(0, length) for length in passes),
        }
        self.spent["updates"] += 1
        self.spent["epochs"] += len({t.problem_id for t in batch}) / problems
        for name, value in total.items():
            self.spent[name] += value
        self.spent["trained"] += trained
        work = [(student, mine, adapter)]
        by_teacher: dict[tuple[str, str], list[Trajectory]] = {}
        for t in batch:
            routed = f"{t.term}/{(domain_of or {}).get(t.problem_id)}"
            by_teacher.setdefault((t.term, routed if routed in teachers else t.term), []).append(t)
        for (term, who), own in by_teacher.items():
            seen = sum(scored(t) for t in own) if term in thirds else 0
            work.append((teachers.get(who, student), taught(own, seen), False))
            if term in thirds:
                work.append((thirds[term], {"read": seen, "read_context": sum(before(0, scored(t)) for t in own)}, False))
        self.spent["flops"] += sum(flops(size, **tokens, adapter=by_adapter) for size, tokens, by_adapter in work)
        self.spent["gpu_hours"] += sum(h100_seconds(size, **tokens, adapter=by_adapter) for size, tokens, by_adapter in work) / 3600


def taught(own: list[Trajectory], read_by_another: float) -> dict[str, float]:
    """What a term's teacher wrote and read."""
    return {
        "written": sum(t.teacher_written for t in own),
        "written_context": sum(written_context(t) for t in own),
        "read": sum(t.teacher_read for t in own) - read_by_another,
        "read_context": sum(read_context(t, bool(read_by_another)) for t in own),
    }


def scored(t: Trajectory) -> int:
    """Tokens of one reading that scores; none where nobody read."""
    return min(t.teacher_read, len(t.teacher_prompt_ids) + len(t.response_ids)) if t.teacher_prompt_ids else 0


def written_context(t: Trajectory) -> float:
    """Of what the teacher wrote: the response itself, or several about as long, of which this one was picked."""
    length = min(t.teacher_written, len(t.response_ids))
    return before(len(t.teacher_prompt_ids or t.student_prompt_ids), length) * t.teacher_written / length if length else 0.0


def read_context(t: Trajectory, twice: bool = False) -> float:
    """Of what the teacher read: its prompt and the response in one pass where it scores, and the rest, a prompt to write from, in another.

    `twice`: another model read the same beside it.
    """
    once = min(t.teacher_read, len(t.teacher_prompt_ids) + len(t.response_ids))
    return before(0, once) + before(0, t.teacher_read - (2 if twice else 1) * once)


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

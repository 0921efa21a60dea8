"""The course of training: how far student and teacher are apart on the tokens trained on, from the first part of a run to the last.

Several seeds are averaged part by part. One scale a measure for all rows of a pair, so that their lines can be compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from harness.results import Moment
from reports.drafts import Draft
from reports.nouns import Course, CourseRow, Line, Measure, Measured

SPLIT = ("right", "wrong")
NO_TEACHER = "no teacher scored its texts"
MEASURES = (
    Measure("kl_forward", "forward KL", "KL(teacher ‖ student) at a token, in nats: what the teacher would say and the student would not."),
    Measure("kl_reverse", "reverse KL", "KL(student ‖ teacher) at a token, in nats: what the student would say and the teacher would not."),
    Measure(
        "gap", "log-perplexity gap", "Student’s NLL − teacher’s NLL, nats a token: above 0, the teacher finds the text likelier.", "signed"
    ),
    Measure("epistemic_mass", "epistemic mass", "The teacher’s probability of opening a doubt (Wait, However …), in percent.", "percent"),
)


def course(rows: Sequence[Draft]) -> Course | None:
    """None where no row has one."""
    found: list[CourseRow] = []
    for draft in rows:
        moments = averaged([list(result.analysis.course) for result in draft.done or draft.results if result.analysis])
        if moments:
            found.append(CourseRow(draft.label, draft.block, _middles(moments), tuple(_measured(moments, each) for each in MEASURES)))
    if not found:
        return None
    return Course(MEASURES, tuple(_scale(row.measured[at] for row in found) for at in range(len(MEASURES))), tuple(found))


def averaged(seeds: Sequence[Sequence[Moment]]) -> list[dict[str, float | None]]:
    """Part by part over the seeds that have as many parts as most; a seed without a value leaves the mean to the others."""
    lengths = Counter(len(course) for course in seeds if course)
    if not lengths:
        return []
    most = max(lengths, key=lambda length: (lengths[length], length))
    parts = zip(*(course for course in seeds if len(course) == most), strict=True)
    return [{name: _mean([getattr(moment, name) for moment in part]) for name in Moment.model_fields} for part in parts]


def _measured(moments: Sequence[dict[str, float | None]], measure: Measure) -> Measured:
    taught = any(moment["teacher_nll"] is not None for moment in moments)
    if measure.name == "gap":
        return _all(moments, lambda moment: _minus(moment["student_nll"], moment["teacher_nll"]), taught)
    if measure.name == "epistemic_mass":
        return _all(moments, lambda moment: moment["epistemic_mass"], taught, "its tokenizer spells such words by letters")
    split = [Line(of, tuple(moment[f"{measure.name}_{of}"] for moment in moments)) for of in SPLIT]
    if any(line.known for line in split):
        lacking = [line.of for line in split if not line.known]
        return Measured(tuple(split), f"{lacking[0]} –: none was trained on" if lacking else None)
    made = _all(moments, lambda moment: moment[measure.name], taught)
    return Measured(made.lines, "not split: no verdicts on attempts") if made.lines else made


def _all(
    moments: Sequence[dict[str, float | None]],
    value: Callable[[dict[str, float | None]], float | None],
    taught: bool,
    lacking: str = "not recorded",
) -> Measured:
    line = Line("all", tuple(value(moment) for moment in moments))
    return Measured((line,)) if line.known else Measured((), lacking if taught else NO_TEACHER)


def _middles(moments: Sequence[dict[str, float | None]]) -> tuple[float, ...]:
    """Where in the run each part stands, as a share of it."""
    ends = [0.0, *(moment["until"] or 0.0 for moment in moments)]
    return tuple((start + end) / 2 for start, end in pairwise(ends))


def _scale(measured: Iterable[Measured]) -> tuple[float, float] | None:
    """Zero is always on it."""
    values = [value for each in measured for line in each.lines for value in line.values if value is not None]
    return (min(0.0, *values), max(0.0, *values)) if values else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other

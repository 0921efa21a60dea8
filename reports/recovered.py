"""Gap recovered: how much of the way from the untrained student to the teacher a row went, on the primary; or why nobody can say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.statistics import ratio
from reports.drafts import Draft, Endpoint, difference, paired
from reports.findings import Recovered
from reports.sees import SELF


@dataclass(frozen=True)
class Way:
    """From whom to whom, on what; `modes` are those of the pair, as the suite says them."""

    untrained: Draft | None = None
    teacher: Draft | None = None
    endpoint: Endpoint | None = None
    modes: tuple[str, str] = ("plain", "plain")  # of student and teacher


def recovered(draft: Draft, way: Way) -> Recovered | None:
    """None for a row that went no way: a reference, what was only reported, what has no score."""
    if draft.block not in ("method", "control") or difference(draft, way.untrained, way.endpoint) is None:
        return None
    assert way.untrained and way.endpoint
    if way.teacher is None or str(draft.first.answers.teacher).startswith(SELF):
        return Recovered(None, reason="the student is its own teacher")
    if way.modes[0] != way.modes[1]:
        thinks, other = ("teacher", "student") if way.modes[1] == "thinking" else ("student", "teacher")
        return Recovered(None, reason=f"the {thinks} thinks and the {other} does not")
    lead = difference(way.teacher, way.untrained, way.endpoint)
    if lead is None:
        return Recovered(None, reason="the teacher has no complete score beside the student's")
    if lead.interval95 is None or lead.interval95[0] <= 0 <= lead.interval95[1]:
        return Recovered(None, reason="the teacher cannot be told from the untrained student")
    if lead.value < 0:
        return Recovered(None, reason="the teacher is below the untrained student")
    seeds = [mine for mine, _ in paired(draft, way.untrained, way.endpoint)]
    part, whole = [], []
    for column in way.endpoint.columns:
        base = way.endpoint.values(way.untrained, column, None)
        part.append(np.stack([way.endpoint.values(draft, column, seed) - base for seed in seeds]))
        whole.append(np.stack([way.endpoint.values(way.teacher, column, None) - base] * len(seeds)))
    found = ratio(part, whole, way.endpoint.weights)
    if found is None:
        return Recovered(None, reason="the teacher cannot be told from the untrained student")
    return Recovered(*found)

"""How much of a difference is nothing: the band between identical things, and what the best of many gains by luck."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.statistics import expected_best, sampling_variance
from reports.drafts import Draft, Endpoint, difference
from reports.findings import Identical, Luck, Noise
from reports.sees import sees


def noise(again: Draft | None, trained: Sequence[Draft], untrained: Draft | None, endpoint: Endpoint | None) -> Noise | None:
    """Of two sittings of the untrained student by the interval between them; of a placebo, which learns from nothing, by the difference found."""
    identical: list[Identical] = []
    low = high = 0.0
    if sittings := difference(again, untrained, endpoint):
        identical.append(Identical(again.label if again else "", "the untrained student, sitting again", sittings))
        reach = max(map(abs, sittings.interval95 or (sittings.value,)))
        low, high = -reach, reach
    for draft in trained:
        if sees(draft.first.answers) == ("nothing",) and (found := difference(draft, untrained, endpoint)):
            identical.append(Identical(draft.label, "trained without a teacher, on what it wrote itself", found))
            low, high = min(low, found.value), max(high, found.value)
    return Noise(tuple(identical), low, high) if identical else None


def luck(methods: Sequence[Draft], endpoint: Endpoint | None) -> Luck | None:
    """By the noise that each row has of its own: between its seeds, or of one sitting on the same problems. None for fewer than two rows."""
    own = [found for draft in methods if endpoint and (found := _own_variance(draft, endpoint)) is not None]
    if len(own) < 2:
        return None
    return Luck(len(own), expected_best(len(own)) * float(np.sqrt(np.mean(own))))


def _own_variance(draft: Draft, endpoint: Endpoint) -> float | None:
    seeds = endpoint.seeds(draft)
    if not seeds:
        return None
    weighted = list(zip(endpoint.weights, endpoint.columns, strict=True))
    if len(seeds) > 1:
        means = [sum(weight * endpoint.values(draft, column, seed).mean() for weight, column in weighted) for seed in seeds]
        return float(np.var(means, ddof=1)) / len(seeds)
    scores = [(weight, draft.whole[column][seeds[0]]) for weight, column in weighted]
    found = sum(weight**2 * sampling_variance(score.correct, score.samples, endpoint.pass_k) for weight, score in scores)
    return None if np.isnan(found) else float(found)

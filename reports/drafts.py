"""Rows before they are shown, and what compares them: means and paired differences over seeds × problems, ranks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness import metrics, statistics
from harness.results import ExamScore, Result
from harness.statistics import FEWEST_SEEDS, Difference, Estimate, crossed, estimate, holm, mean_share, p_value, sign_flip
from reports.nouns import AGAIN, BLOCKS, Exam, Key

LEVEL = 0.05
DRAWS = 20_000  # of signs, where a test cannot count them all: p no finer than 0.00005
Seed = int | None


@dataclass(frozen=True)
class Draft:
    """One label before it is compared: its results by seed, its scores by column and seed."""

    label: str
    role: str
    results: tuple[Result, ...]
    scores: Mapping[Key, Mapping[Seed, ExamScore]]  # all of them
    whole: Mapping[Key, Mapping[Seed, ExamScore]]  # of finished seeds, where all are complete: what may be compared

    @property
    def first(self) -> Result:
        return self.results[0]

    @property
    def done(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.status == "done")

    @property
    def block(self) -> str:
        return "reference" if is_reference(self.first) else self.role

    @property
    def counted(self) -> bool:
        """There are counts per problem; of a figure that was only reported there are none."""
        return any(score.graded for column in self.scores.values() for score in column.values())

    def before(self, exam: Exam) -> Draft:
        """As what a checkpoint is compared with: its exam is the one that was sat once, before any training."""
        if exam.key in self.whole or exam.sat not in self.whole:
            return self
        return replace(self, whole={**self.whole, exam.key: self.whole[exam.sat]})


@dataclass(frozen=True)
class Endpoint:
    """What is compared: columns with weights that sum to 1, by Avg@n or by Pass@k."""

    columns: tuple[Key, ...]
    weights: tuple[float, ...]
    pass_k: int | None = None

    def seeds(self, draft: Draft) -> list[Seed]:
        """Those for which every column is complete."""
        found = set.intersection(*(set(draft.whole.get(column, {})) for column in self.columns))
        return sorted(found, key=lambda seed: (seed is not None, seed or 0))

    def values(self, draft: Draft, column: Key, seed: Seed) -> np.ndarray:
        """One figure a problem."""
        score = draft.whole[column][seed]
        correct, graded = np.array(score.correct), np.array(score.graded)
        if self.pass_k is None:
            return correct / graded
        return np.array(metrics.pass_by_count(score.samples, self.pass_k))[correct]


def on(column: Key) -> Endpoint:
    """Avg@n on one exam alone."""
    return Endpoint((column,), (1.0,))


def is_reference(result: Result) -> bool:
    return result.role in ("student", "teacher") or result.label == AGAIN


def drafts(results: Sequence[Result], exams: Sequence[Exam], rows: Sequence[str]) -> list[Draft]:
    """One a label: references, controls, methods, what was only reported; each as the suite orders its rows."""
    order = {label: place for place, label in enumerate(rows)}
    within = {"student": 0, "control": 1, "teacher": 2}
    found = []
    for label in dict.fromkeys(result.label for result in results):
        mine = sorted(
            (result for result in results if result.label == label), key=lambda result: (result.seed is not None, result.seed or 0)
        )
        scores: dict[Key, dict[Seed, ExamScore]] = {}
        whole: dict[Key, dict[Seed, ExamScore]] = {}
        short: set[Key] = set()  # an answer of a finished seed is missing: the others' mean would be another row's
        for result in mine:
            for name, score in result.scores.items():
                key = (name, score.protocol, score.problems_hash)
                if label == AGAIN:
                    key = next((exam.key for exam in exams if same_but_for_seed(exam, name, score)), key)
                scores.setdefault(key, {})[result.seed] = score
                if result.status == "done" and score.complete:
                    whole.setdefault(key, {})[result.seed] = score
                elif result.status == "done":
                    short.add(key)
        whole = {key: by_seed for key, by_seed in whole.items() if key not in short}
        found.append(Draft(label, mine[0].role, tuple(mine), scores, whole))
    return sorted(
        found,
        key=lambda draft: (
            BLOCKS.index(draft.block),
            within.get(draft.role, 0) if draft.block == "reference" else order.get(draft.label, len(order)),
            draft.label,
        ),
    )


def same_but_for_seed(exam: Exam, name: str, score: ExamScore) -> bool:
    """The second sitting has another exam seed, and so another hash, of the same named protocol."""
    return (exam.name, exam.protocol.split("@")[0], exam.problems_hash) == (name, score.protocol.split("@")[0], score.problems_hash)


def mean(draft: Draft, endpoint: Endpoint | None) -> Estimate | None:
    """Over the seeds that finished every exam of the endpoint."""
    seeds = endpoint.seeds(draft) if endpoint else []
    if not (endpoint and seeds):
        return None
    shares = [np.stack([endpoint.values(draft, column, seed) for seed in seeds]) for column in endpoint.columns]
    taken = sum(sum(draft.whole[column][seed].graded) for column in endpoint.columns for seed in seeds)
    return mean_share(shares, taken / (endpoint.pass_k or 1), endpoint.weights)


def paired(row: Draft, other: Draft, endpoint: Endpoint) -> list[tuple[Seed, Seed]]:
    """Seeds are shared by rows: pair like with like; a model that has no seed meets every seed."""
    mine, others = endpoint.seeds(row), endpoint.seeds(other)
    if others == [None]:
        return [(seed, None) for seed in mine]
    if mine == [None]:
        return [(None, seed) for seed in others]
    return [(seed, seed) for seed in mine if seed in others]


def gaps(row: Draft, other: Draft, endpoint: Endpoint) -> list[np.ndarray]:
    """Row minus other, [S, P] for each exam, paired on problems and on seeds; empty where no seed finished both."""
    pairs = paired(row, other, endpoint)
    if not pairs:
        return []
    return [
        np.stack([endpoint.values(row, column, mine) - endpoint.values(other, column, its) for mine, its in pairs])
        for column in endpoint.columns
    ]


def difference(row: Draft | None, other: Draft | None, endpoint: Endpoint | None, *, test: bool = False) -> Difference | None:
    """Row minus other. `test`: with its p against zero, which is for what a suite declares; other differences have an interval alone."""
    if row is None or other is None or endpoint is None or not (found := gaps(row, other, endpoint)):
        return None
    mean_of = estimate(found, endpoint.weights)
    seeds = sum(pair != (None, None) for pair in paired(row, other, endpoint))
    interval = mean_of.interval95
    return Difference(
        mean_of.value,
        interval and (max(interval[0], -1.0), min(interval[1], 1.0)),  # shares cannot be further apart
        mean_of.stderr,
        p_against(0.0, found, endpoint.weights) if test else None,
        seeds,
        sum(exam.shape[1] for exam in found),
    )


def p_against(margin: float, gaps_SP: Sequence[np.ndarray], weights: Sequence[float]) -> float | None:
    """Two-sided p of "the mean difference is the margin": by t where there are seeds enough and anything varied, else by flipping signs of problems."""
    shifted = [exam - margin for exam in gaps_SP]
    found = estimate(shifted, weights)
    if found.stderr is None or (found.stderr and len(shifted[0]) >= FEWEST_SEEDS):
        return found.p_value
    parts = [weight * exam.mean(axis=0) / exam.shape[1] for weight, exam in zip(weights, shifted, strict=True)]
    return sign_flip(np.concatenate(parts), draws=DRAWS)


def rank_intervals(methods: Sequence[Draft], endpoint: Endpoint | None) -> dict[str, tuple[int, int]]:
    """Of the rows with seeds enough, each within its division: all pairwise tests, adjusted together."""
    found: dict[str, tuple[int, int]] = {}
    if endpoint is None:
        return found
    able = [draft for draft in methods if len(endpoint.seeds(draft)) >= FEWEST_SEEDS]
    for division in dict.fromkeys(draft.first.division for draft in able):
        mine = [draft for draft in able if draft.first.division == division]
        tests = list(_pairwise(mine, endpoint))
        adjusted = holm([p_value for *_, p_value in tests])
        if len(mine) > 1:
            found |= statistics.rank_intervals(
                [draft.label for draft in mine], [(*test[:3], p_value) for test, p_value in zip(tests, adjusted, strict=True)]
            )
    return found


def _pairwise(rows: Sequence[Draft], endpoint: Endpoint) -> Iterable[tuple[str, str, float, float]]:
    """Two labels, their difference, its p; each row against all later ones at once, over the seeds that they share where those are enough."""
    reached = {
        draft.label: {seed: [endpoint.values(draft, column, seed) for column in endpoint.columns] for seed in endpoint.seeds(draft)}
        for draft in rows
    }
    for place, one in enumerate(rows):
        mine = reached[one.label]
        by_seeds: dict[tuple[Seed, ...], list[str]] = {}
        for other in rows[place + 1 :]:
            by_seeds.setdefault(tuple(seed for seed in mine if seed in reached[other.label]), []).append(other.label)
        for seeds, others in by_seeds.items():
            if len(seeds) < FEWEST_SEEDS:
                continue
            apart = [
                np.stack([[mine[seed][column] - reached[other][seed][column] for seed in seeds] for other in others])
                for column in range(len(endpoint.columns))
            ]
            values, parts = crossed(apart, endpoint.weights)
            if parts:
                surest = 2.0 ** (1 - sum(exam.shape[-1] for exam in apart))  # of flips of signs, where all problems differ alike
                found = np.maximum(p_value(values, parts), surest)
                yield from zip([one.label] * len(others), others, map(float, values), map(float, found), strict=True)

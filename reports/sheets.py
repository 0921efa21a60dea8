"""What a row alone cannot hold, as CSV: claims, margins, Pass@k; by difficulty, what was written, the course of training, token limits.

Tidy: one line a figure's place. Shares and differences of shares are fractions, lengths tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reports.nouns import Board, Delta, Group
from reports.spreadsheet import lines

PLACE = ("suite", "pair", "budget", "label")
DIFFICULTY = (
    *PLACE, "exam", "protocol", "solved_from", "solved_to", "of", "problems", "avg", "avg_delta", "avg_delta_low", "avg_delta_high",
    "pass_k", "pass", "pass_delta", "pass_delta_low", "pass_delta_high",
)  # fmt: skip
WRITTEN = (
    *PLACE, "written", "count", "right", "ungraded", "truncated", "mean_tokens", "median_tokens", "mean_tokens_right", "mean_tokens_wrong",
    "wrong_wrong", "wrong_right", "right_wrong", "right_right",
)  # fmt: skip
COURSE = (*PLACE, "measure", "attempts", "at", "value")

CAPS = (*PLACE, "exam", "protocol", "max_tokens", "avg")
CLAIMS = (
    "suite", "pair", "budget", "say", "that", "on", "margin", "verdict", "delta", "delta_low", "delta_high", "p_holm", "seeds", "reason",
    "decided_by_seeds", "decided_by_answers", "decided_by",
)  # fmt: skip
MARGINS = (*PLACE, "name", "margin", "verdict", "delta", "delta_low", "delta_high", "reason")
PASSK = (*PLACE, "exam", "protocol", "k", "every", "pass", "pass_stderr", "pass_low", "pass_high")


def claims(board: Board) -> str:
    """What became of each claim of a suite. `decided_by_*`: what would decide it, were the difference found the true one."""
    return lines(CLAIMS, (line for group in board.groups for line in _claims(group)))


def margins(board: Board) -> str:
    """What training must not break: rows by margins."""
    return lines(MARGINS, (line for group in board.groups for line in _margins(group)))


def passk(board: Board) -> str:
    """Pass@k over k; `every`: k is the number of samples, where each problem is one draw."""
    return lines(PASSK, (line for group in board.groups for line in _passk(group)))


def difficulty(board: Board) -> str:
    return lines(DIFFICULTY, (line for group in board.groups for line in _difficulty(group)))


def written(board: Board) -> str:
    return lines(WRITTEN, (line for group in board.groups for line in _written(group)))


def course(board: Board) -> str:
    return lines(COURSE, (line for group in board.groups for line in _course(group)))


def caps(board: Board) -> str:
    return lines(CAPS, (line for group in board.groups for line in _caps(group)))


def _caps(group: Group) -> Iterable[Sequence[object]]:
    for found in group.under_caps:
        for row in found.rows:
            for cap, value in zip(found.caps, row.values, strict=True):
                yield (*_place(group, row.label), found.exam.name, found.exam.protocol, cap, value)


def _claims(group: Group) -> Iterable[Sequence[object]]:
    for each in group.verdicts:
        needs = each.decides
        yield (
            group.suite, group.pair, group.budget, each.say, each.that, each.on, each.margin, each.verdict, *_delta(each.delta), each.p_value,
            each.delta and each.delta.seeds, each.reason, needs and needs.seeds, needs and needs.samples, needs and needs.reason,
        )  # fmt: skip


def _margins(group: Group) -> Iterable[Sequence[object]]:
    for row in group.rows:
        for each in row.kept:
            yield (*_place(group, row.label), each.name, each.margin, each.verdict, *_delta(each.delta), each.reason)


def _passk(group: Group) -> Iterable[Sequence[object]]:
    for found in group.curves:
        for row in found.rows:
            for point in row.points:
                yield (
                    *_place(group, row.label), found.exam, found.protocol, point.k, int(point.every), point.value.value, point.value.stderr,
                    *(point.value.interval95 or (None, None)),
                )  # fmt: skip


def _place(group: Group, label: str) -> tuple:
    return group.suite, group.pair, group.budget, label


def _difficulty(group: Group) -> Iterable[Sequence[object]]:
    for found in group.difficulties:
        for row in found.rows:
            for bucket, cell in zip(found.buckets, row.cells, strict=True):
                yield (
                    *_place(group, row.label), found.exam.name, found.exam.protocol, bucket.low, bucket.high, bucket.of, bucket.problems,
                    cell.avg, *_delta(cell.avg_delta), found.exam.pass_k, cell.passed, *_delta(cell.passed_delta),
                )  # fmt: skip


def _delta(delta: Delta | None) -> tuple:
    return (delta and delta.value, *((delta and delta.interval95) or (None, None)))


def _written(group: Group) -> Iterable[Sequence[object]]:
    if not group.writing:
        return
    joint = {label: [cell.count for cell in found.cells] for found in group.writing.outcomes for label in found.labels}
    for texts, labels in (*group.writing.attempts, *group.writing.rewrites):
        for label in labels:
            outcomes = joint.get(label, [None] * 4) if texts.kind == "rewrites" else [None] * 4
            yield (
                *_place(group, label), texts.kind, texts.count, texts.right, texts.ungraded, texts.truncated, texts.mean, texts.median,
                texts.mean_right, texts.mean_wrong, *outcomes,
            )  # fmt: skip


def _course(group: Group) -> Iterable[Sequence[object]]:
    if not group.course:
        return
    for row in group.course.rows:
        for measure, measured in zip(group.course.measures, row.measured, strict=True):
            for line in measured.lines:
                for at, value in zip(row.places, line.values, strict=True):
                    yield (*_place(group, row.label), measure.name, line.of, at, value)

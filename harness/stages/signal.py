"""What the teacher's word on the tokens trained on was worth, from sums by trajectory and verdicts; never an input of training.

Two questions. The three failure modes of sampled-token distillation (arXiv:2603.25562): is the signal carried by few tokens, does the
teacher lose the thread on prefixes that the student wrote, do single tokens (of format, as a rule) outshout all others? And the analysis of
arXiv:2605.12652: does the teacher's score rank a problem's rollouts as the verifier does?
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from statistics import fmean, stdev
from typing import Any

Key = tuple[int, str, int]  # (round, problem, sample)


def sampled(rows: Sequence[Mapping[str, Any]], text_of: Callable[[int], str]) -> dict[str, Any] | None:
    """Of A = log p_T - log p_S at the sampled tokens, in nats; None where nobody scored. `text_of` spells a token id.

    negative: the share of A below 0. evenness: (sum |A|)^2 / (n sum A^2), the share of the tokens that would carry the same signal, each as
    much as the other. drift: the teacher's nats a token on the second halves of responses, less those on the first halves. steep: the share
    of |A| beyond 5. lowest, lowest_token: the least A of all, and where it stands.
    """
    rows = [row for row in rows if row.get("log_ratio_abs") is not None]
    if not rows:
        return None
    tokens, late, square, total, ending = (
        sum(row[name] for row in rows) for name in ("tokens", "late_tokens", "log_ratio_square", "teacher_logprob", "late_teacher_logprob")
    )
    worst = min(rows, key=lambda row: row["log_ratio_lowest"])
    return {
        "negative": sum(row["log_ratio_negative"] for row in rows) / tokens,
        "evenness": sum(row["log_ratio_abs"] for row in rows) ** 2 / (tokens * square) if square else None,
        "drift": (total - ending) / (tokens - late) - ending / late if 0 < late < tokens else None,
        "steep": sum(row["log_ratio_steep"] for row in rows) / tokens,
        "lowest": worst["log_ratio_lowest"],
        "lowest_token": text_of(worst["lowest_token"]),
    }


def ranking(rows: Iterable[Mapping[str, Any]], right: Mapping[Key, bool | None]) -> dict[str, Any] | None:
    """How well the teacher's mean log-probability of a rollout tells right ones from wrong ones; None where no group has both.

    auc: of each group, the rollouts to one problem of one round; averaged over a problem's rounds, then over problems. stderr: of the latter.
    """
    groups: dict[tuple[str, int], dict[bool, list[float]]] = defaultdict(lambda: {True: [], False: []})
    for row in rows:
        verdict = right.get((row["round"], row["problem_id"], row["sample"]))
        if verdict is not None and row.get("teacher_logprob") is not None:
            groups[row["problem_id"], row["round"]][verdict].append(row["teacher_logprob"] / row["tokens"])
    problems: dict[str, list[float]] = defaultdict(list)
    for (problem, _), scores in groups.items():
        if scores[True] and scores[False]:
            problems[problem].append(auc(scores[True], scores[False]))
    means = [fmean(found) for found in problems.values()]
    if not means:
        return None
    return {"auc": fmean(means), "stderr": stdev(means) / len(means) ** 0.5 if len(means) > 1 else None, "problems": len(means)}


def auc(right: Sequence[float], wrong: Sequence[float]) -> float:
    """The share of pairs in which the right one has the higher score; a tie is half a pair."""
    return fmean((one > other) + (one == other) / 2 for one, other in product(right, wrong))

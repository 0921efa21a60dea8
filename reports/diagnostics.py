"""What one sees beside the scores, with plain names: what was written to be trained on, how stale it was, how training ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reports import words
from reports.nouns import Group

WRITERS = {"rollouts": "student", "rewrites": "teacher, rewriting", "written": "teacher"}
OF_WRITING = {  # ending of a name: what it is, how it is written
    "accuracy": ("right answers", "percent"),
    "mean_length": ("mean tokens", "mean"),
    "truncated_share": ("cut off", "percent"),
}
OF_TRAINING = {
    "dropped": (
        "problems",
        "dropped",
        "count",
        "training problems dropped for all rows: over a length limit, without an answer, or without a solution that is read",
    ),
    "answer_for_solution": ("problems", "answer for solution", "count", "problems without a solution: a sentence with the answer stood in"),
    "kept_share": ("trajectories", "kept", "percent", "share that weighs something in training, all rounds together"),
    "over_teacher_prompt": ("trajectories", "over the teacher’s limit", "count", "the teacher’s prompt was too long: they weigh nothing"),
    "ungraded": ("trajectories", "ungraded", "count", "the verdict that a filter asks for is missing: they weigh nothing"),
    "masked_share": ("trajectories", "masked tokens", "percent", "share of tokens that a rule leaves out"),
    "unknown_texts": (
        "trajectories",
        "texts without a token",
        "count",
        "texts that a mask names, and no single token of this tokenizer spells",
    ),
    "sampled_negative": (
        "sampled tokens",
        "down",
        "percent",
        "share of the tokens trained on that the teacher finds less likely than the student does",
    ),
    "sampled_evenness": (
        "sampled tokens",
        "evenness",
        "percent",
        "share of the tokens that would carry the same signal, each as much as the other: (Σ|A|)² ÷ (n ΣA²), A = log p_T − log p_S",
    ),
    "sampled_drift": (
        "sampled tokens",
        "drift",
        "number",
        "the teacher’s nats a token on the second halves of responses, less those on the first halves",
    ),
    "sampled_steep": ("sampled tokens", "steep", "percent", "share of tokens at which |A| is beyond 5 nats"),
    "sampled_lowest": ("sampled tokens", "lowest", "number", "the least A of all, in nats: tokens of format show here"),
    "ranking_auc": (
        "teacher’s score",
        "AUC",
        "percent",
        "of two rollouts to a problem, a right and a wrong one, how often the teacher finds the right one likelier a token; 50%: by chance",
    ),
    "ranking_stderr": ("teacher’s score", "± 1 s.e.", "percent", "standard error of the AUC over problems"),
    "ranking_problems": ("teacher’s score", "problems", "count", "problems with right and wrong rollouts in one round"),
    "lag": ("lag", "updates", "mean", "mean number of updates between writing and training"),
    "sampler_gap": (
        "sampler",
        "gap",
        "number",
        "mean |Δ log p| a token, in nats, between sampler and trainer at a round’s first update; the largest of the rounds",
    ),
    "probe": (
        "sampler",
        "probe",
        "number",
        "mean |Δ log p| a token, in nats, on the text by which served weights are known to be the right ones",
    ),
    "last_objective": ("last update", "objective", "number", "what training minimised"),
    "last_kl_forward": ("last update", "forward KL", "number", "KL(teacher ‖ student) a token, in nats"),
    "last_kl_reverse": ("last update", "reverse KL", "number", "KL(student ‖ teacher) a token, in nats"),
    "last_same_top": ("last update", "same top token", "percent", "share of tokens at which student and teacher agree on the likeliest"),
    "last_student_entropy": ("last update", "student’s entropy", "number", "nats a token"),
    "last_teacher_entropy": ("last update", "teacher’s entropy", "number", "nats a token"),
    "last_gradient_norm": ("last update", "gradient norm", "number", "before clipping"),
}


@dataclass(frozen=True)
class Column:
    """One diagnostic; columns of one `group` stand under a common head."""

    name: str
    group: str
    head: str
    kind: str  # "percent" | "mean" | "count" | "number"
    meaning: str = ""

    def shown(self, value: float | None) -> str:
        if value is None:
            return words.DASH
        if self.kind == "percent":
            return f"{words.percent(value)}%"
        if self.kind in ("mean", "count"):
            return f"{value:,.1f}" if self.kind == "mean" else f"{value:,.0f}"
        return words.short(value, even=True)


def column_groups(group: Group) -> list[tuple[str, list[Column]]]:
    """The diagnostics that any row has, under their heads. Where nothing was cut off, the caption says so instead of columns of zeros."""
    left = {name for row in group.rows for name in row.diagnostics}
    if never_cut(group):
        left = {name for name in left if not name.endswith("_truncated_share")}
    found: dict[str, list[Column]] = {}
    for column in _known():
        if column.name in left:
            found.setdefault(column.group, []).append(column)
            left.discard(column.name)
    for name in sorted(left):
        found.setdefault("other", []).append(Column(name, "other", name.replace("_", " "), "number"))
    return list(found.items())


def never_cut(group: Group) -> bool:
    """Something was written, and none of it met the length limit."""
    shares = [value for row in group.rows for name, value in row.diagnostics.items() if name.endswith("_truncated_share")]
    return bool(shares) and not any(shares)


def _known() -> Iterable[Column]:
    for ending, (what, kind) in OF_WRITING.items():
        for writer, called in WRITERS.items():
            yield Column(
                f"{writer}_{ending}", what, called, kind, f"{what} of what the {called.replace(',', ' when')} wrote in the first round"
            )
    for name, (under, head, kind, meaning) in OF_TRAINING.items():
        yield Column(name, under, head, kind, meaning)

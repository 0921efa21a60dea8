"""The nouns that travel between stages. Frozen; token ids in, token ids out."""

from __future__ import annotations

from dataclasses import dataclass

VERDICTS = (
    "correct", "wrong", "no_answer", "unfinished", "parse_error", "timeout",
    "oom", "crash",  # of a program: it needed more memory than it had; it ended before it had answered
    "grader_error", "infra_error",
)  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """A question and how to tell that it was answered. `prompt` is the user message, instruction included.

    `tests`: of a program, packed (harness/grading/tests.py). `system` is a message before it, `prefill` how the answer begins: tokens
    that the reader is given, not asked for.
    """

    id: str
    domain: str
    prompt: str
    answer: str | None = None
    tests: str | None = None
    solution: str | None = None
    source: str = ""
    system: str | None = None
    prefill: str | None = None


@dataclass(frozen=True)
class ModelRef:
    """Weights that will be the same tomorrow: a hub id with revision, a local folder, or a name of the model catalogue."""

    path: str
    revision: str | None = None
    dtype: str = "float32"

    @property
    def name(self) -> str:
        return f"{self.path}@{self.revision}" if self.revision else self.path


@dataclass(frozen=True)
class Sampling:
    """How a model is asked to write. top_k -1: no cut. max_tokens counts the response alone."""

    temperature: float
    top_p: float
    top_k: int
    max_tokens: int
    n: int = 1


@dataclass(frozen=True)
class Rollout:
    """What was written: ids in, ids out. `finish_reason` is "stop" (a stop token was sampled; it is the last id) or "length"."""

    problem_id: str
    sample: int
    prompt_ids: tuple[int, ...]
    response_ids: tuple[int, ...]
    finish_reason: str
    logprobs: tuple[float, ...]  # nats, under the distribution at temperature 1 without truncation


@dataclass(frozen=True)
class Place:
    """A token of a rollout, the one after `at` others, at which student and teacher are `loss` nats apart: KL(student ‖ teacher)."""

    problem_id: str
    sample: int
    at: int
    loss: float


@dataclass(frozen=True)
class Length:
    """A rollout without its tokens: how many there are, and whether the limit cut it."""

    problem_id: str
    sample: int
    tokens: int
    cut: bool


@dataclass(frozen=True)
class Trajectory:
    """The same response under two readings. `author` wrote it: student, teacher, both by turns (relay) or, of a reference solution, nobody.
    `by_teacher`, where two wrote it: 1 for each token that is the teacher's, 0 for each of the student's.

    `weight` 0: counted, not trained (a prompt over its limit, or a rollout that the method does not keep). `token_weights`: one a
    token, none where all are 1. `sampler_logprobs`: nats, as in `Rollout`; none where it was sampled under another prompt than its author
    has here. `advantage`: signed, of the response within its group, where the loss asks for one.
    """

    problem_id: str
    sample: int
    term: str
    student_prompt_ids: tuple[int, ...]
    teacher_prompt_ids: tuple[int, ...]
    response_ids: tuple[int, ...]
    weight: float = 1.0
    token_weights: tuple[float, ...] = ()
    sampler_logprobs: tuple[float, ...] = ()
    advantage: float | None = None
    author: str = "student"
    by_teacher: tuple[int, ...] = ()
    # What it cost to make and to judge, in tokens: the budget's meters, counted where they arise.
    student_written: int = 0
    teacher_written: int = 0
    teacher_read: int = 0

    @property
    def sampler(self) -> str:
        """Whose `sampler_logprobs` are: the author's, and of a relay the student's, of the teacher's tokens too."""
        return "student" if self.author == "relay" else self.author

    @property
    def weights(self) -> tuple[float, ...]:
        """What each token of the response weighs in the end."""
        return tuple(self.weight * each for each in self.token_weights or (1.0,) * len(self.response_ids))


@dataclass(frozen=True)
class Verdict:
    """What the grader found; never two-valued. `extracted` is the answer as written, None where there was none."""

    verdict: str
    extracted: str | None = None
    detail: str = ""

    @property
    def correct(self) -> bool:
        return self.verdict == "correct"


@dataclass(frozen=True)
class Grade:
    problem_id: str
    sample: int
    verdict: Verdict


class Fault(Exception):
    """Input that cannot be used: place, fault, reason and remedy in one message. The command line prints it and exits with 2."""

"""How far apart student and teacher are at one token: scores in, one number per token out, in nats.

A loss never masks, weights, reduces or chunks: the engine does that, once, for all (harness/engine/divergence.py).
Shape suffixes: T tokens, V vocabulary, K entries compared (V without a support, k with one, k + 1 with a tail bucket).
Sources: Agarwal et al., arXiv:2306.13649 (GKD: the divergences); arXiv:2606.08432 (position clip, temperature on both sides without a
factor T²); Fu et al., arXiv:2603.25562 (teacher top-k, sampled token as a policy gradient); Zhao et al., arXiv:2601.18734 (vocabulary clip).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:  # reading the catalogue must not cost an import of torch
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class TokenScores:
    """What both models say at every token trained on: logits [T, V] each, and the token that the writer sampled, [T].

    `teacher_TV` is None where nobody teaches. Further columns are there for the losses that name them in `needs`:
    `sampler_logprobs_T`, the log-probability under which the token was sampled, in nats, at temperature 1 without truncation.
    """

    student_TV: Tensor
    teacher_TV: Tensor | None
    token_ids_T: Tensor
    sampler_logprobs_T: Tensor | None = None

    def __post_init__(self) -> None:
        if self.student_TV.ndim != 2:
            raise ValueError(f"TokenScores: student_TV must be [T, V], not {list(self.student_TV.shape)}.")
        if self.teacher_TV is not None and self.teacher_TV.shape != self.student_TV.shape:
            raise ValueError(
                f"TokenScores: teacher_TV is {list(self.teacher_TV.shape)}, student_TV {list(self.student_TV.shape)}. "
                "Score the same tokens with both, and cut both heads to the tokenizer's real vocabulary."
            )
        if self.token_ids_T.shape != self.student_TV.shape[:1]:
            raise ValueError(f"TokenScores: token_ids_T is {list(self.token_ids_T.shape)}, but there are {len(self.student_TV)} tokens.")


class Divergence:
    """What `Loss` asks of a divergence; a new one overrides `summands`. Arguments are log-probabilities [T, K]."""

    version: ClassVar[int] = 1

    def summands(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor:
        """[T, K]; their sum over K is the divergence."""
        raise NotImplementedError(f"{type(self).__name__} must say its summands.")

    def surplus(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor | float:
        """What rounding of the two normalisers took from the sum, [T]: exactly zero if both were exact.

        Without it an fp32 KL of two nearly equal flat distributions over 151,936 entries comes out at −2e-6 (measured).
        """
        return 0.0


@dataclass(frozen=True)
class ForwardKL(Divergence):
    """KL(teacher ‖ student): covers the teacher's modes."""

    version: ClassVar[int] = 1

    def summands(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor:
        return teacher_TK.exp() * (teacher_TK - student_TK)

    def surplus(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor:
        return (student_TK.exp() - teacher_TK.exp()).sum(-1)


@dataclass(frozen=True)
class ReverseKL(Divergence):
    """KL(student ‖ teacher): seeks the teacher's mode."""

    version: ClassVar[int] = 1

    def summands(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor:
        return student_TK.exp() * (student_TK - teacher_TK)

    def surplus(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor:
        return (teacher_TK.exp() - student_TK.exp()).sum(-1)


@dataclass(frozen=True)
class JSD(Divergence):
    """b·KL(teacher ‖ M) + (1−b)·KL(student ‖ M) with M = b·teacher + (1−b)·student, where b is `teacher_mix`.

    The orientation of GKD, OPSD and TRL, without their special end points: the formula itself goes to 0 at both.
    """

    teacher_mix: float

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 0.05 <= self.teacher_mix <= 0.95:
            raise ValueError(
                f"JSD(teacher_mix={self.teacher_mix}): towards 0 and 1 this divergence vanishes and trains nothing. "
                "Keep it in [0.05, 0.95]; for the pure divergences say ForwardKL() or ReverseKL()."
            )

    def summands(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor:
        mix = self.teacher_mix
        apart_TK = student_TK - teacher_TK
        # log(M / teacher) from the ratio of the two, not from M itself: rounded at the size of the ratio, not of a log-probability of −12.
        middle_TK = (apart_TK + math.log1p(-mix)).logaddexp(apart_TK.new_tensor(math.log(mix)))
        return (1 - mix) * student_TK.exp() * (apart_TK - middle_TK) - mix * teacher_TK.exp() * middle_TK


@dataclass(frozen=True, init=False)
class TopK:
    """Compare on the k most likely tokens of the teacher or the student. `tail` says what becomes of the others: always said.

    renorm: both are renormalised over the k (Fu et al., Eq. 8). bucket: all others are one further entry on each side.
    drop: left out, for ablations only: its gradient does not vanish where student equals teacher. k ≥ V is the full vocabulary.
    """

    k: int
    of: Literal["teacher", "student"] = "teacher"
    tail: Literal["renorm", "bucket", "drop"]

    version: ClassVar[int] = 1

    # Written out because the generated one would answer a missing tail with a TypeError that does not know the remedy.
    def __init__(self, k: int, of: Literal["teacher", "student"] = "teacher", *, tail: Literal["renorm", "bucket", "drop"] | None = None):
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise ValueError(f"TopK(k={k!r}): k counts tokens. Give a whole number from 1 up.")
        if of not in ("teacher", "student"):
            raise ValueError(f"TopK(of={of!r}): say whose top k it is, of='teacher' or of='student'.")
        if tail not in ("renorm", "bucket", "drop"):
            raise ValueError(
                f"TopK(tail={tail!r}): say what becomes of the tokens outside the top {k}: tail='renorm' (the published recipes), "
                "tail='bucket' (they form one entry; never negative, hides nothing) or tail='drop' (ablations only)."
            )
        for name, value in (("k", k), ("of", of), ("tail", tail)):
            object.__setattr__(self, name, value)

    def log_probabilities(self, student_TV: Tensor, teacher_TV: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [T, V] to log-probabilities [T, K] on the support, both sides."""
        vocabulary = student_TV.shape[-1]
        if self.k >= vocabulary:
            return student_TV.log_softmax(-1), teacher_TV.log_softmax(-1)
        by_TV = teacher_TV if self.of == "teacher" else student_TV
        support_TK = by_TV.detach().topk(self.k, dim=-1).indices
        return self._on(support_TK, student_TV), self._on(support_TK, teacher_TV)

    def _on(self, support_TK: Tensor, logits_TV: Tensor) -> Tensor:
        if self.tail == "drop":
            return logits_TV.log_softmax(-1).gather(-1, support_TK)
        kept_TK = logits_TV.gather(-1, support_TK)
        if self.tail == "bucket":
            # The rest as a log-sum-exp of its own, not as log(1 − mass): exact even where the mass outside is 1e-12.
            rest_T1 = logits_TV.scatter(-1, support_TK, -math.inf).logsumexp(-1, keepdim=True)
            import torch

            kept_TK = torch.cat([kept_TK, rest_T1], dim=-1)
        return kept_TK.log_softmax(-1)


@dataclass(frozen=True)
class Sampled:
    """Compare at the sampled token alone: one draw estimates the reverse KL (k1). Only as a policy gradient: see `Policy`."""

    version: ClassVar[int] = 1


@dataclass(frozen=True)
class Clip:
    """An upper bound in nats. position: min(Σ_v f_v, max), no gradient where it binds (TRD). vocab: Σ_v min(f_v, max) (OPSD).

    Not on one scale. The vocabulary clip makes the sum of a KL negative at times: then it is no divergence.
    """

    max: float
    scope: Literal["position", "vocab"] = "position"

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 0 < self.max < math.inf:
            raise ValueError(f"Clip(max={self.max}): a bound in nats is above 0 and finite. Leave the clip away (clip=None) for none.")
        if self.scope not in ("position", "vocab"):
            raise ValueError(f"Clip(scope={self.scope!r}): say what is bounded, scope='position' or scope='vocab'.")


@dataclass(frozen=True)
class Policy:
    """The gradient as a policy's: −ratio · advantage, where the advantage, detached, is log p_teacher − log p_student at the sampled token.

    ratio = p_student / p_sampler; `ratio_clip` is PPO's ε: beyond 1 ± ε, in the direction that the advantage asks for, there is no
    gradient. None: no clip. `bound` limits the advantage to ± nats. No credit flows from later tokens (γ = 0).
    """

    ratio_clip: float | None = None
    bound: float | None = None

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        for name, value in (("ratio_clip", self.ratio_clip), ("bound", self.bound)):
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"Policy({name}={value}): give a finite number above 0, or None for no limit.")

    def __call__(self, log_p_T: Tensor, teacher_log_p_T: Tensor, sampler_log_p_T: Tensor) -> Tensor:
        """[T] log-probabilities of the sampled tokens to [T] values: k1 where student and sampler agree."""
        advantage_T = teacher_log_p_T - log_p_T.detach()
        if self.bound is not None:
            advantage_T = advantage_T.clamp(-self.bound, self.bound)
        ratio_T = (log_p_T - sampler_log_p_T).exp()
        gain_T = ratio_T * advantage_T
        if self.ratio_clip is not None:
            gain_T = gain_T.minimum(ratio_T.clamp(1 - self.ratio_clip, 1 + self.ratio_clip) * advantage_T)
        return -gain_T


@dataclass(frozen=True, repr=False)
class Loss:
    """A divergence between student and teacher: [T] in nats from scores. The teacher's side never receives a gradient.

    `temperature` divides both sides' logits, `teacher_temperature`, where said, the teacher's in its stead; the value is not multiplied by
    a square. `route`: "direct", the derivative of the divergence itself, or `Policy`, that of an expectation over sampled tokens.
    """

    divergence: Divergence
    support: TopK | Sampled | None = None
    clip: Clip | None = None
    route: Literal["direct"] | Policy = "direct"
    temperature: float = 1.0
    teacher_temperature: float | None = None

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not isinstance(self.divergence, Divergence):
            raise ValueError(f"Loss(divergence={self.divergence!r}): give a value of a Divergence, for example ForwardKL().")
        if not isinstance(self.support, TopK | Sampled | None):
            raise ValueError(
                f"Loss(support={self.support!r}): give a TopK value, for example TopK(32, tail='renorm'), Sampled(), or None for all."
            )
        if not isinstance(self.clip, Clip | None):
            raise ValueError(f"Loss(clip={self.clip!r}): give a Clip value, for example Clip(0.1), or None.")
        if self.route != "direct" and not isinstance(self.route, Policy):
            raise ValueError(
                f"Loss(route={self.route!r}): say 'direct', the derivative of the divergence itself, or Policy(), a policy gradient."
            )
        if isinstance(self.support, Sampled) and self.route == "direct":
            raise ValueError(
                "Loss(support=Sampled(), route='direct'): derived directly, an estimate from the sampled token alone has the expected "
                "gradient zero, whatever the teacher says. Say route=Policy(), or compare on more tokens."
            )
        if self.route != "direct" and not (
            isinstance(self.support, Sampled) and isinstance(self.divergence, ReverseKL) and self.clip is None
        ):
            raise ValueError(
                f"Loss(route={self.route!r}) is known for ReverseKL() at the sampled token: support=Sampled(), clip=None (bound the "
                "advantage by Policy(bound=…)). A divergence over several tokens has its own derivative: route='direct'."
            )
        if self.route != "direct" and (self.temperature != 1.0 or self.teacher_temperature not in (None, 1.0)):
            raise ValueError(
                f"Loss(route={self.route!r}, temperature={self.temperature}): tokens are sampled, and their ratios taken, at temperature 1. "
                "Leave the loss's temperatures at 1."
            )
        for name, value in (("temperature", self.temperature), ("teacher_temperature", self.teacher_temperature)):
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"Loss({name}={value}): logits are divided by it. Give a number above 0; 1.0 changes nothing.")

    def __repr__(self) -> str:
        """The divergence, and whatever differs from its default: what a leaderboard shows."""
        said = [f"{each.name}={getattr(self, each.name)!r}" for each in fields(self)[1:] if getattr(self, each.name) != each.default]
        return f"Loss({', '.join([repr(self.divergence), *said])})"

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns of `TokenScores` that it reads beside the logits."""
        return ("sampler_logprobs_T",) if isinstance(self.route, Policy) else ()

    @property
    def on_policy(self) -> bool:
        """Whether it is an estimate that holds only for tokens drawn from the student's own whole distribution."""
        return isinstance(self.support, Sampled)

    def at(self, progress: float) -> Loss:
        """The loss at a point of the run, 0 to 1. This one does not change."""
        return self

    def __call__(self, scores: TokenScores) -> Tensor:
        if scores.teacher_TV is None:
            raise ValueError(f"{self!r} compares with a teacher, but there are no teacher scores. Let somebody teach, or use NLL().")
        student_TV = at_least_fp32(scores.student_TV) / self.temperature
        teacher_TV = at_least_fp32(scores.teacher_TV).detach() / (self.teacher_temperature or self.temperature)
        if isinstance(self.route, Policy):
            if scores.sampler_logprobs_T is None:
                raise ValueError(f"{self!r} needs the log-probabilities under which the tokens were sampled (sampler_logprobs_T).")
            log_p_T, teacher_log_p_T = (of_written(each, scores.token_ids_T) for each in (student_TV, teacher_TV))
            return self.route(log_p_T, teacher_log_p_T, scores.sampler_logprobs_T.to(log_p_T.dtype))
        top = self.support if isinstance(self.support, TopK) else None
        if top is None:
            student_TK, teacher_TK = student_TV.log_softmax(-1), teacher_TV.log_softmax(-1)
        else:
            student_TK, teacher_TK = top.log_probabilities(student_TV, teacher_TV)
        summands_TK = self.divergence.summands(student_TK, teacher_TK)
        if self.clip is not None and self.clip.scope == "vocab":
            return summands_TK.clamp(max=self.clip.max).sum(-1)
        values_T = summands_TK.sum(-1)
        if top is None or top.tail != "drop":  # with a dropped tail the masses really differ
            values_T = values_T + self.divergence.surplus(student_TK.detach(), teacher_TK)
        return values_T if self.clip is None else values_T.clamp(max=self.clip.max)


@dataclass(frozen=True)
class NLL:
    """−log p_student(y_t): supervision by the sampled token alone. [T], in nats; the teacher's scores are not looked at."""

    version: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ()
    on_policy: ClassVar[bool] = False

    def at(self, progress: float) -> NLL:
        """The loss at a point of the run, 0 to 1. This one does not change."""
        return self

    def __call__(self, scores: TokenScores) -> Tensor:
        return -of_written(at_least_fp32(scores.student_TV), scores.token_ids_T)


def of_written(logits_TV: Tensor, token_ids_T: Tensor) -> Tensor:
    """[T]: the log-probability of the token that was written."""
    return logits_TV.log_softmax(-1).gather(-1, token_ids_T[:, None])[:, 0]


def at_least_fp32(logits_TV: Tensor) -> Tensor:
    """Half-precision logits widened: in bf16 a reverse KL is off by 27 % at the median and at times negative."""
    return logits_TV.float() if logits_TV.element_size() < 4 else logits_TV

"""How far apart student and teacher are at one token: scores in, one number per token out, in nats.

A loss never masks, weights, reduces or chunks: the engine does that, once, for all (harness/engine/divergence.py).
Shape suffixes: T tokens, V vocabulary, K entries compared.
Sources: arXiv:2606.08432 (position clip, temperature on both sides without a factor T²); Zhao et al., arXiv:2601.18734 (vocabulary clip);
arXiv:2601.07155 (the bridge).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar, Literal

from methods.parts import schedule
from methods.parts.divergences import (
    JSD,
    Divergence,
    ForwardKL,
    GeneralisedReverseKL,
    ReverseKL,
    SkewForwardKL,
    SkewReverseKL,
    WeightedForwardKL,
)
from methods.parts.routes import Credit, Policy
from methods.parts.schedule import Over, over
from methods.parts.scores import TokenScores, at_least_fp32, column_of, of_written
from methods.parts.supports import Sampled, TopK

if TYPE_CHECKING:  # reading the catalogue must not cost an import of torch
    from torch import Tensor

__all__ = [
    "JSD", "NLL", "Bridge", "Clip", "Credit", "Divergence", "ForwardKL", "GeneralisedReverseKL", "Loss", "Over", "Policy", "ReverseKL",
    "Sampled", "SkewForwardKL", "SkewReverseKL", "Squared", "TokenScores", "TopK", "WeightedForwardKL",
    "over",
]  # fmt: skip


@dataclass(frozen=True)
class Clip:
    """An upper bound in nats. position: min(Σ_v f_v, max), no gradient where it binds (TRD). vocab: Σ_v min(f_v, max) (OPSD).

    Not on one scale. The vocabulary clip makes the sum of a KL negative at times: then it is no divergence.
    """

    max: float
    scope: Literal["position", "vocab"] = "position"

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if schedule.turns(self):  # looked at as it is at each of its points
            return
        if not 0 < self.max < math.inf:
            raise ValueError(f"Clip(max={self.max}): a bound in nats is above 0 and finite. Leave the clip away (clip=None) for none.")
        if self.scope not in ("position", "vocab"):
            raise ValueError(f"Clip(scope={self.scope!r}): say scope='position' or scope='vocab', which are not on one scale.")


@dataclass(frozen=True)
class Bridge:
    """The teacher moved towards the student before they are compared: Q ∝ p_teacher · p_student^share, the student's part a constant.

    With `share` going to 0 over the run the target goes to the teacher (arXiv:2601.07155).
    """

    share: float

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if schedule.turns(self):  # looked at as it is at each of its points
            return
        if not 0 <= self.share < math.inf:
            raise ValueError(f"Bridge(share={self.share}): the student's exponent is 0 (the teacher alone) or more.")

    def __call__(self, student_TV: Tensor, teacher_TV: Tensor) -> Tensor:
        return teacher_TV + self.share * student_TV.detach()


@dataclass(frozen=True)
class Squared(Divergence):
    """½ (log p_student − log p_teacher)² at the sampled token (k2): derived directly, its expected gradient is that of the reverse KL."""

    version: ClassVar[int] = 1

    def summands(self, student_TK: Tensor, teacher_TK: Tensor) -> Tensor:
        return (student_TK - teacher_TK).square() / 2


@dataclass(frozen=True, repr=False)
class Loss:
    """A divergence between student and teacher: [T] in nats from scores. The teacher's side never receives a gradient.

    `temperature` divides both sides' logits, `teacher_temperature`, where said, the teacher's in its stead; the value is not multiplied by
    a square. `route`: "direct", the derivative of the divergence itself, or `Policy`, that of an expectation over tokens. `target` changes
    the teacher before it is compared with. `ratio_cap`: the value is multiplied by min(p_student / p_sampler, cap) of the written token, a
    constant: it corrects for tokens sampled some updates ago.
    """

    divergence: Divergence
    support: TopK | Sampled | None = None
    clip: Clip | None = None
    route: Literal["direct"] | Policy = "direct"
    temperature: float = 1.0
    teacher_temperature: float | None = None
    target: Bridge | None = None
    ratio_cap: float | None = None

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        turning = schedule.turns(self)
        for place in turning:  # whatever it becomes must be a loss
            self.at(place)
        if not turning:
            refuse(self)

    def __repr__(self) -> str:
        """The divergence, and whatever differs from its default: what a leaderboard shows."""
        said = [f"{each.name}={getattr(self, each.name)!r}" for each in fields(self)[1:] if getattr(self, each.name) != each.default]
        return f"Loss({', '.join([repr(self.divergence), *said])})"

    @property
    def credit(self) -> Credit | None:
        """How later tokens give back to earlier ones, where they do."""
        return self.route.credit if isinstance(self.route, Policy) else None

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns of `TokenScores` that it reads beside the logits."""
        if turning := schedule.turns(self):
            return tuple(dict.fromkeys(name for place in turning for name in self.at(place).needs))
        ratios = isinstance(self.support, Sampled) or self.ratio_cap is not None
        return ("sampler_logprobs_T",) * ratios + ("advantage_T",) * (self.credit is not None)

    @property
    def on_policy(self) -> bool:
        """Whether it is an estimate that holds only for tokens drawn from the student's own whole distribution."""
        turning = schedule.turns(self)
        return any(self.at(place).on_policy for place in turning) if turning else isinstance(self.support, Sampled)

    @property
    def own_sampling(self) -> bool:
        """Whether it presumes that the student samples from its own whole distribution: estimates, policy gradients, ratios to the sampler."""
        turning = schedule.turns(self)
        if turning:
            return any(self.at(place).own_sampling for place in turning)
        return self.on_policy or isinstance(self.route, Policy) or self.ratio_cap is not None

    def at(self, progress: float) -> Loss:
        """The loss at a point of the run, 0 to 1."""
        return schedule.at(self, progress)

    def __call__(self, scores: TokenScores) -> Tensor:
        if scores.teacher_TV is None:
            raise ValueError(f"{self!r} compares with a teacher, but there are no teacher scores. Let somebody teach, or use NLL().")
        student_TV = at_least_fp32(scores.student_TV) / self.temperature
        teacher_TV = at_least_fp32(scores.teacher_TV).detach() / (self.teacher_temperature or self.temperature)
        if self.target is not None:
            teacher_TV = self.target(student_TV, teacher_TV)
        values_T = self._values(student_TV, teacher_TV, scores)
        if self.ratio_cap is None:
            return values_T
        sampler_log_p_T = column_of(scores, "sampler_logprobs_T", self)
        ratio_T = (of_written(at_least_fp32(scores.student_TV).detach(), scores.token_ids_T) - sampler_log_p_T).exp()
        return values_T * ratio_T.clamp(max=self.ratio_cap)

    def _values(self, student_TV: Tensor, teacher_TV: Tensor, scores: TokenScores) -> Tensor:
        if isinstance(self.support, Sampled):
            return self._at_sampled(student_TV, teacher_TV, scores)
        if isinstance(self.route, Policy):
            assert self.support is not None  # refused otherwise
            entries_TK = self.support.entries(student_TV, teacher_TV)
            student_TK, teacher_TK = (each.log_softmax(-1).gather(-1, entries_TK) for each in (student_TV, teacher_TV))
            return self.route.over_entries(student_TK, teacher_TK)
        top = self.support
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

    def _at_sampled(self, student_TV: Tensor, teacher_TV: Tensor, scores: TokenScores) -> Tensor:
        log_p_T, teacher_log_p_T = (of_written(each, scores.token_ids_T) for each in (student_TV, teacher_TV))
        if not isinstance(self.route, Policy):
            return self.divergence.summands(log_p_T[:, None], teacher_log_p_T[:, None])[:, 0]
        sampler_log_p_T = column_of(scores, "sampler_logprobs_T", self)
        advantage_T = teacher_log_p_T - log_p_T.detach() if self.credit is None else column_of(scores, "advantage_T", self)
        return self.route.at_sampled(log_p_T, advantage_T, sampler_log_p_T)


def refuse(loss: Loss) -> None:
    """Raise ValueError for a loss that cannot be meant; the message names the remedy."""
    if not isinstance(loss.divergence, Divergence):
        raise ValueError(f"Loss(divergence={loss.divergence!r}): give a value of a Divergence, for example ForwardKL().")
    if not isinstance(loss.support, TopK | Sampled | None):
        raise ValueError(
            f"Loss(support={loss.support!r}): give a TopK value, for example TopK(32, tail='renorm'), Sampled(), or None for all."
        )
    if not isinstance(loss.clip, Clip | None):
        raise ValueError(f"Loss(clip={loss.clip!r}): give a Clip value, for example Clip(0.1), or None.")
    if loss.route != "direct" and not isinstance(loss.route, Policy):
        raise ValueError(
            f"Loss(route={loss.route!r}): say 'direct', the derivative of the divergence itself, or Policy(), a policy gradient."
        )
    for name, value in (("temperature", loss.temperature), ("teacher_temperature", loss.teacher_temperature)):
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"Loss({name}={value}): logits are divided by it. Give a number above 0; 1.0 changes nothing.")
    if loss.ratio_cap is not None and not 0 < loss.ratio_cap < math.inf:
        raise ValueError(f"Loss(ratio_cap={loss.ratio_cap}): give a finite number above 0, or None for no correction.")
    squared, sampled = isinstance(loss.divergence, Squared), isinstance(loss.support, Sampled)
    if squared and not sampled:
        raise ValueError("Loss(Squared()) looks at the sampled token alone. Say support=Sampled().")
    if sampled and loss.route == "direct" and not squared:
        raise ValueError(
            "Loss(support=Sampled(), route='direct'): derived directly, an estimate from the sampled token alone has the expected "
            "gradient zero, whatever the teacher says. Say route=Policy(), or compare on more tokens."
        )
    if isinstance(loss.route, Policy):
        refuse_route(loss, loss.route)


def refuse_route(loss: Loss, route: Policy) -> None:
    said = f"Loss({loss.divergence!r}, support={loss.support!r}, route={route!r})"
    over_student = isinstance(loss.support, TopK) and loss.support.of == "student"
    if not (isinstance(loss.divergence, ReverseKL) and loss.clip is None and (isinstance(loss.support, Sampled) or over_student)):
        raise ValueError(
            f"{said}: a policy gradient is known for ReverseKL() at the sampled token (support=Sampled()) or over the student's own top k "
            "(support=TopK(k, of='student', tail='drop')), with clip=None (bound the advantage by Policy(bound=…)). Any other divergence "
            "has its own derivative: route='direct'."
        )
    if over_student and (route.ratio_clip or route.ratio_cap or route.credit):
        raise ValueError(
            f"{said}: a sampler keeps the probability of the token that it sampled, so over several entries there is no ratio to clip or to "
            "cap, and no credit from later tokens. Leave these away, or say support=Sampled()."
        )
    if isinstance(loss.support, TopK) and loss.support.tail != "drop":
        raise ValueError(f"{said}: the weights are renormalised over the k by the route itself. Say tail='drop'.")
    if loss.temperature != 1.0 or loss.teacher_temperature not in (None, 1.0):
        raise ValueError(
            f"Loss(route={route!r}, temperature={loss.temperature}): tokens are sampled, and their ratios taken, at temperature 1. "
            "Leave the loss's temperatures at 1."
        )


@dataclass(frozen=True)
class NLL:
    """−log p_student(y_t): supervision by the sampled token alone. [T], in nats; the teacher's scores are not looked at."""

    version: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ()
    on_policy: ClassVar[bool] = False
    own_sampling: ClassVar[bool] = False
    credit: ClassVar[None] = None

    def at(self, progress: float) -> NLL:
        """The loss at a point of the run, 0 to 1. This one does not change."""
        return self

    def __call__(self, scores: TokenScores) -> Tensor:
        return -of_written(at_least_fp32(scores.student_TV), scores.token_ids_T)

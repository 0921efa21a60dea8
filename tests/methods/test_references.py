"""Every loss that an entry uses, against its formula written out once more: value and gradient at single tokens, in float64 to 1e-9.

The reference goes from probabilities to a number by plain sums; what is a constant in the formula is one here (`held`). And what entries
estimate from sampled tokens, by enumeration: every token that may be drawn, with its probability.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from methods import METHODS
from methods.method import Term
from methods.parts.divergences import JSD, ForwardKL, GeneralisedReverseKL, ReverseKL, SkewForwardKL, SkewReverseKL, WeightedForwardKL
from methods.parts.losses import NLL, Clip, Loss, Policy, Sampled, Squared, TokenScores, TopK
from methods.parts.rewards import Reward

V = 12
OLDER = 0.4  # nats by which the sampler's log-probabilities differ from the student's, at most


def held(x: Tensor) -> Tensor:
    return x.detach()


def probabilities(logits_V: Tensor, temperature: float) -> list[Tensor]:
    powers = [torch.exp(x / temperature) for x in logits_V]
    return [power / sum(powers) for power in powers]


def likeliest(side: list[Tensor], k: int) -> list[int]:
    return sorted(range(len(side)), key=lambda v: -side[v].item())[:k]


def limited(x: Tensor, low: float, high: float) -> Tensor:
    """x within its bounds; beyond them a constant."""
    return x if low <= x.item() <= high else torch.tensor(min(max(x.item(), low), high), dtype=x.dtype)


def smaller(x: Tensor, y: Tensor) -> Tensor:
    return x if x.item() <= y.item() else y


SUMMANDS = {  # of one entry: p the student, q the teacher
    ForwardKL: lambda d, p, q: q * torch.log(q / p),
    WeightedForwardKL: lambda d, p, q: q * torch.log(q / p),  # over the sum of q: see `reference`
    ReverseKL: lambda d, p, q: p * torch.log(p / q),
    GeneralisedReverseKL: lambda d, p, q: p * torch.log(p / q) - p + q,
    JSD: lambda d, p, q: (
        d.teacher_mix * q * torch.log(q / (d.teacher_mix * q + (1 - d.teacher_mix) * p))
        + (1 - d.teacher_mix) * p * torch.log(p / (d.teacher_mix * q + (1 - d.teacher_mix) * p))
    ),
    SkewReverseKL: lambda d, p, q: p * torch.log(p / (d.share * p + (1 - d.share) * q)),
    SkewForwardKL: lambda d, p, q: q * torch.log(q / (d.share * q + (1 - d.share) * p)),
}


def surrogate(p: Tensor, sampler: float, gain: Tensor, clip: float | None, cap: float | None = None) -> Tensor:
    """PPO's: −min(r A, clip(r) A); without a clip −r A, where r may be capped."""
    ratio = p / sampler
    ratio = ratio if cap is None else limited(ratio, 0.0, cap)
    return -ratio * gain if clip is None else -smaller(ratio * gain, limited(ratio, 1 - clip, 1 + clip) * gain)


def reference(loss, student_V: Tensor, teacher_V: Tensor, token: int, sampler: float, advantage: float) -> Tensor:
    """One token's value. `sampler`: the probability under which it was sampled; `advantage`: given from outside."""
    p, q = probabilities(student_V, 1.0), probabilities(held(teacher_V), 1.0)
    if isinstance(loss, NLL):
        return -torch.log(p[token])
    if isinstance(loss, Reward):
        gain = torch.tensor(advantage, dtype=torch.float64)
        if loss.guide is not None:
            sign = (advantage > 0) - (advantage < 0)
            weight = limited(held((q[token] / p[token]) ** sign), 1 - loss.guide.clip, 1 + loss.guide.clip)
            gain = gain * (1 - loss.guide.share + loss.guide.share * weight)
        return surrogate(p[token], sampler, gain, loss.ratio_clip)
    now = held(p[token]).item()
    p, q = probabilities(student_V, loss.temperature), probabilities(held(teacher_V), loss.teacher_temperature or loss.temperature)
    if loss.target is not None:
        powers = [y * held(x) ** loss.target.share for x, y in zip(p, q, strict=True)]
        q = [power / sum(powers) for power in powers]
    value = between(loss, p, q, token, sampler, advantage)
    return value if loss.ratio_cap is None else value * min(now / sampler, loss.ratio_cap)


def between(loss: Loss, p: list[Tensor], q: list[Tensor], token: int, sampler: float, advantage: float) -> Tensor:
    if isinstance(loss.support, Sampled):
        if isinstance(loss.divergence, Squared):
            return torch.log(p[token] / q[token]) ** 2 / 2
        assert isinstance(loss.route, Policy)
        gain = held(torch.log(q[token] / p[token])) if loss.credit is None else torch.tensor(advantage, dtype=torch.float64)
        gain = gain if loss.route.bound is None else limited(gain, -loss.route.bound, loss.route.bound)
        return surrogate(p[token], sampler, gain, loss.route.ratio_clip, loss.route.ratio_cap)
    if isinstance(loss.route, Policy):
        kept = likeliest(p, loss.support.k)  # type: ignore[union-attr]
        whole, bound = sum(held(p[v]) for v in kept), loss.route.bound or 1e9
        gains = {v: limited(held(torch.log(q[v] / p[v])), -bound, bound) for v in kept}
        return -sum(held(p[v]) / whole * gains[v] * p[v] / held(p[v]) for v in kept)
    if loss.support is not None:
        kept = likeliest(q if loss.support.of == "teacher" else p, loss.support.k)
        others = [v for v in range(len(p)) if v not in kept]
        if loss.support.tail == "renorm":
            p, q = ([side[v] / sum(side[u] for u in kept) for v in kept] for side in (p, q))
        elif loss.support.tail == "bucket":
            p, q = ([*(side[v] for v in kept), sum(side[v] for v in others)] for side in (p, q))
        else:
            p, q = ([side[v] for v in kept] for side in (p, q))
    summands = [SUMMANDS[type(loss.divergence)](loss.divergence, x, y) for x, y in zip(p, q, strict=True)]
    if isinstance(loss.divergence, WeightedForwardKL):
        summands = [each / sum(q) for each in summands]
    bound = float("inf") if loss.clip is None else loss.clip.max
    if loss.clip is not None and loss.clip.scope == "vocab":
        return sum(limited(each, -float("inf"), bound) for each in summands)  # type: ignore[return-value]
    return limited(sum(summands), -float("inf"), bound)  # type: ignore[arg-type]


def small(loss):
    """With a top k that leaves something out, of a vocabulary of twelve."""
    return replace(loss, support=replace(loss.support, k=4)) if isinstance(getattr(loss, "support", None), TopK) else loss


TERMS = {f"{name}/{key}": term for name, method in METHODS.items() for key, term in method.terms.items()}
IN_USE = {repr(small(term.loss.at(at))): small(term.loss.at(at)) for term in TERMS.values() for at in (0.0, 0.3, 1.0)}
FORMS = {  # in entries' docstrings and suites as overrides, in no entry itself
    repr(loss): loss
    for loss in (
        Loss(GeneralisedReverseKL(), TopK(4, tail="drop")),
        Loss(SkewForwardKL(0.1)),
        Loss(ForwardKL(), clip=Clip(0.05, "vocab"), temperature=1.1),
        Loss(ForwardKL(), TopK(4, tail="bucket"), teacher_temperature=1.5, ratio_cap=1.2),
        Loss(JSD(0.2), TopK(4, "student", tail="renorm"), clip=Clip(0.02)),
        Loss(ReverseKL(), Sampled(), route=Policy(ratio_cap=1.1, bound=0.5)),
    )
}
ALL = IN_USE | FORMS


def draw(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits of both sides [V, V], log-probabilities under the sampler and advantages: each of the V tokens was written once."""
    generator = torch.Generator().manual_seed(seed)
    student, apart = (torch.randn(V, V, generator=generator, dtype=torch.float64) for _ in range(2))
    log_p = student.log_softmax(-1).diagonal()
    older = log_p + OLDER * (2 * torch.rand(V, generator=generator, dtype=torch.float64) - 1)
    return student, student + 0.7 * apart, older, torch.randn(V, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("loss", ALL.values(), ids=ALL)
def test_value_and_gradient_are_those_of_the_formula(loss):
    student, teacher, older, gains = draw(0)
    ours, theirs = student.clone().requires_grad_(), student.clone().requires_grad_()
    found = loss(TokenScores(ours, teacher, torch.arange(V), older, gains))
    wanted = torch.stack([reference(loss, theirs[t], teacher[t], t, older[t].exp().item(), gains[t].item()) for t in range(V)])
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)
    (slope,), (expected,) = (torch.autograd.grad(each.sum(), leaf) for each, leaf in ((found, ours), (wanted, theirs)))
    torch.testing.assert_close(slope, expected, rtol=1e-9, atol=1e-12)
    assert slope.abs().max() > 1e-4


ESTIMATES = {
    key: term
    for key, term in TERMS.items()
    if isinstance(term.loss, Loss) and isinstance(term.loss.support, Sampled) and not term.loss.credit
}


@pytest.mark.parametrize("term", ESTIMATES.values(), ids=ESTIMATES)
@pytest.mark.parametrize("seed", range(3))
def test_what_is_estimated_from_sampled_tokens_is_the_gradient_of_reverse_kl(term: Term, seed: int):
    """On policy, whatever the ratio is clipped to: exactly, over every token that may be drawn. Credit: tests/methods/test_parts.py."""
    student, teacher = (each[0] for each in draw(seed)[:2])
    ours, theirs = student.clone().requires_grad_(), student.clone().requires_grad_()
    drawn = student.log_softmax(-1)
    values = term.loss.at(0.5)(TokenScores(ours.expand(V, V), teacher.expand(V, V), torch.arange(V), drawn, None))
    (found,) = torch.autograd.grad((drawn.exp() * values).sum(), ours)
    p, q = probabilities(theirs, 1.0), probabilities(teacher, 1.0)
    (wanted,) = torch.autograd.grad(sum(x * torch.log(x / y) for x, y in zip(p, q, strict=True)), theirs)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)


def test_every_kind_of_divergence_support_and_route_is_among_them():
    losses = [loss for loss in ALL.values() if isinstance(loss, Loss)]
    assert {type(loss.divergence) for loss in losses} >= {*SUMMANDS, Squared}
    supports = {(loss.support.of, loss.support.tail) for loss in losses if isinstance(loss.support, TopK)}
    assert supports >= {
        ("teacher", "renorm"),
        ("teacher", "bucket"),
        ("teacher", "drop"),
        ("student", "renorm"),
        ("student", "bucket"),
        ("student", "drop"),
    }
    assert {type(loss) for loss in ALL.values()} == {Loss, NLL, Reward} and len(ESTIMATES) >= 8

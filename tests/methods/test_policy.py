"""The policy route: what is expected of it, exactly, by summing over the vocabulary; against the direct derivative of the reverse KL."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from methods import METHODS
from methods.parts.losses import NLL, Clip, ForwardKL, Loss, Policy, ReverseKL, Sampled, TokenScores, TopK

V = 12
PLAIN = Loss(ReverseKL(), support=Sampled(), route=Policy())


def logits(seed: int) -> Tensor:
    return torch.randn(V, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gradient(loss: Loss, student_V: Tensor, teacher_V: Tensor, ids_T: Tensor, weights_T: Tensor, sampler_V: Tensor | None = None) -> Tensor:
    """Σ weight · d loss / d student's logits, for tokens of one position."""
    leaf_V = student_V.clone().requires_grad_()
    rows = len(ids_T)
    sampler_V = student_V if sampler_V is None else sampler_V
    scores = TokenScores(leaf_V.expand(rows, V), teacher_V.expand(rows, V), ids_T, sampler_V.log_softmax(-1)[ids_T])
    (found,) = torch.autograd.grad((loss(scores) * weights_T).sum(), leaf_V)
    return found


def expected(loss: Loss, student_V: Tensor, teacher_V: Tensor, sampler_V: Tensor | None = None) -> Tensor:
    """The exact expectation over the token that the sampler draws."""
    p_V = (student_V if sampler_V is None else sampler_V).softmax(-1)
    return gradient(loss, student_V, teacher_V, torch.arange(V), p_V, sampler_V)


@pytest.mark.parametrize("seed", range(20))
def test_expected_policy_gradient_is_that_of_the_reverse_kl(seed):
    student, teacher = logits(2 * seed), logits(2 * seed + 1)
    direct = gradient(Loss(ReverseKL()), student, teacher, torch.zeros(1, dtype=torch.long), torch.ones(1, dtype=torch.float64))
    torch.testing.assert_close(expected(PLAIN, student, teacher), direct, rtol=1e-12, atol=1e-14)


def test_mean_over_sampled_tokens_is_near_the_direct_gradient():
    student, teacher = logits(0), logits(1)
    draws = torch.multinomial(student.softmax(-1), 200_000, replacement=True, generator=torch.Generator().manual_seed(2))
    weights = torch.full((len(draws),), 1 / len(draws), dtype=torch.float64)
    direct = gradient(Loss(ReverseKL()), student, teacher, draws[:1], torch.ones(1, dtype=torch.float64))
    assert (gradient(PLAIN, student, teacher, draws, weights) - direct).norm() < 0.02 * direct.norm()


def test_the_log_ratio_derived_as_it_stands_teaches_nothing_and_is_refused():
    student, teacher = logits(0), logits(1)
    leaf = student.clone().requires_grad_()
    k1_V = leaf.log_softmax(-1) - teacher.log_softmax(-1)
    (found,) = torch.autograd.grad((student.softmax(-1) * k1_V).sum(), leaf)
    assert found.abs().max() < 1e-15
    with pytest.raises(ValueError, match="expected gradient zero"):
        Loss(ReverseKL(), support=Sampled())


def test_importance_ratio_corrects_for_an_older_sampler():
    student, teacher, older = logits(0), logits(1), logits(0) + 0.1 * logits(2)
    direct = gradient(Loss(ReverseKL()), student, teacher, torch.zeros(1, dtype=torch.long), torch.ones(1, dtype=torch.float64))
    torch.testing.assert_close(expected(PLAIN, student, teacher, older), direct, rtol=1e-12, atol=1e-14)


def test_truncated_sampling_biases_it_which_is_why_suites_refuse_it():
    student, teacher = logits(0), logits(1)
    cut = student.masked_fill(student < student.sort().values[V // 2], -torch.inf)
    p_V = cut.softmax(-1)
    likely = p_V > 0
    found = gradient(PLAIN, student, teacher, torch.arange(V)[likely], p_V[likely])
    direct = gradient(Loss(ReverseKL()), student, teacher, torch.zeros(1, dtype=torch.long), torch.ones(1, dtype=torch.float64))
    assert (found - direct).norm() > 0.05 * direct.norm()


def test_O8_on_a_bandit_the_advantage_leads_to_the_teacher():
    """Three arms, the teacher likes the last: descending the expected gradient ends at the teacher's own distribution."""
    teacher, student = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for _ in range(400):
        leaf = student.clone().requires_grad_()
        scores = TokenScores(leaf.expand(3, 3), teacher.expand(3, 3), torch.arange(3), student.log_softmax(-1))
        (slope,) = torch.autograd.grad((PLAIN(scores) * student.softmax(-1)).sum(), leaf)
        student = student - slope
    torch.testing.assert_close(student.softmax(-1), teacher.softmax(-1), rtol=0, atol=1e-6)


def test_O9_two_teachers_give_two_gradients():
    student, ids, one = logits(0), torch.tensor([3]), torch.ones(1, dtype=torch.float64)
    first, second = (gradient(PLAIN, student, logits(seed), ids, one) for seed in (1, 2))
    assert (first - second).abs().max() > 1e-2


def test_ratio_clip_stops_the_gradient_only_where_the_step_was_taken_already():
    clipped = Loss(ReverseKL(), support=Sampled(), route=Policy(ratio_clip=0.2))
    student, one, ids = logits(0), torch.ones(1, dtype=torch.float64), torch.tensor([5])
    likes, dislikes = student.clone(), student.clone()
    likes[5] += 3.0
    dislikes[5] -= 3.0
    older = student.clone()
    older[5] -= 1.0  # the student has gone up since: ratio about e
    assert gradient(clipped, student, likes, ids, one, older).abs().max() == 0
    assert gradient(clipped, student, dislikes, ids, one, older).abs().max() > 0.1
    assert gradient(clipped, student, likes, ids, one).abs().max() > 0.1


def test_bound_limits_the_advantage():
    bounded = Loss(ReverseKL(), support=Sampled(), route=Policy(bound=0.5))
    student, one, ids = logits(0), torch.ones(1, dtype=torch.float64), torch.tensor([5])
    far = student.clone()
    far[5] += 8.0
    scores = TokenScores(student[None], far[None], ids, student.log_softmax(-1)[ids])
    assert bounded(scores).item() == pytest.approx(-0.5)
    assert PLAIN(scores).item() < -2
    torch.testing.assert_close(gradient(bounded, student, far, ids, one) * (PLAIN(scores) / -0.5), gradient(PLAIN, student, far, ids, one))


def test_value_is_the_log_ratio_where_the_sampler_is_the_student():
    student, teacher, ids = logits(0), logits(1), torch.arange(V)
    scores = TokenScores(student.expand(V, V), teacher.expand(V, V), ids, student.log_softmax(-1))
    torch.testing.assert_close(PLAIN(scores), student.log_softmax(-1) - teacher.log_softmax(-1))


def test_missing_sampler_log_probabilities_are_named():
    with pytest.raises(ValueError, match="sampler_logprobs_T"):
        PLAIN(TokenScores(logits(0)[None], logits(1)[None], torch.tensor([0])))
    assert PLAIN.needs == ("sampler_logprobs_T",)
    assert NLL().needs == Loss(ForwardKL()).needs == ()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Loss(ForwardKL(), support=Sampled(), route=Policy()), "known for ReverseKL"),
        (lambda: Loss(ReverseKL(), support=TopK(4, tail="renorm"), route=Policy()), "known for ReverseKL"),
        (lambda: Loss(ReverseKL(), route=Policy()), "known for ReverseKL"),
        (lambda: Loss(ReverseKL(), support=Sampled(), route=Policy(), clip=Clip(0.1)), "clip=None"),
        (lambda: Loss(ReverseKL(), support=Sampled(), route=Policy(), temperature=0.9), "temperature 1"),
        (lambda: Policy(ratio_clip=0.0), "above 0"),
        (lambda: Policy(bound=float("inf")), "finite"),
    ],
)
def test_what_cannot_be_is_refused_with_its_remedy(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_T1_the_teachers_temperature_is_its_own_field():
    student, teacher = logits(0)[None], logits(1)[None]
    scores = TokenScores(student, teacher, torch.tensor([0]))
    p, q = (student / 0.9).log_softmax(-1), (teacher / 2.0).log_softmax(-1)
    apart = Loss(ForwardKL(), temperature=0.9, teacher_temperature=2.0)(scores)
    torch.testing.assert_close(apart, (q.exp() * (q - p)).sum(-1))
    both = Loss(ForwardKL(), temperature=0.9)(scores)
    assert (apart - both).abs() > 1e-3


def test_the_sampled_baseline_is_this_loss_in_ppo_form():
    assert METHODS["opd_sampled"].loss == Loss(ReverseKL(), support=Sampled(), route=Policy(ratio_clip=0.2))
    assert METHODS["opd_sampled"].loss.on_policy
    assert not METHODS["revisiting"].loss.on_policy

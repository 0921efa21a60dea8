"""The losses as algebra, in float64 on bare logits: conformance (numbered 7_4_…, as in test_conformance.py) and guards. Equality with plain
references, value and gradient, is tested through the engine: tests/harness/engine/test_divergence.py."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.parts.losses import JSD, NLL, Clip, ForwardKL, Loss, ReverseKL, TokenScores, TopK

TOKENS, VOCABULARY = 5, 12
DIVERGENCES = [ForwardKL(), ReverseKL(), JSD(0.5), JSD(0.1)]
quick = settings(max_examples=40, deadline=None, derandomize=True)


def logits(seed, tokens=TOKENS, vocabulary=VOCABULARY, scale=1.0, dtype=torch.float64):
    return (scale * torch.randn(tokens, vocabulary, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)).to(dtype)


def values(loss, student_TV, teacher_TV):
    return loss(TokenScores(student_TV, teacher_TV, torch.zeros(len(student_TV), dtype=torch.long)))


def gradient(loss, student_TV, teacher_TV):
    leaf_TV = student_TV.detach().clone().requires_grad_()
    return torch.autograd.grad(values(loss, leaf_TV, teacher_TV).sum(), leaf_TV)[0]


def assert_same(left, right, student_TV, teacher_TV):
    torch.testing.assert_close(values(left, student_TV, teacher_TV), values(right, student_TV, teacher_TV), rtol=0, atol=1e-12)
    torch.testing.assert_close(gradient(left, student_TV, teacher_TV), gradient(right, student_TV, teacher_TV), rtol=0, atol=1e-12)


def test_by_hand():
    """Student (1/2, 1/2), teacher (3/4, 1/4)."""
    student_TV, teacher_TV = torch.tensor([[0.0, 0.0]]), torch.tensor([[math.log(3.0), 0.0]])
    expected = {
        Loss(ForwardKL()): 0.75 * math.log(3 / 2) + 0.25 * math.log(1 / 2),
        Loss(ReverseKL()): 0.5 * math.log(2 / 3) + 0.5 * math.log(2),
        # b = 0.2 on the teacher: M = (0.55, 0.45)
        Loss(JSD(0.2)): 0.2 * (0.75 * math.log(0.75 / 0.55) + 0.25 * math.log(0.25 / 0.45)) + 0.8 * 0.5 * math.log(0.25 / (0.55 * 0.45)),
        Loss(ForwardKL(), clip=Clip(0.05)): 0.05,
        Loss(ForwardKL(), clip=Clip(0.05, "vocab")): 0.05 + 0.25 * math.log(1 / 2),
        NLL(): math.log(2),
    }
    for loss, value in expected.items():
        assert values(loss, student_TV, teacher_TV).item() == pytest.approx(value, abs=1e-6), loss
    halved = Loss(ForwardKL(), temperature=2.0)  # teacher √3 : 1
    p = math.sqrt(3) / (1 + math.sqrt(3))
    assert values(halved, student_TV, teacher_TV).item() == pytest.approx(p * math.log(2 * p) + (1 - p) * math.log(2 - 2 * p), abs=1e-6)


@quick
@given(seed=st.integers(0, 10_000), k=st.integers(VOCABULARY, VOCABULARY + 3), tail=st.sampled_from(["renorm", "bucket", "drop"]))
def test_7_4_2_top_k_of_the_whole_vocabulary_is_the_full_divergence(seed, k, tail):
    for divergence in DIVERGENCES:
        for of in ("teacher", "student"):
            assert_same(Loss(divergence, TopK(k, of, tail=tail)), Loss(divergence), logits(seed), logits(seed + 1))


def test_7_4_3_jsd_divided_by_its_mix_goes_to_the_pure_divergences():
    near_0, near_1 = JSD(0.5), JSD(0.5)
    object.__setattr__(near_0, "teacher_mix", 1e-6)  # not writable by users, as it vanishes there
    object.__setattr__(near_1, "teacher_mix", 1 - 1e-6)
    student_TV, teacher_TV = logits(0), logits(1)
    for near, pure in ((near_0, ForwardKL()), (near_1, ReverseKL())):
        scaled_T = values(Loss(near), student_TV, teacher_TV) / 1e-6
        torch.testing.assert_close(scaled_T, values(Loss(pure), student_TV, teacher_TV), rtol=1e-4, atol=1e-6)


@quick
@given(seed=st.integers(0, 10_000))
def test_7_4_3_jsd_at_one_half_is_symmetric_and_elsewhere_is_not(seed):
    student_TV, teacher_TV = logits(seed), logits(seed + 1)
    swapped_T = values(Loss(JSD(0.5)), teacher_TV, student_TV)
    torch.testing.assert_close(values(Loss(JSD(0.5)), student_TV, teacher_TV), swapped_T, rtol=0, atol=1e-12)
    torch.testing.assert_close(values(Loss(JSD(0.2)), student_TV, teacher_TV), values(Loss(JSD(0.8)), teacher_TV, student_TV))
    assert not torch.allclose(values(Loss(JSD(0.2)), student_TV, teacher_TV), values(Loss(JSD(0.2)), teacher_TV, student_TV))
    torch.testing.assert_close(values(Loss(ForwardKL()), student_TV, teacher_TV), values(Loss(ReverseKL()), teacher_TV, student_TV))


def test_7_4_11_expected_policy_gradient_of_k1_is_the_direct_reverse_kl_gradient():
    """Exact expectations: every token of the vocabulary with its probability under the student."""
    teacher_log_V = logits(1, tokens=1)[0].log_softmax(-1)
    student_V = logits(0, tokens=1)[0].requires_grad_()
    policy_V, raw_V = torch.zeros(VOCABULARY, dtype=torch.float64), torch.zeros(VOCABULARY, dtype=torch.float64)
    for token in range(VOCABULARY):
        log_p = student_V.log_softmax(-1)[token]
        (score_V,) = torch.autograd.grad(log_p, student_V)
        policy_V += log_p.exp().item() * (log_p.item() - teacher_log_V[token].item()) * score_V
        k1 = student_V.log_softmax(-1)[token] - teacher_log_V[token]
        raw_V += log_p.exp().item() * torch.autograd.grad(k1, student_V)[0]
    direct_V = gradient(Loss(ReverseKL()), student_V[None], teacher_log_V[None])[0]
    torch.testing.assert_close(policy_V, direct_V, rtol=0, atol=1e-12)
    assert direct_V.abs().max() > 1e-2
    assert raw_V.abs().max() < 1e-15


@quick
@given(seed=st.integers(0, 10_000))
def test_7_4_12_position_clip_stops_the_gradient_where_it_binds_and_nowhere_else(seed):
    student_TV, teacher_TV = logits(seed, tokens=8), logits(seed + 1, tokens=8)
    plain_T, plain_TV = values(Loss(ForwardKL()), student_TV, teacher_TV), gradient(Loss(ForwardKL()), student_TV, teacher_TV)
    bound = plain_T.sort().values[3:5].mean().item()
    clipped = Loss(ForwardKL(), clip=Clip(bound))
    torch.testing.assert_close(values(clipped, student_TV, teacher_TV), plain_T.minimum(torch.tensor(bound, dtype=torch.float64)))
    expected_TV = torch.where((plain_T > bound)[:, None], 0.0, plain_TV)
    torch.testing.assert_close(gradient(clipped, student_TV, teacher_TV), expected_TV, rtol=0, atol=1e-14)
    assert not torch.allclose(
        values(clipped, student_TV, teacher_TV), values(Loss(ForwardKL(), clip=Clip(bound, "vocab")), student_TV, teacher_TV)
    )


def test_7_4_12_the_vocabulary_clip_can_go_negative():
    """At 0.05 in three draws of ten, of 12 entries: it clips summands, not the sum."""
    clipped_T = values(Loss(ForwardKL(), clip=Clip(0.05, "vocab")), logits(0, tokens=2000), logits(1, tokens=2000))
    assert 0.2 < (clipped_T < 0).double().mean() < 0.4


@pytest.mark.parametrize("divergence", DIVERGENCES, ids=repr)
@pytest.mark.parametrize("of", ["teacher", "student"])
def test_7_4_14_a_bucket_of_one_token_is_the_full_divergence(divergence, of):
    support = TopK(VOCABULARY - 1, of, tail="bucket")
    for sides in support.log_probabilities(logits(0), logits(1)), TopK(3, of, tail="bucket").log_probabilities(logits(0), logits(1)):
        for side_TK in sides:
            torch.testing.assert_close(side_TK.exp().sum(-1), torch.ones(TOKENS, dtype=torch.float64))
    assert_same(Loss(divergence, support), Loss(divergence), logits(0), logits(1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_7_4_14_the_bucket_is_exact_where_almost_nothing_is_left(dtype):
    """Outside the top two: 1e-20 for the teacher, 1e-14 for the student. 1 − mass is 0 in fp32; the log-ratio is 13.8 all the same."""
    student_TV = torch.tensor([[0.0, 1.0, math.log(1e-14), math.log(1e-14)]], dtype=dtype).requires_grad_()
    teacher_TV = torch.tensor([[0.5, 0.0, math.log(1e-20), math.log(1e-20)]], dtype=dtype)
    student_TK, teacher_TK = TopK(2, tail="bucket").log_probabilities(student_TV, teacher_TV)
    expected = math.log(1e-14) - math.log(1 + math.e) - (math.log(1e-20) - math.log(math.exp(0.5) + 1))
    assert (student_TK[0, -1] - teacher_TK[0, -1]).item() == pytest.approx(expected, rel=1e-5)
    for divergence in DIVERGENCES:
        value = values(Loss(divergence, TopK(2, tail="bucket")), student_TV, teacher_TV)
        full = values(Loss(divergence), student_TV, teacher_TV)
        torch.testing.assert_close(value, full)
        assert torch.autograd.grad(value.sum(), student_TV)[0].isfinite().all()


def test_7_4_16_no_gradient_reaches_the_teacher():
    for loss in (Loss(ForwardKL()), Loss(ReverseKL(), TopK(3, tail="renorm")), Loss(JSD(0.5), TopK(3, "student", tail="bucket"))):
        student_TV, teacher_TV = logits(0).requires_grad_(), logits(1).requires_grad_()
        values(loss, student_TV, teacher_TV).sum().backward()
        assert teacher_TV.grad is None and student_TV.grad.abs().max() > 1e-3


@pytest.mark.parametrize("loss", [Loss(ForwardKL()), Loss(ReverseKL()), Loss(JSD(0.5)), NLL()], ids=repr)
def test_N4_one_number_per_token_that_depends_on_no_other_token(loss):
    student_TV, teacher_TV = logits(0), logits(1)
    whole_T = values(loss, student_TV, teacher_TV)
    assert whole_T.shape == (TOKENS,)
    alone_T = torch.cat([values(loss, student_TV[[at]], teacher_TV[[at]]) for at in range(TOKENS)])
    torch.testing.assert_close(whole_T, alone_T, rtol=0, atol=1e-14)


def test_O5_the_three_divergences_are_three_losses_and_the_ends_of_jsd_are_refused():
    for mix in (0.0, 0.049, 0.951, 1.0, -1.0, math.nan):
        with pytest.raises(ValueError, match=r"ForwardKL\(\) or ReverseKL\(\)"):
            JSD(mix)
    student_TV, teacher_TV = logits(0, scale=3), logits(1, scale=3)
    near_teacher, even = (values(Loss(JSD(mix)), student_TV, teacher_TV) for mix in (0.05, 0.5))
    forward_T, reverse_T = (values(Loss(pure), student_TV, teacher_TV) for pure in (ForwardKL(), ReverseKL()))
    assert (near_teacher < forward_T).all() and (even < math.log(2)).all() and not torch.allclose(forward_T, reverse_T)


def test_O5_the_mix_is_the_weight_of_the_teacher():
    """With little weight on the teacher, a token the student never says costs much less than one the teacher never says."""
    sure, never = torch.tensor([[30.0, 0.0]], dtype=torch.float64), torch.tensor([[0.0, 0.0]], dtype=torch.float64)
    expected = 0.1 * math.log(1 / 0.55) + 0.9 * (0.5 * math.log(0.5 / 0.55) + 0.5 * math.log(0.5 / 0.45))  # teacher (1, 0), student even
    assert values(Loss(JSD(0.1)), never, sure).item() == pytest.approx(expected, abs=1e-9)


@quick
@given(seed=st.integers(0, 10_000), away=st.floats(0.0, 8.0), of=st.sampled_from(["teacher", "student"]))
def test_O7_moving_student_mass_off_the_support_does_not_pay_with_a_bucket(seed, away, of):
    """From student = teacher, where the loss is 0, it only rises. Where the tail is dropped, the move is rewarded."""
    teacher_TV = logits(seed)
    outside_TV = torch.ones_like(teacher_TV).scatter(-1, teacher_TV.topk(4).indices, 0.0)
    moved_TV = teacher_TV + away * outside_TV
    bucket_T = values(Loss(ReverseKL(), TopK(4, of, tail="bucket")), moved_TV, teacher_TV)
    assert (bucket_T >= -1e-12).all()
    if of == "teacher" and away > 0.5:
        assert (bucket_T > 1e-3).all()
        assert (values(Loss(ReverseKL(), TopK(4, tail="drop")), moved_TV, teacher_TV) < -1e-3).all()  # the fault itself, on purpose


@pytest.mark.parametrize("support", [None, TopK(4, tail="renorm"), TopK(4, tail="bucket"), TopK(4, "student", tail="bucket")], ids=repr)
@pytest.mark.parametrize("divergence", DIVERGENCES, ids=repr)
def test_zero_loss_and_zero_gradient_where_student_equals_teacher(divergence, support):
    loss, both_TV = Loss(divergence, support, temperature=1.1), logits(0)
    torch.testing.assert_close(values(loss, both_TV, both_TV + 3.0), torch.zeros(TOKENS, dtype=torch.float64), rtol=0, atol=1e-14)
    torch.testing.assert_close(gradient(loss, both_TV, both_TV + 3.0), torch.zeros_like(both_TV), rtol=0, atol=1e-14)


def test_the_gradient_of_a_dropped_tail_does_not_vanish_at_the_teacher():
    for divergence in (ForwardKL(), ReverseKL()):
        assert gradient(Loss(divergence, TopK(4, tail="drop")), logits(0), logits(0)).abs().max() > 1e-2


def test_O9_another_teacher_gives_another_gradient():
    for divergence in DIVERGENCES:
        for support in (None, TopK(4, tail="renorm"), TopK(4, "student", tail="bucket")):
            first, second = (gradient(Loss(divergence, support), logits(0), logits(seed)) for seed in (1, 2))
            assert (first - second).abs().max() > 1e-2
    for route in ("policy", "sampled", None):
        with pytest.raises(ValueError, match="say 'direct'"):
            Loss(ReverseKL(), route=route)


@quick
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([0.1, 1.0, 5.0, 20.0]), nearness=st.sampled_from([0.0, 1e-5, 1e-3, 1e-2, 1.0]))
def test_P1_and_O6_no_value_is_negative_in_fp32(seed, scale, nearness):
    """Flat and peaked, nearly equal and far apart, without any clamp."""
    student_TV = logits(seed, tokens=2, vocabulary=20_000, scale=scale, dtype=torch.float32)
    teacher_TV = student_TV + nearness * logits(seed + 1, tokens=2, vocabulary=20_000, scale=scale, dtype=torch.float32)
    for divergence in DIVERGENCES:
        for support in (None, TopK(16, tail="renorm"), TopK(16, tail="bucket"), TopK(16, "student", tail="bucket")):
            assert values(Loss(divergence, support), student_TV, teacher_TV).min() >= -3e-7


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("loss", [Loss(ForwardKL()), Loss(ReverseKL(), TopK(3, tail="bucket")), NLL()], ids=repr)
def test_P2_values_are_fp32_whatever_the_logits_are(loss, dtype):
    student_TV, teacher_TV = logits(0).to(dtype), logits(1).to(dtype)
    found_T = values(loss, student_TV, teacher_TV)
    assert found_T.dtype == torch.float32 and values(loss, student_TV.double(), teacher_TV.double()).dtype == torch.float64
    torch.testing.assert_close(found_T.double(), values(loss, student_TV.double(), teacher_TV.double()), rtol=1e-5, atol=1e-6)


@quick
@given(seed=st.integers(0, 10_000), shift=st.floats(-50, 50), temperature=st.floats(0.3, 3.0))
def test_a_shift_of_logits_changes_nothing_and_temperature_divides_them(seed, shift, temperature):
    student_TV, teacher_TV = logits(seed), logits(seed + 1)
    for divergence in DIVERGENCES:
        loss_T = values(Loss(divergence, temperature=temperature), student_TV, teacher_TV)
        torch.testing.assert_close(loss_T, values(Loss(divergence), student_TV / temperature, teacher_TV / temperature))
        torch.testing.assert_close(loss_T, values(Loss(divergence, temperature=temperature), student_TV + shift, teacher_TV - shift))


def test_NLL_reads_the_sampled_token_and_no_teacher():
    student_TV, token_ids_T = logits(0), torch.tensor([3, 0, 11, 3, 7])
    found_T = NLL()(TokenScores(student_TV, None, token_ids_T))
    torch.testing.assert_close(found_T, -torch.log(torch.softmax(student_TV, -1)[range(5), token_ids_T]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TopK(0, tail="renorm"), "from 1 up"),
        (lambda: TopK(2.0, tail="renorm"), "from 1 up"),
        (lambda: TopK(True, tail="renorm"), "from 1 up"),
        (lambda: TopK(32), "what becomes of the tokens outside"),
        (lambda: TopK(32, tail="rest"), "'renorm'.*'bucket'.*'drop'"),
        (lambda: TopK(32, "union", tail="bucket"), "whose top k"),
        (lambda: Clip(0.0), "clip=None"),
        (lambda: Clip(math.nan), "clip=None"),
        (lambda: Clip(math.inf), "clip=None"),
        (lambda: Clip(0.1, "token"), "'position' or scope='vocab'"),
        (lambda: Loss(ForwardKL(), temperature=0.0), "above 0"),
        (lambda: Loss(ForwardKL(), temperature=math.inf), "above 0"),
        (lambda: Loss(ForwardKL), r"ForwardKL\(\)"),
        (lambda: Loss("forward_kl"), r"ForwardKL\(\)"),
        (lambda: Loss(None), r"ForwardKL\(\)"),
        (lambda: Loss(ForwardKL(), 32), r"TopK\(32"),
        (lambda: Loss(ForwardKL(), clip=0.1), r"Clip\(0.1\)"),
        (lambda: Loss(ForwardKL())(TokenScores(logits(0), None, torch.zeros(TOKENS))), r"NLL\(\)"),
        (lambda: TokenScores(logits(0), logits(1)[:, 1:], torch.zeros(TOKENS)), "real vocabulary"),
        (lambda: TokenScores(logits(0), logits(1), torch.zeros(TOKENS - 1)), "token_ids_T"),
        (lambda: TokenScores(logits(0)[0], None, torch.zeros(1)), r"\[T, V\]"),
    ],
)
def test_what_is_wrong_is_refused_with_its_remedy(make, message):
    with pytest.raises(ValueError, match=message):
        make()


FULL = Loss(ReverseKL(), TopK(8, tail="drop"), Clip(0.2, "vocab"), temperature=2.0)
PARTS = [ForwardKL(), ReverseKL(), JSD(0.5), TopK(8, tail="bucket"), Clip(0.1), FULL, NLL()]


@pytest.mark.parametrize("part", PARTS, ids=repr)
def test_a_part_is_a_value(part):
    assert part.version == 1
    assert eval(repr(part)) == part == copy.deepcopy(part) == pickle.loads(pickle.dumps(part)) == dataclasses.replace(part)
    assert hash(part) == hash(copy.deepcopy(part))
    with pytest.raises(dataclasses.FrozenInstanceError):
        part.k = 3
    if isinstance(part, (Loss, NLL)):
        assert part.at(0.0) is part.at(0.7) is part


def test_the_field_tail_has_no_default_for_those_who_read_fields():
    assert {field.name: field.default for field in dataclasses.fields(TopK)}["tail"] is dataclasses.MISSING
    assert repr(Loss(ForwardKL())) == "Loss(ForwardKL())"
    assert repr(Loss(JSD(0.5), temperature=1.1)) == "Loss(JSD(teacher_mix=0.5), temperature=1.1)"

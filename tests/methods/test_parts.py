"""The parts against references written from their formulas in float64, one number at a time; estimates by summing over all that may be drawn."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from methods.parts.losses import (
    Bridge,
    Credit,
    ForwardKL,
    GeneralisedReverseKL,
    Loss,
    Over,
    Policy,
    ReverseKL,
    Sampled,
    SkewForwardKL,
    SkewReverseKL,
    Squared,
    TokenScores,
    TopK,
)  # fmt: skip
from methods.parts.peers import WithPeers
from methods.parts.rewards import Guide, Reward, advantages
from methods.parts.teachers import Extrapolated
from methods.parts.tokens import Both, Lasting, Prefix, Teachable, Tip, TokenStats, TopEntropy, UnsureTeacher, WithoutFirst
from methods.parts.writers import BestOf, Mixed, candidates, judged, responses

V, T = 8, 6
CLOSE = {"rel": 1e-9, "abs": 1e-12}


def logits(seed: int, rows: int = T, columns: int = V) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def softmax(row) -> list[float]:
    weights = [math.exp(x) for x in row.tolist()]
    return [w / sum(weights) for w in weights]


def top(values, k):
    return sorted(range(len(values)), key=lambda v: -values[v])[:k]


def scores(student, teacher, **columns) -> TokenScores:
    ids = torch.arange(len(student)) % student.shape[1]
    return TokenScores(student, teacher, ids, **columns)


REFERENCES = {
    "skew reverse": (Loss(SkewReverseKL(0.1)), lambda p, q: sum(a * math.log(a / (0.1 * a + 0.9 * b)) for a, b in zip(p, q, strict=True))),
    "skew forward": (Loss(SkewForwardKL(0.3)), lambda p, q: sum(b * math.log(b / (0.3 * b + 0.7 * a)) for a, b in zip(p, q, strict=True))),
    "generalised": (
        Loss(GeneralisedReverseKL(), TopK(3, tail="drop")),
        lambda p, q: sum(p[v] * math.log(p[v] / q[v]) - p[v] + q[v] for v in top(q, 3)),
    ),
    "bridge": (
        Loss(ForwardKL(), target=Bridge(0.5)),
        lambda p, q: sum(
            b * math.log(b / a) for a, b in zip(p, softmax(torch.tensor([math.log(y) + math.log(x) / 2 for x, y in zip(p, q, strict=True)], dtype=torch.float64)), strict=True)
        ),
    ),
    "over entries": (
        Loss(ReverseKL(), TopK(3, of="student", tail="drop"), route=Policy(bound=0.5)),
        lambda p, q: sum(p[v] / sum(p[u] for u in top(p, 3)) * max(-0.5, min(0.5, math.log(p[v] / q[v]))) for v in top(p, 3)),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("loss", "reference"), REFERENCES.values(), ids=REFERENCES)
def test_values_are_those_of_the_formula(loss, reference):
    student, teacher = logits(0), logits(1)
    found = loss(scores(student, teacher)).tolist()
    assert found == pytest.approx([reference(softmax(p), softmax(q)) for p, q in zip(student, teacher, strict=True)], **CLOSE)


@pytest.mark.parametrize("loss", [SkewReverseKL(0.1), SkewForwardKL(0.3), GeneralisedReverseKL()], ids=repr)
def test_new_divergences_are_never_negative_and_vanish_with_their_gradient_where_both_agree(loss):
    apart, agree = Loss(loss), logits(2).requires_grad_()
    assert (apart(scores(logits(0), logits(1))) > 0).all()
    values = apart(scores(agree, agree.detach()))
    (gradient,) = torch.autograd.grad(values.sum(), agree)
    assert values.abs().max() < 1e-12 and gradient.abs().max() < 1e-12


def test_the_generalised_form_vanishes_on_a_cut_support_where_the_plain_one_does_not():
    leaf = logits(2).requires_grad_()
    for divergence, still in ((GeneralisedReverseKL(), True), (ReverseKL(), False)):
        values = Loss(divergence, TopK(3, tail="drop"))(scores(leaf, leaf.detach()))
        (gradient,) = torch.autograd.grad(values.sum(), leaf)
        assert bool(gradient.abs().max() < 1e-12) is still


def expectation(loss, student, teacher, sampler=None, **columns):
    """Exact expected gradient at one place, over every token that may be drawn."""
    leaf = student.clone().requires_grad_()
    drawn = (student if sampler is None else sampler).log_softmax(-1)
    values = loss(TokenScores(leaf.expand(V, V), teacher.expand(V, V), torch.arange(V), sampler_logprobs_T=drawn, **columns))
    return torch.autograd.grad((drawn.exp() * values).sum(), leaf)[0]


def direct(student, teacher):
    leaf = student.clone().requires_grad_()
    return torch.autograd.grad(Loss(ReverseKL())(TokenScores(leaf[None], teacher[None], torch.tensor([0]))).sum(), leaf)[0]


def test_squared_log_ratios_have_the_expected_gradient_of_reverse_kl():
    student, teacher = logits(0)[0], logits(1)[0]
    torch.testing.assert_close(expectation(Loss(Squared(), Sampled()), student, teacher), direct(student, teacher), rtol=0, atol=1e-12)


def test_capped_ratios_never_weigh_more_than_the_cap_and_change_nothing_on_policy():
    student, teacher = logits(0), logits(1)
    plain, capped = Loss(ForwardKL()), Loss(ForwardKL(), ratio_cap=2.0)
    ids = torch.arange(T) % V
    now = student.log_softmax(-1)[torch.arange(T), ids]
    older = now - torch.tensor([0.0, 0.1, 0.5, 1.0, 5.0, -3.0], dtype=torch.float64)
    found = capped(scores(student, teacher, sampler_logprobs_T=older)) / plain(scores(student, teacher))
    assert found.tolist() == pytest.approx([1.0, math.exp(0.1), math.exp(0.5), 2.0, 2.0, math.exp(-3)], **CLOSE)
    policy = Loss(ReverseKL(), Sampled(), route=Policy(ratio_cap=5.0))
    torch.testing.assert_close(expectation(policy, student[0], teacher[0]), direct(student[0], teacher[0]), rtol=0, atol=1e-12)


def test_credit_gives_back_the_sequence_level_gradient():
    """Two tokens over a small vocabulary, all pairs enumerated: γ = 1 is the derivative of the KL of whole responses."""
    first, second, teach_first, teach_second = logits(0)[0], logits(1, V), logits(2)[0], logits(3, V)
    leaves = first.clone().requires_grad_(), second.clone().requires_grad_()
    p, q = leaves[0].log_softmax(-1), leaves[1].log_softmax(-1)
    whole = p[:, None] + q  # [V, V]: log-probability of a pair
    taught = teach_first.log_softmax(-1)[:, None] + teach_second.log_softmax(-1)
    expected = torch.autograd.grad((whole.exp() * (whole - taught)).sum(), leaves)
    loss, credit = Loss(ReverseKL(), Sampled(), route=Policy(credit=Credit(gamma=1.0))), Credit(gamma=1.0)
    total = 0.0
    for a, b in itertools.product(range(V), repeat=2):
        apart = [(teach_first.log_softmax(-1) - p)[a].item(), (teach_second[a].log_softmax(-1) - q[a])[b].item()]
        assert credit(apart) == pytest.approx([apart[0] + apart[1], apart[1]], **CLOSE)
        ours, theirs = torch.stack([leaves[0], leaves[1][a]]), torch.stack([teach_first, teach_second[a]])
        sampled = torch.stack([p[a], q[a, b]]).detach()
        values = loss(TokenScores(ours, theirs, torch.tensor([a, b]), sampled, torch.tensor(credit(apart), dtype=torch.float64)))
        total = total + whole[a, b].exp().detach() * values.sum()
    for found, wanted in zip(torch.autograd.grad(total, leaves), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("per_token", [True, False])
def test_credit_by_brute_force(gamma, own, per_token):
    if gamma == 0 and not own:
        return
    apart = [0.3, -1.0, 2.0, 0.1]
    found = Credit(gamma, own, per_token)(apart)
    for t, value in enumerate(found):
        later = range(t if own else t + 1, len(apart))
        wanted = sum(gamma ** (i - t) * apart[i] for i in later) / (max(1, len(later)) if per_token else 1)
        assert value == pytest.approx(wanted, **CLOSE)


def test_a_reward_is_ppos_clipped_surrogate():
    student, older = logits(0), logits(0) + 0.3 * logits(4)
    ids = torch.arange(T) % V
    at = (torch.arange(T), ids)
    ratios = (student.log_softmax(-1)[at] - older.log_softmax(-1)[at]).exp().tolist()
    gains = [1.0, -1.0, 0.5, -0.5, 0.0, 2.0]
    columns = {"sampler_logprobs_T": older.log_softmax(-1)[at], "advantage_T": torch.tensor(gains, dtype=torch.float64)}
    wanted = [-min(r * a, max(0.8, min(1.2, r)) * a) for r, a in zip(ratios, gains, strict=True)]
    assert Reward()(scores(student, None, **columns)).tolist() == pytest.approx(wanted, **CLOSE)
    teacher = logits(1)
    apart = (teacher.log_softmax(-1)[at] - student.log_softmax(-1)[at]).tolist()
    sign = lambda a: (a > 0) - (a < 0)  # noqa: E731
    guided = [a * (1 - 0.5 + 0.5 * max(0.8, min(1.2, math.exp(sign(a) * d)))) for a, d in zip(gains, apart, strict=True)]
    wanted = [-min(r * a, max(0.8, min(1.2, r)) * a) for r, a in zip(ratios, guided, strict=True)]
    assert Reward(guide=Guide())(scores(student, teacher, **columns)).tolist() == pytest.approx(wanted, **CLOSE)
    # A reward raises what was right, whoever the teacher is, and on policy its expectation has no baseline.
    flat = torch.ones(V, dtype=torch.float64)
    assert expectation(Reward(), student[0], teacher[0], advantage_T=flat).abs().max() < 1e-12


def test_advantages_are_standardised_within_a_group():
    assert advantages([1.0, 0.0, 0.0, 1.0]) == [1.0, -1.0, -1.0, 1.0]
    found = advantages([1.0, None, 0.0, 0.0])
    assert found[1] == 0.0 and sum(found) == pytest.approx(0) and sum(a * a for a in found) == pytest.approx(3)
    assert advantages([1.0, 1.0]) == advantages([None, 1.0]) == [0.0, 0.0]


def test_extrapolation_goes_through_the_teacher_and_away_from_the_reference():
    teacher, reference = logits(0), logits(1)
    found = Extrapolated(1.5)(teacher, reference).log_softmax(-1)
    for row, (q, r) in zip(found, zip(teacher, reference, strict=True), strict=True):
        weights = [b * (a / b) ** 1.5 for a, b in zip(softmax(q), softmax(r), strict=True)]
        assert row.exp().tolist() == pytest.approx([w / sum(weights) for w in weights], **CLOSE)


def test_what_follows_the_run_goes_from_point_to_point():
    loss = Loss(Over([(0, ForwardKL()), (0.5, ReverseKL())]), temperature=Over([(0, 2.0), (1, 1)]))
    assert [loss.at(p).divergence for p in (0, 0.49, 0.5, 1)] == [ForwardKL(), ForwardKL(), ReverseKL(), ReverseKL()]
    assert [loss.at(p).temperature for p in (0, 0.25, 1)] == [2.0, 1.75, 1.0]
    assert Over([(0, 1), (1, 0)]) == Over([(0.0, 1.0), (1.0, 0.0)])
    with pytest.raises(ValueError, match="above 0"):  # what it becomes must be a loss
        Loss(ForwardKL(), temperature=Over([(0, 1.0), (1, 0.0)]))


# Rules of tokens

LENGTHS = (5, 1, 9, 4)


def stats(*names: str) -> tuple[TokenStats, dict[str, list[float]]]:
    figures = {name: logits(seed, 1, sum(LENGTHS))[0].abs() for seed, name in enumerate(names)}
    return TokenStats(figures, LENGTHS), {name: values.tolist() for name, values in figures.items()}


def quantile(values, q):
    """Between the two values that it lies between."""
    place = q * (len(values) - 1)
    below = sorted(values)[math.floor(place)]
    return below + (sorted(values)[math.ceil(place)] - below) * (place % 1)


def spread(values, low=0.0, high=1.0):
    bottom, ceiling = quantile(values, low), quantile(values, high)
    return [min(1.0, max(0.0, (v - bottom) / (ceiling - bottom))) for v in values]


def kept(values, share):
    best = top(values, max(1, math.ceil(share * len(values) - 1e-9)))
    return [float(place in best) for place in range(len(values))]


def test_rules_over_an_optimizer_step_by_brute_force():
    seen, by = stats("student_entropy", "kl_reverse", "teacher_on_student_top16", "teacher_entropy")
    h, d = spread(by["student_entropy"]), spread(by["kl_reverse"])
    assert Tip(0.5).weigh(seen).tolist() == kept([a + b - a * b for a, b in zip(h, d, strict=True)], 0.5)
    reach = [a * b for a, b in zip(spread(by["kl_reverse"], 0.05, 0.95), by["teacher_on_student_top16"], strict=True)]
    assert Teachable(0.1).weigh(seen).tolist() == kept(reach, 0.1)
    assert UnsureTeacher(0.8).weigh(seen).tolist() == [float(x > 0.8) for x in by["teacher_entropy"]]
    own, start = [], 0
    for length in LENGTHS:
        own += kept(by["student_entropy"][start : start + length], 0.2)
        start += length
    assert TopEntropy(0.2).weigh(seen).tolist() == own
    both = Both(TopEntropy(0.2), UnsureTeacher(0.8))
    assert both.weigh(seen).tolist() == [a * b for a, b in zip(own, UnsureTeacher(0.8).weigh(seen).tolist(), strict=True)]
    assert Tip(1.0).weigh(seen).tolist() == [1.0] * sum(LENGTHS)


def test_lasting_keeps_of_the_suspects_those_that_stay_apart():
    seen, by = stats("kl_reverse")
    wanted, start = [], 0
    for length in LENGTHS:
        apart = by["kl_reverse"][start : start + length]
        suspects = [place for place, yes in enumerate(kept(apart, 0.5)) if yes]
        after = [sum(apart[s + 1 : s + 4]) / max(1, len(apart[s + 1 : s + 4])) for s in suspects]
        lasting = {suspects[place] for place, yes in enumerate(kept(after, 0.5)) if yes}
        wanted += [1.0 if place not in suspects or place in lasting else 0.25 for place in range(length)]
        start += length
    assert Lasting(0.5, 0.5, window=3, otherwise=0.25).weigh(seen).tolist() == wanted


def test_rules_that_look_at_ids_alone():
    assert Prefix(2)([5, 6, 7], dict.get) == [1.0, 1.0, 0.0]
    assert Both(Prefix(2), WithoutFirst(("a",)))([9, 6, 9], {"a": 9}.get) == [0.0, 1.0, 0.0]


# Peers, and who writes


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    "reads",
    [
        WithPeers(),
        WithPeers(successes=1, failures=0),
        WithPeers(successes=0, failures=2),
        WithPeers(peers="random"),
        WithPeers(when="no_success"),
    ],
    ids=repr,
)
def test_7_4_15_peers_never_include_the_rollout_itself(reads, seed):
    draw = torch.Generator().manual_seed(seed)
    rights = [None if x == 2 else bool(x) for x in torch.randint(0, 3, (5,), generator=draw).tolist()]
    group = [(f"text {place}", right) for place, right in enumerate(rights)]
    for own in range(5):
        right, wrong = reads.choose(own, group, [], lambda below: int(torch.randint(0, below, (1,), generator=draw)))
        shown = [*right, *wrong]
        assert f"text {own}" not in shown and len(set(shown)) == len(shown) <= reads.successes + reads.failures
        others = {text: verdict for place, (text, verdict) in enumerate(group) if place != own}
        if reads.peers == "own":
            assert all(others[text] is True for text in right) and all(others[text] is False for text in wrong)
            assert len(right) == min(reads.successes, list(others.values()).count(True))
            wanted = 0 if right and reads.when == "no_success" else reads.failures
            assert len(wrong) == min(wanted, list(others.values()).count(False))


def test_7_4_15_where_all_failed_there_are_failures_or_nothing():
    group = [(f"text {place}", False) for place in range(3)]
    assert WithPeers(successes=2, failures=1).choose(0, group, [], lambda below: 0) == ((), ("text 1",))
    assert WithPeers(successes=2, failures=0).choose(0, group, [], lambda below: 0) == ((), ())


def test_acts_say_what_may_be_trained_on_and_what_is_judged():
    for writer, trained, come_from, asked in (
        (Mixed(), ("student", "solution"), ("student", "solution"), ()),
        (BestOf(), ("picked",), ("candidate", "recovery"), ("candidate", "recovery")),
        (BestOf(recover=None), ("picked",), ("candidate",), ("candidate",)),
        (BestOf(prefer=("random",)), ("picked",), ("candidate",), ()),
    ):
        acts = writer.acts(False)
        assert (responses(acts), candidates(acts), judged(acts)) == (trained, come_from, asked)

"""One optimizer step against autograd through the whole model, and the guards against known faults that live in the engine (tests/harness/test_guards.py has their letters)."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from transformers import PreTrainedConfig

from harness.engine.diagnostics import sampled_signal
from harness.engine.distill import Objective, backward
from harness.engine.readers import Reader
from harness.records import Trajectory
from methods import METHODS
from methods.method import Term
from methods.parts.losses import JSD, NLL, ForwardKL, Loss, Policy, ReverseKL, Sampled, TokenScores, TopK
from methods.parts.teachers import Nobody
from methods.parts.tokens import Every, TokenStats, UnsureTeacher

VOCABULARY = 384
EVERY = Every()
LOSSES = {
    "forward_kl": Loss(ForwardKL()),
    "reverse_topk": Loss(ReverseKL(), support=TopK(5, of="teacher", tail="renorm")),
    "jsd_bucket": Loss(JSD(0.4), support=TopK(7, of="student", tail="bucket"), temperature=1.3),
    "policy": Loss(ReverseKL(), support=Sampled(), route=Policy(ratio_clip=0.2, bound=0.3)),
    "nll": NLL(),
}


def trajectory(seed, prompt=5, response=4, weight=1.0, term="main", teacher_prompt=None, problem=None, token_weights=()):
    """Random ids; `teacher_prompt` of another length than the student's."""
    draw = torch.Generator().manual_seed(seed)
    ids = lambda n: tuple(torch.randint(3, VOCABULARY, (n,), generator=draw).tolist())  # noqa: E731
    prompts = ids(prompt), ids(prompt + 2 if teacher_prompt is None else teacher_prompt)
    written = ids(response)
    sampled = tuple((-6 + 0.1 * torch.randn(response, generator=draw)).tolist())
    return Trajectory(problem or f"p{seed}", 0, term, *prompts, written, weight, token_weights, sampled, advantage=0.7 - 0.5 * (seed % 3))


BATCH = [
    trajectory(0, 5, 4),
    trajectory(1, 11, 9, weight=0.3, teacher_prompt=3),
    trajectory(2, 2, 1, teacher_prompt=20),
    trajectory(3, 7, 6, weight=2.0),
    trajectory(4, 3, 8, weight=0.0),
    trajectory(5, 1, 13),
]


def objective(loss, teacher=None, **more):
    term = Term(loss=loss, teacher=Nobody()) if isinstance(loss, NLL) else Term(loss=loss)
    return Objective({"main": term, **more}, {name: teacher and Reader(teacher, VOCABULARY) for name in ("main", *more)})


def gradient(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def step(model, objective_, batch=BATCH, pad=0, tokens=16384, at=0.5):
    model.zero_grad(set_to_none=True)
    seen = backward(objective_, Reader(model, VOCABULARY), batch, at, pad, tokens).figures
    return seen, gradient(model)


def plain_loss(loss, student, teacher, batch, term="main", rule=EVERY):
    """The objective through model(...).logits, one sequence at a time: no padding, no chunks, no shared code."""
    found = []
    for t in batch:
        if t.term != term:
            continue
        count = len(t.response_ids)

        def logits(model, prompt, t=t, count=count):
            return model(torch.tensor([prompt + t.response_ids])).logits[0, -count - 1 : -1, :VOCABULARY]

        theirs = None
        if teacher is not None:
            with torch.no_grad():
                theirs = logits(teacher, t.teacher_prompt_ids)
        sampled, ours, ids = torch.tensor(t.sampler_logprobs), logits(student, t.student_prompt_ids), torch.tensor(t.response_ids)
        advantage = torch.full((count,), t.advantage)
        if loss.credit is not None:
            apart = [(theirs.log_softmax(-1) - ours.detach().log_softmax(-1))[i, token].item() for i, token in enumerate(t.response_ids)]
            advantage = torch.tensor([sum(apart[i + 1 :]) / max(1, count - i - 1) for i in range(count)])  # of the rest of the response
        values = loss(TokenScores(ours, theirs, ids, sampled, advantage))
        assert values.shape == (count,)
        each = t.weight * torch.tensor(t.token_weights or (1.0,) * count, dtype=torch.float64)
        found.append((values, each, figures(ours.detach(), theirs) if rule.needs else {}))
    divisor = sum(each.sum() for _, each, _ in found)
    if rule.needs:
        names = {name: torch.cat([own[name] for _, _, own in found]) for name in rule.needs}
        weighed = rule.weigh(TokenStats(names, tuple(len(values) for values, _, _ in found))).split([len(values) for values, _, _ in found])
        found = [(values, each * more, own) for (values, each, own), more in zip(found, weighed, strict=True)]
        if not isinstance(rule, UnsureTeacher):  # where few are unsure, they weigh as few
            divisor = sum(each.sum() for _, each, _ in found)
    return sum((each * values).sum() for values, each, _ in found) / divisor


def figures(ours, theirs):
    """What rules of tokens go by, from whole distributions."""
    p, q = ours.softmax(-1), theirs.softmax(-1)
    return {
        "student_entropy": -(p * p.log()).sum(-1),
        "teacher_entropy": -(q * q.log()).sum(-1),
        "kl_reverse": (p * (p / q).log()).sum(-1),
        "teacher_on_student_top16": torch.stack([each[mine.topk(16).indices].sum() for mine, each in zip(p, q, strict=True)]),
    }


def assert_same(left, right, **how):
    assert left.keys() == right.keys()
    for name in left:
        torch.testing.assert_close(left[name], right[name], msg=lambda m, name=name: f"{name}: {m}", **how)


EXACT = {"rtol": 0, "atol": 0}
CLOSE = {"rtol": 1e-9, "atol": 1e-12}


@pytest.fixture(scope="module")
def pair64(tiny_model):
    """Student and teacher of unlike width in double precision; the teacher's head has padding rows."""
    return tiny_model(dtype=torch.float64), tiny_model("llama", tied=False, seed=1, rows=400, width=24, dtype=torch.float64)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize(
    ("family", "tied", "rows"), [("qwen3", True, 384), ("qwen3", False, 390), ("llama", True, 400), ("llama", False, 384)]
)
def test_gradient_of_every_parameter_is_that_of_the_whole_model(tiny_model, pair64, family, tied, rows, loss):
    student = tiny_model(family, tied=tied, rows=rows, seed=3, dtype=torch.float64)
    teacher = None if isinstance(loss, NLL) else pair64[1]
    seen, ours = step(student, objective(loss, teacher), tokens=60)
    student.zero_grad(set_to_none=True)
    value = plain_loss(loss, student, teacher, BATCH)
    value.backward()
    assert seen["loss"] == pytest.approx(value.item(), rel=1e-9)
    assert_same(ours, gradient(student), **CLOSE)
    assert len(ours) == len(list(student.parameters()))
    assert all(g.abs().max() > 0 for g in ours.values())


@pytest.mark.parametrize("name", METHODS)
def test_N5_every_method_goes_through_the_one_reduction(name, pair64):
    student, teacher = pair64
    terms = METHODS[name].terms
    batch = [t for at, term in enumerate(terms) for t in (trajectory(10 * at + i, 3 + i, 2 + i, term=term) for i in range(3))]
    whole = Objective(terms, {k: Reader(teacher, VOCABULARY) if t.scored else None for k, t in terms.items()})
    seen, ours = step(student, whole, batch, at=0.25)
    student.zero_grad(set_to_none=True)
    value = sum(
        t.weight * plain_loss(t.loss.at(0.25), student, teacher if t.scored else None, batch, k, t.tokens) for k, t in terms.items()
    )
    value.backward()
    assert seen["objective"] == pytest.approx(value.item(), rel=1e-9)
    assert_same(ours, gradient(student), **CLOSE)


@pytest.mark.parametrize("name", METHODS)
def test_N2_N3_and_O2_hold_for_every_method(name, pair64):
    """However its batch is cut and ordered, whatever stands in rows that weigh nothing and in tokens that do not."""
    student, teacher = pair64
    terms = METHODS[name].terms
    batch = [t for at, term in enumerate(terms) for t in (trajectory(10 * at + i, 3 + i, 2 + i, term=term) for i in range(3))]
    whole = Objective(terms, {k: Reader(teacher, VOCABULARY) if t.scored else None for k, t in terms.items()})
    seen, ours = step(student, whole, batch, at=0.25)
    rows = [replace(trajectory(90 + at, 4, 9, term=term), weight=0.0) for at, term in enumerate(terms)]
    for other, tokens in ((batch, 12), (batch[::-1], 16384), (rows + batch, 40)):
        again, gradients = step(student, whole, other, tokens=tokens, at=0.25)
        assert again["objective"] == pytest.approx(seen["objective"], rel=1e-9)
        assert_same(gradients, ours, **CLOSE)
    # Another last token, where it weighs nothing: nobody can tell.
    masked = [replace(t, token_weights=(*(1.0,) * (len(t.response_ids) - 1), 0.0)) for t in batch]
    changed = [replace(t, response_ids=(*t.response_ids[:-1], (t.response_ids[-1] + 7) % 300)) for t in masked]
    if all(term.loss.credit is None for term in terms.values()):  # credit gives back from later tokens, which is its point
        (one, first), (two, second) = (step(student, whole, each, at=0.25) for each in (masked, changed))
        assert one["objective"] == pytest.approx(two["objective"], rel=1e-12)
        assert_same(first, second, **CLOSE)


def test_N1_the_denominator_counts_weighted_generated_tokens(pair64):
    student, teacher = pair64
    alone = [step(student, objective(LOSSES["forward_kl"], teacher), [t])[0]["loss"] for t in BATCH[:4]]
    sizes = [t.weight * len(t.response_ids) for t in BATCH[:4]]
    together = step(student, objective(LOSSES["forward_kl"], teacher), BATCH[:4])[0]["loss"]
    assert together == pytest.approx(sum(a * n for a, n in zip(alone, sizes, strict=True)) / sum(sizes), rel=1e-9)
    assert alone[1] == pytest.approx(plain_loss(LOSSES["forward_kl"], student, teacher, [BATCH[1]]).item(), rel=1e-9)


@pytest.mark.parametrize("tokens", [1, 17, 40, 70])
def test_N2_the_gradient_is_equal_for_every_split(pair64, tokens):
    student, teacher = pair64
    whole, reference = step(student, objective(LOSSES["reverse_topk"], teacher), tokens=10**9)
    split, ours = step(student, objective(LOSSES["reverse_topk"], teacher), tokens=tokens)
    assert split == pytest.approx(whole, rel=1e-9)
    assert_same(ours, reference, **CLOSE)


def test_N2_the_order_of_the_batch_does_not_matter(pair64):
    student, teacher = pair64
    _, reference = step(student, objective(LOSSES["forward_kl"], teacher), tokens=40)
    _, ours = step(student, objective(LOSSES["forward_kl"], teacher), BATCH[::-1], tokens=40)
    assert_same(ours, reference, **CLOSE)


def test_N3_nothing_to_train_on_is_a_finite_zero(pair64):
    student, teacher = pair64
    nothing = [trajectory(i, weight=0.0) for i in range(3)]
    for batch in (nothing, []):
        seen, ours = step(student, objective(LOSSES["forward_kl"], teacher), batch)
        assert seen == {"loss": 0.0, "objective": 0.0}
        assert all(g.abs().max() == 0 for g in ours.values())
    # An optimizer and a clip go through it, and leave the weights as they are.
    before = {name: p.clone() for name, p in student.named_parameters()}
    optimizer = torch.optim.AdamW(student.parameters(), lr=0.1, weight_decay=0.0)
    assert torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0) == 0
    optimizer.step()
    assert_same(dict(student.named_parameters()), before, **EXACT)


def test_N3_a_row_of_weight_0_among_others_changes_nothing(pair64):
    student, teacher = pair64
    with_it = step(student, objective(LOSSES["jsd_bucket"], teacher), BATCH)
    without = step(student, objective(LOSSES["jsd_bucket"], teacher), [t for t in BATCH if t.weight])
    assert with_it[0] == without[0]
    assert_same(with_it[1], without[1], **EXACT)


def test_N3_a_term_without_trajectories_adds_zero(pair64):
    student, teacher = pair64
    more = {"extra": Term(loss=LOSSES["reverse_topk"], weight=0.7)}
    two = step(student, objective(LOSSES["forward_kl"], teacher, **more))
    one = step(student, objective(LOSSES["forward_kl"], teacher))
    assert two[0]["extra/loss"] == 0.0
    assert two[0]["objective"] == one[0]["objective"]
    assert_same(two[1], one[1], **EXACT)


def test_terms_are_each_reduced_alone_and_added_by_their_weight(pair64):
    student, teacher = pair64
    extra = [trajectory(20 + i, 4 + i, 3 * i + 1, term="extra") for i in range(3)]
    more = {"extra": Term(loss=LOSSES["reverse_topk"], weight=0.7)}
    seen, ours = step(student, objective(LOSSES["forward_kl"], teacher, **more), BATCH + extra)
    student.zero_grad(set_to_none=True)
    main = plain_loss(LOSSES["forward_kl"], student, teacher, BATCH)
    other = plain_loss(LOSSES["reverse_topk"], student, teacher, extra, "extra")
    (main + 0.7 * other).backward()
    assert seen["extra/loss"] == pytest.approx(other.item(), rel=1e-9)
    assert seen["objective"] == pytest.approx((main + 0.7 * other).item(), rel=1e-9)
    assert_same(ours, gradient(student), **CLOSE)


def test_O2_padding_changes_neither_loss_nor_gradient(pair64):
    student, teacher = pair64
    first = step(student, objective(LOSSES["forward_kl"], teacher), pad=0)
    second = step(student, objective(LOSSES["forward_kl"], teacher), pad=377)
    assert first[0] == second[0]
    assert_same(first[1], second[1], **EXACT)


def test_O2_a_longer_neighbour_changes_nothing_for_a_row(pair64):
    student, teacher = pair64
    alone = step(student, objective(LOSSES["forward_kl"], teacher), [BATCH[0]])
    # The neighbour weighs next to nothing, but makes the micro-batch much wider.
    beside = step(student, objective(LOSSES["forward_kl"], teacher), [BATCH[0], trajectory(9, 40, 30, weight=1e-13)])
    assert beside[0]["loss"] == pytest.approx(alone[0]["loss"], rel=1e-9)
    assert_same(beside[1], alone[1], rtol=1e-7, atol=1e-10)


class Oracle(torch.nn.Module):
    """Its hidden state at position i is the token at i + 1, and its head the identity: it predicts what comes exactly."""

    def __init__(self, sharpness=1.0):
        super().__init__()
        self.head = torch.nn.Linear(VOCABULARY, VOCABULARY, bias=False)
        self.config = PreTrainedConfig()
        self.sharpness = sharpness
        with torch.no_grad():
            self.head.weight.copy_(torch.eye(VOCABULARY) * 200 * sharpness)

    def get_decoder(self):
        def body(input_ids, attention_mask, use_cache):
            ahead = torch.roll(input_ids, -1, dims=1)
            ahead[:, -1] = 1
            return SimpleNamespace(last_hidden_state=torch.nn.functional.one_hot(ahead, VOCABULARY).float())

        return body

    def get_output_embeddings(self):
        return self.head


@pytest.mark.parametrize("tokens", [1, 10**6])
def test_A1_a_model_that_knows_the_next_token_has_no_loss(tokens):
    student, teacher = Oracle(), Oracle()
    seen, _ = step(student, objective(NLL()), tokens=tokens)
    assert seen["loss"] == 0.0
    assert seen["student_logprob"] == 0.0
    seen, _ = step(student, objective(LOSSES["forward_kl"], teacher), tokens=tokens)  # their prompts are of unlike length
    assert seen["loss"] == 0.0
    assert seen["same_top"] == 1.0
    assert seen["teacher_logprob"] == 0.0


def test_A2_every_completion_token_is_trained_whatever_the_prompts():
    batch = [t for t in BATCH if t.weight == 1.0]
    seen = []

    class Watched(Oracle):
        def get_decoder(self):
            inner = super().get_decoder()

            def body(input_ids, attention_mask, use_cache):
                out = inner(input_ids, attention_mask, use_cache)
                seen.append((input_ids, out.last_hidden_state.requires_grad_()))
                return out

            return body

    step(Watched(sharpness=0.01), objective(NLL()), batch)
    ((ids_BL, hidden_BLD),) = seen
    trained = {
        tuple(ids[: int(at[0]) + 1].tolist()): tuple(ids[int(at[0]) + 1 : int(at[-1]) + 2].tolist())
        for ids, at in ((ids, g.abs().sum(-1).nonzero()[:, 0]) for ids, g in zip(ids_BL, hidden_BLD.grad, strict=True))
    }
    assert trained == {t.student_prompt_ids: t.response_ids for t in batch}
    assert int((hidden_BLD.grad.abs().sum(-1) > 0).sum()) == sum(len(t.response_ids) for t in batch)


def test_7_4_16_the_teacher_gets_no_gradient_and_keeps_its_bytes(tiny_model):
    student, teacher = tiny_model(), tiny_model(seed=1)
    before = {name: p.detach().clone() for name, p in teacher.named_parameters()}
    assert all(p.requires_grad for p in teacher.parameters())
    optimizer = torch.optim.AdamW([*student.parameters(), *teacher.parameters()], lr=0.1)
    start = {name: p.detach().clone() for name, p in student.named_parameters()}
    step(student, objective(LOSSES["forward_kl"], teacher))
    assert all(p.grad is None for p in teacher.parameters())
    optimizer.step()
    assert_same(dict(teacher.named_parameters()), before, **EXACT)
    assert all(not torch.equal(p, start[name]) for name, p in student.named_parameters())


def test_7_4_1_trd_that_rewrites_nothing_is_forward_kl(tiny_model):
    """Bitwise."""
    student, teacher = tiny_model(), tiny_model(seed=1)
    trd, forward = (step(student, Objective(METHODS[n].terms, {"main": Reader(teacher, VOCABULARY)})) for n in ("trd", "forward_kl"))
    assert trd[0] == forward[0]
    assert_same(trd[1], forward[1], **EXACT)


def test_7_4_4_opsd_without_anything_more_to_read_teaches_nothing(tiny_model):
    """Same weights, same prompt."""
    student, teacher = tiny_model(dtype=torch.float64), tiny_model(dtype=torch.float64)
    batch = [trajectory(i, 3 + i, 5, teacher_prompt=0) for i in range(3)]
    batch = [Trajectory(t.problem_id, 0, "main", t.student_prompt_ids, t.student_prompt_ids, t.response_ids) for t in batch]
    opsd = Objective(METHODS["opsd"].terms, {"main": Reader(teacher, VOCABULARY)})
    seen, ours = step(student, opsd, batch)
    assert seen["loss"] == pytest.approx(0, abs=1e-14)
    assert seen["same_top"] == 1.0
    assert max(g.abs().max() for g in ours.values()) < 1e-14
    # And it does teach where the teacher reads more.
    seen, ours = step(student, opsd, [trajectory(i, 3 + i, 5, teacher_prompt=9) for i in range(3)])
    assert seen["loss"] > 0.01
    assert max(g.abs().max() for g in ours.values()) > 1e-3


def test_V1_heads_with_unequal_padding_rows_meet_on_the_real_vocabulary(tiny_model):
    student, wide = tiny_model(rows=384, tied=False), tiny_model(seed=1, rows=420, tied=False)
    narrow = tiny_model(seed=1, rows=420, tied=False)
    narrow.resize_token_embeddings(384)
    first = step(student, objective(LOSSES["forward_kl"], wide))
    second = step(student, objective(LOSSES["forward_kl"], narrow))
    assert first[0] == second[0]
    assert_same(first[1], second[1], **EXACT)


def test_V1_padding_rows_of_the_students_head_get_no_gradient(tiny_model):
    _, ours = step(tiny_model(rows=400, tied=False), objective(LOSSES["forward_kl"], tiny_model(seed=1)))
    assert ours["lm_head.weight"][384:].abs().max() == 0
    assert ours["lm_head.weight"][:384].abs().max() > 0


def test_diagnostics_are_means_over_trained_tokens(pair64):
    student, teacher = pair64
    seen, _ = step(student, objective(LOSSES["nll"], teacher), tokens=30)
    sums = dict.fromkeys(("student_logprob", "teacher_logprob", "student_entropy", "kl_reverse"), 0.0)
    count = 0
    for t in (t for t in BATCH if t.weight):
        n = len(t.response_ids)
        with torch.no_grad():
            p, q = (
                model(torch.tensor([prompt + t.response_ids])).logits[0, -n - 1 : -1, :VOCABULARY].log_softmax(-1)
                for model, prompt in ((student, t.student_prompt_ids), (teacher, t.teacher_prompt_ids))
            )
        at = (torch.arange(n), torch.tensor(t.response_ids))
        sums["student_logprob"] += p[at].sum().item()
        sums["teacher_logprob"] += q[at].sum().item()
        sums["student_entropy"] -= (p.exp() * p).sum().item()
        sums["kl_reverse"] += (p.exp() * (p - q)).sum().item()
        count += n
    for name, total in sums.items():
        assert seen[name] == pytest.approx(total / count, rel=1e-8)


def test_token_weights_weigh_their_tokens_and_the_denominator(pair64):
    student, teacher = pair64
    masked = [
        trajectory(0, 5, 4, token_weights=(1.0, 0.0, 0.5, 1.0)),
        trajectory(1, 11, 9, weight=0.3, token_weights=(0.0,) * 8 + (2.0,)),
        trajectory(2, 2, 3),
        trajectory(3, 2, 2, token_weights=(0.0, 0.0)),
    ]
    seen, ours = step(student, objective(LOSSES["forward_kl"], teacher), masked, tokens=20)
    student.zero_grad(set_to_none=True)
    value = plain_loss(LOSSES["forward_kl"], student, teacher, masked)
    value.backward()
    assert seen["loss"] == pytest.approx(value.item(), rel=1e-9)
    assert_same(ours, gradient(student), **CLOSE)


def test_sums_of_each_trajectory_are_its_own(pair64):
    student, teacher = pair64
    seen = backward(objective(LOSSES["forward_kl"], teacher), Reader(student, VOCABULARY), BATCH, 0.5, 0, 40)
    rows = {row["problem_id"]: row for row in seen.trajectories}
    kept = [t for t in BATCH if t.weight]
    assert rows.keys() == {t.problem_id for t in kept}
    for t in kept:
        row, n = rows[t.problem_id], len(t.response_ids)
        with torch.no_grad():
            p, q = (
                model(torch.tensor([prompt + t.response_ids])).logits[0, -n - 1 : -1, :VOCABULARY].log_softmax(-1)
                for model, prompt in ((student, t.student_prompt_ids), (teacher, t.teacher_prompt_ids))
            )
        written = p[torch.arange(n), torch.tensor(t.response_ids)]
        assert row["tokens"] == n
        assert row["student_logprob"] == pytest.approx(written.sum().item(), rel=1e-9)
        assert row["kl_forward"] == pytest.approx((q.exp() * (q - p)).sum().item(), rel=1e-8)
        assert row["loss"] == pytest.approx(row["kl_forward"], rel=1e-8)
        assert row["sampler_gap"] == pytest.approx((written - torch.tensor(t.sampler_logprobs)).abs().sum().item(), rel=1e-6)
        apart = (q - p)[torch.arange(n), torch.tensor(t.response_ids)]
        assert row["log_ratio_abs"] == pytest.approx(sum(abs(each) for each in apart.tolist()), rel=1e-8)
        assert row["log_ratio_square"] == pytest.approx(sum(each**2 for each in apart.tolist()), rel=1e-8)
        assert row["log_ratio_negative"] == sum(each < 0 for each in apart.tolist())
        assert row["log_ratio_steep"] == sum(abs(each) > 5 for each in apart.tolist())
        assert (row["log_ratio_lowest"], row["lowest_token"]) == (pytest.approx(min(apart.tolist())), t.response_ids[int(apart.argmin())])
        assert row["late_tokens"] == n // 2
        later = q[torch.arange(n), torch.tensor(t.response_ids)][n - n // 2 :]
        assert row["late_teacher_logprob"] == pytest.approx(later.sum().item(), rel=1e-8)


def test_sampled_signal_is_of_the_tokens_that_count():
    teacher = torch.tensor([-1.0, -7.0, -2.0, -9.0, -1.0, -3.0])
    counts = torch.tensor([True, True, True, False, True, True])
    found = sampled_signal(torch.full((6,), -1.5), teacher, torch.tensor([4, 5, 6, 7, 8, 9]), counts, [4, 2])
    assert found["log_ratio_abs"] == [0.5 + 5.5 + 0.5, 0.5 + 1.5]
    assert (found["log_ratio_negative"], found["log_ratio_steep"]) == ([2.0, 1.0], [1.0, 0.0])
    assert (found["log_ratio_lowest"], found["lowest_token"]) == ([-5.5, -1.5], [5, 9])
    assert (found["late_tokens"], found["late_teacher_logprob"]) == ([1.0, 1.0], [-2.0, -3.0])


def test_A5_a_sampler_that_said_nothing_is_not_a_number(pair64):
    student, teacher = pair64
    mute = [replace(trajectory(0), sampler_logprobs=()), trajectory(1)]
    rows = backward(objective(LOSSES["forward_kl"], teacher), Reader(student, VOCABULARY), mute, 0.5, 0).trajectories
    assert [row["sampler_gap"] != row["sampler_gap"] for row in sorted(rows, key=lambda row: row["problem_id"])] == [True, False]

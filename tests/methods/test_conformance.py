"""What the entries must be to one another, through the engine: models of two layers in double precision, updates on texts made by hand.

Where a method equals another under a change of one part, or teaches nothing, theory says so and these tests measure it. Elsewhere stand:
the algebra on bare logits (tests/methods/test_losses.py, numbered alike: `-k 7_4`); the expectation over sampled tokens, against the direct
gradient of the reverse KL (tests/methods/test_policy.py); splits, order and padding (tests/harness/engine/test_distill.py, N2 and O2);
that no solution reaches the student (tests/harness/test_corpus.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from harness import prompts
from harness.engine.distill import Objective, backward
from harness.engine.readers import Reader
from harness.records import Trajectory
from harness.world import tokenizer as tokenizers
from methods import METHODS
from methods.method import Method, Term
from methods.parts.contexts import Context, Material, Plain, WithAttempt, WithAttemptAndSolution, WithSolution, WithText
from methods.parts.keep import Outcome, PassRate
from methods.parts.losses import JSD, NLL, Bridge, Clip, ForwardKL, Loss, Policy, ReverseKL, TokenScores, TopK
from methods.parts.rewards import Reward
from methods.parts.teachers import Extrapolated, Frozen
from methods.parts.tokens import Every, Tip
from methods.parts.writers import Student

WORDS = tokenizers.build()
V = max(WORDS.get_vocab().values()) + 1
TEACH = {name: method for name, method in METHODS.items() if method.terms["main"].scored}
ALONE = {name: method for name, method in METHODS.items() if name not in TEACH}
ZERO = 1e-12


def model(seed: int):
    config = Qwen3Config(
        vocab_size=V, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, head_dim=8,
        max_position_embeddings=512, initializer_range=0.3, tie_word_embeddings=True, bos_token_id=None, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Qwen3ForCausalLM(config).double().eval()


@pytest.fixture(scope="module")
def student():
    return model(0)


@pytest.fixture(scope="module")
def teachers():
    return model(1), model(2)


@pytest.fixture(scope="module")
def near(student):
    """A teacher not far away: some of its positions lie below a clip's bound, and some above."""
    found = model(0)
    with torch.no_grad():
        for at, parameter in enumerate(found.parameters()):
            parameter += 0.03 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(at), dtype=parameter.dtype)
    return found


PROBLEMS = [f"Start with {a}. Add {b}. What is the result?" for a, b in ((3, 4), (1, 8), (5, 5), (2, 6))]
ATTEMPTS = [(40, 77, 12, 90, 2), (33, 100, 101), (61, 9, 61, 250, 31, 7), (200, 2)]


PLAIN = Plain()


def texts(reads: Context = PLAIN, solution: str = "", term: str = "main") -> list[Trajectory]:
    """The attempts as responses, read by the student from the problem alone, by the teacher as `reads` has it."""
    made = []
    for problem, ids in zip(PROBLEMS, ATTEMPTS, strict=True):
        attempt = prompts.decode(WORDS, ids) if reads.needs_attempt else None
        material = Material(problem, solution, attempt, "7", ("3 plus 4 is 7.",), ("3 plus 4 is 8.",), "Start with 9. What is it?")
        message = reads(material)
        readings = (tuple(prompts.encode(WORDS, text, "plain")) for text in (problem, message))
        made.append(Trajectory(problem, 0, term, *readings, ids, advantage=1.0 - 0.7 * len(made)))
    return made


def said_by(reader, batch: list[Trajectory]) -> list[Trajectory]:
    """The same, as if this model had sampled them."""
    found = []
    for t in batch:
        with torch.no_grad():
            logits = reader(torch.tensor([t.student_prompt_ids + t.response_ids])).logits[0, -len(t.response_ids) - 1 : -1, :V]
        logprobs = logits.log_softmax(-1).gather(1, torch.tensor(t.response_ids)[:, None])[:, 0]
        found.append(replace(t, sampler_logprobs=tuple(logprobs.tolist())))
    return found


def update(method: Method, student, teacher, batch: list[Trajectory]):
    """Figures of one update and its gradient; every term has the same teacher."""
    return updated(method.terms, student, teacher, batch)


def updated(terms: dict[str, Term], student, teacher, batch: list[Trajectory], third=None):
    student.zero_grad(set_to_none=True)
    readers = {name: None if teacher is None or not t.scored else Reader(teacher, V) for name, t in terms.items()}
    thirds = {name: Reader(third or model(0), V) for name, t in terms.items() if isinstance(t.teacher, Extrapolated)}
    seen = backward(Objective(terms, readers, thirds), Reader(student, V), said_by(student, batch), 0.5, 0).figures
    return seen, torch.cat([p.grad.flatten() for p in student.parameters()])


def with_loss(name: str, **changes) -> Method:
    return replace(METHODS[name], loss=replace(METHODS[name].loss, **changes))


def batch_of(method: Method, **how) -> list[Trajectory]:
    return [t for name, term in method.terms.items() for t in texts(term.reads, term=name, **how)]


# One method as a special case of another


@dataclass(frozen=True, repr=False)
class SeenAndIgnored(WithAttempt):
    """The attempt is asked for, and what is read is the problem alone."""

    def __call__(self, material: Material) -> str:
        assert material.attempt
        return Plain()(material)


def test_7_4_1_a_rewrite_that_changes_nothing_under_a_plain_reading_is_forward_kl(student, teachers):
    """Bitwise: the refined trajectory is the attempt itself, and the teacher is told nothing of it."""
    identity = replace(METHODS["trd"], reads=SeenAndIgnored())
    changed, plain = (
        update(identity, student, teachers[0], batch_of(identity)),
        update(METHODS["forward_kl"], student, teachers[0], texts()),
    )
    assert changed[0] == plain[0] and torch.equal(changed[1], plain[1])
    assert plain[1].abs().max() > 1e-3
    # With the attempt in view it is another method.
    refined = update(METHODS["trd"], student, teachers[0], batch_of(METHODS["trd"]))
    assert refined[0]["loss"] != plain[0]["loss"] and not torch.equal(refined[1], plain[1])
    # And the entry itself, with those two answers, is the other entry.
    assert replace(METHODS["trd"], writer=Student(), reads=Plain()).terms == METHODS["forward_kl"].terms


@pytest.mark.parametrize("name", ["reverse_kl_topk", "revisiting"])
@pytest.mark.parametrize("k", [V, 10 * V])
@pytest.mark.parametrize("tail", ["renorm", "bucket", "drop"])
def test_7_4_2_the_top_k_of_the_whole_vocabulary_is_reverse_kl(student, teachers, name, k, tail):
    whole = replace(with_loss(name, support=TopK(k, tail=tail)), tokens=Every(), writer=Student())
    ours, theirs = (update(method, student, teachers[0], texts()) for method in (whole, METHODS["reverse_kl"]))
    if tail == "drop":  # it does not know that nothing was dropped, and leaves out the correction of a rounding
        assert ours[0]["loss"] == pytest.approx(theirs[0]["loss"], rel=1e-12) and torch.allclose(ours[1], theirs[1], rtol=0, atol=ZERO)
    else:
        assert ours[0] == theirs[0] and torch.equal(ours[1], theirs[1])
    small = update(with_loss(name, support=TopK(8, tail=tail)), student, teachers[0], texts())
    assert small[0]["loss"] != theirs[0]["loss"]


@pytest.mark.parametrize("of", ["teacher", "student"])
def test_7_4_14_all_but_one_token_and_a_bucket_are_reverse_kl(student, teachers, of):
    bucket = update(with_loss("reverse_kl", support=TopK(V - 1, of, tail="bucket")), student, teachers[0], texts())
    full = update(METHODS["reverse_kl"], student, teachers[0], texts())
    assert bucket[0]["loss"] == pytest.approx(full[0]["loss"], rel=1e-12)
    torch.testing.assert_close(bucket[1], full[1], rtol=0, atol=ZERO)
    renormalised = update(with_loss("reverse_kl", support=TopK(V // 2, of, tail="renorm")), student, teachers[0], texts())
    assert (renormalised[1] - full[1]).abs().max() > 1e-6


def unchecked(mix: float) -> JSD:
    """Towards its ends, where it may not be built, for it vanishes there."""
    found = JSD(0.5)
    object.__setattr__(found, "teacher_mix", mix)
    return found


@pytest.mark.parametrize(("mix", "pure"), [(1e-7, ForwardKL()), (1 - 1e-7, ReverseKL())], ids=["to the forward", "to the reverse"])
def test_7_4_3_and_10_jsd_over_its_mix_goes_to_the_pure_divergences_value_and_gradient(mix, pure):
    """The mix is the teacher's weight: little of it, and students are pulled over the teacher's modes; nearly all, and to one of them."""
    teacher_TV, leaf_TV = (torch.randn(50, 12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) for seed in (0, 1))
    leaf_TV.requires_grad_()
    found = []
    for divergence, scale in ((unchecked(mix), min(mix, 1 - mix)), (pure, 1.0)):
        values_T = divergence.summands(leaf_TV.log_softmax(-1), teacher_TV.log_softmax(-1)).sum(-1) / scale
        found.append((values_T.detach(), torch.autograd.grad(values_T.sum(), leaf_TV)[0]))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_7_4_3_jsd_at_one_half_is_symmetric_through_the_engine(student, teachers):
    half, uneven = (with_loss("forward_kl", divergence=JSD(mix)) for mix in (0.5, 0.2))
    values = {
        (method.loss, swapped): update(method, *((teachers[0], student) if swapped else (student, teachers[0])), texts())[0]["loss"]
        for method in (half, uneven)
        for swapped in (False, True)
    }
    assert values[half.loss, False] == pytest.approx(values[half.loss, True], rel=1e-12)
    assert values[uneven.loss, False] != pytest.approx(values[uneven.loss, True], rel=1e-3)


def same(ours, theirs) -> bool:
    return ours[0]["loss"] == pytest.approx(theirs[0]["loss"], rel=1e-12) and torch.allclose(ours[1], theirs[1], rtol=0, atol=ZERO)


def test_7_4_5_a_teacher_extrapolated_by_one_is_the_teacher(student, teachers):
    plain = METHODS["opd_sampled"]
    once, far = (replace(plain, teacher=Extrapolated(scale)) for scale in (1.0, 1.25))
    third = teachers[1]
    ours, beyond = (updated(each.terms, student, teachers[0], texts(), third) for each in (once, far))
    theirs = update(plain, student, teachers[0], texts())
    assert ours[0]["loss"] == theirs[0]["loss"] and torch.equal(ours[1], theirs[1])
    assert not same(beyond, theirs)
    # And over a reference that is the teacher itself there is nothing to go beyond.
    assert same(updated(far.terms, student, teachers[0], texts(), teachers[0]), theirs)
    assert METHODS["exopd"].teacher == Extrapolated(1.25)


def test_7_4_6_a_target_without_the_student_is_forward_kl(student, teachers):
    plain = update(METHODS["forward_kl"], student, teachers[0], texts())
    assert same(update(with_loss("veto", target=Bridge(0.0)), student, teachers[0], texts()), plain)
    assert not same(update(METHODS["veto"], student, teachers[0], texts()), plain)
    assert METHODS["veto"].loss.at(1.0) == Loss(ForwardKL(), target=Bridge(0.0))


@pytest.mark.parametrize(("name", "rule"), [("tip", Tip(1.0)), ("ta_opd", Every()), ("fast_opd", Every())])
def test_7_4_7_every_token_chosen_is_reverse_kl(student, teachers, name, rule):
    plain = update(METHODS["reverse_kl"], student, teachers[0], texts())
    assert same(update(replace(METHODS[name], tokens=rule), student, teachers[0], texts()), plain)
    if METHODS[name].tokens.needs:
        assert not same(update(METHODS[name], student, teachers[0], texts()), plain)


def test_7_4_8_brts_without_its_second_term_is_rethinking():
    assert replace(METHODS["brts"], also={}).terms == METHODS["rethinking"].terms


def test_7_4_9_a_kernel_of_exponents_zero_weighs_all_alike():
    groups = [(True,) * right + (False,) * (4 - right) for right in range(5)]
    flat, kernel = ([keep(Outcome(group[0], None, group)) for group in groups] for keep in (PassRate(0, 0), METHODS["paced"].keep))
    assert flat == [1.0] * 5
    assert kernel == pytest.approx([0, 3 / 16, 4 / 16, 3 / 16, 0])


def test_7_4_10_gkd_at_its_ends_is_on_policy_reverse_kl():
    """Its ends themselves are not writable: a coin that never falls on the other side is a writer, a JSD that vanishes is none."""
    assert replace(METHODS["gkd"], writer=Student(), loss=Loss(ReverseKL())).terms == METHODS["reverse_kl"].terms


def test_7_4_11_a_policy_over_the_whole_vocabulary_is_the_derivative_of_reverse_kl(student, teachers):
    """Exact, and without a sampler: the weights are the student's own."""
    whole = with_loss("rethinking", support=TopK(V, of="student", tail="drop"))
    ours, theirs = (update(method, student, teachers[0], texts()) for method in (whole, METHODS["reverse_kl"]))
    assert same(ours, theirs)
    assert isinstance(METHODS["rethinking"].loss.route, Policy)
    assert not same(update(METHODS["rethinking"], student, teachers[0], texts()), theirs)


# Where nothing is to be learned


@dataclass(frozen=True, repr=False)
class IfAny(WithSolution):
    """The problem alone where its solution is empty."""

    def __call__(self, material: Material) -> str:
        return super().__call__(material) if material.solution else Plain()(material)


@dataclass(frozen=True, repr=False)
class IfAnyAfterAttempt(WithAttemptAndSolution):
    """The problem alone where its solution is empty."""

    def __call__(self, material: Material) -> str:
        return super().__call__(material) if material.solution else Plain()(material)


@dataclass(frozen=True, repr=False)
class IfAnySaid(WithText):
    """The problem alone where its solution is empty; else with a text before it."""

    def __call__(self, material: Material) -> str:
        return super().__call__(material) if material.solution else Plain()(material)


OWN: dict[type[Context], Context] = {
    WithSolution: IfAny(),
    WithAttemptAndSolution: IfAnyAfterAttempt(),
    WithText: IfAnySaid(said="Work in small steps."),
}


@pytest.mark.parametrize("name", [name for name, method in TEACH.items() if isinstance(method.teacher, Frozen)])
def test_7_4_4_self_distillation_without_a_solution_teaches_nothing(student, name):
    method = replace(METHODS[name], reads=OWN[type(METHODS[name].reads)])
    frozen = model(0)
    seen, gradient = update(method, student, frozen, batch_of(method, solution=""))
    assert abs(seen["loss"]) < ZERO and gradient.abs().max() < ZERO and seen["same_top"] == 1.0
    seen, gradient = update(method, student, frozen, batch_of(method, solution="3 plus 4 is 7, so the result is 7."))
    assert seen["loss"] > 1e-3 and gradient.abs().max() > 1e-4


def vanishes(loss) -> bool:
    """Whether nothing is to be learned from a teacher that agrees. Published exceptions: a tail left out, a target sharper than either."""
    dropped = isinstance(getattr(loss, "support", None), TopK) and loss.support.tail == "drop" and loss.route == "direct"
    return isinstance(loss, Loss) and not dropped and loss.target is None


AGREE = [(name, term) for name, method in METHODS.items() for term, each in method.terms.items() if vanishes(each.loss)]


@pytest.mark.parametrize(("name", "term"), AGREE)
def test_a_teacher_that_agrees_teaches_nothing(student, name, term):
    """Loss and gradient are zero at every token: also where a divergence is cut to some entries, clipped, or estimated from sampled tokens."""
    seen, gradient = updated({"main": METHODS[name].terms[term]}, student, model(0), texts())
    assert abs(seen["objective"]) < ZERO and gradient.abs().max() < ZERO


def test_the_exceptions_are_those_that_their_papers_have():
    others = {name for name, method in METHODS.items() for each in method.terms.values() if each.scored and not vanishes(each.loss)}
    assert others == {"eopd", "brts", "veto", "rlsd"}  # rlsd's signal is the verifier's


def test_a_dropped_tail_does_push_where_student_and_teacher_agree(student):
    """Which is why it is for ablations only; and so that the test above is known to see it."""
    _, gradient = update(with_loss("reverse_kl", support=TopK(8, tail="drop")), student, model(0), texts())
    assert gradient.abs().max() > 1e-3


def test_expected_gradient_of_the_placebo_is_zero_and_that_of_truncated_sampling_is_not():
    """Exactly, over every token that may be drawn: training on one's own samples goes nowhere, on one's likely samples it sharpens."""
    logits_V = torch.randn(12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    likely_V = logits_V.masked_fill(logits_V < logits_V.sort().values[6], -torch.inf).softmax(-1)
    found = {}
    for name, drawn_V in (("whole", logits_V.softmax(-1)), ("cut", likely_V)):
        leaf_V = logits_V.clone().requires_grad_()
        values_T = METHODS["placebo"].loss(TokenScores(leaf_V.expand(12, 12), None, torch.arange(12)))
        (found[name],) = torch.autograd.grad((drawn_V * values_T).sum(), leaf_V)
    assert found["whole"].abs().max() < 1e-15 < 1e-2 < found["cut"].abs().max()


# Whose word counts


@pytest.mark.parametrize("name", TEACH)
def test_two_teachers_give_two_gradients(student, near, teachers, name):
    first, second = (update(METHODS[name], student, teacher, batch_of(METHODS[name], solution="7"))[1] for teacher in (near, model(0)))
    assert (first - second).abs().max() > 1e-4
    if isinstance(METHODS[name].loss, Loss) and METHODS[name].loss.clip is None:  # a clip gives up on teachers far away
        first, second = (update(METHODS[name], student, teacher, batch_of(METHODS[name], solution="7"))[1] for teacher in teachers)
        assert torch.nn.functional.cosine_similarity(first, second, dim=0) < 0.999


@pytest.mark.parametrize("name", [name for name, method in TEACH.items() if not method.loss.on_policy])
def test_a_step_against_the_gradient_brings_the_student_nearer(near, name):
    """The sign. Of a loss on sampled tokens it is the expectation that has one: it leads to the teacher in the test O8."""
    mine, batch = model(0), batch_of(METHODS[name], solution="7")
    before, gradient = update(METHODS[name], mine, near, batch)
    with torch.no_grad():
        for parameter in mine.parameters():
            parameter -= 0.02 / gradient.norm() * parameter.grad
    after, _ = update(METHODS[name], mine, near, batch)
    assert after["kl_forward"] < before["kl_forward"] and after["loss"] < before["loss"]


@pytest.mark.parametrize("name", ALONE)
def test_where_nobody_teaches_no_teacher_is_heard(student, teachers, name):
    assert isinstance(METHODS[name].loss, NLL | Reward)
    main, seen = {"main": METHODS[name].terms["main"]}, []
    for teacher in (None, *teachers):
        student.zero_grad(set_to_none=True)
        readers = {"main": teacher and Reader(teacher, V)}  # even one that scores by mistake
        figures = backward(Objective(main, readers), Reader(student, V), said_by(student, texts()), 0.5, 0).figures
        seen.append((figures["objective"], torch.cat([p.grad.flatten() for p in student.parameters()])))
    assert seen[0][0] != 0 and seen[0][1].abs().max() > 1e-3
    assert all(value == seen[0][0] and torch.equal(gradient, seen[0][1]) for value, gradient in seen)


@pytest.mark.parametrize("name", TEACH)
def test_7_4_16_a_step_moves_the_student_and_no_byte_of_the_teacher(near, name):
    mine, teacher = model(0), near
    assert all(p.requires_grad for p in teacher.parameters())  # nothing but the engine keeps gradients from it
    before = [p.detach().clone() for p in teacher.parameters()]
    optimizer = torch.optim.AdamW([*mine.parameters(), *teacher.parameters()], lr=0.1)
    update(METHODS[name], mine, teacher, batch_of(METHODS[name], solution="7"))
    assert all(p.grad is None for p in teacher.parameters())
    optimizer.step()
    assert all(torch.equal(p, old) for p, old in zip(teacher.parameters(), before, strict=True))
    assert any(not torch.equal(p, old) for p, old in zip(mine.parameters(), model(0).parameters(), strict=True))


# Clips


def test_7_4_12_a_position_clip_trains_exactly_the_positions_below_its_bound(student, near):
    """As if the others had been masked; but for the denominator, in which they count."""
    clipped, batch = METHODS["forward_kl_clip"], texts()
    bound = clipped.loss.clip.max
    masked, below, sum_below, count = [], 0, 0.0, 0
    for t in batch:
        with torch.no_grad():
            p, q = (
                reader(torch.tensor([t.student_prompt_ids + t.response_ids])).logits[0, -len(t.response_ids) - 1 : -1].log_softmax(-1)
                for reader in (student, near)
            )
        kl_T = (q.exp() * (q - p)).sum(-1)
        masked.append(replace(t, token_weights=tuple((kl_T <= bound).double().tolist())))
        below, count = below + int((kl_T <= bound).sum()), count + len(kl_T)
        sum_below += kl_T[kl_T <= bound].sum().item()
    assert 0 < below < count, "the clip must bind at some positions and not at others, or this compares nothing"
    ours, theirs = update(clipped, student, near, batch), update(METHODS["forward_kl"], student, near, masked)
    assert ours[0]["loss"] * count == pytest.approx(sum_below + (count - below) * bound, rel=1e-9)
    scale = ours[1].abs().max().item() * count
    torch.testing.assert_close(ours[1] * count, theirs[1] * below, rtol=0, atol=1e-5 * scale)  # the models' norms are in fp32
    by_entry = update(with_loss("forward_kl", clip=Clip(bound, "vocab")), student, near, batch)
    assert by_entry[0]["loss"] != pytest.approx(ours[0]["loss"], rel=1e-3)
    assert torch.nn.functional.cosine_similarity(by_entry[1], ours[1], dim=0) < 0.999


def test_every_entry_stands_in_one_list_or_the_other():
    """A new entry with a frozen teacher says here what it reads where there is nothing more to read."""
    assert TEACH.keys() | ALONE.keys() == METHODS.keys() and TEACH and ALONE
    assert {type(method.reads) for method in TEACH.values() if isinstance(method.teacher, Frozen)} <= OWN.keys()

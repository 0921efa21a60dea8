"""The loss head against plain references that share no line with it, its guards (letters: tests/harness/test_guards.py), and its peak memory."""

from __future__ import annotations

import itertools
import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from harness.engine import divergence
from harness.engine.divergence import chunked_loss
from methods.parts.losses import JSD, NLL, Clip, ForwardKL, Loss, ReverseKL, TokenScores, TopK

DIVERGENCES = {"forward": ForwardKL(), "reverse": ReverseKL(), "jsd": JSD(0.3)}
SUPPORTS = {
    "full": None,
    **{f"{of}-{tail}": TopK(4, of=of, tail=tail) for of in ("teacher", "student") for tail in ("renorm", "bucket", "drop")},
}
TOKENS, VOCABULARY, STUDENT_WIDTH, TEACHER_WIDTH = 7, 11, 5, 6
WEIGHTS = {"plain": [1.0] * 7, "uneven": [0.5, 0.0, 2.0, 1.0, 0.0, 0.25, 3.0], "none": [0.0] * 7}


def problem(seed=0, tokens=TOKENS, vocabulary=VOCABULARY, dtype=torch.float64) -> dict:
    """Random inputs of chunked_loss by name; the student's side asks for gradients."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    return {
        "student_hidden_TD": normal(tokens, STUDENT_WIDTH).requires_grad_(),
        "student_head_VD": normal(vocabulary, STUDENT_WIDTH).requires_grad_(),
        "teacher_hidden_TE": normal(tokens, TEACHER_WIDTH),
        "teacher_head_VE": normal(vocabulary, TEACHER_WIDTH),
        "token_ids_T": torch.randint(vocabulary, (tokens,), generator=generator),
        "weights_T": torch.rand(tokens, generator=generator, dtype=torch.float64).to(dtype),
    }


def gradients(inputs: dict, total: torch.Tensor) -> list[torch.Tensor]:
    return list(torch.autograd.grad(total, [inputs["student_hidden_TD"], inputs["student_head_VD"]]))


def probabilities(logits_V, temperature):
    powers_V = torch.exp(logits_V / temperature)
    return powers_V / powers_V.sum()


def reference_token(loss, student_V, teacher_V, token):
    """One token's value from explicit sums over softmax probabilities, and whether a clip bound it."""
    if isinstance(loss, NLL):
        return -torch.log(probabilities(student_V, 1.0)[token]), False
    p, q = probabilities(student_V, loss.temperature), probabilities(teacher_V, loss.temperature)
    if loss.support is not None:
        by = q if loss.support.of == "teacher" else p.detach()
        kept = sorted(range(len(p)), key=lambda entry: -by[entry].item())[: loss.support.k]
        others = [entry for entry in range(len(p)) if entry not in kept]
        if loss.support.tail == "renorm":
            p, q = p[kept] / p[kept].sum(), q[kept] / q[kept].sum()
        elif loss.support.tail == "bucket":
            p, q = (torch.cat([side[kept], side[others].sum()[None]]) for side in (p, q))
        else:
            p, q = p[kept], q[kept]
    if isinstance(loss.divergence, ForwardKL):
        summands = [q_v * torch.log(q_v / p_v) for p_v, q_v in zip(p, q, strict=True)]
    elif isinstance(loss.divergence, ReverseKL):
        summands = [p_v * torch.log(p_v / q_v) for p_v, q_v in zip(p, q, strict=True)]
    else:
        b = loss.divergence.teacher_mix
        middle = [b * q_v + (1 - b) * p_v for p_v, q_v in zip(p, q, strict=True)]
        summands = [
            b * q_v * torch.log(q_v / m_v) + (1 - b) * p_v * torch.log(p_v / m_v) for p_v, q_v, m_v in zip(p, q, middle, strict=True)
        ]
    bound = loss.clip.max if loss.clip is not None else None
    if bound is not None and loss.clip.scope == "vocab":
        clipped = [f if f.item() <= bound else torch.tensor(bound, dtype=f.dtype) for f in summands]
        return sum(clipped), any(f.item() > bound for f in summands)
    value = sum(summands)
    if bound is not None and value.item() > bound:
        return torch.tensor(bound, dtype=value.dtype), True
    return value, False


def reference(loss, inputs: dict, weights_T) -> tuple[torch.Tensor, torch.Tensor, list[bool]]:
    """The weighted sum (graph attached), the values, and where a clip bound."""
    total, values, bound = 0.0 * inputs["student_hidden_TD"].sum() + 0.0 * inputs["student_head_VD"].sum(), [], []
    for at in range(len(weights_T)):
        student_V = inputs["student_head_VD"] @ inputs["student_hidden_TD"][at]
        teacher_V = inputs["teacher_head_VE"] @ inputs["teacher_hidden_TE"][at]
        value, clipped = reference_token(loss, student_V, teacher_V, inputs["token_ids_T"][at])
        values.append(value.detach())
        bound.append(clipped)
        if weights_T[at] > 0:
            total = total + weights_T[at] * value
    return total, torch.stack(values), bound


def assert_equal_to_reference(loss, inputs) -> list[bool]:
    """Values, sum and both gradients, for every weighting and chunk size. Returns where a clip bound."""
    for weights in WEIGHTS.values():
        weights_T = torch.tensor(weights, dtype=torch.float64)
        expected, expected_T, bound = reference(loss, inputs, weights_T)
        expected_gradients = gradients(inputs, expected)
        for chunk_tokens in (1, 3, None):
            total, values_T = chunked_loss(loss, **(inputs | {"weights_T": weights_T}), chunk_tokens=chunk_tokens)
            torch.testing.assert_close(total, expected, rtol=0, atol=1e-8)
            torch.testing.assert_close(values_T, expected_T, rtol=0, atol=1e-8)
            assert not values_T.requires_grad
            for found, wanted in zip(gradients(inputs, total), expected_gradients, strict=True):
                torch.testing.assert_close(found, wanted, rtol=0, atol=1e-8)
    return bound


@pytest.mark.parametrize("clip", [None, "position", "vocab"])
@pytest.mark.parametrize("support", SUPPORTS)
@pytest.mark.parametrize("name", DIVERGENCES)
def test_O1_equals_the_plain_reference_in_value_and_gradient(name, support, clip):
    for seed, temperature in ((0, 1.0), (1, 1.3)):
        # Each combination has its own scale; a bound at the median value is met by some tokens and not by others.
        plain = Loss(DIVERGENCES[name], SUPPORTS[support], temperature=temperature)
        inputs = problem(seed)
        _, values_T, _ = reference(plain, inputs, torch.ones(TOKENS))
        level = max(values_T.abs().median().item(), 1e-3) * (0.3 if clip == "vocab" else 1.0)
        loss = Loss(DIVERGENCES[name], SUPPORTS[support], clip and Clip(level + 1e-6, clip), temperature=temperature)
        bound = assert_equal_to_reference(loss, inputs)
        assert any(bound) == (clip is not None), "the clip must bind somewhere, or this compares nothing"


def test_O1_equals_the_plain_reference_for_NLL_without_a_teacher():
    inputs = problem()
    assert_equal_to_reference(NLL(), inputs)
    with_teacher = chunked_loss(NLL(), **inputs)
    alone = chunked_loss(NLL(), **(inputs | {"teacher_hidden_TE": None, "teacher_head_VE": None}))
    assert torch.equal(with_teacher[1], alone[1])


def test_O1_inner_chunks_change_nothing(monkeypatch):
    inputs, loss = problem(tokens=23), Loss(JSD(0.5))
    whole, whole_T = chunked_loss(loss, **inputs)
    monkeypatch.setitem(divergence.INNER_ENTRIES, "cpu", 4 * VOCABULARY)  # 4 tokens at once, within chunks of 10
    inner, inner_T = chunked_loss(loss, **inputs, chunk_tokens=10)
    torch.testing.assert_close(inner_T, whole_T, rtol=0, atol=1e-14)
    for found, wanted in zip(gradients(inputs, inner), gradients(inputs, whole), strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13)


def test_O1_the_sum_composes_with_the_rest_of_a_graph():
    """The upstream gradient scales ours, and gradients reach what the hidden states and a tied head were made of."""
    inputs, loss = problem(), Loss(ForwardKL())
    embedding_VD = inputs["student_head_VD"]

    def tied():
        return inputs | {"student_hidden_TD": embedding_VD[inputs["token_ids_T"]] * 0.7}

    total, _ = chunked_loss(loss, **tied())
    expected, _, _ = reference(loss, tied(), inputs["weights_T"])
    (found,) = torch.autograd.grad(3.0 * total + total**2, embedding_VD)
    (wanted,) = torch.autograd.grad(3.0 * expected + expected**2, embedding_VD)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-8)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 9), chunk=st.integers(1, 10), name=st.sampled_from(sorted(DIVERGENCES)))
def test_7_4_13_micro_batches_and_padding_change_nothing(seed, cut, chunk, name):
    inputs, loss = problem(seed, tokens=9), Loss(DIVERGENCES[name])
    whole, _ = chunked_loss(loss, **inputs)
    per_token = {key: value for key, value in inputs.items() if key.endswith(("_TD", "_TE", "_T"))}
    parts = []
    for rows in (slice(0, cut), slice(cut, 9)):
        parts.append(chunked_loss(loss, **(inputs | {key: value[rows] for key, value in per_token.items()}), chunk_tokens=chunk)[0])
    padded = {key: torch.cat([value, value[:4].flip(0)]) for key, value in per_token.items()}
    padded["weights_T"] = torch.cat([inputs["weights_T"], torch.zeros(4, dtype=torch.float64)])
    wanted = gradients(inputs, whole)
    for total in (parts[0] + parts[1], chunked_loss(loss, **(inputs | padded), chunk_tokens=chunk)[0]):
        torch.testing.assert_close(total, whole, rtol=0, atol=1e-11)
        for found, expected in zip(gradients(inputs, total), wanted, strict=True):
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("loss", [Loss(ForwardKL()), Loss(ReverseKL(), TopK(3, tail="bucket")), NLL()], ids=repr)
def test_N3_nothing_to_train_on_is_a_connected_finite_zero(loss):
    for tokens in (0, 3):
        inputs = problem(tokens=tokens)
        total, values_T = chunked_loss(loss, **(inputs | {"weights_T": torch.zeros(tokens, dtype=torch.float64)}))
        assert total.item() == 0.0 and total.requires_grad and values_T.shape == (tokens,)
        for gradient, name in zip(gradients(inputs, total), ("student_hidden_TD", "student_head_VD"), strict=True):
            assert gradient.shape == inputs[name].shape and not gradient.any()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda scores: scores.student_TV.logsumexp(-1).mean(),
        lambda scores: scores.student_TV,
        lambda scores: scores.student_TV.logsumexp(-1)[:-1],
        lambda scores: scores.student_TV.logsumexp(-1, keepdim=True),
        lambda scores: 1.0,
        lambda scores: scores.student_TV.logsumexp(-1).bfloat16(),
    ],
    ids=["mean", "unsummed", "one-short", "column", "float", "narrow"],
)
def test_N4_a_loss_returns_one_wide_number_per_token(wrong):
    with pytest.raises(ValueError, match="A loss returns"):
        chunked_loss(wrong, **problem())


def test_a_loss_that_ignores_the_student_is_refused():
    with pytest.raises(ValueError, match="train nothing"):
        chunked_loss(lambda scores: scores.teacher_TV.logsumexp(-1), **problem())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i: {"weights_T": i["weights_T"][:-1]}, "weights_T"),
        (lambda i: {"weights_T": i["weights_T"][:, None]}, "weights_T"),
        (lambda i: {"token_ids_T": i["token_ids_T"][:-1]}, "hidden states for"),
        (lambda i: {"teacher_hidden_TE": i["teacher_hidden_TE"][1:]}, "teacher hidden states"),
        (lambda i: {"teacher_hidden_TE": i["teacher_hidden_TE"][:1]}, "teacher hidden states"),  # would broadcast
        (lambda i: {"teacher_head_VE": i["teacher_head_VE"][:, 1:]}, "teacher hidden states"),
        (lambda i: {"student_hidden_TD": i["student_hidden_TD"][None]}, "student hidden states"),
        (lambda i: {"teacher_hidden_TE": None}, "both"),
        (lambda i: {"weights_T": i["weights_T"].clone().requires_grad_()}, "constants"),
        (lambda i: {"chunk_tokens": 0}, "chunk_tokens"),
    ],
)
def test_A5_what_does_not_fit_is_an_error(change, message):
    inputs = problem()
    with pytest.raises(ValueError, match=message):
        chunked_loss(Loss(ForwardKL()), **(inputs | change(inputs)))


def test_V1_heads_of_different_length_are_refused_and_cut_ones_agree():
    inputs = problem()
    generator = torch.Generator().manual_seed(5)
    more = torch.randn(3, TEACHER_WIDTH, generator=generator, dtype=torch.float64) + 3  # rows of no token, and likely ones
    longer = inputs | {"teacher_head_VE": torch.cat([inputs["teacher_head_VE"], more])}
    with pytest.raises(ValueError, match="real vocabulary"):
        chunked_loss(Loss(ReverseKL()), **longer)
    cut = longer | {"teacher_head_VE": longer["teacher_head_VE"][:VOCABULARY]}
    assert torch.equal(chunked_loss(Loss(ReverseKL()), **cut)[1], chunked_loss(Loss(ReverseKL()), **inputs)[1])


@pytest.mark.parametrize("garbage", [1e3, float("nan"), float("inf")])
@pytest.mark.parametrize("loss", [Loss(ForwardKL()), Loss(JSD(0.5), clip=Clip(0.1)), NLL()], ids=repr)
def test_O2_masked_positions_change_neither_loss_nor_gradient(loss, garbage):
    inputs = problem()
    weights_T = torch.tensor(WEIGHTS["uneven"], dtype=torch.float64)
    masked = weights_T == 0
    total, _ = chunked_loss(loss, **(inputs | {"weights_T": weights_T}))
    wanted = gradients(inputs, total)
    hidden_TD = inputs["student_hidden_TD"].detach().masked_fill(masked[:, None], garbage).requires_grad_()
    spoiled = inputs | {"weights_T": weights_T, "student_hidden_TD": hidden_TD}
    spoiled["teacher_hidden_TE"] = inputs["teacher_hidden_TE"].masked_fill(masked[:, None], -garbage)
    spoiled["token_ids_T"] = torch.where(masked, (inputs["token_ids_T"] + 1) % VOCABULARY, inputs["token_ids_T"])
    for chunk_tokens in (2, None):
        again, _ = chunked_loss(loss, **spoiled, chunk_tokens=chunk_tokens)
        torch.testing.assert_close(again, total, rtol=0, atol=1e-14)
        for found, expected in zip(gradients(spoiled, again), wanted, strict=True):
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-14)
            assert found.isfinite().all()


@pytest.mark.parametrize(
    "loss",
    [
        NLL(),
        Loss(ForwardKL()),
        Loss(ReverseKL(), temperature=0.7),
        Loss(JSD(0.5), temperature=1.1),
        *(
            Loss(ReverseKL(), TopK(3, of=of, tail=tail))
            for of, tail in itertools.product(("teacher", "student"), ("renorm", "bucket", "drop"))
        ),
        Loss(ForwardKL(), clip=Clip(1.0)),
        Loss(ForwardKL(), clip=Clip(0.05, "vocab")),
    ],
    ids=repr,
)
def test_O3_matches_finite_differences(loss):
    inputs = problem(tokens=4, vocabulary=6)

    def total(hidden_TD, head_VD):
        changed = inputs | {"student_hidden_TD": hidden_TD, "student_head_VD": head_VD}
        return chunked_loss(loss, **changed, chunk_tokens=3)[0]

    assert torch.autograd.gradcheck(total, (inputs["student_hidden_TD"], inputs["student_head_VD"]), atol=1e-6, rtol=1e-5)
    total, values_T = chunked_loss(loss, **inputs)
    assert all(gradient.abs().max() > 1e-3 for gradient in gradients(inputs, total))
    if isinstance(loss, Loss) and loss.clip == Clip(1.0):
        assert 0 < (values_T == 1.0).sum() < 4


def test_7_4_16_the_teacher_receives_no_gradient_and_no_change():
    inputs = problem()
    teacher = [inputs[name].requires_grad_() for name in ("teacher_hidden_TE", "teacher_head_VE")]
    before = [side.detach().clone() for side in teacher]
    optimizer = torch.optim.SGD([inputs["student_head_VD"], *teacher], lr=0.1)
    student_before = inputs["student_head_VD"].detach().clone()
    chunked_loss(Loss(JSD(0.5)), **inputs)[0].backward()
    assert [side.grad for side in teacher] == [None, None]
    optimizer.step()
    assert all(torch.equal(side, was) for side, was in zip(teacher, before, strict=True))
    assert not torch.equal(inputs["student_head_VD"], student_before)


def test_frozen_parts_get_no_gradient_and_no_graph_where_none_is_wanted():
    inputs, loss = problem(), Loss(ReverseKL())
    full, full_T = chunked_loss(loss, **inputs)
    wanted_hidden, wanted_head = gradients(inputs, full)
    frozen_head = inputs | {"student_head_VD": inputs["student_head_VD"].detach()}
    (found,) = torch.autograd.grad(chunked_loss(loss, **frozen_head)[0], inputs["student_hidden_TD"])
    assert torch.equal(found, wanted_hidden)
    frozen_body = inputs | {"student_hidden_TD": inputs["student_hidden_TD"].detach()}
    (found,) = torch.autograd.grad(chunked_loss(loss, **frozen_body)[0], inputs["student_head_VD"])
    assert torch.equal(found, wanted_head)
    with torch.no_grad():
        total, values_T = chunked_loss(loss, **inputs)
    assert not total.requires_grad and torch.equal(values_T, full_T) and total.item() == full.item()


def test_observe_returns_columns_in_the_order_of_the_tokens():
    inputs = problem()

    def look(scores):
        assert not scores.student_TV.requires_grad
        return {"student": scores.student_TV.logsumexp(-1), "teacher": scores.teacher_TV.gather(-1, scores.token_ids_T[:, None])[:, 0]}

    plain, _ = chunked_loss(Loss(ForwardKL()), **inputs)
    total, _, columns = chunked_loss(Loss(ForwardKL()), **inputs, chunk_tokens=3, observe=look)
    student_TV = inputs["student_hidden_TD"] @ inputs["student_head_VD"].T
    teacher_TV = inputs["teacher_hidden_TE"] @ inputs["teacher_head_VE"].T
    torch.testing.assert_close(columns["student"], student_TV.detach().logsumexp(-1))
    torch.testing.assert_close(columns["teacher"], teacher_TV[range(TOKENS), inputs["token_ids_T"]])
    for found, wanted in zip(gradients(inputs, total), gradients(inputs, plain), strict=True):
        torch.testing.assert_close(found, wanted)
    _, _, empty = chunked_loss(Loss(ForwardKL()), **problem(tokens=0), observe=look)
    assert {name: column.shape for name, column in empty.items()} == {"student": (0,), "teacher": (0,)}
    with pytest.raises(ValueError, match="one number per token"):
        chunked_loss(Loss(ForwardKL()), **inputs, observe=lambda scores: {"mean": scores.student_TV.mean()})


@pytest.mark.parametrize("loss", [Loss(ForwardKL()), Loss(ReverseKL(), TopK(4, tail="bucket")), Loss(JSD(0.5)), NLL()], ids=repr)
def test_P2_bf16_inputs_are_computed_and_returned_wide(loss):
    """Against float64 of the same bf16 numbers: 1e-6 would be out of reach had anything been rounded to bf16 (4e-3) on the way."""
    narrow = problem(tokens=40, vocabulary=50, dtype=torch.bfloat16)
    exact = {name: value.detach().double() if value.is_floating_point() else value for name, value in narrow.items()}
    for name in ("student_hidden_TD", "student_head_VD"):
        exact[name].requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):  # as a trainer's forward pass would
        total, values_T = chunked_loss(loss, **narrow)
    expected, expected_T = chunked_loss(loss, **exact)
    assert values_T.dtype == total.dtype == torch.float32
    torch.testing.assert_close(values_T.double(), expected_T, rtol=1e-5, atol=1e-5)
    for found, wanted in zip(gradients(narrow, total), gradients(exact, expected), strict=True):
        assert found.dtype == torch.bfloat16  # rounded once, at the very end
        torch.testing.assert_close(found.double(), wanted, rtol=2**-8, atol=1e-5)


def test_P2_autocast_does_not_reach_into_a_loss():
    inputs = problem(dtype=torch.float32)
    mixing_VV = torch.randn(VOCABULARY, VOCABULARY, generator=torch.Generator().manual_seed(3))

    def loss(scores):
        return (scores.student_TV @ mixing_VV).float().logsumexp(-1)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, inside_T = chunked_loss(loss, **inputs)
    assert torch.equal(inside_T, chunked_loss(loss, **inputs)[1])


def test_P1_no_value_is_negative_where_student_and_teacher_nearly_agree():
    """At a real vocabulary's size and in bf16, where peers see negative divergences."""
    generator = torch.Generator().manual_seed(0)
    head = (torch.randn(151_936, 8, generator=generator) * 0.3).bfloat16()
    hidden = torch.randn(6, 8, generator=generator).bfloat16()
    nudged = hidden + 2**-7 * torch.randn(6, 8, generator=generator).bfloat16()
    for loss in (Loss(ForwardKL()), Loss(ReverseKL()), Loss(JSD(0.5))):
        for teacher in (hidden, nudged):
            _, values_T = chunked_loss(loss, hidden, head, teacher, head, torch.zeros(6, dtype=torch.long), torch.ones(6))
            assert values_T.min() >= -1e-7 and values_T.max() < 0.1


# Peak memory: counted, not measured, so it is exact, quick, and needs neither the memory nor a GPU.


class LiveStorage(TorchDispatchMode):
    """Counts bytes of storages born inside it and not yet freed; `peak` is their maximum. Known storages do not count."""

    def __init__(self, known):
        super().__init__()
        self.known = [tensor.untyped_storage() for tensor in known]  # held, so that their addresses are not used again
        self.alive = {storage._cdata: 0 for storage in self.known}
        self.now = self.peak = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self.count(tensor.untyped_storage())
        return result

    def count(self, storage):
        if storage._cdata not in self.alive:
            self.alive[storage._cdata] = storage.nbytes()
            weakref.finalize(storage, self.forget, storage._cdata)
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)

    def forget(self, address):
        self.now -= self.alive.pop(address)


def peak_gib(head, trained: bool, tokens: int = 16_384) -> float:
    """Peak live storage over the inputs of `head(inputs) -> sum`, forward and backward, with a 1.5B student of a 7B teacher."""
    with FakeTensorMode():
        inputs = {
            "student_hidden_TD": torch.empty(tokens, 1536, requires_grad=True),
            "student_head_VD": torch.empty(151_936, 1536, requires_grad=trained),
            "teacher_hidden_TE": torch.empty(tokens, 3584),
            "teacher_head_VE": torch.empty(151_936, 3584),
            "token_ids_T": torch.empty(tokens, dtype=torch.long),
            "weights_T": torch.empty(tokens),
        }
        with LiveStorage(inputs.values()) as live:
            head(inputs).backward()
    return live.peak / 2**30


@pytest.mark.slow  # some seconds each, for shapes alone
@pytest.mark.parametrize(
    ("name", "trained"),
    [
        pytest.param(name, trained, id=f"{name}-{head}")
        for name in DIVERGENCES
        for trained, head in ((True, "trained-head"), (False, "frozen-head"))
    ],
)
def test_peak_memory_at_16384_tokens(name, trained, monkeypatch):
    monkeypatch.setitem(divergence.INNER_ENTRIES, "cpu", max(divergence.INNER_ENTRIES.values()))  # as on the device that allows most
    peak = peak_gib(lambda inputs: chunked_loss(Loss(DIVERGENCES[name]), **inputs)[0], trained)
    floor = 2 * 512 * 151_936 * 4 / 2**30 + trained * 151_936 * 1536 * 4 / 2**30  # logits of a chunk, twice; the head's gradient
    assert floor < peak <= 3.5


def test_peak_memory_counts_what_a_full_logits_head_holds():
    """The measure can fail: at a sixteenth of the tokens the plain way holds, as by arithmetic, logits and log-probabilities of both."""

    def naive(inputs):
        student_TV = inputs["student_hidden_TD"] @ inputs["student_head_VD"].t()
        teacher_TV = inputs["teacher_hidden_TE"] @ inputs["teacher_head_VE"].t()
        values_T = Loss(ForwardKL())(TokenScores(student_TV, teacher_TV, inputs["token_ids_T"]))
        return (values_T * inputs["weights_T"]).sum()

    logits = 1024 * 151_936 * 4 / 2**30
    small = peak_gib(naive, trained=False, tokens=1024)
    assert 4 * logits < small < 12 * logits
    assert peak_gib(naive, trained=False) > 16 * 4 * logits > 3.5

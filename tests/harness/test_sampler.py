"""The transformers sampler: the right distribution, its own stream for each sample, ids in and ids out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from harness.records import Sampling
from harness.sampling.hf import HfSampler, Request, pick
from harness.seeds import derive, uniforms

PLAIN = Sampling(temperature=1.0, top_p=1.0, top_k=-1, max_tokens=12)
logit_rows = st.lists(st.floats(-6, 6), min_size=2, max_size=12)


def distribution(logits, sampling):
    """Brute force in double precision: temperature, then the top k with ties, then the smallest set that holds top_p."""
    scaled = np.array(logits, dtype=np.float64) / sampling.temperature
    if 0 < sampling.top_k < len(scaled):
        scaled[scaled < np.sort(scaled)[-sampling.top_k]] = -np.inf
    probs = np.exp(scaled - scaled.max())
    probs /= probs.sum()
    kept, mass = np.zeros(len(probs), dtype=bool), 0.0
    for i in np.argsort(-probs, kind="stable"):
        if mass >= sampling.top_p:
            break
        kept[i], mass = True, mass + probs[i]
    probs = np.where(kept, probs, 0.0)
    return probs / probs.sum()


@pytest.mark.parametrize(
    "sampling",
    [
        PLAIN,
        Sampling(0.6, 1.0, -1, 1),
        Sampling(1.7, 0.8, -1, 1),
        Sampling(1.0, 0.5, -1, 1),
        Sampling(1.0, 1.0, 4, 1),
        Sampling(0.7, 0.85, 5, 1),
        Sampling(1.0, 1.0, 1, 1),
        Sampling(1.0, 0.01, -1, 1),
    ],
)
def test_pick_draws_from_the_distribution(sampling):
    logits = [0.3, -1.0, 2.0, 1.9, 0.0, -4.0, 1.0, 0.3, -0.5]
    count = 40_000
    picked = pick(torch.tensor([logits]).expand(count, -1), sampling, torch.from_numpy(uniforms(11, count)))
    seen = np.bincount(picked.numpy(), minlength=len(logits))
    probs = distribution(logits, sampling)
    assert (seen[probs == 0] == 0).all()
    if (probs > 0).sum() > 1:
        assert chisquare(seen[probs > 0], count * probs[probs > 0]).pvalue > 1e-3


@settings(max_examples=200)
@given(logit_rows, st.floats(0.3, 2), st.sampled_from([0.1, 0.5, 0.9, 0.95, 1.0]), st.sampled_from([-1, 0, 1, 2, 5, 100]))
def test_pick_inverts_the_cumulative_distribution(logits, temperature, top_p, top_k):
    sampling = Sampling(temperature, top_p, top_k, 1)
    draws = torch.linspace(0, 1, 41, dtype=torch.float64)[:-1]
    picked = pick(torch.tensor([logits]).expand(40, -1), sampling, draws).numpy()
    probs = distribution(np.float32(logits), sampling)
    ends = probs.cumsum()
    for draw, token in zip(draws.numpy(), picked, strict=True):
        if probs[token] == 0:  # only where rounding moved the border of top_p or a tie
            assert top_p < 1.0 or len(set(np.float32(logits))) < len(logits)
        elif abs(distribution(logits, Sampling(temperature, 1.0, top_k, 1)) - probs).max() < 1e-9:  # nothing cut by top_p
            assert ends[token] - probs[token] - 1e-5 <= draw <= ends[token] + 1e-5


def test_pick_at_the_ends_of_the_mass():
    """A token without any mass is never drawn, not even by 0 or by the largest draw below 1."""
    logits = torch.tensor([[-torch.inf, 0.0, -torch.inf, 0.0, -torch.inf]])
    assert pick(logits, PLAIN, torch.tensor([0.0], dtype=torch.float64)).item() == 1
    assert pick(logits, PLAIN, torch.tensor([np.nextafter(1, 0)])).item() == 3
    assert pick(logits, PLAIN, torch.tensor([1.0], dtype=torch.float64)).item() == 3
    assert pick(torch.zeros(1, 5), Sampling(1.0, 0.2, -1, 1), torch.tensor([0.999999])).item() == 0


@pytest.fixture(scope="module")
def prompts():
    draw = np.random.default_rng(0)
    return [tuple(int(i) for i in draw.integers(3, 384, n)) for n in (9, 1, 4, 30, 4)]


def requests_for(prompts, samples=3):
    return [Request(prompt, derive(number, sample)) for number, prompt in enumerate(prompts) for sample in range(samples)]


def sampler(model, stops=(2,), vocabulary=384, batch=256):
    return HfSampler(model, list(stops), 0, vocabulary, batch)


def plain_loop(model, request, sampling, stops, vocabulary=384):
    """One request, no cache, no padding, no batch; the whole text is read again for every token."""
    draws, ids, logprobs = uniforms(request.seed, sampling.max_tokens), list(request.prompt_ids), []
    for t in range(sampling.max_tokens):
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[:, -1, :vocabulary].float()
        token = pick(logits, sampling, torch.tensor([draws[t]])).item()
        logprobs.append(logits.log_softmax(1)[0, token].item())
        ids.append(token)
        if token in stops:
            return tuple(ids[len(request.prompt_ids) :]), "stop", logprobs
    return tuple(ids[len(request.prompt_ids) :]), "length", logprobs


STOPS = tuple(range(2, 60))


@pytest.mark.parametrize("family", ["qwen3", "llama"])
@pytest.mark.parametrize("sampling", [PLAIN, Sampling(0.7, 0.9, 20, 12)])
def test_batch_cache_and_padding_write_what_a_plain_loop_writes(tiny_model, prompts, family, sampling):
    """Ragged prompts, several samples each, rows that stop at different times; in double precision no draw sits on an edge."""
    model = tiny_model(family, dtype=torch.float64)
    asked = requests_for(prompts)
    written = sampler(model, STOPS).write(asked, sampling)
    assert {w.finish_reason for w in written} == {"stop", "length"}
    for request, w in zip(asked, written, strict=True):
        ids, reason, logprobs = plain_loop(model, request, sampling, STOPS)
        assert (w.response_ids, w.finish_reason) == (ids, reason)
        assert w.logprobs == pytest.approx(logprobs, abs=1e-5)


@pytest.mark.parametrize("batch", [1, 4, 256])
def test_results_stand_in_the_order_of_requests_whatever_the_batches(tiny_model, prompts, batch):
    model = tiny_model(dtype=torch.float64)
    asked = requests_for(prompts)
    together = sampler(model, STOPS).write(asked, PLAIN)
    assert [w.response_ids for w in sampler(model, STOPS, batch=batch).write(asked, PLAIN)] == [w.response_ids for w in together]
    shuffled = np.random.default_rng(1).permutation(len(asked))
    again = sampler(model, STOPS, batch=batch).write([asked[i] for i in shuffled], PLAIN)
    assert [w.response_ids for w in again] == [together[i].response_ids for i in shuffled]


def test_the_same_composition_gives_the_same_bytes(tiny_model, prompts):
    first, second = (sampler(tiny_model(), STOPS).write(requests_for(prompts), PLAIN) for _ in range(2))
    assert first == second


def test_logprobs_are_those_of_a_full_forward(tiny_model, prompts):
    """Under the distribution at temperature 1, nothing cut, whatever the sampling was."""
    model = tiny_model(rows=400)
    for request, w in zip(asked := requests_for(prompts), sampler(model, STOPS).write(asked, Sampling(0.6, 0.9, 20, 12)), strict=True):
        with torch.no_grad():
            logits = model(torch.tensor([request.prompt_ids + w.response_ids])).logits[0, :, :384]
        expected = logits.log_softmax(1)[torch.arange(len(w.response_ids)) + len(request.prompt_ids) - 1, list(w.response_ids)]
        assert w.logprobs == pytest.approx(expected.tolist(), abs=1e-4)


def test_A3_A4_the_reason_is_the_samplers_and_a_stop_token_ends_a_response(tiny_model, prompts):
    written = sampler(tiny_model(), STOPS).write(requests_for(prompts, 8), PLAIN)
    assert {w.finish_reason for w in written} == {"stop", "length"}
    for w in written:
        assert not any(i in STOPS for i in w.response_ids[:-1])
        assert (w.response_ids[-1] in STOPS) == (w.finish_reason == "stop")
        assert len(w.response_ids) == len(w.logprobs)
        assert w.finish_reason == "stop" or len(w.response_ids) == PLAIN.max_tokens


def test_a_stop_at_the_very_last_token_is_a_stop(tiny_model, prompts):
    asked = requests_for(prompts, 20)
    one = Sampling(1.0, 1.0, -1, 1)
    written = sampler(tiny_model(), STOPS).write(asked, one)
    assert {(w.finish_reason, w.response_ids[0] in STOPS) for w in written} == {("stop", True), ("length", False)}


def test_a_padding_id_that_is_sampled_is_a_token_like_any_other(tiny_model, prompts):
    written = sampler(tiny_model(seed=4)).write(requests_for(prompts, 60), Sampling(3.0, 1.0, -1, 40))
    with_padding = [w for w in written if 0 in w.response_ids[:-1]]
    assert with_padding
    assert all(len(w.response_ids) == 40 or w.response_ids[-1] == 2 for w in written)


def test_V1_rows_beyond_the_vocabulary_are_never_sampled(tiny_model, prompts):
    model = tiny_model(rows=480, tied=False)
    with torch.no_grad():
        model.lm_head.weight[384:] *= 20  # they would be drawn nearly always
    written = sampler(model).write(requests_for(prompts, 10), PLAIN)
    assert max(i for w in written for i in w.response_ids) < 384
    assert all(np.isfinite(w.logprobs).all() for w in written)


def test_A9_a_prompt_comes_without_padding(tiny_model):
    for prompt in ((0, 5, 6), ()):
        with pytest.raises(ValueError, match="is empty or padded"):
            sampler(tiny_model()).write([Request((5,), 1), Request(prompt, 1)], PLAIN)


def test_nothing_asked_is_nothing_written(tiny_model):
    assert sampler(tiny_model()).write([], PLAIN) == []


def test_every_written_token_is_reported(tiny_model, prompts):
    told = []
    written = sampler(tiny_model(), STOPS, batch=4).write(requests_for(prompts), PLAIN, told.append)
    assert sum(told) == sum(len(w.response_ids) for w in written)


def test_a_longer_limit_continues_the_same_response(tiny_model, prompts):
    model = tiny_model(dtype=torch.float64)
    short, long = (sampler(model).write(requests_for(prompts), Sampling(1.0, 1.0, -1, n)) for n in (5, 12))
    assert all(b.response_ids[:5] == a.response_ids for a, b in zip(short, long, strict=True))


def test_parts_are_written_one_after_another_each_as_if_alone(tiny_model, prompts):
    """The same bytes as one call a part: what else is asked for does not enter a part's batches."""
    model, told = tiny_model(), []
    parts = [requests_for(prompts, 2), requests_for(prompts[:2], 5), [], requests_for(prompts[3:], 1)]
    together = list(sampler(model, STOPS).write_parts(parts, PLAIN, told.append))
    assert together == [(index, sampler(model, STOPS).write(part, PLAIN)) for index, part in enumerate(parts)]
    assert sum(told) == sum(len(w.response_ids) for _, part in together for w in part)

"""One alignment, whole problems, micro-batches within their budget."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engine.batching import align, hidden_states, micro_batches, whole_problem_batches
from harness.records import Trajectory

CPU = torch.device("cpu")
tokens = st.lists(st.integers(1, 50), min_size=1, max_size=6)
sequences = st.lists(st.tuples(tokens, tokens), min_size=1, max_size=6)


def trajectory(problem, sample=0, term="main", weight=1.0, student=3, teacher=3, response=2):
    return Trajectory(problem, sample, term, (1,) * student, (1,) * teacher, (1,) * response, weight)


trajectories = st.lists(
    st.builds(
        trajectory,
        st.sampled_from("abcdefgh"),
        st.integers(0, 9),
        st.sampled_from(["main", "extra"]),
        st.sampled_from([0.0, 0.5, 1.0]),
        st.integers(1, 9),
        st.integers(0, 9),
        st.integers(1, 9),
    ),
    max_size=30,
)


@given(sequences, st.integers(0, 99))
def test_A1_A2_each_response_token_has_the_position_before_it(pairs, pad):
    prompts, responses = [p for p, _ in pairs], [r for _, r in pairs]
    reading = align(prompts, responses, pad, CPU)
    flat = [token for response in responses for token in response]
    assert reading.input_ids_BL[reading.rows_T, reading.positions_T + 1].tolist() == flat
    assert reading.rows_T.tolist() == [row for row, response in enumerate(responses) for _ in response]
    for row, (prompt, response) in enumerate(pairs):
        length = len(prompt) + len(response)
        assert reading.input_ids_BL[row].tolist() == prompt + response + [pad] * (reading.input_ids_BL.shape[1] - length)
        assert reading.mask_BL[row].tolist() == [1] * length + [0] * (reading.input_ids_BL.shape[1] - length)
        assert reading.positions_T[reading.rows_T == row].tolist() == list(range(len(prompt) - 1, length - 1))


@given(sequences, st.lists(tokens, min_size=6, max_size=6))
def test_A1_two_readings_of_one_response_agree_in_order(pairs, other_prompts):
    responses = [r for _, r in pairs]
    first = align([p for p, _ in pairs], responses, 0, CPU)
    second = align(other_prompts[: len(pairs)], responses, 0, CPU)
    assert torch.equal(first.rows_T, second.rows_T)
    at = [reading.input_ids_BL[reading.rows_T, reading.positions_T + 1] for reading in (first, second)]
    assert torch.equal(*at)


def test_A8_a_prompt_of_nothing_is_refused():
    with pytest.raises(ValueError, match="cannot predict the first token"):
        align([[1], []], [[2], [3]], 0, CPU)


def test_A5_unlike_numbers_of_prompts_and_responses_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        align([[1], [2]], [[2]], 0, CPU)


def test_O2_hidden_states_of_a_padded_batch_are_those_of_each_sequence_alone(tiny_model):
    for family in ("qwen3", "llama"):
        model = tiny_model(family, dtype=torch.float64)
        prompts, responses = [[5, 6, 7], [8], [9] * 12], [[1, 2], [3, 4, 5, 6, 7], [8]]
        together = hidden_states(model.model, align(prompts, responses, 0, CPU))
        alone = [hidden_states(model.model, align([p], [r], 0, CPU)) for p, r in zip(prompts, responses, strict=True)]
        torch.testing.assert_close(together, torch.cat(alone), rtol=1e-10, atol=1e-12)


@given(trajectories, st.integers(1, 6))
def test_a_batch_is_whole_problems(given_, size):
    batches = whole_problem_batches(given_, size)
    assert sorted(map(id, given_)) == sorted(id(t) for batch in batches for t in batch)
    order = list(dict.fromkeys(t.problem_id for t in given_))
    met = [list(dict.fromkeys(t.problem_id for t in batch)) for batch in batches]
    assert [p for problems in met for p in problems] == order  # none in two batches, in the order given

    def full(batch):
        return sum(t.term == "main" and t.weight > 0 for t in batch)

    for number, batch in enumerate(batches):
        last = [t for t in batch if t.problem_id == batch[-1].problem_id]
        if number < len(batches) - 1:
            assert full(batch) >= size
            assert full(batch) - full(last) < size  # cut at the end of the problem that fills it
    assert len(batches) <= 1 or full(batches[-1]) > 0  # no update on nothing


def test_order_within_a_problem_is_kept():
    given_ = [trajectory("a", 0), trajectory("b", 0), trajectory("a", 1), trajectory("a", 0, term="extra")]
    (batch,) = whole_problem_batches(given_, 10)
    assert [(t.problem_id, t.sample, t.term) for t in batch] == [("a", 0, "main"), ("a", 1, "main"), ("a", 0, "extra"), ("b", 0, "main")]
    assert [len(b) for b in whole_problem_batches([trajectory(str(i)) for i in range(7)], 3)] == [3, 3, 1]
    assert whole_problem_batches([], 3) == []


@settings(max_examples=200)
@given(trajectories, st.integers(1, 80))
def test_N2_micro_batches_hold_everything_once_within_the_budget(given_, budget):
    groups = micro_batches(given_, budget)
    assert sorted(map(id, given_)) == sorted(id(t) for group in groups for t in group)

    def width(t):
        return max(len(t.student_prompt_ids), len(t.teacher_prompt_ids)) + len(t.response_ids)

    widths = [width(t) for group in groups for t in group]
    assert widths == sorted(widths, reverse=True)
    for group in groups:
        assert group
        assert len(group) == 1 or len(group) * max(map(width, group)) <= budget
    for group, _ in pairwise(groups):  # none is cut early
        assert (len(group) + 1) * width(group[0]) > budget

"""Meters, limits, the clock that schedules follow, and what work costs."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.costs import TABLE, Size, before, flops, h100_seconds
from harness.engine.budget import Meters, ended_by, progress, rate_factor, reached
from harness.records import Trajectory
from harness.spec.model import METERS

BATCH = [
    Trajectory("a", 0, "main", (1,) * 3, (1,) * 5, (1,) * 7, 1.0, student_written=7, teacher_written=0, teacher_read=12),
    Trajectory("a", 1, "main", (1,) * 3, (1,) * 5, (1,) * 4, 0.0, student_written=4, teacher_written=2, teacher_read=9),
    Trajectory("b", 0, "main", (1,) * 2, (1,) * 5, (1,) * 6, 0.5, student_written=0, teacher_written=6, teacher_read=11),
]


SMALL, LARGE = Size(100, attention=3, cache=8), Size(1000, attention=20, cache=64)


def test_every_meter_is_counted():
    meters = Meters()
    meters.count(BATCH, problems=8, student=SMALL, teachers={"main": LARGE}, adapter=False)
    trained = (3 + 7) + (2 + 6)  # what the student reads with gradient; a weight of 0 is not read
    # Σ of how many tokens stand before each: of 7 after 3, of 4 after 3; of 2 and 6 after 5; passes of 10 and 8; reading as told
    student_context, teacher_context = 7 * 3 + 7**2 / 2 + 4 * 3 + 4**2 / 2, 2 * 5 + 2**2 / 2 + 6 * 5 + 6**2 / 2
    trained_context, read_context = 10**2 / 2 + 8**2 / 2, 12**2 / 2 + 9**2 / 2 + 11**2 / 2
    expected = {
        "updates": 1,
        "epochs": 2 / 8,
        "rounds": 0,
        "student_written": 11,
        "teacher_written": 8,
        "teacher_read": 32,
        "trained": 13,
        "flops": 2 * 100 * (11 + 6)  # what it wrote, and two prompts of 3 to write from
        + 6 * 100 * trained
        + 4 * 3 * (student_context + 2 * 3**2 / 2 + 3 * trained_context)
        + 2 * 1000 * (8 + 32)
        + 4 * 20 * (teacher_context + read_context),
        "gpu_hours": (
            (11 * 200 / 256 + 8 * student_context) / TABLE.fetch
            + (8 * 2000 / 256 + 64 * teacher_context) / TABLE.fetch
            + (6 * 100 * trained + 12 * 3 * trained_context) / TABLE.train
            + (2 * 1000 * 32 + 80 * read_context + 2 * 100 * 6 + 12 * 2 * 3**2 / 2) / TABLE.read
        )
        / 3600,
    }
    assert set(expected) == set(METERS)
    assert meters.spent == pytest.approx(expected)
    meters.count(BATCH, problems=8, student=SMALL, teachers={"main": LARGE}, adapter=False)
    assert meters.spent == pytest.approx({name: 2 * value for name, value in expected.items()})


def test_an_adapter_saves_the_gradient_of_the_weights():
    seven = Size(7)
    assert flops(seven, trained=10) == 420
    assert flops(seven, trained=10, adapter=True) == 280
    assert flops(seven, read=3, written=2) == 70
    assert h100_seconds(Size(0.5), read=TABLE.read) == 1
    assert h100_seconds(Size(0.25), trained=TABLE.train, adapter=True) == 1


def test_before_counts_what_stands_before_each_token():
    assert before(100, 3) == pytest.approx(100 + 101 + 102, abs=3)  # half a token each, for what it is used for
    assert before(0, 1000) == pytest.approx(sum(range(1000)), rel=2e-3)


def test_writing_long_answers_is_bound_by_what_is_fetched():
    """Qwen3-1.7B and 8B in half precision, responses of 16,384 tokens: 1,100 to 4,000 tokens a second, not what arithmetic alone would give."""
    sizes = {"1.7B": Size.of(1.72e9, 28, 16, 8, 128), "8B": Size.of(7.57e9, 36, 32, 8, 128)}
    assert sizes["8B"].cache == 147_456
    rates = {}
    for name, size in sizes.items():
        rates[name] = 16_384 / h100_seconds(size, written=16_384, written_context=before(200, 16_384))
        assert rates[name] < TABLE.read / (2 * size.parameters) / 5
    assert 1100 < rates["8B"] < rates["1.7B"] < 4000
    # Short answers of a full batch are another matter.
    short = 256 / h100_seconds(sizes["1.7B"], written=256, written_context=before(100, 256))
    assert short > 20_000


def test_progress_is_the_largest_spent_share():
    spent = dict.fromkeys(METERS, 0) | {"updates": 5, "trained": 300}
    assert progress(spent, {"updates": 10, "trained": 1000}) == (0.5, "updates")
    assert progress(spent, {"updates": 100, "trained": 1000}) == (0.3, "trained")
    assert progress(spent, {"trained": 100}) == (1.0, "trained")


@pytest.mark.parametrize("meter", METERS)
def test_the_first_limit_met_ends_the_run(meter):
    spent = dict.fromkeys(METERS, 0)
    limits = dict.fromkeys(METERS, 10.0)
    assert ended_by(spent, limits) is None
    assert ended_by({**spent, meter: 9.99}, limits) is None
    assert ended_by({**spent, meter: 10}, limits) == meter
    assert ended_by({**spent, meter: 12}, limits) == meter


@given(st.integers(1, 500), st.integers(1, 5))
def test_fractions_of_epochs_add_up_to_whole_ones(batches, epochs):
    spent = 0.0
    for _ in range(batches * epochs):
        assert not reached(spent, epochs)
        spent += 1 / batches
    assert reached(spent, epochs)


def test_warm_up_is_linear_and_then_the_schedule_begins():
    assert rate_factor(0.05, 0.1, "constant") == pytest.approx(0.5)
    assert rate_factor(0.1, 0.1, "constant") == 1.0
    assert rate_factor(1.0, 0.1, "constant") == 1.0
    assert rate_factor(0.0001, 0.0, "constant") == 1.0
    cosine = {"cosine": {"floor": 0.1}}
    assert rate_factor(0.1, 0.1, cosine) == pytest.approx(1.0)
    assert rate_factor(0.55, 0.1, cosine) == pytest.approx(0.55)
    assert rate_factor(0.1 + 0.9 / 4, 0.1, cosine) == pytest.approx(0.1 + 0.9 * (1 + math.sqrt(0.5)) / 2)
    assert rate_factor(1.0, 0.1, cosine) == pytest.approx(0.1)
    linear = {"linear": {"floor": 0.2}}
    assert rate_factor(0.325, 0.1, linear) == pytest.approx(0.8)
    assert rate_factor(1.0, 0.1, linear) == pytest.approx(0.2)
    wsd = {"wsd": {"decay": 0.2}}
    assert rate_factor(0.05, 0.1, wsd) == pytest.approx(0.5)
    assert [rate_factor(x, 0.1, wsd) for x in (0.1, 0.5, 0.8)] == [1.0, 1.0, 1.0]
    assert rate_factor(0.9, 0.1, wsd) == pytest.approx(0.5)
    assert rate_factor(1.0, 0.1, wsd) == pytest.approx(0.0)


@given(
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(["constant", {"cosine": {"floor": 0.1}}, {"linear": {"floor": 0.0}}, {"wsd": {"decay": 0.3}}, {"wsd": {"decay": 1.0}}]),
)
def test_the_factor_stays_between_0_and_1(share, warmup, schedule):
    assert 0.0 <= rate_factor(share, warmup, schedule) <= 1.0 + 1e-12

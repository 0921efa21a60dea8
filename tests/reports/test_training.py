"""Curves of training: exams on the way from the results, and the logs from the store."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.step import Step
from harness.store import Store
from reports.pictures import pictures
from reports.tables import board
from reports.training import parts


def logged(store, label, seed, values):
    """A train step whose log says so; its address."""
    data = io.BytesIO()
    pq.write_table(pa.table({"updates": list(range(1, len(values) + 1)), "kl_forward": values, "objective": values}), data)
    step = Step("train", {"row": label, "seed": seed}, {}, title="train")
    with store.claim(step.address):
        attempt = store.attempt(step.address)
        (attempt / "log.parquet").write_bytes(data.getvalue())
        store.commit(step, attempt, {}, {}, {})
    return step.address


@pytest.fixture
def group(make_row, make_score):
    rows = [
        make_row("student", exams={}, seed=None).model_copy(update={"scores": {"exam": make_score([1, 1], samples=4, problems_hash="p")}})
    ]
    scores = {
        "exam": make_score([4, 2], samples=4, problems_hash="p"),
        "exam@50%": make_score([2, 2], samples=4, problems_hash="p").model_copy(update={"at": "50%"}),
    }
    rows += [make_row("trd", exams={}, seed=seed).model_copy(update={"scores": scores}) for seed in (0, 1)]
    (made,) = board(rows).groups
    return made


def test_exams_on_the_way_begin_with_the_untrained_student(group):
    (plot,) = pictures(group).on_the_way
    assert plot.head == ("0", "50", "100") and [said.partition(" ")[0] for said in plot.rows[0][1]] == ["25", "50", "75"]
    assert "training" in dict(pictures(group).jumps).values()


def test_logs_of_seeds_are_averaged_and_rows_without_one_are_left_out(group, tmp_path, make_row):
    store = Store(tmp_path)
    rows = [
        make_row("trd", exams={}, seed=seed).model_copy(update={"steps": {"train": logged(store, "trd", seed, values)}})
        for seed, values in enumerate(([1.0, 0.1], [3.0, 0.3]))
    ]
    made = pictures(group, {"trd": rows}, store).training
    (plot,) = made.plots  # of what any method minimises, none: objectives of two losses are not comparable
    assert made.averaged and plot.title == "Forward KL" and plot.rows == (("trd", ("2", "0.2")),)
    assert pictures(group, {"trd": rows}, None).training is None and pictures(group).training is None


def test_long_runs_are_drawn_in_parts():
    xs, ys = parts([float(at) for at in range(1000)])
    assert len(xs) == len(ys) <= 40 and xs[0] == (1 + 50) / 2 and ys[0] == pytest.approx(24.5)
    assert sum(ys) / len(ys) == pytest.approx(499.5)
    assert parts([5.0, 7.0]) == ((1.0, 2.0), (5.0, 7.0))

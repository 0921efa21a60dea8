"""Any budget from one run: which checkpoint stands for a limit, and who cannot be read before its end."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.step import Step
from harness.store import Store
from reports.budgets import any_budget
from reports.columns import endpoint, primary
from reports.grids import drafts_of
from reports.tables import board


def trained(store, label, updates, tokens, schedule):
    """A train step of so many updates, each of so many tokens; its address."""
    log = {
        "share": [(at + 1) / updates for at in range(updates)],
        "updates": [at + 1 for at in range(updates)],
        "student_written": [tokens * (at + 1) for at in range(updates)],
    }
    data = io.BytesIO()
    pq.write_table(pa.table(log), data)
    step = Step("train", {"row": label, "optim": {"schedule": schedule}}, {}, title="train")
    with store.claim(step.address):
        attempt = store.attempt(step.address)
        (attempt / "log.parquet").write_bytes(data.getvalue())
        store.commit(step, attempt, {}, {}, {})
    return step.address


@pytest.fixture
def read(tmp_path, make_row, make_score):
    def made(schedules):
        store = Store(tmp_path / "store")

        def row(label, halfway, end, **more):
            scores = {"exam": make_score(end, samples=4, problems_hash="p")}
            if halfway:
                scores["exam@50%"] = make_score(halfway, samples=4, problems_hash="p").model_copy(update={"at": "50%"})
            return make_row(label, exams={}, **more).model_copy(update={"scores": scores})

        rows = [row("student", None, [0, 1, 0, 1], seed=None)]
        for label, halfway, end, tokens in (("trd", [4, 4, 3, 4], [4, 4, 4, 4], 100), ("opsd", [1, 2, 1, 1], [2, 2, 2, 3], 10)):
            address = trained(store, label, 8, tokens, schedules[label])
            rows.append(row(label, halfway, end).model_copy(update={"steps": {"train": address}}))
        (group,) = board(rows).groups
        found = drafts_of(group, rows)
        over = endpoint(*primary({}, group.exams), group.exams, found["student"])
        return any_budget(group, found, over, store)

    return made


def test_each_limit_reads_the_last_checkpoint_within_it(read):
    found = read({"trd": "constant", "opsd": {"wsd": {"decay": 0.1}}})
    meters = {meter.name: meter for meter in found.meters}
    assert set(meters) == {"updates", "student_written"}
    assert [limited.limit for limited in meters["student_written"].limits] == [40, 80, 400, 800]
    said = [
        ([(one.label, one.at, round(one.score.value, 4)) for one in limited.standings], limited.beyond)
        for limited in meters["student_written"].limits
    ]
    assert said == [
        ([("opsd", "50%", 0.3125)], ("trd",)),
        ([("opsd", "100%", 0.5625)], ("trd",)),
        ([("trd", "50%", 0.9375), ("opsd", "100%", 0.5625)], ()),
        ([("trd", "100%", 1.0), ("opsd", "100%", 0.5625)], ()),
    ]
    first = meters["updates"].limits[0].standings[0]
    assert first.base.value == pytest.approx(0.9375 - 0.125)  # over the untrained student, who sat it once
    assert found.bound == ()


def test_a_rate_that_falls_all_the_way_is_read_at_its_end_alone(read):
    assert read({"trd": {"cosine": {"floor": 0.1}}, "opsd": {"linear": {"floor": 0}}}) is None
    found = read({"trd": "constant", "opsd": {"cosine": {"floor": 0.1}}})
    assert found.bound == ("opsd",)
    (updates,) = [meter for meter in found.meters if meter.name == "updates"]
    assert [[one.label for one in limited.standings] for limited in updates.limits] == [["trd"], ["trd", "opsd"]]


def test_ranks_follow_the_limit_and_a_curve_stands_in_for_a_primary_sat_at_the_end_alone(tmp_path, make_row, make_score):
    """Three seeds: halfway opsd is ahead of trd on every problem, at the end trd is; the primary is another exam, which nobody sat on the way."""
    store, random = Store(tmp_path / "store"), np.random.default_rng(0)
    noise = random.integers(0, 3, (3, 40))

    def scores(half, more=None):
        found = {"exam": make_score([8] * 6, samples=16, problems_hash="e")}
        for at, level in (("25%", half), ("50%", more)):
            if level is not None:
                name = "curve (own@1)" + ("" if at == "50%" else "@25%")
                score = make_score([int(c) for c in level], samples=16, problems_hash="c")
                found[name] = score.model_copy(update={"at": at, "protocol": "own@1"})
        return found

    base = {
        "exam": make_score([4] * 6, samples=16, problems_hash="e"),
        "curve (own@1)": make_score([2] * 40, samples=16, problems_hash="c"),
    }
    base["curve (own@1)"] = base["curve (own@1)"].model_copy(update={"protocol": "own@1"})
    rows = [make_row("student", exams={}, seed=None).model_copy(update={"scores": base})]
    for label, early, late in (("trd", 3, 12), ("opsd", 8, 8)):
        for seed in range(3):
            address = trained(store, f"{label}{seed}", 8, 100, "constant")
            made = make_row(label, exams={}, seed=seed)
            rows.append(made.model_copy(update={"scores": scores(early + noise[seed], late + noise[seed]), "steps": {"train": address}}))
    suite = {"report": {"primary": {"metric": "avg@16", "over": ["exam"]}}}
    (group,) = board(rows, {rows[0].suite: suite}).groups
    found_drafts = drafts_of(group, rows)
    found = any_budget(group, found_drafts, endpoint(*primary(suite, group.exams), group.exams, found_drafts["student"]), store)
    assert found.title == "Avg@16" and found.curve == ("curve (own@1)",)
    updates = next(meter for meter in found.meters if meter.name == "updates")
    assert [[(one.label, one.rank) for one in limited.standings] for limited in updates.limits] == [
        [("opsd", (1, 1)), ("trd", (2, 2))],
        [("trd", (1, 1)), ("opsd", (2, 2))],
    ]
    assert updates.limits[0].standings[0].base.value == pytest.approx((8 + noise.mean() - 2) / 16)


def test_without_a_store_nothing_is_said(read, quickstart):
    (group,) = board(quickstart).groups
    assert any_budget(group, drafts_of(group, quickstart), None, None) is None

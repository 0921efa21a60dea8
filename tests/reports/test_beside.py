"""Tasks of lm-eval on the board: figures, differences with their sense, and that no rank looks at them."""

from __future__ import annotations

import json
import re

import pytest

from harness.results import LmMetric, LmResult, read_result, write_result
from reports import html, load, markdown, render
from reports.tables import board
from reports.terminal import table

NASTY = "<script>alert(1)</script>|`x`"


def sat(
    value: float | None, stderr: float | None = 0.01, task: str = "mmlu", metric: str = "acc,none", higher: bool | None = True, **more
) -> LmResult:
    found = {metric: LmMetric(value=value, stderr=stderr, higher_is_better=higher)}
    return LmResult(**{"task": task, "metrics": found, "n": 400, "num_fewshot": 5, "protocol": f"{task}@1234", "documents": "d-1", **more})


@pytest.fixture
def with_tasks(make_row):
    """Student, teacher, and a method over seeds, each with tasks {name: result} by label."""

    def made(tasks: dict[str, list[dict[str, LmResult]]], suite: dict | None = None):
        rows = []
        for label, by_seed in tasks.items():
            trained = label not in ("student", "teacher")
            for seed, said in enumerate(by_seed):
                rows.append(make_row(label, seed=seed if trained else None).model_copy(update={"lm_eval": said}))
        return board(rows, {"quickstart": suite or {}})

    return made


def cells_of(made, label: str):
    (group,) = made.groups
    return next(row for row in group.beside.rows if row.label == label).cells


@pytest.mark.parametrize(
    ("higher", "value", "expected"),
    [
        (True, 0.40, "worse"), (True, 0.60, "better"), (True, 0.51, None), (False, 0.40, "better"), (False, 0.60, "worse"),
        (None, 0.90, None),
    ],
)  # fmt: skip
def test_better_and_worse_go_by_what_the_metric_means(with_tasks, higher, value, expected) -> None:
    made = with_tasks({"student": [{"t": sat(0.5, higher=higher)}], "trd": [{"t": sat(value, higher=higher)}]})
    (cell,) = cells_of(made, "trd")
    assert cell.delta == pytest.approx(value - 0.5) and cell.beyond == expected
    assert cells_of(made, "student")[0].delta == 0


def test_without_an_error_nothing_is_called_better(with_tasks) -> None:
    made = with_tasks({"student": [{"t": sat(0.5, None)}], "trd": [{"t": sat(0.9)}]})
    assert cells_of(made, "trd")[0].beyond is None and cells_of(made, "trd")[0].delta == pytest.approx(0.4)


def test_seeds_add_their_spread_and_documents_keep_their_error(with_tasks) -> None:
    """Three seeds on the same documents: 0.5, 0.6 and 0.7, each ± 0.03."""
    made = with_tasks({"student": [{"t": sat(0.5)}], "trd": [{"t": sat(value, 0.03)} for value in (0.5, 0.6, 0.7)]})
    found = cells_of(made, "trd")[0].value
    assert found.value == pytest.approx(0.6)
    assert found.stderr == pytest.approx((0.03**2 + 0.01 / 3) ** 0.5)  # the variance of the three is 0.01


def test_other_documents_are_another_column(with_tasks) -> None:
    made = with_tasks({"student": [{"t": sat(0.5, documents="d-2")}], "trd": [{"t": sat(0.6)}]})
    assert len(made.groups[0].beside.tasks) == 2
    assert all(cell.delta is None for cell in cells_of(made, "trd") if cell.value)


def test_a_checkpoint_is_compared_with_the_student_before_training(with_tasks) -> None:
    made = with_tasks({"student": [{"t": sat(0.5)}], "trd": [{"t": sat(0.7), "t@50%": sat(0.6, at="50%")}]})
    assert [task.name for task in made.groups[0].beside.tasks] == ["t@50%", "t"]
    assert [cell.delta for cell in cells_of(made, "trd")] == [pytest.approx(0.1), pytest.approx(0.2)]


def test_tasks_stand_in_the_suites_order(with_tasks) -> None:
    said = {"b": sat(0.5, task="b"), "a": sat(0.5, task="a"), "c/x": sat(0.5, task="x")}
    made = with_tasks({"student": [said]}, {"tasks": ["c", "b", "a"]})
    assert [task.name for task in made.groups[0].beside.tasks] == ["c/x", "b", "a"]


def test_shares_are_percent_and_other_figures_are_not(with_tasks) -> None:
    made = with_tasks(
        {
            "student": [{"acc": sat(0.5), "ppl": sat(17.25, None, "ppl", "word_perplexity,none", False)}],
            "trd": [{"acc": sat(0.25), "ppl": sat(19.5, None, "ppl", "word_perplexity,none", False)}],
        }
    )
    text = markdown.text(made).partition("what training did elsewhere")[2]
    assert re.search(r"\| `trd` \| 25\.0 ± 1\.0 \| −25\.0 worse \| 19\.5 \| \+2\.25 \|", text), text
    page = html.page(made)
    assert "<b>25.0</b>" in page and "−25.0 worse" in page and "<b>19.5</b>" in page and "+2.25" in page
    assert "400 documents · 5 shots" in page


def test_what_failed_says_why_and_a_figure_that_is_none_is_a_dash(with_tasks) -> None:
    failed = LmResult(task="mmlu", protocol="mmlu@1234", reason="lm-eval task mmlu: its rows are gone")
    made = with_tasks({"student": [{"t": sat(0.5)}], "trd": [{"t": failed}], "opsd": [{"t": sat(None)}]})
    assert cells_of(made, "trd")[0].note == "not done" and cells_of(made, "opsd")[0].note == "–"
    for text in (html.page(made), markdown.text(made)):
        assert "its rows are gone" in text
    everywhere = with_tasks({"student": [{"t": failed}]})
    assert "its rows are gone" in html.page(everywhere) and "its rows are gone" in markdown.text(everywhere)


def test_names_and_warnings_from_outside_stay_text(with_tasks) -> None:
    made = with_tasks({"student": [{NASTY: sat(0.5, task=NASTY, metric=f"{NASTY},{NASTY}", warnings=[NASTY], protocol=NASTY)}]})
    assert "<script>alert" not in html.page(made) and "<script>alert" not in markdown.text(made)
    assert "lm-eval warns" in html.page(made)


def test_no_rank_and_no_sentence_looks_at_tasks(three_seeds) -> None:
    """Whatever tasks say, everything else on the board is as it was."""
    loud = [row.model_copy(update={"lm_eval": {"t": sat(0.99 if row.label == "placebo" else 0.01)}}) for row in three_seeds]
    with_, without = board(loud), board(three_seeds)
    for one, other in zip(with_.groups, without.groups, strict=True):
        assert one.rows == other.rows and one.sentence == other.sentence and one.beside and not other.beside
    assert "what training did elsewhere" not in html.page(without) + markdown.text(without)


def test_the_terminal_has_them_where_they_fit(make_row) -> None:
    row = make_row("student", seed=None).model_copy(update={"lm_eval": {"t": sat(0.5)}})
    wide = row.model_copy(update={"lm_eval": {f"a-task-with-a-long-name-{i}": sat(0.5, task=str(i)) for i in range(6)}})
    assert re.search(r"beside, Δ base +t acc\n.*\nstudent +50\.0", table([row]))
    assert "beside" not in table([wide]) and all(len(line) <= 100 for line in table([wide]).splitlines())


def test_files_with_and_without_tasks_are_read(tmp_path, make_row) -> None:
    home = tmp_path / "results" / "quickstart"
    told = make_row("student", seed=None).model_copy(update={"lm_eval": {"t": sat(0.5)}})
    path = write_result(home, told)
    assert read_result(path) == told
    old = json.loads(path.read_text())
    del old["lm_eval"]
    path.write_text(json.dumps(old))
    assert read_result(path).lm_eval == {} and load([home.parent]).groups[0].beside is None
    write_result(home, told)
    first = [file.read_bytes() for file in render([home.parent], tmp_path / "one")]
    assert first == [file.read_bytes() for file in render([home.parent], tmp_path / "two")]

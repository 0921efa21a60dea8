"""Rows as files: written whole, read back equal, refused with place, fault and remedy."""

import json

import pytest
from pydantic import ValidationError

from harness.records import Fault
from harness.results import ExamScore, Result, file_name, write_result
from harness.shelf import read_results, read_suites


def test_a_row_comes_back_as_it_was_written(tmp_path, quickstart):
    paths = [write_result(tmp_path, row) for row in quickstart]
    assert sorted(str(path.relative_to(tmp_path)) for path in paths)[-4:] == [
        "small-world/student.json", "small-world/student_again.json", "small-world/teacher.json", "small-world/trd.seed0.json",
    ]  # fmt: skip
    assert sorted(read_results(tmp_path), key=lambda row: row.label) == sorted(quickstart, key=lambda row: row.label)
    text = paths[0].read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert list(json.loads(text)) == sorted(json.loads(text))
    assert not list(tmp_path.rglob("*.tmp"))


def test_the_budget_stands_in_the_name_only_where_there_are_several(make_row):
    row = make_row("trd")
    assert str(file_name(row)) == "small-world/trd.seed0.json"
    assert str(file_name(row, several_budgets=True)) == "small-world/trd.steps.seed0.json"


def test_a_name_never_leaves_its_folder(make_row):
    row = make_row("trd").model_copy(update={"label": "../../x", "pair": "a/b"})
    assert str(file_name(row)) == "a_b/_._.._x.seed0.json"


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "not JSON"), ("[]", "valid dictionary"), ('{"format": 1}', "suite: Field required"), ("\xff", "not UTF-8")],
)
def test_a_broken_file_is_a_fault_with_a_remedy(tmp_path, text, says):
    (tmp_path / "pair").mkdir()
    (tmp_path / "pair" / "trd.seed0.json").write_text(text, encoding="latin-1")
    with pytest.raises(Fault, match=says) as fault:
        read_results(tmp_path)
    assert "trd.seed0.json" in str(fault.value)
    assert "remove the file" in str(fault.value)


def test_an_unknown_key_is_an_error(make_row):
    with pytest.raises(ValidationError, match="scored"):
        Result.model_validate(make_row("trd").model_dump() | {"scored": 1})


def test_counts_that_cannot_be_are_refused(make_score):
    good = make_score([3, 4]).model_dump()
    for bad in ({"correct": [17, 0]}, {"graded": [16]}, {"correct": [-1, 0]}):
        with pytest.raises(ValidationError):
            ExamScore.model_validate(good | bad)


def test_the_same_row_twice_is_a_fault(tmp_path, make_row):
    path = write_result(tmp_path, make_row("trd"))
    (path.parent / "copy.json").write_bytes(path.read_bytes())
    with pytest.raises(Fault, match="the same row"):
        read_results(tmp_path)


def test_the_suite_is_not_a_row(folder, quickstart):
    assert len(read_results(folder)) == len(quickstart)
    assert set(read_suites(folder.parent)) == {"quickstart"}


def test_a_missing_folder_is_a_fault(tmp_path):
    with pytest.raises(Fault, match="no such folder"):
        read_results(tmp_path / "nowhere")

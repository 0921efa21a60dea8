"""Problems from files: as written, mapped by name, the same ones each time; and faults that say where."""

from __future__ import annotations

import csv
import hashlib
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.records import Fault, Problem
from harness.stages import execute
from harness.stages.problems import mapped, taken
from harness.step import Step
from harness.store import Store
from harness.tables import from_bytes

FIELDS = {"id": "key", "prompt": "question", "answer": "target", "solution": "worked"}
ROWS = [
    {"key": "007", "question": 'Say "a,b"\nthen {c}.', "target": "1.50", "worked": "long\r\ntext"},
    {"key": "010", "question": "Größe?", "target": "2024-01-01", "worked": None},
    {"key": "1e3", "question": "Third", "target": "12345678901234567890", "worked": "so"},
]


def write(path, rows):
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "\n")
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1))
    elif path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def read(tmp_path, path, take="all", **entry) -> list[Problem]:
    return read_with_facts(tmp_path, path, take, **entry)[0]


def read_with_facts(tmp_path, path, take="all", **entry) -> tuple[list[Problem], dict]:
    source = {"name": "mine", "format": path.suffix, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "fields": FIELDS, **entry}
    step = Step("problems", {"source": source, "take": take}, {}, title="problems", local={"file": str(path)})
    store = Store(tmp_path / "store")
    assert execute(step, store, lambda event: None, {}, {})
    found, facts = from_bytes(Problem, store.payload(step.address) / "problems.parquet"), store.record(step.address).facts
    assert facts["problems"] == len(found)
    return found, facts


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".parquet"])
def test_text_stays_as_it_is_written(tmp_path, suffix):
    found = read(tmp_path, write(tmp_path / f"rows{suffix}", ROWS), domain="code")
    assert found == [Problem(r["key"], "code", r["question"], r["target"], None, r["worked"], "mine") for r in ROWS]


def test_numbers_of_json_keep_their_digits(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"q": "x", "a": 1.50}\n{"q": "y", "a": 5}\n{"q": "z", "a": "5"}\n{"q": "w", "a": null}\n')
    assert [p.answer for p in read(tmp_path, path, fields={"prompt": "q", "answer": "a"})] == ["1.50", "5", "5", None]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_missing_column_is_named_with_its_place(tmp_path, suffix):
    path = write(tmp_path / f"rows{suffix}", ROWS)
    with pytest.raises(Fault, match=r"rows\.\w+: row 0 has no column 'solution_text', which `fields` maps to 'solution'.*key, question"):
        read(tmp_path, path, fields={**FIELDS, "solution": "solution_text"})


def test_a_row_that_lacks_a_column_is_named(tmp_path):
    path = write(tmp_path / "rows.jsonl", [*ROWS, {"key": "x", "question": "?"}])
    with pytest.raises(Fault, match="row 3 has no column 'target'"):
        read(tmp_path, path)


def test_ids_that_stand_twice_are_refused(tmp_path):
    path = write(tmp_path / "rows.jsonl", [*ROWS, {**ROWS[0], "question": "other"}])
    with pytest.raises(Fault, match=r"mine: 1 ids stand more than once, '007' first"):
        read(tmp_path, path)


def test_without_an_id_the_prompt_tells_problems_apart(tmp_path):
    path = write(tmp_path / "rows.jsonl", ROWS)
    fields = {"prompt": "question", "answer": "target"}
    first = read(tmp_path, path, fields=fields)
    again = read(tmp_path, write(tmp_path / "turned.jsonl", ROWS[::-1]), fields=fields)
    assert {p.prompt: p.id for p in first} == {p.prompt: p.id for p in again}
    assert len({p.id for p in first}) == 3
    assert all(p.id.startswith("mine-") for p in first)


@pytest.mark.parametrize("blank", ["", " \n"])
def test_an_empty_prompt_is_refused(tmp_path, blank):
    with pytest.raises(Fault, match=r"row 1 has an empty prompt \('question'\)"):
        read(tmp_path, write(tmp_path / "rows.jsonl", [ROWS[0], {**ROWS[1], "question": blank}]))


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".parquet"])
def test_blank_text_is_no_value_and_counted(tmp_path, suffix):
    rows = [ROWS[0], {**ROWS[1], "target": "", "worked": " \n"}, {**ROWS[2], "worked": ""}]
    found, facts = read_with_facts(tmp_path, write(tmp_path / f"rows{suffix}", rows))
    assert [(p.answer, p.solution) for p in found] == [("1.50", "long\r\ntext"), (None, None), ("12345678901234567890", None)]
    assert (facts["without_answer"], facts["without_solution"]) == (1, 2)


def test_problems_of_which_none_can_be_graded_are_refused(tmp_path):
    path = write(tmp_path / "rows.jsonl", [{**row, "target": " "} for row in ROWS])
    with pytest.raises(Fault, match="mine: none of its 3 problems has an answer or tests"):
        read(tmp_path, path)
    rows = [{"question": "?", "target": None, "checks": [1]}]
    (problem,) = read(tmp_path, write(tmp_path / "tests.jsonl", rows), fields={"prompt": "question", "answer": "target", "tests": "checks"})
    assert (problem.answer, problem.tests) == (None, "[1]")


def test_a_text_that_stands_twice_is_taken_once(tmp_path):
    rows = [*ROWS, {**ROWS[1], "key": "other", "target": "later"}, ROWS[0]]
    fields = {"prompt": "question", "answer": "target"}
    found, facts = read_with_facts(tmp_path, write(tmp_path / "rows.jsonl", rows), fields=fields)
    assert [p.answer for p in found] == [row["target"] for row in ROWS]
    assert facts["duplicates"] == 2
    assert read_with_facts(tmp_path, write(tmp_path / "once.jsonl", ROWS), fields=fields)[1]["duplicates"] == 0


ODD = [{**row, "kind": kind} for row, kind in zip(ROWS, ("number", 7, None), strict=True)]


@pytest.mark.parametrize(("values", "kept"), [(["number"], ["007"]), (["number", "7"], ["007", "010"]), ([7], ["010"])])
def test_only_the_rows_asked_for_are_kept(tmp_path, values, kept):
    found = read(tmp_path, write(tmp_path / "rows.jsonl", ODD), only={"kind": values}, count=len(kept))
    assert [p.id for p in found] == kept


def test_a_choice_that_cannot_be_made_is_a_fault(tmp_path):
    path = write(tmp_path / "rows.jsonl", ODD)
    with pytest.raises(Fault, match=r"no problem is left.*`only`"):
        read(tmp_path, path, only={"kind": ["letter"]})
    with pytest.raises(Fault, match="row 0 has no column 'sort', by which `only` chooses"):
        read(tmp_path, path, only={"sort": ["number"]})


def test_another_number_than_was_said_is_refused(tmp_path):
    path = write(tmp_path / "rows.jsonl", ROWS)
    assert len(read(tmp_path, path, count=3)) == 3
    assert len(read(tmp_path, path, take=2, count=3)) == 2  # it counts the source, not what is taken of it
    with pytest.raises(Fault, match=r"mine: 3 problems, but its `count` says 4\. Another source"):
        read(tmp_path, path, count=4)


def test_a_list_is_not_text(tmp_path):
    with pytest.raises(Fault, match="row 0, column 'target' holds a list, but 'answer' is text"):
        read(tmp_path, write(tmp_path / "rows.jsonl", [{**ROWS[0], "target": ["5"]}]))
    path = write(tmp_path / "tests.jsonl", [{"key": "1", "question": "?", "checks": [{"in": 1, "out": 0.5}]}])
    (problem,) = read(tmp_path, path, fields={"id": "key", "prompt": "question", "tests": "checks"})
    assert json.loads(problem.tests) == [{"in": 1, "out": 0.5}]


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("broken.jsonl", json.dumps(ROWS[0]) + '\n{"question": \n', r"broken\.jsonl: it cannot be read as jsonl: line 2"),
        ("list.jsonl", "[1]\n", "line 1: a list stands where an object should"),
        ("one.json", "{}", "it is not a list of objects"),
        ("short.csv", "a,b\n1\n", "row 0 has more or fewer cells"),
        ("not.parquet", "no", "cannot be read as parquet"),
        ("rows.xlsx", "", r"a \.xlsx file is not read. Known: \.jsonl"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, name, text, fault):
    (tmp_path / name).write_text(text)
    with pytest.raises(Fault, match=fault):
        read(tmp_path, tmp_path / name)


def test_an_empty_file_is_a_fault(tmp_path):
    (tmp_path / "rows.jsonl").write_text("\n")
    with pytest.raises(Fault, match="mine: no problem is left"):
        read(tmp_path, tmp_path / "rows.jsonl")


def test_a_file_that_changed_since_the_plan_is_refused(tmp_path):
    path = write(tmp_path / "rows.jsonl", ROWS)
    with pytest.raises(Fault, match="changed since"):
        read(tmp_path, path, sha256="0" * 64)


def test_take_is_fixed_nested_and_in_the_order_of_the_source(tmp_path):
    problems = [Problem(str(i), "math", "?") for i in range(50)]
    some, more = taken(problems, 7), taken(problems, 20)
    assert [int(p.id) for p in some] == [3, 11, 14, 29, 31, 32, 47]
    assert some == taken(problems, 7)
    assert set(some) < set(more)
    assert [int(p.id) for p in more] == sorted(int(p.id) for p in more)
    assert some != problems[:7]
    assert taken(problems, 50) == taken(problems, 99) == taken(problems, "all") == problems


def test_a_frame_is_put_around_the_prompt():
    source = {"name": "s", "fields": {"prompt": "q"}, "prompt": "Solve: {problem} End."}
    assert mapped([{"q": "1+{x}"}], source, "here")[0].problem.prompt == "Solve: 1+{x} End."


def test_a_data_set_is_read_through_the_same_map(tmp_path):
    from datasets import Dataset

    found = mapped(Dataset.from_list(ROWS), {"name": "s", "fields": FIELDS}, "hub")
    assert [each.problem.answer for each in found] == [r["target"] for r in ROWS]

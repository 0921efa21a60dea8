"""harness export: tables for people, and files that other tools read, tried with those tools where they are installed."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections import Counter
from pathlib import Path

import pytest
import yaml

from harness.cli import main
from harness.exporting import evalplus, hub
from harness.exporting.answers import Answer
from harness.grading.tests import pack
from harness.records import Problem, Verdict
from harness.results import ExamScore, Result, read_result, write_result


@pytest.fixture
def export(finished, capsys):
    """The command on a finished run; its code and what it printed."""

    def run(*words, results=finished / "results"):
        code = main(["export", str(results), *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def rows(finished) -> dict[str, Result]:
    found = [read_result(path) for path in (finished / "results" / "smoke" / "tiny").glob("*.json")]
    return {row.label: row for row in found}


@pytest.mark.slow
def test_csv_and_json_hold_the_figures_of_the_rows(export, rows):
    _, said, _ = export("--to", "csv")
    trd = next(line for line in csv.DictReader(io.StringIO(said)) if line["label"] == "trd")
    assert float(trd["avg"]) == pytest.approx(rows["trd"].scores["tiny-exam"].avg_at.value, abs=1e-12)
    _, said, _ = export("--to", "json")
    (group,) = json.loads(said)["groups"]
    found = {row["label"]: row for row in group["rows"]}
    assert found["trd"]["cells"][0]["avg"]["value"] == pytest.approx(rows["trd"].scores["tiny-exam"].avg_at.value, abs=1e-12)
    assert found["trd"]["cells"][0]["avg"]["stderr"] == pytest.approx(rows["trd"].scores["tiny-exam"].avg_at.stderr, abs=1e-12)
    assert group["exams"][0]["name"] == "tiny-exam" and found["trd"]["answers"]["writer"] == rows["trd"].answers.writer


@pytest.mark.slow
def test_latex_has_value_and_delta_in_booktabs(export, rows, tmp_path):
    code, _, _ = export("--to", "latex", "--out", tmp_path / "t.tex")
    text = (tmp_path / "t.tex").read_text()
    assert code == 0 and text.count(r"\begin{tabular}") == text.count(r"\bottomrule") == 2
    value, base = (rows[label].scores["tiny-exam"].avg_at.value for label in ("trd", "student"))
    line = next(line for line in text.splitlines() if line.startswith("trd &"))
    assert line.endswith(r" \\") and f"{100 * value:.1f}" in line
    assert f"& ({100 * (value - base):+.1f})".replace("-", "$-$") in line
    assert r"reverse\_kl\_topk &" in text and "reverse_kl" not in text.replace(r"reverse\_kl", "")
    for columns, table in re.findall(r"\\begin\{tabular\}\{([^\n]*)\}\n(.*?)\\end\{tabular\}", text, re.S):
        assert columns == "lr@{~}r"  # one exam: the score, and the difference beside it
        lines = [line.replace(r"\multicolumn{2}{c}", "&") for line in table.splitlines() if line.endswith(r"\\")]
        assert {line.count("&") for line in lines} == {2}


@pytest.mark.slow
def test_lm_eval_prints_our_results_and_we_read_them_back(export, finished, rows, tmp_path, capsys):
    code, _, _ = export("--to", "lm-eval", "--only", "trd", "--out", tmp_path, "--store", finished / "store")
    assert code == 0
    (results,) = tmp_path.glob("*/results_*.json")
    (samples,) = tmp_path.glob("*/samples_tiny-exam_*.jsonl")
    score = rows["trd"].scores["tiny-exam"]
    said = json.loads(results.read_text())
    make_table = pytest.importorskip("lm_eval.utils").make_table
    table = make_table(said)
    assert re.search(rf"\|\s*tiny-exam\s*\|.*\|avg@4\s*\|.*\|\s*{score.avg_at.value:.4f}\|±\s*\|\s*{score.avg_at.stderr:.4f}\|", table), (
        table
    )
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    assert [sum(verdict == "correct" for verdict in line["verdicts"]) for line in lines] == list(score.correct)
    assert all(len(line["resps"][0]) == 4 and line["avg@4"] == sum(v == "correct" for v in line["verdicts"]) / 4 for line in lines)
    assert main(["import", str(samples), "--label", "back", "--out", str(tmp_path / "back")]) == 0
    (back,) = (read_result(path) for path in (tmp_path / "back").rglob("*.json"))
    (again,) = (found for name, found in back.scores.items() if "avg@4" in name or name == "tiny-exam")
    assert again.correct == score.correct and again.avg_at == score.avg_at
    capsys.readouterr()


@pytest.mark.slow
def test_inspect_gets_every_answer_with_its_verdict(export, finished, rows, tmp_path):
    for out in ("one", "two"):
        assert export("--to", "inspect", "--only", "trd", "--out", tmp_path / out, "--store", finished / "store")[0] == 0
    one, two = (next((tmp_path / out).rglob("tiny-exam.eval")) for out in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    score = rows["trd"].scores["tiny-exam"]
    with zipfile.ZipFile(one) as archive:
        header = json.loads(archive.read("header.json"))
        answers = [json.loads(archive.read(name)) for name in archive.namelist() if name.startswith("samples/")]
    assert header["version"] == 2 and header["status"] == "success"
    right = Counter(answer["id"] for answer in answers if answer["scores"]["verdict"]["value"] == "C")
    assert len(answers) == 32 * 4 and [right[problem] for problem in header["eval"]["dataset"]["sample_ids"]] == list(score.correct)


@pytest.mark.slow
def test_inspect_itself_reads_them(export, finished, rows, tmp_path):
    read_eval_log = pytest.importorskip("inspect_ai.log").read_eval_log
    export("--to", "inspect", "--only", "trd", "--out", tmp_path, "--store", finished / "store")
    read, score = read_eval_log(str(next(tmp_path.rglob("tiny-exam.eval")))), rows["trd"].scores["tiny-exam"]
    assert read.results.scores[0].metrics["accuracy"].value == score.avg_at.value
    assert sum(sample.scores["verdict"].value == "C" for sample in read.samples) == sum(score.correct)


def test_evalplus_gets_the_program_that_was_graded(tmp_path):
    tests = pack(
        {
            "kind": "evalplus", "task_id": "HumanEval/0", "prompt": "def add(a, b):\n", "entry_point": "add", "canonical_solution": "    return a + b\n",
            "base_input": [[1, 2]], "plus_input": [], "atol": 0, "dataset": "humaneval",
        }
    )  # fmt: skip
    problem = Problem("HumanEval/0", "code", "add them", tests=tests, prefill="```python\n")
    wrote = ("def add(a, b):\n    return a + b\n```\nThis adds.", "I cannot.\n")
    found = [Answer(problem, n, text, Verdict("correct" if n == 0 else "wrong"), "") for n, text in enumerate(wrote)]
    row = Result(suite="s", pair="p", label="l", role="method", status="done", seed=0)
    (path,) = evalplus.write(tmp_path, row, {"humaneval_plus": found})
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert path.name == "humaneval.jsonl" and [line["task_id"] for line in lines] == ["HumanEval/0"] * 2
    assert "return a + b" in lines[0]["solution"] and "This adds" not in lines[0]["solution"]
    load = pytest.importorskip("evalplus.data").load_solutions  # what `evalplus.evaluate --samples` reads them with
    assert [each["solution"] for each in load(str(path))] == [line["solution"] for line in lines]
    scope: dict = {}
    exec(lines[0]["solution"], scope)  # our own text, above
    assert scope["add"](2, 3) == 5


def whole(problems=30, n=16) -> ExamScore:
    return ExamScore(
        problems=problems, samples=n, problems_hash="p", graded=(n,) * problems, correct=(8,) * problems,
        avg_at={"k": n, "value": 0.5, "stderr": 0.0}, pass_at={}, protocol="trd-v1@abcd", grader="typed 2",
    )  # fmt: skip


def test_what_the_hub_lacks_to_know_is_asked_for_by_name(tmp_path, capsys):
    """One exam of the hub, one of nobody's: only the first can be named, so only the first is offered."""
    row = Result(suite="s", pair="p", label="trd", role="method", status="done", seed=0, scores={"aime25": whole(), "own": whole()}, steps={"train": "1"})  # fmt: skip
    write_result(tmp_path / "s", row)
    words = ["export", str(tmp_path / "s"), "--to", "hub", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "Say it with --task EXAM=ID. Exams here whose rows are from the hub: aime25." in said
    assert main([*words, "--task", "aime25=aime25-main"]) == 0
    assert len(list((tmp_path / "out").rglob("*.yaml"))) == 1
    capsys.readouterr()


def test_the_hub_gets_entries_that_its_own_parser_takes(tmp_path):
    from huggingface_hub import parse_eval_result_entries

    row = Result(suite="s", pair="p", label="trd", role="method", status="done", seed=0, scores={"aime25": whole()})
    (path,) = hub.write(tmp_path, row, {"aime25": "aime25-main"})
    assert path.parent.name == ".eval_results"
    (entry,) = parse_eval_result_entries(yaml.safe_load(path.read_text()))
    assert (entry.dataset_id, entry.task_id, entry.value) == ("math-ai/aime25", "aime25-main", 50.0)
    assert entry.dataset_revision is None  # nobody has looked it up
    assert "avg@16" in entry.notes and "trd-v1@abcd" in entry.notes


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--to", "lm-eval"), "Name where with --out DIR"),
        (("--to", "hub", "--out", "x"), "Say it with --task EXAM=ID. No exam here has its rows from the hub (tiny-exam)."),
        (("--to", "hub", "--out", "x", "--task", "aime99=a"), "where EXAM is one of tiny-exam"),
        (("--to", "hub", "--out", "x", "--task", "tiny-exam=a"), "its rows are not from the hub"),
        (("--to", "evalplus", "--out", "x"), "no whole exam to write of humaneval_plus, mbpp_plus"),
        (("--to", "lm-eval", "--out", "x", "--only", "nothing"), "no row that was measured here matches 'nothing'"),
        (("--to", "csv", "--task", "a=b", "--out", "."), "a folder. Name a file in it"),
    ],
)
@pytest.mark.slow
def test_what_cannot_be_written_is_said(export, finished, words, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = export(*words, "--store", finished / "store")
    assert code == 2 and says in err
    assert not Path("x").exists()

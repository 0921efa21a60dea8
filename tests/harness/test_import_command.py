"""harness import: rows of results from files of other tools, written here by hand in their formats."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import main
from harness.grading import GRADERS
from harness.results import AvgAt, ExamScore, Result, read_result, write_result

DATE = "2026-01-02T03-04-05.123456"
CORRECT = (4, 2, 0, 1)  # of 4 samples, a problem: Avg@4 0.4375 with a standard error of 0.213478


@dataclass(frozen=True)
class Ran:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def command(capsys):
    """The command line within this process: nothing here starts another."""

    def run(*words: object) -> Ran:
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sample(document: int, value: float, by: str = "none", **more) -> dict:
    """A line as lm-eval writes it, of a document with four responses."""
    said = [f"answer {n}" for n in range(4)]
    return {
        "doc_id": document, "doc": {"problem": f"q{document}"}, "target": "1", "arguments": {"gen_args_0": {"arg_0": f"q{document}"}},
        "resps": [said], "filtered_resps": [said], "filter": by, "metrics": ["exact_match"], "doc_hash": hashed(f"d{document}"),
        "prompt_hash": hashed(f"q{document}"), "target_hash": hashed("1"), "exact_match": value, **more,
    }  # fmt: skip


def lm_eval(folder: Path, rows: list[dict], results: bool = True, effective: int = 4, version: str = "0.4.13") -> Path:
    """Samples, and beside them the results of the four documents."""
    folder.mkdir(exist_ok=True)
    file = folder / f"samples_aime24_{DATE}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    whole = [sample(document, count / 4) for document, count in enumerate(CORRECT)]
    said = {
        "results": {"aime24": {"alias": "aime24", "exact_match,none": 0.4375, "exact_match_stderr,none": 0.2}},
        "configs": {"aime24": {"generation_kwargs": {"temperature": 0.6}, "repeats": 4}}, "versions": {"aime24": 1}, "n-shot": {"aime24": 0},
        "n-samples": {"aime24": {"original": 30, "effective": effective}}, "lm_eval_version": version, "model_name_sanitized": "org__model-8b",
        "task_hashes": {"aime24": hashed("".join(row["doc_hash"] + row["prompt_hash"] + row["target_hash"] for row in whole))},
    }  # fmt: skip
    if results:
        (folder / f"results_{DATE}.json").write_text(json.dumps(said))
    return file


def four() -> list[dict]:
    return [sample(document, count / 4) for document, count in enumerate(CORRECT)]


def evalplus(folder: Path, statuses: dict[str, list[tuple[str, str]]], release: str = "fe585eb4df8c88d844eeb463ea4d0302") -> Path:
    """Statuses on base and extra tests, for each sample of each task."""
    told = {
        task: [
            {"task_id": task, "solution": "pass", "base_status": base, "plus_status": plus, "base_fail_tests": [], "plus_fail_tests": []}
            for base, plus in found
        ]
        for task, found in statuses.items()
    }
    file = folder / "org--model_vllm_temp_0.8_eval_results.json"
    file.write_text(json.dumps({"date": "2026-01-02 03:04", "hash": release, "eval": told}))
    return file


def humaneval() -> dict[str, list[tuple[str, str]]]:
    """Two samples a task: both right on the base tests, the second not on the extra ones; of task 7 the first is wrong everywhere."""
    statuses = {f"HumanEval/{n}": [("pass", "pass"), ("pass", "timeout")] for n in range(164)}
    return statuses | {"HumanEval/7": [("fail", "fail"), ("pass", "fail")]}


def livecodebench(folder: Path, problems: list[dict]) -> Path:
    (folder / "Model-8B").mkdir(exist_ok=True)
    file = folder / "Model-8B" / "Scenario.codegeneration_4_0.2_eval_all.json"
    file.write_text(json.dumps(problems, indent=4))
    return file


def problem(name: str, right: int, of: int = 4) -> dict:
    return {
        "question_id": name, "question_title": name, "question_content": "?", "platform": "atcoder", "contest_date": "2025-01-04T00:00:00",
        "difficulty": "easy", "output_list": ["…"] * of, "code_list": ["pass"] * of, "graded_list": [True] * right + [False] * (of - right),
        "pass@1": right / of, "metadata": ["{}"] * of,
    }  # fmt: skip


def test_lm_eval_samples_become_a_row_with_counts(tmp_path, command) -> None:
    file = lm_eval(tmp_path / "org__model-8b", four())
    ran = command("import", file, "--out", tmp_path / "results")
    assert ran.returncode == 0, ran.stderr
    row = read_result(tmp_path / "results" / "imported" / "org__model-8b.json")
    assert (row.suite, row.pair, row.label, row.role, row.status) == ("imported", "imported", "org__model-8b", "reported", "done")
    cell = row.scores["aime24"]
    assert (cell.problems, cell.samples, cell.correct, cell.graded) == (4, 4, CORRECT, (4,) * 4)
    assert cell.avg_at.value == 0.4375 and cell.avg_at.stderr == pytest.approx(0.213478, abs=1e-6)
    assert cell.pass_at["2"] == pytest.approx(0.583333, abs=1e-6)
    assert cell.protocol.startswith("imported:lm-eval@") and cell.grader == "lm-eval 0.4.13" and cell.complete
    (made,) = row.provenance.imported
    assert (made.tool, made.version) == ("lm-eval", "0.4.13")
    assert made.sha256 == {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in file.parent.iterdir()}
    assert "aime24: Avg@4 43.8 ± 21.3 % over 4 problems" in ran.stdout


def test_a_metric_for_each_filter_and_figures_that_are_no_shares(tmp_path, command) -> None:
    """One response that counts a document, two filters; a text metric and pass@4 give no counts."""
    rows = [
        {**sample(n, float(n == 1 or by == "flexible"), by), "filtered_resps": ["1"], "metrics": ["exact_match", "bleu", "pass@4"],
         "bleu": 0.31, "pass@4": 1.0}
        for by in ("strict", "flexible") for n in range(4)
    ]  # fmt: skip
    ran = command("import", lm_eval(tmp_path / "m", rows, results=False), "--out", tmp_path / "results", "--label", "mine")
    assert ran.returncode == 0, ran.stderr
    scores = read_result(tmp_path / "results" / "imported" / "mine.json").scores
    assert {name: cell.correct for name, cell in scores.items()} == {
        "aime24 (exact_match, strict)": (0, 1, 0, 0), "aime24 (exact_match, flexible)": (1, 1, 1, 1),
    }  # fmt: skip
    assert "left out, no shares of right answers: bleu,strict, pass@4,strict" in ran.stdout
    assert "its settings are unknown" in ran.stdout


def test_a_log_likelihood_is_one_response(tmp_path, command) -> None:
    """It is a pair of a number and whether it is the greedy choice, and no pair of responses."""
    pair = ["-1.5", "True"]
    rows = [sample(n, 1.0, resps=[[pair]], filtered_resps=[pair]) for n in range(4)]
    ran = command("import", lm_eval(tmp_path / "m", rows, results=False), "--out", tmp_path / "results")
    assert ran.returncode == 0 and "aime24: Avg@1 100.0" in ran.stdout


def test_a_missing_document_leaves_the_cell_incomplete(tmp_path, command) -> None:
    """By the number that lm-eval examined, or by the gap: never a score over those that are there."""
    for results, rows in ((True, four()[:3]), (False, [*four()[:2], four()[3]])):
        ran = command(
            "import", lm_eval(tmp_path / f"m{results}", rows, results), "--out", tmp_path / "results", "--label", f"short-{results}"
        )
        assert ran.returncode == 0, ran.stderr
        cell = read_result(tmp_path / "results" / "imported" / f"short-{results}.json").scores["aime24"]
        assert not cell.complete and cell.avg_at.value is None and set(cell.pass_at.values()) == {None}
        assert (cell.problems, cell.missing, cell.missing_first) == (4, 4, ("3",) if results else ("2",))
        assert "aime24: incomplete, 12 of 16 answers graded, 4 missing" in ran.stdout and "incomplete" in ran.stderr
    page = command("report", tmp_path / "results", "--out", tmp_path / "page")
    assert page.returncode == 0 and "incomplete 12/16" in page.stdout


def test_evalplus_statuses_become_two_exams(tmp_path, command) -> None:
    ran = command("import", evalplus(tmp_path, humaneval()), "--out", tmp_path / "results", "--label", "m")
    assert ran.returncode == 0, ran.stderr
    row = read_result(tmp_path / "results" / "imported" / "m.json")
    assert list(row.scores) == ["humaneval", "humaneval_plus"]
    base, plus = row.scores.values()
    assert (sum(base.correct), base.correct[7], base.graded) == (327, 1, (2,) * 164)
    assert (sum(plus.correct), plus.correct[7], plus.samples) == (163, 0, 2)
    assert base.complete and plus.complete and base.protocol != plus.protocol
    assert "data set HumanEval+ v0.1.10" in ran.stdout

    # The samples that were evaluated name the same row.
    (tmp_path / "org--model_vllm_temp_0.8.jsonl").write_text(json.dumps({"task_id": "HumanEval/0", "solution": "pass"}) + "\n")
    again = command("import", tmp_path / "org--model_vllm_temp_0.8.jsonl", "--out", tmp_path / "results", "--label", "m")
    assert again.returncode == 0 and read_result(tmp_path / "results" / "imported" / "m.json") == row


def test_evalplus_without_a_task_a_sample_or_a_status(tmp_path, command) -> None:
    short = humaneval()
    del short["HumanEval/3"]
    short["HumanEval/5"] = short["HumanEval/5"][:1]
    short["HumanEval/9"] = [("pass", "pass"), (None, None)]  # type: ignore[list-item]
    ran = command("import", evalplus(tmp_path, short), "--out", tmp_path / "results", "--label", "m")
    assert ran.returncode == 0, ran.stderr
    base, plus = read_result(tmp_path / "results" / "imported" / "m.json").scores.values()
    for cell in (base, plus):
        assert (cell.problems, cell.missing, cell.missing_first, cell.ungraded) == (164, 3, ("HumanEval/3", "HumanEval/5"), 1)
        assert not cell.complete and cell.avg_at.value is None


def test_evalplus_samples_regraded_here(tmp_path, command) -> None:
    """By the benchmark's own file: two tasks, two samples each; the second sample of the second task fails an extra test."""
    problem = {
        "prompt": '"""The double."""\n', "entry_point": "double", "canonical_solution": "def double(n):\n    return 2 * n\n",
        "base_input": [[1], [0]], "plus_input": [[-3]], "atol": 0,
    }  # fmt: skip
    rows = text(tmp_path / "mbpp_plus.jsonl", "".join(json.dumps({"task_id": f"Mbpp/{n}", **problem}) + "\n" for n in (1002, 1003)))
    right, half = "def double(n):\n    return n + n\n", "def double(n):\n    return abs(n) * 2\n"
    samples = [("Mbpp/1002", right), ("Mbpp/1002", right), ("Mbpp/1003", right), ("Mbpp/1003", half)]
    lines = [{"task_id": task, "solution": program} for task, program in samples]
    file = text(tmp_path / "model_temp_0.8.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    ran = command("import", file, "--regrade", "--rows", rows, "--out", tmp_path / "results", "--processes", 1)
    assert ran.returncode == 0, ran.stderr
    (cell,) = read_result(tmp_path / "results" / "imported" / "model_temp_0.8.json").scores.values()
    assert (cell.correct, cell.graded, cell.grader, cell.avg_at.value) == ((2, 1), (2, 2), f"code {GRADERS['code']}", 0.75)
    assert "mbpp_plus: Avg@2 75.0" in ran.stdout and "graded here" in ran.stdout

    unknown = text(tmp_path / "other.jsonl", json.dumps({"task_id": "Mbpp/9", "solution": ""}) + "\n")
    ran = command("import", unknown, "--regrade", "--rows", rows)
    assert ran.returncode == 2 and "mbpp_plus has no problem 'Mbpp/9'" in ran.stderr


def test_livecodebench(tmp_path, command) -> None:
    file = livecodebench(tmp_path, [problem(f"abc{n}_a", right) for n, right in enumerate(CORRECT)])
    ran = command("import", file, "--out", tmp_path / "results")
    assert ran.returncode == 0, ran.stderr
    cell = read_result(tmp_path / "results" / "imported" / "Model-8B.json").scores["livecodebench"]
    assert (cell.correct, cell.samples, cell.avg_at.value) == (CORRECT, 4, 0.4375)
    short = livecodebench(tmp_path, [problem("a", 1), problem("b", 1, of=3)])
    command("import", short, "--out", tmp_path / "results", "--label", "short")
    cell = read_result(tmp_path / "results" / "imported" / "short.json").scores["livecodebench"]
    assert (cell.missing, cell.missing_first, cell.avg_at.value) == (1, ("b",), None)


def test_files_of_one_label_are_one_row_and_another_row_is_not_replaced(tmp_path, command) -> None:
    files = [lm_eval(tmp_path / "m", four()), evalplus(tmp_path, humaneval()), livecodebench(tmp_path, [problem("a", 1), problem("b", 2)])]
    out = tmp_path / "results"
    assert command("import", *files, "--label", "all", "--out", out).returncode == 0
    row = read_result(out / "imported" / "all.json")
    assert list(row.scores) == ["aime24", "humaneval", "humaneval_plus", "livecodebench"]
    assert [made.tool for made in row.provenance.imported] == ["lm-eval", "evalplus", "livecodebench"]
    assert command("import", *files, "--label", "all", "--out", out).returncode == 0, "the same files again change nothing"

    other = command("import", files[2], "--label", "all", "--out", out)
    assert other.returncode == 2 and "another import stands there" in other.stderr
    twice = command("import", files[0], files[0], "--label", "twice", "--out", out)
    assert twice.returncode == 2 and "aime24 stands in another file" in twice.stderr
    assert [path.name for path in out.rglob("*.json")] == ["all.json"]


def test_settings_decide_who_shares_a_column(tmp_path, command) -> None:
    """Two models under the same settings; another version of lm-eval; a file whose settings nobody knows."""
    out = tmp_path / "results"
    for label, options in {"a": {}, "b": {}, "older": {"version": "0.4.9"}, "unknown": {"results": False}}.items():
        command("import", lm_eval(tmp_path / label, four(), **options), "--label", label, "--out", out)
    found = {path.stem: read_result(path).scores["aime24"] for path in out.rglob("*.json")}
    assert found["a"].protocol == found["b"].protocol
    assert len({cell.protocol for cell in found.values()}) == 3
    assert len({cell.problems_hash for cell in found.values()}) == 1


WRONG = {
    "doubled": (lambda folder: lm_eval(folder, [*four(), four()[1]]), "1 documents stand more than once: doc_id 1 (filter none, line 5)"),
    "uneven": (lambda folder: lm_eval(folder, [*four()[:3], sample(3, 1.0, filtered_resps=["1"])]), ":4: 1 responses, where the lines before have 4"),
    "edited": (lambda folder: lm_eval(folder, [sample(0, 0.5), *four()[1:]]), "exact_match (none) comes to 0.312500, but"),
    "exchanged": (lambda folder: lm_eval(folder, [*four()[:3], sample(3, 0.25, doc_hash=hashed("other"))]), "its lines hash to"),
    "torn": (lambda folder: cut(lm_eval(folder, four())), ":4: not JSON"),
    "no counts": (lambda folder: lm_eval(folder, [sample(n, 0.3) for n in range(4)]), "none of its metrics is a share of right answers: exact_match,none"),
    "results": (lambda folder: lm_eval(folder, four()).with_name(f"results_{DATE}.json"), "figures of lm-eval without counts"),
    "twice": (lambda folder: livecodebench(folder, [problem("a", 1), problem("a", 2)]), "1 problems stand more than once: a"),
    "not yet": (lambda folder: livecodebench(folder, [{"question_id": "a", "code_list": ["pass"]}]), "programs of LiveCodeBench without verdicts"),
    "holes": (lambda folder: livecodebench(folder, [problem("a", 1), {**problem("b", 1), "graded_list": [None]}]), "problem b: graded_list"),
    "mixed": (lambda folder: evalplus(folder, {"HumanEval/1": [("pass", "pass")], "Mbpp/2": [("pass", "pass")]}), "not all of HumanEval+ or all of MBPP+"),
    "status": (lambda folder: evalplus(folder, {"HumanEval/1": [("passed", "pass")]}), "HumanEval/1: base_status is 'passed'"),
    "samples": (lambda folder: text(folder / "s.jsonl", '{"task_id": "Mbpp/2", "solution": ""}\n'), "there is no s_eval_results.json beside it"),
    "empty": (lambda folder: text(folder / "e.json", "\n"), "the file is empty"),
    "unknown": (lambda folder: text(folder / "u.json", '{"score": 1}'), "an object of score: no format that we know. Known: samples_<task>"),
    "unknown lines": (lambda folder: text(folder / "u.jsonl", '{"score": 1}\n' * 2), "an object of score: no format that we know"),
    "list": (lambda folder: text(folder / "l.json", "[1, 2]"), "a list of 2 entries: no format that we know"),
    "bytes": (lambda folder: text(folder / "b.json", b"\xff\xfe"), "not UTF-8 text"),
    "nothing": (lambda folder: folder / "none.json", "there is no such file"),
}  # fmt: skip


def text(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def cut(path: Path) -> Path:
    return text(path, path.read_bytes()[:-40])


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_trusted_is_one_message_and_no_row(name: str, tmp_path, command) -> None:
    make, says = WRONG[name]
    ran = command("import", make(tmp_path), "--out", tmp_path / "results")
    assert ran.returncode == 2 and says in ran.stderr, ran.stderr
    assert ran.stderr.startswith("harness: ") and ran.stderr.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_an_imported_row_stands_beside_a_suite_in_columns_of_its_own_and_unranked(tmp_path, command) -> None:
    """Beside rows that the suite names, though the suite names it nowhere; its exam has the name of one of theirs."""
    folder = tmp_path / "results"
    theirs = ExamScore(
        problems=4, samples=4, problems_hash="p-1", graded=(4,) * 4, correct=CORRECT, avg_at=AvgAt(k=4, value=0.4375, stderr=None),
        pass_at={}, protocol="trd-v1@1234",
    )  # fmt: skip
    for label, role in (("student", "student"), ("trd", "method"), ("old", "method")):
        seed = None if role == "student" else 0
        write_result(folder, Result(suite="s", pair="p", label=label, role=role, status="done", seed=seed, scores={"aime24": theirs}))
    said = {"suite": "s", "rows": ["trd"], "exams": ["aime24"], "current": ["p/student.json", "p/trd.seed0.json"]}
    (folder / "suite.json").write_text(json.dumps(said))

    words = ("import", lm_eval(tmp_path / "m", four()), "--suite", "s", "--pair", "p", "--out", folder)
    ran = command(*words, "--label", "from-elsewhere")
    assert ran.returncode == 0, ran.stderr
    assert command("report", folder, "--out", tmp_path / "page").returncode == 0
    lines = (tmp_path / "page" / "leaderboard.md").read_text().splitlines()
    summary, exams = [line for line in lines if "from-elsewhere" in line][:2]
    assert "imported from lm-eval 0.4.13" in summary and summary.startswith("| `from-elsewhere` | reported | – |")
    assert exams == "| `from-elsewhere` | 43.8 ± 21.3 | – | 75.0 | – | – | – | – | – |"
    assert next(line for line in lines if line.startswith("| `trd` | –")).startswith("| `trd` | – | – | – | – | 43.8 ± 21.3 |")
    assert any("imported:lm-eval@" in line and "trd-v1@1234" in line for line in lines)
    assert not any("`old`" in line and "imported" in line for line in lines)

    own = command(*words, "--label", "student")
    assert own.returncode == 2 and "a row of its own stands there" in own.stderr

"""harness grade: completions made elsewhere, through the command line."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import main
from harness.commands.grade import key_of
from harness.completions.journal import Journal
from harness.records import Verdict

ROOT = Path(__file__).parent.parent.parent
DATA = ROOT.parent / "shared" / "data"


@dataclass(frozen=True)
class Ran:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def command(capfdbinary, monkeypatch):
    """The command line within this process; what must be killed starts one of its own."""
    for name in ("HUMANEVAL_OVERRIDE_PATH", "MBPP_OVERRIDE_PATH"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: object) -> Ran:
        code = main([str(word) for word in words])
        sys.stdout.flush()
        said = capfdbinary.readouterr()
        return Ran(code, said.out.decode(), said.err.decode())

    return run


def rows_in(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path: Path, *rows: object) -> Path:
    """Bytes stand as they are; anything else as JSON."""
    path.write_bytes(b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows))
    return path


def math(answer: object, completion: object, **more: object) -> dict:
    return {"kind": "math", "answer": answer, "completion": completion, **more}


def test_every_row_comes_back_in_order_with_four_fields_added(tmp_path, command) -> None:
    file = write(
        tmp_path / "made.jsonl",
        b'{"kind": "math", "answer": "3", "completion": "\\\\boxed{3}", "score": 1.500, "note": {"a": [1e400]}}',
        math("1/2", r"so \boxed{0.5}", profile="typed"),
        math("3", r"\boxed{4}"),
        math("3", ""),
        math("3", r"<think> \boxed{3}"),
        math(3.50, r"\boxed{7/2}"),
        math("3", "word " * 30_000 + r"\boxed{3}"),
        math("3", "\ud800 \\boxed{3}"),
    )
    ran = command("grade", file)
    assert ran.returncode == 0, ran.stderr
    found = rows_in(tmp_path / "made.graded.jsonl")
    assert [row["verdict"] for row in found] == ["correct", "correct", "wrong", "no_answer", "unfinished", "correct", "correct", "correct"]
    assert [row["correct"] for row in found] == [True, True, False, False, False, True, True, True]
    assert [row["extracted"] for row in found[:4]] == ["3", "0.5", "4", None]
    for before, after in zip(rows_in(file), found, strict=True):
        assert list(after) == [*before, "verdict", "correct", "extracted", "detail"]
        assert {name: after[name] for name in before} == before
    assert b'"score": 1.500, "note": {"a": [1e400]}, "verdict": "correct"' in (tmp_path / "made.graded.jsonl").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.graded.jsonl", "made.jsonl"]


def test_the_standard_output_holds_rows_and_nothing_else(tmp_path, command) -> None:
    ran = command("grade", write(tmp_path / "made.jsonl", math("3", r"\boxed{3}"), math("3", "?")), "--out", "-")
    assert [json.loads(line)["correct"] for line in ran.stdout.splitlines()] == [True, False]
    assert "graded 2 rows" in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["made.jsonl"]


BROKEN = {
    b'{"kind": "math", "answer": "3", "completion": "\xff"}': "not UTF-8 text (invalid start byte at byte 47",
    b'{"kind": "math", "answer"': "not JSON",
    b"[1, 2]": "a list where an object should stand",
    b"[" * 100_000: "cannot be read",
    b'{"n": ' + b"1" * 5000 + b"}": "cannot be read",
    b'{"kind": "maths", "answer": "3", "completion": "3"}': "there is no kind \"maths\". Did you mean 'math'?",
    b'{"answer": "3", "completion": "3"}': "no `kind`",
    b'{"kind": ["math"], "answer": "3", "completion": "3"}': 'there is no kind ["math"]',
    b'{"kind": "math", "answer": "3", "response": "3"}': "no `completion`. It has: kind, answer, response",
    b'{"kind": "math", "answer": "3", "completion": null}': "`completion` is null, not text",
    b'{"kind": "math", "answer": "3", "completion": ["3", "4"]}': "`completion` is a list, not text",
    b'{"kind": "math", "completion": "3"}': "no `answer`",
    b'{"kind": "math", "answer": true, "completion": "3"}': "`answer` is a boolean",
    b'{"kind": "math", "answer": " ", "completion": "\\\\boxed{3}"}': "gold answer ' ': empty",
    b'{"kind": "math", "answer": "\\\\frac{", "completion": "\\\\boxed{3}"}': "cannot be read",
    b'{"kind": "math", "answer": "3", "completion": "3", "profile": "typo"}': "there is no profile \"typo\". Did you mean 'typed'?",
    b'{"kind": "code", "completion": "3"}': "no tests: neither `problem`",
    b'{"kind": "code", "benchmark": "mbpp_plus", "completion": "3"}': "no `task_id`",
    b'{"kind": "code", "benchmark": "mbpp_plus", "task_id": "Mbpp/2", "solution": "3"}': "the tests of 'mbpp_plus' are not at hand",
    b'{"kind": "code", "problem": "tests", "completion": "3"}': "`problem` is a string",
    b'{"kind": "code", "problem": {"prompt": "?"}, "completion": "3"}': "the problem has no tests that we can read. It has: prompt",
}


def test_a_row_that_cannot_be_graded_is_named_and_is_no_score(tmp_path, command) -> None:
    good = math("3", r"\boxed{3}")
    ran = command("grade", write(tmp_path / "bad.jsonl", good, *BROKEN, b"", good))
    assert ran.returncode == 2 and "Traceback" not in ran.stderr
    found = rows_in(tmp_path / "bad.graded.jsonl")
    assert found[0]["correct"] and found[-1]["correct"] and len(found) == len(BROKEN) + 2
    for number, (row, said) in enumerate(zip(found[1:], BROKEN.values(), strict=False), 2):
        assert (row["verdict"], row["correct"], row["extracted"]) == ("invalid", None, None)
        assert row["detail"].startswith(f"line {number}: ") and said in row["detail"], row["detail"]
    assert found[1]["raw"] == r'{"kind": "math", "answer": "3", "completion": "\xff"}'
    assert found[3]["row"] == [1, 2]
    assert f"cannot be graded: {len(BROKEN)} rows\n  line 2: not UTF-8" in ran.stderr
    assert "Avg@1" not in ran.stderr


def test_avg_at_k_over_problems(tmp_path, command) -> None:
    right = {"a": 4, "b": 2, "c": 0, "d": 1}  # counts whose Avg@4 and error are known
    rows = [math("3", rf"\boxed{{{3 if s < count else 4}}}", problem_id=name, sample=s) for name, count in right.items() for s in range(4)]
    ran = command("grade", write(tmp_path / "made.jsonl", *rows), "--strict")
    assert ran.returncode == 0
    assert "math: Avg@4 43.8 ± 21.3 % over 4 problems" in ran.stderr

    short = command("grade", write(tmp_path / "made.jsonl", *rows[:6], *rows[7:]))
    assert short.returncode == 0 and "Avg@4 " not in short.stderr
    assert "math: no Avg@k: incomplete, 1 sample missing to 4 a problem, of 'b' first" in short.stderr

    twice = write(tmp_path / "made.jsonl", *rows, rows[5])
    ran = command("grade", twice)
    assert ran.returncode == 0 and "Avg@4 " not in ran.stderr
    assert "doubled: 1 row\n  line 17: problem 'b', sample 1 stands on line 6 already" in ran.stderr
    assert command("grade", twice, "--strict").returncode == 2

    # One sample a problem: a line that cannot be read must not take its problem out of the mean.
    single = write(tmp_path / "made.jsonl", *rows[::4], b'{"kind": "math", "pro')
    ran = command("grade", single)
    assert ran.returncode == 2 and "Avg@1 " not in ran.stderr and "1 row may belong to it" in ran.stderr

    assert "4 rows without an id" in command("grade", write(tmp_path / "made.jsonl", *[math("3", "?")] * 4)).stderr


def test_verdicts_of_another_grader_make_room_and_are_counted(tmp_path, command) -> None:
    ran = command("grade", write(tmp_path / "made.jsonl", {"correct": False, **math("3", r"\boxed{3}"), "verdict": "no"}))
    (row,) = rows_in(tmp_path / "made.graded.jsonl")
    assert row == math("3", r"\boxed{3}", verdict="correct", correct=True, extracted="3", detail="")
    assert "1 row had a verdict" in ran.stderr


def start(*words: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "grade", *map(str, words)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def kept(journal: Path) -> list[int]:
    """Lines that have a verdict in a journal, whole entries only."""
    whole = journal.read_bytes().rpartition(b"\n")[0].split(b"\n") if journal.exists() else []
    return [entry["line"] for entry in map(json.loads, filter(None, whole)) if "line" in entry]


@pytest.fixture(scope="module")
def slow_rows(tmp_path_factory) -> tuple[Path, bytes]:
    """Rows that take mathematics, each its own, and what an uninterrupted run makes of them."""
    folder = tmp_path_factory.mktemp("slow")
    pairs = [(rf"\sqrt{{{n}}}+\frac{{1}}{{{n}}}", rf"\boxed{{\frac{{1}}{{{n}}}+\sqrt{{{n + n % 2}}}}}") for n in range(2, 322)]
    rows = [math(answer, completion, id=n) for n, (answer, completion) in enumerate(pairs)]
    file = write(folder / "made.jsonl", *rows, b"\xff")
    assert start(file, "--processes", 1).wait(timeout=200) == 2
    return file, (folder / "made.graded.jsonl").read_bytes()


@pytest.mark.slow
def test_a_killed_run_goes_on_and_each_row_is_graded_once(slow_rows, tmp_path, command) -> None:
    file, whole = slow_rows
    out = tmp_path / "out.jsonl"
    journal = tmp_path / "out.jsonl.partial"
    running = start(file, "--out", out, "--processes", 1)
    while not kept(journal) and running.poll() is None:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not out.exists(), "it was not killed in time"
    before = len(kept(journal))
    assert 0 < before == len(set(kept(journal)))
    with journal.open("ab") as torn:
        torn.write(b'{"line": 1, "verd')
    ran = command("grade", file, "--out", out)
    assert ran.returncode == 2
    assert f"{before:,} of 321 rows were graded before" in ran.stderr
    assert f"graded {321 - before:,} rows" in ran.stderr
    assert out.read_bytes() == whole
    assert os.listdir(tmp_path) == ["out.jsonl"]


@pytest.mark.slow
def test_another_content_or_another_profile_begins_anew_and_says_so(slow_rows, tmp_path, command) -> None:
    file, _ = slow_rows
    mine = tmp_path / "made.jsonl"
    mine.write_bytes(file.read_bytes())
    running = start(mine, "--processes", 1)
    while not kept(tmp_path / "made.graded.jsonl.partial") and running.poll() is None:
        time.sleep(0.02)
    locked = command("grade", mine)
    assert locked.returncode == 2 and "another `harness grade` is writing it" in locked.stderr
    running.kill()
    running.wait()
    write(mine, math("3", r"\boxed{3}"))
    ran = command("grade", mine)
    assert ran.returncode == 0
    assert "another file than before: all rows are graded anew" in ran.stderr and "graded 1 row" in ran.stderr


def test_a_file_of_somebody_else_is_not_touched(tmp_path, command) -> None:
    file = write(tmp_path / "made.jsonl", math("3", "3"))
    theirs = write(tmp_path / "made.graded.jsonl.partial", b"a download of mine")
    ran = command("grade", file)
    assert ran.returncode == 2 and "no journal of ours" in ran.stderr
    assert theirs.read_bytes() == b"a download of mine\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("none.jsonl",), "none.jsonl: there is no such file"),
        (("empty.jsonl",), "there is no row in it"),
        (("made.jsonl", "--out", "."), "a folder"),
        (("made.jsonl", "--out", "made.jsonl"), "the completions themselves"),
        (("made.jsonl", "--rows", "nowhere"), "--rows nowhere: there is no such file or folder"),
        (("made.jsonl", "--processes", "0"), "there must be at least one"),
        (("made.jsonl", "--out", "/dev/null/x"), "choose another place with --out"),
    ],
)
def test_wrong_words_are_one_message_and_exit_2(words, says: str, tmp_path, command, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "made.jsonl", math("3", "3"))
    write(tmp_path / "empty.jsonl", b"", b"  ")
    ran = command("grade", *words)
    assert ran.returncode == 2 and says.casefold() in ran.stderr.casefold(), ran.stderr
    assert ran.stderr.startswith("harness: ") and ran.stderr.count("\n") == 1 and ran.stdout == ""


def test_profiles_and_where_they_disagree(tmp_path, command) -> None:
    rows = [
        math("1/2", r"\boxed{\frac{2}{4}}", id=1),
        math(r"\sqrt{8}", r"\boxed{2\sqrt{2}}", id=2),
        math("3", r"\boxed{3}", id=3),
        math("3", "?", id=4),
        math(r"\sqrt{8}", r"\boxed{2\sqrt{2}}", profile="typed", id=5),
    ]
    file = write(tmp_path / "made.jsonl", *rows)
    ran = command("grade", file, "--profile", "string", "--audit")
    assert ran.returncode == 0, ran.stderr
    assert [row["correct"] for row in rows_in(tmp_path / "made.graded.jsonl")][1:] == [False, True, False, True]
    assert "audit: 5 mathematical answers by each profile" in ran.stderr
    assert "typed and math-verify agree on 100.0 %\n" in ran.stderr
    assert "typed and string agree on 40.0 %; right for typed alone: 3 (line 1, 2, 5)\n" in ran.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.graded.jsonl", "made.jsonl"]


# Programs. Problems of our own in both forms; a problem's tests are found in a file, or stand in the row.

ABS = {
    "prompt": "def largest(numbers):\n    \"\"\"The largest of the numbers, None of none.\"\"\"\n", "entry_point": "largest",
    "canonical_solution": "    return max(numbers, default=None)\n", "base_input": [[[1, 2]], [[5, 3]]], "plus_input": [[[]], [[-1, -2]]], "atol": 0,
}  # fmt: skip
CALL = {
    "public_test_cases": [{"input": "1\n2", "output": "3", "testtype": "functional"}],
    "private_test_cases": json.dumps([{"input": "-5\n5", "output": "0", "testtype": "functional"}]),
    "metadata": json.dumps({"func_name": "add"}), "starter_code": "class Solution:\n    def add(self, a, b):\n",
}  # fmt: skip
STDIO = {"public_test_cases": [{"input": "1 2\n", "output": "3\n"}], "private_test_cases": [{"input": "4 4\n", "output": "8\n"}]}


def fenced(program: str) -> str:
    return f"<think>So.</think>Here it is:\n```python\n{program}\n```\nDone."


def code(problem: dict, completion: str, **more: object) -> dict:
    return {"kind": "code", "problem": problem, "completion": completion, **more}


def test_programs_with_their_tests_inline(tmp_path, command) -> None:
    whole = ABS["prompt"] + ABS["canonical_solution"]
    rows = [
        code(ABS, fenced(whole)),
        {"kind": "code", "problem": ABS, "solution": whole},
        code(ABS, ABS["canonical_solution"]),  # a bare body, as HumanEval's own samples are
        code(ABS, fenced(whole.replace(", default=None", ""))),  # right on the base tests alone
        code(ABS, "I do not know."),
        code(ABS, "<think>hm"),
        code(CALL, fenced("class Solution:\n    def add(self, a, b):\n        return a + b")),
        code(CALL, fenced("class Solution:\n    def add(self, a, b):\n        return 3")),
        code(STDIO, fenced("print(sum(map(int, input().split())))")),
        code(STDIO, fenced("print(3)")),
        code(STDIO, fenced("import os\nos._exit(0)")),
    ]
    ran = command("grade", write(tmp_path / "made.jsonl", *rows), "--processes", 2)
    assert ran.returncode == 0, ran.stderr
    found = rows_in(tmp_path / "made.graded.jsonl")
    assert [row["correct"] for row in found] == [True, True, True, False, False, False, True, False, True, False, False]
    assert [row["verdict"] for row in found[3:6]] == ["wrong", "no_answer", "unfinished"]
    assert found[0]["extracted"].strip() == whole.strip() and found[0]["problem"] == ABS
    assert "sandbox: " in ran.stderr


def test_tests_that_cannot_be_used_are_the_rows_fault(tmp_path, command) -> None:
    broken = {
        "base_input": code({**ABS, "base_input": "[]"}, "x"),
        "its own canonical solution": code({**ABS, "canonical_solution": "    raise ValueError\n"}, fenced("def largest(numbers): pass")),
        "none of that task of MBPP": code({**ABS, "task_id": "Mbpp/2", "base_input": [[1, 2]]}, fenced("def largest(numbers): pass")),
        "private_test_cases": code({**STDIO, "private_test_cases": "!!"}, "x"),
        "no test in either": code({"public_test_cases": []}, "x"),
        "func_name": code({**CALL, "metadata": {"func_name": "import os"}}, "x"),
    }
    ran = command("grade", write(tmp_path / "made.jsonl", *broken.values(), code(STDIO, fenced("print(3)"))))
    assert ran.returncode == 2 and "Traceback" not in ran.stderr
    found = rows_in(tmp_path / "made.graded.jsonl")
    for row, says in zip(found, broken, strict=False):
        assert (row["verdict"], row["correct"]) == ("invalid", None) and says in row["detail"], row["detail"]
    assert found[-1]["verdict"] == "wrong"


def test_the_tests_of_a_benchmark_lie_in_a_file(tmp_path, command, monkeypatch) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    problems = [{"task_id": f"HumanEval/{n}", **ABS} for n in range(2)]
    file = write(folder / "humaneval_plus.jsonl", *problems, problems[1])
    whole = ABS["prompt"] + ABS["canonical_solution"]
    rows = [{"kind": "code", "benchmark": "humaneval_plus", "task_id": f"HumanEval/{n}", "completion": fenced(whole)} for n in range(3)]
    made = write(tmp_path / "made.jsonl", *rows)
    for words in ([made, "--rows", folder], [made, "--rows", file]):
        ran = command("grade", *words)
        assert ran.returncode == 2
        details = [row["detail"] for row in rows_in(tmp_path / "made.graded.jsonl")]
        assert details[0] == "" and "stands more than once" in details[1] and "has no problem 'HumanEval/2'" in details[2]
        assert f"tests of humaneval_plus: {file} (md5 " in ran.stderr and "no release of EvalPlus that we know" in ran.stderr
    monkeypatch.setenv("HUMANEVAL_OVERRIDE_PATH", str(file))
    assert rows_in(tmp_path / "made.graded.jsonl")[0]["correct"] and "1 row" not in command("grade", made).stderr
    write(file, b"no problem")
    assert f"{file}:1: no problem" in command("grade", made).stderr


def test_tests_that_changed_since_a_killed_run_grade_all_rows_anew(tmp_path, command) -> None:
    file = write(tmp_path / "humaneval_plus.jsonl", {"task_id": "HumanEval/0", **ABS})
    made = write(tmp_path / "made.jsonl", {"kind": "code", "benchmark": "humaneval_plus", "task_id": "HumanEval/0", "completion": "?"})
    key = key_of(hashlib.sha256(made.read_bytes()).hexdigest(), "typed")
    for md5, says in (
        ("0" * 32, "another content of the tests of humaneval_plus than before: all rows are graded anew"),
        (None, "1 of 1 rows"),
    ):
        with Journal(tmp_path / "made.graded.jsonl.partial", key) as journal:  # as a kill leaves it
            journal.came_from({"humaneval_plus": md5 or hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()})
            journal.add([(1, Verdict("wrong"))])
        assert "programs were graded before, but the tests" in command("grade", made).stderr
        assert says in command("grade", made, "--rows", file).stderr
        assert rows_in(tmp_path / "made.graded.jsonl")[0]["verdict"] == ("no_answer" if md5 else "wrong")


def test_real_rows_of_both_benchmarks(tmp_path, command) -> None:
    """Reference solutions are right, by the tests of a folder; programs that passed and failed LiveCodeBench's public tests do so here."""
    if not (DATA / "humaneval_plus.jsonl").is_file():
        pytest.skip(f"no benchmark rows in {DATA}")

    def first(name: str, count: int) -> list[dict]:
        with (DATA / name).open() as file:
            return [json.loads(next(file)) for _ in range(count)]

    rows = [
        {"kind": "code", "benchmark": name, "task_id": row["task_id"], "solution": row["prompt"] + row["canonical_solution"]}
        for name, count in (("humaneval_plus", 5), ("mbpp_plus", 5))
        for row in first(f"{name}.jsonl", count)
    ]
    solutions = {row["question_id"]: row for row in first("livecodebench_v1_solutions.jsonl", 400)}
    wanted = [True] * len(rows)
    for row in first("livecodebench_like_encoded.jsonl", 6):
        for name, right in (("passing_solution", True), ("failing_solution", False)):
            if program := solutions[row["question_id"]][name]:
                rows.append(code(row, fenced(program)))
                wanted.append(right)
    ran = command("grade", write(tmp_path / "made.jsonl", *rows), "--rows", DATA)
    assert [row["correct"] for row in rows_in(tmp_path / "made.graded.jsonl")] == wanted, ran.stderr
    assert ran.returncode == 0 and "HumanEval+ v0.1.10" in ran.stderr and "MBPP+ v0.2.0" in ran.stderr

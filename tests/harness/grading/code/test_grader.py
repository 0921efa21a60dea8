"""The grader of programs through its door: verdicts, order, what is said of a failure, bad input, faults of the machinery."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.grading.code import CodeGrader, oracle
from harness.grading.code.rows import evalplus_row, livecodebench_row, taco_row
from harness.grading.sandbox import Unavailable
from harness.grading.tests import pack
from harness.records import VERDICTS, Fault, Verdict

ADD = pack(
    {"kind": "call", "entry_point": "glue", "tests": [{"input": f"{n}\n[1]", "output": f"[{n}, 1]"} for n in range(3)], "seconds": 1.0}
)
ECHO = pack({"kind": "stdio", "tests": [{"input": f"{n}\n", "output": f"{n}\n"} for n in (1, 2)], "seconds": 1.0})
ROW = {
    "task_id": "HumanEval/900", "prompt": "from typing import List\n\n\ndef f(xs: List[float]) -> float:\n    '''sum'''\n", "entry_point": "f",
    "canonical_solution": "    return sum(xs)\n", "base_input": [[[1.5]], [[2, 3]]], "plus_input": [[[]], [[0.1, 0.2]], [[10, -1]]], "atol": 0,
}  # fmt: skip


def fenced(program: str) -> str:
    return f"<think>so</think>Here it is.\n```python\n{program}\n```\n"


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CodeGrader]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        with CodeGrader(processes=2) as grader:
            yield grader


def one(grader: CodeGrader, tests: str, completion: str) -> Verdict:
    (verdict,) = grader.grade_many([(tests, completion)])
    assert verdict.verdict in VERDICTS and len(verdict.detail) <= 300
    return verdict


@pytest.mark.parametrize(
    ("tests", "program", "verdict", "detail"),
    [
        (ADD, "def glue(a, b): return [a, *b]", "correct", ""), (ADD, "def glue(a, b): return (a, *b)", "correct", ""),
        (ADD, "class Solution:\n    def glue(self, a, b): return [a, *b]", "correct", ""), (ADD, "def glue(a, b): return Counter([a]) and [a] + b", "correct", ""),
        (ADD, "from __future__ import annotations\ndef glue(a, b): return [a, *b]", "correct", ""),
        (ADD, "def glue(a, b): return [a, *b] if a < 2 else b", "wrong", "tests[2]: returned [1], expected [2, 1]"),
        (ADD, "def glue(a, b): return 1 / a", "wrong", "tests[0]: ZeroDivisionError: division by zero"), (ADD, "def glue(", "wrong", "SyntaxError"),
        (ADD, "def other(a, b): pass", "wrong", "NameError: the program defines no 'glue'"), (ADD, "def glue(a, b):\n    while True: pass", "timeout", "tests[0]"),
        (ADD, "def glue(a, b): raise SystemExit", "crash", "tests[0]"), (ADD, "def glue(a, b): return [0] * 10**10", "oom", "tests[0]"),
        (ADD, "def glue(a, b): return lambda: a", "wrong", "tests[0]: function"), (ADD, "\x00", "wrong", "null bytes"), (ADD, "\ud800 = 1", "wrong", "surrogate"),
        (ADD, "x = 1\n" * 300_000, "wrong", "over the limit"),
        (ECHO, "print(input())", "correct", ""), (ECHO, "import sys\nprint(float(sys.stdin.read()))\nsys.exit(3)", "correct", ""),
        (ECHO, "print(1)", "wrong", "tests[1]: printed '1\\n', expected '2\\n'"), (ECHO, "print(input(), input())", "wrong", "tests[0]: EOFError"),
        (ECHO, "import time\ntime.sleep(60)", "timeout", "tests[0]"), (ECHO, "import os\nos.abort()", "crash", "tests[0]: killed by SIG"),
    ],
    ids=range(22),
)  # fmt: skip
def test_verdicts(grader: CodeGrader, tests: str, program: str, verdict: str, detail: str):
    found = one(grader, tests, fenced(program))
    assert found.verdict == verdict and detail in found.detail


EVALPLUS = [
    ("    return sum(xs)", "correct", ""), ("def f(xs: List[float]) -> float:\n    return sum(xs)", "correct", ""), ("f = sum", "correct", ""),
    ("def f(xs):\n    return sum(xs) + (1e-9 if type(sum(xs)) is float else 0)", "correct", ""),
    ("def f(xs):\n    return 1.5 if xs == [1.5] else None", "wrong", "base_input[1]: returned None, expected 5"),
    ("def f(xs):\n    return sum(xs) if xs else None", "wrong", "plus_input[0]: returned None, expected 0"),
    ("def f(xs):\n    return round(sum(xs), 1) if len(xs) < 2 or xs[0] > 1 else 7", "wrong", "plus_input[1]: returned 7, expected 0.3"),
    ("def f(xs):\n    return len(xs)", "wrong", "base_input[0]: returned 1, expected 1.5"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "verdict", "detail"), EVALPLUS)
def test_verdicts_by_evalplus(grader: CodeGrader, program: str, verdict: str, detail: str):
    pytest.importorskip("evalplus.eval", reason="evalplus is not installed: the extra `code`")
    found = one(grader, evalplus_row(ROW, "humaneval")["tests"], fenced(program))
    assert found.verdict == verdict and detail in found.detail
    space: dict = {}
    exec(found.extracted or "", space)  # what is kept runs by itself: another grader can be given it
    assert "f" in space


@pytest.mark.parametrize(
    ("completion", "verdict"),
    [
        ("", "no_answer"), ("no", "no_answer"), ("```python\n```", "no_answer"), ("<think>" + "hm " * 30_000, "unfinished"),
        ("a\n```python\ndef glue(a, b):", "unfinished"), ("\ud800\udfff" * 100, "no_answer"), (b"bytes".decode("utf-16", "replace"), "no_answer"),
        ("```\n" * 300_001, "no_answer"), ("x" * 3_000_000, "no_answer"), (b"bytes", "no_answer"), (None, "no_answer"),
        ("think " * 30_000 + "</think>" + fenced("def glue(a, b): return [a, *b]"), "correct"),
        (fenced("def glue(a, b): return [a, *b]\n" + "# a long comment\n" * 8_000), "correct"),
    ],
    ids=range(13),
)  # fmt: skip
def test_any_completion_has_a_verdict(grader: CodeGrader, completion: object, verdict: str):
    assert one(grader, ADD, completion).verdict == verdict  # type: ignore[arg-type]


def test_verdicts_come_in_order_and_are_told(grader: CodeGrader):
    programs = ["def glue(a, b): return [a, *b]", "def glue(a, b): pass", "no program", "def glue(a, b):\n    while 1: pass"]
    items = [(ADD, fenced(program) if "def" in program else program) for program in programs * 5] + [(ECHO, fenced("print(input())"))]
    told: list[int] = []
    found = [verdict.verdict for verdict in grader.grade_many(iter(items), told.append)]
    assert found == ["correct", "wrong", "no_answer", "timeout"] * 5 + ["correct"]
    assert told == sorted(told) and told[-1] == len(items) and len(told) < len(items)  # equal programs are one
    assert grader.grade_many([]) == []


def test_tests_that_cannot_be_used_stop_the_work_or_are_no_verdict(grader: CodeGrader):
    bad = ["", "garbage", pack({"kind": "stdio", "tests": [], "seconds": 1}), pack({"kind": "call", "tests": [1], "seconds": 1})]
    bad += [pack({"kind": "evalplus", **ROW, "dataset": "humaneval", "base_input": []})]
    for tests, told in zip(bad, ["tests", "tests", "none", "entry_point", "HumanEval/900"], strict=True):
        with pytest.raises(Fault, match=f"answer 1: .*{told}"):
            grader.grade_many([(ECHO, ""), (tests, "")])
        verdict = grader.grade_many([(tests, "")], any_gold=True)[0]
        assert verdict.verdict == "grader_error" and told in verdict.detail


def test_a_canonical_solution_that_fails_its_own_tests_is_no_gold(grader: CodeGrader):
    pytest.importorskip("evalplus.eval", reason="evalplus is not installed: the extra `code`")
    tests = evalplus_row({**ROW, "canonical_solution": "    return 1 / len(xs)\n"}, "humaneval")["tests"]
    with pytest.raises(Fault, match=r"HumanEval/900, plus input 0: its own canonical solution ends with error \(ZeroDivisionError"):
        grader.grade_many([(tests, fenced("f = sum"))])
    assert [v.verdict for v in grader.grade_many([(tests, fenced("f = sum")), (ECHO, fenced("print(input())"))], any_gold=True)] == [
        "grader_error",
        "correct",
    ]


def test_expected_outputs_are_made_once_and_damage_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("evalplus.eval", reason="evalplus is not installed: the extra `code`")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    # The canonical solution answers by chance, so that one that runs again is found out.
    row = {
        **ROW,
        "canonical_solution": "    import random\n    return random.SystemRandom().random()\n",
        "base_input": [[[]]],
        "plus_input": [],
    }
    tests = evalplus_row(row, "humaneval")["tests"]

    def expected() -> str:
        with CodeGrader() as grader:
            return one(grader, tests, fenced("def f(xs): return None")).detail

    first = expected()
    assert "expected 0." in first and expected() == first
    (file,) = oracle.folder().iterdir()
    whole = file.read_bytes()
    for damaged in (b"", whole[:-1], whole[:80] + b"x" + whole[81:], b"\x80\x04cos\nsystem\n(S'true'\ntR."):
        file.write_bytes(damaged)
        again = expected()
        assert "expected 0." in again and again != first
        first = again
    assert tmp_path in oracle.folder().parents
    file.unlink()
    oracle.folder().rmdir()
    oracle.folder().write_text("a file in its place")
    assert "expected 0." in expected()  # what cannot be kept is made each time


def test_an_input_beyond_the_limits_is_set_aside(grader: CodeGrader):
    """As Mbpp/255's: its canonical solution would need more than a candidate may have."""
    pytest.importorskip("evalplus.eval", reason="evalplus is not installed: the extra `code`")
    body = "    return [0] * int(xs[0])\n"
    tests = evalplus_row({**ROW, "canonical_solution": body, "base_input": [[[3]]], "plus_input": [[[1e10]], [[4]]]}, "humaneval")["tests"]
    assert one(grader, tests, fenced(body)).verdict == "correct"
    assert one(grader, tests, fenced("    return [0, 0, 0]")).detail.startswith("plus_input[1]: returned [0, 0, 0], expected [0, 0, 0, 0]")


def test_faults_of_the_machinery_are_no_wrong_answers(monkeypatch: pytest.MonkeyPatch):
    with CodeGrader(rung="landlock") as grader:
        monkeypatch.setattr(tempfile, "tempdir", "/proc/no-room-here")
        verdict = one(grader, ECHO, fenced("print(input())"))
        assert verdict.verdict == "infra_error" and "no-room-here" in verdict.detail
        monkeypatch.undo()
        assert one(grader, ECHO, fenced("print(input())")).verdict == "correct"


def test_without_evalplus_its_tasks_say_how_to_get_it(grader: CodeGrader, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "evalplus.eval._special_oracle", None)
    tests = evalplus_row({**ROW, "task_id": "HumanEval/901"}, "humaneval")["tests"]
    with pytest.raises(Fault, match=r"pip install --no-deps evalplus==0\.3\.1 "):
        grader.grade_many([(tests, fenced("f = sum"))])
    assert one(grader, ECHO, fenced("print(input())")).verdict == "correct"  # the others need none of it


def test_without_a_sandbox_nothing_runs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HARNESS_SANDBOX", "none")
    with pytest.raises(Unavailable, match="bubblewrap"), CodeGrader():
        pass
    with CodeGrader(allow_unsafe=True) as grader:
        assert grader.rung == "none" and one(grader, ECHO, fenced("print(input())")).verdict == "correct"
    with pytest.raises(ValueError, match="at least 1"):
        CodeGrader(processes=0)


def test_rows_of_every_benchmark_reach_a_verdict(grader: CodeGrader):
    question = {
        "question_content": "Add.", "question_id": "q", "starter_code": "class Solution:\n    def add(self, a, b):", "metadata": '{"func_name": "add"}',
        "public_test_cases": json.dumps([{"input": "1\n2", "output": "3", "testtype": "functional"}]),
    }  # fmt: skip
    taco = {"question": "Add.", "input_output": json.dumps({"fn_name": "add", "inputs": [[1, 2]], "outputs": [[3]]}), "solutions": "[]"}
    program = fenced("class Solution:\n    def add(self, a: int, b: int) -> List[int]: return a + b")
    assert [
        v.verdict for v in grader.grade_many([(livecodebench_row(question)["tests"], program), (taco_row(taco)["tests"], program)])
    ] == ["correct"] * 2

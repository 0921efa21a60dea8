"""The math grader: extraction, hard pairs by category, hostile text, killable workers, real golds."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.grading import GRADERS
from harness.grading.math_answer import extract, grade
from harness.grading.math_typed import judge
from harness.grading.worker import Worker
from harness.grading.workers import GraderPool, shared_pool
from harness.records import VERDICTS, Fault, Verdict

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data"

RIGHT = [
    # thousands, decimals, spellings of one number
    ("4096", r"4\,096"), ("4096", "4{,}096"), ("4096", "4,096"), ("4096", "4 096"), ("11090", r"11,\!090"), ("1000000", r"1\;000\;000"),
    ("17", "017"), ("17", "17.0"), ("-17", "−17"), ("17", "17."), ("17", r"\mathbf{17}"), ("17", r"\textbf{17}"), ("17", "$17$"),
    (r"\frac{3}{8}", "0.375"), ("3/8", r"\dfrac{6}{16}"), ("3.5", r"3\frac{1}{2}"), (r"\frac{1}{6}", r"0.1\overline{6}"), (r"-\frac23",
    r"\frac{2}{-3}"),
    ("72000000", r"7.2\times 10^{7}"), ("120", "5!"), ("2^{31}-1", "2147483647"), ("3", r"\log_2 8"), ("-2", r"\sqrt[3]{-8}"),
    # irrationals
    (r"\sqrt{72}", r"6\sqrt2"), (r"\frac{7\sqrt{11}}{11}", r"\frac{7}{\sqrt{11}}"), (r"1-\frac{3}{\pi}", r"\frac{\pi-3}{\pi}"),
    (r"\sqrt{7+4\sqrt{3}}", r"2+\sqrt{3}"), (r"3\cdot 5^{1/4}", r"3\sqrt[4]{5}"),
    # labels, units, percent
    ("9", "n=9"), ("9", "9=n"), ("9", r"\text{the answer is } 9"), ("9", "the answer is 9"), ("9", "p+q = 9"), ("9", r"9\text{ cm}"),
    ("9", "f(2)=9"),
    ("0.45", r"45\%"), (r"45\%", r"\frac{9}{20}"), ("60", r"60^\circ"), ("42", r"\$42"), ("91", "80+11=91"), (r"\frac13",
    r"\frac13\approx 0.333"),
    # several values
    ("3,-3", r"\pm 3"), (r"2\pm\sqrt5", r"2-\sqrt5, 2+\sqrt5"), ("3, 5", r"\{5, 3\}"), ("3, 5", "x=5 or x=3"), (r"\{1,2,3\}",
    r"3, 1 \text{ and } 2"),
    ("200, 300", "200,300"), ("n = 2, 5, 13", "13, 5, 2"), ("(1,2),(3,4)", "(3,4),(1,2)"), ("x=1,y=2", "y=2,x=1"),
    # tuples, intervals, expressions, words
    ("(1, -2)", r"\left(1,-2\right)"), ("(3,4]", "(3, 4]"), (r"(0,9)\cup(9,36)", r"(9,36)\cup(0,9)"), ("(x+1)^2", "x^2+2x+1"), ("y=2x+3",
    "2x+3"),
    ("y+3x-4=0", "3x+y=4"), (r"x\le 2", r"2 \ge x"), (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\ \frac42\end{pmatrix}"),
    (r"\text{(B)}", "B"), (r"\text{odd}", "odd"), ("6-5i", "-5i+6"), ("52_8", "52_{8}"),
]  # fmt: skip

WRONG = [
    # near, but not it
    ("10^{-30}", "10^{-31}"), ("10^{-30}", "0"), (r"10^{-30}\pi", r"10^{-31}\pi"), (r"\frac{1}{7}", "0.142857142857"), (r"\sqrt2",
    "1.41421356"),
    (r"\pi", "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798"),
    ("2^{2026}-1", "2^{2026}"), ("0.1", "0.1000000000000000055511151231257827"), ("12345678901234567890", "12345678901234567891"),
    # percent, order, kind
    ("45", r"45\%"), ("45", "45 percent"), ("1, 2", "(1, 2)"), ("(1,2)", "(2,1)"), ("(3,4]", "(3,4)"), (r"\{1,2,3\}", r"\{1,2\}"),
    ("1234", "(1,234)"),
    (r"\pm 3", "3"), ("5", "5 or 6"), ("x=1,y=2", "x=2,y=1"), ("x<2", r"x \le 2"), (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)"),
    # words that change a value, equations that name none
    ("5", "not 5"), ("5", r"\text{not } 5"), ("5", r"\text{at least } 5"), ("5", r"5\text{ million}"), ("5", "2x=10"), ("5", "2x=5"),
    ("86", "83+3=85"),
    ("2t", "2"), ("5", "5x"), ("5", "y"), ("x+1", "t+1"), ("6-5i", "6+5i"), ("81", "8 1"), ("52_8", "52"), (r"0.\overline{3}",
    r"0.\overline{4}"),
    (r"\text{(B)}", "C"), ("5", r"5\text{ cm}^2, 6"), (r"5\text{ cm}", r"5\text{ kg}"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), RIGHT)
def test_right_in_both_directions(gold: str, answer: str) -> None:
    assert judge(gold, answer).verdict == "correct"
    assert judge(answer, gold).verdict == "correct"


@pytest.mark.parametrize(("gold", "answer"), WRONG)
def test_wrong_in_both_directions(gold: str, answer: str) -> None:
    for one, other in ((gold, answer), (answer, gold)):
        with contextlib.suppress(Fault):  # as a gold it would be refused, which is no `correct` either
            assert judge(one, other).verdict in ("wrong", "parse_error")


@pytest.mark.parametrize(
    ("answer", "completion", "verdict", "extracted"),
    [
        ("7", r"<think>maybe \boxed{8}</think> so \boxed{7}", "correct", "7"),
        ("7", r"first \boxed{8}, no: \boxed{7}.", "correct", "7"),
        ("8", r"\boxed{8}, \boxed{7}", "wrong", "7"),  # a single-valued gold: boxes are never joined
        ("7", r"\boxed{8} and \boxed{7}", "correct", "7"),
        ("7", r"<think> \boxed{7}", "unfinished", None),
        ("7", r"<think>a</think> b <think> \boxed{7}", "unfinished", None),
        ("7", r"<think>\boxed{7}</think> it is 7", "no_answer", None),
        ("7", "so the answer is 7", "no_answer", None),
        ("7", r"\boxed{7", "no_answer", None),
        ("7", r"\boxed{7} and then \boxed{8", "no_answer", None),  # the last word was cut off: an earlier one is not it
        ("7", r"\boxed {7}", "correct", "7"),
        ("7", "\\boxed{\n7\n}", "correct", "7"),
        ("7", r"\boxed{}", "parse_error", ""),
        ("7", r"\boxed{\boxed{7}}", "correct", "7"),
        ("7", "", "no_answer", None),
        ("3, 5", r"\boxed{3} and \boxed{5}", "correct", "3, 5"),
        ("3, 5", r"$\boxed{5}$, $\boxed{3}$", "correct", "5, 3"),
        ("3, 5", r"\boxed{3}; \text{or } \boxed{5}", "correct", "3, 5"),
        ("3, 5", r"we saw \boxed{3} before; finally \boxed{5}", "wrong", "5"),
        ("3, 5", r"\boxed{4}. So \boxed{3, 5}", "correct", "3, 5"),
        (r"\boxed{3736}", r"\boxed{3\,736}", "correct", r"3\,736"),
    ],
)
def test_extraction(answer: str, completion: str, verdict: str, extracted: str | None) -> None:
    found = grade(answer, completion)
    assert (found.verdict, found.extracted) == (verdict, extracted)


def test_extract_several() -> None:
    assert extract(r"\boxed{1} \text{ or } \boxed{2}", several=False) == "2"
    assert extract(r"\boxed{\{1\}} , \boxed{\frac{1}{2}}", several=True) == r"\{1\}, \frac{1}{2}"


@pytest.mark.parametrize(
    "gold", ["", "  ", r"\frac{1}{2", "x" * 3000, "10^{10^{10}}", "The set of all such numbers is given by the following table of cases"]
)
def test_a_gold_that_cannot_be_read_is_a_fault_of_the_data(gold: str) -> None:
    with pytest.raises(Fault, match="gold answer"):
        grade(gold, r"\boxed{5}")


HOSTILE = [
    r"\boxed{9^{9^{9^{9}}}}", r"\boxed{2^{2^{2^{2^{2^{2^{2}}}}}}}", r"\boxed{10^{10^{10}}!}", r"\boxed{99999999!}",
    r"\boxed{\binom{10^9}{5\cdot 10^8}}",
    r"\boxed{(((10^{6})!)!)!}", r"\boxed{\sqrt[10^{100}]{2}}", r"\boxed{\sum_{k=1}^{10^{12}} k}", r"\boxed{\sin(10^{10^{9}})}",
    r"\boxed{2^{-10^{18}}}",
    r"\boxed{__import__('os').system('touch HACKED')}", r"\boxed{\text{__import__('os').system('touch HACKED')}}", r"\boxed{\N{BULLET}}",
    "\\boxed{\x00}",
    "\\boxed{\ud800}", r"\boxed{" + "9" * 1_000_000 + "}", r"\boxed{" + "{" * 100_000 + "5" + "}" * 100_000 + "}",
    r"\boxed{" + "(" * 100_000 + "}",
    r"\boxed{" * 100_000 + "5" + "}" * 100_000, r"\boxed{" * 150_000, "}" * 1_000_000, r"\boxed{" + "1+" * 900 + "1}",
    r"\boxed{" + r"\frac{" * 30 + "1}",
    r"\boxed{" + "x^" * 50 + "2}", r"\boxed{" + r"\sqrt{" * 35 + "2" + "}" * 35 + "}", r"\boxed{" + "1," * 900 + "1}",
    r"\boxed{" + r"\pm " * 40 + "1}",
    "a" * 1_000_000 + r"\boxed{5}" + "b" * 1_000_000, r"\boxed{\left(\right.}", r"\boxed{\frac{1}{0}}", r"\boxed{0^{-1}}",
    r"\boxed{\log 0}", r"\boxed{\tan(\pi/2)}",
    r"\boxed{\unknowncommand{5}}", r"\boxed{\\\\\\}", r"\boxed{%}", r"\boxed{=}", r"\boxed{,}", r"\boxed{5=}", r"\boxed{1:2:3:}",
    r"\boxed{^}",
]  # fmt: skip


@pytest.mark.slow
def test_hostile_text_gets_a_verdict_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with GraderPool(seconds=1.0) as pool:
        verdicts = pool.grade_many([("17", text) for text in HOSTILE])
        assert pool.grade_many([(r"\frac12", r"\boxed{0.5}")])[0].correct  # and the pool still works
    for text, verdict in zip(HOSTILE, verdicts, strict=True):
        assert verdict.verdict in VERDICTS and verdict.verdict not in ("correct", "grader_error"), (text[:60], verdict)
    assert not (tmp_path / "HACKED").exists() and not list(tmp_path.iterdir())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(alphabet=st.sampled_from("0123456789+-*/^_(){}[]\\,.;:=<>|!%$&~ xyeiπ√±"), max_size=25))
def test_any_text_gets_a_verdict_and_symbols_never_equal_a_gold(text: str) -> None:
    found = grade("918273645", r"\boxed{" + text + "}")
    assert found.verdict in VERDICTS and found.verdict not in ("grader_error", "timeout")


_PIECES = [
    "2",
    "0.5",
    r"\frac{1}{2}",
    "1/2",
    r"50\%",
    r"\sqrt{4}",
    r"\sqrt2",
    r"\pm 2",
    "2,-2",
    "(2,-2)",
    r"\{-2,2\}",
    "x",
    "x=2",
    "2x",
    "1,234",
    "1234",
]


@given(st.sampled_from(_PIECES), st.sampled_from(_PIECES))
@settings(max_examples=80, deadline=None)
def test_symmetry(a: str, b: str) -> None:
    assert (judge(a, b).verdict == "correct") == (judge(b, a).verdict == "correct")
    assert judge(a, a).verdict == "correct"


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6), st.integers(1, 50))
@settings(max_examples=100, deadline=None)
def test_fractions_are_exact(top: int, bottom: int, factor: int) -> None:
    assert judge(rf"\frac{{{top}}}{{{bottom}}}", rf"\frac{{{top * factor}}}{{{bottom * factor}}}").verdict == "correct"
    assert judge(rf"\frac{{{top}}}{{{bottom}}}", rf"\frac{{{top * factor + 1}}}{{{bottom * factor}}}").verdict == "wrong"


@pytest.mark.slow
def test_runaway_item_times_out_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker stopped mid-work is the hang that cannot be caught inside it: the parent's clock ends it."""
    with GraderPool(seconds=0.2) as pool:
        pool.grade_many([("1/2", r"\boxed{\frac{2}{4}}")])
        os.kill(pool.pids()[0], signal.SIGSTOP)
        found = pool.grade_many([("1/2", r"\boxed{\frac{3}{6}}"), ("1/2", r"\boxed{\frac{4}{8}}"), ("1/2", r"\boxed{\frac{4}{9}}")])
        assert [each.verdict for each in found] == ["timeout", "correct", "wrong"]


def test_the_workers_own_clock() -> None:
    with GraderPool(seconds=0.001) as pool:
        found = pool.grade_many([("2", "\\boxed{" + "+".join(rf"\sqrt{{{k}}}" for k in range(2, 120)) + "}"), ("2", r"\boxed{2}")])
    assert [each.verdict for each in found] == ["timeout", "correct"]


@pytest.mark.slow
def test_worker_killed_between_and_during_work() -> None:
    items = [("1/2", rf"\boxed{{\frac{{{k}}}{{{2 * k}}} + \sqrt{{{k}}} - \sqrt{{{k}}}}}") for k in range(1, 250)]
    with GraderPool() as pool:
        pool.grade_many(items[:1])
        os.kill(pool.pids()[0], signal.SIGKILL)
        assert pool.grade_many(items[:2]) == [Verdict("correct", items[k][1][7:-1]) for k in range(2)]
        pid = pool.pids()[0]
        threading.Timer(0.05, os.kill, (pid, signal.SIGKILL)).start()
        found = pool.grade_many(items)
    assert {each.verdict for each in found} <= {"correct", "grader_error"}


def test_worker_that_always_dies_is_a_grader_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Worker, "send", lambda self, items: os.kill(self.process.pid, signal.SIGKILL) is None)
    with GraderPool() as pool:
        assert [each.verdict for each in pool.grade_many([("1/2", r"\boxed{0.50}")])] == ["grader_error"]


def test_a_fault_does_not_break_the_pool() -> None:
    with GraderPool(processes=2) as pool:
        with pytest.raises(Fault, match="braces"):
            pool.grade_many([("1/2", r"\boxed{0.5}"), (r"\frac{1}{2", r"\boxed{5}"), ("1/2", r"\boxed{0.25}")])
        assert [each.verdict for each in pool.grade_many([("1/2", r"\boxed{0.5}"), ("1/2", r"\boxed{0.25}")])] == ["correct", "wrong"]


def test_threads_share_the_grader() -> None:
    found: dict[int, str] = {}
    threads = [
        threading.Thread(target=lambda k=k: found.update({k: grade(f"{k}/7", rf"\boxed{{\frac{{{2 * k}}}{{14}}}}").verdict}))
        for k in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(range(8), "correct")


def test_workers_die_with_their_parent() -> None:
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from harness.grading.workers import shared_pool;"
        " from harness.grading.math_answer import grade; grade('1/2', r'\\boxed{0.5}'); print(shared_pool().pids()[0], flush=True); os.kill(os.getpid(), 9)"
    )
    out = subprocess.run([sys.executable, "-c", code, str(ROOT)], capture_output=True, text=True, timeout=60, check=False)
    pid, deadline = int(out.stdout), time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "zombie" not in Path(f"/proc/{pid}/status").read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert time.monotonic() < deadline


def test_plain_integers_need_no_sympy() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from harness.grading.math_answer import grade;"
        " assert grade('17', r'\\boxed{017}').correct and grade('17', r'\\boxed{18}').verdict == 'wrong'; assert 'sympy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(ROOT)], check=True, timeout=60)
    assert GRADERS["typed"] == 2


@pytest.mark.parametrize(
    ("name", "count"),
    [("aime24", 30), ("aime25", 30), ("hmmt_feb_2025", 30), ("beyondaime", 100), ("amo_bench", 39), ("extras/math500", 500)],
)
def test_real_golds_grade_themselves_right(name: str, count: int) -> None:
    path = DATA / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is not here: the exams' answers are never part of the repository")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    golds = [row["answer"] for row in rows if row.get("answer_type") != "description"]
    assert len(golds) == count
    # another spelling, so that the comparison is not settled by equal text
    answers = [gold.replace(r"\dfrac", r"\frac").replace(r"\frac", r"\tfrac").replace(r"\boxed", r"\displaystyle") for gold in golds]
    verdicts = shared_pool().grade_many((gold, "so\n$\\boxed{" + answer + " }$") for gold, answer in zip(golds, answers, strict=True))
    assert [gold for gold, verdict in zip(golds, verdicts, strict=True) if not verdict.correct] == []

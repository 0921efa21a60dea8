"""The other ways to grade a mathematical answer: the string comparison, math-verify as shipped, AMO-Bench's parser; and all under attack."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.grading import MATH
from harness.grading.math_answer import grade
from harness.grading.math_string import MAX_BOX, Trips, tidied
from harness.grading.workers import GraderPool, shared_pool
from harness.records import VERDICTS, Fault

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data"
FINAL = "### The final answer is: "


def test_an_unknown_profile_is_refused_with_a_suggestion() -> None:
    with pytest.raises(Fault, match=r"no math profile 'type'.* Did you mean 'typed'.*Known: typed, math-verify, string, amo"):
        grade("7", r"\boxed{7}", profile="type")
    with pytest.raises(Fault, match="no math profile"), GraderPool() as pool:
        pool.grade_many([("7", r"\boxed{7}")], any_gold=True, profile="sympy")


@pytest.mark.parametrize("profile", MATH)
def test_every_profile_tells_right_from_wrong_and_names_an_empty_gold(profile: str) -> None:
    gold = r"\boxed{42}" if profile == "amo" else "42"
    found = shared_pool().grade_many([(gold, r"so $\boxed{42}$"), (gold, r"so $\boxed{41}$"), (gold, "no idea")], profile=profile)
    assert [each.verdict for each in found] == ["correct", "wrong", "no_answer"]
    assert (found[0].extracted, found[1].extracted) == ("42", "41")
    with pytest.raises(Fault, match="empty"):
        grade(" ", r"\boxed{42}", profile=profile)


STRING = [
    # gold, completion, verdict: what the string comparison of the MATH data set says, right or not
    ("7", r"\boxed{7}", "correct"), ("7", r"\boxed{7.0}", "wrong"), ("7", r"\boxed{07}", "wrong"), ("1000", r"\boxed{1,000}", "wrong"),
    (r"\frac{1}{2}", r"\boxed{\frac12}", "correct"), (r"\frac{1}{2}", r"\boxed{\dfrac{1}{2}}", "correct"), (r"\frac{1}{2}", r"\boxed{1/2}", "correct"),
    (r"\frac{1}{2}", r"\boxed{0.5}", "correct"), (r"\frac{1}{2}", r"\boxed{.5}", "correct"), (r"\frac{1}{4}", r"\boxed{0.25}", "wrong"),
    (r"\frac{1}{72}", r"\boxed{\frac1{72}}", "correct"), (r"\frac{72}{1}", r"\boxed{\frac{72}1}", "wrong"), (r"\frac{3}{4}", r"\boxed{3 / 4}", "correct"),
    (r"\sqrt{3}", r"\boxed{\sqrt3}", "correct"), (r"\sqrt{3}", r"\boxed{\sqrt 3}", "wrong"), ("5", r"\boxed{x=5}", "correct"),
    ("5", r"\boxed{x = 5}", "correct"), ("5", r"\boxed{abc=5}", "wrong"), ("5", r"\boxed{x=y=5}", "wrong"), ("50", r"\boxed{50\%}", "correct"),
    ("5", r"\boxed{5\text{ cm}}", "correct"), ("5", r"\boxed{5\text{cm}}", "wrong"), ("90", r"\boxed{90^\circ}", "correct"),
    ("90", r"\boxed{90^{\circ}}", "correct"), ("(1,2)", r"\boxed{\left( 1, 2 \right)}", "correct"), ("12", "\\boxed{1\n2}", "correct"),
    ("12", r"\boxed{1\!2}", "correct"), ("5", r"\boxed{\$5}", "correct"), ("2,1", r"\boxed{1,2}", "wrong"),
    (r"\sqrt", r"\boxed{\sqrt}", "correct"), (r"\sqrt ", r"\boxed{\sqrt}", "wrong"), (r"1\frac", r"\boxed{1\frac}", "correct"),
    (r"5\text{ a}\text{ b}", r"\boxed{5\text{ a}\text{ b}}", "correct"), (r"\frac{1}{2}", r"\boxed{\frac1}", "wrong"),
    # which box
    ("7", r"\boxed{8} \boxed{7}", "correct"), ("7", r"\boxed{7} \boxed{8", "no_answer"), ("7", r"<think>\boxed{7}", "correct"),
    ("7", r"\boxed 7$ and \boxed{8}", "correct"), ("7", r"\boxed 7", "correct"), ("7", r"\fbox{7}", "parse_error"), ("7", r"\boxed  {7}", "wrong"),
    ("7", r"\boxed", "no_answer"), ("7", "7", "no_answer"), (r"\{1\}", r"\boxed{\{1\}}", "correct"), (r"\boxed{7}", r"\boxed{7}", "wrong"),
    ("7", r"\boxed{\boxed 7}", "wrong"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "completion", "verdict"), STRING)
def test_the_string_comparison(gold: str, completion: str, verdict: str) -> None:
    assert grade(gold, completion, profile="string").verdict == verdict


def test_the_string_comparison_step_by_step() -> None:
    assert (
        tidied(r"x = \dfrac12\text{ m}") == r"\frac{1}{2}"
        and tidied(r"\%") == ""
        and tidied("1_0/2") == "1_0/2"
        and tidied("-3/4") == r"\frac{-3}{4}"
    )
    assert tidied(r"{.5}\sqrt12") == r"{0.5}\sqrt{1}2" and tidied("a .5") == "a0.5" and tidied(r"\frac1") == r"\frac1"
    for text in (r"2\sqrt", r"\sqrt\sqrt2", r"\frac", r"1\text{ a}\text{ b}"):
        with pytest.raises(Trips):
            tidied(text)


@pytest.mark.parametrize(
    ("gold", "completion", "verdict"),
    [
        ("7", "the answer is 7", "correct"),  # no box needed
        ("7", "<think>perhaps 7", "correct"),
        ("50", r"\boxed{50\%}", "correct"),
        (r"\frac{1}{3}", r"\boxed{0.333333}", "correct"),
        ("7", r"\boxed{8} and \boxed{7}", "wrong"),  # two boxes become a set
        ("3, 5", r"\boxed{5}, \boxed{3}", "correct"),
        (r"\frac{1}{2}", r"$\frac{2}{4}$", "correct"),
        (r"x^2+2x+1", r"\boxed{(x+1)^2}", "correct"),
        ("7", r"\boxed{\frac{7}{0}}", "wrong"),  # its exception is a no
        ("7", "nothing here", "no_answer"),
        ("7", "", "no_answer"),
    ],
)
def test_math_verify_as_shipped_faults_and_all(gold: str, completion: str, verdict: str) -> None:
    assert grade(gold, completion, profile="math-verify").verdict == verdict


@pytest.mark.slow
def test_math_verify_called_plainly_says_the_same() -> None:
    """In a process of its own, main thread, its own timers on: what anybody gets who calls it."""
    cases = [json.loads(line) for line in Path(__file__).with_name("math_cases.jsonl").read_text(encoding="utf-8").splitlines()]
    pairs = [(case["gold"], rf"Thus $\boxed{{{case['answer']}}}$.") for case in cases if "answer" in case and "$" not in case["answer"]][
        ::12
    ]
    pairs += [(case["gold"], case["completion"]) for case in cases if "completion" in case][::5]
    code = (
        "import json, logging, sys; logging.disable(logging.CRITICAL); from math_verify import parse, verify\n"
        "box = lambda gold: gold if '\\\\boxed' in gold else '\\\\boxed{' + gold + '}'\n"
        "print(json.dumps([verify(parse(box(gold)), parse(completion)) for gold, completion in json.load(sys.stdin)]))"
    )
    plain = subprocess.run([sys.executable, "-c", code], input=json.dumps(pairs), capture_output=True, text=True, check=True, timeout=200)
    found = shared_pool().grade_many(pairs, profile="math-verify")
    assert len(pairs) > 40
    assert [each.correct for each in found] == json.loads(plain.stdout)


RESPONSES = [json.loads(line) for line in Path(__file__).with_name("amo_responses.jsonl").read_text(encoding="utf-8").splitlines()]


def test_amo_by_its_parsers_rules() -> None:
    """Responses of our own, each with the verdict of AMO-Bench's published grading (of 2026-02-06, run beside math-verify 0.9.0)."""
    assert len(RESPONSES) >= 100 and {each["kind"] for each in RESPONSES} == {"number", "set", "variable"}
    found = shared_pool().grade_many([(each["gold"], each["response"]) for each in RESPONSES], profile="amo")
    assert [(each, verdict) for each, verdict in zip(RESPONSES, found, strict=True) if verdict.correct != each["right"]] == []
    assert {verdict.verdict for verdict in found} <= {"correct", "wrong", "no_answer"}


@pytest.mark.parametrize("gold", [r"\boxed{k^2+1}", r"\boxed{\text{all primes}}", r"\boxed{f(x)=2x}"])
def test_amo_refuses_a_gold_that_needs_a_judge(gold: str) -> None:
    with pytest.raises(Fault, match="needs a judge"):
        grade(gold, r"\boxed{7}", profile="amo")
    assert shared_pool().grade_many([(gold, r"\boxed{7}")], any_gold=True, profile="amo")[0].verdict == "grader_error"


@pytest.mark.parametrize(
    ("profile", "name", "count", "right"),
    [("math-verify", "hmmt_feb_2025", 30, 30), ("math-verify", "beyondaime", 100, 100), ("math-verify", "amo_bench", 39, 39),
     ("string", "hmmt_feb_2025", 30, 30), ("string", "extras/math500", 500, 500), ("string", "amo_bench", 39, 0),
     pytest.param("amo", "amo_bench", 39, 39, marks=pytest.mark.slow)],
)  # fmt: skip
def test_real_golds_by_the_other_profiles(profile: str, name: str, count: int, right: int) -> None:
    """The string comparison knows no gold that stands in a box already, as those of AMO-Bench do."""
    path = DATA / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is not here: the exams' answers are never part of the repository")
    golds = [row["answer"] for row in map(json.loads, path.read_text().splitlines()) if row.get("answer_type") != "description"]
    assert len(golds) == count
    pairs = [(gold, f"{FINAL}{gold}" if "\\boxed" in gold else f"so $\\boxed{{{gold}}}$") for gold in golds]
    assert sum(verdict.correct for verdict in shared_pool().grade_many(pairs, profile=profile)) == right


@pytest.fixture(scope="module")
def impatient() -> Iterator[GraderPool]:
    with GraderPool(seconds=0.3, memory_mib=512) as pool:
        yield pool


TOWERS = [r"9^{9^{9^{9}}}", "9**9**9**9**9"]
SHAPES = ["9" * 5000, "{" * 2000 + "5" + "}" * 2000, r"\frac{" * 300 + "1", "\x00", "\ud800", r"\frac{1}{0}"]
CODE = [
    "__import__('os').system('touch HACKED')",
    "y=open('HACKED','w')",
    r"\text{eval(\"open('HACKED','w')\")}",
    "[open('HACKED','w') for x in (1,)]",
]


@pytest.mark.slow
@pytest.mark.parametrize("profile", MATH)
def test_hostile_answers_end_and_nothing_runs(impatient: GraderPool, profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    texts = [rf"{FINAL}$\boxed{{{attack}}}$" for attack in (*TOWERS, *SHAPES, *CODE)] + [f"{FINAL}{attack}" for attack in CODE]
    pairs = [(r"\boxed{17}" if profile == "amo" else "17", text) for text in texts]
    if profile == "amo":  # a formula goes to sympy's solver
        pairs += [(r"\boxed{n^2+1}", rf"{FINAL}$\boxed{{{attack}}}$") for attack in CODE[:2]]
    for (_, text), found in zip(pairs, impatient.grade_many(pairs, profile=profile), strict=True):
        assert found.verdict in VERDICTS and found.verdict not in ("correct", "grader_error"), (text[:60], found)
    assert impatient.grade_many([(pairs[0][0], r"\boxed{17}")], profile=profile)[0].correct
    assert list(tmp_path.iterdir()) == []


BIG = 50_000_000  # characters


@pytest.mark.slow
@pytest.mark.parametrize("profile", MATH)
@pytest.mark.parametrize("shape", ["prose", "braces", "boxes", "spaced box"])
def test_giant_completions_end_in_memory(impatient: GraderPool, profile: str, shape: str) -> None:
    text = {
        "prose": "so it is " * (BIG // 9) + FINAL + r"$\boxed{17}$",
        "braces": r"\boxed{" + "{" * (BIG // 10),
        "boxes": r"\boxed{" * (BIG // 70),
        "spaced box": "\\boxed " + "1" * BIG,
    }[shape]
    found = impatient.grade_many([(r"\boxed{17}" if profile == "amo" else "17", text)], profile=profile)[0]
    assert found.verdict == ("correct" if shape == "prose" else found.verdict) and found.verdict != "grader_error"
    assert shape == "prose" or not found.correct
    assert len(found.extracted or "") <= 2000


def test_a_box_beyond_the_limit_of_the_string_comparison_is_no_match() -> None:
    assert grade("5", r"\boxed{" + " " * (MAX_BOX // 2) + "5}", profile="string").correct
    assert grade("5", r"\boxed{" + " " * (MAX_BOX + 1) + "5}", profile="string").verdict == "parse_error"


@pytest.mark.parametrize("profile", MATH)
def test_eight_threads_share_every_profile(profile: str) -> None:
    def one(k: int) -> list[str]:
        gold = rf"\boxed{{\frac{{{k}}}{{7}}}}" if profile == "amo" else rf"\frac{{{k}}}{{7}}"
        return [grade(gold, rf"\boxed{{\frac{{{each}}}{{7}}}}", profile=profile).verdict for each in (k, k + 1)]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(one, range(1, 9))) == [["correct", "wrong"]] * 8
    assert threading.current_thread() is threading.main_thread()


def test_profiles_do_not_disturb_each_other() -> None:
    """One worker grades by all of them in turn: 120 digits of ours must not become math-verify's, nor its floats ours."""
    pairs = [(r"\frac{1}{3}", r"\boxed{0.333333333}"), (r"\sqrt{2}", r"\boxed{1.41421356237}"), (r"\pi", r"\boxed{3.14159265}")]
    with GraderPool() as pool:
        rounds = [[pool.grade_many(pairs, profile=profile) for profile in ("math-verify", "typed")] for _ in range(2)]
    assert rounds[0] == rounds[1]
    assert not any(verdict.correct for verdict in rounds[0][1])


@pytest.mark.slow
def test_a_large_item_to_a_worker_that_hangs_is_a_timeout() -> None:
    with GraderPool(seconds=0.2) as pool:
        pool.grade_many([("7", r"\boxed{7}")], profile="math-verify")
        os.kill(pool.pids()[0], signal.SIGSTOP)
        long = "word " * 60_000 + r"\boxed{7}"
        assert pool.grade_many([("7", long)], profile="math-verify")[0].verdict == "timeout"
        assert pool.grade_many([("7", r"\boxed{7}")], profile="math-verify")[0].correct

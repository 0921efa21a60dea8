"""Answers by category, from the exams' rules: what a careful reader of mathematics would say, in both directions.

Each line of math_cases.jsonl holds a gold with either an `answer`, the content of a box, or a whole `completion`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.grading.math_answer import grade
from harness.grading.math_typed import judge
from harness.grading.workers import shared_pool
from harness.records import Fault

CASES = [json.loads(line) for line in Path(__file__).with_name("math_cases.jsonl").read_text(encoding="utf-8").splitlines()]
PAIRS = [case for case in CASES if "answer" in case]
WHOLE = [case for case in CASES if "completion" in case]


def verdict(gold: str, answer: str) -> str:
    try:
        return judge(gold, answer).verdict
    except Fault:
        return "unreadable gold"


@pytest.mark.parametrize("category", sorted({case["category"] for case in PAIRS if case["verdict"] == "correct"}))
def test_one_answer_in_two_spellings(category: str) -> None:
    pairs = [(case["gold"], case["answer"]) for case in PAIRS if (case["category"], case["verdict"]) == (category, "correct")]
    both = [(gold, answer, verdict(gold, answer), verdict(answer, gold)) for gold, answer in pairs]
    assert [each for each in both if each[2:] != ("correct", "correct")] == []


@pytest.mark.parametrize("category", sorted({case["category"] for case in PAIRS if case["verdict"] == "wrong"}))
def test_two_answers(category: str) -> None:
    pairs = [(case["gold"], case["answer"]) for case in PAIRS if (case["category"], case["verdict"]) == (category, "wrong")]
    both = [(gold, answer, verdict(gold, answer), verdict(answer, gold)) for gold, answer in pairs]
    assert [each for each in both if not set(each[2:]) <= {"wrong", "parse_error", "unreadable gold"}] == []


def test_the_worker_says_the_same_of_a_boxed_answer() -> None:
    cases = [case for case in PAIRS if case["answer"].count("{") == case["answer"].count("}") and "boxed" not in case["answer"]][::3]
    found = shared_pool().grade_many([(case["gold"], f"So $\\boxed{{{case['answer']}}}$.") for case in cases], any_gold=True)
    assert len(cases) > 250
    wanted = [case["verdict"] == "correct" for case in cases]
    assert [case for case, each, right in zip(cases, found, wanted, strict=True) if each.correct != right] == []


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case["completion"][:40])
def test_extraction(case: dict) -> None:
    assert grade(case["gold"], case["completion"]).verdict == case["verdict"]


def test_there_are_cases_enough() -> None:
    assert len(PAIRS) > 900 and len(WHOLE) >= 80

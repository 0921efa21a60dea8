"""The table of graders' disagreements, and the classes of answers that a majority vote counts."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from harness.grading.audit import audit
from harness.grading.classes import CORRECT, answer_class
from harness.grading.math_answer import grade
from harness.grading.workers import shared_pool
from harness.records import VERDICTS, Fault, Verdict

ROOT = Path(__file__).resolve().parents[3]


def told(*verdicts: str) -> dict[tuple[str, int], Verdict]:
    return {(f"p{place // 2}", place % 2): Verdict(verdict) for place, verdict in enumerate(verdicts)}


def test_counts_and_places_of_each_disagreement() -> None:
    found = audit({
        "typed": told("correct", "correct", "wrong", "wrong", "no_answer", "correct", "correct", "timeout"),
        "string": told("correct", "wrong", "correct", "parse_error", "unfinished", "no_answer", "grader_error", "wrong"),
    })  # fmt: skip
    (pair,) = found.pairs
    assert (pair.both_right, pair.only_a, pair.only_b, pair.both_wrong, pair.unanswered, pair.ungraded) == (1, 2, 1, 2, 1, 1)
    assert pair.only_a_places == (("p0", 1), ("p2", 1)) and pair.only_b_places == (("p1", 0),)
    assert pair.found_by_one == 1 and pair.compared == 7 and pair.agreement == pytest.approx(4 / 7)
    assert found.responses == 8 and found.tallies[0].verdicts == {"correct": 4, "no_answer": 1, "timeout": 1, "wrong": 2}
    assert json.loads(json.dumps(asdict(found)))["pairs"][0]["only_a_places"] == [["p0", 1], ["p2", 1]]


def test_pairs_keep_the_order_of_the_profiles_and_places_their_limit() -> None:
    right, wrong = told(*["correct"] * 9), told(*["wrong"] * 9)
    found = audit({"c": right, "a": wrong, "b": right}, examples=3)
    assert [(pair.a, pair.b) for pair in found.pairs] == [("c", "a"), ("c", "b"), ("a", "b")]
    assert found.pairs[0].only_a_places == (("p0", 0), ("p0", 1), ("p1", 0)) and found.pairs[0].only_a == 9
    assert found.pairs[1].agreement == 1.0 and audit({"a": {}, "b": {}}).pairs[0].agreement == 1.0


def test_profiles_that_judged_other_responses_are_refused() -> None:
    with pytest.raises(Fault, match=r"'b' judged 1 of 2 responses.*p0, sample 1"):
        audit({"a": told("correct", "wrong"), "b": told("correct")})


def test_real_graders_disagree_where_the_rules_say_so() -> None:
    pairs = [
        ("7", r"\boxed{7}"),
        ("1000", r"\boxed{1,000}"),
        ("7", "it is 7"),
        ("50", r"\boxed{50\%}"),
        ("7", r"<think>\boxed{7}"),
        ("7", r"\boxed{8}"),
    ]
    verdicts = {
        profile: dict(zip([(f"q{k}", 0) for k in range(len(pairs))], shared_pool().grade_many(pairs, profile=profile), strict=True))
        for profile in ("typed", "math-verify", "string")
    }
    typed_and_shipped, typed_and_string, _ = audit(verdicts).pairs
    assert typed_and_shipped.only_b_places == (("q2", 0), ("q3", 0), ("q4", 0)) and typed_and_shipped.only_a == 0
    assert typed_and_string.only_a_places == (("q1", 0),) and typed_and_string.only_b_places == (("q3", 0), ("q4", 0))


def test_classes_of_answers() -> None:
    def of(answer: str) -> str | None:
        return answer_class(grade("7", rf"\boxed{{{answer}}}"))

    assert of("7") == of("7.0") == of(r"\frac{14}{2}") == CORRECT
    assert of("8") == of("08") == of(" 8 ") == of(r"\mathbf{8}") == of("8.") == of("８") != of("9")
    assert of(r"\frac{1}{2}") == of(r"\dfrac12") == of("1/2") == of("0.5") != of("0.6")
    assert of("1{,}000") == of("1000") and of(r"\sqrt{2}") == of(r"\sqrt2") != of("2")
    assert len({of("8"), of("-8"), of("8x"), of("(8,1)"), of("(1,8)"), of(r"\text{none}")}) == 6
    assert None not in {of("8"), of("?"), of("9" * 1100 + "e3999")}


def test_what_has_no_class() -> None:
    for verdict in VERDICTS:
        found = answer_class(Verdict(verdict, "8"))
        assert (found is None) == (verdict not in ("correct", "wrong", "parse_error")), verdict
    assert answer_class(Verdict("wrong")) is None and answer_class(Verdict("parse_error", "")) is None


def test_classes_and_audit_need_no_sympy() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import harness.grading.audit, harness.grading.classes; assert 'sympy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, str(ROOT)], check=True, timeout=60)

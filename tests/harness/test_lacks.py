"""What each entry needs, by name, and that a suite without it is refused with the remedy before anything runs."""

from __future__ import annotations

import re

import pytest
import yaml

from harness.records import Fault
from harness.spec import load_suite
from methods import METHODS

SOLUTIONS = {"trd_self", "opsd", "gkd", "sdft", "stable_opd", "rlsd", "gates", "sft_reference"}
GROUPS = {"sdpo", "mopd", "paced", "rlsd", "kdrl", "gates", "grpo"}  # compare the responses to one problem
VERDICTS = {"sdpo", "mopd", "paced", "rlsd", "kdrl", "gates", "grpo", "brts"}
ANSWERS = {"brts"}
ALONE = {"trd_self", "opsd", "sdpo", "mopd", "sdft", "opcd", "rlsd", "gates", "sft_reference", "grpo", "placebo"}  # need no other model
BY_DOMAIN = {"multi_teacher"}
KNOWN = {
    *SOLUTIONS, *VERDICTS, *ALONE, *BY_DOMAIN, "forward_kl", "forward_kl_clip", "reverse_kl", "reverse_kl_topk", "trd", "opd_sampled", "revisiting",
    "minillm", "tml_opd", "rethinking", "tip", "ta_opd", "eopd", "esr", "fast_opd", "exopd", "veto", "distillm_skew_rkl", "sft_teacher",
    "placebo_shuffled",
}  # fmt: skip


def refused(root, words, *, rows=None, **how) -> set[str]:
    """The known entries that are refused in these words. A few in each suite, for a message tells no more than its first faults."""
    rows = rows or sorted(KNOWN)
    return {name for at in range(0, len(rows), 4) for name in refused_of(root, words, rows[at : at + 4], **how)}


def refused_of(root, words, rows, fields=None, domain="math", pair=None, n=4) -> set[str]:
    (root / "own.jsonl").write_text('{"q": "1+1", "a": "2", "s": "It is 2.", "t": "x"}\n' * 9)
    fields = fields or {"prompt": "q", "answer": "a", "solution": "s"}
    models = {name: f"small-world/{name}" for name in ("student", "teacher")}
    said = {
        "suite": "lacks",
        "engine": "transformers",
        "seeds": {"train": [0], "exam": 0},
        "pairs": {"tiny": pair or {**models, "teachers": {domain: "small-world/teacher"}}},
        "methods": rows,
        "train": {
            "problems": {"set": {"file": str(root / "own.jsonl"), "fields": fields, "domain": domain}, "take": 8},
            "sampling": {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "max_tokens": 6, "n": n},
            "limits": {"prompt": 200},
            "rounds": {"count": 1, "problems": 8},
            "optim": {"learning_rate": 1.0e-2, "batch": 4},
            "lora": None,
        },
        "budgets": {"steps": {"updates": 2}},
        "evaluate": [{"benchmarks": ["chain-exam"], "protocol": "small-world"}],
    }
    (root / "suite.yaml").write_text(yaml.safe_dump(said))
    try:
        load_suite(root / "suite.yaml")
    except Fault as fault:
        lines = [line for line in str(fault).splitlines() if "row '" in line]
        return {re.search(r"row '(\w+)'", line)[1] for line in lines if re.search(words, line)}  # type: ignore[index]
    return set()


def test_every_entry_is_in_the_lists_or_says_here_what_it_needs():
    assert METHODS.keys() >= KNOWN


def test_with_everything_nothing_is_refused(tmp_path):
    assert refused(tmp_path, "") == set()


def test_solutions(tmp_path):
    words = r"needs reference solutions .*own has none\. Train on problems with solutions.*or choose a method that needs none"
    assert refused(tmp_path, words, fields={"prompt": "q", "answer": "a"}) == SOLUTIONS


def test_something_that_can_be_graded(tmp_path):
    words = r"learns from verdicts, but nobody can grade what is written to own: its fields name no {}\. Map that column"
    assert refused(tmp_path, words.format("answer"), fields={"prompt": "q", "tests": "t", "solution": "s"}) == VERDICTS
    assert refused(tmp_path, words.format("tests"), fields={"prompt": "q", "answer": "a", "solution": "s"}, domain="code") == VERDICTS


def test_an_answer_to_be_shown(tmp_path):
    words = (
        r"shows the teacher the answer \(WithAnswer\(\)\), but .* have none\. Train on problems with answers, or leave that reading away"
    )
    assert refused(tmp_path, words, fields={"prompt": "q", "tests": "t", "solution": "s"}, domain="code") == ANSWERS


def test_groups_of_more_than_one(tmp_path):
    """Most say how many they want; here they are told to take one."""
    rows = [
        {"method": name, "writer": {"n": 1}, **({"also": {"near": {"writer": {"n": 1}}}} if name == "kdrl" else {})}
        if name in GROUPS and name != "paced"
        else name
        for name in sorted(KNOWN)
    ]
    rows[rows.index("paced")] = {"method": "paced", "writer": {"n": 1}}
    words = r"compares responses to one problem, but there is 1 of each\. Ask for several: writer: \{n: 8\}"
    assert refused(tmp_path, words, rows=rows, n=1) == GROUPS


def test_a_teacher(tmp_path):
    student = {"student": "small-world/student"}
    words = r"needs the pair's teacher, but pairs\.tiny has none\. Add `teacher:` to that pair, or choose methods of self-distillation"
    assert refused(tmp_path, words, pair={**student, "teachers": {"math": "small-world/teacher"}}) == KNOWN - ALONE - BY_DOMAIN
    words = r"the teacher of a problem is that of its domain, but pairs\.tiny has none for math .*Name one for each: teachers: \{math: …\}"
    assert refused(tmp_path, words, pair={**student, "teacher": "small-world/teacher"}) == BY_DOMAIN


@pytest.mark.parametrize("name", sorted(KNOWN - ALONE - BY_DOMAIN - {"sft_teacher", "trd", "brts"}))
def test_a_reference_model(tmp_path, name):
    """Whoever's teacher is seen through one."""
    teacher = {"over": "reference"} if name == "exopd" else {"Extrapolated": {"over": "reference"}}
    main = {"writer": {"n": 4}} if name in ("grpo", "kdrl") else {}
    row = {"method": name, "teacher": teacher, **main}
    if not METHODS[name].terms["main"].scored:  # nobody scores in its main term
        return
    words = r"through the pair's reference model, but pairs\.tiny names none\. Add `reference:` to that pair"
    assert refused(tmp_path, words, rows=[row], pair={f: f"small-world/{f}" for f in ("student", "teacher")}) == {name}

"""Native rows to problems: real rows of each benchmark, hostile pickles, and rows that cannot be used."""

from __future__ import annotations

import base64
import json
import os
import pickle
import zlib
from pathlib import Path

import pytest

from harness.grading.code.rows import evalplus_row, livecodebench_row, pickled_string, private_tests, taco_row
from harness.grading.tests import unpack

DATA = Path(__file__).resolve().parents[5] / "shared" / "data"

TASK = {
    "task_id": "HumanEval/0", "prompt": "from typing import List\n\n\ndef f(xs: List[int]) -> int:\n    '''sum'''\n", "entry_point": "f",
    "canonical_solution": "    return sum(xs)\n", "base_input": [[[1, 2]]], "plus_input": [[[3]]], "atol": 0, "contract": "",
}  # fmt: skip
QUESTION = {
    "question_content": "Add.", "question_id": "q1", "starter_code": "", "metadata": "{}",
    "public_test_cases": json.dumps([{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]),
}  # fmt: skip
TACO = {"question": "Add.", "starter_code": "", "input_output": json.dumps({"inputs": ["1 2\n"], "outputs": ["3\n"]}), "solutions": "[]"}


def real(name: str) -> list[dict]:
    if not (DATA / name).exists():
        pytest.skip(f"real rows {name} are not beside this checkout (../shared/data)")
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


def encoded(pickled: bytes) -> str:
    return base64.b64encode(zlib.compress(pickled)).decode()


def test_an_evalplus_row_is_the_problem_its_tests_and_a_whole_solution():
    made = evalplus_row(TASK, "humaneval")
    assert made["id"] == "HumanEval/0" and made["prompt"] == TASK["prompt"].strip()
    assert made["solution"] == TASK["prompt"] + TASK["canonical_solution"]
    assert unpack(made["tests"]) == {"kind": "evalplus", "dataset": "humaneval", **TASK}


def test_the_order_of_keys_among_inputs_is_kept():
    made = evalplus_row({**TASK, "base_input": [[{"b": 1, "a": 2}]]}, "humaneval")
    assert list(unpack(made["tests"])["base_input"][0][0]) == ["b", "a"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"base_input": {"a": 1}}, "base_input: expected a list"), ({"base_input": None}, "base_input: empty"), ({"base_input": []}, "base_input: empty"), ({"base_input": [1]}, "base_input"),
        ({"plus_input": "x"}, "plus_input"), ({"prompt": ""}, "prompt: empty"), ({"prompt": 3}, "prompt: not text"),
        ({"entry_point": "a b"}, "entry_point"), ({"canonical_solution": None}, "canonical_solution: missing"), ({"atol": "x"}, "atol"),
        ({"atol": float("nan")}, "atol"), ({"atol": -1}, "atol"), ({"atol": True}, "atol"),
    ],
)  # fmt: skip
def test_a_bad_evalplus_row_names_its_field(change: dict, told: str):
    with pytest.raises(ValueError, match=told):
        evalplus_row({**TASK, **change}, "humaneval")


def test_a_row_of_the_other_release_is_told_apart():
    with pytest.raises(ValueError, match="OriginFmt"):
        evalplus_row({"task_id": "HumanEval/0", "prompt": "p", "test": "def check(candidate): ..."}, "humaneval")
    with pytest.raises(ValueError, match="expected one of humaneval, mbpp"):
        evalplus_row(TASK, "HumanEval+")


def test_livecodebench_prompts_are_its_own():
    made = livecodebench_row(QUESTION)
    assert made["system"].startswith("You are an expert Python programmer.") and made["system"].endswith("passes all tests.")
    assert made["prompt"].startswith("### Question:\nAdd.\n\n### Format: Read the inputs from stdin solve the problem")
    assert made["prompt"].endswith("\n```python\n# YOUR CODE HERE\n```\n\n### Answer: (use the provided format with backticks)\n\n")
    call = {"public_test_cases": json.dumps([{"input": "1\n[2]", "output": "3", "testtype": "functional"}])}
    made = livecodebench_row(
        {**QUESTION, **call, "starter_code": "class Solution:\n    def f(self, a, b):", "metadata": '{"func_name": "f"}'}
    )
    assert "### Format: You will use the following starter code" in made["prompt"] and "def f(self, a, b):\n```" in made["prompt"]
    assert unpack(made["tests"]) == {"kind": "call", "entry_point": "f", "tests": [{"input": "1\n[2]", "output": "3"}], "seconds": 6.0}


def test_private_tests_come_plain_or_pickled():
    cases = [{"input": "5 6\n", "output": "11\n", "testtype": "stdin"}]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for text in (json.dumps(cases), encoded(pickle.dumps(json.dumps(cases), protocol))):
            made = livecodebench_row({**QUESTION, "private_test_cases": text})
            assert [test["output"] for test in unpack(made["tests"])["tests"]] == ["3\n", "11\n"]


class Call:
    """Pickles to a call of a function, as an attacker writes it."""

    def __init__(self, function, *arguments):
        self.made = function, arguments

    def __reduce__(self):
        return self.made


def memo_bomb() -> bytes:
    """Lists of lists by reference: 2**40 members for whoever counts them."""
    return b"\x80\x04]\x94" + b"".join(b"(h%ch%cl\x94" % (i, i) for i in range(40)) + b"."


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(Call(os.system, "touch /tmp/never")), pickle.dumps(Call(eval, "1")), pickle.dumps(Call(print, "x")),
        pickle.dumps(Call(getattr, "os", "system")), b"cos\nsystem\n(S'true'\ntR.", b"\x80\x04Pid\n.",
        pickle.dumps(7), pickle.dumps(None), pickle.dumps(b"[]"), pickle.dumps(["[]"]), pickle.dumps({"a": "b"}), pickle.dumps(("x", "y")),
        pickle.dumps([[[[[["x"]]]]]]), pickle.dumps(10**5000), memo_bomb(), b"\x80\x04X\xff\xff\xff\x7fabc.", b"\x80\x04\x96" + b"\xff" * 7 +
        b"\x0f.", b"\x80\x05\x8d\xff\xff\xff\xff\xff\xff\xff\x7fa.", pickle.dumps("[]") + b"more", pickle.dumps("[]") + pickle.dumps("[]"),
        b"\x80\x04\x8c\x01a\x8c\x01b.", b"\x80\x04" + b"\x94" * 100 + b".", b"\x80\x04.", b"", b"\x80", b"garbage", bytes(range(200)),
        b"\x80\x04X\x02\x00\x00\x00\xff\xfe.",
    ],
)  # fmt: skip
def test_a_pickle_of_anything_but_one_string_is_refused(data: bytes):
    with pytest.raises(ValueError, match="private_test_cases"):
        pickled_string(data)
    with pytest.raises(ValueError, match="private_test_cases"):
        livecodebench_row({**QUESTION, "private_test_cases": encoded(data)})


def test_sizes_have_an_end():
    bomb = encoded(pickle.dumps("0" * 5_000_000))
    assert len(bomb) < 10_000
    with pytest.raises(ValueError, match="unpacks to more than 1000000 bytes"):
        private_tests(bomb, max_decoded=1_000_000)
    with pytest.raises(ValueError, match="over the limit of 100"):
        private_tests(bomb, max_encoded=100)
    with pytest.raises(ValueError, match="ends in the middle"):
        private_tests(base64.b64encode(zlib.compress(b"x" * 1000)[:-6]).decode())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"public_test_cases": "["}, "public_test_cases: not JSON"), ({"public_test_cases": "[]"}, "no test"),
        ({"public_test_cases": '[{"input": 1, "output": "", "testtype": "stdin"}]'}, r"public_test_cases\[0\]"),
        ({"public_test_cases": '{"a": 1}'}, "expected a list"), ({"private_test_cases": "%%%"}, "neither JSON nor base64"),
        ({"private_test_cases": "[" * 100_000}, "not JSON"), ({"question_content": None}, "question_content: missing"),
        ({"question_id": ""}, "question_id: empty"),
        ({"public_test_cases": '[{"input": "1", "output": "1", "testtype": "functional"}]'}, "metadata.func_name"),
        ({"public_test_cases": '[{"input": "1", "output": "1", "testtype": "functional"}]', "metadata": "{"}, "metadata: not JSON"),
        ({"public_test_cases": '[{"input": "x", "output": "1", "testtype": "functional"}]', "metadata": '{"func_name": "f"}'}, "input of a"),
        ({"public_test_cases": '[{"input": "1", "output": "", "testtype": "functional"}]', "metadata": '{"func_name": "f"}'}, "output of a"),
        ({"public_test_cases": '[{"input": "1", "output": "1", "testtype": "other"}]'}, "testtype: other"),
        ({"private_test_cases": '[{"input": "1", "output": "1", "testtype": "functional"}]'}, "testtype: functional, stdin"),
    ],
)  # fmt: skip
def test_a_bad_livecodebench_row_names_its_field(change: dict, told: str):
    with pytest.raises(ValueError, match=told):
        livecodebench_row({**QUESTION, **change})


def test_taco_rows_read_stdin_or_are_called():
    made = taco_row({**TACO, "solutions": '["a", "b"]'})
    assert unpack(made["tests"])["tests"] == [{"input": "1 2\n", "output": "3\n"}] and made["solution"] == "a"
    assert made["id"].startswith("taco-") and made["id"] == taco_row(TACO)["id"] != taco_row({**TACO, "question": "Other."})["id"]
    lines = taco_row({**TACO, "input_output": json.dumps({"inputs": [["1", "2"]], "outputs": [["3"]]})})
    assert unpack(lines["tests"])["tests"] == [{"input": "1\n2", "output": "3"}]
    call = taco_row({**TACO, "input_output": json.dumps({"fn_name": "f", "inputs": [[1, "a"]], "outputs": [[2]]})})
    assert unpack(call["tests"])["tests"] == [{"input": '1\n"a"', "output": "[2]"}] and unpack(call["tests"])["entry_point"] == "f"


@pytest.mark.parametrize(
    ("cases", "told"),
    [
        ("", "input_output: empty"), ("[]", "expected a mapping"), ("{}", "lists of one length"), ('{"inputs": [], "outputs": []}', "no test"),
        ('{"inputs": ["1"], "outputs": []}', "lists of one length"), ('{"inputs": [1], "outputs": ["1"]}', "input_output.inputs: holds a int"),
        ('{"inputs": ["1"], "outputs": [1], "fn_name": "f"}', "input_output.inputs"),
        ('{"inputs": [[1]], "outputs": [1], "fn_name": "f g"}', "input_output.fn_name"),
    ],
)  # fmt: skip
def test_a_bad_taco_row_names_its_field(cases: str, told: str):
    with pytest.raises(ValueError, match=told):
        taco_row({**TACO, "input_output": cases})


def test_real_rows_load():
    assert len({evalplus_row(row, "humaneval")["id"] for row in real("humaneval_plus_mini.jsonl")}) == 164
    mbpp = [evalplus_row(row, "mbpp") for row in real("mbpp_plus.jsonl")]
    assert len({each["id"] for each in mbpp}) == 378
    kinds = [unpack(livecodebench_row(row)["tests"])["kind"] for row in real("livecodebench_v1_public.jsonl")]
    assert (kinds.count("stdio"), kinds.count("call")) == (219, 181)
    coded = real("livecodebench_like_encoded.jsonl")
    for row in coded:  # their private tests are derived from the public ones of the same question
        public, tests = json.loads(row["public_test_cases"]), unpack(livecodebench_row(row)["tests"])["tests"]
        assert [test["input"] for test in public] == [test["input"] for test in tests[: len(public)]] and len(tests) > len(public)
    assert len(coded) == 33
    assert len([taco_row(row) for row in real("taco_test_samples.jsonl")]) == 475
    assert {unpack(taco_row(row)["tests"])["kind"] for row in real("taco_callbased_synthetic.jsonl")} == {"call"}

"""Native rows of code benchmarks to what a problem holds: its prompt, its packed tests, a reference solution, an id.

Pure functions of one row. What cannot be used raises ValueError that names the field and the reason; the loader adds file and line.
The prompts of LiveCodeBench are its own (generic chat style): a system message, the question, the format, `### Answer`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import pickletools
import zlib
from typing import Any

from harness.grading.tests import pack

DATASETS = ("humaneval", "mbpp")
SECONDS = 6.0  # of the clock, each test: LiveCodeBench's own limit
MAX_ENCODED = 256 << 20  # bytes of one row's private tests, as they come and unpacked: the largest real ones are near 100 MB
MAX_DECODED = 512 << 20

SYSTEM = (
    "You are an expert Python programmer. You will be given a question (problem specification) and will generate a correct Python program "
    "that matches the specification and passes all tests."
)
WITH_STARTER = "You will use the following starter code to write the solution to the problem and enclose your code within delimiters."
FROM_STDIN = (
    "Read the inputs from stdin solve the problem and write the answer to stdout (do not directly test on the sample inputs). Enclose your "
    "code within delimiters as follows. Ensure that when the python program runs, it reads the inputs, runs the algorithm and writes output "
    "to STDOUT."
)


def evalplus_row(row: dict[str, Any], dataset: str) -> dict[str, Any]:
    """A row of HumanEval+ or MBPP+ in EvalPlus' native format. The prompt is the problem alone; the exam's template stands around it."""
    if dataset not in DATASETS:
        raise ValueError(f"dataset {dataset!r}: expected one of {', '.join(DATASETS)}")
    if "base_input" not in row and "test" in row:
        raise ValueError(
            "base_input: missing. This is the OriginFmt release; take HumanEvalPlus.jsonl or MbppPlus.jsonl of the same release"
        )
    tests = {"kind": "evalplus", "dataset": dataset}
    for field in ("task_id", "prompt", "entry_point", "canonical_solution"):
        tests[field] = _text(row, field)
    if not tests["entry_point"].isidentifier():
        raise ValueError(f"entry_point: {tests['entry_point']!r} is no name of a function")
    for field in ("base_input", "plus_input"):
        tests[field] = _lists(row.get(field) or [] if field in row else None, field)  # Mbpp/793 writes none as {}
    if not tests["base_input"]:
        raise ValueError("base_input: empty, so nothing would be tested")
    tests["atol"] = atol = row.get("atol", 0)
    if not isinstance(atol, int | float) or isinstance(atol, bool) or not math.isfinite(atol) or atol < 0:
        raise ValueError(f"atol: {atol!r} is no tolerance; expected a number from 0 on")
    tests["contract"] = row.get("contract") or ""
    whole = tests["prompt"] + tests["canonical_solution"] if dataset == "humaneval" else tests["canonical_solution"].strip()
    return {"id": tests["task_id"], "prompt": tests["prompt"].strip(), "solution": whole, "tests": pack(tests)}


def livecodebench_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of LiveCodeBench, any release: public tests, then private ones where the row has them. `system` is a message of its own."""
    cases = _cases(row.get("public_test_cases"), "public_test_cases")
    if row.get("private_test_cases"):
        cases += _cases(private_tests(row["private_test_cases"]), "private_test_cases")
    if not cases:
        raise ValueError("public_test_cases, private_test_cases: no test in either")
    types = {case["testtype"] for case in cases}
    if types == {"functional"}:
        metadata = _json(row.get("metadata") or "{}", "metadata")
        name = metadata.get("func_name") if isinstance(metadata, dict) else None
        tests = _call(name, "metadata.func_name", [(case["input"], case["output"]) for case in cases])
    elif types == {"stdin"}:
        tests = {"kind": "stdio", "tests": [{"input": case["input"], "output": case["output"]} for case in cases], "seconds": SECONDS}
    else:
        raise ValueError(f"testtype: {', '.join(sorted(map(str, types)))}; expected stdin alone or functional alone")
    prompt = question(_text(row, "question_content"), row.get("starter_code") or "")
    return {"id": str(_text(row, "question_id")), "system": SYSTEM, "prompt": prompt, "solution": None, "tests": pack(tests)}


def taco_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of TACO (or APPS). Its prompt has LiveCodeBench's form. Without an id of its own the row is named by its content."""
    cases = _json(_text(row, "input_output"), "input_output")
    if not isinstance(cases, dict):
        raise ValueError(f"input_output: holds a {type(cases).__name__}; expected a mapping with inputs and outputs")
    inputs, outputs = cases.get("inputs"), cases.get("outputs")
    if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs):
        raise ValueError("input_output: inputs and outputs must be lists of one length")
    if not inputs:
        raise ValueError("input_output: no test, so nothing would be tested")
    if cases.get("fn_name"):
        lines = ["\n".join(map(json.dumps, call)) for call in _lists(inputs, "input_output.inputs")]
        tests = _call(cases["fn_name"], "input_output.fn_name", list(zip(lines, map(json.dumps, outputs), strict=True)))
        tests["unwrap"] = True
    else:
        pairs = [(_joined(i, "input_output.inputs"), _joined(o, "input_output.outputs")) for i, o in zip(inputs, outputs, strict=True)]
        tests = {"kind": "stdio", "tests": [{"input": i, "output": o} for i, o in pairs], "seconds": SECONDS}
    text = _text(row, "question")
    solutions = _json(row.get("solutions") or "[]", "solutions")
    if not isinstance(solutions, list) or not all(isinstance(each, str) for each in solutions):
        raise ValueError("solutions: expected a list of programs")
    named = row.get("task_id") or row.get("id") or "taco-" + hashlib.sha256((text + row["input_output"]).encode()).hexdigest()[:16]
    prompt = question(text, row.get("starter_code") or "")
    return {"id": str(named), "system": SYSTEM, "prompt": prompt, "solution": next(iter(solutions), None), "tests": pack(tests)}


def question(text: str, starter: str) -> str:
    """The user message of LiveCodeBench's generic chat style."""
    form, code = (WITH_STARTER, starter) if starter else (FROM_STDIN, "# YOUR CODE HERE")
    return (
        f"### Question:\n{text}\n\n### Format: {form}\n```python\n{code}\n```\n\n### Answer: (use the provided format with backticks)\n\n"
    )


def private_tests(text: Any, max_encoded: int = MAX_ENCODED, max_decoded: int = MAX_DECODED) -> Any:
    """LiveCodeBench's private tests: JSON as it stands, or JSON pickled, deflated and put in base64. Sizes in bytes."""
    field = "private_test_cases"
    if not isinstance(text, str):
        return text
    if len(text) > max_encoded:
        raise ValueError(f"{field}: {len(text)} characters, over the limit of {max_encoded}")
    if text.lstrip()[:1] in ("[", "{"):
        return _json(text, field)
    try:
        inflate = zlib.decompressobj()
        data = inflate.decompress(base64.b64decode(text, validate=True), max_decoded)
    except (binascii.Error, zlib.error, ValueError) as fault:
        raise ValueError(f"{field}: neither JSON nor base64 of deflated data ({fault})") from None
    if not inflate.eof:
        reason = f"unpacks to more than {max_decoded} bytes" if len(data) >= max_decoded else "ends in the middle"
        raise ValueError(f"{field}: {reason}")
    return _json(pickled_string(data), field)


# A pickle of one string needs no more than these. It is read by them, never run: a pickle is a program.
_STRINGS = ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE")
_AROUND = ("PROTO", "FRAME", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "STOP")


def pickled_string(data: bytes) -> str:
    """The one string that `data` pickles. Anything else in it, and anything more, raises ValueError."""
    found: str | None = None
    end = 0
    try:
        for number, (opcode, argument, place) in enumerate(pickletools.genops(data)):
            if opcode.name in _STRINGS and found is None and isinstance(argument, str):
                found = argument
            elif opcode.name not in _AROUND or number > 6:
                raise ValueError(f"the opcode {opcode.name} at byte {place}")
            end = (place or 0) + 1
    except Exception as fault:  # whatever a broken pickle does to pickletools
        raise ValueError(f"private_test_cases: no pickle of a single string ({fault})"[:300]) from None
    if found is None or end != len(data):
        raise ValueError(
            "private_test_cases: no pickle of a single string " + ("(it holds none)" if found is None else "(more follows it)")
        )
    return found


def _call(name: Any, field: str, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"{field}: {name!r} is no name of a function")
    for given, wanted in pairs:
        for line in arguments(given):
            _json(line, "input of a test")
        _json(wanted, "output of a test")
    return {"kind": "call", "entry_point": name, "tests": [{"input": i, "output": o} for i, o in pairs], "seconds": SECONDS}


def arguments(text: str) -> list[str]:
    """The lines of a call's input: one JSON value an argument."""
    return [line for line in text.split("\n") if line.strip()]


def _cases(cases: Any, field: str) -> list[dict[str, Any]]:
    cases = _json(cases, field) if isinstance(cases, str) else cases
    if cases is None:
        return []
    if not isinstance(cases, list):
        raise ValueError(f"{field}: holds a {type(cases).__name__}; expected a list of tests")
    for number, case in enumerate(cases):
        if not isinstance(case, dict) or not all(isinstance(case.get(key), str) for key in ("input", "output", "testtype")):
            raise ValueError(f"{field}[{number}]: expected a mapping of input, output and testtype, all text")
    return cases


def _text(row: dict[str, Any], field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{field}: {'missing' if value is None else 'empty' if isinstance(value, str) else 'not text'}")
    return value


def _lists(value: Any, field: str) -> list[list[Any]]:
    if not isinstance(value, list) or not all(isinstance(each, list) for each in value):
        raise ValueError(f"{field}: expected a list of lists of arguments")
    return value


def _joined(value: Any, field: str) -> str:
    """TACO writes some texts as a list of lines."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    if not isinstance(value, str):
        raise ValueError(f"{field}: holds a {type(value).__name__}; expected text or lines of text")
    return value


def _json(text: Any, field: str) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError) as fault:
        raise ValueError(f"{field}: not JSON ({fault})"[:300]) from None

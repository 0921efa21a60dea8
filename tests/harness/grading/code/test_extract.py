"""Which program a completion holds, by EvalPlus' habits and by LiveCodeBench's rule; and that no text is slow."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.grading.code.extract import LEAD, assembled, defining, fenced, last_fenced, preceded

PROMPT = 'from typing import List\nimport math\n\n\ndef f(xs: List[int]) -> int:\n    """Sum."""\n'
WHOLE = "def f(xs):\n    return sum(xs)"
BODY = "    return sum(xs)"


@pytest.mark.parametrize(
    ("completion", "program"),
    [
        (f"Here:\n```python\n{WHOLE}\n```\nDone.", WHOLE), (f"Here:\n```\n{WHOLE}\n```", WHOLE), (f"So\n~~~py\n{WHOLE}\n~~~", WHOLE),
        (f"x\n````python\n{WHOLE}\n# ``` inside\n````", WHOLE + "\n# ``` inside"), (f"1. So\n   ```python\n{WHOLE}\n   ```", WHOLE),
        (f"a\n```python\ndef f(xs): pass\n```\nbetter\n```python\n{WHOLE}\n```", WHOLE),
        # an example of use, or what it prints, behind the function
        (f"a\n```python\n{WHOLE}\n```\nUse:\n```python\nprint(f([1]))\n```\n```text\n1\n```", WHOLE),
        (f"a\n```python\n{BODY}\n```", BODY), (f"a\n```python\n{WHOLE}\n```\nand then\n```python\ndef g(", WHOLE),
        (f"a\n```python\ndef broken(\n```python\n{WHOLE}\n```", WHOLE),  # began anew
        (f"a\r\n```python\r\n{WHOLE}\r\n```\r\n", WHOLE + "\r"), (f"x\n```python title=`a`\n```\n{WHOLE}\n```", WHOLE),
        (f"<think>```python\nno\n```</think>a\n```python\n{WHOLE}\n```", WHOLE),
        (WHOLE, WHOLE), ("f = lambda xs: sum(xs)", "f = lambda xs: sum(xs)"),  # no fence, but a program
        # the exam wrote the first words: up to the close, whatever follows
        (f"```python\n{WHOLE}\n```\nor\n```python\ndef f(xs): pass\n```", WHOLE), (f"{LEAD}\n```python\n{WHOLE}\n```\n<think>", WHOLE),
        (f"{LEAD}\n```python\n{WHOLE}", WHOLE),  # a stop at the closing fence cuts it off
    ],
)  # fmt: skip
def test_the_program_of_an_answer(completion: str, program: str):
    assert defining(completion, "f").program == program


@pytest.mark.parametrize(
    ("completion", "status"),
    [
        ("", "no_answer"), ("I cannot.", "no_answer"), ("```python\n\n```", "no_answer"), ("def g(): pass", "no_answer"),
        ("You define it so:\ndef f(xs):\n    return 1", "no_answer"), ("a\n```python\ndef f(xs):\n    return", "unfinished"),
        ("<think>```python\ndef f(xs): pass\n```", "unfinished"), (f"{LEAD}\n```python\ndef f(xs):\n    return (", "unfinished"),
        (f"{LEAD}\n```python\n", "unfinished"), ("a\n```python\ndef f(xs): pass\n~~~", "unfinished"),
    ],
)  # fmt: skip
def test_answers_without_a_program(completion: str, status: str):
    found = defining(completion, "f")
    assert (found.status, found.program) == (status, None)


@pytest.mark.parametrize(
    ("completion", "program"),
    [
        ("a\n```python\nx\n```\nb", "x"), ("```python\nx\n```\n```python\ny\n```", "y"), ("~~~\nx\n~~~", "x"),
        ("</think>\n```python\nx\n```", "x"), ("```python\nx\n```\n```python\nhalf", ""),  # the last two lines with a fence, as it does
    ],
)  # fmt: skip
def test_livecodebench_takes_what_is_between_the_last_two_fences(completion: str, program: str):
    assert (last_fenced(completion).program or "") == program


@pytest.mark.parametrize(
    ("completion", "status"), [("", "no_answer"), ("print(1)", "no_answer"), ("a\n```python\nx", "unfinished"), ("<think>x", "unfinished")]
)
def test_livecodebench_answers_without_a_program(completion: str, status: str):
    assert last_fenced(completion).status == status


def test_a_body_goes_on_from_the_prompt_and_a_whole_function_gets_its_imports():
    for program in (
        BODY,
        WHOLE,
        "def f(xs: List[int]) -> int:\n    return math.floor(sum(xs))",
        "from __future__ import annotations\n" + WHOLE,
    ):
        space: dict = {}
        exec(assembled(program, PROMPT, "f"), space)
        assert space["f"]([1, 2]) == 3
    assert assembled("import math\nfrom typing import List\n" + WHOLE, PROMPT, "f") == "import math\nfrom typing import List\n" + WHOLE


def test_imports_from_the_future_stay_first():
    assert preceded("import a", "'''doc'''\nfrom __future__ import annotations\nx = 1").startswith(
        "from __future__ import annotations\nimport a\n"
    )
    assert preceded("import a", "x = 1") == "import a\nx = 1"


HOSTILE = {
    "lines of backticks": "```\n" * 400_000,
    "one line of backticks": "`" * 3_000_000,
    "backticks and spaces": ("```" + " " * 50_000 + "`\n") * 20,
    "openings": "```python\n" * 200_000,
    "thinking": "<think></think>" * 200_000,
    "spaces": " " * 3_000_000 + "```",
    "30k tokens of code": "```python\n" + "x = 1  # a comment that is somewhat long\n" * 30_000,
    "deep": "f = " + "(" * 100_000,
    "minus": "f = " + "-" * 150_000 + "1",
    "dots": "f = a" + ".b" * 60_000,
    "sums": "f = 1" + "+1" * 60_000,
    "futures": "from __future__ import x\n" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_is_slow_or_fatal(name: str):
    """A square of these lengths would take hours: the runner's own limit ends it."""
    found = defining(HOSTILE[name], "f")
    last_fenced(HOSTILE[name])
    assembled(found.program or HOSTILE[name], PROMPT, "f")
    assert preceded("import a", HOSTILE[name]).endswith(HOSTILE[name][-1])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(["```", "~~~", "```python", "````", "<think>", "</think>", "def f(xs):", "    return 1", "", "`x`", "\ud800", LEAD])
    )
)
def test_any_text_has_a_status(lines: list[str]):
    for found in (defining("\n".join(lines), "f"), last_fenced("\n".join(lines))):
        assert found.status in ("found", "no_answer", "unfinished")
        assert (found.status == "found") == bool(found.program and found.program.strip())


def test_blocks_keep_what_is_inside():
    assert fenced("a\n```x\n  1\n\n2\n```\n```\n3") == (["  1\n\n2"], "3")
    assert fenced("a") == ([], None)

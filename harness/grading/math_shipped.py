r"""math-verify as it is shipped: its own extraction from the whole completion, its own comparison, its defaults. Runs inside a worker.

Ours are only the limits: its timers are off (they need the main thread), the worker's clock and memory stand in for them, and of a
completion longer than MAX_COMPLETION characters the last MAX_COMPLETION are read. A gold stands in a \boxed{}, one of the forms that its
extraction is made for, unless it brings its own. An exception inside math-verify counts as math-verify counts it: nothing parsed, or not
equal; only memory that runs out is ours to report.

Its plain-expression fallback hands digits, dots and `+-*/^()×÷` to sympy's parser, never a letter: no name can be reached through it.
"""

from __future__ import annotations

import logging
from itertools import product
from typing import Any

import math_verify

from harness.records import Fault, Verdict

MAX_COMPLETION = 400_000  # characters, about 100 000 tokens: longer than any protocol lets a model write

logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its timers are off; the worker's clock is on


def parse(text: str) -> list[Any]:
    """What math-verify finds in a text: values, and last the text that it read first; [] where it finds nothing or fails."""
    try:
        return math_verify.parse(text, parsing_timeout=None, raise_on_error=True)  # pyright: ignore[reportArgumentType]  None: no timer
    except MemoryError:
        raise
    except Exception:
        return []


def verify(gold: list[Any], answer: list[Any], float_rounding: int = 6) -> bool:
    """Whether any pair of the two lists is equal to math-verify; a pair on which it fails is not."""
    for ours, theirs in product(gold, answer):
        try:
            if math_verify.verify(ours, theirs, float_rounding=float_rounding, timeout_seconds=None, raise_on_error=True):
                return True
        except MemoryError:
            raise
        except Exception:
            continue
    return False


def written(parsed: list[Any]) -> str | None:
    """The text behind a parse, None where there is none. A value is never printed: that alone can take hours."""
    return parsed[-1][:2000] if parsed and isinstance(parsed[-1], str) else None


def read_gold(answer: str) -> list[Any]:
    """Raises Fault where math-verify finds nothing in the gold."""
    parsed = parse(answer if "\\boxed" in answer else rf"\boxed{{{answer}}}")
    if not parsed:
        raise Fault(
            f"gold answer {answer[:100]!r} cannot be read by math-verify. The data is at fault, not the completion: correct the answer, "
            "drop the problem, or grade by another profile."
        )
    return parsed


def judge(answer: str, completion: str) -> Verdict:
    """`correct`, `wrong`, or `no_answer` where math-verify extracts nothing. Raises Fault for an unreadable gold."""
    gold = read_gold(answer)
    found = parse(completion)
    if not found:
        return Verdict("no_answer")
    return Verdict("correct" if verify(gold, found) else "wrong", written(found))

"""The tests of a program as one string: JSON, deflated, in base64. They can be megabytes, and most readers of a problem need none of it.

`kind` tells which semantics judge:

    evalplus   dataset (humaneval or mbpp), task_id, prompt, entry_point, canonical_solution, base_input, plus_input, atol, contract
    stdio      tests: [{input, output}], seconds: of the clock a test
    call       entry_point, tests: [{input: one JSON value a line and argument, output: a JSON value}], seconds; unwrap where an output
               may stand in a list of its own, as in TACO

Keys stay in their order: that of a dict among a task's inputs is part of the input.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import Any

KINDS = ("evalplus", "stdio", "call")


def pack(tests: dict[str, Any]) -> str:
    return base64.b64encode(zlib.compress(json.dumps(tests).encode(), 6)).decode("ascii")


def unpack(packed: str) -> dict[str, Any]:
    """Raises ValueError on anything that `pack` did not write."""
    try:
        tests = json.loads(zlib.decompress(base64.b64decode(packed, validate=True)))
    except (binascii.Error, zlib.error) as fault:
        raise ValueError(f"no packed tests: {fault}") from None
    if not isinstance(tests, dict) or tests.get("kind") not in KINDS:
        raise ValueError(f"no packed tests: expected a mapping whose kind is one of {', '.join(KINDS)}")
    return tests

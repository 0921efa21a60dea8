"""What EvalPlus' tasks expect. Its rows hold no outputs: the canonical solution makes them, in the sandbox, once.

Kept below $XDG_CACHE_HOME/opd-harness/expected, addressed by the content of the tests. A file there is plain data behind its own digest,
never a pickle; one that does not fit its digest is made again. An input on which the canonical solution itself breaks the limits that
candidates run under (Mbpp/255: 1.7 million tuples of 77 words) cannot be judged: it is set aside, and `Expected.aside` says why.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.grading.code.compare import EvalPlus, evalplus, floats
from harness.grading.sandbox import Limits, Sandbox
from harness.grading.sandbox.inside import codec
from harness.records import Fault
from harness.store import write_atomically

SIDES = ("base", "plus")
NAMES = ("places", "texts", "seconds", "aside", "float_from")
VERSION = 1  # of the files
MAX_BYTES = 1 << 30
MIN_SECONDS, FACTOR = 4.0, 4.0  # EvalPlus: a call may take this long, or this many times what the canonical solution took
CALL_SECONDS, ALL_SECONDS = 30.0, 600.0  # of the canonical solution
TOO_MUCH = ("timeout", "oom", "unserialisable")
TOO_LARGE = "an answer of more than"  # how the sandbox words an error that is not the program's own


@dataclass(frozen=True)
class Expected:
    """Of one side: what the inputs at `places` give; the others are in `aside`, with the reason.

    `texts`: the values, encoded; most are only ever compared with an answer in the same form. `seconds`: of the canonical solution, each.
    `float_from`: the first of them that is a float or a list of floats, after which EvalPlus allows a tolerance.
    """

    places: list[int]
    texts: list[str]
    seconds: list[float]
    aside: dict[int, str]
    float_from: int | None

    @property
    def limits(self) -> list[float]:
        return [max(MIN_SECONDS, FACTOR * each) for each in self.seconds]

    def value(self, index: int) -> Any:
        return codec.decode(self.texts[index].encode("ascii"))


def inputs(tests: dict[str, Any], side: str) -> list[list[Any]]:
    """The argument lists of a side: JSON has no tuples, sets and complex numbers, which some MBPP tasks take. Raises Fault."""
    given = tests[f"{side}_input"]
    try:
        if tests["dataset"] == "mbpp":
            given = evalplus("data.mbpp").mbpp_deserialize_inputs(tests["task_id"], given)
        return [list(each) for each in given]
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as fault:  # whatever inputs of another task do to it
        raise Fault(
            f"{tests['task_id']}: its {side} inputs are none of that task of MBPP ({fault}). Give a problem of your own an id of its own."
        ) from None


def expected(box: Sandbox, tests: dict[str, Any], packed: str, limits: Limits) -> dict[str, Expected]:
    """By side, from the cache or from the canonical solution. Raises Fault where that cannot answer its own tests."""
    path = folder() / f"{address(packed, limits)}.plain"
    kept = _read(path)
    if kept is None:
        kept = {side: _made(box, tests, side, limits) for side in SIDES}
        _write(path, {side: [getattr(each, name) for name in NAMES] for side, each in kept.items()})
    return kept


def folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "opd-harness" / "expected"


def address(packed: str, limits: Limits) -> str:
    what = f"{VERSION}\n{sys.version_info[:2]}\n{limits.memory_mib}\n{packed}"
    return hashlib.sha256(what.encode()).hexdigest()[:32]


def _made(box: Sandbox, tests: dict[str, Any], side: str, limits: Limits) -> Expected:
    given, source, name = inputs(tests, side), tests["prompt"] + tests["canonical_solution"], tests["entry_point"]
    only_not_none = EvalPlus(tests["dataset"], name).only_not_none
    made = Expected([], [], [], {}, None)
    float_from = None
    start = 0
    while start < len(given):
        outcomes = box.call(source, name, given[start:], limits, CALL_SECONDS)
        for place, outcome in enumerate(outcomes, start):
            if outcome.outcome == "skipped":
                break
            start = place + 1
            if outcome.outcome == "ok" or (outcome.outcome == "unserialisable" and only_not_none):
                value = outcome.outcome != "ok" or outcome.value is not None if only_not_none else outcome.value
                if float_from is None and floats(value):
                    float_from = len(made.places)
                made.places.append(place)
                made.texts.append(codec.encode(value, MAX_BYTES).decode("ascii"))
                made.seconds.append(outcome.seconds)
            elif outcome.outcome in TOO_MUCH or outcome.detail.startswith(TOO_LARGE):
                made.aside[place] = f"{outcome.outcome}: {outcome.detail}"[:200]
            else:
                raise Fault(
                    f"{tests['task_id']}, {side} input {place}: its own canonical solution ends with {outcome.outcome} ({outcome.detail}), so "
                    "nothing can be compared with it. Check the file of the benchmark against its published md5, or leave the task out."
                )
    return replace(made, float_from=float_from)


def _read(path: Path) -> dict[str, Expected] | None:
    """None where there is nothing, or nothing whole."""
    try:
        digest, body = path.read_bytes().split(b"\n", 1)
        if hashlib.sha256(body).hexdigest().encode() != digest:
            return None
        return {side: Expected(*fields) for side, fields in codec.decode(zlib.decompress(body)).items()}
    except (OSError, ValueError, TypeError, zlib.error):
        return None


def _write(path: Path, kept: Any) -> None:
    body = zlib.compress(codec.encode(kept, MAX_BYTES), 1)
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time and nothing else
        write_atomically(path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)

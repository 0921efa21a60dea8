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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.grading.code.compare import EvalPlus, evalplus
from harness.grading.sandbox import Limits, Sandbox
from harness.grading.sandbox.inside import codec
from harness.records import Fault
from harness.store import write_atomically

SIDES = ("base", "plus")
VERSION = 1  # of the files
MAX_BYTES = 1 << 30
MIN_SECONDS, FACTOR = 4.0, 4.0  # EvalPlus: a call may take this long, or this many times what the canonical solution took
CALL_SECONDS = 30.0  # of the canonical solution
TOO_MUCH = ("timeout", "oom", "unserialisable")


@dataclass(frozen=True)
class Expected:
    """Of one side: `values` and `seconds` of the inputs at `places`; the others are in `aside`, with the reason."""

    places: list[int]
    values: list[Any]
    seconds: list[float]
    aside: dict[int, str] = field(default_factory=dict)

    @property
    def limits(self) -> list[float]:
        return [max(MIN_SECONDS, FACTOR * each) for each in self.seconds]


def inputs(tests: dict[str, Any], side: str) -> list[list[Any]]:
    """The argument lists of a side: JSON has no tuples, sets and complex numbers, which some MBPP tasks take."""
    given = tests[f"{side}_input"]
    if tests["dataset"] == "mbpp":
        given = evalplus("data.mbpp").mbpp_deserialize_inputs(tests["task_id"], given)
    return [list(each) for each in given]


def expected(box: Sandbox, tests: dict[str, Any], packed: str, limits: Limits) -> dict[str, Expected]:
    """By side, from the cache or from the canonical solution. Raises Fault where that cannot answer its own tests."""
    path = folder() / f"{address(packed, limits)}.plain"
    kept = _read(path)
    if kept is None:
        kept = {side: _made(box, tests, side, limits) for side in SIDES}
        _write(path, kept)
    return {side: Expected(*kept[side]) for side in SIDES}


def folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "opd-harness" / "expected"


def address(packed: str, limits: Limits) -> str:
    what = f"{VERSION}\n{sys.version_info[:2]}\n{limits.memory_mib}\n{packed}"
    return hashlib.sha256(what.encode()).hexdigest()[:32]


def _made(box: Sandbox, tests: dict[str, Any], side: str, limits: Limits) -> list[Any]:
    """[places, values, seconds, aside]"""
    given, source, name = inputs(tests, side), tests["prompt"] + tests["canonical_solution"], tests["entry_point"]
    only_not_none = EvalPlus(tests["dataset"], name, tests["atol"]).only_not_none
    places, values, seconds, aside = [], [], [], {}
    start = 0
    while start < len(given):
        outcomes = box.call(source, name, given[start:], limits, CALL_SECONDS)
        for place, outcome in enumerate(outcomes, start):
            if outcome.outcome == "ok" or (outcome.outcome == "unserialisable" and only_not_none):
                places.append(place)
                values.append(outcome.value is not None or outcome.outcome != "ok" if only_not_none else outcome.value)
                seconds.append(outcome.seconds)
            elif outcome.outcome in TOO_MUCH:
                aside[place] = f"{outcome.outcome}: {outcome.detail}"[:200]
            else:
                raise Fault(
                    f"{tests['task_id']}, {side} input {place}: its own canonical solution ends with {outcome.outcome} ({outcome.detail}), so "
                    "nothing can be compared with it. Check the file of the benchmark against its published md5, or leave the task out."
                )
            start = place + 1
            if outcome.outcome in ("timeout", "oom"):  # the rest was not run
                break
    return [places, values, seconds, aside]


def _read(path: Path) -> Any:
    try:
        digest, body = path.read_bytes().split(b"\n", 1)
        return codec.decode(body) if hashlib.sha256(body).hexdigest().encode() == digest else None
    except (OSError, ValueError):
        return None


def _write(path: Path, kept: Any) -> None:
    body = codec.encode(kept, MAX_BYTES)
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time and nothing else
        write_atomically(path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)

"""Every row as it came, with its verdict: four fields added, all others untouched, to the byte."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import IO, Any

from harness.completions.journal import Journal
from harness.completions.rows import Unusable, decoded, lines_of
from harness.completions.tally import Tally
from harness.completions.work import INVALID
from harness.grading import UNGRADED
from harness.records import Fault, Verdict

ADDED = ("verdict", "correct", "extracted", "detail")


def write(path: Path, sha256: str, journal: Journal, out: IO[bytes]) -> Tally:
    """The rows of `path` in order. Raises Fault where the file is not the one that was graded."""
    tally, digest = Tally(), hashlib.sha256()
    for number, line in lines_of(path, digest):
        if number not in journal:
            break  # more lines than were there
        verdict = journal.verdict(number)
        try:
            row: Any = decoded(line)
        except Unusable:
            row = None
        tally.replaced += row is not None and any(name in row for name in ADDED)
        tally.add(number, row, verdict, gradable=verdict.verdict not in (INVALID, *UNGRADED))
        out.write(graded_line(line, row, verdict) + b"\n")
    if digest.hexdigest() != sha256:
        raise Fault(f"{path}: it changed while it was graded, so nothing is written. Run the command again.")
    return tally


def graded_line(line: bytes, row: dict[str, Any] | None, verdict: Verdict) -> bytes:
    """A line that is no object comes back inside one: `row` where it is other JSON, `raw` where it is none."""
    correct = None if verdict.verdict in (INVALID, *UNGRADED) else verdict.correct
    added = {"verdict": verdict.verdict, "correct": correct, "extracted": verdict.extracted, "detail": verdict.detail}
    if row is None:
        return json.dumps({**bare(line), **added}).encode()
    if any(name in row for name in ADDED):
        return json.dumps({**{name: value for name, value in row.items() if name not in ADDED}, **added}).encode()
    head = line[:-1].rstrip()  # written out again, a number could come back in another spelling
    return head + (b", " if row else b"") + json.dumps(added).encode()[1:]


def bare(line: bytes) -> dict[str, Any]:
    try:
        return {"row": json.loads(line.decode("utf-8"))}
    except (ValueError, RecursionError):
        return {"raw": line.decode("utf-8", "backslashreplace")}

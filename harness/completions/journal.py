"""Verdicts as they arrive, on disk: what a killed `harness grade` goes on from.

A line of JSON a verdict, after a line that says what they are verdicts on. Verdicts stay on disk; only their places are in memory. A line
that was torn by a kill is cut off; a fault of the machinery is kept, but asked again the next time.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.grading import UNGRADED
from harness.records import Fault, Verdict

FORMAT = 1
OPENING = b'{"journal": '  # so begins every one


class Journal:
    """`key` decides whether what stands there may be gone on from; `restarted` says why not, where it may not."""

    def __init__(self, path: Path, key: Mapping[str, str]) -> None:
        self.path, self.key = path, dict(key)
        self.restarted: str | None = None
        self.tests: dict[str, str] = {}  # benchmark → md5 of the file that its tests came from
        self._places: dict[int, int] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "a+b", buffering=0)  # noqa: SIM115  held, and locked, until it is closed
        except OSError as fault:
            raise Fault(f"{path}: cannot be written: {fault.strerror}. Choose another place with --out FILE.") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise Fault(f"{path}: another `harness grade` is writing it. Wait for it, or choose another place with --out FILE.") from None
        self._load()
        self.before = len(self._places)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __contains__(self, line: int) -> bool:
        return line in self._places

    def _load(self) -> None:
        self._file.seek(0)
        end = 0
        with open(self._file.fileno(), "rb", closefd=False) as reader:
            for raw in reader:
                entry = whole(raw)
                if end == 0 and not raw.startswith(OPENING):
                    self._file.close()
                    raise Fault(f"{self.path}: this is no journal of ours, so it is not touched. Move it, or choose another --out FILE.")
                if entry is None or (end == 0) != ("journal" in entry):
                    break
                if end == 0 and (entry["journal"], entry.get("key")) != (FORMAT, self.key):
                    self.restarted = unlike(entry.get("key"), self.key)
                    break
                if "tests" in entry:
                    self.tests |= entry["tests"]
                elif "line" in entry and entry["verdict"] not in UNGRADED:
                    self._places[entry["line"]] = end
                end += len(raw)
        self._file.truncate(end)
        if end == 0:
            self._write({"journal": FORMAT, "key": self.key})

    def start_anew(self, why: str) -> None:
        self.restarted, self.tests, self._places, self.before = why, {}, {}, 0
        self._file.truncate(0)
        self._write({"journal": FORMAT, "key": self.key})

    def came_from(self, tests: Mapping[str, str]) -> None:
        """Which files the tests of the next verdicts came from."""
        new = {name: md5 for name, md5 in tests.items() if name not in self.tests}
        if new:
            self.tests |= new
            self._write({"tests": new})

    def add(self, verdicts: Iterable[tuple[int, Verdict]]) -> None:
        """Keep them, and return when the disk has them."""
        place, lines = self._file.seek(0, os.SEEK_END), []
        for line, verdict in verdicts:
            raw = encoded({"line": line, "verdict": verdict.verdict, "extracted": verdict.extracted, "detail": verdict.detail})
            self._places[line] = place
            place += len(raw)
            lines.append(raw)
        self._append(b"".join(lines))

    def verdict(self, line: int) -> Verdict:
        """That of a line which is in the journal."""
        self._file.seek(self._places[line])
        with open(self._file.fileno(), "rb", closefd=False) as reader:
            entry = json.loads(reader.readline())
        return Verdict(entry["verdict"], entry["extracted"], entry["detail"])

    def remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()

    def _write(self, entry: dict[str, Any]) -> None:
        self._append(encoded(entry))

    def _append(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]
        os.fsync(self._file.fileno())


def encoded(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry).encode() + b"\n"


def whole(raw: bytes) -> dict[str, Any] | None:
    """The entry, or None for one that a kill tore."""
    try:
        entry = json.loads(raw) if raw.endswith(b"\n") else None
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def unlike(theirs: Any, ours: Mapping[str, str]) -> str:
    """What differs between two keys, for people."""
    if not isinstance(theirs, dict):
        return "it was written by another version"
    names = [name for name in ours if theirs.get(name) != ours[name]]
    return f"another {' and another '.join(names or ['form'])} than before"

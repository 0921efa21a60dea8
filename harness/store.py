"""The content-addressed store: `<root>/<stage>/<key>/` holds parts, attempts, and a record that is written last.

Where a record stands, the step is done. Everything is written beside its place and moved there in one act, so a
kill at any moment leaves either nothing or the whole. The first record wins; a second run that did the same work
throws its own away. Claims keep two runs from working on one step at the same time.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from harness.records import Fault
from harness.step import Step, address_of, digest


class Corrupt(Exception):
    """A record or file that does not match its hash. `address` names the step that must be made again."""

    def __init__(self, address: str, what: str) -> None:
        super().__init__(address, what)
        self.address = address
        self.what = what

    def __str__(self) -> str:
        return f"{self.address}: {self.what}"


@dataclass(frozen=True)
class Record:
    """What a finished step left: `files` by name with hash and size, `facts` that follow from its identity, `measured` that do not."""

    step: dict[str, Any]
    title: str
    attempt: str
    files: dict[str, dict[str, Any]]
    facts: dict[str, Any]
    measured: dict[str, Any]
    provenance: dict[str, Any]
    fingerprint: str | None = None


@contextlib.contextmanager
def writing_atomically(path: Path) -> Iterator[IO[bytes]]:
    """A file to write into, beside its place, moved there at the end: a reader sees the old bytes or the new, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def write_atomically(path: Path, data: bytes) -> None:
    with writing_atomically(path) as file:
        file.write(data)


def file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.lru_cache(maxsize=4096)
def _hash_of(path: Path, size: int, changed: int, inode: int) -> str:
    return file_hash(path)


def checked_hash(path: Path) -> str:
    """The file's hash, read once a process for as long as the file is not touched: a large model has many readers."""
    stat = path.stat()
    return _hash_of(path, stat.st_size, stat.st_mtime_ns, stat.st_ino)


class Store:
    """Steps by address. `parent` is looked in where this store has no record (a row's journal inside the common store)."""

    def __init__(self, root: Path, parent: Store | None = None) -> None:
        self.root = root
        self.parent = parent

    def folder(self, address: str) -> Path:
        return self.root / address

    def home(self, address: str) -> Store:
        """The store that holds the record: this one or its parent."""
        return self.parent.home(address) if self.parent and not (self.folder(address) / "record.json").exists() else self

    # Reading

    def record(self, address: str) -> Record | None:
        """The record, or None where the step is not done. Raises Corrupt."""
        path = self.home(address).folder(address) / "record.json"
        try:
            data = json.loads(path.read_bytes())
            claimed = data.pop("sha256")
            if digest(data) != claimed:
                raise ValueError("its content does not match its hash")
            record = Record(**data)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError) as fault:
            raise Corrupt(address, f"record {path} cannot be read: {fault}") from None
        for name, facts in record.files.items():
            file = path.parent / record.attempt / name
            if not file.is_file() or file.stat().st_size != facts["bytes"]:
                raise Corrupt(address, f"{file} is missing or has another size than its record says")
        return record

    def payload(self, address: str) -> Path:
        """The folder with a done step's files, every byte checked against its hash. Raises Corrupt."""
        record = self.record(address)
        if record is None:
            raise Corrupt(address, "its record is gone")
        folder = self.home(address).folder(address) / record.attempt
        for name, facts in record.files.items():
            if checked_hash(folder / name) != facts["sha256"]:
                raise Corrupt(address, f"{folder / name} does not match its hash")
        return folder

    def records(self, stage: str) -> Iterator[Record]:
        """All readable records of a stage."""
        for path in sorted((self.root / stage).glob("*/record.json")):
            with contextlib.suppress(Corrupt):
                if record := self.record(f"{stage}/{path.parent.name}"):
                    yield record

    # Writing

    @contextlib.contextmanager
    def claim(self, address: str) -> Iterator[bool]:
        """Whether this process alone may work on the step now. The claim ends with the process, however it dies.

        Needs a file system with working flock: every attempt but the winner's is removed when a record is written.
        """
        folder = self.folder(address)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "claim").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True

    def attempt(self, address: str) -> Path:
        """A fresh folder to write a payload to."""
        folder = self.folder(address)
        folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=folder, prefix="attempt-"))

    def commit(
        self,
        step: Step,
        attempt: Path,
        facts: dict[str, Any],
        measured: dict[str, Any],
        provenance: dict[str, Any],
        fingerprint: str | None = None,
    ) -> None:
        """Write the record, last. Where another record already stands, this attempt is thrown away."""
        files = {}
        for path in sorted(p for p in attempt.rglob("*") if p.is_file()):
            path.chmod(0o644)  # safetensors writes 0600
            files[path.relative_to(attempt).as_posix()] = {"sha256": file_hash(path), "bytes": path.stat().st_size}
        data = {
            "step": step.identity,
            "title": step.title,
            "attempt": attempt.name,
            "files": files,
            "facts": facts,
            "measured": measured,
            "provenance": provenance,
            "fingerprint": fingerprint,
        }
        folder = self.folder(step.address)
        temporary = folder / f".record-{attempt.name}"
        write_atomically(temporary, json.dumps({**data, "sha256": digest(data)}, indent=1, sort_keys=True).encode())
        try:
            os.link(temporary, folder / "record.json")  # fails where one stands: the first record wins
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
        winner = json.loads((folder / "record.json").read_bytes())["attempt"]
        for other in folder.glob("attempt-*"):
            if other.name != winner:
                shutil.rmtree(other, ignore_errors=True)
        shutil.rmtree(folder / "parts", ignore_errors=True)

    def discard(self, address: str) -> None:
        """Set a corrupt step aside, so that it is made again."""
        folder = self.home(address).folder(address)
        with contextlib.suppress(FileNotFoundError):
            os.replace(folder / "record.json", folder / "record.corrupt.json")

    def restamp(self, address: str, fingerprint: str) -> None:
        """The same record under another fingerprint: the edit did not change its meaning."""
        path = self.folder(address) / "record.json"
        data = json.loads(path.read_bytes())
        data.pop("sha256")
        data["fingerprint"] = fingerprint
        write_atomically(path, json.dumps({**data, "sha256": digest(data)}, indent=1, sort_keys=True).encode())

    # Parts: pieces of a long step, of fixed composition

    def part(self, address: str, name: str) -> bytes | None:
        """The bytes of a finished part, or None. A part that does not match its hash is made again."""
        for path in (self.folder(address) / "parts").glob(f"{name}.*"):
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest()[:16] == path.suffix[1:]:
                return data
        return None

    def keep_part(self, address: str, name: str, data: bytes) -> None:
        write_atomically(self.folder(address) / "parts" / f"{name}.{hashlib.sha256(data).hexdigest()[:16]}", data)

    # Explaining

    def explain(self, steps: Iterable[Step]) -> dict[str, str]:
        """Address → why the step is to do: what differs, field by field, from the nearest finished step of the same title."""
        steps = list(steps)
        current = {step.address for step in steps}
        others: dict[tuple[str, str], list[dict[str, str]]] = {}
        for stage in {step.stage for step in steps}:
            for record in self.records(stage):
                if address_of(record.step) not in current:
                    others.setdefault((stage, record.title), []).append(flat(record.step))
        return {step.address: difference(step, others.get((step.stage, step.title), [])) for step in steps}


def difference(step: Step, finished: list[dict[str, str]]) -> str:
    mine = flat(step.identity)
    nearest = min((changed(other, mine) for other in finished), key=len, default=[])
    more = f"; and {len(nearest) - 2} more" if len(nearest) > 2 else ""
    return "; ".join(nearest[:2]) + more if nearest else "new"


def flat(value: Any, path: str = "") -> dict[str, str]:
    if isinstance(value, dict):
        return {k: v for key, item in value.items() for k, v in flat(item, f"{path}.{key}" if path else key).items()}
    return {path: json.dumps(value)}


def changed(old: dict[str, str], new: dict[str, str]) -> list[str]:
    lines = []
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path):
            name = path.removeprefix("params.")
            if name.startswith("inputs."):
                lines.append(f"its input {name.removeprefix('inputs.')} changed")
            else:
                lines.append(f"{name} {old.get(path, 'unset')} → {new.get(path, 'unset')}")
    return lines


def open_store(root: Path) -> Store:
    """The store at `root`, made if absent. Raises Fault where nothing can be written."""
    must_be_writable(root, "the store", "--store")
    return Store(root)


def must_be_writable(root: Path, what: str, option: str) -> None:
    """Make the folder if absent. Raises Fault, before anything is spent, where nothing can be written to it."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe = tempfile.NamedTemporaryFile(dir=root, prefix=".probe-")  # noqa: SIM115
        probe.close()
    except OSError as fault:
        raise Fault(f"{root}: {what} cannot be written: {fault.strerror}. Give a folder that can be, with {option} DIR.") from None

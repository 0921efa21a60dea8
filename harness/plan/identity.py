"""What decides which weights and which problems these are: content, never a path."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness import catalogue


def folder_hash(folder: Path) -> str:
    """Identity of local weights: every file's name and bytes; hidden ones (caches of downloaders) are none of it."""
    return files_hash(
        folder, (p for p in folder.rglob("*") if p.is_file() and not any(part.startswith(".") for part in p.relative_to(folder).parts))
    )


def files_hash(folder: Path, files: Iterable[Path]) -> str:
    """Of files of the folder: their names in it, and their bytes."""
    whole = hashlib.sha256()
    for path in sorted(files):
        with path.open("rb") as file:
            whole.update(f"{path.relative_to(folder)}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\0".encode())
    return "files-" + whole.hexdigest()[:20]


def source_identity(found: catalogue.ProblemSet) -> tuple[dict[str, Any], dict[str, str]]:
    """What decides which problems these are, and where a local file lies. A file's bytes are its identity, its path is not."""
    entry = {key: value for key, value in found.entry.items() if key not in ("date", "name", "file", "about", "licence", "local")}
    if "file" not in found.entry:
        return {"name": found.name, **entry}, {}
    path = Path(found.entry["file"])
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return {"name": found.name, "format": path.suffix, "sha256": content, **entry}, {"file": str(path.resolve())}

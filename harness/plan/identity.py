"""What decides which weights and which problems these are: content, never a path."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from harness import catalogue
from harness.sources import NOT_READ, format_of

SAID_ONLY = ("date", "name", "file", "download", "about", "licence", "local", "grader", "partial", "releases")


def folder_hash(folder: Path) -> str:
    """Identity of local weights: every file's name and bytes; hidden ones (caches of downloaders) are none of it."""
    names = sorted(p for p in folder.rglob("*") if p.is_file() and not any(part.startswith(".") for part in p.relative_to(folder).parts))
    whole = hashlib.sha256()
    for path in names:
        with path.open("rb") as file:
            whole.update(f"{path.relative_to(folder)}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\0".encode())
    return "files-" + whole.hexdigest()[:20]


def source_identity(found: catalogue.ProblemSet) -> tuple[dict[str, Any], dict[str, str]]:
    """What decides which problems these are, and where a file lies. A file's bytes are its identity, its path or address is not."""
    entry = {key: value for key, value in found.entry.items() if key not in SAID_ONLY and value != NOT_READ}
    if "download" in found.entry:
        url = found.entry["download"]["url"]
        return {"name": found.name, "format": format_of(url), "md5": found.entry["download"]["md5"], **entry}, {"url": url}
    if "file" not in found.entry:
        return {"name": found.name, **entry}, {}
    path = Path(found.entry["file"])
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return {"name": found.name, "format": format_of(path.name), "sha256": content, **entry}, {"file": str(path.resolve())}

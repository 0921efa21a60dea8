"""Whether the kernel has killed for memory: the counter of this process's control group, version 2 or 1."""

from __future__ import annotations

import functools
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def kernel_kills() -> int:
    """How often so far; 0 where it cannot be told."""
    file = _counter()
    if file is None:
        return 0
    try:
        fields = dict(line.split() for line in file.read_text().splitlines())
        return int(fields.get("oom_kill", 0))
    except (OSError, ValueError):
        return 0


@functools.cache
def _counter() -> Path | None:
    try:
        groups = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return None
    for _, controllers, path in groups:
        below = path.lstrip("/")
        if "memory" in controllers.split(","):
            candidates = [ROOT / "memory" / below / "memory.oom_control", ROOT / "memory" / "memory.oom_control"]
        elif controllers == "":
            candidates = [ROOT / below / "memory.events", ROOT / "memory.events", ROOT / "unified" / below / "memory.events"]
        else:
            continue
        for file in candidates:
            if file.is_file():
                return file
    return None

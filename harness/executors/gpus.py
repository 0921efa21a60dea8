"""The GPUs of this machine, counted without importing torch: whoever imports it first fixes what it sees."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

DRIVER = Path("/proc/driver/nvidia/gpus")  # one folder a GPU


def visible_gpus(environment: Mapping[str, str] = os.environ, driver: Path = DRIVER) -> list[str]:
    """Each as CUDA_VISIBLE_DEVICES would name it. Where that is set already it decides, and an empty one means none."""
    said = environment.get("CUDA_VISIBLE_DEVICES")
    if said is not None:
        named = [name.strip() for name in said.split(",")]
        ends = [i for i, name in enumerate(named) if name in ("", "-1")]  # CUDA reads no further
        return named[: ends[0]] if ends else named
    try:
        count = len(list(driver.iterdir()))
    except OSError:
        count = listed(environment)
    return [str(number) for number in range(count)]


def listed(environment: Mapping[str, str]) -> int:
    """What `nvidia-smi` lists, where there is one: in some containers the driver's folder is not there to be read."""
    program = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if program is None:
        return 0
    try:
        said = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in said.stdout.splitlines())

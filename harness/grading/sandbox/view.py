"""What a candidate may see of the machine: the interpreter that runs it, its libraries, four devices. And the environment it gets."""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

INSIDE = Path(__file__).parent / "inside"
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
SYSTEM = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo")

# What programs for tests import most, loaded once in the zygote: a fork inherits it for nothing.
PRELOAD = (
    "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "hashlib", "heapq",
    "io", "itertools", "json", "math", "operator", "random", "re", "statistics", "string", "sys", "time", "traceback", "typing",
)  # fmt: skip


@dataclass(frozen=True)
class View:
    """`read`: files and folders, real paths where they are not links of the system itself. `packages`: what is added to sys.path."""

    python: str
    read: tuple[str, ...]
    packages: tuple[str, ...]
    environment: dict[str, str]

    def arguments(self, control: int) -> list[str]:
        """The command of a zygote: isolated like -I, but with an environment of ours, which fixes the hashes of strings."""
        return [self.python, "-P", "-s", "-S", "-B", str(INSIDE.resolve()), str(control)]


def view(work: str) -> View:
    """For a candidate whose working folder is `work`."""
    base = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    stdlib = sysconfig.get_path("stdlib")
    places = [each for each in sys.path if os.path.basename(each) in ("site-packages", "dist-packages") and os.path.isdir(each)]
    packages = tuple(dict.fromkeys(os.path.realpath(each) for each in places))
    libraries = [each for each in os.environ.get("LD_LIBRARY_PATH", "").split(":") if os.path.isabs(each) and os.path.isdir(each)]
    own = [base, stdlib, os.path.join(sys.base_prefix, "lib"), *packages, *libraries, str(INSIDE)]
    read = [path for path in SYSTEM if os.path.lexists(path)]
    read += [os.path.realpath(path) for path in own if os.path.exists(path)]
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": work, "TMPDIR": work, "LANG": "C.UTF-8", "PYTHONUTF8": "1", "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMEXPR_NUM_THREADS": "1",
    }  # fmt: skip
    if libraries:
        environment["LD_LIBRARY_PATH"] = ":".join(libraries)
    return View(base, _outermost(read), packages, environment)


def _outermost(paths: list[str]) -> tuple[str, ...]:
    """Without what lies below another of them."""
    kept: list[str] = []
    for path in sorted(set(paths), key=len):
        if not any(path.startswith(above.rstrip("/") + "/") for above in kept if not os.path.islink(above)):
            kept.append(path)
    return tuple(kept)

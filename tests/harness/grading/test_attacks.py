"""Hostile programs on every rung: none passes, none leaves anything behind, and the honest twin of each passes."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from harness.grading.sandbox import Limits, Outcome, Sandbox, rungs

PR_SET_CHILD_SUBREAPER = 36


def table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("attacks_on_a_grader", Path(__file__).with_name("attacks.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


TABLE = table()
LIMITS = Limits(cpu_seconds=2, wall_seconds=100, memory_mib=256, output_bytes=1 << 20, file_mib=4, processes=16)
HELD = [pytest.param(rung, marks=pytest.mark.slow if rung == "namespaces" else ()) for rung in ("bubblewrap", "landlock", "namespaces")]


def ask(box: Sandbox, attack, source: str, seconds: float) -> list[Outcome]:
    if attack.kind == "call":
        return box.call(source, "double", TABLE.CALLS, LIMITS, seconds)
    return box.stdio(source, TABLE.INPUTS, LIMITS, seconds)


def passes(attack, outcomes: list[Outcome]) -> bool:
    """As a grader judges: every outcome is ok, and what came back is the expected value, of its very type."""
    if any(each.outcome != "ok" for each in outcomes):
        return False
    if attack.kind == "call":
        return all(type(each.value) is int and each.value == wanted for each, wanted in zip(outcomes, TABLE.EXPECTED, strict=True))
    return [each.stdout for each in outcomes] == TABLE.PRINTED


def children() -> set[int]:
    """Living processes whose parent we are; as a subreaper, orphans below us included."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and fields[0] not in "ZX":
            found.add(int(stat.parent.name))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where temporary files of this module lie. At its end nothing does, and no process is left that was not there before."""
    place, before, usual = tmp_path_factory.mktemp("boxes"), children(), tempfile.tempdir
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    tempfile.tempdir = str(place)
    yield place
    tempfile.tempdir = usual
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    assert list(place.iterdir()) == []
    deadline = time.monotonic() + 30  # bwrap ends a moment before the first process of its jail does
    while children() - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert children() - before == set()


@pytest.fixture(scope="module")
def boxes(folder: Path) -> Iterator[dict[str, Sandbox]]:
    made: dict[str, Sandbox] = {}
    yield made
    for box in made.values():
        box.close()


def box_on(boxes: dict[str, Sandbox], rung: str) -> Sandbox:
    if rung not in rungs():
        pytest.skip(f"the rung {rung} does not hold on this machine")
    if rung not in boxes:
        boxes[rung] = Sandbox(rung)
    return boxes[rung]


@pytest.mark.parametrize("rung", HELD)
@pytest.mark.parametrize("attack", TABLE.ATTACKS, ids=lambda attack: f"{attack.kind}: {attack.name}")
def test_the_attack_fails_and_its_honest_twin_passes(boxes: dict[str, Sandbox], folder: Path, attack, rung: str) -> None:
    box = box_on(boxes, rung)
    outcomes = ask(box, attack, attack.source, 0.3 if "timeout" in attack.ends else 60.0)
    assert not passes(attack, outcomes)
    ended = next((each for each in outcomes if each.outcome != "ok"), outcomes[0])
    assert ended.outcome in attack.ends, outcomes
    assert list(folder.glob("harness-box-*/*")) == []
    assert list(Path("/tmp").glob("harness-attack*")) + list(Path("/dev/shm").glob("harness-attack*")) == []
    twin = ask(box, attack, attack.honest, 60.0)
    assert passes(attack, twin), twin


@pytest.mark.parametrize("attack", [each for each in TABLE.ATTACKS if each.unheld], ids=lambda attack: attack.name)
def test_without_a_sandbox_the_attack_would_have_passed(boxes: dict[str, Sandbox], attack) -> None:
    if "none" not in boxes:
        boxes["none"] = Sandbox("none", allow_unsafe=True)
    outcomes = ask(boxes["none"], attack, attack.source, 60.0)
    Path("/tmp/harness-attack-written").unlink(missing_ok=True)
    assert passes(attack, outcomes), outcomes

"""What isolation costs: milliseconds a run on each rung, next to a plain subprocess that isolates nothing.

    .venv/bin/python tests/bench/sandbox.py [--runs 40]

A run is one fresh candidate process with a trivial program and one call. `pooled`: forked by a zygote that stands ready, as `Sandbox` does it.
`alone`: with a jail and an interpreter of its own, as without a zygote. The peer is `python -I -S -c` with the same program. Runs of all kinds
take turns, so that a busy machine slows them alike; medians, and their ratio to the peer's. CPU: of this process and all that it waited for.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from harness.grading.sandbox import Sandbox, rungs
from harness.grading.sandbox.view import view

PROGRAM = "def add(a, b):\n    return a + b\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40)
    runs = parser.parse_args().runs
    boxes = {rung: Sandbox(rung, allow_unsafe=True) for rung in rungs()}
    kinds: dict[str, Callable[[], None]] = {"plain subprocess": plain}
    for rung, box in boxes.items():
        kinds[f"{rung}, pooled"] = lambda box=box: once(box)
    for rung in boxes:
        kinds[f"{rung}, alone"] = lambda rung=rung: alone(rung)
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for each in boxes.values():
        once(each)  # the zygote starts
    for turn in range(runs):
        for name, run in kinds.items():
            if name.endswith("alone") and turn % 4:
                continue
            start = time.perf_counter()
            run()
            times[name].append(1000 * (time.perf_counter() - start))
    for box in boxes.values():
        box.close()
    peer = statistics.median(times["plain subprocess"])
    print(f"{'':<24}{'ms a run':>10}{'fastest':>10}{'to plain':>10}   load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for name, measured in times.items():
        median = statistics.median(measured)
        print(f"{name:<24}{median:>10.2f}{min(measured):>10.2f}{median / peer:>10.2f}")


def plain() -> None:
    words = [view("/").python, "-I", "-S", "-c", PROGRAM + "print(add(1, 2))"]
    assert subprocess.run(words, capture_output=True, check=True).stdout == b"3\n"


def once(box: Sandbox) -> None:
    (outcome,) = box.call(PROGRAM, "add", [[1, 2]])
    assert outcome.value == 3, outcome


def alone(rung: str) -> None:
    with Sandbox(rung, allow_unsafe=True) as box:
        once(box)


if __name__ == "__main__":
    sys.exit(main())

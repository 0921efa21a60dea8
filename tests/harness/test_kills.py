"""Ten SIGKILLs at random moments of the smoke suite, its workers and graders included; the same command goes on each time."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
KILLS = 10


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [0])
def test_ten_kills_leave_the_results_of_a_run_that_was_left_alone(seed: int, tmp_path, finished, smoke_run, results_in) -> None:
    """From nothing: pretraining is killed too. Half of the kills take the whole process group, half the parent alone."""
    draws = random.Random(seed)
    store, results = tmp_path / "store", tmp_path / "results"
    words = ["run", "suites/smoke.yaml", "--store", str(store), "--results", str(results), "--report", str(tmp_path / "page")]
    kills = 0
    while kills < KILLS:
        run = subprocess.Popen(
            [sys.executable, "-m", "harness", *words],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(draws.uniform(1.0, 9.0))
        if run.poll() is None:
            if kills % 2:
                os.kill(run.pid, signal.SIGKILL)
            else:
                os.killpg(run.pid, signal.SIGKILL)
            kills += 1
        elif run.returncode == 0:  # it came through: take something away, so that there is something to kill
            newest = max(store.glob("*/*/record.json"), key=lambda path: path.stat().st_mtime)
            newest.unlink()
        run.wait()
        assert run.returncode in (0, -signal.SIGKILL)
    ran = smoke_run(store, results)
    assert ran.returncode == 0, ran.stderr
    assert results_in(results) == results_in(finished / "results")
    assert not list(store.rglob("record.corrupt.json")), "a kill is no corruption"

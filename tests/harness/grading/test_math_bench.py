"""The bench of graders, at toy size: it runs, and reports every grader against math-verify called plainly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_every_grader_is_measured(tmp_path: Path) -> None:
    command = [sys.executable, "tests/bench/math_grading.py", "--pairs", "12", "--rounds", "1", "--out", str(tmp_path / "rates.json")]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = json.loads((tmp_path / "rates.json").read_text())["rows"]
    assert [row["grader"] for row in rows] == ["plain", "plain, numbers", "typed", "math-verify", "string", "amo"]
    assert all(row["a_second"] > 0 for row in rows) and rows[0]["ratio"] == 1.0

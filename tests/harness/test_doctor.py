"""`harness doctor`: what it finds, what it says is missing, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_it_tells_of_everything_and_writes_nothing(tmp_path: Path, command) -> None:
    ran = command("doctor", "--store", tmp_path / "store")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for section in ("machine", "disk", "packages", "optional packages", "sandbox", "tests of pages"):
        assert f"\n{section}\n" in "\n" + ran.stdout
    assert "Everything that a run on the CPU needs is here." in ran.stdout and ran.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_as_data_it_says_the_same(tmp_path: Path, called) -> None:
    ran = called("doctor", "--json", "--store", tmp_path, env={"HARNESS_SANDBOX": "landlock"})
    data = json.loads(ran.stdout)
    found = {(each["section"], each["name"]): each for each in data["checks"]}
    assert data["ready"] is True and ran.returncode == 0
    assert found["packages", "numpy"]["state"] == "ok" and found["packages", "numpy"]["found"][0].isdigit()
    assert found["sandbox", "bubblewrap"]["found"] == "left out by HARNESS_SANDBOX=landlock"
    assert all(each["remedy"] for each in data["checks"] if each["section"] == "optional packages" and each["state"] == "optional")


def test_without_a_sandbox_it_names_the_remedies(tmp_path: Path, called) -> None:
    ran = called("doctor", "--store", tmp_path, env={"HARNESS_SANDBOX": "none"})
    assert ran.returncode == 0 and "exams of programs are refused" in ran.stdout
    for remedy in ("apt-get install bubblewrap", "5.13", "user namespaces", "--allow-unsafe"):
        assert remedy in ran.stdout


@pytest.mark.slow
def test_what_a_run_cannot_do_without_ends_it_with_one(tmp_path: Path, command) -> None:
    installed = tmp_path / "opd_harness-9.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: opd-harness\nVersion: 9\nRequires-Dist: no-such-package-here>=1\nRequires-Dist: numpy>=999\n"
        "Requires-Dist: pyyaml\nRequires-Dist: neither-this; extra == 'ray'\n"
    )
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    # From there: a checkout that is installed in place has a record of its own beside it, which would be found first.
    words = [sys.executable, "-m", "harness", "doctor", "--store", str(blocked / "store")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]), "HARNESS_SANDBOX": "none"}
    ran = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 1 and "A run is not possible yet" in ran.stdout
    marked = [line.split()[1] for line in ran.stdout.splitlines() if line.startswith("! ")]
    assert marked == ["store", "no-such-package-here", "numpy"]
    assert "pip install 'no-such-package-here>=1'" in ran.stdout and "neither-this" not in ran.stdout

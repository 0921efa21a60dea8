"""Whole runs for tests: the smoke suite through the command line, on models that are pretrained once a session."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# One thread a process, before anything imports torch: two test processes with two threads each stand in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).parent.parent
SMOKE = ROOT / "suites" / "smoke.yaml"

PRETRAIN = """
import sys
from pathlib import Path
from harness.executors.local import LocalPool
from harness.plan import Row, plan
from harness.progress import Screen
from harness.run import carry_out
from harness.spec import load_suite
from harness.store import open_store

if __name__ == "__main__":
    made, store = plan(load_suite(Path(sys.argv[1]))), open_store(Path(sys.argv[2]))
    models = {step.title: step.address for step in made.steps if step.stage == "pretrain"}
    with LocalPool(store, {}, 1) as pool:
        sys.exit(bool(carry_out(made, [Row("tiny", "models", "student", models)], store, set(models.values()), pool, Screen())))
"""


def harness(*words: str | Path, env: dict[str, str] | None = None, timeout: float = 400) -> subprocess.CompletedProcess[str]:
    """The command line, as a user calls it."""
    command = [sys.executable, "-m", "harness", *map(str, words)]
    environment = {**os.environ, "COLUMNS": "140", **(env or {})}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout, check=False)


def rows_of(folder: Path) -> dict[str, dict]:
    """Every result below the folder as data, but for what may differ between two runs: measured time, paid cost, provenance."""
    found = {}
    for path in sorted(folder.rglob("*.json")):
        data = json.loads(path.read_text())
        if "cost" in data:
            data["cost"]["measured"] = data["cost"]["paid"] = data["provenance"] = None
        found[path.relative_to(folder).as_posix()] = data
    return found


def pytest_itemcollected(item: pytest.Item) -> None:
    """With --dist loadgroup: tests that share what their module makes go to one process, so that it is made once; all others go anywhere."""
    fixtures = item._fixtureinfo.name2fixturedefs.values() if isinstance(item, pytest.Function) else ()
    if any(found.scope == "module" for each in fixtures for found in each):
        item.add_marker(pytest.mark.xdist_group(item.path.relative_to(ROOT).as_posix()))


@contextlib.contextmanager
def made_once(tmp_path_factory: pytest.TempPathFactory, name: str) -> Iterator[tuple[Path, bool]]:
    """A folder that all processes of this session share, and whether it is still to be filled (this process alone may, then)."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "done"
        yield folder, not done.exists()
        done.touch()


@pytest.fixture(scope="session")
def command():
    return harness


@pytest.fixture
def called(monkeypatch):
    """The command line as `command` calls it, in this process: for what is said before any other process is needed."""

    def call(*words: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        from harness.cli import main

        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            for name, value in {"COLUMNS": "140", **(env or {})}.items():
                patch.setenv(name, value)
            try:
                code = main([*map(str, words)])
            except SystemExit as end:  # of argparse
                code = int(end.code or 0)
        return subprocess.CompletedProcess([*map(str, words)], code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="session")
def results_in():
    return rows_of


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory) -> Path:
    """A store that holds the smoke suite's pretrained models and nothing else. Copy it."""
    with made_once(tmp_path_factory, "pretrained") as (folder, empty):
        if empty:
            script = folder / "pretrain.py"
            script.write_text(PRETRAIN)
            subprocess.run(
                [sys.executable, script, SMOKE, folder / "store"],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                check=True,
                timeout=500,
            )
    return folder / "store"


@pytest.fixture
def pretrained_store(pretrained: Path, tmp_path: Path) -> Path:
    """A fresh store with the pretrained models in it."""
    return Path(shutil.copytree(pretrained, tmp_path / "store"))


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory):
    """A function: store and results → the finished process of `harness run suites/smoke.yaml`."""

    def run(store: Path, results: Path, *words: str | Path, **options) -> subprocess.CompletedProcess[str]:
        return harness(
            "run", SMOKE, "--processes", "1", "--store", store, "--results", results, "--report", results.parent / "page", *words, **options
        )

    return run


@pytest.fixture(scope="session")
def finished(tmp_path_factory, pretrained, smoke_run) -> Path:
    """A folder with `store`, `results` and `log` of one whole smoke run. Look, or copy it; change nothing."""
    with made_once(tmp_path_factory, "finished") as (folder, empty):
        if empty:
            shutil.copytree(pretrained, folder / "store")
            ran = smoke_run(folder / "store", folder / "results")
            (folder / "log").write_text(ran.stderr + ran.stdout)
            assert ran.returncode == 0, ran.stderr
    return folder


@pytest.fixture
def finished_copy(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "finished"))

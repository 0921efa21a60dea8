"""harness new-method: what it writes runs as it is, nothing is overwritten, and the README's lines on it are true."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main
from methods import METHODS
from methods.method import Method

ROOT = Path(__file__).parents[2]
SUITE = "suite: mine\nlike: smoke.yaml\nmethods: [my_method]\nreport: {baseline: my_method, controls: [], primary: null}\n"


def test_what_it_writes_is_an_entry(tmp_path, capsys, monkeypatch):
    assert main(["new-method", "my_method", "--out", str(tmp_path / "mine")]) == 0
    said = capsys.readouterr()
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {"my_method.py", "test_my_method.py"}
    assert '[project.entry-points."harness.methods"]\n    my_method = "my_method:MY_METHOD"' in said.err
    monkeypatch.syspath_prepend(tmp_path / "mine")
    import my_method  # pyright: ignore[reportMissingImports]

    assert isinstance(my_method.MY_METHOD, Method) and my_method.MY_METHOD.name == "my_method"


def test_nothing_is_overwritten_and_what_it_left_itself_may_stand(tmp_path, capsys):
    words = ["new-method", "my_method", "--out", str(tmp_path)]
    assert main(words) == 0
    (tmp_path / "test_my_method.py").unlink()  # as if it had been killed between the two
    assert main(words) == 0
    (tmp_path / "my_method.py").write_text("mine\n")
    (tmp_path / "test_my_method.py").unlink()
    capsys.readouterr()
    assert main(words) == 2
    assert re.match(r"harness: .*my_method\.py is there already, and is not overwritten\. Choose another name", capsys.readouterr().err)
    assert (tmp_path / "my_method.py").read_text() == "mine\n" and not (tmp_path / "test_my_method.py").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["my_method.py"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (next(iter(METHODS)), "already"),
        ("My", "small letters"),
        ("my-method", "small letters"),
        ("../up", "small letters"),
        ("1st", "small letters"),
        ("", "small letters"),
        ("my_", "small letters"),
        ("a" * 61, "at most 60"),
        ("lambda", "something else"),
        ("json", "something else"),
        ("parts", "something else"),
        ("student", "something else"),
    ],
)
def test_names_that_cannot_be_are_refused(tmp_path, capsys, name, words):
    assert main(["new-method", name, "--out", str(tmp_path / "never")]) == 2
    err = capsys.readouterr().err
    assert words in err and "Traceback" not in err and not (tmp_path / "never").exists()


@pytest.mark.parametrize("name", ["mopd", "multi_teacher"])
def test_an_entry_is_shown_in_full(capsys, name):
    """For the screen, for print, and in plain words; every answer, and what stands beside the main term."""
    entry = METHODS[name]
    assert main(["methods", name]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{name}   {entry.paper}   version {entry.version}\n\n{entry.about}\n\n{entry.formula}\n\n{entry.latex}\n")
    assert all(f"  {question:<8} {answer}" in said for question, answer in entry.answers.items())


def called(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.slow
def test_the_lines_of_the_readme_followed_in_a_checkout(tmp_path):
    """Steps 1 to 3, and the tests that walk the catalogue; step 4, `harness run`, is what every other test does."""
    for part in ("methods", "harness", "reports", "suites", "README.md", "pyproject.toml"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tmp_path / part)
    for part in ("tests/methods", "tests/harness"):
        (tmp_path / part).mkdir(parents=True)
    for part in ("tests/methods/test_catalogue.py", "tests/harness/test_house.py"):
        shutil.copy(ROOT / part, tmp_path / part)
    made = called(tmp_path, "harness", "new-method", "my_method")
    assert made.returncode == 0, made.stderr
    imported, line = (
        re.search(pattern, made.stderr)[1]  # type: ignore[index]
        for pattern in (r"methods/__init__\.py   (from .*)", r'\n +("my_method": .*)')
    )
    catalogue = tmp_path / "methods" / "__init__.py"
    text = catalogue.read_text()
    text = text.replace("from methods.opcd", f"{imported}\nfrom methods.opcd").replace(
        '    "sft_teacher"', f'    {line}\n    "sft_teacher"'
    )
    catalogue.write_text(text)
    readme = tmp_path / "README.md"
    readme.write_text(readme.read_text() + "| `my_method` | student | the problem | KL(teacher ‖ student) |\n")
    (tmp_path / "suites" / "mine.yaml").write_text(SUITE)
    planned = called(tmp_path, "harness", "plan", "suites/mine.yaml")
    assert planned.returncode == 0 and planned.stdout.startswith("mine: 4 rows"), planned.stderr
    assert "arXiv:0000.00000   version 1" in called(tmp_path, "harness", "methods", "my_method").stdout
    tested = called(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "tests", "-k", "my_method or catalogue or readme or suite")
    assert tested.returncode == 0, tested.stdout[-3000:]
    assert called(tmp_path, "harness", "new-method", "my_method").returncode == 2

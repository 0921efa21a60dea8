"""The house rules that no linter knows."""

from __future__ import annotations

import functools
import re
import tokenize
from pathlib import Path

import pytest
import yaml

from methods import METHODS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "harness").rglob("*.py"))


@functools.cache
def strings_and_names(path: Path) -> set[str]:
    """Every identifier and plain string of a file; comments and docstrings are left out by being longer than a word."""
    with path.open("rb") as file:
        return {token.string.strip("\"'") for token in tokenize.tokenize(file.readline) if token.type in (tokenize.NAME, tokenize.STRING)}


@pytest.mark.parametrize("name", sorted(METHODS))
def test_harness_knows_no_method_by_name(name: str) -> None:
    assert [path for path in SOURCES if name in strings_and_names(path)] == []


def test_every_entry_is_in_a_suite() -> None:
    named = set()
    for path in (ROOT / "suites").glob("*.yaml"):
        rows = (yaml.safe_load(path.read_text()) or {}).get("methods", [])
        named |= {row if isinstance(row, str) else row["method"] for row in rows if isinstance(row, str | dict)}
    assert set(METHODS) <= named


def test_readme_names_every_entry() -> None:
    assert set(METHODS) <= set(re.findall(r"`([a-z_@]+)`", (ROOT / "README.md").read_text()))


# The one file that runs a stranger's program, in a process that the sandbox has confined.
RUNS_PROGRAMS = ROOT / "harness" / "grading" / "sandbox" / "inside" / "candidate.py"


def test_nothing_is_pickled_or_evaluated() -> None:
    banned = {"pickle", "eval", "exec", "sympify"}
    sources = [path for path in SOURCES if path != RUNS_PROGRAMS]
    found = {path.name: bad for path in sources if (bad := banned & strings_and_names(path))}
    # `.eval()` puts a torch module into evaluation mode; nothing else of that name is used.
    calls = {p.name for p in sources if re.search(r"(?<!\.)\b(eval|exec)\(", p.read_text())}
    assert {name for name, bad in found.items() if bad - {"eval"}} == set()
    assert calls == set()

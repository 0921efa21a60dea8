"""The command line as a stranger meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
HEAVY = {"torch", "transformers", "peft", "datasets", "pyarrow", "scipy", "scipy.stats", "sympy"}


@pytest.mark.parametrize(
    ("code", "needed"),
    [
        ("import harness, methods", set()),
        ("from harness.cli import main; main(['--help'])", set()),
        ("from harness.cli import main; main(['methods', '--json'])", set()),
        # what can be found out takes the t distribution: scipy.special, a tenth of scipy.stats
        ("from harness.cli import main; main(['plan', 'suites/smoke.yaml', '--store', 'nowhere'])", {"scipy"}),
    ],
)
def test_quick_commands_load_nothing_heavy(code: str, needed: set[str]) -> None:
    watch = (
        "import atexit, sys; atexit.register(lambda: print(*sorted({n.partition('.')[0] for n in sys.modules} | "
        "({'scipy.stats'} & {*sys.modules})), file=sys.stderr)); "
    )
    ran = subprocess.run([sys.executable, "-c", watch + code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ran.returncode == 0, ran.stderr
    assert not (HEAVY - needed) & set(ran.stderr.split())


def test_help_names_every_command_and_each_has_its_own(called) -> None:
    said = called("--help").stdout
    for name in ("run", "plan", "report", "compare", "methods", "new-method", "show", "grade", "import", "doctor", "schema"):
        assert f"    {name} " in said or f"    {name}\n" in said
        own = called(name, "--help")
        assert own.returncode == 0 and own.stdout.startswith(f"usage: harness {name}")


def test_a_misspelt_key_is_one_message_with_place_and_remedy(tmp_path, called) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text((ROOT / "suites" / "smoke.yaml").read_text().replace("learning_rate:", "learning_rat:"))
    for name in ("run", "plan"):
        ran = called(name, suite, "--store", tmp_path / "store")
        assert ran.returncode == 2
        assert "Traceback" not in ran.stderr and ran.stdout == ""
        assert f"{suite}:" in ran.stderr and "learning_rat" in ran.stderr and "learning_rate" in ran.stderr
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "suites/none.yaml"), "none.yaml"),
        (
            ("run", "suites/smoke.yaml", "--only", "trdd"),
            "--only trdd: no row matches. Rows: forward_kl, reverse_kl_topk, trd, opsd, opd_sampled, trd_self_failed.",
        ),
        (("run", "suites/smoke.yaml", "--processes", "0"), "there must be at least one"),
        (("run", "suites/smoke.yaml", "--store", "/dev/null/store"), "--store DIR"),
        (("methods", "forward_lk"), "forward_kl"),
    ],
)
def test_wrong_words_are_one_message_and_exit_2(words, says: str, called) -> None:
    ran = called(*words)
    assert ran.returncode == 2
    assert says in ran.stderr and "Traceback" not in ran.stderr
    assert ran.stderr.startswith("harness: ") and ran.stderr.count("\n") == 1


def test_plan_as_json(tmp_path, command) -> None:
    said = json.loads(command("plan", "suites/smoke.yaml", "--store", tmp_path, "--json").stdout)
    assert set(said) == {"steps", "rows", "alone", "shared", "tokens", "cost", "overlap", "power"}
    assert said["shared"] == len(said["steps"]) < said["alone"]
    for step in said["steps"]:
        assert {"key", "stage", "state", "why", "rows"} <= set(step)
        assert step["state"] == "todo" and step["why"] == "new" and step["rows"]
    labels = [row["label"] for row in said["rows"]]
    assert labels == [
        "student",
        "student_again",
        "teacher",
        "forward_kl",
        "reverse_kl_topk",
        "trd",
        "opsd",
        "opd_sampled",
        "trd_self_failed",
    ]
    assert set(said["tokens"]) == {"rollout", "teacher", "exam", "estimated"} and said["tokens"]["estimated"] is True
    for kind in ("rollout", "teacher", "exam"):
        assert 0 < said["tokens"][kind]["shared"] <= said["tokens"][kind]["alone"]
    assert said["tokens"]["rollout"]["shared"] < said["tokens"]["rollout"]["alone"]


def test_methods_as_json(command) -> None:
    said = json.loads(command("methods", "--json").stdout)
    assert {"forward_kl", "trd", "opsd", "placebo"} <= {entry["name"] for entry in said}
    for entry in said:
        assert {"name", "paper", "answers", "formula", "latex", "about", "version"} == set(entry)
        assert set(entry["answers"]) == {"writer", "teacher", "reads", "loss", "tokens", "keep", "also"}
    trd = json.loads(command("methods", "trd", "--json").stdout)
    assert trd["answers"]["writer"] == "Teacher()" and trd["answers"]["reads"].startswith("WithAttempt(")


@pytest.mark.slow
def test_show_prints_both_readings_and_the_mask(finished, command) -> None:
    store = finished / "store"
    key = next(p.parent.name for p in (store / "construct").glob("*/record.json") if '"type": "WithAttempt",' in p.read_text())
    ran = command("show", key[:8], "--store", store)
    assert ran.returncode == 0, ran.stderr
    for text in (
        "student_prompt_ids",
        "teacher_prompt_ids",
        "response_ids",
        "input rollouts/0",
        "tokens, each trained on)",
        "tokens, read, not trained on)",
        "term: main",
        "item 1 of 16",
    ):
        assert text in ran.stdout
    teacher = ran.stdout.partition("teacher_prompt_ids")[2].partition("response_ids")[0].replace("│", "")
    assert "A student wrote this solution" in teacher
    assert "A student wrote" not in ran.stdout.partition("student_prompt_ids")[2].partition("teacher_prompt_ids")[0].replace("│", "")
    assert command("show", f"construct/{key}", "--store", store, "--sample", 99).returncode == 2


@pytest.mark.slow
def test_show_of_an_unknown_or_unclear_key(finished, command) -> None:
    unknown = command("show", "zzzz", "--store", finished / "store")
    assert unknown.returncode == 2 and "harness plan" in unknown.stderr and unknown.stderr.count("\n") == 1
    assert command("show", "", "--store", finished / "store").returncode == 2
    assert command("show", "abc", "--store", finished / "nowhere").returncode == 2


@pytest.mark.slow
def test_plan_of_a_finished_suite_is_done(finished, command) -> None:
    said = command("plan", "suites/smoke.yaml", "--store", finished / "store").stdout
    assert ", 0 to do" in said

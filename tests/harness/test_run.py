"""Whole runs: repeated, in fresh stores, side by side, with failing rows, killed workers and edited methods."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SMOKE = ROOT / "suites" / "smoke.yaml"


def small(tmp_path: Path, methods: str = "[forward_kl]", more: str = "") -> Path:
    """The smoke suite with fewer rows, one round, and an exam of two samples."""
    suite = tmp_path / "small.yaml"
    suite.write_text(
        f"suite: small\nlike: {SMOKE}\nmethods: {methods}\nbudgets: {{steps: {{updates: 2}}}}\ntrain: {{rounds: {{count: 1}}}}\nreport: {{baseline: forward_kl}}\n"
        "evaluate:\n- {benchmarks: [tiny-exam], sampling: {n: 1, temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 24}, metrics: [avg@1]}\n"
        + more
    )
    return suite


def run_words(suite: Path, store: Path, results: Path, *more: str) -> list[str]:
    return [
        "run",
        str(suite),
        "--store",
        str(store),
        "--results",
        str(results),
        "--report",
        str(results.parent / "page"),
        "--processes",
        "1",
        *more,
    ]


def start(words: list[str], **env: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "harness", *words]
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **env}, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def below(pid: int) -> set[int]:
    """All processes that descend from this one."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def alive(pids: set[int]) -> set[int]:
    def lives(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    return {pid for pid in pids if lives(pid)}


def until(what, seconds: float = 60):
    """What `what` returns, once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come to pass")


def workers(pid: int) -> set[int]:
    return {child for child in below(pid) if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()}


def at_work(store: Path, stage: str) -> bool:
    """Whether a step of the stage has begun and none is done."""
    return any((store / stage).glob("*/attempt-*")) and not any((store / stage).glob("*/record.json"))


def test_a_small_suite_of_random_models_runs_to_results_and_page(tmp_path, tiny_model, keep_model, command, called) -> None:
    """From end to end in seconds: nothing is pretrained, and what random weights write is never right."""
    student, teacher = (keep_model(tiny_model(seed=seed), tmp_path / who) for seed, who in enumerate(("student", "teacher")))
    suite, store = (
        small(tmp_path, "[forward_kl, trd]", f"pairs: {{tiny: {{student: {student}, teacher: {teacher}}}}}\n"),
        tmp_path / "store",
    )
    ran = command(*run_words(suite, store, tmp_path / "results"))
    assert ran.returncode == 0, ran.stderr
    rows = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "results" / "small" / "tiny").glob("*.json")}
    assert rows.keys() == {"student", "student_again", "teacher", "forward_kl.seed0", "trd.seed0"}
    assert all(row["status"] == "done" and row["scores"]["tiny-exam"]["samples"] == 1 for row in rows.values())
    assert rows["trd.seed0"]["cost"]["charged"]["updates"] == 2 and rows["trd.seed0"]["cost"]["charged"]["teacher_written"] > 0
    assert "forward_kl" in (tmp_path / "page" / "index.html").read_text()
    assert "0 to do" in called("plan", suite, "--store", store).stdout
    listed = called("export", tmp_path / "results", "--to", "csv").stdout.splitlines()
    assert sum(line.count("trd") > 0 for line in listed) == 1
    assert called("verify", tmp_path / "results", "--store", store).returncode == 0
    student.rename(tmp_path / "moved")
    said = called("verify", tmp_path / "results", "--store", store)
    assert said.returncode == 2 and f"{student}: the model whose answers these are lay there" in said.stderr


@pytest.mark.slow
def test_a_second_run_does_no_work_and_writes_the_same(finished_copy, smoke_run) -> None:
    rows = sorted((finished_copy / "results").rglob("*.json"))
    before = {path: path.read_bytes() for path in rows}
    records = {path: path.stat().st_mtime_ns for path in (finished_copy / "store").rglob("record.json")}
    shutil.rmtree(finished_copy / "results")
    again = smoke_run(finished_copy / "store", finished_copy / "results")
    assert again.returncode == 0, again.stderr
    assert "91 of them done before" in again.stderr
    assert records == {path: path.stat().st_mtime_ns for path in (finished_copy / "store").rglob("record.json")}
    assert {path: path.read_bytes() for path in rows} == before  # provenance too: it is of the run that made them


@pytest.mark.slow
def test_fresh_stores_give_the_same_results(pretrained_store, finished, tmp_path, smoke_run, results_in) -> None:
    ran = smoke_run(pretrained_store, tmp_path / "results", "--processes", "2")  # the other run had one process
    assert ran.returncode == 0, ran.stderr
    assert results_in(tmp_path / "results") == results_in(finished / "results")
    assert len(results_in(tmp_path / "results")) == 10


@pytest.mark.slow
def test_what_a_run_says_at_its_end(finished) -> None:
    said = (finished / "log").read_text()
    tokens = re.search(r"tokens written: rollout (\S+) \(each row alone (\S+)\) · teacher (\S+) .* · exam (\S+)", said)
    assert tokens and int(tokens[1].replace(",", "")) < int(tokens[2].replace(",", ""))
    assert re.search(r"^results +\S+/smoke$", said, re.M) and re.search(r"^leaderboard +\S+index\.html$", said, re.M)
    assert "rows 9/9" in said or "row 9/9 is complete" in said
    assert said.count("\n") < 60


@pytest.mark.slow
def test_two_runs_on_one_store_do_not_harm_each_other(pretrained_store, tmp_path, results_in) -> None:
    suite = small(tmp_path, "[forward_kl, trd]")
    both = [start(run_words(suite, pretrained_store, tmp_path / name)) for name in ("one", "two")]
    ends = [run.communicate(timeout=200) for run in both]
    assert [run.returncode for run in both] == [0, 0], ends
    assert results_in(tmp_path / "one") == results_in(tmp_path / "two")
    assert all(row.get("status", "done") == "done" for row in results_in(tmp_path / "one").values())
    assert not list(pretrained_store.rglob("record.corrupt.json"))


@pytest.mark.slow
def test_a_row_that_fails_says_why_and_stops_no_other(pretrained_store, tmp_path, command) -> None:
    """And `--only` does what the named rows need, and no more."""
    suite = small(tmp_path, "[forward_kl, trd, {label: wild, method: forward_kl, train: {optim: {learning_rate: 1.0e+30}}}]")
    ran = command(*run_words(suite, pretrained_store, tmp_path / "results", "--only", "[fw]*"))
    assert ran.returncode == 1, ran.stderr
    folder = tmp_path / "results" / "small" / "tiny"
    assert {path.stem for path in folder.iterdir()} == {"student", "student_again", "teacher", "forward_kl.seed0", "wild.seed0"}
    assert not any("rewrite" in path.read_text() for path in pretrained_store.glob("generate/*/record.json"))
    wild, tame = (json.loads((folder / f"{name}.seed0.json").read_text()) for name in ("wild", "forward_kl"))
    assert wild["status"] == "failed" and "not finite" in wild["reason"] and wild["reason"].startswith("train · tiny · wild")
    assert tame["status"] == "done" and tame["reason"] is None
    last = ran.stderr.strip().splitlines()[-1]
    assert last.startswith("harness: train · tiny · wild") and "learning_rate" in last
    assert "Traceback" not in ran.stderr


@pytest.mark.slow
def test_input_that_no_row_can_use_ends_with_2(pretrained_store, tmp_path, command) -> None:
    suite = small(tmp_path, more="").read_text().replace("train: {", "train: {limits: {prompt: 3}, ")
    (tmp_path / "small.yaml").write_text(suite)
    ran = command(*run_words(tmp_path / "small.yaml", pretrained_store, tmp_path / "results"))
    assert ran.returncode == 2, ran.stderr
    assert "every one of 32 problems is dropped" in ran.stderr and "Traceback" not in ran.stderr
    row = json.loads((tmp_path / "results" / "small" / "tiny" / "forward_kl.seed0.json").read_text())
    assert row["status"] == "failed" and "dropped" in row["reason"]


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_step_tried_again(pretrained_store, tmp_path) -> None:
    run = start(run_words(small(tmp_path), pretrained_store, tmp_path / "results"))
    until(lambda: at_work(pretrained_store, "generate"))
    for pid in workers(run.pid):
        os.kill(pid, signal.SIGKILL)
    _, said = run.communicate(timeout=120)
    assert run.returncode == 0, said
    assert "its process ended by SIGKILL (often: out of memory); it is tried again" in said


@pytest.mark.slow
def test_workers_end_with_a_parent_that_is_killed(pretrained_store, tmp_path) -> None:
    run = start(run_words(small(tmp_path), pretrained_store, tmp_path / "results"))
    until(lambda: at_work(pretrained_store, "generate"))
    family = below(run.pid)
    assert workers(run.pid)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    until(lambda: not alive(family), seconds=6)


@pytest.mark.slow
def test_a_stop_by_hand_is_one_line(pretrained_store, tmp_path) -> None:
    run = start(run_words(small(tmp_path), pretrained_store, tmp_path / "results"))
    until(lambda: at_work(pretrained_store, "generate"))
    family = below(run.pid)
    os.killpg(run.pid, signal.SIGINT)
    _, said = run.communicate(timeout=20)
    assert run.returncode == 130 and "Traceback" not in said
    assert said.splitlines()[-1] == "harness: stopped. What is done is kept; the same command goes on from here."
    until(lambda: not alive(family), seconds=6)


OWN = '''
from dataclasses import dataclass
from typing import ClassVar
from methods import Method
from methods.parts.losses import Divergence, Loss

SHARPNESS = 2.0


def gap(a, b):
    return (a - b).abs()


@dataclass(frozen=True)
class TotalVariation(Divergence):
    """Half of the summed differences."""

    scale: float = 1.0

    version: ClassVar[int] = 1

    def summands(self, student_TK, teacher_TK):
        return self.scale * gap(student_TK.exp(), teacher_TK.exp()) / SHARPNESS


TV = Method(name="total_variation", paper="ours", formula="½ Σ |p − q|", loss=Loss(TotalVariation()))
'''


@pytest.fixture
def package(tmp_path) -> Path:
    """A package outside the tree that registers a method by entry point, as `pip install` would leave it."""
    folder = tmp_path / "site"
    info = folder / "own_methods-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-methods\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[harness.methods]\ntotal_variation = own_methods:TV\n")
    (folder / "own_methods.py").write_text(OWN)
    return folder


@pytest.mark.slow
def test_a_method_from_outside_trains_and_its_edits_are_not_silent(package, pretrained_store, tmp_path, command) -> None:
    suite = small(tmp_path, "[total_variation]").read_text().replace("baseline: forward_kl", "baseline: total_variation")
    (tmp_path / "small.yaml").write_text(suite)
    words = run_words(tmp_path / "small.yaml", pretrained_store, tmp_path / "results")
    source = package / "own_methods.py"

    def edited(old: str, new: str, *more: str) -> subprocess.CompletedProcess[str]:
        text = source.read_text()
        assert text.count(old) == 1
        source.write_text(text.replace(old, new))
        return command(*words, *more, env={"PYTHONPATH": str(package)})

    def trained() -> set[str]:
        return {path.parent.name for path in pretrained_store.glob("train/*/record.json")}

    first = edited("Half of the summed", "One half of the summed")
    assert first.returncode == 0, first.stderr
    row = json.loads((tmp_path / "results" / "small" / "tiny" / "total_variation.seed0.json").read_text())
    assert row["status"] == "done" and "TotalVariation" in row["answers"]["loss"] and row["diagnostics"]["last_objective"] > 0
    one = trained()
    assert len(one) == 1

    assert edited('"""One half of the summed differences."""', '"""Another docstring."""  # and a comment').returncode == 0
    for old, new in (("self.scale * gap", "2 * self.scale * gap"), ("(a - b).abs()", "abs(a - b)"), ("SHARPNESS = 2.0", "SHARPNESS = 3.0")):
        refused = edited(old, new)
        assert refused.returncode == 2, refused.stderr
        assert "'total_variation'" in refused.stderr and "raise `version`" in refused.stderr and "--accept-edits" in refused.stderr
        assert refused.stderr.count("\n") == 1 and trained() == one
        kept = edited("# and a comment", "# and a comment", "--accept-edits")
        assert kept.returncode == 0 and trained() == one
    raised = edited("version: ClassVar[int] = 1", "version: ClassVar[int] = 2")
    assert raised.returncode == 0, raised.stderr
    assert len(trained()) == 2


def test_a_part_that_bears_the_name_of_ours_is_refused(package, tmp_path, command) -> None:
    """Addresses know a class by its bare name: a second ForwardKL would be trained under the first one's address."""
    source = package / "own_methods.py"
    source.write_text(source.read_text().replace("TotalVariation", "ForwardKL"))
    refused = command(
        "plan", small(tmp_path, "[forward_kl, total_variation]"), "--store", tmp_path / "store", env={"PYTHONPATH": str(package)}
    )
    assert refused.returncode == 2
    assert (
        "own_methods.ForwardKL bears the name of methods.parts.divergences.ForwardKL" in refused.stderr and "another name" in refused.stderr
    )


@pytest.mark.slow
def test_the_pass_at_k_that_a_suite_asks_for_is_what_it_gets(pretrained_store, tmp_path) -> None:
    """A setting that takes no effect would be a lie: the smoke suite asks for pass@4, this one for pass@3."""
    asked = "{n: 4, temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 48}, metrics: [avg@4, pass@3]"
    suite = tmp_path / "three.yaml"
    suite.write_text(f"suite: three\nlike: {SMOKE}\nmethods: [forward_kl]\nevaluate: [{{benchmarks: [tiny-exam], sampling: {asked}}}]\n")
    ran = subprocess.run(
        [sys.executable, "-m", "harness", *run_words(suite, pretrained_store, tmp_path / "results")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    score = json.loads((tmp_path / "results/three/tiny/teacher.json").read_text())["scores"]["tiny-exam"]
    by_hand = [1 - math.comb(4 - c, 3) / math.comb(4, 3) for c in score["correct"]]
    assert score["pass_at"]["3"] == pytest.approx(sum(by_hand) / len(by_hand))
    assert "Pass@3" in (tmp_path / "page/leaderboard.md").read_text()


NEWER_GRADER = """
import sys
import harness.grading
harness.grading.GRADERS.update({name: version + 1 for name, version in harness.grading.GRADERS.items()})
from harness.cli import main
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_more_samples_and_a_newer_grader_write_only_the_new_samples(finished_copy, tmp_path) -> None:
    """n from 4 to 8, a vote among 4, and every grader raised: of the whole earlier run only verdicts and scores are made again."""
    store = finished_copy / "store"
    suite, script = tmp_path / "eight.yaml", tmp_path / "newer.py"
    sampling = "{n: 8, temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 48}"
    suite.write_text(
        f"suite: eight\nlike: {SMOKE}\nmethods: [forward_kl]\n"
        f"evaluate: [{{benchmarks: [tiny-exam], sampling: {sampling}, metrics: [avg@8, pass@8, maj@4], audit: [string]}}]\n"
    )
    script.write_text(NEWER_GRADER)
    before = set(store.rglob("record.json"))
    words = run_words(suite, store, tmp_path / "results")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, script, *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=200, check=False)
    assert ran.returncode == 0, ran.stderr
    made = [json.loads(path.read_text())["step"] for path in set(store.rglob("record.json")) - before]
    assert {step["stage"] for step in made} == {"generate", "grade", "score", "audit", "analyse"}
    written = [step["params"]["samples"] for step in made if step["stage"] == "generate"]
    assert written == [[4, 8]] * 4  # student, its second sitting, teacher, forward_kl
    assert sum(step["stage"] == "grade" for step in made) >= 4 * 4

    old = json.loads((finished_copy / "results/smoke/tiny/forward_kl.seed0.json").read_text())["scores"]["tiny-exam"]
    score = json.loads((tmp_path / "results/eight/tiny/forward_kl.seed0.json").read_text())["scores"]["tiny-exam"]
    asked = score["problems"] * 8
    assert sum(score["graded"]) == sum(score["verdicts"].values()) == asked and score["missing"] == score["ungraded"] == 0
    assert all(0 <= more - few <= 4 for few, more in zip(old["correct"], score["correct"], strict=True))  # the first four are in it
    assert score["unfinished"] == score["verdicts"].get("unfinished", 0) and 0 < score["mean_length"] <= 48
    assert list(score["maj_at"]) == ["4"] and 0 <= score["maj_at"]["4"] <= 1 and old["maj_at"] == {}
    assert score["under_cap"]["48"] == score["correct"] and sum(score["under_cap"]["6"]) < sum(score["correct"])
    assert score["grader"] != old["grader"]
    said = score["audit"]
    assert old["audit"] is None and said["responses"] == asked and [tally["profile"] for tally in said["tallies"]] == ["typed", "string"]
    (pair,) = said["pairs"]  # plain integers: two ways to grade them can hardly differ, but both were asked
    assert pair["both_right"] + pair["only_a"] == score["verdicts"]["correct"] and pair["both_right"] > 0
    page = (tmp_path / "page/leaderboard.md").read_text()
    assert "Maj@4" in page and "string" in page and "tiny-exam under lower token limits" in page

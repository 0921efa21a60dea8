"""Grading HumanEval+ samples: ours beside evalplus.evaluate on the same samples, both with two workers and their expected outputs ready.

    .venv/bin/python tests/bench/code_grading.py ../shared/data/humaneval_plus.jsonl [--samples 2] [--step 1]

`--samples` a task: canonical solutions first, then as many mutants (one change of the syntax tree each); `--step 4` takes every fourth task.
Every program differs from the others by a comment, because ours grades equal programs once. Each side runs in a process of its own that is
already warm; the clock is that of the grading call alone. CPU: of all processes of that call together, which a busy machine changes less.
Ours sits on the rung landlock: of what runs in bubblewrap's jail the kernel tells us no CPU time. `alone`: the canonical solutions on the
same inputs with nothing around them, the floor under both.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MEASURE = """
import json, os, resource, sys, time
rows, samples, expected = sys.argv[1:]
def spent():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
def told(start, cpu, right):
    print(json.dumps({"seconds": time.perf_counter() - start, "cpu": spent() - cpu, "right": right}), flush=True)
    os._exit(0)  # evalplus.evaluate leaves a thread asleep
"""
OURS = (
    MEASURE
    + """
from harness.grading.code import CodeGrader
from harness.grading.code.rows import evalplus_row
tests = {row["task_id"]: evalplus_row(row, "humaneval")["tests"] for row in map(json.loads, open(rows))}
def items(path):
    return [(tests[s["task_id"]], "```python\\n" + s["solution"] + "\\n```") for s in map(json.loads, open(path))]
with CodeGrader(processes=2, rung="landlock") as grader:
    grader.grade_many(items(expected))
start, cpu = time.perf_counter(), spent()
with CodeGrader(processes=2, rung="landlock") as grader:
    right = [verdict.correct for verdict in grader.grade_many(items(samples))]
told(start, cpu, right)
"""
)
THEIRS = (
    MEASURE
    + """
import contextlib
from collections import defaultdict
from evalplus.evaluate import evaluate
with contextlib.redirect_stdout(sys.stderr):
    evaluate("humaneval", samples=expected, parallel=2, min_time_limit=4.0)
    start, cpu = time.perf_counter(), spent()
    evaluate("humaneval", samples=samples, parallel=2, min_time_limit=4.0)
found = json.load(open(samples.replace(".jsonl", "_eval_results.json")))["eval"]
turns = defaultdict(lambda: iter(()))
for task, results in found.items():
    turns[task] = iter(results)
right = [(r["base_status"], r["plus_status"]) == ("pass", "pass") for r in (next(turns[json.loads(line)["task_id"]]) for line in open(samples))]
told(start, cpu, right)
"""
)
ALONE = (
    MEASURE
    + """
tasks = {row["task_id"]: row for row in map(json.loads, open(rows))}
start, cpu = time.perf_counter(), spent()
right = []
for sample in map(json.loads, open(samples)):
    task, space = tasks[sample["task_id"]], {}
    exec(sample["solution"], space)
    for arguments in task["base_input"] + task["plus_input"]:
        space[task["entry_point"]](*arguments)
    right.append(True)
told(start, cpu, right)
"""
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--samples", type=int, default=2)
    parser.add_argument("--step", type=int, default=1)
    options = parser.parse_args()
    tasks = [json.loads(line) for line in options.rows.read_text().splitlines()][:: options.step]
    print(f"{len(tasks)} tasks, {options.samples} samples each; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(f"{'':<12}{'':<10}{'s':>8}{'ms a sample':>13}{'CPU ms a sample':>17}{'right':>8}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        chosen = write(place / "rows.jsonl", tasks)
        first = write(place / "first.jsonl", [sample(task, canonical(task), -1) for task in tasks])
        for kind in ("canonical", "mutants"):
            made = [sample(task, program, number) for task in tasks for number, program in enumerate(programs(task, kind, options.samples))]
            path = write(place / f"{kind}.jsonl", made)
            found = {
                name: run(code, place, chosen, path, first)
                for name, code in (("evalplus", THEIRS), ("ours", OURS), ("alone", ALONE))[: 3 if kind == "canonical" else 2]
            }
            for name, each in found.items():
                cells = f"{each['seconds']:>8.1f}{1000 * each['seconds'] / len(made):>13.1f}{1000 * each['cpu'] / len(made):>17.1f}"
                print(f"{kind:<12}{name:<10}{cells}{sum(each['right']):>8}", flush=True)
            theirs, ours = found["evalplus"], found["ours"]
            apart = sum(a != b for a, b in zip(theirs["right"], ours["right"], strict=True))
            if "alone" in found:
                above = [each["cpu"] - found["alone"]["cpu"] for each in (theirs, ours)]
                print(f"{kind:<12}above the floor: CPU {above[0] / above[1]:.2f}")
            print(
                f"{kind:<12}ratio: clock {theirs['seconds'] / ours['seconds']:.2f}, CPU {theirs['cpu'] / ours['cpu']:.2f}; {apart} verdicts differ"
            )


def canonical(task: dict) -> str:
    return task["prompt"] + task["canonical_solution"]


def programs(task: dict, kind: str, count: int) -> list[str]:
    spec = importlib.util.spec_from_file_location("mutants", ROOT / "tests/harness/grading/code/mutants.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = [canonical(task)] if kind == "canonical" else module.mutants(canonical(task))
    return [made[7 * number % len(made)] for number in range(count)]


def sample(task: dict, program: str, number: int) -> dict:
    return {"task_id": task["task_id"], "solution": f"{program}\n# sample {number}\n"}


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(code: str, place: Path, rows: Path, samples: Path, first: Path) -> dict:
    for old in place.glob("*_eval_results.json"):
        old.unlink()
    environment = {**os.environ, "XDG_CACHE_HOME": str(place / "cache"), "HUMANEVAL_OVERRIDE_PATH": str(rows), "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", code, *map(str, (rows, samples, first))]
    return json.loads(subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout)


if __name__ == "__main__":
    main()

"""The GPU bench at toy sizes: every section runs, reports and can fail."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
BENCH = ROOT / "tests" / "bench"
HEADINGS = ["Device", "Correctness on the device", "Loss head", "Chunk sizes", "Optimizer steps", "Transformers sampler"]


def python(*arguments: str) -> subprocess.CompletedProcess:
    paths = os.pathsep.join([str(ROOT), str(BENCH)])
    # These times mean nothing; two threads would only disturb other tests.
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, env=environment, timeout=200, check=False)


@pytest.fixture(scope="module")
def measure():
    spec = importlib.util.spec_from_file_location("measure_of_the_bench", BENCH / "measure.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_every_section_measures_at_toy_sizes(tmp_path):
    done = python("tests/bench/gpu.py", "--tiny", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    content = json.loads((tmp_path / "gpu.json").read_text())
    assert [part["title"] for part in content["sections"]] == HEADINGS
    assert all(part["fault"] is None and not part["broken"] for part in content["sections"])
    for part in content["sections"][1:]:
        assert part["tables"] and all(table["rows"] for table in part["tables"])
        assert all(len(row) == len(table["columns"]) for table in part["tables"] for row in table["rows"])
    told = (tmp_path / "gpu.md").read_text()
    assert all(f"## {heading}\n\nok" in told and f"## {heading}\n\nok" in done.stdout for heading in HEADINGS)

    parts = {part["title"]: part for part in content["sections"]}
    worst = {table["caption"].split(",")[0]: table for table in parts["Correctness on the device"]["tables"]}
    assert sum(row[1] for row in worst["Worst relative error against float64"]["rows"] if row[1]) == 5 * 7 * 3 + 5
    steps = parts["Optimizer steps"]
    assert 0 < steps["figures"]["gradient, two micro-batch sizes, fp32 and two layers"] < 1e-4  # 0 would mean that nothing was cut
    assert all(row[4] > 0 for row in steps["tables"][0]["rows"])


@pytest.mark.parametrize(
    ("breakage", "named"),
    [
        ("to_hidden = lambda self, d, out: torch.mm(d.bfloat16().float() * 1.01, self.head_VD, out=out)", "d hidden"),
        ("logits = lambda self, rows, out: out.copy_((self.hidden_TD[rows].bfloat16() @ self.head_VD.bfloat16().t()))", "logits"),
    ],
    ids=["scaled gradient", "logits in bf16"],
)
def test_a_wrong_product_is_named_and_the_next_section_goes_on(breakage, named, tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text(
        f"import runpy, sys, torch\nfrom harness.engine.divergence import Projection\nProjection.{breakage}\n"
        f"sys.argv[0] = 'gpu.py'\nrunpy.run_path({str(BENCH / 'gpu.py')!r}, run_name='__main__')\n"
    )
    done = python(str(broken), "--tiny", "--only", "correct,device")
    assert done.returncode == 1
    assert f"LIMIT BROKEN: product {named}" in done.stdout
    assert "## Device\n\nok" in done.stdout
    assert done.stdout.rstrip().endswith("FAILED: Correctness on the device")


def test_without_a_gpu_or_with_an_unknown_section_it_says_so():
    for arguments, message in (((), "no CUDA device is seen"), (("--tiny", "--only", "device,nothing"), "no section nothing")):
        done = python("tests/bench/gpu.py", *arguments)
        assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


def test_a_section_that_fails_or_takes_too_long_leaves_the_others(measure, tmp_path, capsys):
    def raises(part):
        part.figures["so far"] = math.nan
        raise RuntimeError("no such kernel")

    def breaks_limits(part):
        assert not part.limit("error", 0.2, 0.1) and not part.limit("nothing", math.nan, 0.1)

    def fine(part):
        part.table("numbers", ["a", "b"]).append([1, 2.5])
        assert part.limit("error", 0.1, 0.1)

    report = measure.Report("trial", tmp_path, limit_s=60)
    report.run("raises", 10, raises)
    report.run("sleeps", 1, lambda part: time.sleep(30))
    report.run("off", 10, breaks_limits)
    report.run("fine", 10, fine)
    content = json.loads((tmp_path / "gpu.json").read_text())
    parts = {part["title"]: part for part in content["sections"]}
    assert content["failed"] and report.failed
    assert "no such kernel" in parts["raises"]["fault"] and parts["raises"]["figures"] == {"so far": None}
    assert "OutOfTime" in parts["sleeps"]["fault"] and parts["sleeps"]["seconds"] < 10
    assert parts["off"]["fault"] is None and [text.split(":")[0] for text in parts["off"]["broken"]] == ["error", "nothing"]
    assert parts["fine"]["fault"] is None and parts["fine"]["tables"][0]["rows"] == [[1, 2.5]]
    told = capsys.readouterr().out
    assert "| 1 | 2.5 |" in told and [f"## {name}\n\nFAILED" in told for name in parts] == [True, True, True, False]


def test_no_section_starts_when_the_run_has_no_time_left(measure):
    report = measure.Report("trial", None, limit_s=0)
    ran = []
    report.run("late", 10, ran.append)
    assert not ran and "the time of the whole run is spent" in report.sections[0].fault

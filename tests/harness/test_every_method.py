"""Every registered entry, by existing: it plans, it writes, it builds trajectories, and its own objective falls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from harness.engine.batching import micro_batches
from harness.engine.distill import backward
from harness.plan import plan
from harness.records import Trajectory
from harness.spec import load_suite
from harness.stages import Job, execute, train
from harness.store import Store
from harness.tables import from_bytes
from harness.world.tokenizer import build
from methods import METHODS
from methods.parts.rewards import Reward
from methods.parts.teachers import Current, Ema, Frozen, Nobody
from methods.parts.writers import Write

SUITE = """
suite: every-method
engine: transformers
seeds: {{train: [0], exam: 0}}
pairs: {{tiny: {{student: {student}, teacher: {teacher}}}}}
methods: [{method}]
train:
  problems: {{set: tiny-train, take: 4}}
  sampling: {{temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 12, n: 2}}
  limits: {{prompt: 96}}
  rounds: {{count: 1, problems: 4}}
  optim: {{learning_rate: 1.0e-3, batch: 4}}
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
    """Verdicts are drawn by lot: what random weights write is never right."""
    file = tmp_path / "suite.yaml"
    file.write_text(SUITE.format(method=name, **models))
    made = plan(replace(load_suite(file), lots=True))
    store = Store(tmp_path / "store")
    step = next(step for step in made.steps if step.stage == "train")
    needed = made.needed([step.address])
    for each in made.steps:
        if each.address in needed and each is not step:
            assert execute(each, store, lambda event: None, {}, {})
    row = train.TrainRun(Job(step, store, store.attempt(step.address)))
    terms = row.objective.terms
    assert terms == METHODS[name].terms, "what the step keeps is not what the entry says"
    batch = [
        t
        for role, address in step.inputs.items()
        if role.startswith("trajectories/")
        for t in from_bytes(Trajectory, store.payload(address) / "trajectories.parquet")
    ]
    assert {t.term for t in batch} == {t.term for t in batch if t.weight > 0} == set(terms)
    assert {t.problem_id for t in batch} == {t.problem_id for t in batch if t.term == "main"}
    for term, asks in terms.items():
        for t in (t for t in batch if t.term == term):
            assert bool(t.teacher_prompt_ids) == asks.scored
            assert (t.advantage is not None) == isinstance(asks.loss, Reward)
    optimizer = torch.optim.AdamW(row.model.parameters(), lr=3e-3)
    seen = []
    for _ in range(8):
        optimizer.zero_grad()
        seen.append(backward(row.objective, row.student, batch, 0.5, row.pad_id).figures["objective"])
        optimizer.step()
        for mean in row.means.values():
            mean.follow()
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
        writers = [{act.by for act in t.acts if isinstance(act, Write)} for t in terms.values()]
        asked = any(
            not isinstance(t.teacher, own) and ("teacher" in writing or not isinstance(t.teacher, Nobody))
            for t, writing in zip(terms.values(), writers, strict=True)
        )
        assert any(pretrained["teacher"] in each.inputs.values() for each in mine) == asked, name
        assert (step.params["pair"]["teacher"] is not None) == asked, name
        assert len([each for each in mine if each.stage == "generate"]) >= len(set().union(*writers))


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_entry_says_what_it_is(method) -> None:
    assert method.paper
    assert method.formula
    assert len(method.about) > 40

"""What a plan says it will cost, against arithmetic written out by hand."""

from __future__ import annotations

import pytest
import yaml

from harness.costs import TABLE
from harness.plan import plan, summary
from harness.spec import load_suite

STUDENT, TEACHER = 1_720_574_976, 8_190_735_360 - 151_936 * 4096  # weights that multiply once per token: the 8B's embedding does not
SAID = {
    "suite": "cost",
    "engine": "vllm",
    "seeds": {"train": [0], "exam": 0},
    "pairs": {
        "p": {
            "student": "Qwen/Qwen3-1.7B@unpinned",
            "teacher": "Qwen/Qwen3-8B@unpinned",
            "modes": {"student": "thinking", "teacher": "thinking"},
        }
    },
    "methods": ["trd"],
    "train": {
        "problems": {"set": "chain-train", "take": 1000},
        "sampling": {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "max_tokens": 4000},
        "limits": {"prompt": 2048},
        "rounds": {"count": 1, "problems": "all"},
        "optim": {"learning_rate": 5.0e-6, "batch": 100},
        "lora": {"rank": 64, "alpha": 128},
    },
    "budgets": {"epoch": {"epochs": 1}},
    "evaluate": [{"benchmarks": ["chain-exam"], "sampling": {"n": 4, "temperature": 1.0, "top_p": 1.0, "top_k": -1, "max_tokens": 1000}}],
}


def cost(tmp_path, **changed):
    path = tmp_path / "suite.yaml"
    path.write_text(yaml.safe_dump({**SAID, **changed}))
    return summary(plan(load_suite(path)))["cost"]


def test_one_row_by_hand(tmp_path):
    found = cost(tmp_path)
    attempts, rewrites = 1000 * 2000, 1000 * 2000  # tokens: half of max_tokens each
    prompts, long_prompts = 1000 * 200, 1000 * (200 + 2000)
    writing = 2 * STUDENT * (attempts + prompts) + 2 * TEACHER * (rewrites + long_prompts)
    training = 4 * STUDENT * (rewrites + prompts) + 2 * TEACHER * (long_prompts + rewrites)
    assert found["writing"]["flops"]["shared"] == pytest.approx(writing)
    assert found["training"]["flops"]["shared"] == pytest.approx(training)
    seconds = 2 * STUDENT * (attempts / TABLE.write + prompts / TABLE.read) + 2 * TEACHER * (
        rewrites / TABLE.write + long_prompts / TABLE.read
    )
    assert found["writing"]["gpu_hours"]["shared"] == pytest.approx(seconds / 3600)
    one = 96 * 4 * (2 * STUDENT * (500 / TABLE.write + 200 / TABLE.read)) / 3600
    teacher = 96 * 4 * (2 * TEACHER * (500 / TABLE.write + 200 / TABLE.read)) / 3600
    assert found["exams"]["gpu_hours"]["shared"] == pytest.approx(3 * one + teacher)  # the student twice, one row, the teacher


def test_what_rows_share_is_paid_once_and_charged_to_each(tmp_path):
    found = cost(tmp_path, methods=["forward_kl", "reverse_kl", "trd"])
    writing = found["writing"]["gpu_hours"]
    attempts = 2 * STUDENT * (2e6 / TABLE.write + 2e5 / TABLE.read) / 3600
    assert writing["alone"] - writing["shared"] == pytest.approx(2 * attempts)
    assert found["training"]["gpu_hours"]["alone"] == pytest.approx(found["training"]["gpu_hours"]["shared"])


@pytest.mark.parametrize("hours", [0.5, 4.0])
def test_a_budget_in_hours_is_what_its_row_costs(tmp_path, hours):
    rounds = {**SAID["train"], "rounds": {"count": "until-budget", "problems": 100}}
    found = cost(tmp_path, budgets={"hours": {"gpu_hours": hours}}, train=rounds)
    prompts = 2 * STUDENT * 100 * 200 / TABLE.read / 3600  # of round 0's own reading, see above
    spent = found["writing"]["gpu_hours"]["shared"] + found["training"]["gpu_hours"]["shared"]
    assert spent == pytest.approx(hours, abs=2 * prompts)


def test_a_filter_halves_what_is_trained_and_nothing_that_is_written(tmp_path):
    whole, failed = cost(tmp_path), cost(tmp_path, methods=[{"method": "trd", "keep": "Failed"}])
    assert failed["writing"] == whole["writing"]
    assert failed["training"]["flops"]["shared"] < whole["training"]["flops"]["shared"]


def test_models_of_unknown_size_are_named_and_left_out(tmp_path):
    pairs = {"p": {**SAID["pairs"]["p"], "teacher": "someone/large@unpinned"}}
    found = cost(tmp_path, pairs=pairs)
    assert found["unsized"] == ["someone/large"]
    assert found["writing"]["flops"]["shared"] == pytest.approx(2 * STUDENT * 1000 * 2200)
    assert cost(tmp_path)["unsized"] == []


def test_a_budget_that_ends_within_the_first_round_pays_for_its_share_of_training(tmp_path):
    whole, half = cost(tmp_path), cost(tmp_path, budgets={"half": {"updates": 5}})  # of ten that an epoch has
    assert half["writing"] == whole["writing"]
    assert half["training"]["flops"]["shared"] == pytest.approx(whole["training"]["flops"]["shared"] / 2)

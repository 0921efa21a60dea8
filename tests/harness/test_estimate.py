"""What a plan says it will cost, against arithmetic written out by hand."""

from __future__ import annotations

import pytest
import yaml

from harness.costs import TABLE, Size
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
    """1,000 attempts and rewrites of 2,000 tokens each, half of max_tokens; prompts of 200, those for rewriting of 2,200."""
    found = cost(tmp_path)
    student, teacher = Size.of(STUDENT, 28, 16, 8, 128), Size.of(TEACHER, 36, 32, 8, 128)

    def attention(size: Size, *spans: tuple[int, int]) -> float:
        return 4 * size.attention * 1000 * sum(start * count + count**2 / 2 for start, count in spans)

    writing = 2 * STUDENT * 2.2e6 + attention(student, (0, 200), (200, 2000))
    writing += 2 * TEACHER * (2e6 + 2.2e6) + attention(teacher, (0, 2200), (2200, 2000))
    assert found["writing"]["flops"]["shared"] == pytest.approx(writing)
    training = 4 * STUDENT * 2.2e6 + 3 * attention(student, (0, 2200)) + 2 * TEACHER * 4.2e6 + attention(teacher, (0, 4200))
    assert found["training"]["flops"]["shared"] == pytest.approx(training)

    def sitting(size: Size) -> float:
        """Seconds of 96 × 4 answers of 500 tokens."""
        context = 200 * 500 + 500**2 / 2
        batch = min(256, (TABLE.room - 2 * size.parameters) / (size.cache * context / 500))
        fetched = 500 * 2 * size.parameters / batch + size.cache * context
        reading = 2 * size.parameters * 200 + 4 * size.attention * 200**2 / 2
        return 96 * 4 * (fetched / TABLE.fetch + reading / TABLE.read)

    hours = (3 * sitting(student) + sitting(teacher)) / 3600  # the student twice, one row, the teacher
    assert found["exams"]["gpu_hours"]["shared"] == pytest.approx(hours)


def test_what_rows_share_is_paid_once_and_charged_to_each(tmp_path):
    found = cost(tmp_path, methods=["forward_kl", "reverse_kl", "trd"])
    writing = found["writing"]["gpu_hours"]
    attempts = cost(tmp_path, methods=["forward_kl"])["writing"]["gpu_hours"]["shared"]
    assert writing["alone"] - writing["shared"] == pytest.approx(2 * attempts)
    assert found["training"]["gpu_hours"]["alone"] == pytest.approx(found["training"]["gpu_hours"]["shared"])


@pytest.mark.parametrize("hours", [0.5, 4.0])
def test_a_budget_in_hours_is_what_its_row_costs(tmp_path, hours):
    rounds = {**SAID["train"], "rounds": {"count": "until-budget", "problems": 100}}
    found = cost(tmp_path, budgets={"hours": {"gpu_hours": hours}}, train=rounds)
    spent = found["writing"]["gpu_hours"]["shared"] + found["training"]["gpu_hours"]["shared"]
    assert spent == pytest.approx(hours)


def test_a_filter_halves_what_is_trained_and_nothing_that_is_written(tmp_path):
    whole, failed = cost(tmp_path), cost(tmp_path, methods=[{"method": "trd", "keep": "Failed"}])
    assert failed["writing"] == whole["writing"]
    assert failed["training"]["flops"]["shared"] < whole["training"]["flops"]["shared"]


def test_models_of_unknown_size_are_named_and_left_out(tmp_path):
    pairs = {"p": {**SAID["pairs"]["p"], "teacher": "someone/large@unpinned"}}
    found = cost(tmp_path, pairs=pairs)
    assert found["unsized"] == ["someone/large"]
    assert found["writing"]["flops"]["shared"] == pytest.approx(cost(tmp_path, methods=["forward_kl"])["writing"]["flops"]["shared"])
    assert cost(tmp_path)["unsized"] == []


def test_a_budget_that_ends_within_the_first_round_pays_for_its_share_of_training(tmp_path):
    whole, half = cost(tmp_path), cost(tmp_path, budgets={"half": {"updates": 5}})  # of ten that an epoch has
    assert half["writing"] == whole["writing"]
    assert half["training"]["flops"]["shared"] == pytest.approx(whole["training"]["flops"]["shared"] / 2)

"""harness compare: rows matched by pair, budget, label and seed; unlike sittings apart; files, folders, and what they lack."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from harness.cli import main
from harness.results import AvgAt, ExamScore, Result, write_result


def row(label, seed, counts, protocol="p@1", problems_hash="h", budget="steps", pair="small", **more) -> Result:
    scores = {
        exam: ExamScore(
            problems=len(correct), samples=8, problems_hash=problems_hash, graded=(8,) * len(correct), correct=tuple(correct),
            avg_at=AvgAt(k=8, value=None, stderr=None), pass_at={}, protocol=protocol,
        )
        for exam, correct in counts.items()
    }  # fmt: skip
    return Result(suite="s", pair=pair, label=label, role="method", seed=seed, budget=budget, status="done", scores=scores, **more)


def draw(seed, level=0.5, problems=20):
    return np.random.default_rng(seed).binomial(8, level, problems).tolist()


@pytest.fixture
def folders(tmp_path):
    for name, lead in (("a", 0.0), ("b", 0.2)):
        for label in ("one", "two"):
            for seed in range(3 if label == "one" else 1):
                write_result(tmp_path / name, row(label, seed, {"easy": draw(seed, 0.5 + lead), "hard": draw(seed + 9, 0.1 + lead)}))
    write_result(tmp_path / "b", row("three", 0, {"easy": draw(4)}))
    return tmp_path / "a", tmp_path / "b"


def compare(capsys, *args) -> dict:
    assert main(["compare", *map(str, args), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_differences_are_paired_on_problems_and_seeds(folders, capsys):
    found = compare(capsys, *folders)
    assert [(each["label"], each["exam"]) for each in found["contrasts"]] == [
        ("one", "easy"),
        ("one", "hard"),
        ("two", "easy"),
        ("two", "hard"),
    ]
    assert (found["only_a"], found["only_b"]) == ([], ["small · steps · three"])
    gap = (np.array(draw(0, 0.7)) - draw(0, 0.5)) / 8
    two = found["contrasts"][2]
    assert two["delta"]["value"] == pytest.approx(gap.mean())
    assert two["delta"]["interval95"] == pytest.approx(list(stats.ttest_1samp(gap, 0).confidence_interval()))
    assert "one seed" in two["note"]
    one = found["contrasts"][0]
    assert one["delta"]["seeds"] == 3 and one["note"] is None
    assert one["delta"]["value"] == pytest.approx(np.mean([np.mean(np.array(draw(seed, 0.7)) - draw(seed, 0.5)) / 8 for seed in range(3)]))
    back = compare(capsys, *reversed(folders))["contrasts"][0]["delta"]
    assert back["value"] == pytest.approx(-one["delta"]["value"]) and back["stderr"] == pytest.approx(one["delta"]["stderr"])


def test_two_files_of_one_row_are_compared_whatever_they_are_called(folders, capsys):
    one, two = (next(Path(folders[0]).rglob(f"{label}.seed0.json")) for label in ("one", "two"))
    (first, _) = compare(capsys, one, two)["contrasts"]
    assert first["label"] == "one → two" and first["delta"]["value"] == 0.0


def test_means_are_of_the_seeds_that_both_have(tmp_path, capsys):
    for name, seeds in (("a", (0, 1, 2)), ("b", (1, 2, 3))):
        for seed in seeds:
            write_result(tmp_path / name, row("one", seed, {"easy": draw(seed)}))
    (found,) = compare(capsys, tmp_path / "a", tmp_path / "b")["contrasts"]
    assert found["a"]["value"] == found["b"]["value"] == pytest.approx(np.mean([draw(1), draw(2)]) / 8)
    assert found["delta"]["seeds"] == 2 and "2 seeds" in found["note"]


def test_unlike_sittings_are_not_compared_unless_told_to(tmp_path, capsys):
    a, b = tmp_path / "a", tmp_path / "b"
    write_result(a, row("one", 0, {"easy": draw(0)}))
    write_result(b, row("one", 0, {"easy": draw(1)}, protocol="p@2"))
    (found,) = compare(capsys, a, b)["contrasts"]
    assert found["delta"] is None and found["note"] == "protocols differ: p@1 and p@2"
    (found,) = compare(capsys, a, b, "--allow-mixed")["contrasts"]
    assert found["delta"]["value"] == pytest.approx(np.mean(np.array(draw(1)) - draw(0)) / 8) and "protocols differ" in found["note"]
    write_result(b, row("one", 0, {"easy": draw(1)}, problems_hash="other"))
    (found,) = compare(capsys, a, b, "--allow-mixed")["contrasts"]
    assert found["delta"] is None and found["note"].startswith("other problems")


def test_nothing_in_common_is_a_fault(tmp_path, capsys):
    write_result(tmp_path / "a", row("one", 0, {"easy": draw(0)}))
    write_result(tmp_path / "a", row("two", 0, {"easy": draw(0)}))
    write_result(tmp_path / "b", row("three", 0, {"easy": draw(0)}))
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert "no row in common" in capsys.readouterr().err
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_the_table_fits_a_terminal(folders, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["compare", *map(str, folders)]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 100
    assert "B − A" in said and "in B alone: small · steps · three" in said

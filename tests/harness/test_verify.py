"""harness verify: a run as it was left matches in every number; whatever is changed afterwards is named, by row and place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.cli import main
from harness.collect import cell
from harness.plan import Exam
from harness.results import Result, read_result, write_result
from harness.step import digest
from harness.store import file_hash

EXAM = "tiny-exam"


class Tampering:
    """A forger with an editor who knows our formats, and makes every hash that he can make."""

    def __init__(self, home: Path) -> None:
        self.home, self.store = home, home / "store"

    def file(self, label: str) -> Path:
        (path,) = (self.home / "results" / "smoke" / "tiny").glob(f"{label}.*json")
        return path

    def row(self, label: str, change: Callable[[dict], None]) -> None:
        data = json.loads(self.file(label).read_text())
        change(data)
        self.file(label).write_text(json.dumps(data))

    def steps(self, label: str) -> dict[str, str]:
        """The steps of the exam: its score, its problems, its first rollouts and the verdicts on them."""
        score = read_result(self.file(label)).steps[f"score/{EXAM}"]
        inputs = json.loads((self.store / score / "record.json").read_text())["step"]["inputs"]
        return {"score": score, "problems": inputs["problems"], "rollouts": inputs["rollouts/0"], "grades": inputs["grades/0"]}

    def record(self, address: str, change: Callable[[dict], None]) -> None:
        path = self.store / address / "record.json"
        data = json.loads(path.read_text())
        del data["sha256"]
        change(data)
        path.write_text(json.dumps({**data, "sha256": digest(data)}))

    def rows(self, address: str, name: str, change: Callable[[list[dict]], list[dict]]) -> None:
        """Rewrite a table of a step, and its hash with it."""
        record = json.loads((self.store / address / "record.json").read_text())
        file = self.store / address / record["attempt"] / name
        table = pq.read_table(file)
        pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), table.schema), file)
        self.record(address, lambda data: data["files"].update({name: {"sha256": file_hash(file), "bytes": file.stat().st_size}}))


def first_wrong(rows: list[dict]) -> int:
    return next(place for place, row in enumerate(rows) if row["verdict"] == "wrong")


def flipped(rows: list[dict]) -> list[dict]:
    rows[first_wrong(rows)]["verdict"] = "correct"
    return rows


def doubled(rows: list[dict]) -> list[dict]:
    return [*rows, next(row for row in rows if row["verdict"] == "correct")]


def without_wrong(rows: list[dict]) -> list[dict]:
    del rows[first_wrong(rows)]
    return rows


def shortened(rows: list[dict]) -> list[dict]:
    longest = max(rows, key=lambda row: len(row["response_ids"]))
    longest["response_ids"], longest["logprobs"] = longest["response_ids"][:2], longest["logprobs"][:2]
    return rows


def better(data: dict) -> None:
    """One more right answer, with every figure that follows from it."""
    score = data["scores"][EXAM]
    place = next(place for place, count in enumerate(score["correct"]) if count < score["samples"])
    score["correct"][place] += 1
    score["under_cap"] = {cap: counts for cap, counts in score["under_cap"].items() if int(cap) == max(map(int, score["under_cap"]))}
    score["under_cap"][max(score["under_cap"], key=int)][place] += 1
    data["scores"][EXAM] = score | figures(data, score)


def figures(data: dict, score: dict) -> dict:
    """As the harness itself would derive them."""
    facts = {**score, "votes": {}, "unfinished": [score["unfinished"]], "under_cap": {}}
    exam = Exam(EXAM, None, None, "", (1.0,), "", tuple(map(int, score["pass_at"])), None, {})  # pyright: ignore[reportArgumentType]
    made = cell(facts, exam, "100%", False, {}).model_dump(mode="json")
    return {"avg_at": made["avg_at"], "pass_at": made["pass_at"]}


@pytest.fixture
def tampering(finished_copy) -> Tampering:
    return Tampering(finished_copy)


def verify(home: Path, *more: str, capsys) -> tuple[int, str]:
    code = main(["verify", str(home / "results"), "--store", str(home / "store"), "--processes", "1", *more])
    return code, capsys.readouterr().out


@pytest.mark.slow
def test_every_forgery_is_named_and_nothing_else(tampering, capsys):
    """One a row; the rows that nobody touched are not in the report."""
    of = tampering
    of.row("trd", better)
    of.rows(of.steps("forward_kl")["grades"], "grades.parquet", flipped)
    of.rows(of.steps("opsd")["grades"], "grades.parquet", doubled)
    of.rows(of.steps("opd_sampled")["grades"], "grades.parquet", without_wrong)
    of.rows(of.steps("student_again")["rollouts"], "rollouts.parquet", shortened)
    of.row("trd_self_failed", lambda data: data["steps"].update({f"score/{EXAM}": read_result(of.file("trd")).steps[f"score/{EXAM}"]}))
    of.row("reverse_kl_topk", lambda data: (data["cost"]["charged"].update(flops=1.0), data["diagnostics"].update(lag=0.0)))
    code, said = verify(of.home, capsys=capsys)
    lines = said.splitlines()
    assert code == 1
    found = {label: [line for line in lines if f" · {label} · " in line or f" · {label}: " in line] for label in LABELS}
    assert found["student"] == found["teacher"] == []
    assert (
        "scores.tiny-exam.correct: problem " in found["trd"][0] and "follows from its answers (1 of 32 problems differ)" in found["trd"][0]
    )
    assert "1 of 32 verdicts are not what grading gives" in found["forward_kl"][0] and "the first says correct, and is wrong" in found["forward_kl"][0]  # fmt: skip
    assert any("stand there more than once" in line for line in found["opsd"])
    assert any("answers and verdicts are not of the same samples" in line for line in found["opd_sampled"])
    assert any("scores.tiny-exam.mean_length" in line for line in found["student_again"])
    assert any("answers of another model than the one that the row trained" in line for line in found["trd_self_failed"])
    assert {line.split(": ", 1)[1].split(":")[0] for line in found["reverse_kl_topk"]} == {"cost.charged.flops", "diagnostics.lag"}
    assert lines[-1].startswith("9 rows, ") and lines[-1].endswith(": 7 do not match")


LABELS = (
    "student", "teacher", "student_again", "trd", "forward_kl", "opsd", "opd_sampled", "trd_self_failed", "reverse_kl_topk",
)  # fmt: skip


@pytest.fixture
def alone(tampering) -> Tampering:
    """The untrained student alone: a row of few steps."""
    for path in (tampering.home / "results" / "smoke" / "tiny").iterdir():
        if path.name != "student.json":
            path.unlink()
    return tampering


def other_gold(rows: list[dict]) -> list[dict]:
    for row in rows:
        row["answer"] = "no such answer"
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["seed", "gold", "torn", "gone", "edited", "protocol"])
def test_forgeries_below_a_row(alone, capsys, kind):
    steps = alone.steps("student")
    if kind == "seed":
        alone.record(steps["rollouts"], lambda data: data["step"]["params"]["seeds"].update(seed=77))
        says = f"{steps['rollouts']}: its record is of another step: settings or inputs were changed"
    elif kind == "gold":
        alone.rows(steps["problems"], "problems.parquet", other_gold)
        says = "verdicts are not what grading gives"
    elif kind == "torn":
        file = next((alone.store / steps["rollouts"]).glob("attempt-*/rollouts.parquet"))
        file.write_bytes(file.read_bytes()[:-10])
        says = "is missing or has another size than its record says"
    elif kind == "gone":
        (alone.store / steps["grades"] / "record.json").unlink()
        says = f"{steps['grades']}: "
    elif kind == "edited":
        alone.row("student", lambda data: data["scores"][EXAM]["avg_at"].update(value=0.99))
        says = "scores.tiny-exam.avg_at.value is 0.99, but its counts give"
    else:
        alone.row("student", lambda data: data["scores"][EXAM].update(problems_hash="0" * 16))
        says = "scores.tiny-exam.problems_hash: the row says 0000000000000000, and"
    code, said = verify(alone.home, capsys=capsys)
    assert code == 1 and says in said


@pytest.mark.slow
def test_a_row_without_its_store_is_bad_input(tmp_path, alone, capsys):
    assert main(["verify", str(alone.home / "results"), "--store", str(tmp_path / "nowhere")]) == 2
    assert "there is no such store" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["verify", str(tmp_path / "empty"), "--store", str(alone.store)]) == 2


def test_published_rows_are_verified_too(tmp_path, capsys):
    home = Path(__file__).parents[2] / "results" / "reported" / "topd"
    assert main(["verify", str(home)]) == 0
    assert "every number follows" in capsys.readouterr().out
    rows = [read_result(path) for path in sorted(home.rglob("*.json"))]
    row = next(row for row in rows if row.reported and row.reported.figures)
    data = row.model_dump(mode="json")
    data["reported"]["figures"][0]["marks"] = [{"kind": "unattainable", "detail": "so they say"}]
    write_result(tmp_path, Result.model_validate(data))
    assert main(["verify", str(tmp_path)]) == 1
    assert "its marks must be none; import the table again" in capsys.readouterr().out

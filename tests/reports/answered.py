"""A store with an exam's answers, as a run would have left it: problems, rollouts, grades and a score, written through the store itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from harness.records import Grade, Problem, Rollout, Verdict
from harness.results import AvgAt, ExamScore, Result
from harness.step import Step
from harness.store import Store
from harness.tables import grades_to_bytes, to_bytes

EXAM = "exam"


def byte_tokenizer() -> Tokenizer:
    """One token a byte: whatever a model may have written comes back as it was."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({sign: at for at, sign in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def kept(store: Store, stage: str, params: dict, inputs: dict[str, str], files: dict[str, bytes | str]) -> str:
    step = Step(stage, params, inputs, title=stage)
    with store.claim(step.address):
        attempt = store.attempt(step.address)
        for name, data in files.items():
            (attempt / name).write_bytes(data.encode() if isinstance(data, str) else data)
        store.commit(step, attempt, {}, {}, {})
    return step.address


def answered(
    folder: Path, row: Result, problems: Sequence[Problem], texts: Sequence[Sequence[tuple[str, Verdict]]], exam: str = EXAM
) -> Result:
    """The row, whose answers to each problem are `texts`, in a store at `folder`; with its score and the addresses that lead to them."""
    store, tokenizer = Store(folder), byte_tokenizer()
    weights = kept(store, "pretrain", {"recipe": "bytes"}, {}, {"tokenizer.json": tokenizer.to_str()})
    asked = kept(store, "problems", {"name": exam, "ids": [p.id for p in problems]}, {}, {"problems.parquet": to_bytes(Problem, problems)})
    samples = len(texts[0])
    places = [(problem, sample, *texts[at][sample]) for at, problem in enumerate(problems) for sample in range(samples)]
    rollouts = [
        Rollout(problem.id, sample, (1,), tuple(tokenizer.encode(text).ids), "length" if said.verdict == "unfinished" else "stop", ())
        for problem, sample, text, said in places
    ]
    grades = [Grade(problem.id, sample, said) for problem, sample, _, said in places]
    who = {"path": "bytes", "revision": None, "dtype": "float32"}
    params = {"model": who, "row": [row.label, row.seed or 0], "samples": [0, samples]}
    wrote = kept(store, "generate", params, {"problems": asked, "weights": weights}, {"rollouts.parquet": to_bytes(Rollout, rollouts)})
    judged = kept(
        store, "grade", params, {"problems": asked, "rollouts": wrote, "weights": weights}, {"grades.parquet": grades_to_bytes(grades)}
    )
    score = kept(store, "score", {"row": params["row"]}, {"problems": asked, "grades/0": judged, "rollouts/0": wrote}, {"score.json": "{}"})
    right = tuple(sum(said.correct for _, said in each) for each in texts)
    value = sum(right) / samples / len(problems)
    counts = ExamScore(
        problems=len(problems), samples=samples, problems_hash="p-exam", graded=(samples,) * len(problems), correct=right,
        avg_at=AvgAt(k=samples, value=value, stderr=None), pass_at={}, protocol="made@1",
    )  # fmt: skip
    return row.model_copy(update={"scores": {exam: counts}, "steps": {f"score/{exam}": score}})

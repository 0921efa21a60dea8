"""From the store to rows of results: counts per problem, costs, diagnostics, and why a row is not there."""

from __future__ import annotations

from typing import Any

from harness.grading import UNGRADED
from harness.metrics import avg_at, pass_at
from harness.plan import Exam, Plan, Row, percent
from harness.results import Analysis, Answers, AvgAt, Cost, ExamScore, LmResult, Meters, Provenance, Result
from harness.run import Failure
from harness.spec import Suite
from harness.statistics import stderr
from harness.store import Corrupt, Record, Store


def results(
    suite: Suite, plan: Plan, rows: list[Row], store: Store, failures: dict[str, Failure], provenance: dict[str, Any]
) -> list[Result]:
    return [result(suite, plan, row, store, failures, provenance) for row in rows]


def record_of(store: Store, address: str | None) -> Record | None:
    if address is None:
        return None
    try:
        return store.record(address)
    except Corrupt:
        return None


def result(suite: Suite, plan: Plan, row: Row, store: Store, failures: dict[str, Failure], provenance: dict[str, Any]) -> Result:
    scores, first = {}, None
    for exam in plan.exams:
        for at in exam.at:
            if record := record_of(store, row.steps.get(f"score/{exam.cell(at)}")):
                scores[exam.cell(at)] = cell(record.facts, exam, percent(at), row.again)
                first = first or record
    trained = record_of(store, row.steps.get("train"))
    needed = plan.needed(row.steps.values())
    broken = [failures[address] for address in failures if address in needed]
    complete = all(record_of(store, address) for name, address in row.steps.items() if name.startswith("score/"))
    status = "done" if complete else "failed" if broken else "incomplete"
    reason = None if complete else f"{broken[0].step.title}: {broken[0].reason.text}" if broken else "the run ended before it was done"
    return Result(
        suite=suite.suite,
        pair=row.pair,
        label=row.label,
        method=row.method.name if row.method else None,
        role=row.role,
        seed=row.seed,
        budget=row.budget,
        status=status,
        reason=reason,
        answers=Answers(**row.method.answers, also={name: repr(term) for name, term in row.method.also.items()})
        if row.method
        else Answers(),
        overrides=row.overrides or {},
        scores=scores,
        lm_eval=beside(plan, row, store, failures),
        cost=cost(trained),
        diagnostics=diagnostics(row, store, trained),
        analysis=Analysis(**analysed.facts) if (analysed := record_of(store, row.steps.get("analysis"))) else None,
        ended_by=trained.facts["ended_by"] if trained else None,
        steps=row.steps,
        provenance=Provenance(
            **(made.provenance if (made := trained or first) else provenance)
        ),  # of the run that made it, not of this one
    )


def cell(facts: dict[str, Any], exam: Exam, at: str, again: bool) -> ExamScore:
    """A cell from its counts. What could not be graded leaves the figures undefined rather than wrong."""
    graded, correct, samples = facts["graded"], facts["correct"], facts["samples"]
    whole = min(graded) > 0
    ks = sorted({k for k in (1, 2, 4, 8, 16, 32, 64) if k < samples} | {samples, *exam.passes})
    return ExamScore(
        problems=facts["problems"],
        samples=samples,
        problems_hash=facts["problems_hash"],
        graded=graded,
        correct=correct,
        avg_at=AvgAt(k=samples, value=avg_at(correct, graded) if whole else None, stderr=stderr(correct, graded) if whole else None),
        pass_at={str(k): pass_at(correct, graded, k) if min(graded) >= k else None for k in ks},
        truncated=facts["truncated"],
        ungraded=facts["ungraded"],
        at=at,
        protocol=exam.protocol_again if again else exam.protocol,
    )


def beside(plan: Plan, row: Row, store: Store, failures: dict[str, Failure]) -> dict[str, LmResult]:
    """What lm-eval's tasks said, by column. A tag, or a group without figures of its own, gives one for each of its tasks."""
    found: dict[str, LmResult] = {}
    for task, at in ((each, at) for each in plan.tasks for at in each.at):
        address = row.steps.get(f"lm_eval/{task.cell(at)}")
        if address is None:
            continue
        asked: dict[str, Any] = {name: task.params[name] for name in ("limit", "chat")} | {"at": percent(at), "protocol": task.protocol}
        if record := record_of(store, address):
            figures: dict[str, Any] = record.facts["figures"]
            for name, said in figures.items():
                column = task.cell(at) if list(figures) == [task.params["task"]] else f"{task.cell(at)}/{name}"
                found[column] = LmResult(task=name, **said, **asked)
        else:
            broken = [failures[each] for each in failures if each in plan.needed([address])]
            reason = broken[0].reason.text if broken else "the run ended before it was done"
            found[task.cell(at)] = LmResult(task=task.params["task"], num_fewshot=task.params["num_fewshot"], reason=reason, **asked)
    return found


def cost(trained: Record | None) -> Cost:
    if trained is None:
        return Cost()
    charged = {name: value for name, value in trained.facts["spent"].items() if name in Meters.model_fields}
    return Cost(
        charged=Meters(**charged), measured={"seconds": trained.measured["seconds"]}, paid={"cpu_seconds": trained.measured["cpu_seconds"]}
    )


def diagnostics(row: Row, store: Store, trained: Record | None) -> dict[str, float | None]:
    """What one sees beside the score: accuracy and length of what round 0 wrote, lag, the last update's figures."""
    found: dict[str, float | None] = {}
    for name in ("rollouts", "rewrites", "written"):
        records = [record_of(store, address) for key, address in sorted(row.steps.items()) if key.startswith(f"grade/{name}/")]
        if not records or not all(records):
            continue
        total = sum(r.facts["graded"] for r in records if r)
        judged = total - sum(r.facts["verdicts"].get(verdict, 0) for r in records if r for verdict in UNGRADED)
        found[f"{name}_accuracy"] = sum(r.facts["verdicts"].get("correct", 0) for r in records if r) / judged if judged else None
        found[f"{name}_mean_length"] = sum(r.facts["mean_length"] * r.facts["graded"] for r in records if r) / total
        found[f"{name}_truncated_share"] = sum(r.facts["truncated"] for r in records if r) / total
    if trained is None:
        return found
    inputs = trained.step["inputs"]
    if selected := record_of(store, inputs["problems"]):
        found["dropped"] = sum(selected.facts["dropped"].values())
        found["answer_for_solution"] = selected.facts["answer_for_solution"]
    corpus = trained.facts["corpus"]
    found["kept_share"] = corpus["kept"] / max(1, corpus["trajectories"])
    found["masked_share"] = corpus["masked"] / max(1, corpus["tokens"])
    found |= {name: corpus[name] for name in ("over_teacher_prompt", "ungraded")}
    if built := record_of(store, inputs["trajectories/main"]):
        found["unknown_texts"] = len(built.facts["unknown_texts"])
    found["lag"] = trained.facts["lag"]
    found["sampler_gap"] = trained.facts.get("sampler_gap")
    for name in ("objective", "kl_forward", "kl_reverse", "student_entropy", "teacher_entropy", "same_top", "gradient_norm"):
        if name in trained.facts["last"]:
            found[f"last_{name}"] = trained.facts["last"][name]
    return found

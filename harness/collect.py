"""From the store to rows of results: counts per problem, costs, diagnostics, and why a row is not there."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from harness import catalogue
from harness.grading import UNGRADED
from harness.metrics import avg_at, pass_at
from harness.overlaps import seen
from harness.plan import Exam, Plan, Row, percent
from harness.results import Analysis, Answers, Audit, AvgAt, Cost, ExamScore, LmResult, Meters, Overlap, Provenance, Result
from harness.run import Failure
from harness.spec import Suite
from harness.statistics import stderr
from harness.store import Corrupt, Record, Store

NAMED = 5  # so many places of a disagreement are kept


def results(
    suite: Suite, plan: Plan, rows: list[Row], store: Store, failures: dict[str, Failure], provenance: dict[str, Any]
) -> list[Result]:
    found = seen(plan, store)
    overlaps = {exam: Overlap(exact=each.exact, near=each.near, declared=each.declared) for exam, each in found.items()}
    return [result(suite, plan, row, store, failures, provenance, overlaps) for row in rows]


def older(exam: Exam, student: str) -> bool:
    """Whether the exam was public in a month before the student's model was, as far as both catalogues tell."""
    name, date = student.partition("@")[0], exam.problems.entry.get("date")
    released = catalogue.model(name).get("date") if name in catalogue.names("models") else None
    return bool(date and released) and str(date)[:7] < str(released)[:7]


def record_of(store: Store, address: str | None) -> Record | None:
    if address is None:
        return None
    try:
        return store.record(address)
    except Corrupt:
        return None


def result(
    suite: Suite,
    plan: Plan,
    row: Row,
    store: Store,
    failures: dict[str, Failure],
    provenance: dict[str, Any],
    overlaps: dict[str, Overlap],
) -> Result:
    scores, first = {}, None
    mode = suite.pairs[row.pair].modes.student  # what a column's hash says, for all rows of a pair
    for exam in plan.exams:
        for at in exam.at:
            if record := record_of(store, row.steps.get(f"score/{exam.cell(at)}")):
                graded = grading(store, record, record_of(store, row.steps.get(f"audit/{exam.cell(at)}")))
                scores[exam.cell(at)] = cell(record.facts, exam.in_mode(mode), percent(at), row.again, graded).model_copy(
                    update={"overlap": overlaps.get(exam.name), "older_than_model": older(exam, suite.pairs[row.pair].student)}
                )
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
            **({key: said for key, said in made.provenance.items() if key != "local"} if (made := trained or first) else provenance)
        ),  # of the run that made it, not of this one
    )


def grading(store: Store, score: Record, audit: Record | None) -> dict[str, Any]:
    """Who graded the answers of a score, where programs were run, and what other graders said of the same answers."""
    inputs = [address for role, address in sorted(score.step["inputs"].items()) if role.startswith("grades/")]
    records = [record for address in inputs if (record := record_of(store, address))]
    graders = {f"{name} {version}" for record in records for name, version in record.step["params"]["grader"].items()}
    rungs = {record.facts["sandbox"] for record in records if record.facts.get("sandbox")}
    return {
        "grader": ", ".join(sorted(graders)) or None,
        "sandbox": "none" if "none" in rungs else ", ".join(sorted(rungs)) or None,
        "audit": Audit.model_validate(audit.facts["audit"]) if audit else None,
    }


def cell(facts: dict[str, Any], exam: Exam, at: str, again: bool, graded_by: dict[str, Any]) -> ExamScore:
    """A cell from its counts. Where an answer is missing or could not be graded, the figures are undefined rather than wrong."""
    graded, correct, samples = facts["graded"], facts["correct"], facts["samples"]
    whole = min(graded) == samples
    ks = sorted({k for k in (1, 2, 4, 8, 16, 32, 64) if k < samples} | {samples, *exam.passes})
    return ExamScore(
        problems=facts["problems"],
        samples=samples,
        problems_hash=facts["problems_hash"],
        graded=graded,
        correct=correct,
        avg_at=AvgAt(k=samples, value=avg_at(correct, graded) if whole else None, stderr=stderr(correct, graded) if whole else None),
        pass_at={str(k): pass_at(correct, graded, k) if whole else None for k in ks},
        maj_at={k: fmean(parts) if whole else None for k, parts in facts["votes"].items()},
        truncated=facts["truncated"],
        ungraded=facts["ungraded"],
        missing=facts["missing"],
        missing_first=tuple(facts["missing_first"]),
        unfinished=sum(facts["unfinished"]),
        verdicts=facts["verdicts"],
        mean_length=facts["mean_length"],
        under_cap={cap: tuple(counts) for cap, counts in facts["under_cap"].items()},
        at=at,
        protocol=exam.protocol_again if again else exam.protocol,
        **graded_by,
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


def diagnostics(row: Row | Result, store: Store, trained: Record | None) -> dict[str, float | None]:
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
    if analysed := record_of(store, row.steps.get("analysis")):
        for what in ("sampled", "ranking"):
            found |= {f"{what}_{name}": value for name, value in (analysed.facts[what] or {}).items() if not isinstance(value, str)}
    found["lag"] = trained.facts["lag"]
    found["sampler_gap"] = trained.facts.get("sampler_gap")
    for name in ("objective", "kl_forward", "kl_reverse", "student_entropy", "teacher_entropy", "same_top", "gradient_norm"):
        if name in trained.facts["last"]:
            found[f"last_{name}"] = trained.facts["last"][name]
    return found

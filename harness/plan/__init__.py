"""Suite → steps. Needs neither torch nor a GPU, and takes well under a second."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.grading import GRADERS
from harness.lm_eval_tasks import local_task
from harness.plan.estimate import unsized
from harness.plan.identity import files_hash, source_identity
from harness.plan.nouns import Exam, LmTask, Model, Plan, Role, Row, Sitting, percent
from harness.plan.planner import Planner
from harness.protocols import MODES
from harness.sampling.available import LM_EVAL
from harness.spec import EvalGroup, SamplingSpec, Suite
from harness.step import Step, digest

__all__ = ["Exam", "LmTask", "Plan", "Row", "percent", "plan", "summary"]


def second_seed(suite: Suite) -> int:
    """Of the second sitting of the untrained student: what two sittings differ by, no training explains."""
    return suite.seeds.exam + 1_000_003


def exams_of(suite: Suite) -> tuple[Exam, ...]:
    """The columns, in the suite's order. One that two groups ask for in different ways is named by its hash, too."""
    mode = next(iter(suite.pairs.values())).modes.student
    found = []
    for group in suite.evaluate:
        for benchmark in group.benchmarks:
            problems, name = suite.exam_set(group, benchmark), suite.exam_grader(group, benchmark)
            modes = {each: sitting(suite, group, benchmark, each) for each in MODES}
            metrics = [metric.partition("@") for metric in suite.exam_metrics(group, benchmark)]
            passes, votes = (tuple(int(k) for metric, _, k in metrics if metric == wanted) for wanted in ("pass", "maj"))
            exam = Exam(
                name=problems.name,
                benchmark=benchmark,
                **vars(modes[mode]),
                at=tuple(group.at),
                passes=passes,
                votes=votes,
                problems=problems,
                grader={name: GRADERS[name]},
                audit=tuple(group.audit),
                declared=suite.declared(problems),
                modes=modes,
            )
            found.append(exam)
    twice = {exam.name for exam in found if [e.name for e in found].count(exam.name) > 1}
    return tuple(replace(exam, name=f"{exam.name} ({exam.protocol})") if exam.name in twice else exam for exam in found)


def sitting(suite: Suite, group: EvalGroup, benchmark: Any, mode: str) -> Sitting:
    """An exam in one mode, and the hash of all that a number on it depends on beside who sat it."""
    name, manner = suite.exam_grader(group, benchmark), suite.exam_manner(group, benchmark, mode)
    said = {
        "sampling": vars(manner.sampling),
        "prompt_limit": manner.prompt_limit,
        "grader": {name: GRADERS[name]},
        "problems": source_identity(suite.exam_set(group, benchmark))[0],
        "mode": mode,
    }
    first, again = (f"{group.protocol or 'own'}@{digest({**said, 'seed': seed})[:8]}" for seed in (suite.seeds.exam, second_seed(suite)))
    return Sitting(SamplingSpec(**vars(manner.sampling)), first, again, manner.prompt_limit)


def lm_tasks_of(suite: Suite) -> tuple[LmTask, ...]:
    """The tasks of lm-eval. One that is asked for in several ways is named with its settings."""
    asked = [(task, tuple(group.at)) for group in suite.evaluate for task in group.tasks]
    names = [task.task for task, _ in asked]
    found = []
    for task, at in asked:
        params: dict[str, Any] = {"lm_eval": LM_EVAL, "seed": suite.seeds.exam, **task.model_dump(exclude={"include"})}
        folder = None
        if task.include is not None:
            folder = Path(os.path.abspath(task.include))
            local = local_task(folder, task.task)
            assert local is not None  # checked on loading
            params["files"] = files_hash(folder, local.files)
        name = f"{task.task} ({task.settings})" if names.count(task.task) > 1 and task.settings else task.task
        found.append(LmTask(name, params, f"{task.task}@{digest(params)[:8]}", at, str(folder) if folder else None))
    twice = {task.name for task in found if [t.name for t in found].count(task.name) > 1}
    return tuple(replace(task, name=f"{task.name} ({task.protocol})") if task.name in twice else task for task in found)


def plan(suite: Suite) -> Plan:
    """All steps of a suite, shared ones once, and the rows they serve."""
    planner = Planner(suite)
    exams = tuple(replace(exam, overlap=planner.overlap(exam)) for exam in exams_of(suite))
    tasks = lm_tasks_of(suite)
    rows: list[Row] = []
    for pair, spec in suite.pairs.items():
        cast = {part: planner.model(name, spec.dtype) for part, name in spec.roles.items()}
        student = cast["student"]
        problems = planner.select(pair, spec, cast)
        overlaps = {f"overlap/{exam.name}": exam.overlap for exam in exams}
        fixed: list[tuple[str, Role, Model, int]] = [
            ("student", "student", student, suite.seeds.exam),
            ("student_again", "control", student, second_seed(suite)),
        ]
        if "teacher" in cast:
            fixed.append(("teacher", "teacher", cast["teacher"], suite.seeds.exam))
        for label, role, model, seed in fixed:
            who = "teacher" if role == "teacher" else "student"
            sat = {exam.name: planner.exam(exam, model, spec, who, seed, f"{pair} {label}") for exam in exams}
            scores = {f"{kind}/{name}": address for name, steps in sat.items() for kind, address in steps.items()}
            if role != "control":
                scores |= {f"lm_eval/{task.name}": planner.lm_eval(task, model, spec, who, f"{pair} {label}") for task in tasks}
            rows.append(Row(pair, label, role, scores, again=role == "control"))
        for row in suite.rows:
            role = "control" if row.method.control or row.label in suite.report.controls else "method"
            for budget in suite.budgets:
                for seed in suite.seeds.train:
                    trained = planner.train(pair, spec, row, budget, seed, cast, problems)
                    steps = {**trained, **overlaps}
                    who = f"{pair} {row.label}" + (f" {budget}" if len(suite.budgets) > 1 else "") + f" seed {seed}"
                    for exam in exams:
                        for at in exam.at:
                            title = who if at == max(exam.at) else f"{who} at {percent(at)}"
                            asked = planner.exam(exam, student, spec, "student", suite.seeds.exam, title, steps["train"], f"at-{at:g}")
                            steps |= {f"{kind}/{exam.cell(at)}": address for kind, address in asked.items()}
                    for task in tasks:
                        for at in task.at:
                            title = who if at == max(task.at) else f"{who} at {percent(at)}"
                            steps[f"lm_eval/{task.cell(at)}"] = planner.lm_eval(
                                task, student, spec, "student", title, steps["train"], f"at-{at:g}"
                            )
                    rows.append(Row(pair, row.label, role, steps, row.method, seed, budget, row.overrides))
    models = [planner.model(name, spec.dtype).ref for spec in suite.pairs.values() for name in spec.models if name]
    return Plan(tuple(planner.steps.values()), tuple(rows), exams, tasks, unsized(models))


def summary(plan_: Plan) -> dict[str, Any]:
    """How much the rows share: steps, estimated tokens and modelled cost, together and as if every row ran alone."""
    tokens = {kind: {"shared": 0, "alone": 0} for kind in ("rollout", "teacher", "exam")}
    cost = {part: {meter: {"shared": 0.0, "alone": 0.0} for meter in ("flops", "gpu_hours")} for part in ("writing", "training", "exams")}

    def count(step: Step, how: str) -> None:
        for kind, value in step.tokens.items():
            tokens[kind][how] += value
        part = "training" if step.stage == "train" else "exams" if "exam" in step.tokens else "writing"
        for meter in ("flops", "gpu_hours"):
            cost[part][meter][how] += getattr(step, meter)

    alone = 0
    for step in plan_.steps:
        count(step, "shared")
    for row in plan_.rows:
        needed = plan_.needed(row.steps.values())
        alone += len(needed)
        for address in needed:
            count(plan_.by_address[address], "alone")
    tokens["estimated"] = True  # type: ignore[assignment]
    return {"alone": alone, "shared": len(plan_.steps), "tokens": tokens, "cost": {**cost, "unsized": list(plan_.unsized)}}

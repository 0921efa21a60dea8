"""A suite as a rehearsal: everything that would go wrong in a long run shall go wrong in a short one, before a GPU is asked for.

Suite → Suite, before the plan. Kept as written: pairs, rows and their labels, answers and overrides, kinds of limit, budget and
schedule, temperatures and cuts, exams and the fractions at which they are sat. Small: models, problems, tokens, rounds, batches.
Answers are graded, and then half of them called right by lot: stand-ins solve nothing, and a method may ask for solved problems.
What comes out means nothing, and says so.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import catalogue
from harness.grading import MATH
from harness.lm_eval_tasks import local_task
from harness.records import Fault
from harness.sampling.available import check_engine, check_lm_eval
from harness.seeds import derive
from harness.spec import Budget, EvalGroup, LmEvalTask, PairSpec, Report, SamplingSpec, Suite, Train
from harness.spec.asked import asks_solutions
from harness.spec.model import Lora, RoleSampling
from harness.world.shapes import PREFIX, shape_of

TRAINED_ON, EXAMINED_ON = 8, 3  # problems
TOKENS = 24  # of a response
SAMPLES = 2
ROUNDS, ROUND_PROBLEMS, BATCH, RANK = 2, 4, 4, 4
BYTES = 4  # byte tokens for one token of a large vocabulary, about: limits in tokens of a prompt are raised by it
CHAINS = (3, 4)  # steps of made-up problems

# Limits of budgets. What one update writes or trains on is at most BATCH × TOKENS, so half as much again leaves room for two; what it
# reads follows from prompts, which only loading tells: about 1,000 byte tokens each, through models of some 100,000 weights.
WRITTEN = BATCH * TOKENS * 3 // 2
LIMITS = {
    "updates": 2,
    "epochs": 1.0,
    "rounds": ROUNDS,
    "student_written": WRITTEN,
    "teacher_written": WRITTEN,
    "trained": WRITTEN,
    "teacher_read": 6000,
    "flops": 6.0e9,
    "gpu_hours": 4.0e-9,
}
MOST_UPDATES = 6  # of any row, whatever its budget names

NOTICE = (
    "REHEARSAL: stand-in models with random weights, a handful of problems, few tokens, verdicts by lot. No number here means anything."
)


def rehearsal(suite: Suite, rows: Path | None) -> Suite:
    """The suite with stand-ins for hub models and for data that lies elsewhere, cut to what takes a minute.

    `rows` is a folder of local files in which problem sets are looked for by the name that their entries give; what is not there is
    made up. Raises Fault for a hub model without an entry, and for a local file whose entry cannot be meant.
    """
    cuts = exam_cuts(suite)
    evaluate = tuple(group for each in suite.evaluate for group in (*cut_exams(suite, each, cuts), *cut_tasks(each)))
    return replace(
        suite,
        suite=f"{suite.suite} (rehearsal)",
        seeds=suite.seeds.model_copy(update={"train": suite.seeds.train[:1]}),
        engine=suite.engine if at_hand(suite.engine) else "transformers",
        pairs={name: stand_ins(name, pair) for name, pair in suite.pairs.items()},
        rows=tuple(replace(row, train=cut_train(row.train)) for row in suite.rows),
        train=cut_train(suite.train),
        budgets={name: cut_budget(budget) for name, budget in suite.budgets.items()},
        evaluate=evaluate,
        claims=(),  # verdicts by lot decide none
        report=cut_report(suite.report, min(group.sampling.n for group in evaluate if group.sampling)),
        deviations=(NOTICE, *suite.deviations),
        sets=dict(handfuls(suite, rows)),
        lots=True,  # nothing that a stand-in writes is right, so what goes by verdicts would never be reached
    )


def at_hand(engine: str) -> bool:
    try:
        check_engine(engine)
    except Fault:
        return False
    return True


# Models


def stand_ins(name: str, pair: PairSpec) -> PairSpec:
    return pair.cast({role: stand_in(f"pairs.{name}.{role.replace('/', '.')}", model) for role, model in pair.roles.items()})


def stand_in(place: str, model: str) -> str:
    """The stand-in's name for a model of the hub; a model made here and a local folder stay. Raises Fault."""
    known = catalogue.names("models")
    if Path(model).is_dir() or (model in known and "recipe" in catalogue.model(model)):
        return model
    name = model.partition("@")[0]
    if name not in known:
        raise Fault(
            f"{place}: suites/models.yaml has no entry {name!r}, so nobody knows of what family a stand-in would be. "
            f"Add `{name}:` with what its config says, like the entries that stand there."
        )
    shape_of(name, catalogue.model(name))  # says now what the entry lacks
    return PREFIX + name


# Training


def cut_sampling(sampling: SamplingSpec, tokens: int = TOKENS) -> SamplingSpec:
    return sampling.model_copy(update={"n": min(sampling.n, SAMPLES), "max_tokens": min(sampling.max_tokens, tokens)})


def cut_train(train: Train) -> Train:
    asked = train.sampling
    if isinstance(asked, RoleSampling):
        sampling = asked.model_copy(update={"student": cut_sampling(asked.student), "teacher": cut_sampling(asked.teacher)})
    else:
        sampling = cut_sampling(asked)
    limits = {name: value * BYTES for name, value in train.limits.model_dump().items() if isinstance(value, int)}
    return train.model_copy(
        update={
            "problems": train.problems.model_copy(
                update={"take": TRAINED_ON if train.problems.take == "all" else min(train.problems.take, TRAINED_ON)}
            ),
            "sampling": sampling,
            "limits": train.limits.model_copy(update=limits),
            "rounds": train.rounds.model_copy(
                update={
                    "count": train.rounds.count if train.rounds.count == "until-budget" else min(train.rounds.count, ROUNDS),
                    "problems": train.rounds.problems if train.rounds.problems == "all" else min(train.rounds.problems, ROUND_PROBLEMS),
                }
            ),
            "optim": train.optim.model_copy(update={"batch": min(train.optim.batch, BATCH)}),
            "lora": train.lora and cut_lora(train.lora),
        }
    )


def cut_lora(lora: Lora) -> Lora:
    """A rank that fits narrow layers, at the same scale."""
    rank = min(lora.rank, RANK)
    return lora.model_copy(update={"rank": rank, "alpha": lora.alpha * rank / lora.rank})


def cut_budget(budget: Budget) -> Budget:
    """Every meter that it names, at a limit that some updates reach; and a last limit, for meters that grow more slowly than thought."""
    cut = {meter: LIMITS[meter] if meter == "epochs" else min(value, LIMITS[meter]) for meter, value in budget.limits.items()}
    return Budget(**{"updates": MOST_UPDATES, **cut})


# Exams


def exam_cuts(suite: Suite) -> dict[SamplingSpec, SamplingSpec]:
    """Every way in which exams are sat → the cut one. Two ways stay two: each further one has a token less."""
    ways = dict.fromkeys(way_of(suite, group, benchmark)[0] for group in suite.evaluate for benchmark in group.benchmarks)
    return {way: cut_sampling(way, max(2, TOKENS - number)) for number, way in enumerate(ways)}


def way_of(suite: Suite, group: EvalGroup, benchmark: str | dict[str, Any]) -> tuple[SamplingSpec, str | None]:
    """How the first pair's student sits an exam, and what grader its answers go to where they are of mathematics."""
    grader = suite.exam_grader(group, benchmark)
    mode = next(iter(suite.pairs.values())).modes.student
    return suite.exam_sampling(group, benchmark, mode), grader if grader in MATH else None


def cut_exams(suite: Suite, group: EvalGroup, cuts: dict[SamplingSpec, SamplingSpec]) -> Iterator[EvalGroup]:
    """The group with its sampling written out; one for each stretch of benchmarks that are sat and graded alike."""
    for (way, grader), benchmarks in itertools.groupby(group.benchmarks, lambda benchmark: way_of(suite, group, benchmark)):
        asked = group.metrics and list(dict.fromkeys(cut_metric(metric, cuts[way].n) for metric in group.metrics))
        cut = {"benchmarks": list(benchmarks), "protocol": None, "sampling": cuts[way], "grader": grader, "metrics": asked}
        yield group.model_copy(update=cut)


def cut_tasks(group: EvalGroup) -> Iterator[EvalGroup]:
    """The group with a handful of documents of each task of lm-eval that can be had here; without one, no group."""
    kept = [task.model_copy(update={"limit": min(task.limit or EXAMINED_ON, EXAMINED_ON)}) for task in group.tasks if not missed(task)]
    if kept:
        yield group.model_copy(update={"lm_eval": list(dict.fromkeys(kept))})


def missed(task: LmEvalTask) -> str | None:
    """Why a rehearsal leaves a task of lm-eval out; None where it does not."""
    try:
        check_lm_eval(True)
    except Fault:
        return "lm-eval is not installed as it should be"
    found = task.include and local_task(Path(task.include), task.task)
    if not found:
        return "it is one of lm-eval's own, whose data are on the hub"
    return f"its data set {found.hub} is on the hub" if found.hub else None


def cut_metric(metric: str, most: int) -> str:
    name, at, k = metric.partition("@")
    return f"{name}@{min(int(k), most)}" if at else metric


def cut_report(report: Report, most: int) -> Report:
    primary = report.primary and report.primary.model_copy(update={"metric": cut_metric(report.primary.metric, most)})
    return report.model_copy(update={"primary": primary})


# Problems


def handfuls(suite: Suite, rows: Path | None) -> Iterator[tuple[str, catalogue.ProblemSet]]:
    """What stands for each problem set that the suite names: key of its source → set. The training set is looked at first."""
    solutions = any(asks_solutions(term) for row in suite.rows for term in row.method.terms.values())
    seen = set()
    trained_on = suite.train.problems.set
    for source in (trained_on, *(benchmark for group in suite.evaluate for benchmark in group.benchmarks)):
        if (key := suite.source_key(source)) not in seen:
            seen.add(key)
            trains = key == suite.source_key(trained_on)
            yield key, handful(suite.problem_set(source), rows, trains, trains and solutions)


def handful(found: catalogue.ProblemSet, rows: Path | None, trains: bool, solutions: bool) -> catalogue.ProblemSet:
    """The set itself where it is made here or lies here, else its local form below `rows`, else made-up problems under its name."""
    known = found.listed
    if found.parts:  # half of a handful of each
        parts = tuple((handful(part, rows, trains, solutions), TRAINED_ON // 2) for part, _ in found.parts)
        return replace(found, parts=parts)
    if "hub" in found.entry or "download" in found.entry:
        found = local(found, rows, solutions) or made_up(found, trains)
    return replace(found, entry={**found.entry, "take": EXAMINED_ON, "shortest": True}, listed=known)


def local(found: catalogue.ProblemSet, rows: Path | None, solutions: bool) -> catalogue.ProblemSet | None:
    form = catalogue.local_form(found)
    if not form or rows is None or not (rows / form["file"]).is_file():
        return None
    if solutions and not catalogue.describe(found.name, form).solution:
        return None
    said = {key: value for key, value in form.items() if key not in ("count", "window")}  # a part of the file is as good, here
    try:
        return catalogue.inline_problem_set({**said, "file": str((rows / form["file"]).resolve())})
    except ValueError as fault:
        raise Fault(f"suites/problems.yaml: {found.name}: local: {fault}") from None


def made_up(found: catalogue.ProblemSet, trains: bool) -> catalogue.ProblemSet:
    asked = {
        "count": TRAINED_ON if trains else EXAMINED_ON,
        "seed": derive("rehearsal", found.name),
        "split": "train" if trains else "exam",
        "prefix": found.name,
    }
    made = {"kind": "programs", **asked} if found.domain == "code" else {"kind": "chain", **asked, "steps": list(CHAINS)}
    return catalogue.describe(found.name, {"made": made, "domain": found.domain})


# What is said of it


def said(before: Suite, after: Suite) -> list[str]:
    """What stands for what, a line each."""
    lines = [NOTICE]
    models = {
        model: stand for pair, other in zip(before.pairs.values(), after.pairs.values(), strict=True) for model, stand in both(pair, other)
    }
    lines += [f"  model {model}: {'a stand-in of its family' if stand.startswith(PREFIX) else 'itself'}" for model, stand in models.items()]
    lines += [f"  problems {found.name}: {whence(found.entry)}" for each in after.sets.values() for found in each.members]
    for task in dict.fromkeys(task for group in before.evaluate for task in group.tasks):
        why = missed(task)
        lines.append(
            f"  lm-eval task {task.task}: {f'left out: {why}; the run itself will ask for it' if why else 'some of its documents'}"
        )
    if after.engine != before.engine:
        lines.append(f"  engine {before.engine}: it cannot be had here, so {after.engine} writes; the run itself will ask for it")
    return list(dict.fromkeys(lines))


def both(pair: PairSpec, other: PairSpec) -> Iterable[tuple[str, str]]:
    return zip(pair.models, other.models, strict=True)


def whence(entry: dict[str, Any]) -> str:
    return f"some of {entry['file']}" if "file" in entry else "made up"

"""Tasks of lm-eval: what their groups may say, and that folders of tasks hold what is asked of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.document import Document, did_you_mean, dotted
from harness.lm_eval_tasks import known, local_task
from harness.spec.checks.names import Lines
from harness.spec.model import EvalGroup, LmEvalTask

if TYPE_CHECKING:
    from harness.spec import Suite


def lm_eval(suite: Suite, document: Document) -> Lines:
    asked: dict[LmEvalTask, tuple[str | int, ...]] = {}
    for index, group in enumerate(suite.evaluate):
        place = ("evaluate", index)
        yield from what_it_holds(document, place, group)
        for number, task in enumerate(group.tasks):
            path = (*place, "lm_eval", number)
            if task in asked:
                yield document.fault(
                    path,
                    f"{task.task} is asked for in the same way already, at {dotted(asked[task])}. Take one away; `at` takes several fractions.",
                )
            asked.setdefault(task, path)
            yield from a_task(document, path, task)
    if asked and not any(group.benchmarks for group in suite.evaluate):
        yield document.fault(
            ("evaluate",),
            "tasks of lm-eval stand beside exams and rank nothing, but there is no exam. Add a group with `benchmarks`.",
            at_key=True,
        )


def what_it_holds(document: Document, place: tuple[str | int, ...], group: EvalGroup) -> Lines:
    if not group.lm_eval and not group.benchmarks:
        yield document.fault(place, "says not what is sat. Add `benchmarks`, or `lm_eval` for tasks of lm-eval.")
    if not group.lm_eval:
        return
    if group.benchmarks:
        yield document.fault(
            (*place, "lm_eval"),
            "one group holds benchmarks or tasks of lm-eval, and this has both: they are not sat alike. Make it a group of its own.",
            at_key=True,
        )
        return
    for key in ("protocol", "sampling", "metrics"):
        if getattr(group, key) is not None:
            yield document.fault(
                (*place, key),
                "takes no effect on tasks of lm-eval: each task's own YAML says how it is sat and measured. Take it away; what can be said is "
                "num_fewshot, limit and chat, with the task ({task: …, limit: 100}).",
                at_key=True,
            )


def a_task(document: Document, path: tuple[str | int, ...], task: LmEvalTask) -> Lines:
    if task.include is None:
        if any(sign in task.task for sign in "*/,") or task.task.endswith(".yaml"):
            yield document.fault(
                path,
                f"{task.task!r} is no name of a task. Name each task by itself; one of your own is {{task: NAME, include: FOLDER}}, where FOLDER "
                "holds its YAML.",
            )
        return
    folder = Path(task.include)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        yield document.fault(
            (*path, "include"), f"the folder {task.include} {what}. Name the folder of the task's YAML; it is looked for beside this file."
        )
        return
    found = local_task(folder, task.task)
    if found is None:
        names = known(folder)
        hint = did_you_mean(task.task, names) if names else " No YAML there defines a task; a task's YAML says `task: NAME`."
        yield document.fault((*path, "task"), f"{task.include} has no task {task.task!r}.{hint}")
        return
    for said in found.outside:
        yield document.fault(
            path,
            f"task {task.task} reads {said}, which is not in {task.include}: what it asks would not be known by that folder's content. "
            "Paths are taken from the folder; put the file there, or a link to it.",
        )

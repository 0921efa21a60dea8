"""Make a model on the spot from a recipe: the small world's models come from here, behind the same door as any other."""

from __future__ import annotations

from harness.stages import Job
from harness.world.pretrain import pretrain
from harness.world.recipes import read


def run(job: Job) -> dict:
    facts = pretrain(
        read(job.params["recipe"]),
        job.input("base") if "base" in job.step.inputs else None,
        job.out,
        job.work,
        lambda what, numbers: job.report({"doing": what, "done": numbers.pop("step", 0), **numbers}),
    )
    measured = {"pretrain_cpu_seconds": facts.pop("cpu_seconds", None)}
    return {**facts, "measured": measured}

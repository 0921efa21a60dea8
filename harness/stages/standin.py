"""Make a stand-in for a model of the hub: what a rehearsal runs with, behind the same door as any other model."""

from __future__ import annotations

from harness.stages import Job
from harness.world.shapes import Shape
from harness.world.standin import make


def run(job: Job) -> dict:
    shape = job.params["shape"]
    return make(Shape(**{**shape, "stops": tuple(shape["stops"])}), job.out)

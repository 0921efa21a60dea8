"""A task of lm-eval, sat by a model: what training did elsewhere. Never an input of anything.

It is read with transformers whatever engine the suite names, and as a whole: a killed run sits it again.
"""

from __future__ import annotations

import json
from pathlib import Path

from harness import models
from harness.grading.lm_eval import Asked, sit
from harness.records import ModelRef
from harness.sampling import release
from harness.seeds import derive
from harness.stages import Job
from harness.store import write_atomically


def run(job: Job) -> dict:
    params = job.params
    ref = ModelRef(**params["model"])
    where = models.source(ref, job.made("weights"))
    trained = job.input("trained") / params.get("checkpoint", "") if "trained" in job.step.inputs else None
    asked = Asked(
        task=params["task"],
        folder=Path(job.step.local["include"]) if "include" in job.step.local else None,
        num_fewshot=params["num_fewshot"],
        limit=params["limit"],
        mode=params.get("mode"),
        seed=derive(params["seed"], "lm_eval", params["task"]) % 2**32,  # what numpy takes
    )
    done = 0

    def tell(sequences: int) -> None:
        nonlocal done
        done += sequences
        job.report({"doing": "sit", "done": done})

    release()
    figures, results = sit(asked, models.load(ref, where, trained), models.tokenizer_of(where), tell)
    write_atomically(job.out / "results.json", json.dumps(results, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False).encode())
    return {"figures": figures}

"""One round of one row as steps: who writes on which problems, and what is made of it.

The plan calls it for round 0, whose steps all rows that sample alike share; the train stage calls it for later
rounds, with the student as it then stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from harness.answers import decode
from harness.records import Problem
from harness.seeds import derive, permutation
from harness.step import Step


def sample_ranges(start: int, stop: int) -> list[tuple[int, int]]:
    """[start, stop) cut at 0, 1, 2, 4, 8, …: raising n adds ranges and changes none."""
    cuts = [0, 1]
    while cuts[-1] < stop:
        cuts.append(cuts[-1] * 2)
    edges = sorted({start, stop, *(cut for cut in cuts if start < cut < stop)})
    return list(pairwise(edges))


def round_problems(problems: Sequence[Problem], seed: int, round_: int, size: int | str) -> list[Problem]:
    """The problems of a round: the next `size` of an endless sequence of epochs, each a permutation of its own; none twice in a round."""
    count = len(problems) if size == "all" else min(int(size), len(problems))
    wanted = range(round_ * count, (round_ + 1) * count)
    orders: dict[int, list[int]] = {}
    chosen: dict[int, None] = {}
    for position in wanted:
        epoch, index = divmod(position, len(problems))
        if epoch not in orders:
            orders[epoch] = permutation(derive(seed, "order", epoch), len(problems))
        chosen[orders[epoch][index]] = None
    return [problems[i] for i in chosen]


def generate_step(
    *,
    who: str,
    pair: dict[str, Any],
    reads: Any,
    sampling: dict[str, Any],
    samples: tuple[int, int],
    seeds: dict[str, Any],
    problems: dict[str, Any],
    inputs: dict[str, str],
    engine: str,
    checkpoint: str | None = None,
    **notes: Any,
) -> Step:
    """A model writes samples [a, b) on some problems. `who` is student or teacher; `inputs` holds problems, weights, trained?, attempts?;
    `checkpoint` names which of the weights that `trained` left."""
    params = {
        "model": pair[who],
        "mode": pair["modes"][who],
        "reads": reads,
        "text": reads.text,
        "sampling": {key: value for key, value in sampling.items() if key != "n"},
        "samples": list(samples),
        "seeds": seeds,
        "problems": problems,
        "engine": engine,
    }
    if checkpoint:
        params["checkpoint"] = checkpoint
    return Step("generate", params, inputs, **notes)


def round_steps(
    params: dict[str, Any], inputs: dict[str, str], local: dict[str, str], round_: int, trained: str | None, tokens: int = 0
) -> tuple[list[Step], dict[str, str]]:
    """The steps of one round, in an order that can be carried out, and the address of each term's trajectories.

    `params` and `inputs` are the train step's; `trained` is the address of the student as it stands, None for the untrained one;
    `tokens` is an estimate for one sample of every problem of the round.
    """
    from methods.parts.contexts import Plain

    steps: list[Step] = []
    trajectories: dict[str, str] = {}
    weights = {who: {"weights": inputs[who]} if who in inputs else {} for who in ("student", "teacher")}
    places = {who: {"weights": local[who]} if who in local else {} for who in ("student", "teacher")}
    problems = {"seed": params["seed"], "round": round_, "size": params["rounds"]["problems"]}
    frozen = params["frozen_teacher"]
    for name, data in params["terms"].items():
        term = decode(data)
        written: dict[str, dict[int, str]] = {}
        sampling = params["sampling"]
        for act in term.writer.acts(term.reads.needs_attempt):
            source = "student" if act.by == "student" or name in frozen else "teacher"
            reads = term.reads if act.reads == "method" else Plain()
            own = {"trained": trained} if act.by == "student" and trained else {}
            for start, stop in sample_ranges(0, sampling[name][act.by]["n"]):
                attempts = {"attempts": written["student"][start]} if reads.needs_attempt else {}
                step = generate_step(
                    who=source,
                    pair=params["pair"],
                    reads=reads,
                    sampling=sampling[name][act.by],
                    samples=(start, stop),
                    seeds={"seed": params["seed"], "purpose": f"train/{act.by}", "round": round_},
                    problems=problems,
                    inputs={"problems": inputs["problems"], **weights[source], **own, **attempts},
                    engine=params["engine"],
                    title=f"{'rewrite' if reads.needs_attempt else 'rollout'} · {act.by} · round {round_} · samples {start}-{stop}",
                    weight=tokens * (stop - start) / 6000,
                    tokens={"rollout" if act.by == "student" else "teacher": tokens * (stop - start)},
                    local=places[source],
                )
                steps.append(step)
                written.setdefault(act.by, {})[start] = step.address
        last = term.writer.acts(term.reads.needs_attempt)[-1].by
        scorer = "student" if name in frozen else "teacher"
        construct = Step(
            "construct",
            {
                "term": name,
                "reads": term.reads,
                "text": term.reads.text,
                "writer": last,
                "scored": name not in params["unscored"],
                "modes": {"student": params["pair"]["modes"]["student"], "teacher": params["pair"]["modes"][scorer]},
                "models": {"student": params["pair"]["student"], "teacher": params["pair"][scorer] or params["pair"]["student"]},
                "limits": params["limits"],
            },
            {
                "problems": inputs["problems"],
                **({"student": inputs["student"]} if "student" in inputs else {}),
                **({"teacher": inputs[scorer]} if scorer in inputs else {}),
                **{f"rollouts/{start}": address for start, address in written[last].items()},
                **(
                    {f"attempts/{start}": address for start, address in written["student"].items()}
                    if "student" in written and last == "teacher"
                    else {}
                ),
            },
            title=f"trajectories · {last} writes, teacher reads {term.reads!r} · round {round_}",
            weight=1.0,
            local={"student": local.get("student", ""), "teacher": local.get(scorer, "")} if local else {},
        )
        steps.append(construct)
        trajectories[name] = construct.address
    return list({step.address: step for step in steps}.values()), trajectories

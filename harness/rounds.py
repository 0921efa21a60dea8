"""One round of one row as steps: who writes on which problems, and what is made of it.

The plan calls it for round 0, whose steps all rows that sample alike share; the train stage calls it for later
rounds, with the student as it then stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from harness.answers import decode
from harness.records import Problem
from harness.seeds import derive, permutation
from harness.step import Step
from methods.method import Term
from methods.parts.contexts import Plain


def sample_ranges(start: int, stop: int) -> list[tuple[int, int]]:
    """[start, stop) cut at 0, 1, 2, 4, 8, …: raising n from a power of two adds ranges and changes none.

    From another n it changes the last: [8, 12) is written again as a part of [8, 16).
    """
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


def grade_step(written: Step, problems: str, grader: dict[str, int], golds: str, title: str) -> Step:
    """Verdicts on what a generate step wrote, read with the tokenizer of the model that wrote it. `golds`: "all" must be readable, or "any"."""
    weights = {"weights": written.inputs["weights"]} if "weights" in written.inputs else {}
    params = {"grader": grader, "golds": golds, "model": written.params["model"]}
    inputs = {"problems": problems, "rollouts": written.address, **weights}
    return Step("grade", params, inputs, title=title, weight=0.1, local=written.local)


@dataclass(frozen=True)
class Round:
    """One round of one row. `params`, `inputs` and `local` are the train step's; `trained` is the address of the student as it stands,
    None for the untrained one; `tokens` estimates one sample of every problem of the round."""

    params: dict[str, Any]
    inputs: dict[str, str]
    local: dict[str, str]
    number: int
    trained: str | None = None
    tokens: int = 0

    @property
    def title(self) -> str:
        return f"round {self.number} · seed {self.params['seed']}"

    def named(self, source: str) -> str:
        """The model that plays a part, by its short name."""
        return self.params["pair"][source]["path"].rpartition("/")[2]

    def role(self, term: str, speaker: str) -> str:
        """Whose weights speak as `speaker` in a term: a frozen teacher is the untrained student."""
        return "student" if speaker == "student" or term in self.params["frozen_teacher"] else "teacher"

    def write(self, name: str, term: Term) -> tuple[list[Step], dict[str, dict[int, str]]]:
        """The acts of a term: steps, and who wrote which samples at which address."""
        steps: list[Step] = []
        written: dict[str, dict[int, str]] = {}
        for act in term.writer.acts(term.reads.needs_attempt):
            source = self.role(name, act.by)
            reads = term.reads if act.reads == "method" else Plain()
            sampling = self.params["sampling"][name][act.by]
            inputs = {"problems": self.inputs["problems"]}
            if source in self.inputs:
                inputs["weights"] = self.inputs[source]
            if act.by == "student" and self.trained:
                inputs["trained"] = self.trained
            for start, stop in sample_ranges(0, sampling["n"]):
                step = generate_step(
                    who=source,
                    pair=self.params["pair"],
                    reads=reads,
                    sampling=sampling,
                    samples=(start, stop),
                    seeds={"seed": self.params["seed"], "purpose": f"train/{act.by}", "round": self.number},
                    problems={"seed": self.params["seed"], "round": self.number, "size": self.params["rounds"]["problems"]},
                    inputs={**inputs, **({"attempts": written["student"][start]} if reads.needs_attempt else {})},
                    engine=self.params["engine"],
                    title=f"{'rewrite' if reads.needs_attempt else 'rollout'} · {act.by} · {self.title} · samples {start}-{stop} · {self.named(source)}",
                    weight=self.tokens * (stop - start) / 6000,
                    tokens={"rollout" if act.by == "student" else "teacher": self.tokens * (stop - start)},
                    local={"weights": self.local[source]} if source in self.local else {},
                )
                steps.append(step)
                written.setdefault(act.by, {})[start] = step.address
        return steps, written

    def grades(self, term: Term, writing: list[Step], written: dict[str, dict[int, str]]) -> tuple[list[Step], dict[str, str]]:
        """Verdicts where `keep` asks for them, and under which role each is an input: the only grades that training depends on."""
        made = {step.address: step for step in writing}
        steps, inputs = [], {}
        for whose in term.keep.needs:
            by = "student" if whose == "attempt" else term.writer.acts(term.reads.needs_attempt)[-1].by
            for start, address in written[by].items():
                step = grade_step(made[address], self.inputs["problems"], self.params["grader"], "any", f"grade · {made[address].title}")
                steps.append(step)
                inputs[f"{whose}_grades/{start}"] = step.address
        return steps, inputs

    def construct(self, name: str, term: Term, written: dict[str, dict[int, str]], grades: dict[str, str], paid: list[str]) -> Step:
        """What the term trains on: the last act's responses under both readings. `paid`: writing that an earlier term is charged for."""
        last = term.writer.acts(term.reads.needs_attempt)[-1].by
        scorer, pair = self.role(name, "teacher"), self.params["pair"]
        inputs = {"problems": self.inputs["problems"]}
        inputs |= {who: self.inputs[source] for who, source in (("student", "student"), ("teacher", scorer)) if source in self.inputs}
        inputs |= {f"rollouts/{start}": address for start, address in written[last].items()}
        if last == "teacher":
            inputs |= {f"attempts/{start}": address for start, address in written.get("student", {}).items()}
        inputs |= grades
        params = {
            "term": name,
            "tokens": term.tokens,
            "keep": term.keep,
            "reads": term.reads,
            "text": term.reads.text,
            "writer": last,
            "scored": name not in self.params["unscored"],
            "modes": {"student": pair["modes"]["student"], "teacher": pair["modes"][scorer]},
            "models": {"student": pair["student"], "teacher": pair[scorer] or pair["student"]},
            "limits": self.params["limits"],
            **({"paid": paid} if paid else {}),
        }
        local = {"student": self.local.get("student", ""), "teacher": self.local.get(scorer, "")} if self.local else {}
        kept = f", {term.keep!r}" if term.keep.needs else ""
        title = f"trajectories · {last} writes, teacher reads {term.reads!r}{kept} · {self.title} · {self.named('student')}"
        return Step("construct", params, inputs, title=title, local=local)

    def steps(self) -> tuple[list[Step], dict[str, str]]:
        """All steps, in an order that can be carried out, and the address of each term's trajectories."""
        found: dict[str, Step] = {}
        trajectories: dict[str, str] = {}
        charged: set[str] = set()
        for name, data in self.params["terms"].items():
            term = decode(data)
            writing, written = self.write(name, term)
            grading, grades = self.grades(term, writing, written)
            paid = sorted(f"{who}/{start}" for who, each in written.items() for start, address in each.items() if address in charged)
            charged |= {address for each in written.values() for address in each.values()}
            construct = self.construct(name, term, written, grades, paid)
            found |= {step.address: step for step in (*writing, *grading, construct)}
            trajectories[name] = construct.address
        return list(found.values()), trajectories

"""One round of one row as steps: who writes on which problems, and what is made of it.

The plan calls it for round 0, whose steps all rows that sample alike share; the train stage calls it for later
rounds, with the student as it then stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from harness.answers import decode
from harness.records import Problem
from harness.seeds import derive, permutation, uniforms
from harness.step import Step
from methods.method import Term
from methods.parts.contexts import Plain
from methods.parts.rewards import Reward
from methods.parts.teachers import ByDomain, Extrapolated
from methods.parts.writers import Copy, Pick, Probe, Relay, Write, authors, judged, responses

WRITING = ("generate", "relay")  # the stages in which models write
UNSOLVED = 0.5  # share of the problems, guessed for the plan


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
    where: dict[str, Any] | None = None,
    checkpoint: str | None = None,
    prompt_limit: int | None = None,
    **notes: Any,
) -> Step:
    """A model writes samples [a, b) on some problems. `who` is student or teacher; `inputs` holds problems, weights, trained?, attempts?,
    verdicts?, or places? and begun?: then it goes on with what was begun. `where` leaves problems out; `checkpoint` names which of the weights that `trained` left; no prompt may have more tokens than
    `prompt_limit`."""
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
        **(where or {}),
    }
    if checkpoint:
        params["checkpoint"] = checkpoint
    if prompt_limit:
        params["prompt_limit"] = prompt_limit
    return Step("generate", params, inputs, **notes)


def heads(seed: int, round_: int, problem: str, share: float) -> bool:
    """The coin of a problem in a round: heads with the chance `share`."""
    return bool(uniforms(derive(seed, "coin", round_, problem), 1)[0] < share)


def grade_step(written: Step, problems: str, grader: dict[str, int], golds: str, title: str) -> Step:
    """Verdicts on what a generate step wrote, read with the tokenizer of the model that wrote it. `golds`: "all" must be readable, or "any"."""
    weights = {"weights": written.inputs["weights"]} if "weights" in written.inputs else {}
    params = {"grader": grader, "golds": golds, "model": written.params["model"]}
    inputs = {"problems": problems, "rollouts": written.address, **weights}
    return Step("grade", params, inputs, title=title, weight=0.1, local=written.local)


@dataclass(frozen=True)
class Writing:
    """What the acts of a term leave: all steps in order; each product's steps, and verdicts on it, by their first sample."""

    steps: list[Step] = field(default_factory=list)
    products: dict[str, dict[int, Step]] = field(default_factory=dict)
    grades: dict[str, dict[int, str]] = field(default_factory=dict)

    def add(self, product: str, start: int, step: Step) -> None:
        self.steps.append(step)
        self.products.setdefault(product, {})[start] = step

    def roles(self, product: str, role: str) -> dict[str, str]:
        """A product's steps as inputs of another."""
        return {f"{role}/{start}": step.address for start, step in self.products.get(product, {}).items()}

    @property
    def written(self) -> Iterator[tuple[str, int, Step]]:
        """(product, first sample, step) of what models wrote."""
        return ((name, start, step) for name, each in self.products.items() for start, step in each.items() if step.stage in WRITING)


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

    @property
    def choice(self) -> dict[str, Any]:
        """Which problems, in which order: what `round_problems` is asked for."""
        return {"seed": self.params["seed"], "round": self.number, "size": self.params["rounds"]["problems"]}

    def named(self, source: str) -> str:
        """The model that plays a part, by its short name."""
        return self.params["pair"][source]["path"].rpartition("/")[2]

    def role(self, term: str, speaker: str) -> str:
        """Whose weights speak as `speaker` in a term: a teacher of the student's own line writes as the untrained student."""
        return "student" if speaker == "student" or term in self.params["self_taught"] else "teacher"

    def scorers(self, name: str, term: Term) -> dict[str, str]:
        """Under which name each teacher of a term reads → whose weights those are: one, or one for each domain."""
        if isinstance(term.teacher, ByDomain):
            return {role: role for role in self.params["pair"] if role.startswith("teachers/")}
        return {"teacher": self.role(name, "teacher")}

    def weights(self, source: str, role: str = "weights") -> tuple[dict[str, str], dict[str, str]]:
        """A model's files as an input, and where they lie on this machine."""
        inputs = {role: self.inputs[source]} if source in self.inputs else {}
        return inputs, {role: self.local[source]} if source in self.local else {}

    def write(self, name: str, term: Term) -> Writing:
        """The acts of a term, carried into steps."""
        found = Writing()
        for act in term.acts:
            if isinstance(act, Write):
                self._generate(name, term, act, found)
            elif isinstance(act, Copy):
                self._copy(name, act, found)
            elif isinstance(act, Probe):
                self._probe(name, term, act, found)
            elif isinstance(act, Relay):
                self._relay(name, term, act, found)
            else:
                self._pick(act, found)
            if act.product in judged(term.acts):
                self._grade(act.product, found)
        return found

    def _generate(self, name: str, term: Term, act: Write, found: Writing) -> None:
        source = self.role(name, act.by)
        reads = term.reads if act.reads == "method" else act.reads
        sampling = self.params["sampling"][name][act.product]
        inputs, local = self.weights(source)
        inputs = {"problems": self.inputs["problems"], **inputs}
        if act.by == "student" and self.trained:
            inputs["trained"] = self.trained
        if act.where == "unsolved":
            inputs |= {f"verdicts/{start}": address for start, address in found.grades[act.after].items()}
        count = self.tokens * {"unsolved": UNSOLVED, "heads": act.share, "tails": 1 - act.share}.get(act.where, 1)
        for start, stop in sample_ranges(0, sampling["n"]):
            attempts = {"attempts": found.products["student"][start].address} if reads.needs_attempt else {}
            step = generate_step(
                who=source,
                pair=self.params["pair"],
                reads=reads,
                sampling=sampling,
                samples=(start, stop),
                seeds={"seed": self.params["seed"], "purpose": f"train/{act.by}", "round": self.number},
                problems=self.choice,
                where=where(act),
                inputs={**inputs, **attempts},
                engine=self.params["engine"],
                title=f"{'rewrite' if attempts else 'rollout'} · {act.product} · {self.title} · samples {start}-{stop} · {self.named(source)}",
                weight=count * (stop - start) / 6000,
                tokens={"rollout" if act.by == "student" else "teacher": int(count * (stop - start))},
                local=local,
            )
            found.add(act.product, start, step)

    def _copy(self, name: str, act: Copy, found: Writing) -> None:
        inputs, local = self.weights("student")
        params = {
            "model": self.params["pair"]["student"],
            "mode": self.params["pair"]["modes"]["student"],
            "max_tokens": self.params["sampling"][name][act.product]["max_tokens"],
            "problems": self.choice,
            **where(act),
        }
        title = f"reference solutions · {self.title} · {self.named('student')}"
        step = Step("copy", params, {"problems": self.inputs["problems"], **inputs}, title=title, weight=0.2, local=local)
        found.add(act.product, 0, step)

    def _pick(self, act: Pick, found: Writing) -> None:
        inputs = {"problems": self.inputs["problems"], **found.roles("student", "attempts")}
        for number, product in enumerate(act.of):
            inputs |= found.roles(product, f"of/{number}")
            inputs |= {f"verdicts/{number}/{start}": address for start, address in found.grades.get(product, {}).items()}
        params: dict[str, Any] = {"prefer": act.prefer, "otherwise": act.otherwise, "products": act.of, "seed": self.params["seed"]}
        params["round"], local = self.number, {}
        if "aligned" in (*act.prefer, act.otherwise):  # the student as it stands says which tokens it likes
            weights, local = self.weights("student")
            inputs |= {**weights, **({"trained": self.trained} if self.trained else {})}
            params["model"] = self.params["pair"]["student"]
        title = f"choice · {' before '.join(act.prefer)} · {self.title}"
        found.add(act.product, 0, Step("pick", params, inputs, title=title, weight=1.0, local=local))

    def _probe(self, name: str, term: Term, act: Probe, found: Writing) -> None:
        scorer = self.role(name, "teacher")
        for start, begun in list(found.products[act.of].items()):
            located = self._locate(name, term, act, begun)
            found.steps.append(located)
            for by in ("student", "teacher"):
                step = self._go_on(name, term, act, by, begun, located)
                found.add(act.future(by), start, step)
            weights, local = self.weights(scorer)
            inputs = {"rollouts": begun.address, "places": located.address, **weights}
            inputs |= {f"written/{by}": found.products[act.future(by)][start].address for by in ("student", "teacher")}
            params = {"divergent": act.divergent, "otherwise": act.otherwise, "model": self.params["pair"][scorer]}
            title = f"forks · by optimal transport · {self.title} · samples {ranged(begun)}"
            found.add(act.product, start, Step("weigh", params, inputs, title=title, weight=1.0, local=local))

    def _locate(self, name: str, term: Term, act: Probe, begun: Step) -> Step:
        """Where the student as it stands and its teacher are furthest apart on what the student wrote."""
        pair, scorer = self.params["pair"], self.role(name, "teacher")
        (student, here), (teacher, there) = self.weights("student", "student"), self.weights(scorer, "teacher")
        params = {
            "share": act.share,
            "most": act.most,
            "reads": term.reads,
            "text": term.reads.text,
            "mode": pair["modes"][scorer],
            "models": {"student": pair["student"], "teacher": pair[scorer]},
        }
        inputs = {"problems": self.inputs["problems"], "rollouts": begun.address, **student, **teacher}
        inputs |= {"trained": self.trained} if self.trained else {}
        title = f"suspects · {self.title} · samples {ranged(begun)} · {self.named('student')}"
        return Step("locate", params, inputs, title=title, weight=1.0, local={**here, **there})

    def _go_on(self, name: str, term: Term, act: Probe, by: Literal["student", "teacher"], begun: Step, located: Step) -> Step:
        """Somebody goes on from the places."""
        source, sampling = self.role(name, by), self.params["sampling"][name][act.future(by)]
        inputs, local = self.weights(source)
        inputs |= {"problems": self.inputs["problems"], "places": located.address, "begun": begun.address}
        if by == "student" and self.trained:
            inputs["trained"] = self.trained
        length = begun.params["sampling"]["max_tokens"] / 2  # a guess, as everywhere in the plan
        tokens = int(begun.tokens["rollout"] / length * act.suspects(length) * act.window)
        return generate_step(
            who=source,
            pair=self.params["pair"],
            reads=term.reads if by == "teacher" else Plain(),
            sampling=sampling,
            samples=tuple(begun.params["samples"]),
            seeds={"seed": self.params["seed"], "purpose": f"train/{by}", "round": self.number},
            problems=self.choice,
            inputs=inputs,
            engine=self.params["engine"],
            title=f"continuations · {by} · {self.title} · samples {ranged(begun)} · {self.named(source)}",
            weight=tokens / 6000,
            tokens={"rollout" if by == "student" else "teacher": tokens},
            local=local,
        )

    def _relay(self, name: str, term: Term, act: Relay, found: Writing) -> None:
        scorer, sampling = self.role(name, "teacher"), self.params["sampling"][name]
        (student, here), (teacher, there) = self.weights("student"), self.weights(scorer, "teacher_weights")
        inputs = {"problems": self.inputs["problems"], **student, **teacher, **({"trained": self.trained} if self.trained else {})}
        for start, stop in sample_ranges(0, sampling[act.product]["n"]):
            params = {
                "model": self.params["pair"]["student"],
                "teacher": self.params["pair"][scorer],
                "modes": {"student": self.params["pair"]["modes"]["student"], "teacher": self.params["pair"]["modes"][scorer]},
                "reads": term.reads,
                "text": term.reads.text,
                "relay": act,
                "sampling": {key: value for key, value in sampling[act.product].items() if key != "n"},
                "turns": {key: value for key, value in sampling[act.turn].items() if key != "n"},
                "samples": [start, stop],
                "seeds": {"seed": self.params["seed"], "purpose": "train/student", "round": self.number},
                "problems": self.choice,
                "engine": self.params["engine"],
            }
            count = int(self.tokens * (stop - start))
            title = f"relay · {self.title} · samples {start}-{stop} · {self.named('student')} and {self.named(scorer)}"
            step = Step("relay", params, inputs, title=title, weight=count / 2000, tokens={"rollout": count}, local={**here, **there})
            found.add(act.product, start, step)

    def _grade(self, product: str, found: Writing) -> None:
        """Verdicts on a product: the only grades that training depends on are made here."""
        for start, step in list(found.products[product].items()):
            if step.stage in WRITING and start not in found.grades.setdefault(product, {}):
                graded = grade_step(step, self.inputs["problems"], self.params["grader"], "any", f"grade · {step.title}")
                found.steps.append(graded)
                found.grades[product][start] = graded.address

    def verdicts(self, term: Term, found: Writing) -> dict[str, str]:
        """Verdicts that the term's answers ask for, and under which role each is an input."""
        inputs = {}
        for whose in term.verdicts:
            products = ("student",) if whose == "attempt" else responses(term.acts)
            for product in products:
                self._grade(product, found)
                under = f"{whose}_grades" if len(products) == 1 else f"{whose}_grades/{product}"
                inputs |= {f"{under}/{start}": address for start, address in found.grades[product].items()}
        return inputs

    def construct(self, name: str, term: Term, found: Writing, grades: dict[str, str], paid: list[str]) -> Step:
        """What the term trains on, under both readings. `paid`: writing that an earlier term is charged for."""
        last, by = responses(term.acts), authors(term.acts)
        scorers, pair = self.scorers(name, term), self.params["pair"]
        sources = {"student": "student", **scorers}
        inputs = {"problems": self.inputs["problems"]}
        inputs |= {who: self.inputs[source] for who, source in sources.items() if source in self.inputs}
        for product in found.products:
            if product in last:
                inputs |= found.roles(product, "rollouts" if len(last) == 1 else f"rollouts/{product}")
            elif any(step.stage == "weigh" for step in found.products[product].values()):
                inputs |= found.roles(product, "probes")
            else:
                inputs |= found.roles(product, "attempts" if product == "student" else f"written/{product}")
        inputs |= grades
        continued = {name: by[name] for name, each in found.products.items() if any("places" in step.inputs for step in each.values())}
        params = {
            "term": name,
            "tokens": term.tokens,
            "keep": term.keep,
            "reads": term.reads,
            "text": term.reads.text,
            "writer": by[last[0]] if len(last) == 1 else {product: by[product] for product in last},
            "scored": name not in self.params["unscored"],
            "modes": {"student": pair["modes"]["student"], "teacher": pair["modes"][self.role(name, "teacher")]},
            "models": {who: pair[source] or pair["student"] for who, source in sources.items()},
            "limits": self.params["limits"],
            **({"continued": continued} if continued else {}),
            **({"paid": paid} if paid else {}),
            **({"advantages": True} if isinstance(term.loss, Reward) else {}),
            **({"readers": 2} if isinstance(term.teacher, Extrapolated) else {}),
        }
        if len(last) > 1 or term.reads.needs_peers or term.reads.needs_other:  # what a problem's neighbours are follows from the round
            params["round"] = self.choice
        local = {who: self.local.get(source, "") for who, source in sources.items()} if self.local else {}
        kept = f", {term.keep!r}" if term.verdicts and term.keep.needs else ""
        writes = " or ".join(last) + " writes" if "picked" not in last else "the teacher's best"
        title = f"trajectories · {writes}, teacher reads {term.reads!r}{kept} · {self.title} · {self.named('student')}"
        return Step("construct", params, inputs, title=title, local=local)

    def steps(self) -> tuple[list[Step], dict[str, str]]:
        """All steps, in an order that can be carried out, and the address of each term's trajectories."""
        found: dict[str, Step] = {}
        trajectories: dict[str, str] = {}
        charged: set[str] = set()
        for name, data in self.params["terms"].items():
            term = decode(data)
            writing = self.write(name, term)
            grades = self.verdicts(term, writing)
            paid = sorted(f"{product}/{start}" for product, start, step in writing.written if step.address in charged)
            charged |= {step.address for _, _, step in writing.written}
            construct = self.construct(name, term, writing, grades, paid)
            found |= {step.address: step for step in (*writing.steps, construct)}
            trajectories[name] = construct.address
        return list(found.values()), trajectories


def where(act: Write | Copy) -> dict[str, Any]:
    """On which problems an act writes, as params; nothing where on all."""
    if act.where == "all":
        return {}
    return {"where": "unsolved" if act.where == "unsolved" else {"coin": act.where, "share": act.share}}


def ranged(step: Step) -> str:
    """The samples of a step, as a title says them."""
    start, stop = step.params["samples"]
    return f"{start}-{stop}"

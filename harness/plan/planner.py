"""From the parts of a suite to steps: which stage follows which stands here, and for one round in harness/rounds.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from harness import catalogue
from harness.costs import TABLE
from harness.grading import GRADERS
from harness.plan.estimate import MEAN_LENGTH, continuing, generation, one_round, rounds, size
from harness.plan.identity import folder_hash, source_identity
from harness.plan.nouns import Exam, LmTask, Model
from harness.records import ModelRef
from harness.rounds import WRITING, Round, generate_step, grade_step, sample_ranges
from harness.spec import Suite
from harness.spec.asked import asks_by_domain, asks_reference, asks_teacher, asks_verdicts, readings, self_taught, term_sampling
from harness.spec.model import PairSpec
from harness.step import Step
from harness.world.shapes import PREFIX, shape_of
from methods.method import Term
from methods.parts.contexts import Plain, WithAttemptAndSolution, WithSolution

Cast = Mapping[str, Model]  # part that is played (PairSpec.roles) → model

LOTS = 2  # version of how a rehearsal draws verdicts


class Planner:
    """Collects steps by address: the same work asked for twice is one step."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.steps: dict[str, Step] = {}

    def add(self, step: Step) -> str:
        self.steps.setdefault(step.address, step)
        return step.address

    def add_priced(self, step: Step, attempt: float = 0.0) -> str:
        """A generate step with what it will cost; `attempt`: tokens that a prompt holds beside the problem."""
        price = generation(step.params, sum(step.tokens.values()), attempt)
        return self.add(replace(step, flops=price.flops, gpu_hours=price.gpu_hours))

    @property
    def lots(self) -> dict[str, int]:
        return {"lots": LOTS} if self.suite.lots else {}

    def grader(self, source: Any) -> dict[str, int]:
        """Names and versions of what grades the answers to the problems of training: one, or one for each domain."""
        names = ["code" if domain == "code" else "typed" for domain in self.suite.problem_set(source).domains]
        return {**{name: GRADERS[name] for name in names}, **self.lots}

    # What everything is made from

    def model(self, text: str, dtype: str | None) -> Model:
        if text in catalogue.names("models") and "recipe" in catalogue.model(text):
            return Model(ModelRef(text, None, "float32"), made=self.pretrain(text))
        if Path(text).is_dir():  # its files are its identity, its place is not
            return Model(ModelRef("local-folder", folder_hash(Path(text)), dtype or "float32"), local=str(Path(text).resolve()))
        if text.startswith(PREFIX):
            return Model(ModelRef(text, None, dtype or "bfloat16"), made=self.standin(text.removeprefix(PREFIX)))
        path, _, revision = text.partition("@")
        return Model(ModelRef(path, revision or None, dtype or "bfloat16"))

    def pretrain(self, name: str) -> str:
        entry = catalogue.model(name)
        after = {"base": self.pretrain(entry["after"])} if entry.get("after") else {}
        steps = entry["recipe"].get("steps", 100)
        return self.add(Step("pretrain", {"recipe": entry["recipe"]}, after, title=f"pretrain · {name}", weight=steps * 0.16))

    def standin(self, name: str) -> str:
        shape = shape_of(name, catalogue.model(name))
        return self.add(Step("standin", {"shape": asdict(shape)}, {}, title=f"stand-in · {name}"))

    def problems(self, found: catalogue.ProblemSet, take: int | str = "all", exam: bool = False) -> str:
        """Those of a training set, or of an exam, whose golds are read before anybody sits it."""
        take = found.entry.get("take", take) if take == "all" else take  # a rehearsal's handful
        if found.parts:
            inputs = {f"part/{number}": self.problems(part, of_part) for number, (part, of_part) in enumerate(found.parts)}
            return self.add(Step("join", {"take": take}, inputs, title=f"problems · {found.name}", weight=0.1))
        params, local = source_identity(found)
        golds = {"golds": {"typed": GRADERS["typed"]}} if exam and found.domain == "math" and "made" not in found.entry else {}
        return self.add(
            Step("problems", {"source": params, "take": take, **golds}, {}, title=f"problems · {found.name}", weight=0.3, local=local)
        )

    def overlap(self, exam: Exam) -> str:
        """The comparison of an exam's questions with those of training."""
        train = self.suite.train.problems
        inputs = {
            "train": self.problems(self.suite.problem_set(train.set).under(), train.take),
            "exam": self.problems(exam.problems, exam=True),
        }
        return self.add(Step("overlap", {}, inputs, title=f"overlap · {exam.problems.name}", weight=1.0))

    # One pair

    def select(self, pair: str, spec: PairSpec, cast: Cast) -> str:
        """The training problems that no row must drop, and the check that the two models can be paired at all."""
        train = self.suite.train
        source = self.suite.problem_set(train.problems.set)
        terms = [term for row in self.suite.rows for term in row.method.terms.values()]
        wanted = {reads for term in terms for reads in readings(term) if reads.needs_solution}
        # Whether or not a row of today reads solutions, one of tomorrow may: the limit holds for all, so that adding it changes no data.
        foreseen = {Plain(), WithSolution(), WithAttemptAndSolution()} if train.limits.teacher_prompt and source.solution else {Plain()}
        made_up = "made" in source.entry  # these have their solutions
        looked_at = [(reading, reading in wanted and not made_up) for reading in sorted(wanted | foreseen, key=repr)]
        step = Step(
            "select",
            {
                "pair": pair_params(spec, cast),
                "differ": sorted(spec.differ),
                "limits": train.limits.model_dump(),
                "readings": [{"reads": reading, "text": reading.text, "needed": needed} for reading, needed in looked_at],
            },
            {
                "problems": self.problems(source.under(), train.problems.take),
                **made(cast),
            },
            title=f"select · {pair}",
            weight=0.5,
            local=places(cast),
        )
        return self.add(step)

    def exam(
        self,
        exam: Exam,
        model: Model,
        spec: PairSpec,
        who: str,
        seed: int,
        title: str,
        trained: str | None = None,
        checkpoint: str | None = None,
    ) -> dict[str, str]:
        """The exam's score, and where the suite asks other graders for their word, the audit of what they said."""
        exam = exam.in_mode(spec.modes.teacher if who == "teacher" else spec.modes.student)
        problems = self.problems(exam.problems, exam=True)
        inputs = {"problems": problems, **({"weights": model.made} if model.made else {}), **({"trained": trained} if trained else {})}
        per_sample = int(problem_count(exam.problems) * exam.sampling.max_tokens * MEAN_LENGTH)
        inputs_of_score, by = {"problems": problems}, {}
        graders = exam.grader | {name: GRADERS[name] for name in exam.audit}
        for start, stop in sample_ranges(0, exam.sampling.n):
            rollouts = self.add_priced(
                generate_step(
                    who=who,
                    pair={who: asdict(model.ref), "modes": spec.modes.model_dump()},
                    reads=Plain(),
                    sampling=exam.sampling.model_dump(),
                    samples=(start, stop),
                    seeds={"seed": seed, "purpose": "exam", "round": 0},
                    problems={"seed": None, "round": 0, "size": "all"},
                    inputs=inputs,
                    engine=self.suite.engine,
                    checkpoint=checkpoint,
                    prompt_limit=exam.prompt_limit,
                    title=f"exam {exam.name} · {title} · samples {start}-{stop}",
                    weight=per_sample * (stop - start) / 8000,
                    tokens={"exam": per_sample * (stop - start)},
                    local={"weights": model.local} if model.local else {},
                )
            )
            for name, version in graders.items():
                how = f"grade {exam.name} · {title} · samples {start}-{stop}" + (f" · by {name}" if name not in exam.grader else "")
                by[f"{name}/{start}"] = self.add(grade_step(self.steps[rollouts], problems, {name: version, **self.lots}, "all", how))
            own = next(iter(exam.grader))
            inputs_of_score |= {f"rollouts/{start}": rollouts, f"grades/{start}": by[f"{own}/{start}"]}
        params: dict[str, Any] = {"samples": exam.sampling.n, "max_tokens": exam.sampling.max_tokens}
        if exam.votes:
            params["votes"] = sorted(exam.votes)
        found = {"score": self.add(Step("score", params, inputs_of_score, title=f"score {exam.name} · {title}", weight=0.1))}
        if len(graders) > 1:
            step = Step("audit", {"graders": list(graders)}, by, title=f"audit {exam.name} · {title}", weight=0.1)
            found["audit"] = self.add(step)
        return found

    def lm_eval(
        self,
        task: LmTask,
        model: Model,
        spec: PairSpec,
        who: str,
        title: str,
        trained: str | None = None,
        checkpoint: str | None = None,
    ) -> str:
        """One task of lm-eval sat by one model. What it reads and writes is known to lm-eval alone, so no tokens are estimated."""
        params = {**task.params, "model": asdict(model.ref)}
        if params["chat"]:
            params["mode"] = getattr(spec.modes, who)
        if checkpoint:
            params["checkpoint"] = checkpoint
        inputs = {**({"weights": model.made} if model.made else {}), **({"trained": trained} if trained else {})}
        local = {**({"weights": model.local} if model.local else {}), **({"include": task.folder} if task.folder else {})}
        return self.add(Step("lm_eval", params, inputs, title=f"lm-eval {task.name} · {title}", weight=5.0, local=local))

    def train(
        self,
        pair: str,
        spec: PairSpec,
        row: Any,
        budget_name: str,
        seed: int,
        cast: Cast,
        problems: str,
    ) -> dict[str, str]:
        """The row's train step, and what looks at it afterwards: verdicts on its round 0, and the analysis (never an input of training)."""
        method, train = row.method, row.train
        grader = self.grader(train.problems.set)
        terms: dict[str, Term] = method.terms
        sampling = {name: term_sampling(term, train) for name, term in terms.items()}
        student = cast["student"]
        asked = {
            "teacher": any(asks_teacher(term) for term in terms.values()),
            "reference": any(asks_reference(term) for term in terms.values()),
            "teachers": any(asks_by_domain(term) for term in terms.values()),
        }
        cast = {role: model for role, model in cast.items() if role == "student" or asked[role.partition("/")[0]]}
        params = {
            "pair": pair_params(spec, cast),
            "terms": terms,
            "self_taught": sorted(name for name, term in terms.items() if self_taught(term)),
            "unscored": sorted(name for name, term in terms.items() if not term.scored),
            "sampling": sampling,
            "limits": train.limits.model_dump(),
            "rounds": train.rounds.model_dump(),
            "optim": train.optim.model_dump(),
            "lora": train.lora.model_dump() if train.lora else None,
            "budget": self.suite.budgets[budget_name].limits,
            "seed": seed,
            "engine": self.suite.engine,
            "checkpoints": sorted({f for group in self.suite.evaluate for f in group.at} | {1.0}),
        }
        if any(asks_verdicts(term) for term in terms.values()):  # else no verdict is an input, and a new grader retrains nothing
            params["grader"] = grader
        if {"flops", "gpu_hours"} & params["budget"].keys():  # how work is counted decides where such a budget ends
            params["costs"] = TABLE.version
        inputs = {"problems": problems, **made(cast)}
        local = places(cast)
        everything = problem_count(self.suite.problem_set(train.problems.set))
        everything = min(everything or train.problems.take, train.problems.take) if isinstance(train.problems.take, int) else everything
        count = min(everything or train.rounds.problems, train.rounds.problems) if isinstance(train.rounds.problems, int) else everything
        length = max(s["max_tokens"] for products in sampling.values() for s in products.values())
        tokens = int(count * length * MEAN_LENGTH)
        # Params travel through JSON to the worker; the fragment is planned from the same form, so round 0 and round r are one code.
        plain = Step("train", params, inputs).params
        round_ = Round(plain, inputs, local, 0, None, tokens)
        steps, trajectories = round_.steps()
        written = list(round_.write("main", terms["main"]).written)
        main = {step.address: product for product, _, step in written}
        graded: dict[str, str] = {}
        verdicts: dict[str, str] = {}  # rollouts → their grades
        for step in steps:
            if step.stage not in WRITING:
                self.add(step)
                continue
            if "places" in step.inputs:  # pieces of responses, which nobody judges
                window = step.params["sampling"]["max_tokens"]
                price = continuing(size(ModelRef(**step.params["model"])), sum(step.tokens.values()) / window, window, length * MEAN_LENGTH)
                self.add(replace(step, flops=price.flops, gpu_hours=price.gpu_hours))
                continue
            rewriting = "attempts" in step.inputs
            self.add_priced(step, length * MEAN_LENGTH if rewriting else 0.0)
            verdicts[step.address] = self.add(grade_step(step, problems, grader, "any", f"grade · {step.title}"))
            if step.address in main:
                name = "rewrites" if rewriting else "rollouts" if "rollout" in step.tokens else "written"
                name = name if main[step.address] in ("student", "teacher", "relay") else main[step.address]
                graded[f"grade/{name}/{step.params['samples'][0]}"] = verdicts[step.address]
        cost = one_round(plain, terms, count, everything)
        number = rounds(cost.meters, self.suite.budgets[budget_name].limits, train.rounds.count)
        later = max(0.0, number - 1)  # the writing of round 0 is that of steps of its own
        tokens_later = {kind: int(cost.writing[f"{who}_written"] * later) for kind, who in (("rollout", "student"), ("teacher", "teacher"))}
        train_step = Step(
            "train",
            plain,
            {**inputs, **{f"trajectories/{name}": address for name, address in trajectories.items()}},
            title=f"train · {pair} · {row.label} · {budget_name} · seed {seed}",
            weight=1 + (sum(tokens_later.values()) * 1.5 + tokens) / 6000,
            tokens=tokens_later,
            flops=cost.training["flops"] * number + cost.writing["flops"] * later,
            gpu_hours=cost.training["gpu_hours"] * number + cost.writing["gpu_hours"] * later,
            local=local,
        )
        seen = {"problems": problems, "train": self.add(train_step), **({"weights": student.made} if student.made else {})}
        for product, start, step in written:
            who = "student" if product == "relay" else product
            if who in ("student", "teacher"):
                seen |= {f"{who}_rollouts/{start}": step.address, f"{who}_grades/{start}": verdicts[step.address]}
        analysis = Step(
            "analyse",
            {"grader": {name: number for name, number in grader.items() if name != "lots"}, "model": asdict(student.ref)},
            seen,
            title=f"analyse · {pair} · {row.label} · {budget_name} · seed {seed}",
            weight=0.5,
            local={"weights": student.local} if student.local else {},
        )
        return {"train": seen["train"], "analysis": self.add(analysis), **graded}


def pair_params(spec: PairSpec, cast: Cast) -> dict[str, Any]:
    refs = {role: asdict(model.ref) for role, model in cast.items()}
    return {"student": refs.pop("student"), "teacher": refs.pop("teacher", None), "modes": spec.modes.model_dump(), **refs}


def made(cast: Cast) -> dict[str, str]:
    """The steps that make models, as inputs."""
    return {role: model.made for role, model in cast.items() if model.made}


def places(cast: Cast) -> dict[str, str]:
    return {role: model.local for role, model in cast.items() if model.local}


def problem_count(found: catalogue.ProblemSet) -> int:
    """How many problems a set holds, as far as one can tell without loading it: exactly, or about; 0 where one cannot tell."""
    known = found.count or found.about
    if known is None and str(found.entry.get("file", "")).endswith(".jsonl"):
        with Path(found.entry["file"]).open("rb") as file:
            return sum(1 for line in file if line.strip())
    return known or 0

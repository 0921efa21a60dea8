"""The window between writing and training: the exact token ids that both models read, and what each response cost.

What depends on a problem's other responses is settled here: verdicts on the group, peers that a teacher is shown, advantages.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property

import pyarrow.parquet as pq

from harness import models, prompts
from harness.answers import decode
from harness.grading.classes import answer_class
from harness.records import ModelRef, Problem, Rollout, Trajectory
from harness.rounds import WRITING
from harness.seeds import derive, uniforms
from harness.stages import Job
from harness.stages.inputs import Hands, Key, grades_of, hands_of, problems_of_round, rights_of, rollouts_of
from harness.stages.pick import skipped
from harness.store import write_atomically
from harness.tables import from_bytes, to_bytes
from methods.parts.contexts import Material, Plain
from methods.parts.keep import Outcome
from methods.parts.peers import Attempt, WithPeers
from methods.parts.rewards import advantages


def run(job: Job) -> dict:
    corpus = Corpus(job)
    trajectories = charged(job, [corpus.trajectory(*each) for each in corpus.responses])
    write_atomically(job.out / "trajectories.parquet", to_bytes(Trajectory, trajectories))
    return {
        "trajectories": len(trajectories),
        "kept": sum(t.weight > 0 for t in trajectories),
        "over_teacher_prompt": corpus.counts["over"],
        "ungraded": corpus.counts["ungraded"],
        "tokens": sum(len(t.response_ids) for t in trajectories),
        "masked": sum(weight == 0 for t in trajectories for weight in t.token_weights),
        "unknown_texts": [text for text in corpus.tokens.texts if corpus.id_of(text) is None],
        **({"skipped": len(corpus.skipped)} if corpus.skipped else {}),
        **({"without_peers": corpus.counts["without peers"]} if corpus.reads.needs_peers else {}),
    }


class Corpus:
    """Everything that a trajectory is made of. Groups: the attempts, and the responses, to one problem, in the order of their samples."""

    def __init__(self, job: Job) -> None:
        params = self.params = job.params
        self.job = job
        self.problems = {p.id: p for p in from_bytes(Problem, job.input("problems") / "problems.parquet")}
        # Student and teacher share token ids, but not always the template: each reads under its own.
        self.tokenizer = models.tokenizer_of(models.source(ModelRef(**params["models"]["student"]), job.made("student")))
        self.scorers = {who: self.tokenizer for who in params["models"] if who != "student"}
        if params["scored"]:
            self.scorers = {
                who: models.tokenizer_of(models.source(ModelRef(**params["models"][who]), job.made(who))) for who in self.scorers
            }
        self.id_of: Callable[[str], int | None] = self.tokenizer.get_vocab().get  # a text that several tokens spell has no id
        self.reads, self.keep, self.tokens = (decode(params[name]) for name in ("reads", "keep", "tokens"))
        self.responses = list(responses_of(job))
        own = [rollout for rollout, author, _ in self.responses if author == "student"]
        self.attempts = {(r.problem_id, r.sample): r for r in rollouts_of(job, "attempts") or own}
        self.verdicts = {whose: rights_of(job, f"{whose}_grades") for whose in ("attempt", "response")}
        self.answers = {(g.problem_id, g.sample): answer_class(g.verdict) for g in grades_of(job, "answer_grades")}
        self.groups = grouped(self.attempts)
        self.answer_groups = grouped(self.answers)
        self.skipped = {key for folder in job.inputs("rollouts") if (folder / "picks.parquet").exists() for key in skipped(folder)}
        self.probed = probed(job)
        self.advantages = self._advantages() if params.get("advantages") else {}
        self.counts: Counter[str] = Counter()

    def trajectory(self, rollout: Rollout, author: str, hands: Hands) -> Trajectory:
        """What is trained on, but for what it cost to write."""
        problem, key = self.problems[rollout.problem_id], (rollout.problem_id, rollout.sample)
        student_prompt = prompts.reading(self.tokenizer, problem, Plain()(Material(problem.prompt)), self.params["modes"]["student"])
        teacher_prompt: list[int] = []
        peers = 0
        if self.params["scored"]:
            material = self.material(problem, key)
            peers = len(material.successes) + len(material.failures)
            teacher_prompt = prompts.reading(self.scorer(problem), problem, self.reads(material), self.params["modes"]["teacher"])
        limit = self.params["limits"]["teacher_prompt"]
        # What follows from the problem alone was looked at before anybody wrote; what is as long as the problem needs no other limit.
        longer = self.reads != Plain() and not self.reads.needs_other
        too_long = longer and limit is not None and len(teacher_prompt) > limit
        self.counts["over"] += too_long
        weights = self.weights(rollout, author, hands)
        # Log-probabilities hold after the prompt under which a token was sampled.
        known = tuple(rollout.prompt_ids) == tuple(teacher_prompt if author == "teacher" else student_prompt)
        return Trajectory(
            problem_id=rollout.problem_id,
            sample=rollout.sample,
            term=self.params["term"],
            student_prompt_ids=tuple(student_prompt),
            teacher_prompt_ids=tuple(teacher_prompt),
            response_ids=rollout.response_ids,
            author=author,
            by_teacher=hands,
            weight=0.0 if too_long or key in self.skipped else self.keep(self.outcome(key, peers)),
            token_weights=() if all(weight == 1 for weight in weights) else tuple(weights),
            sampler_logprobs=rollout.logprobs if known else (),
            advantage=self.advantages.get(key),
            teacher_read=0
            if not self.params["scored"] or too_long
            else self.params.get("readers", 1) * (len(teacher_prompt) + len(rollout.response_ids)),
        )

    def weights(self, rollout: Rollout, author: str, hands: Hands) -> list[float]:
        """Of each token, by the rule of the ids; where another began the response only what its author wrote counts; and by the probe, if any."""
        weights = self.tokens(rollout.response_ids, self.id_of)
        if hands and author in ("student", "teacher"):
            weights = [weight * (hand == (author == "teacher")) for weight, hand in zip(weights, hands, strict=True)]
        for at, weight in self.probed.get((rollout.problem_id, rollout.sample), {}).items():
            weights[at] *= weight
        return weights

    def scorer(self, problem: Problem):
        """The tokenizer of who scores what was written to a problem."""
        return self.scorers.get("teacher") or self.scorers[f"teachers/{problem.domain}"]

    def material(self, problem: Problem, key: Key) -> Material:
        """What the teacher may be told. None of it reaches the student's prompt."""
        attempt = self.attempts.get(key) if self.reads.needs_attempt else None
        text = None if attempt is None else prompts.decode(self.scorer(problem), attempt.response_ids)
        material = Material(problem.prompt, problem.solution, text, problem.answer)
        if self.reads.needs_other:
            other = self.next_problem(problem.id)
            material = replace(material, other=None if other is None else self.problems[other].prompt)
        if isinstance(self.reads, WithPeers):
            successes, failures = self.peers(problem.id, key)
            self.counts["without peers"] += not (successes or failures)
            material = replace(material, successes=successes, failures=failures)
        return material

    def peers(self, problem: str, key: Key) -> tuple[tuple[str, ...], tuple[str, ...]]:
        samples = self.groups[problem]
        other = self.next_problem(problem)
        elsewhere = self.texts(other) if other is not None and self.reads.peers == "other_problem" else []
        round_ = self.params["round"]
        draws = iter(uniforms(derive(round_["seed"], "peers", round_["round"], *key), self.reads.successes + self.reads.failures))
        return self.reads.choose(samples.index(key[1]), self.texts(problem), elsewhere, lambda below: int(next(draws) * below))

    def texts(self, problem: str) -> list[Attempt]:
        """A group's attempts as peers are shown them."""
        keys = [(problem, sample) for sample in self.groups[problem]]
        scorer = self.scorer(self.problems[problem])
        return [(prompts.decode(scorer, self.attempts[key].response_ids), self.verdicts["attempt"].get(key)) for key in keys]

    def next_problem(self, problem: str) -> str | None:
        """The one that follows in the round, the first after the last; None where there is no other."""
        place = self.order.index(problem)
        other = self.order[(place + 1) % len(self.order)]
        return None if other == problem else other

    @cached_property
    def order(self) -> list[str]:
        return [p.id for p in problems_of_round(self.job, self.params["round"])]

    def outcome(self, key: Key, peers: int) -> Outcome:
        """What the rule of `keep` may look at; verdicts that it does not ask for are not there."""
        said = {whose: self.verdicts[whose].get(key) for whose in self.keep.needs if whose in self.verdicts}
        self.counts["ungraded"] += None in said.values()
        group = tuple(self.verdicts["attempt"].get((key[0], sample)) for sample in self.groups.get(key[0], ()))
        return Outcome(said.get("attempt"), said.get("response"), group, self.agreement(key), peers)

    def agreement(self, key: Key) -> float | None:
        own = self.answers.get(key)
        group = [self.answers[key[0], sample] for sample in self.answer_groups.get(key[0], ())]
        return None if own is None else group.count(own) / len(group)

    def _advantages(self) -> dict[Key, float]:
        found = {}
        for problem, samples in grouped(self.verdicts["response"]).items():
            rights = [self.verdicts["response"][problem, sample] for sample in samples]
            found |= {
                (problem, sample): each
                for sample, each in zip(samples, advantages([None if right is None else float(right) for right in rights]), strict=True)
            }
        return found


def responses_of(job: Job) -> Iterator[tuple[Rollout, str, Hands]]:
    """What is trained on, and who wrote it; where a coin said who, problem by problem in the round's order."""
    writer = job.params["writer"]
    if isinstance(writer, str):
        folders = [(folder, from_bytes(Rollout, folder / "rollouts.parquet")) for folder in job.inputs("rollouts")]
        return (
            (rollout, writer, hands)
            for folder, rollouts in folders
            for rollout, hands in zip(rollouts, hands_of(folder, len(rollouts)), strict=True)
        )
    found = [(rollout, author, ()) for product, author in writer.items() for rollout in rollouts_of(job, f"rollouts/{product}")]
    place = {p.id: number for number, p in enumerate(problems_of_round(job, job.params["round"]))}
    return iter(sorted(found, key=lambda each: place[each[0].problem_id]))


def probed(job: Job) -> dict[Key, dict[int, float]]:
    """Response → place → what a probe lets its token weigh."""
    found: dict[Key, dict[int, float]] = defaultdict(dict)
    for folder in job.inputs("probes"):
        for row in pq.read_table(folder / "probes.parquet", columns=["problem_id", "sample", "at", "weight"]).to_pylist():
            found[row["problem_id"], row["sample"]][row["at"]] = row["weight"]
    return found


def charged(job: Job, trajectories: list[Trajectory]) -> list[Trajectory]:
    """With what was written for them: a text is charged to the trajectory of its sample, else to the first one of its problem."""
    paid = set(job.params.get("paid", ()))  # an earlier term of this row is charged for it
    place: dict[Key | str, int] = {}
    for number, t in enumerate(trajectories):
        place.setdefault(t.problem_id, number)
        place[t.problem_id, t.sample] = number
    spent = [Counter() for _ in trajectories]
    for product, by, start, rollouts in written(job):
        if by == "nobody" or f"{product}/{start}" in paid:
            continue
        for rollout, hands in rollouts:
            number = place.get((rollout.problem_id, rollout.sample), place[rollout.problem_id])
            theirs = sum(hands) if by == "relay" else len(rollout.response_ids) * (by == "teacher")
            spent[number]["student_written"] += len(rollout.response_ids) - theirs
            spent[number]["teacher_written"] += theirs
            if by != "student" and product not in job.params.get("continued", {}):  # whose beginnings are read where they are scored
                spent[number]["teacher_read"] += len(rollout.prompt_ids)
            if by == "relay":  # it reads along, to see where to take over
                spent[number]["teacher_read"] += len(rollout.response_ids)
    return [
        replace(
            t,
            student_written=each["student_written"],
            teacher_written=each["teacher_written"],
            teacher_read=t.teacher_read + each["teacher_read"],
        )
        for t, each in zip(trajectories, spent, strict=True)
    ]


def written(job: Job) -> Iterator[tuple[str, str, str, list[tuple[Rollout, Hands]]]]:
    """(product, who wrote it, first sample, texts) of everything that a model wrote for this term."""
    writer = job.params["writer"]
    for role, address in sorted(job.step.inputs.items()):
        kind, *named, start = role.split("/") if "/" in role else (role, "")
        if kind not in ("rollouts", "attempts", "written") or address.partition("/")[0] not in WRITING:
            continue
        texts = from_bytes(Rollout, job.input(role) / "rollouts.parquet")
        rollouts = list(zip(texts, hands_of(job.input(role), len(texts)), strict=True))
        if kind == "attempts":
            yield "student", "student", start, rollouts
        elif kind == "written":
            yield named[0], job.params.get("continued", {}).get(named[0], "teacher"), start, rollouts
        elif named:
            yield named[0], writer[named[0]], start, rollouts
        else:
            yield writer, writer, start, rollouts


def grouped(keys) -> dict[str, list[int]]:
    """Problem → its samples, in order."""
    found: dict[str, list[int]] = defaultdict(list)
    for problem, sample in sorted(keys):
        found[problem].append(sample)
    return found

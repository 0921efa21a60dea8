"""Train one row: rounds of writing and distilling until a limit of its budget is met.

Round 0 was planned with the suite and is shared. Later rounds no other row could use: they are planned by the same
fragment and carried out here, in the row's own journal. Kill it anywhere; it goes on from its last state.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

from harness import models
from harness.answers import decode
from harness.costs import Size
from harness.engine.batching import whole_problem_batches
from harness.engine.budget import Meters, ended_by, progress, rate_factor, reached
from harness.engine.diagnostics import Observer, epistemic_ids
from harness.engine.distill import Objective, backward
from harness.engine.readers import Averaged, Living, PerDomain, Reader, Untrained
from harness.engine.state import load_state, save_state, trainable
from harness.records import Fault, ModelRef, Problem, Trajectory
from harness.rounds import Round
from harness.sampling import probe, release
from harness.seeds import derive
from harness.spec.model import Lora
from harness.stages import Job, execute
from harness.stages.traces import keep_rollouts, keep_update, leave
from harness.step import Step
from harness.store import Corrupt, Store, file_hash
from harness.tables import from_bytes
from methods.method import Term
from methods.parts.keep import All
from methods.parts.teachers import ByDomain, Current, Ema, Extrapolated

STATE_SECONDS = 60.0  # between states within a round; decides no result
# Nats a token, at the first update of a round, between the log-probabilities that sampler and trainer give the same tokens: what rounding
# explains, with room. Measured: 1e-6 in float32, 0.02 in bfloat16; weights of a round ago 0.02 (small world) and more.
SAMPLER_GAP = {"float32": 1e-3, "bfloat16": 0.1}


def run(job: Job) -> dict:
    release()
    try:
        return carry_through(job)
    except Corrupt as fault:
        if fault.address in job.step.inputs.values():
            raise  # made again by whoever runs the plan
        shutil.rmtree(job.work)  # the journal cannot be trusted half way: begin again from round 0
        return carry_through(job)


def carry_through(job: Job) -> dict:
    row = TrainRun(job)
    while row.ended is None:
        row.round()
    return row.finish()


class TrainRun:
    """The mutable state of one training run."""

    def __init__(self, job: Job) -> None:
        self.job, self.params = job, job.params
        params = self.params
        self.domain_of = {p.id: p.domain for p in from_bytes(Problem, job.input("problems") / "problems.parquet")}
        where = models.source(ModelRef(**params["pair"]["student"]), job.made("student"))
        self.tokenizer = models.tokenizer_of(where)
        vocabulary = models.vocabulary_of(self.tokenizer)
        self.pad_id = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else self.tokenizer.eos_token_id
        self.model = self._student(where)
        self.student = Reader(self.model, vocabulary)
        self.sources = {"student": where}
        self.loaded: dict[str, Reader] = {}
        self.means: dict[str, Averaged] = {}
        terms = {name: decode(term) for name, term in params["terms"].items()}
        teachers = {name: self._teacher(name, term) for name, term in terms.items()}
        thirds = {name: third for name, term in terms.items() if (third := self._third(term)) is not None}
        self.objective = Objective(terms, teachers, thirds)
        self.observer = Observer(tuple(epistemic_ids(self.tokenizer)))
        self.size = self.student.size
        self.teacher_sizes = {key: size for name, reader in teachers.items() for key, size in self._teacher_sizes(name, reader).items()}
        self.third_sizes = {name: reader.size for name, reader in thirds.items()}
        optim = params["optim"]
        self.optimizer = torch.optim.AdamW(
            list(trainable(self.model).values()),
            lr=optim["learning_rate"],
            betas=tuple(optim["betas"]),
            eps=optim["eps"],
            weight_decay=optim["weight_decay"],
        )
        self.limits = dict(params["budget"])
        if isinstance(params["rounds"]["count"], int):
            self.limits.setdefault("rounds", params["rounds"]["count"])
            self.limits["rounds"] = min(self.limits["rounds"], params["rounds"]["count"])
        self.meters, self.log = Meters(), []
        self.round_, self.batch, self.ended = 0, 0, None
        self.gaps: list[float] = []
        self.journal = Store(job.work / "journal", job.store)
        self.trained: str | None = None  # the student who wrote this round, by address
        self._resume()

    def _student(self, where):
        ref = ModelRef(**self.params["pair"]["student"])
        if self.params["lora"]:
            model = models.with_lora(models.load(ref, where), Lora(**self.params["lora"]), derive(self.params["seed"], "adapter"))
        else:
            model = models.load(ModelRef(ref.path, ref.revision, "float32"), where)  # all weights: the optimizer needs their low bits
        models.check_head(model, models.vocabulary_of(self.tokenizer))
        if models.device().type == "cuda":
            model.gradient_checkpointing_enable()
        return model.train()

    def _source(self, who: str):
        if who not in self.sources:
            self.sources[who] = models.source(ModelRef(**self.params["pair"][who]), self.job.made(who))
        return self.sources[who]

    def _model(self, who: str) -> Reader:
        """A model of the pair that is only read; the untrained student is itself without its adapter, or a second copy of its starting weights."""
        if who not in self.loaded:
            if who == "student" and self.params["lora"]:
                self.loaded[who] = Untrained(self.model, self.student.vocabulary)
            else:
                model = models.load(ModelRef(**self.params["pair"][who]), self._source(who)).requires_grad_(False)
                models.check_head(model, self.student.vocabulary)
                self.loaded[who] = Reader(model, self.student.vocabulary)
        return self.loaded[who]

    def _teacher(self, name: str, term: Term) -> Reader | PerDomain | None:
        """Who scores for a term, or None."""
        if name in self.params["unscored"]:
            return None
        if isinstance(term.teacher, Current):
            return Living(self.model, self.student.vocabulary)
        if isinstance(term.teacher, Ema):
            key = f"{term.teacher.rate:g}"  # one mean for all terms that ask for it
            self.means.setdefault(key, Averaged.of(self.model, self.student.vocabulary, term.teacher.rate))
            return self.means[key]
        if isinstance(term.teacher, ByDomain):
            roles = [role for role in self.params["pair"] if role.startswith("teachers/")]
            return PerDomain({role.removeprefix("teachers/"): self._model(role) for role in roles}, self.domain_of)
        return self._model("student" if name in self.params["self_taught"] else "teacher")

    def _third(self, term: Term) -> Reader | None:
        """Through whom a teacher is seen, or None."""
        return self._model(term.teacher.over) if isinstance(term.teacher, Extrapolated) else None

    def _teacher_sizes(self, name: str, reader: Reader | PerDomain | None) -> dict[str, Size]:
        """Of whom a term's teaching is charged, by term or by term/domain."""
        if isinstance(reader, PerDomain):
            return {f"{name}/{domain}": each.size for domain, each in reader.readers.items()}
        return {name: self._teacher_size(name, reader)}

    def _teacher_size(self, name: str, reader: Reader | None) -> Size:
        """Also where a teacher writes but does not score."""
        if reader is not None:
            return reader.size
        who = "student" if name in self.params["self_taught"] else "teacher"
        if not self.params["pair"][who]:
            return self.size  # nobody teaches
        if who not in self.loaded:
            return models.size_of(models.skeleton(self._source(who)))
        return self.loaded[who].size

    # State

    def _resume(self) -> None:
        numbers = load_state(self.job.work / "state", self.model, self.optimizer, self._further)
        if numbers:
            self.meters = Meters(numbers["spent"])
            self.round_, self.batch, self.log = numbers["round"], numbers["batch"], numbers["log"]
            self.ended, self.trained, self.gaps = numbers["ended"], numbers["trained"], numbers["gaps"]

    @property
    def _further(self) -> dict[str, dict[str, torch.Tensor]]:
        return {name: reader.mean for name, reader in self.means.items()}

    def _keep(self) -> None:
        numbers = {
            "spent": self.meters.spent,
            "round": self.round_,
            "batch": self.batch,
            "log": self.log,
            "ended": self.ended,
            "trained": self.trained,
            "gaps": self.gaps,
        }
        name = f"{int(self.meters.spent['updates']):09d}-{self.batch:06d}"
        save_state(self.job.work / "state", name, self.model, self.optimizer, numbers, self._further)
        self.kept = time.monotonic()

    # One round

    def round(self) -> None:
        trajectories = self._trajectories()
        whole, before = self.batch == 0, self._limited()
        batches = whole_problem_batches(trajectories, self.params["optim"]["batch"])
        self.kept = time.monotonic()
        while self.batch < len(batches) and self.ended is None:
            self._update(batches[self.batch], len(batches))
            self.batch += 1
            if time.monotonic() - self.kept > STATE_SECONDS:
                self._keep()
        if self.ended is None:
            if whole and self._limited() == before:
                raise Fault(
                    f"round {self.round_} spent nothing of {', '.join(self.limits)}, so training would never end. "
                    "Limit something that this method spends, or look why its trajectories weigh nothing."
                )
            self.round_, self.batch = self.round_ + 1, 0
        self._keep()

    def _trajectories(self) -> list[Trajectory]:
        """This round's, terms together, problems in the round's order."""
        if self.round_ == 0:
            roles = {name: f"trajectories/{name}" for name in self.params["terms"]}
            folders = [self.job.input(role) for role in roles.values()]
        else:
            folders = self._write_round()
        return [t for folder in folders for t in from_bytes(Trajectory, folder / "trajectories.parquet")]

    def _write_round(self) -> list[Path]:
        if self.batch == 0:
            snapshot = self._snapshot()
            self.trained = snapshot.address
        # The inputs that round steps share with the plan's own; the snapshot stands for the student as it was when the round began.
        inputs = {role: address for role, address in self.job.step.inputs.items() if not role.startswith("trajectories/")}
        round_ = Round(self.params, inputs, self.job.step.local, self.round_, self.trained)
        steps, constructs = round_.steps()
        missing = [step for step in steps if self.journal.record(step.address) is None]
        if missing and self.batch:
            raise Corrupt(missing[0].address, "is gone from the journal of a round that was being trained on")
        if missing:
            self._commit_snapshot(snapshot)
        self.model.eval()
        for step in missing:
            execute(step, self.journal, self._relay, {}, self.job.machine)
        release()
        self.model.train()
        shutil.rmtree(self.journal.folder(str(self.trained)), ignore_errors=True)  # the state holds these weights already
        keep_rollouts(self.job.work, self.journal, round_)
        return [self.journal.payload(address) for address in constructs.values()]

    def _relay(self, event: dict[str, Any]) -> None:
        self.job.report({**event, "doing": f"round {self.round_}: {event['doing']}", **self._share()})

    def _limited(self) -> dict[str, float]:
        return {meter: self.meters.spent[meter] for meter in self.limits}

    def _share(self) -> dict[str, Any]:
        return {"progress": progress(self.meters.spent, self.limits)[0]}

    def _snapshot(self) -> Step:
        """The student as it stands, as a step whose address is a hash of its weights."""
        folder = self.job.work / "snapshot"
        shutil.rmtree(folder, ignore_errors=True)
        models.save(self.model, self.tokenizer, folder)
        self._keep_probe(folder)
        weights = {p.name: file_hash(p) for p in sorted(folder.glob("*.safetensors"))}
        return Step("snapshot", {"weights": weights}, {}, title=f"student · round {self.round_}")

    def _commit_snapshot(self, snapshot: Step) -> None:
        attempt = self.journal.attempt(snapshot.address)
        shutil.copytree(self.job.work / "snapshot", attempt, dirs_exist_ok=True)
        self.journal.commit(snapshot, attempt, {}, {}, {})

    def _update(self, batch: list[Trajectory], batches: int) -> None:
        spent, optim = self.meters.spent, self.params["optim"]
        self.meters.count(
            batch,
            len(self.domain_of),
            self.size,
            self.teacher_sizes,
            bool(self.params["lora"]),
            self.third_sizes,
            self.domain_of,
        )
        spent["rounds"] = self.round_ + (self.batch + 1) / batches
        share, _ = progress(spent, self.limits)
        rate = optim["learning_rate"] * rate_factor(share, optim["warmup"], optim["schedule"])
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        torch.manual_seed(derive(self.params["seed"], "dropout", int(spent["updates"])))
        self.optimizer.zero_grad(set_to_none=True)
        seen = backward(
            self.objective, self.student, batch, share, self.pad_id, self.job.machine.get("micro_batch_tokens", 16384), self.observer
        )
        figures = seen.figures
        figures["gradient_norm"] = torch.nn.utils.clip_grad_norm_(list(trainable(self.model).values()), optim["grad_clip"]).item()
        if not all(map(_finite, figures.values())):
            raise Fault(
                f"update {int(spent['updates'])} gave a value that is not finite ({figures}). "
                "Lower `train.optim.learning_rate`, or look at the trajectories with `harness show`."
            )
        self._compare_with_sampler(seen.trajectories)
        keep_update(self.job.work, int(spent["updates"]), self.round_, seen.trajectories)
        self.optimizer.step()
        for reader in self.means.values():
            reader.follow()
        self.log.append({"round": self.round_, "lag": self.batch, "learning_rate": rate, **figures, **spent})
        self.job.report(
            {
                "doing": "train",
                "done": int(spent["updates"]),
                "loss": figures["objective"],
                "trained": int(spent["trained"]),
                "progress": share,
            }
        )
        self.ended = ended_by(spent, self.limits)
        last = self.log[-2]["share"] if len(self.log) > 1 else 0.0
        self.log[-1]["share"] = share
        for fraction in self.params["checkpoints"]:
            if (reached(share, fraction) and not reached(last, fraction) and fraction < 1.0) or (fraction == 1.0 and self.ended):
                self._save(f"at-{fraction:g}")

    def _compare_with_sampler(self, rows: list[dict[str, Any]]) -> None:
        """At a round's first update nothing has changed since the writing: whoever wrote must find its tokens as likely here."""
        known = [row for row in rows if _finite(row["sampler_gap"])]
        lora = self.params["lora"]
        if self.batch or not known or (lora and lora["dropout"]):  # dropout moves the student's own scores
            return
        gap = sum(row["sampler_gap"] for row in known) / sum(row["tokens"] for row in known)
        self.gaps.append(gap)
        pair = self.params["pair"]
        bound = max(SAMPLER_GAP[pair[who]["dtype"]] for who in ("student", "teacher") if pair[who])
        if gap > bound:
            raise Fault(
                f"round {self.round_}: sampler and trainer differ by {gap:.3f} nats a token on the same tokens, "
                f"and more than {bound:g} means other weights or another prompt. Look at the versions of the sampling engine in the "
                "record (`harness show`), or sample with `engine: transformers`."
            )

    def _save(self, name: str) -> None:
        folder = self.job.work / "checkpoints"
        folder.mkdir(exist_ok=True)
        temporary = folder / f".{name}"
        shutil.rmtree(temporary, ignore_errors=True)
        models.save(self.model, self.tokenizer, temporary)
        self._keep_probe(temporary)
        shutil.rmtree(folder / name, ignore_errors=True)
        os.replace(temporary, folder / name)

    def _keep_probe(self, folder: Path) -> None:
        """Round 0's first text with what these weights think of it, beside them: whoever serves them can find out that it does."""
        source = self.job.input(f"trajectories/{next(iter(self.params['terms']))}") / "trajectories.parquet"
        first = next(pq.ParquetFile(source).iter_batches(1, columns=["student_prompt_ids", "response_ids"]), None)
        ids = [i for row in first.to_pylist() for text in row.values() for i in text][: probe.TOKENS] if first else []
        if len(ids) > 1:
            logprobs = models.token_logprobs(self.model, self.student.vocabulary, ids)
            probe.write(folder, probe.Probe(tuple(ids), tuple(logprobs)))

    def _corpus(self) -> dict[str, int]:
        """Counts of the main term's trajectories, all rounds together."""
        first = self.job.store.record(self.job.step.inputs["trajectories/main"])
        later = [r for r in self.journal.records("construct") if r.step["params"]["term"] == "main"]
        counted = ("trajectories", "kept", "over_teacher_prompt", "ungraded", "tokens", "masked")
        return {name: sum(record.facts[name] for record in (first, *later) if record) for name in counted}

    def _why_nothing(self) -> str:
        corpus, keep = self._corpus(), self.objective.terms["main"].keep
        said = f"no trajectory of {corpus['trajectories']} weighs anything, so nothing was trained."
        if corpus["over_teacher_prompt"]:
            limit = self.params["limits"]["teacher_prompt"]
            return (
                f"{said} For {corpus['over_teacher_prompt']} the teacher's prompt is over the limit: raise limits.teacher_prompt ({limit})."
            )
        if keep != All():
            return f"{said} {keep!r} kept none of them. Take more problems, or keep All()."
        return f"{said} Look at them with `harness show`."

    def finish(self) -> dict:
        if not self.log:
            raise Fault("nothing was trained.")
        if not self.meters.spent["trained"]:
            raise Fault(self._why_nothing())
        for checkpoint in sorted((self.job.work / "checkpoints").glob("at-*")):
            shutil.copytree(checkpoint, self.job.out / checkpoint.name)
        leave(self.job.work, self.job.out, self.log, self.meters.spent)
        written = {"rollout": 0, "teacher": 0}  # tokens of rounds 1 and later
        for record in self.journal.records("generate"):
            purpose = record.step["params"]["seeds"]["purpose"]
            written["rollout" if purpose == "train/student" else "teacher"] += record.facts["tokens"]
        for record in self.journal.records("relay"):
            written = {who: tokens + record.facts["tokens"][who] for who, tokens in written.items()}
        self.job.used_up += ["state", "snapshot", "checkpoints", "updates", "rounds"]
        gaps = {"sampler_gap": max(self.gaps)} if self.gaps else {}
        corpus = self._corpus()
        return {
            "spent": self.meters.spent,
            "ended_by": self.ended,
            "lag": sum(entry["lag"] for entry in self.log) / len(self.log),
            "tokens": written,
            "corpus": corpus,
            "last": {key: value for key, value in self.log[-1].items() if isinstance(value, float)},
            **gaps,
        }


def _finite(value: float) -> bool:
    return value == value and abs(value) != float("inf")

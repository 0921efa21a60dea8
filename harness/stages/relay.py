"""Responses that two write by turns: propose, score, cut at the trigger, go on by the other, join (arXiv:2607.26057, arXiv:2410.11325).

No sampler is looked into: the student proposes, both read the proposal, what stands before the trigger stays, and the teacher goes on from
there. Tokens are joined as they were sampled. What is cut away was proposed for want of a hook in the sampler: it is told, and charged to nobody.
The work is cut into parts as that of `generate` is. Log-probabilities are the student's throughout, of the teacher's tokens too.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from harness import models, prompts
from harness.answers import decode
from harness.engine.batching import micro_batches
from harness.engine.distill import Pass, nothing
from harness.engine.readers import Reader
from harness.records import ModelRef, Rollout, Sampling, Trajectory
from harness.sampling import Request, Sampler, Written
from harness.sampling.hf import HfSampler
from harness.seeds import derive
from harness.stages import Job
from harness.stages.generate import Opening, Told, parts_of
from harness.stages.inputs import HANDS, hands_to_bytes
from harness.store import write_atomically
from harness.tables import to_bytes
from methods.method import Term
from methods.parts.contexts import Material, Plain
from methods.parts.losses import Loss, ReverseKL, TokenScores
from methods.parts.writers import Relay

TOKENS = 16384  # padded, read at once
PARAGRAPH = "\n\n"


def run(job: Job) -> dict:
    parts, batch = parts_of(job)
    told = Told(job, sum(map(len, parts)))
    writers: Writers | None = None
    tables = []
    for number, part in enumerate(parts):
        data = job.store.part(job.step.address, f"{number:05d}")
        if data is None:
            writers = writers or Writers(job, batch)
            data = to_table([text.row for text in writers.relay(part, told.tokens_more)])
            job.store.keep_part(job.step.address, f"{number:05d}", data)
        tables.append(pq.read_table(io.BytesIO(data)))
        told.rollouts_more(len(part))
    rows = pa.concat_tables(tables).to_pylist()
    rollouts = [
        Rollout(
            row["problem_id"],
            row["sample"],
            tuple(row["prompt_ids"]),
            tuple(row["response_ids"]),
            row["finish_reason"],
            tuple(row["logprobs"]),
        )
        for row in rows
    ]
    write_atomically(job.out / "rollouts.parquet", to_bytes(Rollout, rollouts))
    write_atomically(job.out / HANDS, hands_to_bytes(row["by_teacher"] for row in rows))
    theirs = sum(sum(row["by_teacher"]) for row in rows)
    return {
        "rollouts": len(rollouts),
        "tokens": {"rollout": sum(len(row["by_teacher"]) for row in rows) - theirs, "teacher": theirs},
        "truncated": sum(row["finish_reason"] == "length" for row in rows),
        "turns": sum(row["turns"] for row in rows),
        "relayed": sum(row["turns"] > 0 for row in rows),
        "cut_away": sum(row["cut_away"] for row in rows),
        "unknown_texts": Writers.unknown(job),
    }


SCHEMA = pa.schema(
    [
        ("problem_id", pa.string()),
        ("sample", pa.int32()),
        ("prompt_ids", pa.list_(pa.int32())),
        ("response_ids", pa.list_(pa.int32())),
        ("finish_reason", pa.string()),
        ("logprobs", pa.list_(pa.float32())),
        ("by_teacher", pa.list_(pa.int8())),
        ("turns", pa.int32()),
        ("cut_away", pa.int32()),
    ]
)


def to_table(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), sink, compression="zstd")
    return sink.getvalue()


@dataclass
class Text:
    """A response as far as it stands. `hands`: 1 for the teacher's tokens. `ended`: how, once it is."""

    opening: Opening
    prompt: tuple[int, ...]  # what the student reads
    teacher_prompt: tuple[int, ...]
    ids: list[int] = field(default_factory=list)
    hands: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    turns: int = 0
    cut_away: int = 0
    ended: str | None = None

    def add(self, ids: Sequence[int], logprobs: Sequence[float], hand: int) -> None:
        self.ids += ids
        self.logprobs += logprobs
        self.hands += [hand] * len(ids)

    def trajectory(self, further: Sequence[int] = ()) -> Trajectory:
        """As both read it, with something after it."""
        key = (self.opening.problem.id, self.opening.sample)
        return Trajectory(*key, "main", self.prompt, self.teacher_prompt, (*self.ids, *further))

    @property
    def row(self) -> dict[str, Any]:
        return {
            "problem_id": self.opening.problem.id,
            "sample": self.opening.sample,
            "prompt_ids": self.prompt,
            "response_ids": self.ids,
            "finish_reason": self.ended,
            "logprobs": self.logprobs,
            "by_teacher": self.hands,
            "turns": self.turns,
            "cut_away": self.cut_away,
        }


class Writers:
    """Both models, as samplers and as readers."""

    def __init__(self, job: Job, batch: int) -> None:
        self.job, self.params, self.batch = job, job.params, batch
        self.act: Relay = decode(job.params["relay"])
        self.reads = decode(job.params["reads"])
        self.sampling, self.turns = (Sampling(**job.params[name]) for name in ("sampling", "turns"))
        self.refs = {"student": ModelRef(**job.params["model"]), "teacher": ModelRef(**job.params["teacher"])}
        self.places = {who: models.source(ref, job.made(ROLES[who])) for who, ref in self.refs.items()}
        self.tokenizers = {who: models.tokenizer_of(place) for who, place in self.places.items()}
        self.stops = {who: models.stop_ids(self.places[who], tokenizer) for who, tokenizer in self.tokenizers.items()}
        own = self.tokenizers["student"]
        self.vocabulary = models.vocabulary_of(own)
        self.pad = own.pad_token_id if own.pad_token_id is not None else self.stops["student"][0]
        self.trained = job.input("trained") if "trained" in job.step.inputs else None
        self.models = {who: models.load(ref, self.places[who], self._trained(who)) for who, ref in self.refs.items()}
        readers = {who: Reader(model, self.vocabulary) for who, model in self.models.items()}
        self.both = Pass(Term(loss=Loss(ReverseKL())), readers["student"], readers["teacher"], None, self.pad, TOKENS)
        self.alone = Pass(Term(loss=Loss(ReverseKL())), readers["student"], None, None, self.pad, TOKENS)
        self.texts = tuple(known_ids(own, self.act.trigger.texts).values())

    def _trained(self, who: str):
        return self.trained if who == "student" else None

    @staticmethod
    def unknown(job: Job) -> list[str]:
        """The trigger's texts that the tokenizer does not spell by one token."""
        texts = decode(job.params["relay"]).trigger.texts
        tokenizer = models.tokenizer_of(models.source(ModelRef(**job.params["model"]), job.made(ROLES["student"])))
        known = known_ids(tokenizer, texts)
        return [text for text in texts if text not in known]

    def relay(self, part: list[Opening], report: Callable[[int], None]) -> list[Text]:
        texts = [self.begin(opening) for opening in part]
        while going := [text for text in texts if text.ended is None]:
            self.leg(going, report)
        self.score_turns([text for text in texts if text.turns])
        return texts

    def begin(self, opening: Opening) -> Text:
        problem = opening.problem
        own = prompts.reading(self.tokenizers["student"], problem, Plain()(Material(problem.prompt)), self.params["modes"]["student"])
        message = self.reads(Material(problem.prompt, problem.solution, None, problem.answer))
        theirs = prompts.reading(self.tokenizers["teacher"], problem, message, self.params["modes"]["teacher"])
        return Text(opening, tuple(own), tuple(theirs))

    def leg(self, texts: list[Text], report: Callable[[int], None]) -> None:
        """The student proposes, and where the trigger fires the teacher has its turn."""
        most = self.sampling.max_tokens
        left = [most - len(text.ids) for text in texts]
        wanted = min(max(left), self.act.block or most)
        proposals = self.write("student", texts, wanted, report)
        proposed = [written.response_ids[:room] for written, room in zip(proposals, left, strict=True)]
        handed: list[Text] = []
        for text, ids, written, fired in zip(texts, proposed, proposals, self.first_triggers(texts, proposed), strict=True):
            place, dictated = fired
            text.add(ids[:place], written.logprobs[:place], 0)
            text.cut_away += len(written.response_ids) - place
            if place == len(ids):
                stopped = written.finish_reason == "stop" and place == len(written.response_ids)
                text.ended = "stop" if stopped else "length" if len(text.ids) >= most else None
                continue
            text.add(dictated, [float("nan")] * len(dictated), 1)
            text.turns += 1
            handed.append(text)
        self.take_over(handed, report)

    def take_over(self, texts: list[Text], report: Callable[[int], None]) -> None:
        most = self.sampling.max_tokens
        going = [text for text in texts if len(text.ids) < most]
        if going:
            wanted = min(self.act.most, max(most - len(text.ids) for text in going))
            for text, written in zip(going, self.write("teacher", going, wanted, report), strict=True):
                ids = written.response_ids[: most - len(text.ids)]
                ids = ids[: self.paragraphs_end(ids)]
                text.add(ids, [float("nan")] * len(ids), 1)
                if written.finish_reason == "stop" and len(ids) == len(written.response_ids):
                    text.ended = "stop"
        for text in texts:
            if text.ended is None and (len(text.ids) >= most or text.turns == self.act.turns):
                text.ended = "length"

    def paragraphs_end(self, ids: Sequence[int]) -> int:
        """How many tokens a turn has: up to the token that ends its last paragraph."""
        ends = [place for place, token in enumerate(ids, 1) if PARAGRAPH in self.tokenizers["teacher"].decode([token])]
        return ends[self.act.paragraphs - 1] if self.act.paragraphs and len(ends) >= self.act.paragraphs else len(ids)

    def write(self, who: str, texts: list[Text], most: int, report: Callable[[int], None]) -> list[Written]:
        """At most so many tokens after each text. The first of a text are drawn as those of an ordinary rollout."""
        seeds = self.params["seeds"]
        requests = []
        for text in texts:
            key = (seeds["round"], text.opening.problem.id, text.opening.sample)
            further = ("relay", who, len(text.ids)) if text.ids or who == "teacher" else ()
            prompt = text.prompt if who == "student" else text.teacher_prompt
            requests.append(Request((*prompt, *text.ids), derive(seeds["seed"], seeds["purpose"], *key, *further)))
        base = self.sampling if who == "student" else self.turns
        sampling = Sampling(base.temperature, base.top_p, base.top_k, most)
        found: list[Written] = []
        for _, written in self.sampler(who).write_parts([requests], sampling, report):
            found += written
        return found

    def sampler(self, who: str) -> Sampler:
        """With transformers the model that also reads; with vLLM the engine of this process, which changes hands with the pen."""
        if self.params["engine"] == "vllm":
            from harness.sampling.vllm import VllmSampler

            rank = self.job.machine.get("lora_ranks", {}).get(self.refs[who].path)
            return VllmSampler(self.refs[who], self.places[who], self._trained(who), self.stops[who], self.vocabulary, rank)
        return HfSampler(self.models[who], self.stops[who], self.pad, self.vocabulary, self.batch)

    @torch.no_grad()
    def first_triggers(self, texts: list[Text], proposed: list[tuple[int, ...]]) -> list[tuple[int, list[int]]]:
        """Of each proposal, how many tokens stand, and what the teacher's turn begins with, where it must."""

        def observe(scores: TokenScores) -> dict[str, torch.Tensor]:
            fires = self.act.trigger(scores.student_TV, scores.teacher_TV, scores.token_ids_T, self.texts)
            return {"fires": fires, "likeliest": scores.teacher_TV.argmax(-1)}

        trajectories = [text.trajectory(ids) for text, ids in zip(texts, proposed, strict=True)]
        found: dict[int, tuple[int, list[int]]] = {}
        standing = {id(t): (len(text.ids), len(ids)) for t, text, ids in zip(trajectories, texts, proposed, strict=True)}
        for micro, seen in self.read(self.both, trajectories, observe):
            for t, fires, likeliest in zip(micro, seen["fires"], seen["likeliest"], strict=True):
                before, count = standing[id(t)]
                at = fires[before:].nonzero()[:, 0].tolist()
                first = at[0] if at else count
                dictated = [int(likeliest[before + first])] if at and self.act.trigger.dictates else []
                found[id(t)] = (first, dictated)
        return [found[id(t)] for t in trajectories]

    @torch.no_grad()
    def score_turns(self, texts: list[Text]) -> None:
        """What the student thinks of the tokens that the teacher wrote."""

        def observe(scores: TokenScores) -> dict[str, torch.Tensor]:
            return {"logprob": scores.student_TV.log_softmax(-1).gather(1, scores.token_ids_T[:, None])[:, 0]}

        trajectories = [text.trajectory() for text in texts]
        of = {id(t): text for t, text in zip(trajectories, texts, strict=True)}
        for micro, seen in self.read(self.alone, trajectories, observe):
            for t, logprob in zip(micro, seen["logprob"], strict=True):
                text = of[id(t)]
                text.logprobs = [new if hand else old for old, new, hand in zip(text.logprobs, logprob.tolist(), text.hands, strict=True)]

    def read(self, reads: Pass, trajectories: list[Trajectory], observe: Callable[[TokenScores], dict[str, torch.Tensor]]):
        """Micro-batches and what was observed of each of their responses, column by column."""
        for micro in micro_batches(trajectories, TOKENS):
            lengths = [len(t.response_ids) for t in micro]
            _, _, seen = reads.score(micro, nothing, torch.zeros(sum(lengths)), {}, observe)  # type: ignore[arg-type]
            yield micro, {name: column.cpu().split(lengths) for name, column in seen.items()}


ROLES = {"student": "weights", "teacher": "teacher_weights"}


def known_ids(tokenizer, texts: Sequence[str]) -> dict[str, int]:
    """Text → the one token that spells it; others are left out."""
    spelled = {text: tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts}
    return {text: ids[0] for text, ids in spelled.items() if len(ids) == 1}

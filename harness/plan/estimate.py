"""What a plan will cost, estimated before anything is spent: tokens, FLOPs, modelled H100-hours (harness/costs.py).

Guesses, stated where they are printed: a response is half as long as it may be, a prompt without an attempt has 200 tokens, and a filter
keeps half of what it looks at for each verdict that it asks for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness import catalogue
from harness.costs import Size, before, flops, h100_seconds
from harness.records import ModelRef
from harness.spec.model import METERS
from methods.method import Term
from methods.parts.teachers import Frozen, Nobody

MEAN_LENGTH = 0.5  # of max_tokens
PROMPT = 200  # tokens
KEPT = 0.5  # for each verdict asked for
UNKNOWN_ROUNDS = 10  # where no limit tells


@dataclass(frozen=True)
class Work:
    """Of one step: floating-point operations and hours of one H100."""

    flops: float = 0.0
    gpu_hours: float = 0.0


def size(ref: ModelRef) -> Size | None:
    """From the catalogue; None where it does not tell."""
    try:
        entry = catalogue.model(ref.path)
    except catalogue.Unknown:
        return None
    if "parameters" not in entry:
        return None
    untied = not entry.get("tied", True)
    multiplying = float(entry["parameters"] - (entry["vocabulary"] * entry["hidden"] if untied else 0))
    if "layers" not in entry:
        return Size(multiplying)
    return Size.of(multiplying, entry["layers"], entry["heads"], entry["kv_heads"], entry["head_width"])


def unsized(refs: Iterable[ModelRef]) -> tuple[str, ...]:
    """The models whose size is not known: their work is left out of every estimate."""
    return tuple(dict.fromkeys(ref.path for ref in refs if size(ref) is None))


def work(model: Size | None, **tokens: Any) -> Work:
    """`tokens`: as harness.costs names them."""
    return Work() if model is None else Work(flops(model, **tokens), h100_seconds(model, **tokens) / 3600)


def writing_of(model: Size | None, count: float, length: float, prompt: float) -> Work:
    """`count` responses of `length` tokens to prompts of `prompt`."""
    return work(
        model,
        written=count * length,
        written_context=count * before(prompt, length),
        read=count * prompt,
        read_context=count * before(0, prompt),
    )


def generation(params: dict[str, Any], written: float, attempt: float = 0.0) -> Work:
    """Of a generate step with these params: `written` tokens in all; `attempt` tokens a prompt holds beside the problem."""
    length = params["sampling"]["max_tokens"] * MEAN_LENGTH
    return writing_of(size(ModelRef(**params["model"])), written / length, length, PROMPT + attempt)


@dataclass(frozen=True)
class RoundCost:
    """What one round adds to each meter of a budget: by its writing, and by the training on it."""

    writing: dict[str, float]
    training: dict[str, float]

    @property
    def meters(self) -> dict[str, float]:
        return {meter: self.writing[meter] + self.training[meter] for meter in METERS}


def one_round(params: dict[str, Any], terms: dict[str, Term], problems: float, all_problems: float) -> RoundCost:
    """A round over `problems` of `all_problems`. `params` are the train step's."""
    student = size(ModelRef(**params["pair"]["student"]))
    pair_teacher = params["pair"]["teacher"]
    writing: dict[str, float] = dict.fromkeys(METERS, 0.0)
    training: dict[str, float] = {**dict.fromkeys(METERS, 0.0), "rounds": 1.0, "epochs": problems / max(1.0, all_problems)}
    written_before: set[tuple] = set()
    for name, term in terms.items():
        acts = term.writer.acts(term.reads.needs_attempt)
        asked = params["sampling"][name]
        length = {who: asked[who]["max_tokens"] * MEAN_LENGTH for who in asked}
        teacher = student if isinstance(term.teacher, Frozen) or not pair_teacher else size(ModelRef(**pair_teacher))
        count = problems * asked[acts[-1].by]["n"]
        attempt = length["student"] if term.reads.needs_attempt else 0.0
        for act in acts:
            what = (act, tuple(sorted(asked[act.by].items())))
            if what in written_before:  # terms that ask alike share what is written
                continue
            written_before.add(what)
            prompt = PROMPT + (attempt if act.reads == "method" else 0.0)
            writing[f"{act.by}_written"] += count * length[act.by]
            writing["teacher_read"] += count * prompt if act.by == "teacher" else 0.0
            _add(writing, writing_of(student if act.by == "student" else teacher, count, length[act.by], prompt))
        kept = count * KEPT ** len(term.keep.needs)
        response = length[acts[-1].by]
        training["trained"] += kept * response
        training["updates"] += kept / params["optim"]["batch"] if name == "main" else 0.0
        passed = PROMPT + response
        _add(training, work(student, trained=kept * passed, trained_context=kept * before(0, passed), adapter=bool(params["lora"])))
        if not isinstance(term.teacher, Nobody):
            passed += attempt
            training["teacher_read"] += count * passed
            _add(training, work(teacher, read=count * passed, read_context=count * before(0, passed)))
    return RoundCost(writing, training)


def _add(spent: dict[str, float], done: Work) -> None:
    spent["flops"] += done.flops
    spent["gpu_hours"] += done.gpu_hours


def rounds(meters: dict[str, float], limits: dict[str, float], count: int | str) -> float:
    """How many rounds a row will run: until the first limit, or as many as the suite says."""
    said = [float(count)] if isinstance(count, int) else []
    said += [limit / meters[meter] for meter, limit in limits.items() if meters[meter] > 0]
    return min(said, default=UNKNOWN_ROUNDS)

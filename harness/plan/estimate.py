"""What a plan will cost, estimated before anything is spent: tokens, FLOPs, modelled H100-hours (harness/costs.py).

Guesses, stated where they are printed: a response is half as long as it may be, a prompt without an attempt has 200 tokens, and a filter
keeps half of what it looks at for each verdict that it asks for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from harness import catalogue
from harness.costs import Size, before, flops, h100_seconds
from harness.records import ModelRef
from harness.rounds import UNSOLVED
from harness.spec.asked import asks_by_domain, self_taught
from harness.spec.model import METERS
from methods.method import Term
from methods.parts.teachers import Extrapolated
from methods.parts.writers import Copy, Pick, Probe, Relay, Write, responses

Asked = dict[str, dict[str, Any]]  # product → its sampling

MEAN_LENGTH = 0.5  # of max_tokens
PROMPT = 200  # tokens
KEPT = 0.5  # for each verdict asked for
PEERS = 2  # that a teacher is shown
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
    interplay_before: set[Probe | Relay] = set()
    for name, term in terms.items():
        acts, asked = term.acts, params["sampling"][name]
        length = {product: sampling["max_tokens"] * MEAN_LENGTH for product, sampling in asked.items()}
        by_domain = [ref for role, ref in params["pair"].items() if role.startswith("teachers/")] if asks_by_domain(term) else []
        taught_by = by_domain[0] if by_domain else pair_teacher  # of several, as if each were the first
        teacher = student if self_taught(term) or not taught_by else size(ModelRef(**taught_by))
        attempt = length.get("student", 0.0) if term.reads.needs_attempt else 0.0
        for act in acts:
            if isinstance(act, Probe | Relay):
                shared = replace(act, trains="attempts") if isinstance(act, Probe) else act  # whichever side is trained on, one is made
                if shared not in interplay_before:
                    interplay_before.add(shared)
                    if isinstance(act, Probe):
                        probing(act, problems, asked, length, student, teacher, writing)
                    else:
                        relaying(act, problems, asked, length, student, teacher, writing)
                continue
            if not isinstance(act, Write):
                continue
            what = (act.by, act.reads, act.where, act.share, tuple(sorted(asked[act.product].items())))
            if what in written_before:  # terms that ask alike share what is written
                continue
            written_before.add(what)
            count = problems * share(act) * asked[act.product]["n"]
            prompt = PROMPT + (attempt if act.reads == "method" else 0.0)
            writing[f"{act.by}_written"] += count * length[act.product]
            writing["teacher_read"] += count * prompt if act.by == "teacher" else 0.0
            _add(writing, writing_of(student if act.by == "student" else teacher, count, length[act.product], prompt))
        for product, each in trained_on(term, asked).items():
            count = problems * each
            kept = count * KEPT ** len(term.keep.needs)
            response = length[product]
            last = acts[-1]
            future = last if isinstance(last, Probe) and last.trains == "futures" else None
            if future:
                count, kept = (some * future.suspects(response) * future.divergent for some in (count, kept))
                response = response / 2 + future.window
            training["trained"] += kept * (future.window if future else response)
            training["updates"] += kept / params["optim"]["batch"] if name == "main" else 0.0
            passed = PROMPT + response
            _add(training, work(student, trained=kept * passed, trained_context=kept * before(0, passed), adapter=bool(params["lora"])))
            if term.scored:
                passed += attempt + (PEERS * response if term.reads.needs_peers else 0.0)
                times = 2 if isinstance(term.teacher, Extrapolated) else 1  # through a reference: both read
                training["teacher_read"] += times * count * passed
                _add(training, work(teacher, read=times * count * passed, read_context=times * count * before(0, passed)))
    return RoundCost(writing, training)


def probing(
    act: Probe,
    problems: float,
    asked: Asked,
    length: dict[str, float],
    student: Size | None,
    teacher: Size | None,
    writing: dict[str, float],
) -> None:
    """Adds what both write from the suspects."""
    begun = length[act.of]
    count = problems * asked[act.of]["n"] * act.suspects(begun)
    for by, model in (("student", student), ("teacher", teacher)):
        writing[f"{by}_written"] += count * act.window
        _add(writing, continuing(model, count, act.window, begun))


def relaying(
    act: Relay,
    problems: float,
    asked: Asked,
    length: dict[str, float],
    student: Size | None,
    teacher: Size | None,
    writing: dict[str, float],
) -> None:
    """Adds what is written by turns, as if the student wrote it all, and the teacher's reading along."""
    count, written = problems * asked[act.product]["n"], length[act.product]
    passed = PROMPT + written
    writing["student_written"] += count * written
    writing["teacher_read"] += count * passed
    _add(writing, writing_of(student, count, written, PROMPT))
    _add(writing, work(teacher, read=count * passed, read_context=count * before(0, passed)))


def continuing(model: Size | None, count: float, window: float, begun: float) -> Work:
    """`count` continuations of responses of `begun` tokens, from their middle on average; what stands has been read already."""
    return work(model, written=count * window, written_context=count * before(PROMPT + begun / 2, window))


def share(act: Write | Copy) -> float:
    """Of a round's problems, those that an act is carried out on."""
    return {"unsolved": UNSOLVED, "heads": act.share, "tails": 1 - act.share}.get(act.where, 1.0)


def trained_on(term: Term, asked: Asked) -> dict[str, float]:
    """Product → responses to one problem. Of a choice, one for each attempt, as long as those that it is made of."""
    last = term.acts[-1]
    if isinstance(last, Pick):
        return {last.of[0]: asked["student"]["n"]}
    if isinstance(last, Probe):
        return {last.of: asked[last.of]["n"]}
    if isinstance(last, Relay):
        return {last.product: asked[last.product]["n"]}
    acts = [act for act in term.acts if isinstance(act, Write | Copy) and act.product in responses(term.acts)]
    return {act.product: share(act) * asked[act.product]["n"] for act in acts}


def _add(spent: dict[str, float], done: Work) -> None:
    spent["flops"] += done.flops
    spent["gpu_hours"] += done.gpu_hours


def rounds(meters: dict[str, float], limits: dict[str, float], count: int | str) -> float:
    """How many rounds a row will run: until the first limit, or as many as the suite says."""
    said = [float(count)] if isinstance(count, int) else []
    said += [limit / meters[meter] for meter, limit in limits.items() if meters[meter] > 0]
    return min(said, default=UNKNOWN_ROUNDS)

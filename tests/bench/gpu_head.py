"""Time and memory of the loss head on a device, against the matrix products that it cannot do without.

Shapes: T tokens, V vocabulary, D and E widths of student and teacher.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
from loss_head import LOSSES, full_logits
from measure import Section, free, peak_gib, seconds, shown
from torch import Tensor

from harness.engine import divergence
from harness.engine.diagnostics import Observer
from harness.engine.divergence import CHUNK_TOKENS, chunked_loss
from methods.parts.losses import NLL, TokenScores

GOAL = 1.5  # times the matrix products
PEAK_GIB = 3.5  # at 16,384 tokens: as counted in tests/harness/engine/test_divergence.py


def made(tokens: int, vocabulary: int, widths: tuple[int, int], trained: bool, device: torch.device, dtype=torch.bfloat16) -> dict:
    """Arguments of chunked_loss: logits of about the spread that models have, weights of which some are 0."""
    torch.manual_seed(0)
    width, teacher_width = widths
    shape = {"device": device, "dtype": dtype}
    weights = torch.rand(tokens, device=device)
    weights[::7] = 0
    return {
        "student_hidden_TD": torch.randn(tokens, width, **shape).requires_grad_(),
        "student_head_VD": (2 * torch.randn(vocabulary, width, **shape) / width**0.5).requires_grad_(trained),
        "teacher_hidden_TE": torch.randn(tokens, teacher_width, **shape),
        "teacher_head_VE": 2 * torch.randn(vocabulary, teacher_width, **shape) / teacher_width**0.5,
        "token_ids_T": torch.randint(vocabulary, (tokens,), device=device),
        "weights_T": weights,
        "sampler_logprobs_T": -4 * torch.rand(tokens, device=device),
    }


def run(loss, given: dict, **options):
    """Forward and backward of the loss head; its result. Nobody teaches an NLL."""
    for name in ("student_hidden_TD", "student_head_VD"):
        given[name].grad = None
    if isinstance(loss, NLL):
        given = given | {"teacher_hidden_TE": None, "teacher_head_VE": None}
    inputs = {name: tensor for name, tensor in given.items() if name != "sampler_logprobs_T"}
    result = chunked_loss(loss, **inputs, columns={"sampler_logprobs_T": given["sampler_logprobs_T"]}, **options)
    result[0].backward()
    return result


def plainly(loss, given: dict) -> None:
    for name in ("student_hidden_TD", "student_head_VD"):
        given[name].grad = None
    full_logits(loss, *list(given.values())[:6]).backward()


@contextlib.contextmanager
def inner_entries(count: int) -> Iterator[None]:
    """The number of logits that a loss sees at once, for a while."""
    before = dict(divergence.INNER_ENTRIES)
    divergence.INNER_ENTRIES.update(dict.fromkeys(before, count))
    try:
        yield
    finally:
        divergence.INNER_ENTRIES.update(before)


def head(part: Section, sizes, device: torch.device, known: dict) -> None:
    """Each loss, forward and backward: against the products alone, and against plain autograd at the most tokens that fit."""
    widths = sizes.student["hidden_size"], sizes.teacher["hidden_size"]
    part.notes.append(f"T = {sizes.tokens:,}, widths {widths}, bf16, chunks of {CHUNK_TOKENS}; median of {sizes.repeat}")
    part.notes.append(f"goal: time at most {GOAL} × the products; limit: peak at most {PEAK_GIB} GiB over the inputs")
    of_products = part.table("The products alone, fp32 results, chunks of " + f"{sizes.floor_chunk:,}", ["product", "V", "ms", "TFLOP/s"])
    rows = part.table(
        "The loss head",
        ["loss", "head", "V", "ms", "products ms", "ratio", "goal", "peak GiB", "plain: T", "time ÷ plain", "memory ÷ plain"],
    )
    for vocabulary, trained in itertools.product((sizes.vocabulary, sizes.ids), (False, True)):
        given = made(sizes.tokens, vocabulary, widths, trained, device)
        if not trained:
            spent = floor(given, sizes, device)
            of_products += [[name, vocabulary, 1e3 * one, work / one / 1e12] for name, (work, one) in spent.items()]
            if vocabulary % 64:  # would rows that begin at multiples of 64 entries help?
                padded = floor(given, sizes, device, stride=-(-vocabulary // 64) * 64)
                of_products += [[f"{name}, rows padded", vocabulary, 1e3 * one, work / one / 1e12] for name, (work, one) in padded.items()]
        cases: dict[str, tuple] = {name: (loss, {}) for name, loss in LOSSES.items()}
        if vocabulary == sizes.ids:  # what the engine meets; one loss will tell what the odd number costs
            cases = {"forward": cases["forward"]}
        cases["forward, with diagnostics (as in a step)"] = (LOSSES["forward"], {"observe": Observer(tuple(range(16)))})
        for name, (loss, options) in cases.items():
            needed = [key for key in spent if (trained or key != "d head") and not (key == "teacher logits" and isinstance(loss, NLL))]
            least = sum(spent[key][1] for key in needed)
            once = partial(run, loss, given, **options)
            peak, ours = peak_gib(device, once), seconds(device, once, sizes.repeat, warm=1)
            if device.type == "cuda":
                part.limit(f"{name}, {'trained' if trained else 'frozen'} head: peak GiB", peak, PEAK_GIB)
            goal = "met" if ours <= GOAL * least else "missed"
            plain = ("", math.nan, math.nan) if options else against_plain(loss, sizes, vocabulary, widths, trained, device)
            rows.append([name, "trained" if trained else "frozen", vocabulary, 1e3 * ours, 1e3 * least, ours / least, goal, peak, *plain])


def floor(given: dict, sizes, device: torch.device, stride: int | None = None) -> dict[str, tuple[int, float]]:
    """FLOPs and seconds of each product over all tokens, operands ready in bf16, results in fp32 as the engine wants them.

    `stride`: how far the rows of logits lie apart in memory, where not V.
    """
    student = given["student_hidden_TD"].detach(), given["student_head_VD"].detach()
    teacher = given["teacher_hidden_TE"], given["teacher_head_VE"]
    tokens, vocabulary, chunk = len(student[0]), len(student[1]), sizes.floor_chunk  # which divides the tokens
    logits = torch.empty(chunk, stride or vocabulary, device=device)[:, :vocabulary]
    gradient = torch.randn(chunk, stride or vocabulary, device=device, dtype=student[0].dtype)[:, :vocabulary]
    d_hidden = torch.empty(chunk, student[0].shape[1], device=device)
    d_head = torch.zeros(student[1].shape, device=device)
    parts = [slice(start, start + chunk) for start in range(0, tokens, chunk)]
    actions = {
        "student logits": (lambda at: product(student[0][at], student[1].t(), logits), student),
        "teacher logits": (lambda at: product(teacher[0][at], teacher[1].t(), logits), teacher),
        "d hidden": (lambda at: product(gradient, student[1], d_hidden), student),
        "d head": (lambda at: product(gradient.t(), student[0][at], d_head, add=True), student),
    }

    def over_all(action: Callable) -> None:
        for at in parts:
            action(at)

    return {
        name: (2 * tokens * vocabulary * of[0].shape[1], seconds(device, lambda action=action: over_all(action), sizes.repeat))
        for name, (action, of) in actions.items()
    }


def product(left: Tensor, right: Tensor, out: Tensor, add: bool = False) -> None:
    """bf16 times bf16 into fp32; on a CPU, which has no such product, by widening."""
    if not left.is_cuda:
        out.addmm_(left.float(), right.float(), beta=float(add))
    elif add:
        torch.addmm(out, left, right, out_dtype=torch.float32, out=out)
    else:
        torch.mm(left, right, out_dtype=torch.float32, out=out)


def against_plain(loss, sizes, vocabulary: int, widths, trained: bool, device: torch.device) -> tuple[int | str, float, float]:
    """The most tokens whose full logits fit, and there our time and memory over those of plain autograd."""
    tokens, repeat = sizes.tokens, min(sizes.repeat, 3)
    while tokens:
        free()
        try:
            given = made(tokens, vocabulary, widths, trained, device)
            theirs = peak_gib(device, partial(plainly, loss, given))
            slow = seconds(device, partial(plainly, loss, given), repeat, warm=1)
        except torch.OutOfMemoryError:
            given, tokens = None, tokens // 2
            continue
        ours = peak_gib(device, partial(run, loss, given))
        fast = seconds(device, partial(run, loss, given), repeat, warm=1)
        return tokens, fast / slow, ours / theirs
    return "none fits", math.nan, math.nan


def sweep(part: Section, sizes, device: torch.device, known: dict) -> None:
    """Milliseconds and peak by chunk and inner entries; and what a fused loss would bring."""
    widths = sizes.student["hidden_size"], sizes.teacher["hidden_size"]
    entries_now = divergence.INNER_ENTRIES[device.type]
    part.notes.append(f"defaults: chunks of {CHUNK_TOKENS} tokens, {entries_now:,} inner entries")
    repeat = min(sizes.repeat, 2)
    for trained, names in ((False, ("forward", "jsd")), (True, ("forward",))):
        given = made(sizes.tokens, sizes.vocabulary, widths, trained, device)
        for name in names:
            loss, found = LOSSES[name], {}
            standard = seconds(device, partial(run, loss, given), repeat)
            for chunk, entries in itertools.product(sizes.chunks, sizes.inner):
                once = partial(run, loss, given, chunk_tokens=chunk)
                with inner_entries(entries):
                    peak = peak_gib(device, once)  # which also warms up
                    found[chunk, entries] = seconds(device, once, repeat, warm=0), peak
            kind = f"{name}, {'trained' if trained else 'frozen'} head"
            rows = part.table(f"{kind}: ms (peak GiB)", ["chunk tokens", *(f"{entries:,} inner" for entries in sizes.inner)])
            for chunk in sizes.chunks:
                pairs = [found[chunk, entries] for entries in sizes.inner]
                rows.append([chunk, *(f"{1e3 * one:.1f} ({shown(peak)})" for one, peak in pairs)])
            (chunk, entries), (best, peak) = min(found.items(), key=lambda each: each[1][0])
            part.notes.append(
                f"{kind}: fastest with chunks of {chunk} and {entries:,} inner entries, {best / standard:.2f} × the default's "
                f"{1e3 * standard:.1f} ms, {shown(peak)} GiB"
            )
            if device.type == "cuda" and not trained:
                part.notes.append(f"{kind}: {compiled(loss, given, device, repeat, standard)}")


def compiled(loss, given: dict, device: torch.device, repeat: int, standard: float) -> str:
    """An experiment, no part of the engine: the loss through torch.compile. What fails here fails nothing."""
    try:
        fused = torch.compile(lambda student, teacher, ids: loss(TokenScores(student, teacher, ids)))
        spent = seconds(device, lambda: run(lambda s: fused(s.student_TV, s.teacher_TV, s.token_ids_T), given), repeat)
        return f"with torch.compile {1e3 * spent:.1f} ms, {spent / standard:.2f} × the default"
    except Exception as fault:
        return f"torch.compile did not work here: {type(fault).__name__}: {str(fault).splitlines()[0][:200]}"

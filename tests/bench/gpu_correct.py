"""The loss head on a device against plain autograd in float64 on the same operands.

Shapes: T tokens, V vocabulary, D and E widths of student and teacher.
"""

from __future__ import annotations

import itertools

import torch
from gpu_head import inner_entries, made, run
from measure import Section, apart

from harness.engine.divergence import Projection
from methods.parts.losses import JSD, NLL, Clip, ForwardKL, Loss, Policy, ReverseKL, Sampled, TokenScores, TopK

# Of bf16 operands with fp32 products. Gradients are rounded to bf16 twice, before the last product and after it: 2.2e-3 to 2.5e-3 over a
# whole vocabulary, up to 3.2e-3 where few entries carry them (a support, a clip). Were the logits rounded too, values would be off by
# 4.5e-4 and gradients by 1.8e-2.
VALUE_LIMIT, GRADIENT_LIMIT, FEW_LIMIT = 1e-4, 3e-3, 4e-3
# Of an fp32 student, whose gradient is never narrowed; TF32 products would be off by 1e-3.
WIDE_LIMIT = 1e-4

DIVERGENCES = {"forward KL": ForwardKL(), "reverse KL": ReverseKL(), **{f"JSD {mix}": JSD(mix) for mix in (0.1, 0.5, 0.9)}}
SUPPORTS = [None, *(TopK(32, of=of, tail=tail) for of in ("teacher", "student") for tail in ("renorm", "bucket", "drop"))]
SCOPES = [None, "position", "vocab"]
OTHERS = [
    Loss(ForwardKL(), temperature=0.7),
    Loss(ReverseKL(), temperature=2.0),
    Loss(ReverseKL(), Sampled(), route=Policy()),
    Loss(ReverseKL(), Sampled(), route=Policy(ratio_clip=0.2, bound=1.0)),
    NLL(),
]


def correct(part: Section, sizes, device: torch.device, known: dict) -> None:
    """Every divergence × support × clip, in several chunks, against plain autograd in float64 on the same operands."""
    tokens, vocabulary, *widths = sizes.check
    products(part, made(tokens, vocabulary, tuple(widths), True, device))
    given = made(tokens, vocabulary, tuple(widths), True, device)
    in_64 = doubled(given)
    found = []
    for (name, spread), support, scope in itertools.product(DIVERGENCES.items(), SUPPORTS, SCOPES):
        loss = Loss(spread, support, clip_that_binds(spread, support, scope, in_64))
        found.append((name, repr(loss), *errors(loss, given, in_64, tokens // 3)))
    for loss in OTHERS:
        found.append(("temperatures, sampled token, NLL", repr(loss), *errors(loss, given, in_64, tokens // 3)))
    rows = part.table(
        f"Worst relative error against float64, bf16 operands, T={tokens} V={vocabulary} D, E={widths}",
        ["loss", "cases", "values", "d hidden", "d head"],
    )
    for name in dict.fromkeys(each[0] for each in found):
        mine = [each[2:] for each in found if each[0] == name]
        rows.append([name, len(mine), *(max(column) for column in zip(*mine, strict=True))])
    rows.append(["limit; of gradients with support or clip in brackets", "", VALUE_LIMIT, *[f"{GRADIENT_LIMIT} ({FEW_LIMIT})"] * 2])
    for _, text, value, d_hidden, d_head in found:
        limit = FEW_LIMIT if "support" in text or "clip" in text else GRADIENT_LIMIT
        part.limit(f"{text}: values", value, VALUE_LIMIT)
        part.limit(f"{text}: d hidden", d_hidden, limit)
        part.limit(f"{text}: d head", d_head, limit)

    wide = made(tokens, vocabulary, tuple(widths), True, device, torch.float32)
    wide |= {name: given[name] for name in ("teacher_hidden_TE", "teacher_head_VE")}
    rows = part.table("All weights trained: an fp32 student of a bf16 teacher", ["loss", "values", "d hidden", "d head"])
    for loss in (Loss(ForwardKL()), Loss(JSD(0.5))):
        rows.append([repr(loss), *errors(loss, wide, doubled(wide), tokens // 3)])
        for name, error in zip(("values", "d hidden", "d head"), rows[-1][1:], strict=True):
            part.limit(f"fp32 student, {loss!r}: {name}", error, WIDE_LIMIT)


def products(part: Section, given: dict) -> None:
    """The loss head's own three products against float64, each by itself: which one is wrong, if one is."""
    hidden, head = given["student_hidden_TD"].detach(), given["student_head_VD"].detach()
    projection = Projection.of(hidden, head, torch.float32)
    part.figures["bf16 operands with fp32 results"] = "the GPU's own instruction" if projection.mixed else "no: operands are widened"
    d_logits = torch.randn(len(hidden), len(head), device=hidden.device)
    logits, d_hidden = projection.buffer(*d_logits.shape), projection.buffer(*hidden.shape)
    d_head = torch.ones(head.shape, device=head.device)
    everything, counts = slice(0, len(hidden)), torch.ones(len(hidden), 1, dtype=torch.bool, device=hidden.device)
    expected = {
        "logits": (hidden.double() @ head.double().t(), VALUE_LIMIT),
        "d hidden": (d_logits.double() @ head.double(), GRADIENT_LIMIT),
        "d head, added": (1 + d_logits.double().t() @ hidden.double(), GRADIENT_LIMIT),
    }
    actions = {
        "logits": (lambda: projection.logits(everything, logits), logits),
        "d hidden": (lambda: projection.to_hidden(d_logits, d_hidden), d_hidden),
        "d head, added": (lambda: projection.add_to_head(d_logits, everything, counts, d_head), d_head),
    }
    rows = part.table("The products alone", ["product", "relative error", "limit"])
    for name, (action, out) in actions.items():
        try:
            action()
        except RuntimeError as fault:  # an operator that this torch does not have: say which, and try the others
            part.broken.append(f"product {name}: {str(fault).splitlines()[0]}")
            continue
        rows.append([name, apart(out, expected[name][0]), expected[name][1]])
        part.limit(f"product {name}", rows[-1][1], expected[name][1])


def doubled(given: dict) -> dict:
    """The same numbers in float64, as new leaves."""
    return {
        name: tensor if name == "token_ids_T" else tensor.detach().double().requires_grad_(tensor.requires_grad)
        for name, tensor in given.items()
    }


def scores_of(in_64: dict) -> TokenScores:
    return TokenScores(
        in_64["student_hidden_TD"] @ in_64["student_head_VD"].t(),
        in_64["teacher_hidden_TE"] @ in_64["teacher_head_VE"].t(),
        in_64["token_ids_T"],
        in_64["sampler_logprobs_T"],
    )


def clip_that_binds(spread, support, scope: str | None, in_64: dict) -> Clip | None:
    """A bound between the two middle values, so that half of the tokens stay on either side, and none close to it."""
    if scope is None:
        return None
    with torch.no_grad():
        ordered = Loss(spread, support)(scores_of(in_64)).sort().values
    middle = len(ordered) // 2
    bound = (ordered[middle - 1] + ordered[middle]).item() / 2
    return Clip(max(bound, 1e-3) if scope == "position" else max(bound / 20, 1e-4), scope=scope)


def errors(loss, given: dict, in_64: dict, chunk_tokens: int) -> tuple[float, float, float]:
    """Relative errors of the values [T], and of the gradients of their weighted sum."""
    entries = max(1, chunk_tokens // 2) * len(given["student_head_VD"])
    with inner_entries(entries):
        _, values_T = run(loss, given, chunk_tokens=chunk_tokens)
    expected_T = loss(scores_of(in_64))
    leaves = [in_64["student_hidden_TD"], in_64["student_head_VD"]]
    d_hidden, d_head = torch.autograd.grad((in_64["weights_T"] * expected_T).sum(), leaves)
    return (
        apart(values_T, expected_T.detach()),
        apart(given["student_hidden_TD"].grad, d_hidden),
        apart(given["student_head_VD"].grad, d_head),
    )

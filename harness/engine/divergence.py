"""The loss head: from last hidden states and two heads to one weighted sum, without ever holding [T, V] logits.

The gradient is formed during forward, chunk by chunk, on two levels. The outer chunk projects: large enough for the matrix
products to run at speed. The inner one calls the loss under autograd: small enough for its temporaries not to matter. The
gradient with respect to the student's logits overwrites the logits, and one product each brings it to the hidden states
and to the head. Peak memory does not grow with T × V (measured: tests/harness/engine/test_divergence.py, tests/bench/loss_head.py).

Shape suffixes: T tokens, C tokens of a chunk, V vocabulary (the tokenizer's real one), D and E widths of student and teacher.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from methods.parts.losses import NLL, Loss, TokenScores
from methods.parts.rewards import Reward

CHUNK_TOKENS = 512  # below about 128 the heads are streamed from memory too often
# Logits that the loss sees at once. On a CPU they should stay near the caches (2**23 took 1.4 times as long for a JSD); a GPU
# wants kernels longer than their launch. Of a vocabulary of 151,936 these are 27 and 110 tokens.
INNER_ENTRIES = {"cpu": 2**22, "cuda": 2**24}

LossFunction = Loss | NLL | Reward | Callable[[TokenScores], Tensor]
Observer = Callable[[TokenScores], dict[str, Tensor]]


@dataclass(frozen=True, eq=False)
class Third:
    """A further model over the same tokens, and how teacher's and its logits make those that the loss compares with."""

    hidden_TE: Tensor
    head_VE: Tensor
    blend: Callable[[Tensor, Tensor], Tensor]


def chunked_loss(
    loss: LossFunction,
    student_hidden_TD: Tensor,
    student_head_VD: Tensor,
    teacher_hidden_TE: Tensor | None,
    teacher_head_VE: Tensor | None,
    token_ids_T: Tensor,
    weights_T: Tensor,
    *,
    columns: Mapping[str, Tensor] | None = None,
    third: Third | None = None,
    chunk_tokens: int | None = None,
    observe: Observer | None = None,
) -> tuple[Tensor, Tensor] | tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Σ_t weight_t · loss_t, differentiable in the student's hidden states and head, and the values [T], detached. fp32 or wider.

    Tokens of weight 0 get a value but contribute nothing, even where their value is not finite. Teacher inputs are None
    where nobody teaches. `columns` are the further ones of `TokenScores`, [T] each, for the losses that need them; `third` is a model that
    the teacher is seen through. `observe` sees each chunk's detached scores and returns columns of one number per token; they come third. No tokens at all give a zero that is still connected to the graph.
    """
    refuse_mismatched(student_hidden_TD, student_head_VD, teacher_hidden_TE, teacher_head_VE, token_ids_T, weights_T, chunk_tokens)
    columns = columns or {}
    for name, column_T in columns.items():
        if column_T.shape != token_ids_T.shape:
            raise ValueError(f"chunked_loss: {name} is {list(column_T.shape)}, but there are {len(token_ids_T)} tokens.")
    wide = torch.float32
    for given in (student_hidden_TD, student_head_VD, teacher_hidden_TE, teacher_head_VE):
        wide = wide if given is None else torch.promote_types(wide, given.dtype)
    wants_hidden = torch.is_grad_enabled() and student_hidden_TD.requires_grad
    wants_head = torch.is_grad_enabled() and student_head_VD.requires_grad
    with torch.no_grad(), torch.autocast(student_hidden_TD.device.type, enabled=False):  # autocast would narrow products in a loss
        walk = Walk(
            loss,
            Projection.of(student_hidden_TD, student_head_VD, wide),
            None if teacher_hidden_TE is None else Projection.of(teacher_hidden_TE, teacher_head_VE, wide),
            None if third is None else Projection.of(third.hidden_TE, third.head_VE, wide),
            None if third is None else third.blend,
            token_ids_T,
            weights_T,
            columns,
            chunk_tokens or CHUNK_TOKENS,
            observe,
        )
        total, values_T, d_hidden_TD, d_head_VD, seen = walk.go(wants_hidden, wants_head)
    if wants_hidden or wants_head:
        total = GradientInHand.apply(student_hidden_TD, student_head_VD, total, d_hidden_TD, d_head_VD)
    return (total, values_T) if observe is None else (total, values_T, seen)


def refuse_mismatched(student_hidden_TD, student_head_VD, teacher_hidden_TE, teacher_head_VE, token_ids_T, weights_T, chunk_tokens) -> None:
    """Raise ValueError for inputs that do not fit together; never pad, cut or broadcast them."""
    if (teacher_hidden_TE is None) != (teacher_head_VE is None):
        raise ValueError("chunked_loss: give both the teacher's hidden states and its head, or neither.")
    tokens = len(token_ids_T)
    for who, hidden, head in (("student", student_hidden_TD, student_head_VD), ("teacher", teacher_hidden_TE, teacher_head_VE)):
        if hidden is None:
            continue
        if hidden.ndim != 2 or head.ndim != 2 or hidden.shape[1] != head.shape[1]:
            raise ValueError(
                f"chunked_loss: {who} hidden states {list(hidden.shape)} and head {list(head.shape)} must be [T, width] and [V, width]."
            )
        if len(hidden) != tokens:
            raise ValueError(
                f"chunked_loss: {len(hidden)} {who} hidden states for {tokens} tokens. Align them first; nothing is padded here."
            )
    for name, column in (("token_ids_T", token_ids_T), ("weights_T", weights_T)):
        if column.shape != (tokens,):
            raise ValueError(f"chunked_loss: {name} is {list(column.shape)}, but must be [{tokens}].")
    if teacher_head_VE is not None and len(teacher_head_VE) != len(student_head_VD):
        raise ValueError(
            f"chunked_loss: the student's head has {len(student_head_VD)} rows, the teacher's {len(teacher_head_VE)}. "
            "Cut both to the tokenizer's real vocabulary before."
        )
    if weights_T.requires_grad:
        raise ValueError("chunked_loss: weights are constants here and would receive no gradient. Detach them.")
    if chunk_tokens is not None and chunk_tokens < 1:
        raise ValueError(f"chunked_loss: chunk_tokens={chunk_tokens} must be 1 or more; None leaves the choice to the engine.")


@functools.cache
def multiplies_bf16_into_fp32(device: torch.device) -> bool:
    """Whether both products of this device have the instruction: tried once, on numbers whose sum fp32 holds and bf16 does not."""
    left = torch.ones(16, 33, dtype=torch.bfloat16, device=device)
    right = torch.full((16, 33), 1.0078125, dtype=torch.bfloat16, device=device)
    out = torch.empty(16, 16, device=device)
    try:
        torch.mm(left, right.t(), out_dtype=torch.float32, out=out)
        torch.addmm(out, left, right.t(), out_dtype=torch.float32, out=out)
    except (RuntimeError, TypeError):
        return False
    return bool((out == 2 * 33 * 1.0078125).all())


@dataclass(frozen=True)
class Projection:
    """Hidden states [T, D], a head [V, D], and the products between them; results are in `wide`, fp32 or fp64."""

    hidden_TD: Tensor
    head_VD: Tensor
    wide: torch.dtype
    mixed: bool  # bf16 operands, fp32 results: the GPU's own instruction. Elsewhere operands are widened.

    @classmethod
    def of(cls, hidden_TD: Tensor, head_VD: Tensor, wide: torch.dtype) -> Projection:
        mixed = hidden_TD.is_cuda and hidden_TD.dtype == head_VD.dtype == torch.bfloat16 and wide == torch.float32
        mixed = mixed and multiplies_bf16_into_fp32(hidden_TD.device)
        return cls(hidden_TD.detach(), head_VD.detach() if mixed else head_VD.detach().to(wide), wide, mixed)

    def buffer(self, rows: int, columns: int) -> Tensor:
        return torch.empty(rows, columns, dtype=self.wide, device=self.head_VD.device)

    def logits(self, rows: slice, out_CV: Tensor) -> None:
        self._product(self._narrow(self.hidden_TD[rows]), self.head_VD.t(), out_CV)

    def to_hidden(self, d_logits_CV: Tensor, out_CD: Tensor) -> None:
        self._product(self._narrow(d_logits_CV), self.head_VD, out_CD)

    def add_to_head(self, d_logits_CV: Tensor, rows: slice, counts_C1: Tensor, out_VD: Tensor) -> None:
        """In place: a fresh [V, D] per chunk costs more than the product. Rows that do not count may hold anything, even NaN."""
        hidden_CD = self._narrow(self.hidden_TD[rows].masked_fill(~counts_C1, 0))
        d_logits_VC = self._narrow(d_logits_CV).t()
        if self.mixed:
            torch.addmm(out_VD, d_logits_VC, hidden_CD, out_dtype=self.wide, out=out_VD)
        else:
            out_VD.addmm_(d_logits_VC, hidden_CD)

    def _narrow(self, operand: Tensor) -> Tensor:
        return operand.to(self.head_VD.dtype)

    def _product(self, left: Tensor, right: Tensor, out: Tensor) -> None:
        if self.mixed:
            torch.mm(left, right, out_dtype=self.wide, out=out)
        else:
            torch.mm(left, right, out=out)


@dataclass
class Walk:
    """One pass over the tokens: values, columns, and the gradient of the weighted sum."""

    loss: LossFunction
    student: Projection
    teacher: Projection | None
    third: Projection | None
    blend: Callable[[Tensor, Tensor], Tensor] | None
    token_ids_T: Tensor
    weights_T: Tensor
    columns: Mapping[str, Tensor]
    chunk_tokens: int
    observe: Observer | None

    def go(self, wants_hidden: bool, wants_head: bool) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None, dict[str, Tensor]]:
        tokens, vocabulary = len(self.token_ids_T), len(self.student.head_VD)
        values_T = self.student.buffer(1, tokens)[0]
        weights_T = self.weights_T.to(values_T.dtype)
        d_hidden_TD = self.student.buffer(*self.student.hidden_TD.shape) if wants_hidden else None
        d_head_VD = self.student.buffer(*self.student.head_VD.shape).zero_() if wants_head else None
        # One buffer for each side, used again by every chunk: fresh ones cost page faults on a CPU and double the peak.
        student_CV = self.student.buffer(min(self.chunk_tokens, tokens), vocabulary)
        teacher_CV = None if self.teacher is None else torch.empty_like(student_CV)
        third_CV = None if self.third is None else torch.empty_like(student_CV)
        inner_tokens = max(1, INNER_ENTRIES.get(values_T.device.type, INNER_ENTRIES["cpu"]) // vocabulary)
        seen: list[dict[str, Tensor]] = []

        for rows in slices(tokens, self.chunk_tokens):
            logits_CV = student_CV[: rows.stop - rows.start]
            self.student.logits(rows, logits_CV)
            if self.teacher is not None:
                self.teacher.logits(rows, teacher_CV[: len(logits_CV)])
            if self.third is not None:
                self.third.logits(rows, third_CV[: len(logits_CV)])
            for inner in slices(len(logits_CV), inner_tokens):
                at = slice(rows.start + inner.start, rows.start + inner.stop)
                against_CV = None if teacher_CV is None else teacher_CV[inner]
                if self.blend is not None:
                    against_CV = self.blend(against_CV, third_CV[inner])
                further = {name: column_T[at] for name, column_T in self.columns.items()}
                scores = TokenScores(logits_CV[inner], against_CV, self.token_ids_T[at], **further)
                if self.observe is not None:
                    seen.append(checked_columns(self.observe(scores), len(values_T[at])))
                values_T[at], gradient_CV = self._differentiate(scores, weights_T[at], wants_hidden or wants_head)
                if gradient_CV is not None:
                    logits_CV[inner] = gradient_CV
            if wants_hidden:
                self.student.to_hidden(logits_CV, d_hidden_TD[rows])
            if wants_head:
                self.student.add_to_head(logits_CV, rows, weights_T[rows, None] != 0, d_head_VD)

        total = (weights_T * values_T).masked_fill(weights_T == 0, 0).sum()
        columns = {name: torch.cat([chunk[name] for chunk in seen]) for name in seen[0]} if seen else {}
        return total, values_T, d_hidden_TD, d_head_VD, columns

    def _differentiate(self, scores: TokenScores, weights_C: Tensor, wants: bool) -> tuple[Tensor, Tensor | None]:
        """Values [C], and the gradient of their weighted sum with respect to the student's logits, [C, V]."""
        leaf_CV = scores.student_TV.detach().requires_grad_(wants)
        with torch.set_grad_enabled(wants):
            values_C = checked_values(self.loss(replace(scores, student_TV=leaf_CV)), len(weights_C))
        if not wants:
            return values_C, None
        if not values_C.requires_grad:
            raise ValueError(f"{self.loss!r} does not depend on the student's logits: it would train nothing.")
        (gradient_CV,) = torch.autograd.grad(values_C, leaf_CV, grad_outputs=weights_C.to(values_C.dtype))
        return values_C.detach(), gradient_CV.masked_fill_((weights_C == 0)[:, None], 0)  # 0 · inf would be NaN


class GradientInHand(torch.autograd.Function):
    """The total, joined to the graph by a gradient that is known already."""

    @staticmethod
    def forward(ctx, student_hidden_TD, student_head_VD, total, d_hidden_TD, d_head_VD):
        ctx.save_for_backward(d_hidden_TD, d_head_VD)
        ctx.dtypes = student_hidden_TD.dtype, student_head_VD.dtype
        return total.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        scaled = [  # into the wanted dtype at once: no wide copy of a head's gradient
            None if known is None else torch.mul(known, upstream, out=known.new_empty(known.shape, dtype=dtype))
            for known, dtype in zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        ]
        return *scaled, None, None, None


def slices(length: int, step: int) -> Iterator[slice]:
    """Consecutive slices that cover `length`; one empty slice for nothing, so that every check also runs on it."""
    for start in range(0, max(length, 1), step):
        yield slice(start, min(start + step, length))


def checked_values(values_C: Tensor, tokens: int) -> Tensor:
    """What a loss returned, or ValueError: a vector of one number per token, in fp32 or wider."""
    if not isinstance(values_C, Tensor) or values_C.shape != (tokens,):
        found = list(values_C.shape) if isinstance(values_C, Tensor) else type(values_C).__name__
        raise ValueError(f"A loss returns one number per token, [{tokens}] here, not {found}. Leave masks and means to the engine.")
    if values_C.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"A loss returns fp32 or wider, not {values_C.dtype}. The scores it gets are wide; do not narrow them.")
    return values_C


def checked_columns(columns: dict[str, Tensor], tokens: int) -> dict[str, Tensor]:
    for name, column_C in columns.items():
        if column_C.shape != (tokens,):
            raise ValueError(f"observe: column {name!r} is {list(column_C.shape)}, but must have one number per token, [{tokens}].")
    return columns

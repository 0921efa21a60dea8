"""How long chunked_loss takes against plain full-logits autograd: one process, alternating runs, medians.

    OMP_NUM_THREADS=1 PYTHONPATH=. python tests/bench/loss_head.py --tokens 512 --vocabulary 32000 --width 512

Forward and backward both. Times on a CPU depend on the allocator: run it once more with
MALLOC_MMAP_THRESHOLD_=17179869184 MALLOC_TRIM_THRESHOLD_=17179869184 for the comparison without page faults.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from harness.engine.divergence import chunked_loss
from methods.parts.losses import JSD, NLL, ForwardKL, Loss, ReverseKL, TokenScores, TopK

LOSSES = {
    "forward": Loss(ForwardKL()),
    "reverse": Loss(ReverseKL()),
    "jsd": Loss(JSD(0.5)),
    "reverse top 32": Loss(ReverseKL(), TopK(32, tail="renorm")),
    "nll": NLL(),
}


def full_logits(loss, student_hidden_TD, student_head_VD, teacher_hidden_TE, teacher_head_VE, token_ids_T, weights_T) -> torch.Tensor:
    """What one writes first: all logits, then autograd."""
    student_TV = (student_hidden_TD @ student_head_VD.t()).float()
    with torch.no_grad():
        teacher_TV = None if isinstance(loss, NLL) else (teacher_hidden_TE @ teacher_head_VE.t()).float()
    return (weights_T * loss(TokenScores(student_TV, teacher_TV, token_ids_T))).sum()


def chunked(loss, hidden, head, teacher_hidden, teacher_head, token_ids_T, weights_T) -> torch.Tensor:
    teacher = (None, None) if isinstance(loss, NLL) else (teacher_hidden, teacher_head)
    return chunked_loss(loss, hidden, head, *teacher, token_ids_T, weights_T)[0]


def seconds(head, loss, inputs) -> float:
    """One forward and backward, wall time."""
    for tensor in inputs[:2]:
        tensor.grad = None
    wait = torch.cuda.synchronize if inputs[0].is_cuda else lambda: None
    wait()
    start = time.perf_counter()
    head(loss, *inputs).backward()
    wait()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--vocabulary", type=int, default=32_000)
    parser.add_argument("--width", type=int, default=512, help="of the student")
    parser.add_argument("--teacher-width", type=int, default=None, help="the student's where not given")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeat", type=int, default=5)
    chosen = parser.parse_args()

    torch.manual_seed(0)
    tokens, vocabulary, width = chosen.tokens, chosen.vocabulary, chosen.width
    shape = {"device": chosen.device, "dtype": getattr(torch, chosen.dtype)}
    teacher_width = chosen.teacher_width or width
    print(f"T={tokens} V={vocabulary} D={width} E={teacher_width} {chosen.dtype} {chosen.device}, median of {chosen.repeat}, seconds")
    print(f"{'loss':<16}{'head':<9}{'full logits':>12}{'chunked':>10}{'ratio':>8}")
    for trained in (False, True):
        inputs = (
            torch.randn(tokens, width, **shape).requires_grad_(),
            (torch.randn(vocabulary, width, **shape) / width**0.5).requires_grad_(trained),
            torch.randn(tokens, teacher_width, **shape),
            torch.randn(vocabulary, teacher_width, **shape) / teacher_width**0.5,
            torch.randint(vocabulary, (tokens,), device=chosen.device),
            torch.ones(tokens, device=chosen.device),
        )
        for name, loss in LOSSES.items():
            times = {full_logits: [], chunked: []}
            for turn in range(chosen.repeat + 1):
                for head in times:
                    spent = seconds(head, loss, inputs)
                    if turn:  # the first turn warms up
                        times[head].append(spent)
            plain, ours = (statistics.median(times[head]) for head in (full_logits, chunked))
            print(f"{name:<16}{'trained' if trained else 'frozen':<9}{plain:>12.3f}{ours:>10.3f}{ours / plain:>8.2f}", flush=True)


if __name__ == "__main__":
    main()

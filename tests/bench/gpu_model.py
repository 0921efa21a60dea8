"""Whole models on a device: optimizer steps through the engine, and the transformers sampler. Random weights.

Shapes: T response tokens, V vocabulary.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial

import torch
from measure import Section, apart, free, peak_gib, seconds
from transformers import AutoModelForCausalLM, Qwen3Config

from harness import costs
from harness.engine.distill import Objective, backward
from harness.engine.readers import Reader
from harness.engine.state import trainable
from harness.models import check_head, matmul_parameters, with_lora
from harness.records import Sampling, Trajectory
from harness.sampling import Request
from harness.sampling.hf import HfSampler
from harness.spec.model import Lora
from methods.method import Term
from methods.parts.losses import ForwardKL, Loss

PAD = 0  # as an id; random ids never are it
# Two ways to cut a batch pad differently and so meet other attention kernels: in bf16 that is rounding, in fp32 nearly nothing.
CUT_LIMIT, CUT_LIMIT_FP32 = 0.05, 1e-3
# Checkpointing computes the same again; what differs is the order of atomic additions in an attention's backward.
CHECKPOINT_LIMIT = 0.02
LOGPROB_LIMIT = 0.05  # nats, mean: bf16 logits of a step with a cache and of one pass


def build(config: dict, device: torch.device, dtype: torch.dtype = torch.bfloat16, seed: int = 0):
    """A Qwen3 with random weights, made where it shall live."""
    torch.manual_seed(seed)
    with device:
        return AutoModelForCausalLM.from_config(Qwen3Config(**config), dtype=dtype).eval()


def student_of(sizes, device: torch.device, config: dict | None = None, dtype: torch.dtype = torch.bfloat16):
    """As the train stage makes one: an adapter on all linear layers. Its B matrices are not zero, so that A learns too."""
    lora = Lora(rank=sizes.rank, alpha=sizes.rank)
    model = with_lora(build(config or sizes.student, device, dtype), lora, seed=1)
    torch.manual_seed(2)
    with torch.no_grad():
        for name, parameter in trainable(model).items():
            if "lora_B" in name:
                parameter.normal_(std=0.01)
    return model


def trajectories(lengths: Sequence[int], prompt: int, vocabulary: int, hint: int = 0) -> list[Trajectory]:
    """Random ids; the teacher's prompt is `hint` tokens longer."""
    draw = random.Random(0)
    ids = lambda count: tuple(draw.randrange(1, vocabulary) for _ in range(count))  # noqa: E731
    return [Trajectory(str(i), 0, "main", ids(prompt), ids(prompt + hint), ids(length)) for i, length in enumerate(lengths)]


def step(part: Section, sizes, device: torch.device, known: dict) -> None:
    """`backward` and AdamW on real batches: tokens per second, share of the measured bf16 rate, peak memory; then what must be equal."""
    student, teacher = student_of(sizes, device), build(sizes.teacher, device, seed=3).requires_grad_(False)
    check_head(student, sizes.ids)
    check_head(teacher, sizes.ids)
    free()
    reader = Reader(student, sizes.ids)
    objective = Objective({"main": Term(loss=Loss(ForwardKL()))}, {"main": Reader(teacher, sizes.ids)})
    weights, theirs = matmul_parameters(student), matmul_parameters(teacher)
    part.figures |= {"student weights that multiply": weights, "teacher's": theirs, "vocabulary": sizes.ids}
    part.notes.append(
        f"adapter of rank {sizes.rank} on all linear layers, micro-batches of {sizes.micro_tokens:,} padded tokens, forward KL"
    )
    part.notes.append("FLOPs as harness.costs counts them: nothing for what checkpointing computes again, nothing for attention")
    student.gradient_checkpointing_enable()
    student.train()
    optimizer = torch.optim.AdamW(trainable(student).values(), lr=1e-6)
    count, most = sizes.trajectories, sizes.response
    batches = {
        f"{count} × {sizes.prompt} + {most:,}": trajectories([most] * count, sizes.prompt, sizes.ids),
        f"{count} uneven, up to {most:,}": trajectories([most * (i + 1) // count for i in range(count)], sizes.prompt, sizes.ids),
        f"1 × {sizes.long:,}": trajectories([sizes.long - sizes.prompt], sizes.prompt, sizes.ids),
    }
    rows = part.table(
        "Steps", ["batch", "tokens read", "response tokens", "s", "tokens/s", "TFLOP/s", "of bf16 rate", "peak GiB over weights"]
    )
    for name, batch in batches.items():
        one = partial(update, objective, reader, optimizer, batch, sizes.micro_tokens)
        peak = peak_gib(device, one)  # the first of all also warms up, and makes the optimizer's moments
        spent = seconds(device, one, repeat=2, warm=0)
        read = sum(len(t.student_prompt_ids) + len(t.response_ids) for t in batch)
        read_by_teacher = sum(len(t.teacher_prompt_ids) + len(t.response_ids) for t in batch)
        work = costs.flops(costs.Size(weights), trained=read, adapter=True) + costs.flops(costs.Size(theirs), read=read_by_teacher)
        rate = known.get("rate", float("nan"))
        responses = sum(len(t.response_ids) for t in batch)
        rows.append([name, read, responses, spent, read / spent, work / spent / 1e12, work / spent / rate, peak])
    equal(part, objective, reader, sizes)

    layers = {**sizes.student, "num_hidden_layers": 2}
    narrow = student_of(sizes, device, layers, torch.float32).train()
    wide_teacher = build({**sizes.teacher, "num_hidden_layers": 2}, device, torch.float32, seed=3).requires_grad_(False)
    objective = Objective(objective.terms, {"main": Reader(wide_teacher, sizes.ids)})
    difference = apart(*two_cuts(objective, Reader(narrow, sizes.ids), sizes))
    part.figures["gradient, two micro-batch sizes, fp32 and two layers"] = difference
    part.limit("gradient, two micro-batch sizes, fp32", difference, CUT_LIMIT_FP32)


def update(objective: Objective, student: Reader, optimizer, batch: list[Trajectory], tokens: int) -> None:
    backward(objective, student, batch, 0.0, PAD, tokens)
    torch.nn.utils.clip_grad_norm_(trainable(student.model).values(), 1.0)
    optimizer.step()
    optimizer.zero_grad()


def equal(part: Section, objective: Objective, reader: Reader, sizes) -> None:
    """The gradient of one batch cut in two ways, and with and without checkpointing; and that every layer got one."""
    whole, single = two_cuts(objective, reader, sizes)
    without = [name for name, p in trainable(reader.model).items() if p.grad is None or not p.grad.any()]
    if without:
        part.broken.append(f"{len(without)} adapter weights got no gradient, the first {without[0]}")
    difference = apart(single, whole)
    part.figures["gradient, two micro-batch sizes, bf16"] = difference
    part.limit("gradient, two micro-batch sizes, bf16", difference, CUT_LIMIT)
    reader.model.gradient_checkpointing_disable()
    kept = gradient(objective, reader, uneven(sizes), sizes.micro_tokens)
    reader.model.gradient_checkpointing_enable()
    part.figures["gradient, without checkpointing"] = apart(whole, kept)
    part.limit("gradient, with and without checkpointing", apart(whole, kept), CHECKPOINT_LIMIT)


def uneven(sizes) -> list[Trajectory]:
    """A batch that is padded: the teacher reads more than the student."""
    most = sizes.response // 4
    return trajectories([most, most // 2, most // 3, most // 5], sizes.prompt, sizes.ids, hint=sizes.prompt // 2)


def two_cuts(objective: Objective, reader: Reader, sizes) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradient with all sequences in one micro-batch, and with one sequence in each."""
    return gradient(objective, reader, uneven(sizes), 2**30), gradient(objective, reader, uneven(sizes), 1)


def gradient(objective: Objective, reader: Reader, batch: list[Trajectory], tokens: int) -> torch.Tensor:
    """All adapter gradients of one batch as one vector."""
    reader.model.zero_grad()
    backward(objective, reader, batch, 0.0, PAD, tokens)
    return torch.cat([p.grad.flatten().float() for p in trainable(reader.model).values() if p.grad is not None])


def sampler(part: Section, sizes, device: torch.device, known: dict) -> None:
    """Tokens per second of our sampler, and whether its log-probabilities are those of one pass over what it wrote."""
    model = build(sizes.student, device)
    free()
    writer = HfSampler(model, [sizes.ids - 1], PAD, sizes.ids)
    whole = [t.student_prompt_ids for t in trajectories([0] * (sizes.requests // 4), sizes.prompt, sizes.ids)]
    prompts = [ids[: sizes.prompt - i % (sizes.prompt // 2)] for i, ids in enumerate(whole)]  # uneven, so that they are padded
    requests = [Request(prompts[i % len(prompts)], seed=i) for i in range(sizes.requests)]
    writer.write(requests[:4], Sampling(1.0, 1.0, -1, 4))  # warms up
    rows = part.table(
        f"{sizes.requests} requests, {len(prompts)} prompts of up to {sizes.prompt}", ["sampling", "tokens", "s", "tokens/s", "peak GiB"]
    )
    for sampling in (Sampling(1.0, 1.0, -1, sizes.new_tokens[0]), Sampling(0.6, 0.95, 20, sizes.new_tokens[1])):
        written: list = []

        def write(sampling=sampling, written=written) -> None:
            written[:] = writer.write(requests, sampling)

        peak = peak_gib(device, write) if device.type == "cuda" else float("nan")
        spent = seconds(device, write, repeat=1, warm=0)
        tokens = sum(len(each.response_ids) for each in written)
        rows.append(
            [f"temperature {sampling.temperature}, top-p {sampling.top_p}, top-k {sampling.top_k}", tokens, spent, tokens / spent, peak]
        )
        difference = mean_apart(Reader(model, sizes.ids), requests[:8], written[:8])
        part.figures[f"log-probabilities against one pass, top-k {sampling.top_k}: mean difference, nats"] = difference
        part.limit("log-probabilities against one pass", difference, LOGPROB_LIMIT)
        control = mean_apart(Reader(model, sizes.ids), (requests[1:] + requests[:1])[:8], written[:8])
        part.figures[f"the same after another prompt, top-k {sampling.top_k}"] = control
        part.limit("the limit above tells contexts apart: it over what another prompt makes", LOGPROB_LIMIT / control, 1.0)


@torch.no_grad()
def mean_apart(reader: Reader, requests: list[Request], written: list) -> float:
    responses = [each.response_ids for each in written]
    hidden = reader.hidden([each.prompt_ids for each in requests], responses, PAD)
    ids = torch.tensor([i for response in responses for i in response], device=hidden.device)
    again = torch.cat([(chunk @ reader.head.t()).float().log_softmax(1) for chunk in hidden.split(256)]).gather(1, ids[:, None])[:, 0]
    told = torch.tensor([p for each in written for p in each.logprobs], device=hidden.device)
    return (again - told).abs().mean().item()

"""The engine on one GPU: what it costs, and whether it computes what it should. Random weights at true sizes; no network.

    PYTHONPATH=. python tests/bench/gpu.py --out gpu-bench

One Hopper GPU with 80 GB or more, torch 2.11 or newer, transformers, peft; under 10 minutes. The report goes to stdout, and
as gpu.md and gpu.json into --out. A section that fails is told with its message and the next one goes on; exit code 1 if any
failed. `--only correct,head` runs some sections; `--tiny` runs all of them at toy sizes on the CPU, which measures nothing.

Sections: device (facts, bf16 rate), correct (values and gradients against float64), head (the loss head against its matrix
products and against plain autograd), sweep (chunk sizes), step (whole optimizer steps), sampler (our transformers sampler).
Limits fail a section: those of correctness, and of the loss head's memory. Goals (time) are told as met or missed.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import gpu_correct
import gpu_head
import gpu_model
import torch
from measure import Report, Section, seconds, shown

WHOLE_RUN_S = 530  # and GRACE_S for a kernel that hangs: below 10 minutes


def qwen3(width: int, inner: int, layers: int, heads: int, tied: bool, **toy) -> dict:
    """A config of the Qwen3 family, as in the public config.json of the size (arXiv:2505.09388); `toy` overrides."""
    return {
        "vocab_size": 151_936,
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "tie_word_embeddings": tied,
        "max_position_embeddings": 40_960,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
        **toy,
    }


@dataclass(frozen=True)
class Sizes:
    """What is measured. The defaults are the real thing: Qwen3-8B teaches Qwen3-1.7B."""

    tokens: int = 16_384
    vocabulary: int = 151_936  # rows of the head
    ids: int = 151_669  # of the tokenizer: what the engine cuts heads to; odd, which matrix products may not like
    student: dict = field(default_factory=lambda: qwen3(2048, 6144, 28, 16, tied=True))
    teacher: dict = field(default_factory=lambda: qwen3(4096, 12_288, 36, 32, tied=False))
    square: int = 8192  # of the product that measures the bf16 rate
    floor_chunk: int = 4096
    chunks: tuple[int, ...] = (512, 1024, 2048, 4096)
    inner: tuple[int, ...] = (2**22, 2**23, 2**24, 2**26)  # fp32: the first two fit into the second-level cache
    check: tuple[int, int, int, int] = (192, 4001, 256, 512)  # T, V, D, E of the checks against float64
    micro_tokens: int = 16_384
    prompt: int = 256
    response: int = 2048
    trajectories: int = 16
    long: int = 16_384  # tokens of the one long trajectory, prompt included
    rank: int = 64
    requests: int = 64
    new_tokens: tuple[int, int] = (256, 128)  # plain sampling; top-p and top-k
    repeat: int = 5


# Weights of that spread make small models that depend on what they read.
TOY = {"vocab_size": 320, "num_key_value_heads": 2, "head_dim": 8, "initializer_range": 0.25}
TINY = Sizes(
    tokens=96,
    vocabulary=320,
    ids=307,
    student=qwen3(32, 64, 2, 4, tied=True, **TOY),
    teacher=qwen3(48, 64, 2, 4, tied=False, **TOY),
    square=64,
    floor_chunk=48,
    chunks=(16, 32),
    inner=(2**10, 2**12),
    check=(24, 131, 16, 24),
    micro_tokens=64,
    prompt=8,
    response=16,
    trajectories=4,
    long=48,
    rank=4,
    requests=8,
    new_tokens=(6, 4),
    repeat=1,
)


def facts(part: Section, sizes: Sizes, device: torch.device, known: dict) -> None:
    """What runs here, and how fast it multiplies: the rate that the steps are compared with."""
    import peft
    import transformers

    part.figures |= {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__}
    part.figures |= {"peft": peft.__version__, "device": str(device)}
    if device.type == "cuda":
        about = torch.cuda.get_device_properties(device)
        part.figures |= {
            "name": about.name,
            "memory, GiB": about.total_memory / 2**30,
            "capability": f"{about.major}.{about.minor}",
            "cuda": str(torch.version.cuda),
            "driver": driver(),
            "float32 products": torch.get_float32_matmul_precision(),
        }
    size = sizes.square
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    out = torch.empty_like(left)
    known["rate"] = 2 * size**3 / seconds(device, lambda: torch.mm(left, right, out=out), 10)
    part.figures[f"bf16 rate, TFLOP/s ({size:,} square)"] = known["rate"] / 1e12
    if device.type == "cuda":
        wide = torch.empty(size, size, device=device)
        spent = seconds(device, lambda: torch.mm(left, right, out_dtype=torch.float32, out=wide), 10)
        part.figures["the same with fp32 results, TFLOP/s"] = 2 * size**3 / spent / 1e12
    wide_left, wide_right = left.float(), right.float()
    spent = seconds(device, lambda: torch.mm(wide_left, wide_right), 3, warm=1)
    part.figures["fp32 rate, TFLOP/s (a student whose weights are all trained)"] = 2 * size**3 / spent / 1e12
    source = torch.empty(size * size * 8, device=device, dtype=torch.bfloat16)
    target = torch.empty_like(source)
    part.figures["copy, GB/s read and written"] = 4 * source.numel() / seconds(device, lambda: target.copy_(source), 5) / 1e9


def driver() -> str:
    """The kernel driver's version, "unknown" where nothing tells it."""
    try:
        told = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], capture_output=True, text=True, timeout=20, check=True
        )
        return told.stdout.split("\n")[0].strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


SECTIONS = {
    "device": ("Device", facts, 60),
    "correct": ("Correctness on the device", gpu_correct.correct, 90),
    "head": ("Loss head", gpu_head.head, 200),
    "sweep": ("Chunk sizes", gpu_head.sweep, 150),
    "step": ("Optimizer steps", gpu_model.step, 180),
    "sampler": ("Transformers sampler", gpu_model.sampler, 90),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="a folder for gpu.md and gpu.json")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, comma-separated; the bf16 rate is measured in `device`")
    parser.add_argument("--tiny", action="store_true", help="toy sizes on the CPU: runs everything, measures nothing")
    chosen = parser.parse_args()
    names = chosen.only.split(",")
    if unknown := set(names) - set(SECTIONS):
        parser.error(f"--only: no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    if not chosen.tiny and not torch.cuda.is_available():
        parser.error("no CUDA device is seen; --tiny runs at toy sizes on the CPU")

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    device = torch.device("cpu" if chosen.tiny else "cuda")
    sizes = TINY if chosen.tiny else Sizes()
    title = "The engine at toy sizes on a CPU: these times mean nothing" if chosen.tiny else "The engine on one GPU"
    print(f"# {title}\n", flush=True)
    report, start, known = Report(title, chosen.out, WHOLE_RUN_S), time.monotonic(), {}
    for name in names:
        heading, measure, limit_s = SECTIONS[name]
        report.run(heading, limit_s, partial(measure, sizes=sizes, device=device, known=known))
    failed = [part.title for part in report.sections if part.failed]
    print(f"{shown(time.monotonic() - start)} s. " + (f"FAILED: {', '.join(failed)}" if failed else "Nothing failed."))
    return int(report.failed)


if __name__ == "__main__":
    sys.exit(main())

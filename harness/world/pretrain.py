"""Pretraining of a small model by its recipe, from scratch or as a branch of another; deterministic, and safe to kill and repeat.

Shapes: B examples, T tokens. Examples are padded on the right, where a causal model needs no mask.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from harness import seeds
from harness.records import Fault
from harness.world import chain, tokenizer
from harness.world.recipes import Recipe, examples

REPORT_EVERY = 20  # updates
CHECKPOINT_EVERY = 50  # updates; about 8 s of work
POOL = 8  # batches drawn together and sorted by length, so that little is padded
ANSWER_TOKENS = 160  # enough for 12 steps; more is not an answer
STATE = "state.safetensors"
Report = Callable[[str, dict], None]


def pretrain(recipe: Recipe, base: Path | None, out: Path, work: Path, report: Report) -> dict:
    """Trains into the folder `out` and returns what was measured.

    `work` keeps the last state: the same call goes on from there, to the same bytes. Raises Fault where the model still misses the
    recipe's gate after its last cycle.
    """
    with one_thread():
        words = tokenizer.build()
        model = _fresh(recipe, words)
        if base is not None:
            _load(model, base)
        run = _Run(recipe, model, words, work, _fingerprint(recipe, base), report)
        run.resume()
        while True:
            run.cycle()
            measured = accuracy(model, words, recipe, seed=run.finished)
            report("gate", {"cycle": run.finished, "accuracy": measured, "asked": recipe.gate})
            if measured >= recipe.gate:
                break
            if run.finished == recipe.max_cycles:
                raise Fault(
                    f"pretraining: {measured:.0%} of the held-out answers are right after {run.finished} cycles ({run.updates} updates), "
                    f"and the gate asks for {recipe.gate:.0%}. Whether a base model learns in time depends on its seed. "
                    "Choose another `seed` in the recipe, more `steps` or `max_cycles`, or a lower `gate`."
                )
        save(model, words, words.eos_token_id, out)
        return {
            "cpu_seconds": round(run.cpu_seconds(), 2),
            "steps": run.updates,
            "cycles": run.finished,
            "gate": measured,
            "loss": run.loss,
            "tokens": run.tokens,
            "parameters": sum(weight.numel() for weight in model.parameters()),
        }


class _Run:
    """The training under way: weights, optimizers, and the counters that a checkpoint keeps."""

    def __init__(
        self, recipe: Recipe, model: Qwen3ForCausalLM, words: PreTrainedTokenizerFast, work: Path, fingerprint: str, report: Report
    ) -> None:
        self.recipe, self.model, self.words = recipe, model, words
        self.work, self.fingerprint, self.report = work, fingerprint, report
        self.finished = 0  # cycles
        self.step = 0  # of the present cycle
        self.updates = 0  # of all cycles
        self.tokens = 0  # trained on, prompts not counted
        self.loss = float("nan")  # nats per token, of the last update
        self.spent, self.begun = 0.0, time.process_time()  # CPU-seconds of earlier attempts; start of this one
        self.pool: tuple[int, list[tuple[Tensor, Tensor]]] = (-1, [])
        self.optimizers = _optimizers(model, recipe)

    def cpu_seconds(self) -> float:
        return self.spent + time.process_time() - self.begun

    def cycle(self) -> None:
        """Updates up to the end of the present cycle: warm-up, then a cosine."""
        of = self._of(self.finished)
        self.model.train()
        while self.step < of:
            self._update(of)
            if self.step % REPORT_EVERY == 0 or self.step == of:
                progress = {"step": self.step, "of": of, "cycle": self.finished + 1, "loss": self.loss, "tokens": self.tokens}
                self.report("train", progress)
            if self.step % CHECKPOINT_EVERY == 0 or self.step == of:
                self._write()
        self.finished, self.step = self.finished + 1, 0
        self.optimizers = _optimizers(self.model, self.recipe)  # every cycle warms up from nothing

    def resume(self) -> None:
        """Goes on from the last state in `work`, if that was written for this very recipe and base."""
        path = self.work / STATE
        if not path.exists():
            return
        with safe_open(path, framework="pt") as file:
            notes = json.loads(file.metadata()["notes"])
        if notes.pop("fingerprint") != self.fingerprint:
            return
        kept = load_file(path)
        self.spent = notes.pop("cpu_seconds")
        for name, value in notes.items():
            setattr(self, name, value)
        with torch.no_grad():
            for name, weight in self.model.named_parameters():
                weight.copy_(kept[f"model/{name}"])
        for index, optimizer in enumerate(self.optimizers):
            state: dict[int, dict[str, Tensor]] = {}
            for name, value in kept.items():
                kind, *rest = name.split("/")
                if kind == "optimizer" and int(rest[0]) == index:
                    state.setdefault(int(rest[1]), {})[rest[2]] = value.clone()
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})

    def _write(self) -> None:
        tensors = {f"model/{name}": weight.detach() for name, weight in self.model.named_parameters()}
        for index, optimizer in enumerate(self.optimizers):
            for number, state in optimizer.state_dict()["state"].items():
                tensors.update({f"optimizer/{index}/{number}/{name}": value for name, value in state.items()})
        notes = {name: getattr(self, name) for name in ("finished", "step", "updates", "tokens", "loss")}
        notes |= {"fingerprint": self.fingerprint, "cpu_seconds": self.cpu_seconds()}
        self.work.mkdir(parents=True, exist_ok=True)
        part = self.work / f"{STATE}.part"
        save_file(tensors, part, metadata={"notes": json.dumps(notes)})
        os.replace(part, self.work / STATE)  # a kill leaves the old state or the new one, never half of one

    def _update(self, of: int) -> None:
        ids_BT, trained_BT = self._batch()
        rate = self.recipe.learning_rate * _schedule(self.step, of, self.recipe)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
        hidden_BTD = self.model.model(input_ids=ids_BT[:, :-1], use_cache=False).last_hidden_state
        keep_BT = trained_BT[:, 1:]
        loss = torch.nn.functional.cross_entropy(self.model.lm_head(hidden_BTD[keep_BT]), ids_BT[:, 1:][keep_BT])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.loss = loss.item()
        self.tokens += int(keep_BT.sum())
        self.step, self.updates = self.step + 1, self.updates + 1

    def _batch(self) -> tuple[Tensor, Tensor]:
        number, place = divmod(self.step, POOL)
        number += 1_000_000 * self.finished  # a further cycle reads new examples
        if self.pool[0] != number:
            self.pool = (number, self._draw(number))
        return self.pool[1][place]

    def _draw(self, number: int) -> list[tuple[Tensor, Tensor]]:
        size = self.recipe.batch
        encoded = [encode(self.words, message, response) for message, response in examples(self.recipe, number, POOL * size)]
        encoded.sort(key=lambda pair: len(pair[0]) + len(pair[1]))
        order = seeds.permutation(seeds.derive("pretrain", self.recipe.seed, "order", number), POOL)
        return [_padded(encoded[place * size : (place + 1) * size], self.words.pad_token_id) for place in order]

    def _of(self, cycle: int) -> int:
        return self.recipe.steps if cycle == 0 else self.recipe.cycle_steps


def encode(words: PreTrainedTokenizerFast, message: str, response: str) -> tuple[list[int], list[int]]:
    """Ids of the prompt as the chat template has it, and of the response with its stop token."""
    return _prompt(words, message), words(response, add_special_tokens=False)["input_ids"] + [words.eos_token_id]


def accuracy(model: Qwen3ForCausalLM, words: PreTrainedTokenizerFast, recipe: Recipe, seed: int) -> float:
    """Share of right answers at temperature 1 on held-out problems of the split `gate`, which no training set and no exam contains."""
    problems = chain.problems(recipe.gate_problems, recipe.seed, recipe.chain_steps, recipe.modulo, "gate", split="gate")
    prompts = [_prompt(words, problem.prompt) for problem in problems for _ in range(recipe.gate_samples)]
    answers = [problem.answer for problem in problems for _ in range(recipe.gate_samples)]
    texts = sample(model, words, prompts, seeds.derive("pretrain", recipe.seed, "gate", seed), temperature=1.0)
    return sum(chain.boxed(text) == answer for text, answer in zip(texts, answers, strict=True)) / len(answers)


def sample(model: Qwen3ForCausalLM, words: PreTrainedTokenizerFast, prompts: list[list[int]], seed: int, temperature: float) -> list[str]:
    """One response to each prompt, all in one batch; for looking at a model while it is made, not for exams."""
    width = max(map(len, prompts))
    ids_BT = torch.tensor([[words.pad_token_id] * (width - len(prompt)) + prompt for prompt in prompts])
    seen_BT = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    how = GenerationConfig(
        do_sample=True,
        temperature=temperature,
        top_k=0,
        top_p=1.0,
        max_new_tokens=ANSWER_TOKENS,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    model.eval()
    with torch.random.fork_rng(devices=[]), torch.no_grad():  # generate draws from torch's global generator
        torch.manual_seed(seed)
        written_BT = model.generate(input_ids=ids_BT, attention_mask=seen_BT, generation_config=how)
    return words.batch_decode(written_BT[:, width:], skip_special_tokens=True)


def _prompt(words: PreTrainedTokenizerFast, message: str) -> list[int]:
    text = words.apply_chat_template([{"role": "user", "content": message}], add_generation_prompt=True, tokenize=False)
    return words(text, add_special_tokens=False)["input_ids"]


def _padded(encoded: list[tuple[list[int], list[int]]], pad: int) -> tuple[Tensor, Tensor]:
    width = max(len(prompt) + len(response) for prompt, response in encoded)
    ids_BT = torch.full((len(encoded), width), pad)
    trained_BT = torch.zeros((len(encoded), width), dtype=torch.bool)
    for row, (prompt, response) in enumerate(encoded):
        end = len(prompt) + len(response)
        ids_BT[row, :end] = torch.tensor(prompt + response)
        trained_BT[row, len(prompt) : end] = True
    return ids_BT, trained_BT


def _optimizers(model: Qwen3ForCausalLM, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices, AdamW for embeddings and norms. (AdamW alone learned nothing in this budget.)"""
    matrices = [weight for name, weight in model.named_parameters() if weight.ndim == 2 and "embed" not in name]
    others = [weight for name, weight in model.named_parameters() if weight.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(
            matrices, lr=recipe.learning_rate, momentum=0.95, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(others, lr=recipe.learning_rate, betas=(0.9, 0.95), weight_decay=recipe.weight_decay),
    ]


def _schedule(step: int, of: int, recipe: Recipe) -> float:
    """Share of the peak learning rate at this update."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    passed = (step - recipe.warmup) / max(1, of - recipe.warmup)
    return recipe.floor + (1 - recipe.floor) * (1 + math.cos(math.pi * passed)) / 2


def _fresh(recipe: Recipe, words: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    config = Qwen3Config(
        vocab_size=tokenizer.SIZE,
        hidden_size=recipe.hidden,
        intermediate_size=recipe.feedforward,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        head_dim=recipe.head_width,
        max_position_embeddings=2048,
        initializer_range=recipe.initializer_range,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        architectures=["Qwen3ForCausalLM"],
        dtype="float32",
        attn_implementation="sdpa",
    )
    with torch.random.fork_rng(devices=[]):  # what ran before in this process must not matter, nor what runs after
        torch.manual_seed(seeds.derive("pretrain", recipe.seed, "weights"))
        return Qwen3ForCausalLM(config).to(torch.float32)


def _load(model: Qwen3ForCausalLM, base: Path) -> None:
    weights = load_file(base / "model.safetensors")
    wanted = {name: tuple(weight.shape) for name, weight in model.named_parameters()}
    found = {name: tuple(weight.shape) for name, weight in weights.items()}
    if wanted != found:
        odd = sorted(name for name in wanted | found if wanted.get(name) != found.get(name))[0]
        raise Fault(
            f"pretraining after {base}: {odd} has shape {found.get(odd)} there and {wanted.get(odd)} in the recipe. "
            "A branch keeps the hidden, layers, heads, head_width and feedforward of what it branches from."
        )
    model.load_state_dict(weights, strict=False)  # the head is the embedding, and not in the file


def save(model: PreTrainedModel, words: PreTrainedTokenizerFast, stops: int | list[int], out: Path) -> None:
    """A folder as transformers reads it; `stops` are the ids that end a response.

    Written by hand: save_pretrained draws progress bars, and safetensors leave mode 0600.
    """
    out.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(out)
    GenerationConfig(eos_token_id=stops, pad_token_id=words.pad_token_id).save_pretrained(out)
    words.save_pretrained(out)
    weights = {name: weight.detach().contiguous() for name, weight in model.named_parameters()}
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)


def _fingerprint(recipe: Recipe, base: Path | None) -> str:
    """What a state in `work` belongs to."""
    start = "" if base is None else hashlib.sha256((base / "model.safetensors").read_bytes()).hexdigest()
    return hashlib.sha256(json.dumps([asdict(recipe), start]).encode()).hexdigest()


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread: the order of floating-point sums is then fixed, and two busy neighbours cost nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

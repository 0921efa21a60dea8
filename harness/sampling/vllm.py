"""The vLLM sampler: one engine in this process for a model and all its adapters, kept full while finished parts leave it.

Known: vLLM 0.32.0, run for real on CPUs. What a GPU adds (sleeping instead of closing, compiled graphs, the share of memory) is
written after vLLM's documentation and source, and has not been run by us.

The engine lives in the worker between steps. New weights are sent into it, adapters are served beside the base without merging, and
after every such change a probe is scored (`harness.sampling.probe`): an engine that goes on with old weights is a Fault, never a result.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import json
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from harness import models
from harness.records import Fault, ModelRef, Sampling
from harness.sampling import Report, Request, Written, probe
from harness.sampling.available import check_engine, rank_served
from harness.sampling.weights import content, folder_of, is_adapter, tensors

# Said before vLLM is imported, and only where the user has not said otherwise.
ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # weights are handed over in this process, and its end is the engine's
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB, on a CPU: left alone it takes most of the machine, and there is one engine a worker
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
}
# Of a GPU's memory, at most: the trainer's weights and optimizer stay where they are while a later round is written.
GPU_SHARE = 0.5
FREE_SHARE = 0.9  # of what is free when the engine is made
TEMPERATURES = (0.01, 2.0)
HOME_PROBE = 64  # tokens of the probe of the base itself


@dataclass(frozen=True)
class Base:
    """What an engine is made for. `rank`: of the largest adapter it can serve; None for none. `vocabulary`: ids at and beyond it are padding."""

    name: str
    folder: str
    dtype: str
    vocabulary: int
    rank: int | None


class VllmSampler:
    """`trained`: an adapter or full weights that a train step left; `rank`: of the largest adapter that this model will be given."""

    def __init__(
        self, ref: ModelRef, where: tuple[str, dict[str, Any]], trained: Path | None, stop_ids: list[int], vocabulary: int, rank: int | None
    ) -> None:
        ranks = [rank] if rank else []
        if trained is not None and is_adapter(trained):
            ranks.append(json.loads((trained / "adapter_config.json").read_text())["r"])
        self.engine = engine_for(Base(ref.name, folder_of(where), ref.dtype, vocabulary, rank_served(ranks)))
        self.stop_ids = stop_ids
        self.facts: dict[str, Any] = {"probe": self.engine.serve(trained)}

    def write_parts(
        self, parts: Sequence[Sequence[Request]], sampling: Sampling, report: Report = lambda tokens: None
    ) -> Iterator[tuple[int, list[Written]]]:
        """Everything is asked for at once; a part is yielded when its last response ends. Raises Fault on a prompt that leaves no room."""
        return self.engine.write_parts(parts, sampling, self.stop_ids, report)


_resident: Engine | None = None


def engine_for(base: Base) -> Engine:
    """The resident engine if it is of this base and can serve such adapters; else a new one, the old one closed first."""
    global _resident
    if _resident is not None:
        had = _resident.base
        other = replace(had, rank=None) != replace(base, rank=None) or (had.rank or 0) < (base.rank or 0)
        if other or _resident.engine.has_unfinished_requests():  # of somebody who went away in the middle
            close()
    if _resident is None:
        _resident = Engine(base)
    _resident.wake()
    return _resident


def release() -> None:
    """Give the memory back: on a GPU the engine sleeps (its weights go to the host's memory, its cache is dropped), elsewhere it is closed."""
    if _resident is not None and _resident.can_sleep:
        _resident.sleep()
    else:
        close()


def close(only: Engine | None = None) -> None:
    """`only`: this one, and none that has taken its place."""
    global _resident
    if _resident is not None and only in (None, _resident):
        engine, _resident = _resident, None
        engine.close()


class Engine:
    """A running vLLM engine, what it serves, and how far its probe was from the trainer's."""

    def __init__(self, base: Base) -> None:
        check_engine("vllm")
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        with quietly():
            import vllm
            from vllm.platforms import current_platform
            from vllm.usage.usage_lib import UsageContext

        self.vllm, self.base = vllm, base
        self.on_gpu = current_platform.is_cuda_alike()
        self.can_sleep = current_platform.is_sleep_mode_available()
        self.asleep = False
        if current_platform.is_cpu():
            with quietly():
                check_head_size(base)
        options: dict[str, Any] = {
            "model": base.folder,
            "dtype": base.dtype,
            "load_format": "safetensors",
            "use_tqdm_on_load": False,
            "skip_tokenizer_init": True,  # ids in, ids out
            "generation_config": "vllm",  # of sampling, the suite alone decides
            "logprobs_mode": "raw_logprobs",  # at temperature 1, nothing cut
            "max_model_len": -1,  # the model's positions, or what the cache has room for
            "enable_prefix_caching": True,
            "enforce_eager": not self.on_gpu,
            # On a CPU a prompt read in pieces breaks seeded sampling: vLLM would wind the generator back, which torch's cannot there.
            "enable_chunked_prefill": self.on_gpu,
            "enable_sleep_mode": self.can_sleep,
            "disable_log_stats": True,
            "seed": 0,
        }
        if base.rank:
            options |= {"enable_lora": True, "max_loras": 1, "max_lora_rank": base.rank}
        if self.on_gpu:
            free, total = torch.cuda.mem_get_info()
            options["gpu_memory_utilization"] = min(GPU_SHARE, FREE_SHARE * free / total)
        try:
            with quietly():
                arguments = vllm.EngineArgs(**options)
                self.engine = vllm.LLMEngine.from_engine_args(arguments, usage_context=UsageContext.LLM_CLASS)
        except (ValueError, NotImplementedError) as fault:
            raise Fault(
                f"model {base.name}: vLLM cannot serve it here: {models.first_sentence(fault)}. Or `engine: transformers`."
            ) from None
        self.positions = self.engine.vllm_config.model_config.max_model_len
        if self.engine.vllm_config.model_config.get_vocab_size() > base.vocabulary:
            self.engine.collective_rpc(cut_head, args=(base.vocabulary,))
        self.names = itertools.count(1)  # of adapters: a fresh one each, for the cache of prefixes goes by it
        self.weights: Path | None = None  # full weights sent in; None: the base's own
        self.adapter: Any = None
        self.serving: Path | None = None
        self.content = content(None)
        self.figure: float | None = None
        spread = max(1, base.vocabulary // HOME_PROBE)
        ids = tuple((i * spread) % base.vocabulary for i in range(min(HOME_PROBE, self.positions - 1)))
        self.home = probe.Probe(ids, tuple(self.score(ids)))

    # What is served

    def serve(self, trained: Path | None) -> float | None:
        """Serve the base (None), an adapter or full weights. How far the probe is from the trainer's, in nats a token; None without a probe."""
        if self.serving is not None and self.serving == trained:
            return self.figure
        if self.serving is None and trained is None:
            return None
        try:
            self._change(trained)
        except BaseException:
            close(self)  # what it serves now is not known
            raise
        self.serving = trained
        return self.figure

    def _change(self, trained: Path | None) -> None:
        kept = probe.read(trained) if trained is not None else None
        before = self.score(kept.token_ids) if kept else []
        had, self.content = self.content, content(trained)
        if self.adapter is not None:
            self.engine.remove_lora(self.adapter.lora_int_id)
            self.adapter = None
        full = trained if trained is not None and not is_adapter(trained) else None
        if full != self.weights:
            self._send(full)
            if full is None:
                probe.check(
                    self.base.name, "its own weights, sent back", self.score(self.home.token_ids), self.home.logprobs, self.base.dtype
                )
        if trained is not None and full is None:
            self._add(trained)
        self.figure = None
        if kept:
            ours, what = self.score(kept.token_ids), f"checkpoint {trained}"
            self.figure = probe.check(self.base.name, what, ours, kept.logprobs, self.base.dtype)
            if self.content != had:
                probe.check_moved(self.base.name, what, before, ours)

    def _send(self, weights: Path | None) -> None:
        """Full weights into the running engine; nothing computed with the old ones is used again."""
        folder = weights or Path(self.base.folder)
        self.engine.collective_rpc("reload_weights", kwargs={"weights_iterator": tensors(folder)})
        self.engine.reset_prefix_cache()
        self.weights = weights

    def _add(self, folder: Path) -> None:
        from vllm.lora.request import LoRARequest

        number = next(self.names)
        self.adapter = LoRARequest(f"adapter-{number}", number, str(folder))
        try:
            self.engine.add_lora(self.adapter)
        except ValueError as fault:
            raise Fault(f"model {self.base.name}: vLLM cannot serve this adapter: {models.first_sentence(fault)}.") from None

    def score(self, ids: Sequence[int]) -> list[float]:
        """Log-probability of each id but the first, after all before it."""
        asked = self.vllm.SamplingParams(temperature=1.0, seed=0, max_tokens=1, prompt_logprobs=0, detokenize=False)
        self.engine.add_request("probe", self.vllm.TokensPrompt(prompt_token_ids=list(ids)), asked, lora_request=self.adapter)
        while self.engine.has_unfinished_requests():
            for output in self.engine.step():
                if output.finished:
                    return [row[i].logprob for i, row in zip(ids[1:], output.prompt_logprobs[1:], strict=True)]
        raise RuntimeError("vLLM ended without an answer to the probe")

    # Writing

    def write_parts(
        self, parts: Sequence[Sequence[Request]], sampling: Sampling, stop_ids: list[int], report: Report
    ) -> Iterator[tuple[int, list[Written]]]:
        self._check(parts, sampling)
        written: list[dict[int, Written]] = [{} for _ in parts]
        try:
            for index, part in enumerate(parts):
                for number, request in enumerate(part):
                    self._ask(f"{index}/{number}", request, sampling, stop_ids)
            yield from ((index, []) for index, part in enumerate(parts) if not part)
            while self.engine.has_unfinished_requests():
                for output in self.engine.step():
                    if not output.finished:
                        continue
                    index, number = map(int, output.request_id.split("/"))
                    written[index][number] = response = response_of(output.outputs[0], stop_ids)
                    report(len(response.response_ids))
                    if len(written[index]) == len(parts[index]):
                        yield index, [written[index][i] for i in range(len(parts[index]))]
                        written[index] = {}
        except BaseException:  # whoever asked has gone, or the engine broke: its queue is of no use
            close(self)
            raise

    def _ask(self, name: str, request: Request, sampling: Sampling, stop_ids: list[int]) -> None:
        from vllm.sampling_params import RequestOutputKind

        asked = self.vllm.SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=max(0, sampling.top_k),  # 0: no cut
            max_tokens=sampling.max_tokens,
            seed=request.seed,  # 63 bits, which is what it takes
            logprobs=0,  # of the sampled token alone
            stop_token_ids=stop_ids,
            ignore_eos=True,  # the stop ids say all
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        prompt = self.vllm.TokensPrompt(prompt_token_ids=list(request.prompt_ids))
        self.engine.add_request(name, prompt, asked, lora_request=self.adapter)

    def _check(self, parts: Sequence[Sequence[Request]], sampling: Sampling) -> None:
        low, high = TEMPERATURES
        if not low <= sampling.temperature <= high:
            raise Fault(
                f"sampling.temperature {sampling.temperature}: vLLM takes {low} to {high}, and would move or refuse another. "
                "Choose one of these, or say `engine: transformers`."
            )
        longest = max((len(request.prompt_ids) for part in parts for request in part), default=0)
        if longest + sampling.max_tokens > self.positions:
            raise Fault(
                f"model {self.base.name}: a prompt of {longest} tokens and a response of up to {sampling.max_tokens} do not fit its "
                f"{self.positions} positions (the model's own, or what the cache has room for), and nothing is cut. "
                "Lower `max_tokens` or the prompt limits, or give the cache more memory (on a CPU: VLLM_CPU_KVCACHE_SPACE, in GiB)."
            )

    # Its life

    def sleep(self) -> None:
        if not self.asleep:
            self.engine.sleep(1)
            self.asleep = True

    def wake(self) -> None:
        """What it serves is scored anew after a sleep: adapters are added again, and full weights sent again."""
        if not self.asleep:
            return
        try:
            self.engine.wake_up()
            self.engine.reset_prefix_cache()
            if self.adapter is not None:
                self.engine.remove_lora(self.adapter.lora_int_id)
            if self.weights is not None:
                self._send(None)
            self.asleep, self.adapter, self.serving, self.figure, self.content = False, None, None, None, content(None)
            home = self.score(self.home.token_ids)
            probe.check(self.base.name, "its own weights, after a sleep", home, self.home.logprobs, self.base.dtype)
        except BaseException:
            close(self)
            raise

    def close(self) -> None:
        self.engine.engine_core.shutdown()
        del self.engine
        gc.collect()
        if self.on_gpu:
            torch.cuda.empty_cache()


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Nothing below an error, until vLLM's own level holds: a worker's lines would stand among the progress of the run."""
    before = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if os.environ["VLLM_LOGGING_LEVEL"] == ENVIRONMENT["VLLM_LOGGING_LEVEL"]:
            logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)


def response_of(output, stop_ids: list[int]) -> Written:
    """The stop token is the last id. Raises RuntimeError on an end that is neither a stop nor the limit."""
    ids = tuple(output.token_ids)
    if output.finish_reason not in ("stop", "length") or (output.finish_reason == "stop") != (ids[-1] in stop_ids):
        raise RuntimeError(f"vLLM ended a response with {output.finish_reason!r} at token {ids[-1:]}")
    return Written(ids, output.finish_reason, tuple(row[i].logprob for i, row in zip(ids, output.logprobs, strict=True)))


def cut_head(worker, vocabulary: int) -> None:
    """Ids at and beyond the vocabulary get no mass, before anything is drawn or scored. Runs in the engine's worker."""
    model = worker.model_runner.model
    whole = model.compute_logits

    def compute_logits(*args, **kwargs):
        logits = whole(*args, **kwargs)
        if logits is not None:
            logits[..., vocabulary:] = float("-inf")
        return logits

    model.compute_logits = compute_logits


def check_head_size(base: Base) -> None:
    """vLLM's attention on a CPU takes some widths of a head only, and says so too late and too long."""
    from vllm.v1.attention.backends.cpu_attn import CPUAttentionBackend

    config = models.config_of((base.folder, {"local_files_only": True})).get_text_config()
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    sizes = CPUAttentionBackend.get_supported_head_sizes()
    if size not in sizes:
        raise Fault(
            f"model {base.name}: its attention heads are {size} wide, and vLLM on a CPU takes {', '.join(map(str, sizes))}. "
            "Say `engine: transformers`, or use a GPU."
        )

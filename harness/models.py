"""Load a model, wrap it for training, save it; and the checks of a pair. Safetensors only; no code from a hub is run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.utils import find_adapter_config_file

from harness.costs import Size
from harness.records import Fault, ModelRef
from harness.spec.model import Lora, PairSpec

# Heads that do more than multiply. The loss projects hidden states itself, so what it cannot do is refused by name;
# what has no name here is found by `check_head`.
UNSUPPORTED_HEADS = ("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier")

# Said each time: left to itself, transformers asks at the terminal whether to run a repository's code.
NO_CODE = {"trust_remote_code": False}


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def source(ref: ModelRef, made: Path | None) -> tuple[str, dict[str, Any]]:
    """Where transformers shall look, and its keyword arguments: a folder that a step made, a local folder, or a hub id with revision."""
    if made is not None:
        return str(made), {"local_files_only": True}
    if Path(ref.path).is_dir():
        if ref.revision:
            raise Fault(f"model {ref.name}: a folder {ref.path} lies here and would be read in its stead. Rename it, or start elsewhere.")
        return str(Path(ref.path).resolve()), {"local_files_only": True}
    if ref.revision in (None, "unpinned"):
        raise Fault(f"model {ref.name}: it carries no revision. Pin it (`name@<commit>`), so that it is the same tomorrow.")
    return ref.path, {"revision": ref.revision}


def tokenizer_of(where: tuple[str, dict[str, Any]]):
    try:
        return AutoTokenizer.from_pretrained(where[0], **where[1], **NO_CODE)
    except (OSError, ValueError) as fault:
        raise Fault(f"model {where[0]}: its tokenizer cannot be loaded: {first_sentence(fault)}") from None


def config_of(where: tuple[str, dict[str, Any]]):
    try:
        return AutoConfig.from_pretrained(where[0], **where[1], **NO_CODE)
    except (OSError, ValueError) as fault:
        raise Fault(f"model {where[0]}: its config cannot be loaded: {first_sentence(fault)}") from None


def load(ref: ModelRef, where: tuple[str, dict[str, Any]], trained: Path | None = None):
    """The model in evaluation mode on the device. `trained`: an adapter or full weights that a train step left."""
    options: dict[str, Any] = {"dtype": getattr(torch, ref.dtype), "use_safetensors": True, **NO_CODE}
    adapter = trained is not None and (trained / "adapter_config.json").exists()
    if trained is not None and not adapter:
        where = (str(trained), {"local_files_only": True})
    try:
        # The base that an adapter names has no revision, and the adapter's own weights may be a pickle.
        if find_adapter_config_file(where[0], **where[1]) is not None:
            raise Fault(f"model {where[0]}: it holds an adapter. Only whole models are read; merge it into its base and name that.")
        model = AutoModelForCausalLM.from_pretrained(where[0], **where[1], **options)
    except (OSError, ValueError) as fault:
        raise Fault(
            f"model {where[0]}: its weights cannot be loaded (safetensors only, no code of its own): {first_sentence(fault)}"
        ) from None
    if adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(trained))
    return model.to(device()).eval()


def first_sentence(fault: Exception) -> str:
    """What is wrong. The advice after it is for callers of the library: to allow pickles, or code."""
    return re.split(r"\.\s|\n", str(fault).strip() + "\n")[0].strip(" .") or type(fault).__name__


def with_lora(model, lora: Lora, seed: int):
    """The base frozen, an adapter beside it. The adapter's first weights follow from the seed alone."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets if isinstance(lora.targets, str) else list(lora.targets),
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        adapted = get_peft_model(model, config)
    adapted.peft_config["default"].base_model_name_or_path = ""  # a path of this machine; the step's address names the base
    return adapted


def save(model, tokenizer, folder: Path) -> None:
    """Adapter weights where there is an adapter, else full weights; with the tokenizer. The same bytes wherever the base lies."""
    if hasattr(model, "peft_config"):
        # The base's own embedding is not the adapter's; left to itself, peft asks the hub whether it was resized.
        model.save_pretrained(str(folder), save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # a card with the base's path
        config = folder / "adapter_config.json"
        said = json.loads(config.read_text())
        if isinstance(said.get("target_modules"), list):  # peft keeps a set, whose order is another each time
            config.write_text(json.dumps({**said, "target_modules": sorted(said["target_modules"])}, indent=2, sort_keys=True))
    else:
        model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def body_of(model):
    """The decoder without its head: what gives the last hidden states."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return inner.get_decoder() if hasattr(inner, "get_decoder") else inner.model


def head_of(model, vocabulary: int) -> torch.Tensor:
    """The head's weight [V, D], cut to the tokenizer's real ids. Raises Fault on a head that is more than one linear map."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    config = inner.config.get_text_config()
    for name in UNSUPPORTED_HEADS:
        if getattr(config, name, None) not in (None, 1.0):
            raise Fault(
                f"model {inner.config.name_or_path or type(inner).__name__}: its head applies {name}, which the loss head does not support."
            )
    head = inner.get_output_embeddings()
    if hasattr(head, "base_layer"):
        raise Fault(
            f"model {type(inner).__name__}: `lora.targets` names its head, which the loss head would not train. Leave the head out."
        )
    if not isinstance(head, torch.nn.Linear) or head.bias is not None:
        raise Fault(f"model {type(inner).__name__}: its head is not one linear map without bias, which the loss head needs.")
    if head.weight.shape[0] < vocabulary:
        raise Fault(f"model {type(inner).__name__}: its head has {head.weight.shape[0]} rows, but its tokenizer has {vocabulary} ids.")
    return head.weight[:vocabulary]


@torch.no_grad()
def token_logprobs(model, vocabulary: int, ids: Sequence[int]) -> list[float]:
    """Log-probability of each id but the first after all before it, in nats: in evaluation mode, the head cut to the vocabulary, in float32."""
    training = model.training
    model.eval()
    ids_T = torch.tensor(ids, device=next(model.parameters()).device)
    hidden_TD = body_of(model)(input_ids=ids_T[None], use_cache=False).last_hidden_state[0, :-1]
    model.train(training)
    logprobs_TV = (hidden_TD.float() @ head_of(model, vocabulary).float().T).log_softmax(1)
    return logprobs_TV.gather(1, ids_T[1:, None]).squeeze(1).tolist()


@torch.no_grad()
def check_head(model, vocabulary: int) -> None:
    """Raises Fault where the logits of the loss head are not those of the model itself. The model is in evaluation mode."""
    ids = torch.arange(min(vocabulary, 8), device=next(model.parameters()).device)[None]
    ours = body_of(model)(input_ids=ids, use_cache=False).last_hidden_state.float() @ head_of(model, vocabulary).float().T
    theirs = model(input_ids=ids, use_cache=False).logits[..., :vocabulary].float()
    tolerance = 0.02 if theirs.dtype != model.dtype else 1e-3  # half precision rounds logits
    if (ours - theirs).abs().max() > tolerance * theirs.abs().max():
        raise Fault(
            f"model {type(model).__name__}: its logits are not its head times its last hidden states; the loss head cannot train it."
        )


def skeleton(where: tuple[str, dict[str, Any]]):
    """The model without weights: for counting."""
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config_of(where), **NO_CODE)


def matmul_parameters(model, adapter: bool = True) -> int:
    """Weights that multiply once per token: all but the input embedding, which only does where it is the head too. With the adapter or without."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    total = sum(p.numel() for name, p in inner.named_parameters() if adapter or "lora_" not in name)
    tied = inner.get_output_embeddings().weight is inner.get_input_embeddings().weight
    return total if tied else total - inner.get_input_embeddings().weight.numel()


def size_of(model, adapter: bool = True) -> Size:
    """The model as its cost goes, with its adapter or without."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    config = inner.config.get_text_config()
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    return Size.of(
        matmul_parameters(model, adapter), config.num_hidden_layers, heads, getattr(config, "num_key_value_heads", None) or heads, width
    )


def vocabulary_of(tokenizer) -> int:
    return max(tokenizer.get_vocab().values()) + 1


def stop_ids(where: tuple[str, dict[str, Any]], tokenizer) -> list[int]:
    """Every token that ends a response: the tokenizer's own, and those of the generation config, or of the config where that names none."""
    try:
        ids = GenerationConfig.from_pretrained(where[0], **where[1]).eos_token_id
    except OSError:
        ids = None
    if ids is None:
        ids = config_of(where).eos_token_id
    found = {tokenizer.eos_token_id} | set(ids if isinstance(ids, list) else [ids])
    if found == {None}:
        raise Fault(f"model {where[0]}: neither its tokenizer nor its generation config names a token that ends a response.")
    return sorted(i for i in found if i is not None)


def check_pair(name: str, pair: PairSpec, student: tuple, teacher: tuple) -> dict[str, str]:
    """What differs between the two, by name, with both sides. Raises Fault on an unequal vocabulary or a difference not declared."""
    ours, theirs = tokenizer_of(student), tokenizer_of(teacher)
    if ours.get_vocab() != theirs.get_vocab():
        odd = sorted(set(ours.get_vocab().items()) ^ set(theirs.get_vocab().items()))[:3]
        raise Fault(
            f"pairs.{name}: student and teacher do not share a tokenizer ({len(ours.get_vocab())} and {len(theirs.get_vocab())} entries; "
            f"first differences {odd}). Token-level supervision needs one; choose a teacher of the same family."
        )
    differences = {}
    if ours.chat_template != theirs.chat_template:
        differences["template"] = "their chat templates differ"
    stops = stop_ids(student, ours), stop_ids(teacher, theirs)
    if stops[0] != stops[1]:
        differences["stop"] = f"student stops at {stops[0]}, teacher at {stops[1]}"
    if pair.modes.student != pair.modes.teacher:
        differences["mode"] = f"student speaks {pair.modes.student}, teacher {pair.modes.teacher}"
    for kind, text in differences.items():
        if kind not in pair.differ:
            raise Fault(f"pairs.{name}: {text}. If that is meant, declare it: `differ: [{kind}]`.")
    for kind in pair.differ:
        if kind not in differences:
            raise Fault(f"pairs.{name}: `differ` declares that {kind} differs, but student and teacher agree in it. Take `{kind}` out.")
    return differences


def check_reference(name: str, student: tuple, reference: tuple) -> None:
    """Raises Fault where the reference model does not read the same tokens. It only reads what others were shown, so nothing else may differ."""
    if tokenizer_of(student).get_vocab() != tokenizer_of(reference).get_vocab():
        raise Fault(f"pairs.{name}: the reference model does not share the student's tokenizer. Choose one of the same family.")


def quiet() -> None:
    """No progress bars of libraries in our logs; a missing file is an error now, not after retries."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()

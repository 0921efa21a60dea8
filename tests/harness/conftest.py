"""Models of two layers with random weights, made in memory, and the tokenizer of the small world."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

from harness.world import tokenizer as tokenizers

FAMILIES = {"qwen3": (Qwen3Config, Qwen3ForCausalLM, {"head_dim": 8}), "llama": (LlamaConfig, LlamaForCausalLM, {})}


@pytest.fixture(scope="session")
def small_words():
    return tokenizers.build()


@pytest.fixture(scope="session")
def tiny_model():
    """A function: family, tied, seed, rows of the head, width, dtype → a model whose distributions are far from flat."""

    def make(family="qwen3", *, tied=True, seed=0, rows=tokenizers.SIZE, width=16, dtype=torch.float32):
        config_class, model_class, more = FAMILIES[family]
        config = config_class(
            vocab_size=rows, hidden_size=width, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
            max_position_embeddings=512, initializer_range=0.4, tie_word_embeddings=tied,
            bos_token_id=None, eos_token_id=2, pad_token_id=0, **more,
        )  # fmt: skip
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return model_class(config).to(dtype).eval()

    return make


@pytest.fixture(scope="session")
def keep_model(small_words):
    """A function that writes a model with tokenizer and generation config to a folder, as the hub would have it."""

    def keep(model, folder: Path, stops=2, words=small_words) -> Path:
        model.save_pretrained(str(folder))
        words.save_pretrained(str(folder))
        GenerationConfig(eos_token_id=stops, pad_token_id=0).save_pretrained(str(folder))
        return folder

    return keep

"""Stand-ins for models of the hub: true family, few and narrow layers, random weights. For rehearsals; what they write means nothing."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import AddedToken
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from harness import seeds
from harness.records import Fault
from harness.world import tokenizer
from harness.world.pretrain import one_thread, save
from harness.world.shapes import Shape

STOPS_STAND_OUT = 1.5  # times the length of their rows: some responses of 24 tokens end by themselves, most are cut
BEGIN, END = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
USER, ASSISTANT = "<｜User｜>", "<｜Assistant｜>"
# Ids beyond the small world's: marks that are left out of a text, and words that stay in it. They decide who can be a pair with whom.
MARKS = {"qwen2.5": (), "qwen3": (), "r1": (BEGIN, END, USER, ASSISTANT)}
WORDS = {"qwen2.5": (), "qwen3": ("<think>", "</think>"), "r1": ("<think>", "</think>")}

TURNS = "{% for turn in messages %}<|im_start|>{{ turn.role }}\n{{ turn.content }}<|im_end|>\n{% endfor %}"
SYSTEM = "{% if messages[0].role != 'system' %}<|im_start|>system\nYou answer questions.<|im_end|>\n{% endif %}"
ANSWER = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
SWITCHED = (
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if not enable_thinking | default(true) %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
R1 = (
    f"{BEGIN}{{% for turn in messages %}}{{% if turn.role == 'assistant' %}}{ASSISTANT}{{{{ turn.content }}}}{END}"
    f"{{% else %}}{USER}{{{{ turn.content }}}}{{% endif %}}{{% endfor %}}"
    f"{{% if add_generation_prompt %}}{ASSISTANT}<think>\n{{% endif %}}"
)
# In effect what the models' own templates do with one user message, in words of our own.
TEMPLATES = {"chat": TURNS + ANSWER, "chat-system": SYSTEM + TURNS + ANSWER, "hybrid": TURNS + SWITCHED, "r1": R1}


def make(shape: Shape, out: Path) -> dict:
    """Writes a model folder as transformers reads it; the same bytes each time. Raises Fault for a name that is not known here."""
    for what, known, said in (("template", TEMPLATES, shape.template), ("tokenizer", WORDS, shape.tokenizer)):
        if said not in known:
            raise Fault(f"suites/models.yaml: {shape.name}: there is no {what} {said!r} for stand-ins. Known: {', '.join(known)}.")
    with one_thread():
        words = tokenizer_of(shape)
        model = model_of(shape, words)
        save(model, words, words.convert_tokens_to_ids(list(shape.stops)), out)
    return {"parameters": sum(weight.numel() for weight in model.parameters())}


def tokenizer_of(shape: Shape) -> PreTrainedTokenizerFast:
    words = tokenizer.build()
    marks = [mark for mark in dict.fromkeys((*MARKS[shape.tokenizer], *shape.stops)) if mark not in words.get_vocab()]
    words.add_tokens([AddedToken(mark, special=True, normalized=False) for mark in marks], special_tokens=True)
    words.add_tokens([AddedToken(word, special=False, normalized=False) for word in WORDS[shape.tokenizer]])
    words.eos_token = shape.stops[0]
    words.chat_template = TEMPLATES[shape.template]
    return words


def model_of(shape: Shape, words: PreTrainedTokenizerFast):
    try:
        config = AutoConfig.for_model(
            shape.family,
            vocab_size=shape.rows,
            hidden_size=shape.hidden,
            intermediate_size=shape.feedforward,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.kv_heads,
            head_dim=shape.head_width,
            max_position_embeddings=shape.context,
            initializer_range=shape.initializer_range,
            tie_word_embeddings=shape.tied,
            bos_token_id=None,
            eos_token_id=words.eos_token_id,
            pad_token_id=words.pad_token_id,
        )
    except ValueError:
        raise Fault(f"suites/models.yaml: {shape.name}: transformers knows no family {shape.family!r}. Write its model_type.") from None
    with torch.random.fork_rng(devices=[]):  # what ran before in this process must not matter, nor what runs after
        torch.manual_seed(seeds.derive("stand-in", shape.name))
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, trust_remote_code=False)
    with torch.no_grad():
        model.get_output_embeddings().weight[words.convert_tokens_to_ids(list(shape.stops))] *= STOPS_STAND_OUT
    model = model.to(torch.bfloat16)
    model.config.dtype = "bfloat16"  # as models of the hub are kept
    model.config.architectures = [type(model).__name__]
    return model

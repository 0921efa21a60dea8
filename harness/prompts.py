"""Text to token ids and back: the only caller of a chat template."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records import Fault, Problem


def encode(tokenizer, text: str, mode: str, system: str | None = None, prefill: str | None = None) -> list[int]:
    """One user message under the tokenizer's chat template, up to where the assistant begins. `mode` is plain or thinking.

    `system` stands before it; `prefill` is how the assistant's answer begins, so that the reader goes on from there.
    """
    if tokenizer.chat_template is None:
        raise Fault(f"tokenizer {tokenizer.name_or_path}: it has no chat template, so no prompt can be made. Choose an instruct model.")
    messages = [*([{"role": "system", "content": system}] if system else []), {"role": "user", "content": text}]
    ids = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=False, enable_thinking=mode == "thinking"
    )
    return ids + tokenizer(prefill, add_special_tokens=False)["input_ids"] if prefill else ids


def reading(tokenizer, problem: Problem, message: str, mode: str) -> list[int]:
    """A problem as somebody reads it in `message`: its system message before, the beginning of its answer after."""
    return encode(tokenizer, message, mode, problem.system, problem.prefill)


def decode(tokenizer, ids: Sequence[int]) -> str:
    """The text of a response, special tokens left out, nothing cleaned up."""
    return tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)

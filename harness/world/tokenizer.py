"""The tokenizer of the small world: 384 byte-complete BPE tokens and a ChatML template. Any text can be encoded, and comes back."""

from __future__ import annotations

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from harness.world import recipes

SIZE = 384
PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
# One tokenizer for all recipes, so that any two models of the small world can be a pair.
CORPUS = recipes.Recipe(steps=1, learning_rate=1e-3, plain=0.4, rewrite=0.2, reference=0.2, peers=0.2)


def build() -> PreTrainedTokenizerFast:
    """The tokenizer, trained anew (0.3 s) on made-up examples; the same each time."""
    tokenizer = Tokenizer(models.BPE())
    # Digits stand alone, or "15" and "5" would share no token and every sum would be learned many times over.
    digits, pieces = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pieces])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=[PAD, START, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    texts = [f"user\n{message}\nassistant\n{response}" for message, response in recipes.examples(CORPUS, pool=0, count=3000)]
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        extra_special_tokens=[START],
        padding_side="left",
        clean_up_tokenization_spaces=False,
        chat_template=TEMPLATE,
    )

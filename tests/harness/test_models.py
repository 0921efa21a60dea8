"""Loading, adapters, heads and the checks of a pair, on folders as the hub would have them."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from transformers import (
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GenerationConfig,
    GraniteConfig,
    GraniteForCausalLM,
    PhiConfig,
    PhiForCausalLM,
)

from harness import models, prompts
from harness.records import Fault, ModelRef
from harness.spec.model import Lora, PairSpec
from harness.world import tokenizer as tokenizers

HERE = {"local_files_only": True}
LORA = Lora(rank=4, alpha=8)
IDS = torch.tensor([[5, 9, 300, 17, 2, 44]])
SIZES = {"vocab_size": 384, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2,
         "initializer_range": 0.4, "pad_token_id": 0, "bos_token_id": None, "eos_token_id": 2}  # fmt: skip


def where(folder):
    return (str(folder), HERE)


def logits(model):
    with torch.no_grad():
        return model(IDS).logits


@pytest.mark.parametrize("family", ["qwen3", "llama"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("lora", [True, False])
def test_O4_the_head_agrees_with_the_model_class(tiny_model, family, tied, lora):
    model = tiny_model(family, tied=tied, rows=400)
    if lora:
        model = models.with_lora(model, LORA, 1).eval()
        with torch.no_grad():
            for name, p in model.named_parameters():
                p += 0.1 if "lora_B" in name else 0.0
    with torch.no_grad():
        hidden = models.body_of(model)(input_ids=IDS, use_cache=False).last_hidden_state
    torch.testing.assert_close(hidden @ models.head_of(model, 384).T, logits(model)[..., :384])
    models.check_head(model, 384)


@pytest.mark.parametrize(
    ("config", "kind", "named"),
    [
        (CohereConfig(**SIZES, logit_scale=0.0625), CohereForCausalLM, "logit_scale"),
        (Gemma2Config(**SIZES, head_dim=8), Gemma2ForCausalLM, "final_logit_softcapping"),
        (GraniteConfig(**SIZES, logits_scaling=4.0), GraniteForCausalLM, "logits_scaling"),
        (PhiConfig(**SIZES), PhiForCausalLM, "without bias"),
    ],
)
def test_O4_a_head_that_does_more_is_refused_by_name(config, kind, named):
    with pytest.raises(Fault, match=named):
        models.head_of(kind(config).eval(), 384)
    with pytest.raises(Fault, match=named):
        models.check_head(kind(config).eval(), 384)


def test_O4_a_head_that_does_more_without_a_name_is_found(tiny_model):
    class Scaled(type(tiny_model())):
        def forward(self, *args, **more):
            out = super().forward(*args, **more)
            out.logits = out.logits * 1.1
            return out

    model = tiny_model()
    models.check_head(model, 384)
    model.__class__ = Scaled
    with pytest.raises(Fault, match="not its head times its last hidden states"):
        models.check_head(model, 384)


def test_a_scale_of_1_is_no_scale():
    model = GraniteForCausalLM(GraniteConfig(**SIZES, logits_scaling=1.0)).eval()
    models.check_head(model, 384)


def test_V1_a_head_with_fewer_rows_than_ids_is_refused(tiny_model):
    with pytest.raises(Fault, match="380 rows, but its tokenizer has 384 ids"):
        models.head_of(tiny_model(rows=380), 384)


def test_an_adapter_on_the_head_is_refused(tiny_model):
    model = models.with_lora(tiny_model(tied=False), Lora(rank=2, alpha=4, targets=["q_proj", "lm_head"]), 0)
    with pytest.raises(Fault, match=r"`lora\.targets` names its head"):
        models.head_of(model, 384)


def test_only_the_adapter_is_trained_and_its_start_follows_from_the_seed_alone(tiny_model):
    def adapter(seed, noise):
        torch.manual_seed(noise)
        state = torch.get_rng_state()
        model = models.with_lora(tiny_model(), LORA, seed)
        assert torch.equal(state, torch.get_rng_state())
        return model, {name: p for name, p in model.named_parameters() if p.requires_grad}

    model, first = adapter(7, 1)
    assert first
    assert all("lora_" in name for name in first)
    assert {name.rpartition(".lora_")[0].rpartition(".")[2] for name in first} == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}  # fmt: skip
    again, other = adapter(7, 2)[1], adapter(8, 1)[1]
    assert all(torch.equal(p, again[name]) for name, p in first.items())
    assert not any(torch.equal(p, other[name]) for name, p in first.items() if "lora_A" in name)
    torch.testing.assert_close(logits(model.eval()), logits(tiny_model()), rtol=0, atol=0)  # it begins as nothing


def test_an_adapter_survives_the_disk_and_knows_no_path(tiny_model, keep_model, small_words, tmp_path):
    ref = ModelRef("tiny", None, "float32")
    kept = []
    for name in ("here", "there"):
        base = keep_model(tiny_model(tied=False), tmp_path / name / "base")
        model = models.with_lora(models.load(ref, where(base)), LORA, 3)
        with torch.no_grad():
            for p in model.parameters():
                if p.requires_grad:
                    p += 0.05
        models.save(model, small_words, tmp_path / name / "adapter")
        loaded = models.load(ref, where(base), tmp_path / name / "adapter")
        assert not loaded.training
        torch.testing.assert_close(logits(loaded), logits(model.eval()), rtol=0, atol=0)
        assert (logits(loaded) - logits(models.load(ref, where(base)))).abs().max() > 0.1
        kept.append({p.name: p.read_bytes() for p in (tmp_path / name / "adapter").iterdir()})
    assert "model.safetensors" not in kept[0]
    assert kept[0] == kept[1]
    assert not any(str(tmp_path).encode() in data for data in kept[0].values())


@pytest.mark.parametrize("tied", [True, False])
def test_full_weights_survive_the_disk(tiny_model, keep_model, small_words, tmp_path, tied):
    base = keep_model(tiny_model(tied=tied, seed=1), tmp_path / "base")
    model = tiny_model(tied=tied, seed=2)
    models.save(model, small_words, tmp_path / "trained")
    loaded = models.load(ModelRef("tiny"), where(base), tmp_path / "trained")
    torch.testing.assert_close(logits(loaded), logits(model), rtol=0, atol=0)
    assert models.tokenizer_of(where(tmp_path / "trained")).get_vocab() == small_words.get_vocab()
    assert not list((tmp_path / "trained").glob("*.bin"))


@pytest.mark.parametrize("tied", [True, False])
def test_weights_that_multiply_per_token(tiny_model, keep_model, tmp_path, tied):
    model = tiny_model(tied=tied)
    everything = sum(p.numel() for p in model.parameters())  # tied weights stand once
    expected = everything if tied else everything - model.model.embed_tokens.weight.numel()
    assert models.matmul_parameters(model) == expected
    assert models.matmul_parameters(models.skeleton(where(keep_model(model, tmp_path / "m")))) == expected


def test_checkpointing_does_not_cut_an_adapter_from_the_graph(tiny_model):
    """What the train stage does on a GPU: the embedding is frozen, so nothing before the first adapter asks for a gradient."""
    grads = []
    for checkpointing in (False, True):
        model = models.with_lora(tiny_model(), LORA, 3)
        if checkpointing:
            model.gradient_checkpointing_enable()
        model.train()
        models.body_of(model)(input_ids=IDS, use_cache=False).last_hidden_state.square().sum().backward()
        grads.append([p.grad for p in model.parameters() if p.requires_grad])
    assert len(grads[0]) == 28
    for plain, checkpointed in zip(*grads, strict=True):
        torch.testing.assert_close(plain, checkpointed, rtol=0, atol=0)


# Pairs


@pytest.fixture
def two(tiny_model, keep_model, tmp_path):
    """Folders of a student and a teacher of one family."""
    return keep_model(tiny_model(rows=384), tmp_path / "student"), keep_model(tiny_model(rows=420, seed=1), tmp_path / "teacher")


def check(student, teacher, differ=(), modes=("plain", "plain")):
    spec = PairSpec(student="s", teacher="t", differ=list(differ), modes=dict(zip(("student", "teacher"), modes, strict=True)))
    return models.check_pair("p", spec, where(student), where(teacher))


def test_V1_equal_vocabularies_pair_whatever_rows_their_heads_have(two):
    assert check(*two) == {}


def test_V1_unequal_vocabularies_of_equal_size_are_refused(two):
    path = two[1] / "tokenizer.json"
    data = json.loads(path.read_text())
    vocabulary = data["model"]["vocab"]
    first, second = (token for token, number in vocabulary.items() if number in (200, 201))
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    path.write_text(json.dumps(data))
    assert len(models.tokenizer_of(where(two[1]))) == len(models.tokenizer_of(where(two[0])))
    with pytest.raises(Fault, match=r"pairs\.p: student and teacher do not share a tokenizer \(384 and 384 entries"):
        check(*two, differ=["template", "stop", "mode"])


def test_E1_unlike_stop_tokens_are_refused_unless_declared(two):
    GenerationConfig(eos_token_id=[2, 0]).save_pretrained(two[1])
    with pytest.raises(Fault, match=r"student stops at \[2\], teacher at \[0, 2\].*`differ: \[stop\]`"):
        check(*two)
    with pytest.raises(Fault, match="stop"):
        check(*two, differ=["mode", "template"])
    assert list(check(*two, differ=["stop"])) == ["stop"]


def test_E1_unlike_templates_are_refused_unless_declared(two, small_words):
    words = models.tokenizer_of(where(two[1]))
    words.chat_template = tokenizers.TEMPLATE.replace("assistant", "tutor")
    words.save_pretrained(two[1])
    with pytest.raises(Fault, match=r"`differ: \[template\]`"):
        check(*two, differ=["stop"])
    assert list(check(*two, differ=["template"])) == ["template"]


def test_E2_unlike_modes_are_refused_unless_declared(two):
    with pytest.raises(Fault, match=r"student speaks plain, teacher thinking.*`differ: \[mode\]`"):
        check(*two, modes=("plain", "thinking"))
    assert list(check(*two, ["mode"], ("plain", "thinking"))) == ["mode"]
    assert check(*two, modes=("thinking", "thinking")) == {}


def test_A3_every_stop_token_of_the_generation_config_counts(two, small_words):
    student = two[0]
    assert models.stop_ids(where(student), small_words) == [2]
    GenerationConfig(eos_token_id=[0, 7]).save_pretrained(student)
    assert models.stop_ids(where(student), small_words) == [0, 2, 7]
    GenerationConfig().save_pretrained(student)  # names none: the model's own config speaks
    config = json.loads((student / "config.json").read_text())
    (student / "config.json").write_text(json.dumps({**config, "eos_token_id": 9}))
    assert models.stop_ids(where(student), small_words) == [2, 9]
    (student / "generation_config.json").unlink()
    assert models.stop_ids(where(student), small_words) == [2, 9]


def test_a_model_without_revision_is_refused(tmp_path):
    for revision in (None, "unpinned"):
        with pytest.raises(Fault, match="it carries no revision"):
            models.source(ModelRef("Qwen/Qwen3-1.7B", revision), None)
    assert models.source(ModelRef("Qwen/Qwen3-1.7B", "abc"), None) == ("Qwen/Qwen3-1.7B", {"revision": "abc"})
    assert models.source(ModelRef("local-folder", "files-1"), tmp_path) == (str(tmp_path), HERE)


def test_weights_that_are_not_safetensors_are_refused(two):
    torch.save({}, two[0] / "pytorch_model.bin")
    (two[0] / "model.safetensors").unlink()
    with pytest.raises(Fault, match="its weights cannot be loaded"):
        models.load(ModelRef("tiny"), where(two[0]))
    shutil.rmtree(two[0])
    with pytest.raises(Fault, match="its tokenizer cannot be loaded"):
        models.tokenizer_of(where(two[0]))


# Prompts


def test_a_prompt_is_the_template_and_comes_back(small_words):
    ids = prompts.encode(small_words, "Start with 3.  Go <on>", "plain")
    assert small_words.decode(ids) == "<|im_start|>user\nStart with 3.  Go <on><|im_end|>\n<|im_start|>assistant\n"
    assert all(isinstance(i, int) for i in ids)
    assert prompts.decode(small_words, [*small_words("a , b .")["input_ids"], 2]) == "a , b ."


def test_the_mode_reaches_the_template(small_words):
    words = tokenizers.build()
    words.chat_template = tokenizers.TEMPLATE + "{% if not enable_thinking %}{{ '<think></think>' }}{% endif %}"
    plain, thinking = (words.decode(prompts.encode(words, "x", mode)) for mode in ("plain", "thinking"))
    assert plain == thinking + "<think></think>"


def test_A7_a_tokenizer_without_template_is_refused():
    words = tokenizers.build()
    words.chat_template = None
    with pytest.raises(Fault, match="has no chat template"):
        prompts.encode(words, "x", "plain")

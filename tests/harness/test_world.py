"""The small world: true problems, apart from each other; a tokenizer that loses nothing; pretraining that repeats itself to the byte."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness import seeds
from harness.records import Fault
from harness.world import chain, recipes
from harness.world import tokenizer as tokenizers
from harness.world.pretrain import CHECKPOINT_EVERY, encode, pretrain

SUITES = Path(__file__).parents[2] / "suites"
SMALL = recipes.Recipe(
    steps=70, learning_rate=1.2e-2, seed=5, batch=4, modulo=5, chain_steps=(2, 3), hidden=16, heads=2, head_width=8, feedforward=32,
    layers=1, gate_problems=4, gate_samples=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def words():
    return tokenizers.build()


def interpret(text: str) -> list[int]:
    """The values along a chain, by its text alone."""
    start, middle, modulo = re.fullmatch(r"Start with (\d+)\. (.*) Work modulo (\d+)\.", text).groups()
    values = [int(start)]
    for place, step in enumerate(middle.split(" ")):
        label, operator, operand = re.fullmatch(r"([a-z]):([-+*])(\d)", step).groups()
        assert label == "abcdefgh"[place]
        value = values[-1]
        values.append({"+": value + int(operand), "-": value - int(operand), "*": value * int(operand)}[operator] % int(modulo))
    return values


@pytest.mark.parametrize(("steps", "modulo"), [((3, 8), 20), ((2, 3), 10), ((7, 8), 97)])
def test_problems_are_true(steps, modulo):
    for problem in chain.problems(200, seed=3, steps=steps, modulo=modulo):
        values = interpret(problem.prompt)
        assert steps[0] <= len(values) - 1 <= steps[1]
        assert problem.answer == str(values[-1])
        assert problem.solution.endswith(f"\nAnswer: \\boxed{{{values[-1]}}}")
        lines = problem.solution.split("\n")[:-1]
        written = [tuple(map(int, re.fullmatch(r"[a-z]: (\d+)[-+*]\d=(\d+)", line).groups())) for line in lines]
        assert written == list(pairwise(values))


def test_splits_never_meet():
    sets = {split: chain.problems(400, seed=1, split=split, steps=(2, 4)) for split in chain.SPLITS}
    prompts = [problem.prompt for problems in sets.values() for problem in problems]
    assert len(set(prompts)) == len(prompts)
    pretraining = {
        message.split("Problem: ")[-1] for message, _ in recipes.examples(replace(SMALL, modulo=20, chain_steps=(2, 4)), 0, 2000)
    }
    assert len(pretraining) > 1000
    for split in ("exam", "train", "gate"):
        assert not pretraining & {problem.prompt for problem in sets[split]}


def test_problems_of_one_set_differ_and_are_stable():
    many = chain.problems(500, seed=1, steps=(2, 2))
    assert len({problem.id for problem in many}) == len({problem.prompt for problem in many}) == 500
    assert chain.problems(20, seed=1, steps=(2, 2)) == many[:20]
    assert chain.problems(20, seed=2, steps=(2, 2)) != many[:20]
    avoided = {problem.prompt for problem in many[:10]}
    assert not avoided & {problem.prompt for problem in chain.problems(50, seed=1, steps=(2, 2), avoid=avoided)}
    with pytest.raises(ValueError, match="too few"):
        chain.problems(500, seed=1, steps=(1, 1))


def test_errors_carry_on():
    problem = chain.Chain(start=4, steps=(("-", 9), ("*", 3), ("+", 2)), modulo=20)
    table = {(4, "-", 9): 16}
    text = problem.written(chain.misled(table, 1.0, seeds.generator(0), 20))
    assert text == "a: 4-9=16\nb: 16*3=8\nc: 8+2=10\nAnswer: \\boxed{10}"
    careless = problem.written(chain.careless(1.0, seeds.generator(0), 20)).split("\n")[:-1]
    values = [re.fullmatch(r"[a-z]: (\d+)([-+*])(\d)=(\d+)", line).groups() for line in careless]
    assert all(left[3] == right[0] for left, right in pairwise(values))
    assert all(chain.true_result((int(a), op, int(k)), 20) != int(b) for a, op, k, b in values)


def test_misconceptions_are_systematic():
    small, large = (chain.misconceptions(share, 7, 20) for share in (0.1, 0.3))
    assert small.items() <= large.items()
    assert abs(len(large) / 480 - 0.3) < 0.08
    assert all(chain.true_result(fact, 20) != wrong for fact, wrong in large.items())


def test_who_reads_the_solution_copies_it():
    recipe = replace(SMALL, plain=0, rewrite=0, reference=1, peers=0, misconceptions=1, misconception_probability=1)
    for message, response in recipes.examples(recipe, 0, 50):
        assert response in message
    plain = replace(recipe, plain=1, reference=0)
    assert all(chain.boxed(response) is not None for _, response in recipes.examples(plain, 0, 5))
    assert any(
        response.split("\n")[0][3:].split("=")[1] != str(interpret(message)[1]) for message, response in recipes.examples(plain, 0, 5)
    )


def first_value(message: str) -> str:
    return str(interpret(message.split("Problem: ")[-1])[1])


def test_who_reads_a_peer_named_right_copies_it_and_learns_nothing_from_one_named_wrong():
    recipe = replace(SMALL, plain=0, rewrite=0, reference=0, peers=1, labelled=True, misconceptions=1, misconception_probability=1)
    seen = recipes.examples(recipe, 0, 80)
    right = [(message, response) for message, response in seen if "A correct solution:\n" in message]
    alone = [response for message, response in seen if "correct solution:\n" not in message]
    assert len(right) > 30 and len(alone) > 10
    for message, response in right:
        assert response in message and chain.boxed(response) == str(interpret(message.split("Problem: ")[-1])[-1])
    wrong = [message.split("made again:\n")[1].split("\n\n")[0] for message, _ in seen if "made again:\n" in message]
    assert wrong and all(response not in wrong for _, response in right)
    assert any(response.split("\n")[0].split("=")[1] != first_value(message) for message, response in seen if response in alone)


def test_spaces_change_the_words_and_nothing_else():
    problem = chain.Chain(start=4, steps=(("-", 9), ("*", 3)), modulo=20)
    recall = chain.misled({}, 0.0, seeds.generator(0), 20)
    assert problem.written(recall, spaced=True) == "a: 4 - 9 = 15\nb: 15 * 3 = 5\nAnswer: \\boxed{5}"
    recipe = replace(SMALL, misconceptions=0.5, misconception_probability=0.5)
    close = recipes.examples(recipe, 3, 40)
    apart = recipes.examples(replace(recipe, spaced=True), 3, 40)
    assert [message for message, _ in close] == [message for message, _ in apart]
    assert [response for _, response in close] == [re.sub(r" ([-+*=]) ", r"\1", re.sub(r" ([-+*=]) ", r"\1", r)) for _, r in apart]


@settings(deadline=None)
@given(text=st.text())
def test_any_text_survives(words, text):
    assert words.decode(words(text, add_special_tokens=False)["input_ids"]) == text


def test_tokenizer_is_the_same_each_time(words):
    assert words.backend_tokenizer.to_str() == tokenizers.build().backend_tokenizer.to_str()
    assert len(words) == tokenizers.SIZE
    assert (words.eos_token, words.pad_token, words.padding_side) == ("<|im_end|>", "<|endoftext|>", "left")


def test_chat_template(words):
    messages = [{"role": "user", "content": "2+2?"}]
    text = words.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, enable_thinking=False)
    assert text == "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n"
    whole = words.apply_chat_template([*messages, {"role": "assistant", "content": "4"}], tokenize=False)
    prompt, response = encode(words, "2+2?", "4")
    assert words.decode(prompt + response) + "\n" == whole  # trained on what the template writes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"plain": 0.7}, "add up to 1.1"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"steps": 1.5}, "steps must be a number of type int"),
        ({"learning_rate": "4e-3"}, "write 4.0e-3"),
        ({"spaced": "yes"}, "spaced must be true or false, not 'yes'.$"),
        ({"chain_steps": [3]}, "shortest, longest"),
        ({"chain_steps": [5, 3]}, "shortest <= longest"),
        ({"hiden": 3}, "no field hiden"),
    ],
)
def test_recipes_refuse(change, message):
    with pytest.raises(ValueError, match=message):
        recipes.read({"steps": 10, "learning_rate": 0.01, **change})


@pytest.mark.slow
def test_pretraining_repeats_and_resumes(tmp_path):
    def quiet(kind, values):
        pass

    def killed(kind, values):
        if values.get("step", 0) > CHECKPOINT_EVERY:
            raise KeyboardInterrupt

    facts = pretrain(SMALL, None, tmp_path / "a", tmp_path / "work_a", quiet)
    assert (facts["steps"], facts["cycles"]) == (70, 1)
    torch.rand(7)  # what ran before must not matter
    with pytest.raises(KeyboardInterrupt):
        pretrain(SMALL, None, tmp_path / "b", tmp_path / "work_b", killed)
    assert not (tmp_path / "b").exists()
    seen = []
    pretrain(SMALL, None, tmp_path / "b", tmp_path / "work_b", lambda kind, values: seen.append(values.get("step")))
    assert seen[0] == 60  # from 50 on
    for file in sorted((tmp_path / "a").iterdir()):
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name

    branch = replace(SMALL, steps=5, seed=6)
    shutil.rmtree(tmp_path / "work_a")
    for out in ("c", "d"):
        pretrain(branch, tmp_path / "a", tmp_path / out, tmp_path / f"work_{out}", quiet)
    pretrain(branch, tmp_path / "a", tmp_path / "d", tmp_path / "work_b", quiet)  # a state of another recipe is not used
    weights = [(tmp_path / out / "model.safetensors").read_bytes() for out in "acd"]
    assert weights[0] != weights[1] == weights[2]
    model, words = AutoModelForCausalLM.from_pretrained(tmp_path / "c"), AutoTokenizer.from_pretrained(tmp_path / "c")
    assert model.generation_config.eos_token_id == words.eos_token_id == model.config.eos_token_id
    with pytest.raises(Fault, match="A branch keeps"):
        pretrain(replace(branch, hidden=24), tmp_path / "a", tmp_path / "e", tmp_path / "work_e", quiet)


@pytest.mark.slow
def test_a_missed_gate_asks_for_more_cycles_then_says_so(tmp_path):
    strict = replace(SMALL, steps=3, gate=1.0, cycle_steps=2, max_cycles=3)
    gates = []
    with pytest.raises(Fault, match=r"after 3 cycles \(7 updates\).*Choose another `seed`"):
        pretrain(strict, None, tmp_path / "out", tmp_path / "work", lambda kind, values: gates.append(values) if kind == "gate" else None)
    assert [gate["cycle"] for gate in gates] == [1, 2, 3]
    assert not (tmp_path / "out").exists()


def test_the_catalogues_say_what_can_be_made():
    entries = yaml.safe_load((SUITES / "models.yaml").read_text())
    made = {name: entry for name, entry in entries.items() if "recipe" in entry}
    assert {"small-world/base", "small-world/teacher", "small-world/student", "tiny-world/teacher", "tiny-world/student"} <= set(made)
    for entry in made.values():
        recipes.read(entry["recipe"])
        assert "after" not in entry or entry["after"] in made
    sets = {name: entry["made"] for name, entry in yaml.safe_load((SUITES / "problems.yaml").read_text()).items() if "made" in entry}
    for name, made_of in sets.items():
        arguments = {key: value for key, value in made_of.items() if key != "kind"}
        assert len(chain.problems(**arguments)) == made_of["count"], name

"""Guards against faults that public trainers had, named by the letter and number of the fault: normalisation (N), temperature (T),
objective (O), precision (P), alignment (A), vocabulary (V), ends and modes (E), specs and systems (S).

Those of the engine, the sampler, models and losses stand beside what they guard (`pytest -k "O2 or V1"` finds them); here stand those
that need a suite, a run or a page. Three cannot be broken by what there is:

- T2, a server that ignores the temperature when it scores: teachers score in this process, from their own hidden states and head;
- N2 and S4 on two ranks: training is one process, so there are no ranks to reduce over. Splits into micro-batches are tested.
"""

from __future__ import annotations

import csv
import html
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml

import reports
from harness import models
from harness.collect import results
from harness.plan import plan
from harness.records import Fault, ModelRef, Rollout, Trajectory
from harness.results import write_result
from harness.spec import load_suite
from harness.stages import execute
from harness.store import Store
from harness.tables import from_bytes, to_bytes
from harness.world import tokenizer as tokenizers
from methods import METHODS
from methods.parts.losses import JSD, ForwardKL, Loss, ReverseKL, TokenScores, TopK

ROOT = Path(__file__).parents[2]
WHOLE = {"temperature": 1.0, "top_p": 1.0, "top_k": -1}
LORA = {"rank": 2, "alpha": 4.0, "dropout": 0.1, "targets": "all-linear"}


@pytest.fixture(scope="module")
def folders(tiny_model, keep_model, tmp_path_factory):
    """Student and teacher with unlike random weights, as local folders."""
    root = tmp_path_factory.mktemp("models")
    return {who: str(keep_model(tiny_model(seed=seed), root / who)) for seed, who in enumerate(("student", "teacher"))}


def suite(folders, rows, *, sampling=None, n=2, rounds=1, lora=None):
    return {
        "suite": "guards",
        "engine": "transformers",
        "seeds": {"train": [0], "exam": 0},
        "pairs": {"tiny": dict(folders)},
        "methods": rows,
        "train": {
            "problems": {"set": "tiny-train", "take": 8},
            "sampling": sampling or {**WHOLE, "max_tokens": 6, "n": n},
            "limits": {"prompt": 200},
            "rounds": {"count": rounds, "problems": 4},
            "optim": {"learning_rate": 1.0e-2, "batch": 4},
            "lora": lora,
        },
        "budgets": {"steps": {"rounds": rounds}},
        "evaluate": [{"benchmarks": ["tiny-exam"], "sampling": {**WHOLE, "max_tokens": 6, "n": 1}}],
    }


def loaded(said, folder):
    folder.mkdir(exist_ok=True)
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump(said, sort_keys=False))
    return load_suite(path)


def carry_out(steps, store, before=lambda: None):
    for step in steps:
        before()
        assert execute(step, store, lambda event: None, {}, {})


class Done:
    """The rows of a suite, each carried out as far as its train step."""

    def __init__(self, said, folder, before=lambda: None):
        self.suite = loaded(said, folder)
        self.plan = plan(self.suite)
        self.rows = {row.label: row for row in self.plan.rows if row.method}
        needed = self.plan.needed(row.steps["train"] for row in self.rows.values())
        self.steps = [step for step in self.plan.steps if step.address in needed]
        self.store = Store(folder / "store")
        carry_out(self.steps, self.store, before)

    def train(self, label):
        return self.plan.by_address[self.rows[label].steps["train"]]

    def below(self, label, stage):
        """The row's own steps of one stage."""
        needed = self.plan.needed([self.rows[label].steps["train"]])
        return [step for step in self.steps if step.stage == stage and step.address in needed]

    def log(self, label):
        return pq.read_table(self.store.payload(self.rows[label].steps["train"]) / "log.parquet").to_pylist()

    def trajectories(self, label) -> list[Trajectory]:
        (built,) = self.below(label, "construct")
        return from_bytes(Trajectory, self.store.payload(built.address) / "trajectories.parquet")

    def rollouts(self, label) -> dict[tuple[str, int], Rollout]:
        paths = [self.store.payload(step.address) / "rollouts.parquet" for step in self.below(label, "generate")]
        return {(r.problem_id, r.sample): r for path in paths for r in from_bytes(Rollout, path)}

    def results(self):
        made = results(self.suite, self.plan, list(self.rows.values()), self.store, {}, {})
        return {result.label: result for result in made}

    def scores(self, label, folders) -> TokenScores:
        """What both models say before training, over all tokens of the row's trajectories in order; no teacher where nobody scores."""
        trajectories, found = self.trajectories(label), {}
        for who, prompt in (("student", "student_prompt_ids"), ("teacher", "teacher_prompt_ids")):
            if all(getattr(t, prompt) for t in trajectories):
                model = models.load(ModelRef(who), models.source(ModelRef(who), Path(folders[who])))
                with torch.no_grad():
                    parts = [
                        model(torch.tensor([getattr(t, prompt) + t.response_ids])).logits[0, -len(t.response_ids) - 1 : -1]
                        for t in trajectories
                    ]
                found[who] = torch.cat(parts).double()
        return TokenScores(found["student"], found.get("teacher"), torch.tensor([i for t in trajectories for i in t.response_ids]))

    def first(self, label) -> torch.Tensor:
        """[T]: which of these tokens the first update trained on."""
        rows = pq.read_table(self.store.payload(self.rows[label].steps["train"]) / "trajectories.parquet").to_pylist()
        batch = {(row["problem_id"], row["sample"]) for row in rows if row["update"] == 1}
        return torch.tensor([(t.problem_id, t.sample) in batch for t in self.trajectories(label) for _ in t.response_ids])


# T. Temperature and truncated sampling


def test_T1_each_temperature_changes_its_own_effect_and_no_other(folders, tmp_path):
    """Of rollouts, of the loss and of its teacher's side: three settings, each told in the row."""
    rows = [
        {"label": "plain", "method": "forward_kl"},
        {"label": "loss", "method": "forward_kl", "loss": {"temperature": 2.0}},
        {"label": "other", "method": "forward_kl", "loss": {"teacher_temperature": 2.0}},
        {"label": "rollout", "method": "forward_kl", "train": {"sampling": {"temperature": 0.5}}},
    ]
    done = Done(suite(folders, rows), tmp_path)
    written = {label: [step.address for step in done.below(label, "generate")] for label in done.rows}
    assert written["plain"] == written["loss"] == written["other"] != written["rollout"]
    assert done.trajectories("plain") == done.trajectories("loss") == done.trajectories("other")
    assert done.rollouts("plain") != done.rollouts("rollout")

    first = {label: done.log(label)[0] for label in done.rows}
    by_hand = {"plain": (1.0, 1.0), "loss": (2.0, 2.0), "other": (1.0, 2.0), "rollout": (1.0, 1.0)}
    for label, (of_student, of_teacher) in by_hand.items():
        scores = done.scores(label, folders)
        p, q = (scores.student_TV / of_student).log_softmax(1), (scores.teacher_TV / of_teacher).log_softmax(1)
        assert first[label]["loss"] == pytest.approx((q.exp() * (q - p)).sum(1)[done.first(label)].mean().item(), rel=1e-4)
    for label in ("loss", "other"):  # what is logged beside the loss is at temperature 1
        for name in ("student_entropy", "teacher_entropy", "student_logprob"):
            assert first[label][name] == first["plain"][name]
    # Log-probabilities of sampled tokens are at temperature 1 too, or sampler and trainer would differ.
    assert all(result.diagnostics["sampler_gap"] < 1e-4 for result in done.results().values())

    told = done.results()
    assert "temperature=2.0" in told["loss"].answers.loss and "teacher_temperature=2.0" in told["other"].answers.loss
    assert "temperature" not in told["plain"].answers.loss + told["rollout"].answers.loss
    assert told["rollout"].overrides == {"sampling.temperature": "0.5"}
    assert done.suite.resolved()["train"]["sampling"]["temperature"] == 1.0


TRUNCATED = {"temperature": 0.7, "top_p": 0.95, "top_k": 20}
WAYS = {
    "said once": lambda key, value, row: (row, {**WHOLE, key: value, "max_tokens": 6}),
    "by role": lambda key, value, row: (
        [*row, {"label": "other", "method": "trd"}],
        {"student": {**WHOLE, key: value, "max_tokens": 6}, "teacher": {**WHOLE, "max_tokens": 6}},
    ),
    "in the row": lambda key, value, row: ([{**row[0], "train": {"sampling": {key: value}}}], None),
    "by the writer": lambda key, value, row: ([{**row[0], "writer": {key: value}}], None),
    "in a further term": lambda key, value, row: (
        [{**row[0], "method": "reverse_kl", "also": {"more": {"loss": SAMPLED}}}],
        {**WHOLE, key: value, "max_tokens": 6},
    ),
}
SAMPLED = {"Loss": {"divergence": "ReverseKL", "support": "Sampled", "route": "Policy"}}


def merged(said, more):
    """What is said, with more said below the same keys."""
    inner = {
        key: merged(said[key], value) if isinstance(value, dict) and isinstance(said.get(key), dict) else value
        for key, value in more.items()
    }
    return {**said, **inner}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("key", TRUNCATED)
def test_T3_truncated_sampling_is_refused_for_losses_on_sampled_tokens(folders, tmp_path, key, way):
    row = {"label": "estimate", "method": "opd_sampled"}
    rows, sampling = WAYS[way](key, TRUNCATED[key], [row])
    with pytest.raises(Fault) as caught:
        loaded(suite(folders, rows, sampling=sampling), tmp_path)
    (line,) = str(caught.value).splitlines()
    assert "'estimate'" in line and f"{key}: {TRUNCATED[key]:g}" in line and "whole distribution" in line
    # What the message says to write is enough.
    (remedy,) = re.findall(r"((?:train|writer|also): \{.*\})\.$", line)
    followed = [merged(rows[0], yaml.safe_load(remedy)), *rows[1:]]
    found = loaded(suite(folders, followed, sampling=sampling), tmp_path)
    made = plan(found)
    (trained,) = (row for row in made.rows if row.label == "estimate")
    term = "more" if "term more" in line else "main"
    asked = made.by_address[trained.steps["train"]].params["sampling"][term]["student"]
    assert {name: asked[name] for name in WHOLE} == WHOLE


@pytest.mark.parametrize("way", [way for way in WAYS if way != "in a further term"])
def test_T3_a_divergence_over_the_vocabulary_takes_any_sampling(folders, tmp_path, way):
    for key, value in TRUNCATED.items():
        for method in ("reverse_kl", "reverse_kl_topk"):
            rows, sampling = WAYS[way](key, value, [{"label": "dense", "method": method}])
            assert loaded(suite(folders, rows, sampling=sampling), tmp_path).rows[0].method.loss == METHODS[method].loss


# O. Objective


def test_O6_support_and_tail_are_said_apart_and_the_tail_always(folders, tmp_path):
    def row(support):
        return loaded(suite(folders, [{"label": "row", "method": "reverse_kl", "loss": {"support": support}}]), tmp_path)

    with pytest.raises(Fault, match=r"tail.*renorm.*bucket"):
        row({"TopK": {"k": 8}})
    with pytest.raises(ValueError, match="say what becomes of the tokens outside the top 8"):
        TopK(8)
    for of in ("teacher", "student"):
        for tail in ("renorm", "bucket", "drop"):
            (found,) = row({"TopK": {"k": 8, "of": of, "tail": tail}}).rows
            assert found.method.loss.support == TopK(8, of, tail=tail)
            assert f"TopK(k=8, of='{of}', tail='{tail}')" in found.method.answers["loss"]


def nearly(seed, tokens=200, vocabulary=500, apart=1e-4):
    """fp32 logits of a student that has all but reached its teacher: where rounding makes a sum negative, a clamp would end the learning."""
    draw = torch.Generator().manual_seed(seed)
    teacher_TV = 3 * torch.randn(tokens, vocabulary, generator=draw)
    return (teacher_TV + apart * torch.randn(tokens, vocabulary, generator=draw)).requires_grad_(), teacher_TV


@pytest.mark.parametrize("divergence", [ForwardKL(), ReverseKL(), JSD(0.5)], ids=repr)
@pytest.mark.parametrize("of", ["teacher", "student"])
@pytest.mark.parametrize("tail", ["renorm", "bucket", "drop"])
def test_O6_no_position_loses_its_gradient_to_a_clamp(divergence, of, tail):
    for k in (4, 16, 64):
        student_TV, teacher_TV = nearly(k)
        values_T = Loss(divergence, TopK(k, of, tail=tail))(TokenScores(student_TV, teacher_TV, torch.zeros(len(teacher_TV))))
        (gradient_TV,) = torch.autograd.grad(values_T.sum(), student_TV)
        assert (gradient_TV.abs().amax(1) > 0).all()
        if tail == "drop":  # masses differ, so its values have either sign: none is lifted to 0
            assert isinstance(divergence, JSD) or ((values_T < 0).any() and (values_T > 0).any())
        else:
            assert values_T.min() > -1e-7


def test_O6_reverse_kl_with_a_bucket_lies_between_zero_and_the_full_one():
    student_TV, teacher_TV = (2 * torch.randn(300, 50, generator=torch.Generator().manual_seed(seed)).double() for seed in (0, 1))
    scores = TokenScores(student_TV, teacher_TV, torch.zeros(300))
    full_T, before_T = Loss(ReverseKL())(scores), torch.zeros(300, dtype=torch.float64)
    for k in (1, 4, 16, 49):
        bucket_T = Loss(ReverseKL(), TopK(k, tail="bucket"))(scores)
        assert (bucket_T > before_T - 1e-12).all() and (bucket_T < full_T + 1e-12).all()
        before_T = bucket_T  # the support of the teacher's top k grows, and so does what is seen
    torch.testing.assert_close(before_T, full_T)


@pytest.fixture(scope="module")
def clipped(folders, tmp_path_factory):
    """Rows whose loss hides how far apart the two really are."""
    rows = [
        {"label": "position", "method": "forward_kl_clip"},
        {"label": "vocabulary", "method": "forward_kl", "loss": {"clip": {"Clip": {"max": 0.02, "scope": "vocab"}}}},
        {"label": "reverse", "method": "reverse_kl", "loss": {"clip": {"Clip": {"max": 0.1}}}},
        {"label": "bounded", "method": "opd_sampled", "loss": {"route": {"Policy": {"bound": 0.05}}}},
        {"label": "plain", "method": "forward_kl"},
    ]
    return Done(suite(folders, rows), tmp_path_factory.mktemp("clipped"))


def test_O10_row_and_page_say_the_estimator(clipped, tmp_path):
    """Not only which divergence, but from which tokens and by which route it is estimated."""
    told = {label: result.answers.loss for label, result in clipped.results().items()}
    assert told["bounded"] == "Loss(ReverseKL(), support=Sampled(), route=Policy(bound=0.05))"
    assert told["vocabulary"] == "Loss(ForwardKL(), clip=Clip(max=0.02, scope='vocab'))"
    who = clipped.suite.pairs["tiny"].model_dump(include={"student", "teacher"})
    made = plan(loaded(suite(who | {"teachers": {"math": who["teacher"]}}, list(METHODS)), tmp_path))
    rows = [row for row in made.rows if row.method]
    home = tmp_path / "results" / "guards"
    found = results(clipped.suite, made, rows, Store(tmp_path / "store"), {}, {})
    for result in found:
        assert result.answers.loss == repr(METHODS[result.label].loss)
        write_result(home, result)
    reports.render([tmp_path / "results"], tmp_path / "page")
    with (tmp_path / "page" / "leaderboard.csv").open() as file:
        assert {row["label"]: row["loss"] for row in csv.DictReader(file)} == {name: repr(m.loss) for name, m in METHODS.items()}
    page = html.unescape(re.sub(r"<[^>]+>", "", (tmp_path / "page" / "index.html").read_text()))
    for row in found:
        said = row.answers.loss.replace("()", "")
        assert (said[5:-1] if said.startswith("Loss(") else said) in page, row.label


def test_O11_the_unclipped_divergence_is_logged_beside_a_clipped_loss(clipped, folders):
    for label, bound, direction in (("position", 0.1, "forward"), ("vocabulary", None, "forward"), ("reverse", 0.1, "reverse")):
        log, (plain, *_) = clipped.log(label)[0], clipped.log("plain")
        assert log[f"kl_{direction}"] > log["loss"] + 0.1, label
        assert bound is None or 0 < log["loss"] <= bound + 1e-6
        for each in ("forward", "reverse"):  # the same rollouts, the same weights: what is logged does not know of the loss
            assert log[f"kl_{each}"] == pytest.approx(plain[f"kl_{each}"], rel=1e-6)
    assert clipped.log("plain")[0]["kl_forward"] == pytest.approx(clipped.log("plain")[0]["loss"], rel=1e-5)
    bounded = clipped.log("bounded")[0]
    assert abs(bounded["loss"]) <= 0.05 + 1e-6 < bounded["kl_reverse"]
    for label, result in clipped.results().items():
        last = clipped.log(label)[-1]
        for direction in ("forward", "reverse"):
            assert last[f"kl_{direction}"] in result.diagnostics.values(), label


# P. Precision


def test_P3_a_sampler_that_is_another_model_than_the_trainers_stops_the_row(folders, tmp_path):
    """The same tokens, scored twice: once when they were sampled, once at the first update."""
    said = suite(folders, ["forward_kl"])
    whole = Done(said, tmp_path / "whole")
    for shift, stops in ((0.0005, False), (0.5, True)):
        store = Store(tmp_path / f"shifted-{shift}")
        for step in whole.steps:
            if step.stage != "construct":
                if step.stage == "train" and stops:
                    with pytest.raises(Fault, match=r"sampler and trainer differ by 0\.5\d\d nats a token"):
                        execute(step, store, lambda event: None, {}, {})
                    assert store.record(step.address) is None
                else:
                    carry_out([step], store)
                continue
            moved = [replace(t, sampler_logprobs=tuple(p - shift for p in t.sampler_logprobs)) for t in whole.trajectories("forward_kl")]
            attempt = store.attempt(step.address)
            (attempt / "trajectories.parquet").write_bytes(to_bytes(Trajectory, moved))
            store.commit(step, attempt, whole.store.record(step.address).facts, {}, {})
        if not stops:
            found = store.record(whole.rows["forward_kl"].steps["train"]).facts["sampler_gap"]
            assert found == pytest.approx(shift, abs=1e-5)


# A. Alignment and tokens


@pytest.mark.parametrize("method", ["forward_kl", "trd", "sft_teacher"])
def test_A4_no_loss_falls_on_a_token_that_nobody_sampled(folders, tmp_path, method):
    """Responses that were cut have no end: none is made up, neither in what is trained on nor in what is counted."""
    done = Done(suite(folders, [method], n=4), tmp_path)
    last = {address for role, address in done.below(method, "construct")[0].inputs.items() if role.startswith("rollouts/")}
    sampled = {
        (r.problem_id, r.sample): r for address in last for r in from_bytes(Rollout, done.store.payload(address) / "rollouts.parquet")
    }
    cut = {key for key, r in sampled.items() if r.finish_reason == "length"}
    assert cut
    stops = models.stop_ids((folders["student"], {"local_files_only": True}), models.tokenizer_of((folders["student"], {})))
    for t in done.trajectories(method):
        key = (t.problem_id, t.sample)
        assert t.response_ids == sampled[key].response_ids
        assert len(t.weights) == len(t.response_ids)
        assert key not in cut or not set(t.response_ids) & set(stops)
    tokens = sum(len(r.response_ids) for r in sampled.values())
    assert done.log(method)[-1]["trained"] == tokens
    rows = pq.read_table(done.store.payload(done.rows[method].steps["train"]) / "trajectories.parquet").to_pylist()
    assert {(row["problem_id"], row["sample"]): row["tokens"] for row in rows} == {key: len(r.response_ids) for key, r in sampled.items()}
    # The first update, by hand, from the sampled tokens and no other.
    values_T = METHODS[method].loss(done.scores(method, folders))
    assert done.log(method)[0]["loss"] == pytest.approx(values_T[done.first(method)].mean().item(), rel=1e-4)


# E. Ends and modes; A7 again, for both are of a pair


def visible(said, tmp_path) -> str:
    """The text of the page of a suite whose problems were selected and whose pairs were looked at; nothing is trained."""
    found = loaded(said, tmp_path)
    made, store = plan(found), Store(tmp_path / "store")
    carry_out([step for step in made.steps if step.stage in ("problems", "select")], store)
    home = tmp_path / "results" / found.suite
    for result in results(found, made, list(made.rows), store, {}, {}):
        write_result(home, result)
    (home / "suite.json").write_text(json.dumps({**found.resolved(), "rows": ["forward_kl"], "exams": []}))
    reports.render([tmp_path / "results"], tmp_path / "page")
    page = (tmp_path / "page" / "index.html").read_text()
    return html.unescape(re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL))


def test_A7_the_page_flags_a_pair_whose_templates_differ(folders, tiny_model, keep_model, tmp_path):
    words = tokenizers.build()
    words.chat_template = tokenizers.TEMPLATE.replace("assistant", "tutor")
    unlike = {**folders, "teacher": str(keep_model(tiny_model(seed=1), tmp_path / "teacher", words=words))}
    said = suite(unlike, ["forward_kl"])
    said["pairs"]["tiny"]["differ"] = ["template"]
    assert "template" not in visible(suite(folders, ["forward_kl"]), tmp_path / "like")
    assert "template" in visible(said, tmp_path / "unlike")


def test_E2_the_page_shows_in_which_mode_a_pair_speaks(folders, tmp_path):
    said = suite(folders, ["forward_kl"])
    said["pairs"]["tiny"]["modes"] = {"student": "thinking", "teacher": "thinking"}
    assert "thinking" not in visible(suite(folders, ["forward_kl"]), tmp_path / "plain")
    assert "thinking" in visible(said, tmp_path / "thinking")


# S. Specs and systems


def whole_suite(folders):
    """A suite in which every setting takes effect."""
    said = suite(folders, ["forward_kl", "trd", "opsd"], lora=dict(LORA))
    sampling = {**WHOLE, "max_tokens": 6, "n": 2}
    said["train"]["sampling"] = {"student": dict(sampling), "teacher": {**sampling, "temperature": 0.7}}
    said["train"]["limits"] = {"prompt": 100, "teacher_prompt": 200, "solution": 90}
    said["train"]["optim"] |= {
        "warmup": 0.1,
        "schedule": {"linear": {"floor": 0.1}},
        "weight_decay": 0.01,
        "betas": [0.9, 0.95],
        "eps": 1.0e-8,
    }
    said["evaluate"][0] |= {"metrics": ["avg@1"], "at": [0.5, 1.0]}
    said["report"] = {"baseline": "forward_kl"}
    return said


def mappings(value, path=()):
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if isinstance(value, dict) else []), *(found for key, each in inner for found in mappings(each, (*path, key)))]


def with_value(said, path, value):
    """A copy in which another value stands at the path."""
    changed = json.loads(json.dumps(said))
    around = changed
    for key in path[:-1]:
        around = around[key]
    around[path[-1]] = value
    return changed


def test_S2_a_key_that_nobody_knows_is_refused_wherever_it_stands(folders, tmp_path):
    said = whole_suite(folders)
    said["methods"].append({"label": "own", "method": "trd", "loss": {"temperature": 1.1}, "train": {"optim": {"batch": 8}}})
    loaded(said, tmp_path)
    places = mappings(said)
    assert len(places) > 20
    for path in places:
        with pytest.raises(Fault, match="nonsense"):
            loaded(with_value(said, (*path, "nonsense"), 1), tmp_path)


ANOTHER = {
    "engine": "vllm", "seeds.train": [1], "seeds.exam": 1,
    "pairs.tiny.dtype": "bfloat16", "pairs.tiny.modes": {"student": "thinking", "teacher": "thinking"}, "pairs.tiny.differ": ["stop"],
    "train.problems": {"set": "tiny-train", "take": 7},
    "train.sampling.student.temperature": 1.1, "train.sampling.student.top_p": 0.9, "train.sampling.student.top_k": 9,
    "train.sampling.student.max_tokens": 7, "train.sampling.student.n": 4,
    "train.sampling.teacher.temperature": 1.1, "train.sampling.teacher.top_p": 0.9, "train.sampling.teacher.top_k": 9,
    "train.sampling.teacher.max_tokens": 7, "train.sampling.teacher.n": 4,
    "train.limits.prompt": 99, "train.limits.teacher_prompt": 199, "train.limits.solution": 80,
    "train.rounds.count": "until-budget", "train.rounds.problems": 5,
    "train.optim.learning_rate": 1.0e-3, "train.optim.batch": 3, "train.optim.warmup": 0.2, "train.optim.schedule": "constant",
    "train.optim.weight_decay": 0.02, "train.optim.betas": [0.9, 0.999], "train.optim.eps": 1.0e-6, "train.optim.grad_clip": 0.5,
    "train.lora.rank": 3, "train.lora.alpha": 5.0, "train.lora.dropout": 0.2, "train.lora.targets": ["q_proj"],
    "budgets.steps": {"updates": 1},
    "evaluate.0.benchmarks": ["chain-exam"], "evaluate.0.at": [1.0],
    "evaluate.0.sampling.temperature": 0.5, "evaluate.0.sampling.top_p": 0.9, "evaluate.0.sampling.top_k": 9,
    "evaluate.0.sampling.max_tokens": 7, "evaluate.0.sampling.n": 2,
}  # fmt: skip
# What no step is made of: names and what a page says; and what has one value only.
NO_STEP = (
    "suite",
    "like",
    "deviations",
    "report",
    "methods",
    "pairs.tiny.student",
    "pairs.tiny.teacher",
    "pairs.tiny.reference",  # said only where a row's teacher is seen through it; test_by_domain.py and test_acts.py look at these two
    "pairs.tiny.teachers",
    "evaluate.0.metrics",
    "evaluate.0.protocol",
)
ONE_VALUE = ("train.limits.drop", "train.format")


def test_S2_every_setting_of_a_suite_takes_effect(folders, tmp_path):
    """Another value at any place is another plan: no key is read and then passed over. A new key joins one of these lists."""
    said = whole_suite(folders)

    def steps(of):
        made = plan(loaded(of, tmp_path))
        return {(row.label, row.seed): row.steps for row in made.rows}, [(exam.name, exam.protocol, exam.at) for exam in made.exams]

    as_it_is = steps(said)
    for place, value in ANOTHER.items():
        path = tuple(int(key) if key.isdigit() else key for key in place.split("."))
        assert steps(with_value(said, path, value)) != as_it_is, f"{place} takes no effect"

    def leaves(value, path=""):
        if not isinstance(value, dict | list) or path in (*ANOTHER, *NO_STEP, *ONE_VALUE):
            return [path]
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        return [found for key, each in inner for found in leaves(each, f"{path}.{key}".lstrip("."))]

    assert set(leaves(loaded(said, tmp_path).resolved())) <= {*ANOTHER, *NO_STEP, *ONE_VALUE}


INACTIVE = {
    "a limit on what nobody reads": ("train.limits.solution", lambda said: said["train"]["limits"].update(solution=50)),
    "room for a teacher that reads no more": (
        "train.limits.teacher_prompt",
        lambda said: said["train"]["limits"].update(teacher_prompt=250),
    ),
    "sampling of one who never writes": (
        "train.sampling.teacher",
        lambda said: said["train"].update(sampling={who: {**WHOLE, "max_tokens": 6} for who in ("student", "teacher")}),
    ),
    "what the method says anyway": (
        "methods[0].loss",
        lambda said: said.update(methods=[{"method": "forward_kl", "loss": {"temperature": 1.0}}]),
    ),
    "a field of an adapter that is not there": (
        "methods[0].lora.rank",
        lambda said: said.update(methods=[{"method": "forward_kl", "lora.rank": 4}]),
    ),
    "a difference that is none": ("pairs.tiny.differ", lambda said: said["pairs"]["tiny"].update(differ=["mode"])),
    "a limit beyond the end": ("budgets.steps.rounds", lambda said: said["budgets"]["steps"].update(rounds=9)),
}


@pytest.mark.parametrize("what", INACTIVE)
def test_S2_a_setting_without_effect_is_refused(folders, tmp_path, what):
    place, change = INACTIVE[what]
    said = suite(folders, ["forward_kl"])
    loaded(said, tmp_path)
    change(said)
    with pytest.raises(Fault) as caught:
        loaded(said, tmp_path)
    assert f": {place}: " in str(caught.value).splitlines()[0]


def stir(seed):
    """All global generators that anybody may have drawn from."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  the very generator that must not matter
    torch.manual_seed(seed)
    torch.rand(seed), np.random.rand(seed)  # noqa: NPY002


@pytest.mark.slow
def test_S3_global_generators_decide_nothing(folders, tmp_path):
    """Every draw follows from seed and step: rollouts, order, the adapter's first weights, dropout. Two rounds, so that writing follows training."""
    rows = [
        {"label": "whole", "method": "opd_sampled"},
        {"label": "adapter", "method": "trd", "train": {"lora": dict(LORA)}},
    ]
    stores = []
    for name, seed in (("one", 1), ("two", 20)):
        turn = iter(range(seed, 10**6, seed))
        done = Done(suite(folders, rows, rounds=2), tmp_path / name, before=lambda turn=turn: stir(next(turn)))
        folder_of = {step.address: done.store.payload(step.address) for step in done.steps}
        stores.append(
            {
                (done.plan.by_address[address].title, path.relative_to(folder).as_posix()): path.read_bytes()
                for address, folder in folder_of.items()
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            }
        )
    one, two = stores
    assert one.keys() == two.keys() and {title.split(" ")[0] for title, _ in one} >= {
        "problems",
        "rollout",
        "rewrite",
        "trajectories",
        "train",
    }
    assert [name for name in one if one[name] != two[name]] == []


def test_S3_another_seed_draws_otherwise(folders, tmp_path):
    """So that equal bytes above are not equal because nothing is drawn."""
    said = suite(folders, ["forward_kl"])
    first = Done(said, tmp_path / "first")
    second = Done({**said, "seeds": {"train": [1], "exam": 0}}, tmp_path / "second")
    assert {r.response_ids for r in first.rollouts("forward_kl").values()} != {
        r.response_ids for r in second.rollouts("forward_kl").values()
    }


def children(pid: int) -> set[int]:
    """Worker processes of a run."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid and "spawn_main" in (stat.parent / "cmdline").read_text():
                found.add(int(stat.parent.name))
        except (OSError, ValueError):
            continue
    return found


@pytest.mark.slow
def test_S5_a_run_whose_writer_is_killed_ends_and_says_so(folders, tmp_path):
    """Killed each time it writes: the run tries once more, then ends by itself with a row that names the reason."""
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(suite(folders, ["forward_kl"])))
    words = [
        "run",
        "suite.yaml",
        "--store",
        "store",
        "--results",
        "results",
        "--report",
        "page",
        "--processes",
        "1",
        "--only",
        "forward_kl",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "harness", *words],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as run:
        killed, until = 0, time.monotonic() + 120
        while run.poll() is None and time.monotonic() < until:
            if any((tmp_path / "store" / "generate").glob("*/attempt-*")):
                for pid in children(run.pid):
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
                last = time.monotonic()
            time.sleep(0.02)
        run.kill()
        said = run.stderr.read()
    assert run.returncode == 1, said
    assert killed >= 2 and time.monotonic() - last < 40
    assert "Traceback" not in said
    row = json.loads((tmp_path / "results" / "guards" / "tiny" / "forward_kl.seed0.json").read_text())
    assert row["status"] == "failed"
    assert "its process ended by SIGKILL" in row["reason"] and "2 times" in row["reason"] and "rollout" in row["reason"]

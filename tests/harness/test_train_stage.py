"""The train stage and what leads to it, carried out in process: resuming to the byte, budgets, checkpoints, and whose ids are trained on."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
import torch
import yaml
from safetensors.torch import load_file

from harness import models, prompts
from harness.engine.budget import rate_factor
from harness.engine.readers import Reader
from harness.plan import plan
from harness.records import Fault, Problem, Rollout, Trajectory
from harness.rounds import round_problems, sample_ranges
from harness.spec import load_suite
from harness.spec.model import METERS
from harness.stages import Job, execute, train
from harness.step import Step
from harness.store import Store
from harness.tables import from_bytes
from harness.world import chain
from harness.world import tokenizer as tokenizers

LORA = {"rank": 2, "alpha": 4.0, "dropout": 0.1, "targets": "all-linear"}


@pytest.fixture(scope="module")
def folders(tiny_model, keep_model, tmp_path_factory):
    """Student and teacher with unlike weights, as local folders."""
    root = tmp_path_factory.mktemp("models")
    return {who: keep_model(tiny_model(seed=seed, tied=seed == 0), root / who) for seed, who in enumerate(("student", "teacher"))}


def suite(
    folders,
    method="forward_kl",
    *,
    budget=None,
    n=2,
    lora=None,
    count=3,
    size=4,
    batch=4,
    limits=None,
    at=(1.0,),
    optim=None,
    pair=None,
    problems=None,
):
    sampling = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "max_tokens": 6}
    return {
        "suite": "tiny",
        "engine": "transformers",
        "seeds": {"train": [0], "exam": 0},
        "pairs": {"tiny": {"student": str(folders["student"]), "teacher": str(folders["teacher"]), **(pair or {})}},
        "methods": [method],
        "train": {
            "problems": problems or {"set": "tiny-train", "take": 10},
            "sampling": {**sampling, "n": n},
            "limits": {"prompt": 200, **(limits or {})},
            "rounds": {"count": "until-budget", "problems": size},
            "optim": {"learning_rate": 1.0e-2, "batch": batch, **(optim or {})},
            "lora": lora,
        },
        "budgets": {"steps": budget or {"rounds": count}},
        "evaluate": [{"benchmarks": ["tiny-exam"], "sampling": {**sampling, "n": 1}, "at": list(at)}],
    }


def planned(said, tmp_path):
    """The steps that the one row's train step is made of, in order, it last."""
    path = tmp_path / "suite.yaml"
    path.write_text(yaml.safe_dump(said))
    made = plan(load_suite(path))
    (row,) = (row for row in made.rows if "train" in row.steps)
    needed = made.needed([row.steps["train"]])
    return [step for step in made.steps if step.address in needed]


def carry_out(steps, root, report=lambda event: None, machine=None) -> Store:
    store = Store(root)
    for step in steps:
        assert execute(step, store, report, {}, machine or {})
    return store


def result(store, step) -> dict[str, bytes]:
    folder = store.payload(step.address)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def facts(store, step):
    return store.record(step.address).facts


def log(store, step):
    return pq.read_table(store.payload(step.address) / "log.parquet").to_pylist()


def read(store, steps, stage, kind, name):
    return [from_bytes(kind, store.payload(s.address) / name) for s in steps if s.stage == stage]


def written_by(store, steps) -> tuple[list[Rollout], list[Rollout]]:
    """All attempts, and all rewrites."""
    found = [], []
    for step in (s for s in steps if s.stage == "generate"):
        found["attempts" in step.inputs].extend(from_bytes(Rollout, store.payload(step.address) / "rollouts.parquet"))
    return found


class Killed(Exception):
    pass


def killed_until_done(steps, root, seed, damage=lambda work: None) -> tuple[Store, int]:
    """Carry out the last step over and over, killed at random reports, until it is done."""
    store, draw, kills = carry_out(steps[:-1], root), random.Random(seed), 0
    while True:
        left = draw.randint(1, 6)

        def report(event):
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed

        try:
            assert execute(steps[-1], store, report, {}, {})
            return store, kills
        except Killed:
            kills += 1
            damage(store.folder(steps[-1].address) / "work")
            assert kills < 60


CASES = {
    "full": {"method": "forward_kl", "optim": {"warmup": 0.2, "schedule": {"cosine": {"floor": 0.1}}}},
    "lora": {"method": "trd", "lora": LORA},
    "frozen": {"method": "opsd", "at": (0.25, 0.5, 1.0)},
    "mean": {"method": {"method": "sdft", "teacher": {"rate": 0.3}}},
}


@pytest.fixture(scope="module")
def whole(folders, tmp_path_factory):
    """Each case carried out without interruption: steps, and what came out."""
    done = {}
    for name, case in CASES.items():
        root = tmp_path_factory.mktemp(name)
        steps = planned(suite(folders, **case), root)
        store = carry_out(steps, root / "store")
        done[name] = steps, result(store, steps[-1]), facts(store, steps[-1])
    return done


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("between", [0.0, pytest.param(1e9, marks=pytest.mark.slow)], ids=["state-each-update", "state-each-round"])
def test_killed_anywhere_it_ends_in_the_same_bytes(whole, case, between, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "STATE_SECONDS", between)
    steps, expected, said = whole[case]
    store, kills = killed_until_done(steps, tmp_path, seed=f"{case}{between}")
    assert kills >= 2
    found = result(store, steps[-1])
    assert found.keys() == expected.keys()
    assert [name for name in found if found[name] != expected[name]] == []
    assert facts(store, steps[-1]) == said
    assert said["spent"]["rounds"] == 3


@pytest.mark.parametrize("harm", ["newest state", "all states", "journal", "journal gone"])
def test_damage_between_attempts_costs_work_and_nothing_else(whole, harm, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "STATE_SECONDS", 0.0)
    harmed = 0

    def damage(work):
        nonlocal harmed
        states = sorted(p for p in (work / "state").glob("[!.]*"))
        rollouts = sorted((work / "journal").glob("generate/*/attempt-*/rollouts.parquet"))
        if harmed == 2 or not states or ("journal" in harm and not rollouts):
            return
        harmed += 1
        if harm == "journal":
            rollouts[0].write_bytes(rollouts[0].read_bytes()[:-1])
            trajectories = sorted((work / "journal").glob("construct/*/attempt-*/trajectories.parquet"))
            for path in trajectories:
                path.write_bytes(b"x" * path.stat().st_size)
        elif harm == "journal gone":
            shutil.rmtree(work / "journal")
        else:
            for state in states if harm == "all states" else states[-1:]:
                path = state / "tensors.safetensors"
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    steps, expected, _ = whole["full"]
    store, _ = killed_until_done(steps, tmp_path, seed=harm, damage=damage)
    assert harmed
    assert result(store, steps[-1]) == expected


def test_micro_batches_decide_no_result_but_the_last_bits(whole, tmp_path):
    steps, expected, _ = whole["full"]
    store = carry_out(steps, tmp_path, machine={"micro_batch_tokens": 1})
    ours, theirs = load_file(store.payload(steps[-1].address) / "at-1/model.safetensors"), tmp_path / "other.safetensors"
    theirs.write_bytes(expected["at-1/model.safetensors"])
    for name, weight in load_file(theirs).items():
        torch.testing.assert_close(ours[name], weight, rtol=1e-2, atol=2e-3)


def test_the_log_follows_the_schedule_and_counts_lag(whole, folders, tmp_path):
    _, expected, said = whole["full"]
    (tmp_path / "log.parquet").write_bytes(expected["log.parquet"])
    lines = pq.read_table(tmp_path / "log.parquet").to_pylist()
    assert [line["updates"] for line in lines] == list(range(1, len(lines) + 1))
    for line in lines:
        share = line["rounds"] / 3
        assert line["share"] == pytest.approx(share) == pytest.approx(line["updates"] / 6)
        assert line["learning_rate"] == pytest.approx(0.01 * rate_factor(share, 0.2, {"cosine": {"floor": 0.1}}))
    assert [(line["round"], line["lag"]) for line in lines] == [(r, b) for r in range(3) for b in range(2)]
    assert said["ended_by"] == "rounds"
    assert said["lag"] == 0.5
    assert json.loads(expected["spent.json"]) == said["spent"] == {m: lines[-1][m] for m in METERS}


def test_later_rounds_are_written_by_the_student_as_it_stands(folders, tmp_path, monkeypatch):
    steps = planned(suite(folders, count=2, n=1), tmp_path)
    store = carry_out(steps, tmp_path / "store")
    journal = Store(store.folder(steps[-1].address) / "work" / "journal", store)
    (record,) = journal.records("generate")
    assert record.step["params"]["problems"]["round"] == 1
    assert record.step["inputs"]["trained"].startswith("snapshot/")
    problems = from_bytes(Problem, store.payload(steps[-1].inputs["problems"]) / "problems.parquet")
    written = from_bytes(
        Rollout, journal.payload(next(f"generate/{p.name}" for p in (journal.root / "generate").iterdir())) / "rollouts.parquet"
    )
    assert [r.problem_id for r in written] == [p.id for p in round_problems(problems, 0, 1, 4)]
    # Their log-probabilities are those of weights that are neither the first nor the last.
    logged = log(store, steps[-1])
    first = next(line for line in logged if line["round"] == 1)
    seen = sum(sum(r.logprobs) for r in written) / sum(len(r.logprobs) for r in written)
    assert first["student_logprob"] == pytest.approx(seen, abs=1e-4)


def test_S1_a_frozen_teacher_is_the_student_before_training(folders, tmp_path):
    steps = planned(suite(folders, "opsd"), tmp_path)
    store = carry_out(steps[:-1], tmp_path / "store")
    row = train.TrainRun(Job(steps[-1], store, store.attempt(steps[-1].address)))
    teacher = row.objective.teachers["main"].model
    start = models.load(models.ModelRef("student"), models.source(models.ModelRef("student"), folders["student"]))
    row.round()
    assert row.meters.spent["updates"] == 2
    for (name, kept), (_, first), (_, trained) in zip(
        teacher.named_parameters(), start.named_parameters(), row.model.named_parameters(), strict=True
    ):
        assert kept.numpy().tobytes() == first.detach().numpy().tobytes(), name
        assert kept.grad is None
        assert not torch.equal(kept, trained)


def test_S1_with_an_adapter_the_frozen_teacher_is_the_student_without_it(folders, tmp_path):
    steps = planned(suite(folders, "opsd", lora={**LORA, "dropout": 0.5}, optim={"learning_rate": 0.1}), tmp_path)
    store = carry_out(steps[:-1], tmp_path / "store")
    row = train.TrainRun(Job(steps[-1], store, store.attempt(steps[-1].address)))
    start = models.load(models.ModelRef("student"), models.source(models.ModelRef("student"), folders["student"]))
    prompts, responses = [(5, 6, 7), (8, 9)], [(10, 11), (12, 13, 14)]
    with torch.no_grad():
        before = Reader(start, row.student.vocabulary).hidden(prompts, responses, 0)
    row.round()
    with torch.no_grad():
        taught = row.objective.teachers["main"].hidden(prompts, responses, 0)
        row.model.eval()
        learned = row.student.hidden(prompts, responses, 0)
    assert torch.equal(taught, before)
    assert (learned - before).abs().max() > 1e-3
    assert row.objective.teachers["main"].model is row.model  # no second copy


def test_S1_other_starting_weights_are_another_step(folders, tiny_model, keep_model, tmp_path):
    other = {**folders, "student": keep_model(tiny_model(seed=9), tmp_path / "other")}
    first, second = (planned(suite(f, "opsd"), tmp_path) for f in (folders, other))
    assert first[-1].address != second[-1].address
    elsewhere = {**folders, "student": shutil.copytree(folders["student"], tmp_path / "elsewhere")}
    assert planned(suite(elsewhere, "opsd"), tmp_path)[-1].address == first[-1].address


METHOD_OF = {"teacher_written": "trd"}


@pytest.mark.parametrize("meter", METERS)
def test_each_meter_ends_a_run(folders, tmp_path, meter):
    limit = {"updates": 3, "epochs": 0.7, "rounds": 2, "student_written": 60, "teacher_written": 30, "teacher_read": 900,
             "trained": 50, "flops": 2.0e7, "gpu_hours": 2.0e-11}[meter]  # fmt: skip
    steps = planned(suite(folders, "trd", budget={meter: limit}, n=1, batch=2), tmp_path)
    store = carry_out(steps, tmp_path / "store")
    lines = log(store, steps[-1])
    assert facts(store, steps[-1])["ended_by"] == meter
    assert lines[-1][meter] >= limit * (1 - 1e-9)
    assert all(line[meter] < limit for line in lines[:-1])
    assert len(lines) > 1
    assert (store.payload(steps[-1].address) / "at-1").is_dir()


def test_the_first_of_several_limits_ends_it(folders, tmp_path):
    for budget, ended in (
        ({"updates": 3, "trained": 10**6}, "updates"),
        ({"updates": 50, "trained": 20}, "trained"),
        ({"updates": 50, "rounds": 2}, "rounds"),
    ):
        steps = planned(suite(folders, budget=budget, n=1, batch=2), tmp_path)
        assert facts(carry_out(steps, tmp_path / "store"), steps[-1])["ended_by"] == ended


def test_meters_count_what_was_written_and_read(folders, tmp_path):
    steps = planned(suite(folders, "trd", count=1, n=2, batch=3), tmp_path)
    store = carry_out(steps, tmp_path / "store")
    (trajectories,) = read(store, steps, "construct", Trajectory, "trajectories.parquet")
    attempts, rewrites = written_by(store, steps)
    spent = facts(store, steps[-1])["spent"]
    assert spent["student_written"] == sum(len(r.response_ids) for r in attempts)
    assert spent["teacher_written"] == sum(len(r.response_ids) for r in rewrites) == spent["trained"]
    assert spent["teacher_read"] == sum(len(r.prompt_ids) for r in rewrites) + sum(
        len(t.teacher_prompt_ids) + len(t.response_ids) for t in trajectories
    )
    assert spent["epochs"] == pytest.approx(4 / 10)


def test_checkpoints_are_the_weights_at_their_share(folders, tmp_path):
    four = planned(suite(folders, budget={"updates": 4}, at=(0.25, 0.5, 1.0), n=1, batch=2), tmp_path)
    store = carry_out(four, tmp_path / "store")
    kept = result(store, four[-1])
    assert {name.split("/")[0] for name in kept if "/" in name} == {"at-0.25", "at-0.5", "at-1", "rounds"}
    for updates, name in ((1, "at-0.25"), (2, "at-0.5")):
        short = planned(suite(folders, budget={"updates": updates}, n=1, batch=2), tmp_path)
        assert kept[f"{name}/model.safetensors"] == result(carry_out(short, tmp_path / "store"), short[-1])["at-1/model.safetensors"]
    assert len({hashlib.sha256(kept[f"{n}/model.safetensors"]).digest() for n in ("at-0.25", "at-0.5", "at-1")}) == 3


def test_an_adapter_row_leaves_only_an_adapter(whole):
    _, files, _ = whole["lora"]
    assert "at-1/adapter_model.safetensors" in files
    assert not [name for name in files if name.startswith("at-1/model")]


def test_a_budget_that_is_never_spent_is_a_fault(folders, tmp_path):
    steps = planned(suite(folders, count=1, n=1), tmp_path)
    store = carry_out(steps[:-1], tmp_path / "store")
    params = {**steps[-1].params, "budget": {"teacher_written": 10}, "rounds": {"count": "until-budget", "problems": 4}}
    with pytest.raises(Fault, match="round 0 spent nothing of teacher_written, so training would never end"):
        execute(replace(steps[-1], params=params), store, lambda event: None, {}, {})


def test_what_is_not_finite_stops_the_row_before_it_is_kept(folders, tmp_path):
    steps = planned(suite(folders, count=1, optim={"learning_rate": 1.0e30}), tmp_path)
    store = carry_out(steps[:-1], tmp_path / "store")
    with pytest.raises(Fault, match="update 2 gave a value that is not finite"):
        execute(steps[-1], store, lambda event: None, {}, {})
    assert store.record(steps[-1].address) is None


# Whose ids


@pytest.mark.parametrize("method", ["forward_kl", "trd", "sft_teacher"])
def test_A6_the_ids_trained_on_are_the_ids_sampled(folders, small_words, tmp_path, method):
    steps = planned(suite(folders, method, n=3), tmp_path)[:-1]
    store = carry_out(steps, tmp_path / "store")
    last = {a for s in steps if s.stage == "construct" for role, a in s.inputs.items() if role.startswith("rollouts/")}
    sampled = {(r.problem_id, r.sample): r for a in last for r in from_bytes(Rollout, store.payload(a) / "rollouts.parquet")}
    (trajectories,) = read(store, steps, "construct", Trajectory, "trajectories.parquet")
    assert {(t.problem_id, t.sample): t.response_ids for t in trajectories} == {key: r.response_ids for key, r in sampled.items()}
    assert len(trajectories) == 12
    # Decoding and encoding again would have changed them, and A4: no end was made up, none was cut away.
    again = [tuple(small_words(small_words.decode(t.response_ids))["input_ids"]) for t in trajectories]
    assert any(ids != t.response_ids for ids, t in zip(again, trajectories, strict=True))
    assert {r.finish_reason for r in sampled.values()} >= {"length"}
    for t in trajectories:
        assert (t.response_ids[-1] == 2) == (sampled[t.problem_id, t.sample].finish_reason == "stop")
    # And the student reads what it read when it wrote.
    if method == "forward_kl":
        assert {(t.problem_id, t.sample): t.student_prompt_ids for t in trajectories} == {key: r.prompt_ids for key, r in sampled.items()}


def test_A7_the_prompts_of_both_are_kept_as_they_are_read(folders, small_words, tmp_path):
    steps = planned(suite(folders, "trd", n=1), tmp_path)[:-1]
    store = carry_out(steps, tmp_path / "store")
    (trajectories,) = read(store, steps, "construct", Trajectory, "trajectories.parquet")
    attempts, rewrites = read(store, steps, "generate", Rollout, "rollouts.parquet")
    problems = {p.id: p for p in from_bytes(Problem, store.payload(steps[-1].inputs["problems"]) / "problems.parquet")}
    for t, attempt, rewrite in zip(trajectories, attempts, rewrites, strict=True):
        assert (
            small_words.decode(t.student_prompt_ids)
            == f"<|im_start|>user\n{problems[t.problem_id].prompt}<|im_end|>\n<|im_start|>assistant\n"
        )
        assert t.student_prompt_ids == attempt.prompt_ids
        assert t.teacher_prompt_ids == rewrite.prompt_ids
        assert prompts.decode(small_words, attempt.response_ids) in small_words.decode(t.teacher_prompt_ids)


def test_A7_each_reads_under_its_own_template(folders, tiny_model, keep_model, tmp_path):
    words = tokenizers.build()
    words.chat_template = tokenizers.TEMPLATE.replace("'<|im_start|>assistant", "'<|im_start|>tutor")
    unlike = {**folders, "teacher": keep_model(tiny_model(seed=1), tmp_path / "teacher", words=words)}
    steps = planned(suite(unlike, "trd", n=1, pair={"differ": ["template"]}), tmp_path)[:-1]
    store = carry_out(steps, tmp_path / "store")
    (trajectories,) = read(store, steps, "construct", Trajectory, "trajectories.parquet")
    _, rewrites = read(store, steps, "generate", Rollout, "rollouts.parquet")
    for t, rewrite in zip(trajectories, rewrites, strict=True):
        assert words.decode(t.student_prompt_ids).endswith("<|im_start|>assistant\n")
        assert words.decode(t.teacher_prompt_ids).endswith("<|im_start|>tutor\n")
        assert t.teacher_prompt_ids == rewrite.prompt_ids
    with pytest.raises(Fault, match=r"pairs\.tiny: their chat templates differ"):
        carry_out(planned(suite(unlike, "trd", n=1), tmp_path)[:-1], tmp_path / "store")


LONGER = {"set": "chain-train", "take": 10}  # chains of 3 to 8 steps, so that prompts differ in length


def lengths(words, problems, mode="plain"):
    return {p.id: len(prompts.encode(words, p.prompt, mode)) for p in problems}


def test_A8_prompts_over_the_limit_are_dropped_and_counted(folders, small_words, tmp_path):
    steps = planned(suite(folders, problems=LONGER), tmp_path)
    everything = from_bytes(Problem, carry_out(steps[:-1], tmp_path / "store").payload(steps[0].address) / "problems.parquet")
    assert steps[0].stage == "problems"
    sizes = lengths(small_words, everything)
    limit = sorted(sizes.values())[4]
    steps = planned(suite(folders, problems=LONGER, limits={"prompt": limit}), tmp_path)
    store = carry_out(steps[:-1], tmp_path / "store")
    select = next(s for s in steps if s.stage == "select")
    kept = from_bytes(Problem, store.payload(select.address) / "problems.parquet")
    assert kept == [p for p in everything if sizes[p.id] <= limit]
    over = sum(size > limit for size in sizes.values())
    assert over
    assert facts(store, select)["dropped"] == {"prompt": over}
    (trajectories,) = read(store, steps, "construct", Trajectory, "trajectories.parquet")
    assert all(len(t.student_prompt_ids) == sizes[t.problem_id] for t in trajectories)
    with pytest.raises(Fault, match=r"every one of 10 problems is dropped.*Raise `train\.limits`"):
        carry_out(planned(suite(folders, problems=LONGER, limits={"prompt": 3}), tmp_path)[:-1], tmp_path / "store")


def test_A8_the_limit_holds_for_every_reader(folders, tiny_model, keep_model, small_words, tmp_path):
    words = tokenizers.build()
    words.chat_template = tokenizers.TEMPLATE.replace("'<|im_start|>assistant", "'<|im_start|>assistant!")
    unlike = {**folders, "teacher": keep_model(tiny_model(seed=1), tmp_path / "teacher", words=words)}
    steps = planned(suite(unlike, problems=LONGER, pair={"differ": ["template"]}), tmp_path)
    everything = from_bytes(Problem, carry_out(steps[:-1], tmp_path / "store").payload(steps[0].address) / "problems.parquet")
    longest = max(lengths(small_words, everything).values())
    steps = planned(suite(unlike, problems=LONGER, pair={"differ": ["template"]}, limits={"prompt": longest}), tmp_path)
    store = carry_out(steps[:-1], tmp_path / "store")
    dropped = facts(store, next(s for s in steps if s.stage == "select"))["dropped"]["prompt"]
    assert dropped == sum(size > longest for size in lengths(words, everything).values()) > 0


def test_A8_a_rewriting_prompt_over_the_limit_weighs_nothing_and_is_counted(folders, tmp_path):
    path = tmp_path / "unsolved.jsonl"  # without solutions, or the limit would drop problems for what another row could read
    path.write_text("".join(json.dumps({"id": p.id, "q": p.prompt, "a": p.answer}) + "\n" for p in chain.problems(10, 1, (2, 3), 4, "p")))
    unsolved = {"set": {"file": str(path), "fields": {"id": "id", "prompt": "q", "answer": "a"}, "domain": "math"}}
    free = planned(suite(folders, "trd", n=2, problems=unsolved), tmp_path)
    store = carry_out(free[:-1], tmp_path / "store")
    (trajectories,) = read(store, free, "construct", Trajectory, "trajectories.parquet")
    limit = sorted(len(t.teacher_prompt_ids) for t in trajectories)[4]
    steps = planned(suite(folders, "trd", n=2, count=1, limits={"prompt": 60, "teacher_prompt": limit}, problems=unsolved), tmp_path)
    store = carry_out(steps, tmp_path / "store")
    (limited,) = read(store, steps, "construct", Trajectory, "trajectories.parquet")
    over = [len(t.teacher_prompt_ids) > limit for t in trajectories]
    assert [t.weight for t in limited] == [0.0 if o else 1.0 for o in over]
    assert facts(store, next(s for s in steps if s.stage == "construct"))["over_teacher_prompt"] == sum(over) > 0
    assert [t.teacher_prompt_ids for t in limited] == [t.teacher_prompt_ids for t in trajectories]  # none is cut
    kept = [t for t, o in zip(trajectories, over, strict=True) if not o]
    spent = facts(store, steps[-1])["spent"]
    assert spent["trained"] == sum(len(t.response_ids) for t in kept)
    assert spent["teacher_written"] == sum(len(t.response_ids) for t in trajectories)  # writing them was paid
    _, rewrites = written_by(store, steps)
    scored = sum(len(t.teacher_prompt_ids) + len(t.response_ids) for t in kept)
    assert spent["teacher_read"] == sum(len(r.prompt_ids) for r in rewrites) + scored


def test_N1_reference_solutions_do_not_touch_what_never_reads_them(folders, tmp_path):
    seen = []
    for name, solution in (("short", "no"), ("long", "a much longer reference solution " * 5)):
        path = tmp_path / f"{name}.jsonl"
        rows = [{"id": p.id, "q": p.prompt, "a": p.answer, "s": solution} for p in chain.problems(4, 1, (2, 3), 4, "p")]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        source = {
            "file": str(path),
            "name": "mine",
            "fields": {"id": "id", "prompt": "q", "answer": "a", "solution": "s"},
            "domain": "math",
        }
        steps = planned(suite(folders, count=1, problems={"set": source, "take": "all"}), tmp_path)
        store = carry_out(steps, tmp_path / "store")
        seen.append((result(store, steps[-1])["log.parquet"], steps[-1].address))
    assert seen[0][0] == seen[1][0]
    assert seen[0][1] != seen[1][1]


# Rounds


def test_more_samples_add_steps_and_change_none(folders, tmp_path):
    def generated(n, method):
        return {s.address for s in planned(suite(folders, method, n=n), tmp_path) if s.stage == "generate"}

    for method, acts in (("forward_kl", 1), ("trd", 2)):
        counts = [generated(n, method) for n in (1, 2, 4, 8)]
        assert [len(c) for c in counts] == [acts, 2 * acts, 3 * acts, 4 * acts]
        assert counts[0] < counts[1] < counts[2] < counts[3]


def test_sample_ranges_cover_and_keep_their_cuts():
    for stop in range(1, 40):
        ranges = sample_ranges(0, stop)
        assert [i for a, b in ranges for i in range(a, b)] == list(range(stop))
        assert set(sample_ranges(0, 64)) >= set(ranges[:-1])
    assert sample_ranges(0, 8) == [(0, 1), (1, 2), (2, 4), (4, 8)]
    assert sample_ranges(3, 9) == [(3, 4), (4, 8), (8, 9)]


def test_rounds_walk_through_epochs_without_a_problem_twice():
    problems = [Problem(str(i), "math", "?") for i in range(10)]
    rounds = [[p.id for p in round_problems(problems, 5, r, 4)] for r in range(10)]
    assert all(len(set(r)) == len(r) for r in rounds)
    epochs = [[p.id for p in round_problems(problems, 5, r, "all")] for r in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1])
    assert epochs[0] != epochs[1]  # each epoch in an order of its own
    first_epoch = rounds[0] + rounds[1] + rounds[2][:2]
    assert sorted(first_epoch) == sorted(p.id for p in problems)
    assert [p.id for p in round_problems(problems, 6, 0, 4)] != rounds[0]
    assert len(round_problems(problems, 5, 3, "all")) == len(round_problems(problems, 5, 0, 99)) == 10


def test_generation_is_cut_into_parts_that_are_kept(folders, tmp_path):
    """A killed generate step goes on from its parts, to the same bytes."""
    steps = planned(suite(folders, n=8, size="all"), tmp_path)
    wide = next(s for s in steps if s.stage == "generate" and s.params["samples"] == [4, 8])
    many = Step("generate", {**wide.params, "samples": [0, 100]}, wide.inputs, local=wide.local)
    before = [s for s in steps if s.address in wide.inputs.values() or s.stage == "problems"]
    stores = []
    for name in ("whole", "killed"):
        store = carry_out(before, tmp_path / name)
        events = []

        def report(event, name=name, events=events):
            events.append(event)
            if name == "killed" and len(events) == 2:
                raise Killed

        if name == "killed":
            with pytest.raises(Killed):
                execute(many, store, report, {}, {})
            assert len(list((store.folder(many.address) / "parts").iterdir())) == 2
        execute(many, store, report, {}, {})
        stores.append(store)
    assert result(stores[0], many) == result(stores[1], many)
    assert [e["done"] for e in events[2:]] == [200, 400, 600, 800, 1000]

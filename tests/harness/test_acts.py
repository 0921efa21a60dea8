"""What a round's acts come to: choices by tier, groups and peers, coins, and whom each text is charged to; carried out in process."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import permutations

import pyarrow.parquet as pq
import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM

from harness import models, prompts
from harness.plan import plan
from harness.records import Fault, Rollout, Trajectory
from harness.rounds import heads
from harness.spec import load_suite
from harness.stages import Job, execute, train
from harness.stages.inputs import rights_of, rollouts_of
from harness.stages.pick import aligned, choose
from harness.stages.weigh import distance
from harness.store import Store
from harness.tables import from_bytes
from methods.parts.rewards import advantages


@pytest.fixture(scope="module")
def folders(tiny_model, keep_model, tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    names = ("student", "teacher", "reference")
    return {who: str(keep_model(tiny_model(seed=seed), root / who)) for seed, who in enumerate(names)}


class Done:
    """A suite's training steps up to training itself, carried out; verdicts by lot, for what random weights write is never right."""

    def __init__(self, folders, rows, root, n=4, pair=None, **training):
        sampling = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "max_tokens": 6}
        said = {
            "suite": "tiny",
            "engine": "transformers",
            "seeds": {"train": [0], "exam": 0},
            "pairs": {"tiny": {"student": folders["student"], "teacher": folders["teacher"], **(pair or {})}},
            "methods": rows,
            "train": {
                "problems": {"set": "tiny-train", "take": 8},
                "sampling": {**sampling, "n": n},
                "limits": {"prompt": 200},
                "rounds": {"count": 2, "problems": 8},
                "optim": {"learning_rate": 1.0e-2, "batch": 8},
                "lora": None,
                **training,
            },
            "budgets": {"steps": {"rounds": 2}},
            "evaluate": [{"benchmarks": ["tiny-exam"], "sampling": {**sampling, "n": 1}}],
        }
        root.mkdir(exist_ok=True)
        (root / "suite.yaml").write_text(yaml.safe_dump(said))
        self.made = plan(replace(load_suite(root / "suite.yaml"), lots=True))
        self.store = Store(root / "store")
        self.rows = {row.label: row for row in self.made.rows if row.method}
        needed = self.made.needed(self.train(label).address for label in self.rows)
        for step in self.made.steps:
            if step.address in needed and step.stage != "train":
                assert execute(step, self.store, lambda event: None, {}, {})

    def train(self, label):
        return self.made.by_address[self.rows[label].steps["train"]]

    def built(self, label, term="main"):
        return self.made.by_address[self.train(label).inputs[f"trajectories/{term}"]]

    def job(self, step) -> Job:
        return Job(step, self.store, self.store.attempt(step.address))

    def trajectories(self, label, term="main") -> list[Trajectory]:
        return from_bytes(Trajectory, self.store.payload(self.built(label, term).address) / "trajectories.parquet")

    def facts(self, step):
        return self.store.record(step.address).facts

    def below(self, step, stage):
        return [self.made.by_address[a] for a in step.inputs.values() if self.made.by_address[a].stage == stage]


# BRTS's choice


def response(sample, ids=(1, 2, 3)) -> Rollout:
    return Rollout("p", sample, (9,), ids, "stop", ())


CANDIDATES, RECOVERIES = [response(0, (1, 9)), response(1, (1, 2)), response(2, (8, 9))], [response(0, (7,))]
TOP = [{1, 5}, {2, 6}]


def by_alignment(attempt, responses):
    return [aligned(TOP, each.response_ids) for each in responses]


@pytest.mark.parametrize(
    ("rights", "recovered", "prefer", "otherwise", "sample", "tier"),
    [
        ((True, False, True), None, ("correct", "aligned"), "aligned", 0, "candidate"),  # right ones alone: of these the best aligned
        ((True, True, False), None, ("correct", "aligned"), "aligned", 1, "candidate"),
        ((False, False, True), None, ("correct", "aligned"), "aligned", 2, "candidate"),
        ((False, None, False), True, ("correct", "aligned"), "aligned", 0, "recovery"),
        ((False, None, False), False, ("correct", "aligned"), "aligned", 1, "otherwise"),
        ((False, None, False), None, ("correct", "aligned"), "skip", 0, "skipped"),
        ((None, None, None), None, ("correct", "aligned"), "random", 2, "otherwise"),  # the draw is 0.9
        ((False, True, True), None, ("correct", "random"), "aligned", 2, "candidate"),
        ((True, False, False), None, ("random",), "aligned", 2, "candidate"),  # nobody asks what is right
        ((True, False, False), None, ("aligned",), "aligned", 1, "candidate"),
    ],
)
def test_tiers_on_crafted_grades(rights, recovered, prefer, otherwise, sample, tier):
    verdicts = {("p", place): right for place, right in enumerate(rights)}
    products = [
        ("candidate", CANDIDATES, verdicts),
        ("recovery", [] if recovered is None else RECOVERIES, {("p", 0): recovered}),
    ]
    found = choose(response(0), products, prefer, otherwise, by_alignment, 0.9)
    assert (found.response.sample, found.tier) == (sample, tier)


def test_alignment_is_a_share_up_to_the_shorter_text():
    assert aligned(TOP, (1, 2, 3, 4)) == 1.0
    assert aligned(TOP, (1,)) == 1.0
    assert aligned(TOP, (2, 1)) == 0.0
    assert aligned([], (1,)) == 0.0


BRTS = {"label": "brts", "method": "brts"}


LETTERS = [chr(code) for code in range(33, 127)]


def probing(label, **how):
    """Half of the six tokens are suspects, two at most, and one of these a fork."""
    how = {"share": 0.5, "most": 2, "window": 4, "divergent": 0.5, "otherwise": 0.25, **how}
    return {"label": label, "method": "topd_like", "writer": how, "also": {"near_future": {"writer": how}}}


@pytest.fixture(scope="module")
def several(folders, tmp_path_factory):
    rows = [
        "rethinking",
        BRTS,
        {"label": "random", "method": "brts", "also": {"teacher_context": {"writer": {"prefer": ["random"]}}}},
        {"label": "skip", "method": "brts", "also": {"teacher_context": {"writer": {"recover": None, "otherwise": "skip"}}}},
        "gkd", "mopd", "sft_reference", "grpo", "gates", "placebo_shuffled", "paced",
        {"label": "elsewhere", "method": "mopd", "reads": {"peers": "other_problem"}},
        probing("probed"),
        {**probing("suppress"), "also": {"near_future": None}},
        {**probing("every-suspect", divergent=1.0), "also": {"near_future": None}},
        {"label": "relay", "method": "relay_opd", "writer": {"trigger": {"texts": LETTERS, "top": 3}, "most": 2, "turns": 1}},
        {"label": "never", "method": "relay_opd", "writer": {"trigger": {"texts": ["no single token"]}}},
        {"label": "strict", "method": "skd", "writer": {"trigger": {"top": 60}, "block": 2}},
        {"label": "lenient", "method": "skd", "writer": {"trigger": {"top": 384}, "block": None}},
    ]  # fmt: skip
    small = {"mopd": 4, "grpo": 4, "gates": 4, "paced": 4, "elsewhere": 4}
    rows = [{"label": r, "method": r} if isinstance(r, str) else r for r in rows]
    rows = [{**row, "writer": {"n": small[row["label"]]}} if row["label"] in small else row for row in rows]
    return Done(folders, rows, tmp_path_factory.mktemp("several"), n=2)


def test_rows_that_sample_alike_share_what_is_written(several):
    def written(label):
        return {a for a in several.made.needed([several.train(label).address]) if a.startswith("generate/")}

    assert written("rethinking") < written("brts")
    assert several.built("rethinking").address == several.built("brts").address
    assert written("random") < written("brts")  # without verdicts nobody tries once more
    assert "grader" not in several.train("random").params and "grader" in several.train("brts").params
    # Sample 0 of two is sample 0 of four.
    assert written("rethinking") < written("mopd") == written("grpo") == written("paced")


def test_brts_gives_each_attempt_its_own_choice_and_charges_every_text_once(several):
    (pick,) = several.below(several.built("brts", "teacher_context"), "pick")
    job = several.job(pick)
    attempts, candidates, recoveries = (rollouts_of(job, role) for role in ("attempts", "of/0", "of/1"))
    rights = rights_of(job, "verdicts/0")
    assert len(candidates) == 4 * 8 and len(attempts) == 2 * 8
    unsolved = {r.problem_id for r in candidates} - {problem for (problem, _), right in rights.items() if right}
    assert {r.problem_id for r in recoveries} == unsolved
    picked = several.trajectories("brts", "teacher_context")
    assert {(t.problem_id, t.sample) for t in picked} == {(r.problem_id, r.sample) for r in attempts}
    by_problem = {r.problem_id: [c for c in candidates if c.problem_id == r.problem_id] for r in attempts}
    model = models.load(models.ModelRef("student"), models.source(models.ModelRef("student"), several_student(several)))
    for t, attempt in zip(picked, attempts, strict=True):
        with torch.no_grad():
            logits = model(torch.tensor([attempt.prompt_ids + attempt.response_ids])).logits[0, len(attempt.prompt_ids) - 1 : -1, :384]
        top = [set(row.topk(16).indices.tolist()) for row in logits]
        right = [c for c in by_problem[t.problem_id] if rights[c.problem_id, c.sample]]
        if right:
            scores = [
                sum(i in row for i, row in zip(c.response_ids, top, strict=False)) / min(len(top), len(c.response_ids)) for c in right
            ]
            assert t.response_ids == right[scores.index(max(scores))].response_ids
        assert t.author == "teacher" and t.weight == 1.0
    assert sum(several.facts(pick)["tiers"].values()) == 16
    assert sum(t.teacher_written for t in picked) == sum(len(r.response_ids) for r in (*candidates, *recoveries))
    assert sum(t.student_written for t in picked) == 0  # the main term is charged for the attempts
    assert sum(t.student_written for t in several.trajectories("brts")) == sum(len(r.response_ids) for r in attempts)


def several_student(done):
    (job,) = (done.job(done.train("brts")),)
    return job.made("student")


def test_skipped_attempts_weigh_nothing_and_are_counted(several):
    (pick,) = several.below(several.built("skip", "teacher_context"), "pick")
    tiers = several.facts(pick)["tiers"]
    weights = Counter(t.weight for t in several.trajectories("skip", "teacher_context"))
    assert weights[0.0] == tiers["skipped"] and weights[1.0] == tiers["candidate"] and "recovery" not in tiers


def test_a_coin_gives_each_problem_to_the_student_or_to_its_solution(several):
    found = several.trajectories("gkd")
    students = {t.problem_id for t in found if t.author == "student"}
    copied = {t.problem_id for t in found if t.author == "nobody"}
    assert students and copied and not students & copied and len(students | copied) == 8
    assert all(heads(0, 0, problem, 0.5) for problem in students) and not any(heads(0, 0, problem, 0.5) for problem in copied)
    assert all(not t.sampler_logprobs and not t.student_written and not t.teacher_written for t in found if t.author == "nobody")
    # Problems stand in the round's order, whoever wrote.
    order = list(dict.fromkeys(t.problem_id for t in several.trajectories("sft_reference")))
    assert list(dict.fromkeys(t.problem_id for t in found)) == order


def test_a_copied_solution_is_its_tokens_and_an_end(several, small_words):
    (copy,) = several.below(several.built("sft_reference"), "copy")
    job = several.job(copy)
    solutions = {p.id: p.solution for p in from_bytes_problems(job)}
    for rollout in from_bytes(Rollout, several.store.payload(copy.address) / "rollouts.parquet"):
        ids = small_words(solutions[rollout.problem_id], add_special_tokens=False)["input_ids"]
        assert rollout.response_ids == tuple([*ids, 2][:6])
        assert rollout.finish_reason == ("stop" if len(ids) < 6 else "length")


def from_bytes_problems(job):
    from harness.records import Problem

    return from_bytes(Problem, job.input("problems") / "problems.parquet")


def test_7_4_15_a_teacher_reads_others_and_never_the_rollout_itself(several, small_words):
    job = several.job(several.built("mopd"))
    rights = rights_of(job, "attempt_grades")
    texts = {key: prompts.decode(small_words, r.response_ids) for r in rollouts_of(job, "rollouts") if (key := (r.problem_id, r.sample))}
    seen = Counter()
    for t in several.trajectories("mopd"):
        others = {sample: texts[t.problem_id, sample] for sample in range(4) if sample != t.sample}
        shown = prompts.decode(small_words, t.teacher_prompt_ids)
        right = [text for sample, text in others.items() if rights[t.problem_id, sample]]
        wrong = [text for sample, text in others.items() if not rights[t.problem_id, sample]]
        assert shown.count("correct solution:") == min(2, len(right)) and shown.count("A wrong solution") == min(1, len(wrong))
        assert all(text in shown for text in right[:2])
        own = texts[t.problem_id, t.sample]
        if own.strip() and not any(own in text for text in (*others.values(), "Now solve it yourself, correctly. Problem:")):
            assert f":\n{own}\n" not in shown
            seen["own"] += 1
        assert t.weight == 1.0
        seen[len(right)] += 1
    assert seen["own"] and len(seen) > 2
    elsewhere = several.trajectories("elsewhere")
    for t in elsewhere:
        shown = prompts.decode(small_words, t.teacher_prompt_ids)
        assert any(text in shown for (problem, _), text in texts.items() if problem != t.problem_id and text.strip())


def test_advantages_and_pass_rates_are_those_of_the_group(several):
    rights = rights_of(several.job(several.built("grpo")), "response_grades")
    found = several.trajectories("grpo")
    for problem in {t.problem_id for t in found}:
        wanted = advantages([float(bool(rights[problem, sample])) for sample in range(4)])
        assert [t.advantage for t in found if t.problem_id == problem] == [pytest.approx(w) for w in ordered(found, problem, wanted)]
        rate = sum(bool(rights[problem, sample]) for sample in range(4)) / 4
        assert {t.weight for t in several.trajectories("paced") if t.problem_id == problem} == {rate * (1 - rate)}
    assert any(t.advantage for t in found)


def ordered(found, problem, wanted):
    return [wanted[t.sample] for t in found if t.problem_id == problem]


def test_another_problem_is_never_the_problem_itself(several, small_words):
    plain = {t.problem_id: t.student_prompt_ids for t in several.trajectories("rethinking")}
    for t in several.trajectories("placebo_shuffled"):
        assert t.student_prompt_ids == plain[t.problem_id] != t.teacher_prompt_ids
        assert t.teacher_prompt_ids in plain.values()


def test_verdicts_are_inputs_only_where_an_answer_asks_for_them(several):
    def roles(label, term="main"):
        return {role.partition("/")[0] for role in several.built(label, term).inputs if "grades" in role}

    assert roles("gkd") == roles("brts") == roles("placebo_shuffled") == roles("sft_reference") == set()
    assert roles("brts", "teacher_context") == set()  # the choice asked, not what is made of it
    assert roles("mopd") == roles("paced") == {"attempt_grades"}
    assert roles("grpo") == {"response_grades"} and roles("gates") == {"answer_grades"}


def test_agreement_is_a_share_of_the_group(several):
    found = several.trajectories("gates")
    assert {t.weight for t in found} == {0.0, 1.0}
    rights = rights_of(several.job(several.built("gates")), "answer_grades")
    for problem in {t.problem_id for t in found}:
        right = sum(bool(rights[problem, sample]) for sample in range(4))  # one answer; what is wrong by lot alone gives none
        assert sum(t.weight for t in found if t.problem_id == problem) == (right if right >= 2 else 0)


# Teachers of other kinds, as the train stage makes them


def test_a_teacher_is_seen_through_the_pairs_reference(folders, tmp_path):
    rows = [{"method": "exopd", "teacher": {"over": "reference"}}]
    done = Done(folders, rows, tmp_path, n=1, pair={"reference": folders["reference"]})
    row = train.TrainRun(done.job(done.train("exopd")))
    assert row.objective.thirds["main"].model is not row.objective.teachers["main"].model
    found = done.trajectories("exopd")
    assert all(t.teacher_read == 2 * (len(t.teacher_prompt_ids) + len(t.response_ids)) for t in found)  # both read
    row.round()
    over_student = Done(folders, ["exopd"], tmp_path / "student", n=1)
    other = train.TrainRun(over_student.job(over_student.train("exopd")))
    other.round()
    assert row.log[0]["loss"] != other.log[0]["loss"]
    assert done.train("exopd").params["pair"]["reference"] and "reference" not in over_student.train("exopd").params["pair"]


def test_a_running_mean_follows_the_student_and_the_current_one_is_it(folders, tmp_path):
    rows = [
        {"label": "mean", "method": "sdft", "teacher": {"Ema": {"rate": 0.25}}},
        {"label": "current", "method": "sdft", "teacher": "Current"},
    ]
    done = Done(folders, rows, tmp_path, n=1)
    row = train.TrainRun(done.job(done.train("mean")))
    mean = {name: p.detach().clone() for name, p in row.model.named_parameters()}
    trajectories = row._trajectories()
    for _ in range(2):
        row._update(trajectories, 1)
        for name, p in row.model.named_parameters():
            mean[name].lerp_(p.detach(), 0.25)
        row.batch += 1
    (averaged,) = row.means.values()
    assert all(torch.equal(averaged.mean[name], mean[name]) for name in mean)
    assert not torch.equal(averaged.mean["model.norm.weight"], row.model.model.norm.weight)
    current = train.TrainRun(done.job(done.train("current")))
    reader = current.objective.teachers["main"]
    current.round()
    assert reader.model is current.model and not current.means
    assert current.log[0]["loss"] == pytest.approx(row.log[0]["loss"])  # at first the mean is the student, too
    assert current.log[-1]["loss"] != pytest.approx(row.log[-1]["loss"])


# A probe


def in_float64(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)


def log_probs(model, prompt, response):
    """Of the response's tokens, over the vocabulary: [T, V]."""
    with torch.no_grad():
        return model(torch.tensor([[*prompt, *response]])).logits[0, len(prompt) - 1 : -1, :384].log_softmax(-1)


def transport(a, b, embeddings):
    """The cheapest of all pairings; a token without a partner costs 1."""
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    unit = embeddings / embeddings.norm(dim=1, keepdim=True)
    costs = [[1 - float(unit[i] @ unit[j]) for j in shorter] + [1.0] * (len(longer) - len(shorter)) for i in longer]
    return min(sum(costs[i][j] for i, j in enumerate(order)) for order in permutations(range(len(longer)))) / len(longer)


def probes(several, label="probed"):
    """Of each probe of a row: its step, and suspects by response, as dictionaries."""
    for step in several.below(several.built(label), "weigh"):
        rows = pq.read_table(several.store.payload(step.address) / "probes.parquet").to_pylist()
        by_response = {}
        for row in rows:
            by_response.setdefault((row["problem_id"], row["sample"]), []).append(row)
        yield step, rows, by_response


def test_suspects_are_where_the_two_are_furthest_apart(several, folders):
    student, teacher = in_float64(folders["student"]), in_float64(folders["teacher"])
    seen = 0
    for step, _, by_response in probes(several):
        for r in from_bytes(Rollout, several.store.payload(step.inputs["rollouts"]) / "rollouts.parquet"):
            own, theirs = (log_probs(model, r.prompt_ids, r.response_ids) for model in (student, teacher))
            apart = (own.exp() * (own - theirs)).sum(-1)
            most = min(2, -(-len(apart) // 2))
            wanted = sorted(apart.argsort(descending=True)[:most].tolist())
            found = by_response[r.problem_id, r.sample]
            assert [row["at"] for row in found] == wanted
            assert [row["loss"] for row in found] == pytest.approx(apart[wanted].tolist(), abs=1e-4)
            seen += len(found)
    assert seen > 16


def test_forks_are_the_suspects_whose_continuations_are_furthest_apart(several, folders):
    embeddings = in_float64(folders["teacher"]).get_input_embeddings().weight.detach()
    for step, rows, by_response in probes(several):
        begun = {
            (r.problem_id, r.sample): r for r in from_bytes(Rollout, several.store.payload(step.inputs["rollouts"]) / "rollouts.parquet")
        }
        sides = [
            from_bytes(Rollout, several.store.payload(step.inputs[f"written/{who}"]) / "rollouts.parquet") for who in ("student", "teacher")
        ]
        for row, own, theirs in zip(rows, *sides, strict=True):
            r = begun[row["problem_id"], row["sample"]]
            assert own.prompt_ids == theirs.prompt_ids == r.prompt_ids + r.response_ids[: row["at"]]
            assert 1 <= len(own.response_ids) <= 4 and 1 <= len(theirs.response_ids) <= 4
            assert row["apart"] == pytest.approx(transport(own.response_ids, theirs.response_ids, embeddings), abs=1e-9)
        for found in by_response.values():
            forks = [row for row in found if row["weight"] == 1]
            assert len(forks) == 1 and forks[0]["apart"] == max(row["apart"] for row in found)
            assert {row["weight"] for row in found if row not in forks} <= {0.25}
        assert any(own.response_ids != theirs.response_ids for own, theirs in zip(*sides, strict=True))


def test_assignment_is_the_cheapest_of_all_pairings():
    draw = torch.Generator().manual_seed(3)
    embeddings = torch.randn(9, 5, generator=draw, dtype=torch.float64)
    unit = (embeddings / embeddings.norm(dim=1, keepdim=True)).numpy()
    for a, b in (((1, 2, 3, 4, 5), (5, 6, 7, 1, 8)), ((1, 2, 3), (4,)), ((0,), (0, 0, 1)), ((4, 2), (2, 4))):
        assert distance(a, b, unit) == pytest.approx(transport(a, b, embeddings), abs=1e-12)
    assert distance((4, 2), (2, 4), unit) == pytest.approx(0, abs=1e-12)


def test_a_probe_weighs_what_was_written_and_gives_the_futures_of_forks(several, folders):
    forks, weights = {}, {}
    for _, rows, _ in probes(several):
        for row in rows:
            weights.setdefault((row["problem_id"], row["sample"]), {})[row["at"]] = row["weight"]
            if row["weight"] == 1:
                forks[row["problem_id"], row["sample"]] = row["at"]
    plain = {(t.problem_id, t.sample): t for t in several.trajectories("rethinking")}
    mine = several.trajectories("probed")
    for t in mine:
        same, places = plain[t.problem_id, t.sample], weights[t.problem_id, t.sample]
        assert (t.response_ids, t.student_prompt_ids, t.teacher_prompt_ids) == (
            same.response_ids,
            same.student_prompt_ids,
            same.teacher_prompt_ids,
        )
        assert t.weights == tuple(places.get(at, 1.0) for at in range(len(t.response_ids))) and not t.by_teacher
    assert any(0.25 in t.weights for t in mine)
    teacher = in_float64(folders["teacher"])
    futures = several.trajectories("probed", "near_future")
    assert {(t.problem_id, t.sample) for t in futures} == set(plain)
    for t in futures:
        at = forks[t.problem_id, t.sample]
        assert t.response_ids[:at] == plain[t.problem_id, t.sample].response_ids[:at] and len(t.response_ids) > at
        own = (0,) * at + (1,) * (len(t.response_ids) - at)
        assert (t.author, t.by_teacher, t.weights) == ("teacher", own, tuple(map(float, own)))
        said = log_probs(teacher, t.teacher_prompt_ids, t.response_ids)[at:].gather(1, torch.tensor(t.response_ids[at:])[:, None])[:, 0]
        assert list(t.sampler_logprobs[at:]) == pytest.approx(said.tolist(), abs=1e-4)
    for charged, by, who in ((mine, "student", "student_written"), (mine, "teacher", "teacher_written")):
        steps = [step.inputs[f"written/{by}"] for step, _, _ in probes(several)]
        extra = sum(len(r.response_ids) for a in steps for r in from_bytes(Rollout, several.store.payload(a) / "rollouts.parquet"))
        before = sum(len(t.response_ids) for t in plain.values()) if by == "student" else 0
        assert extra and sum(getattr(t, who) for t in charged) == before + extra
    assert not any(t.student_written or t.teacher_written for t in futures)  # the main term is charged
    assert [t.teacher_read for t in mine] == [t.teacher_read for t in plain.values()]  # what both go on from was read to be scored


def test_a_probe_without_surface_is_no_probe_and_the_ablation_shares_it(several):
    assert several.built("suppress").address == several.built("probed").address
    plain = several.trajectories("rethinking")
    for t, same in zip(several.trajectories("every-suspect"), plain, strict=True):
        assert (t.response_ids, t.weights) == (same.response_ids, same.weights)


def test_later_rounds_probe_the_student_as_it_then_stands_and_go_on_after_a_kill(several):
    job = several.job(several.train("probed"))
    train.TrainRun(job).round()
    row = train.TrainRun(job)  # as after a kill between rounds
    assert row.round_ == 1
    row.round()
    assert row.ended and all(row.log[-1][name] > 0 for name in ("loss", "near_future/loss"))
    located = list(row.journal.records("locate"))
    assert len(located) == 2 and all(record.step["inputs"]["trained"] == row.trained for record in located)  # samples 0-1 and 1-2


# A relay


def turns_of(hands):
    """(first token, one past the last) of each turn of the teacher's."""
    edges = [at for at in range(len(hands) + 1) if (hands[at] if at < len(hands) else 0) != (hands[at - 1] if at else 0)]
    return list(zip(edges[::2], edges[1::2], strict=True))


def test_a_relay_is_cut_where_the_teacher_would_doubt_and_the_student_would_not(several, folders, small_words):
    student, teacher = in_float64(folders["student"]), in_float64(folders["teacher"])
    words = {ids[0] for letter in LETTERS if len(ids := small_words(letter, add_special_tokens=False)["input_ids"]) == 1}
    relayed = several.trajectories("relay")
    (facts, *_) = [several.facts(step) for step in several.below(several.built("relay"), "relay")]
    assert facts["relayed"] and facts["cut_away"] and not facts["unknown_texts"]
    for t in relayed:
        own, theirs = (log_probs(model, t.student_prompt_ids, t.response_ids) for model in (student, teacher))
        likeliest = theirs.argmax(-1).tolist()
        fires = [
            word in words and word not in top and word != token
            for word, top, token in zip(likeliest, own.topk(3).indices.tolist(), t.response_ids, strict=True)
        ]
        turns = turns_of(t.by_teacher)
        assert len(turns) <= 1 and not any(fires[: turns[0][0]] if turns else fires)
        for start, end in turns:
            assert t.response_ids[start] == likeliest[start] in words  # dictated; then up to two tokens of its own, and the end
            assert likeliest[start] not in own[start].topk(3).indices.tolist()
            assert end == len(t.response_ids) and (end - start == 3 or end == 6 or t.response_ids[-1] == 2)
        said = own.gather(1, torch.tensor(t.response_ids)[:, None])[:, 0]
        assert t.author == "relay" and list(t.sampler_logprobs) == pytest.approx(said.tolist(), abs=1e-4)
        assert t.weights == (1.0,) * len(t.response_ids)
        assert (t.student_written, t.teacher_written) == (t.by_teacher.count(0), t.by_teacher.count(1))
    assert 4 < sum(bool(sum(t.by_teacher)) for t in relayed) < len(relayed)


def test_a_replaced_token_is_one_that_the_teacher_finds_unlikely(several, folders):
    teacher = in_float64(folders["teacher"])
    found = several.trajectories("strict")
    for t in found:
        top = log_probs(teacher, t.teacher_prompt_ids, t.response_ids).topk(60).indices.tolist()
        assert all(token in likely for token, likely, hand in zip(t.response_ids, top, t.by_teacher, strict=True) if not hand)
    assert 0 < sum(map(sum, (t.by_teacher for t in found))) < sum(len(t.response_ids) for t in found)
    assert all(len(t.response_ids) == 6 or t.response_ids[-1] == 2 for t in found)


def test_a_relay_that_is_never_cut_is_the_students_rollout(several):
    plain = several.trajectories("rethinking")
    for label in ("never", "lenient"):
        (facts, *_) = [several.facts(step) for step in several.below(several.built(label), "relay")]
        assert facts["turns"] == 0 and facts["tokens"]["teacher"] == 0
        for t, same in zip(several.trajectories(label), plain, strict=True):
            assert (t.response_ids, t.student_prompt_ids, sum(t.by_teacher)) == (same.response_ids, same.student_prompt_ids, 0)
            assert t.sampler_logprobs == pytest.approx(same.sampler_logprobs, abs=1e-5)
    assert facts["unknown_texts"] == []
    assert several.facts(several.below(several.built("never"), "relay")[0])["unknown_texts"] == ["no single token"]


def test_a_relay_trains_and_later_rounds_relay_the_student_as_it_then_stands(several):
    for label in ("relay", "strict"):
        row = train.TrainRun(several.job(several.train(label)))
        row.round()
        row.round()
        assert row.ended and len(row.gaps) == 2 and max(row.gaps) < 1e-3
        assert all(record.step["inputs"]["trained"] == row.trained for record in row.journal.records("relay"))


# What is refused


@pytest.mark.parametrize(
    ("row", "training", "words"),
    [
        ("grpo", {"n": 1}, r"compares responses to one problem, but there is 1 of each"),
        ({"method": "mopd", "writer": {"n": 1}}, {}, r"WithPeers.* compares|HasPeer.* compares"),
        ({"method": "exopd", "teacher": {"over": "reference"}}, {}, "pairs.tiny names none"),
        ({"method": "placebo_shuffled"}, {"rounds": {"count": 2, "problems": 1}, "optim": {"learning_rate": 0.1, "batch": 1}}, "a round has one"),
        ({"method": "relay_opd", "teacher": "Ema"}, {}, "scores, but does not write"),
        ({"method": "relay_opd", "writer": {"turns": 0}}, {}, "give 1 or more, or null"),
        ({"method": "relay_opd", "writer": {"temperature": 0.6}}, {}, "drawn from the student's whole distribution"),
        ({"method": "skd", "reads": "WithAttempt"}, {}, r"Relayed\(\) would show the teacher the very tokens"),
        ({"method": "skd", "writer": {"trigger": {"top": 0}}}, {}, "1 or more"),
        ({"method": "skd", "keep": "Solved"}, {}, "the student makes none"),
        ({"method": "topd_like", "writer": {"window": 12}}, {}, "near_future: its probe differs from that of term main"),
        ({"method": "topd_like", "teacher": "Ema"}, {}, "scores, but does not write"),
        ({"method": "topd_like", "reads": "WithAttempt"}, {}, r"Probed\(\) would show the teacher the very tokens"),
        ({"method": "topd_like", "loss": "NLL"}, {}, "never looks at|asks no teacher"),
        ({"method": "topd_like", "writer": {"window": 0}}, {}, "give 1 or more"),
        ({"method": "topd_like", "writer": {"share": 0.0}}, {}, "above 0 and at most 1"),
        ({"method": "topd_like", "also": {"near_future": {"keep": "Solved"}}}, {}, "nobody can judge a piece"),
        ({"method": "rethinking", "writer": {"top_p": 0.9}}, {}, "drawn from the student's whole distribution"),
        ({"method": "grpo", "writer": {"temperature": 0.6}}, {}, "drawn from the student's whole distribution"),
        ({"method": "mopd", "writer": {"top_k": 20}}, {}, "drawn from the student's whole distribution"),
    ],
)  # fmt: skip
def test_what_a_method_lacks_is_said_before_anything_runs(folders, tmp_path, row, training, words):
    n = training.pop("n", 4)
    row = {**(row if isinstance(row, dict) else {"method": row}), **({"writer": {"n": 1}} if row == "grpo" and n == 1 else {})}
    with pytest.raises(Fault, match=words):
        Done(folders, [row], tmp_path, n=n, **training)


@pytest.mark.parametrize(
    ("method", "fields", "domain", "words"),
    [
        ("gkd", {"prompt": "q", "answer": "a"}, "math", "needs reference solutions"),
        ("sft_reference", {"prompt": "q", "answer": "a"}, "math", "needs reference solutions"),
        ("brts", {"prompt": "q", "tests": "t"}, "code", r"shows the teacher the answer \(WithAnswer\(\)\).*recover: null"),
        ("grpo", {"prompt": "q", "tests": "t"}, "math", "learns from verdicts"),
    ],
)
def test_what_its_problems_lack_is_said_too(folders, tmp_path, method, fields, domain, words):
    (tmp_path / "own.jsonl").write_text('{"q": "1+1", "a": "2", "t": "x"}\n' * 9)
    problems = {"set": {"file": str(tmp_path / "own.jsonl"), "fields": fields, "domain": domain}, "take": 8}
    with pytest.raises(Fault, match=words):
        Done(folders, [method], tmp_path, problems=problems)


def test_a_reference_that_nobody_looks_at_is_refused(folders, tmp_path):
    with pytest.raises(Fault, match=r"pairs\.tiny\.reference: in no row does anybody look at it"):
        Done(folders, ["forward_kl"], tmp_path, pair={"reference": folders["reference"]})

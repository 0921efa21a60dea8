"""Problems of two domains and a teacher for each: what is planned, built, charged and trained, and what is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from harness.engine.distill import Objective, backward
from harness.engine.readers import PerDomain, Reader
from harness.plan import plan
from harness.records import Fault, Problem, Rollout, Trajectory
from harness.rehearse import rehearsal
from harness.spec import load_suite
from harness.stages import Job, execute, train
from harness.stages.verdicts import Judge
from harness.store import Store
from harness.tables import from_bytes
from methods import METHODS
from methods.method import Method
from methods.parts.losses import ForwardKL, Loss
from methods.parts.teachers import ByDomain
from methods.parts.tokens import Tip
from methods.parts.writers import Teacher

BOTH = {"parts": {"tiny-train": 6, "program-train": 4}}
ROOT = Path(__file__).parents[2]
WHOLE = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "max_tokens": 6}


@pytest.fixture(scope="module")
def folders(tiny_model, keep_model, tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    widths = {"student": 16, "math": 16, "code": 24}
    return {who: str(keep_model(tiny_model(seed=seed, width=width), root / who)) for seed, (who, width) in enumerate(widths.items())}


def load(folders, root, rows=("multi_teacher",), problems=BOTH, **pair):
    pair = pair or {"teachers": {"math": folders["math"], "code": folders["code"]}}
    said = {
        "suite": "two-domains",
        "engine": "transformers",
        "seeds": {"train": [0], "exam": 0},
        "pairs": {"tiny": {"student": folders["student"], **pair}},
        "methods": list(rows),
        "train": {
            "problems": {"set": problems, "take": "all"},
            "sampling": {**WHOLE, "n": 2},
            "limits": {"prompt": 400},
            "rounds": {"count": 2, "problems": "all"},
            "optim": {"learning_rate": 1.0e-2, "batch": 10},
            "lora": None,
        },
        "budgets": {"steps": {"rounds": 2}},
        "evaluate": [{"benchmarks": ["tiny-exam"], "sampling": {**WHOLE, "n": 1}}],
    }
    (root / "suite.yaml").write_text(yaml.safe_dump(said, sort_keys=False))
    return load_suite(root / "suite.yaml")


@pytest.fixture(scope="module")
def done(folders, tmp_path_factory):
    """The row as far as its train step, which is opened and not run."""
    root = tmp_path_factory.mktemp("done")
    made, store = plan(replace(load(folders, root), lots=True)), Store(root / "store")
    (row,) = (row for row in made.rows if row.method)
    step = made.by_address[row.steps["train"]]
    needed = made.needed([step.address])
    for each in made.steps:
        if each.address in needed and each is not step:
            assert execute(each, store, lambda event: None, {}, {})
    return made, store, step


def built(done) -> list[Trajectory]:
    _, store, step = done
    return from_bytes(Trajectory, store.payload(step.inputs["trajectories/main"]) / "trajectories.parquet")


def test_the_sets_are_one_and_every_problem_keeps_its_domain(done):
    made, store, step = done
    (joined,) = (each for each in made.steps if each.stage == "join")
    problems = from_bytes(Problem, store.payload(joined.address) / "problems.parquet")
    assert Counter(p.domain for p in problems) == {"math": 6, "code": 4}
    assert store.record(step.inputs["problems"]).facts["problems"] == 10
    assert {t.problem_id for t in built(done)} == {p.id for p in problems}


def test_both_teachers_are_in_the_steps_address_and_the_pairs_own_in_none(done, folders, tmp_path):
    made, _, step = done
    assert step.params["pair"]["teacher"] is None
    assert {role for role in step.params["pair"] if role.startswith("teachers/")} == {"teachers/math", "teachers/code"}
    swapped = load(folders, tmp_path, teachers={"math": folders["code"], "code": folders["math"]})
    (other,) = (row for row in plan(replace(swapped, lots=True)).rows if row.method)
    assert other.steps["train"] != step.address
    assert not [row for row in made.rows if row.role == "teacher"]


def test_each_rollout_is_scored_by_the_teacher_of_its_domain_and_charged_for_that_one(done):
    _, store, step = done
    row = train.TrainRun(Job(step, store, store.attempt(step.address)))
    batch = built(done)
    teachers = row.objective.teachers["main"]
    assert isinstance(teachers, PerDomain) and teachers.readers.keys() == {"math", "code"}
    assert teachers.readers["math"].size != teachers.readers["code"].size
    whole = backward(row.objective, row.student, batch, 0.5, row.pad_id)
    for domain, reader in teachers.readers.items():  # each half alone, taught by one: the same values at the same tokens
        mine = [t for t in batch if row.domain_of[t.problem_id] == domain]
        alone = backward(Objective(row.objective.terms, {"main": reader}), row.student, mine, 0.5, row.pad_id)
        values = {(r["problem_id"], r["sample"]): r["loss"] for r in whole.trajectories}
        for r in alone.trajectories:
            assert values[r["problem_id"], r["sample"]] == pytest.approx(r["loss"], rel=1e-5)
    row.meters.count(batch, 10, row.size, row.teacher_sizes, False, row.third_sizes, row.domain_of)
    assert row.teacher_sizes.keys() == {"main/math", "main/code"}
    both = row.meters.spent["flops"]
    other = train.Meters()
    other.count(batch, 10, row.size, {"main": teachers.readers["math"].size}, False)
    assert both > other.spent["flops"]  # the wider model reads what is of its domain
    row.round()
    assert row.log and all(entry["loss"] == entry["loss"] for entry in row.log)


@pytest.mark.parametrize("name", ["multi_teacher", "tip"])
def test_two_domains_are_reduced_once_and_however_they_are_cut(tiny_model, name):
    """One denominator over both; rules of tokens look at both; a teacher for every domain alike is one teacher, to the bit."""
    student, first, second = (tiny_model(seed=seed, dtype=torch.float64) for seed in range(3))
    method = replace(METHODS[name], teacher=ByDomain())
    assert name != "tip" or method.tokens == Tip(0.5)
    batch = [
        Trajectory(f"{domain}-{at}", 0, "main", (5, 6 + at), (5, 6 + at), (9 + at, word, 40 + at), sampler_logprobs=(-2.0, -3.0, -1.0))
        for at in range(3)
        for domain, word in (("math", 30), ("code", 77))
    ]
    domain_of = {t.problem_id: t.problem_id.partition("-")[0] for t in batch}

    def update(teacher, tokens=16384):
        student.zero_grad(set_to_none=True)
        seen = backward(Objective(method.terms, {"main": teacher}), Reader(student, 384), batch, 0.5, 0, tokens)
        return seen.figures["loss"], torch.cat([p.grad.flatten() for p in student.parameters()])

    routed = PerDomain({"math": Reader(first, 384), "code": Reader(second, 384)}, domain_of)
    swapped = PerDomain({"math": Reader(second, 384), "code": Reader(first, 384)}, domain_of)
    value, gradient = update(routed)
    again, cut = update(routed, tokens=6)
    assert again == pytest.approx(value, rel=1e-12)
    torch.testing.assert_close(cut, gradient, rtol=0, atol=1e-12)
    assert (update(swapped)[1] - gradient).abs().max() > 1e-4
    alike = PerDomain({"math": Reader(first, 384), "code": Reader(first, 384)}, domain_of)
    assert update(alike)[0] == pytest.approx(update(Reader(first, 384))[0], rel=1e-12)
    torch.testing.assert_close(update(alike)[1], update(Reader(first, 384))[1], rtol=0, atol=1e-12)
    halves = []
    if name == "multi_teacher":  # where all tokens count alike, a mean of both halves
        for domain, teacher in (("math", first), ("code", second)):
            student.zero_grad(set_to_none=True)
            mine = [t for t in batch if domain_of[t.problem_id] == domain]
            halves.append(
                backward(Objective(method.terms, {"main": Reader(teacher, 384)}), Reader(student, 384), mine, 0.5, 0).figures["loss"]
            )
        assert value == pytest.approx(sum(halves) / 2, rel=1e-12)


def test_programs_go_to_their_tests_and_all_else_to_the_other_grader():
    from harness.world import chain, programs

    problems = [chain.problems(1, 3)[0], programs.problems(1, 3)[0]]
    right = [f"\\boxed{{{problems[0].answer}}}", f"```python\n{problems[1].solution}\n```"]
    answered = [(p, Rollout(p.id, 0, (), (1,), "stop", ()), text) for p in problems for text in (right[problems.index(p)], "\\boxed{x}")]
    with Judge({"typed": 1, "code": 1}, any_gold=True, machine={"allow_unsafe": True}) as judge:
        verdicts = judge.grade(answered)
    assert [verdict.correct for verdict in verdicts] == [True, False, True, False]


def test_a_rehearsal_calls_some_programs_right_where_no_solution_is_known():
    """A method may ask for solved problems, and no stand-in solves one: tests are run, and then the lot decides."""
    from harness.world import programs

    problem = replace(programs.problems(1, 3)[0], solution=None)
    answered = [(problem, Rollout(problem.id, sample, (), (sample,), "stop", ()), "```python\nx\n```") for sample in range(40)]
    with Judge({"code": 1, "lots": 2}, any_gold=True, machine={"allow_unsafe": True}) as judge:
        right = [verdict.correct for verdict in judge.grade(answered)]
    assert 8 < sum(right) < 32


# What is refused, before anything runs


def test_a_domain_without_a_teacher_is_named_with_its_remedy(folders, tmp_path):
    for pair in ({"teachers": {"math": folders["math"]}}, {"teacher": folders["math"]}):
        with pytest.raises(
            Fault, match=r"'multi_teacher', term main: .*pairs\.tiny has none for .*code.*teachers: \{math: …, code: …\}.*Pair"
        ):
            load(folders, tmp_path, **pair)


def test_teachers_that_nobody_hears_are_refused(folders, tmp_path):
    own = {"teacher": folders["math"], "teachers": {"math": folders["math"], "code": folders["code"]}}
    with pytest.raises(Fault, match=r"pairs\.tiny\.teachers: in no row .*teacher: ByDomain"):
        load(folders, tmp_path, rows=["forward_kl"], **own)
    with pytest.raises(Fault, match=r"pairs\.tiny\.teachers\.code: no problem that is trained on is of domain code"):
        load(folders, tmp_path, problems="tiny-train")
    with pytest.raises(Fault, match=r"pairs\.tiny\.teachers\.law.*math.*code|pairs\.tiny\.teachers"):
        load(folders, tmp_path, teachers={"math": folders["math"], "law": folders["code"]})
    with pytest.raises(Fault, match=r"pairs\.tiny\.teachers\.code: .*no folder"):
        load(folders, tmp_path, teachers={"math": folders["math"], "code": "nowhere"})


def test_a_teacher_by_domain_does_not_write():
    with pytest.raises(ValueError, match=r"ByDomain\(\) scores, but does not write"):
        Method(name="x", paper="a test", formula="L = 0", writer=Teacher(), teacher=ByDomain(), loss=Loss(ForwardKL()))


@pytest.mark.parametrize(
    ("problems", "words"),
    [
        ({"parts": {"tiny-train": 6}}, "two sets or more"),
        ({"parts": {"tiny-train": 6, "program-train": 0}}, "a whole number above 0, or all"),
        ({"parts": {"tiny-train": 6, "nothing-train": 4}}, "has no 'nothing-train'"),
        ({"parts": {"tiny-train": 6, "program-train": 100000}}, "more than the 320 of program-train"),
        ({"parts": {"tiny-train": 6, "chain-and-programs": 4}}, "made of other sets itself"),
        ({"parts": {"tiny-train": 6, "program-train": 4}, "domain": "math"}, "no 'domain' of its own"),
    ],
)
def test_sets_that_cannot_be_one_are_refused(folders, tmp_path, problems, words):
    with pytest.raises(Fault, match=words):
        load(folders, tmp_path, problems=problems)


def test_an_exam_that_is_a_part_of_what_is_trained_on_is_seen(folders, tmp_path):
    with pytest.raises(Fault, match=r"tiny-exam asks the questions that train\.problems trains on"):
        load(folders, tmp_path, problems={"parts": {"tiny-exam": 6, "program-train": 4}})


def test_several_sets_are_no_exam(folders, tmp_path):
    load(folders, tmp_path)
    said = (tmp_path / "suite.yaml").read_text().replace("- tiny-exam", "- parts: {tiny-exam: 3, program-train: 3}")
    (tmp_path / "suite.yaml").write_text(said)
    with pytest.raises(Fault, match=r"is several sets as one, to train on\. Name those that are exams: tiny-exam, program-train"):
        load_suite(tmp_path / "suite.yaml")


HUB = """
suite: two-hub-sets
like: {root}/suites/trd_opd_math.yaml
pairs:
  a: {{student: Qwen/Qwen3-1.7B@unpinned, teachers: {{math: Qwen/Qwen3-8B@unpinned, code: Qwen/Qwen3-4B-Instruct-2507@unpinned}}}}
methods: [multi_teacher]
train:
  problems: {{set: {{parts: {{deepscaler: 8000, taco: 4000}}}}}}
  limits: {{teacher_prompt: null}}
  sampling: {{temperature: 1.0, top_p: 1.0, top_k: -1}}
report: {{baseline: multi_teacher, controls: []}}
"""


def test_of_sets_of_the_hub_all_revisions_are_asked_for_and_a_rehearsal_takes_some_of_each(tmp_path):
    (tmp_path / "suite.yaml").write_text(HUB.format(root=ROOT))
    suite = load_suite(tmp_path / "suite.yaml")
    assert {f"{name}@unpinned" for name in ("Qwen/Qwen3-4B-Instruct-2507", "BAAI/TACO")} <= set(suite.unpinned)
    made = plan(rehearsal(suite, None))
    sets = {step.title.partition(" · ")[2]: step for step in made.steps if step.stage in ("problems", "join")}
    assert [sets[name].params["take"] for name in ("deepscaler", "taco", "deepscaler-and-taco")] == [4, 4, 8]
    assert sets["taco"].params["source"]["made"]["kind"] == "programs"
    (row,) = (row for row in made.rows if row.method)
    assert {"teachers/math", "teachers/code"} <= made.by_address[row.steps["train"]].inputs.keys()  # stand-ins are made by steps


def test_the_suite_of_the_small_world_loads_and_says_who_teaches_what():
    from reports.pairing import pairing

    suite = load_suite(ROOT / "suites/multi_teacher_small_world.yaml")
    said = suite.resolved()["pairs"]["small"]
    assert pairing(said, None) == "small-world/student ← small-world/teacher · small-world/teacher in math, small-world/base in code"

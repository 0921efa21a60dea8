"""Which questions of an exam were trained on: what is the same, what nearly so, and what merely sounds alike; the gate, the plan's line, the mark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from harness.commands.plan import describe, text
from harness.overlap import matches
from harness.overlaps import refuse_undeclared, seen
from harness.plan import plan
from harness.records import Fault
from harness.spec import load_suite
from harness.stages import execute
from harness.store import Store
from harness.world import chain

ROWS = Path(__file__).parents[3] / "shared" / "data"

CIRCLE = (
    r"Let $\omega$ be a circle with center $O$ and radius $12$. Points $A$ and $B$ lie on $\omega$ such that "
    r"$\angle AOB = 60^{\circ}$. Find the area of triangle $ABC$, where $C$ is the midpoint of the major arc $AB$."
)


def found(train: str, exam: str) -> tuple[bool, float] | None:
    match = matches([train], [exam])
    return (match[0].exact, match[0].share) if match else None


@pytest.mark.parametrize(
    "other",
    [
        CIRCLE.replace(" ", "\n  "),
        CIRCLE.upper().replace(r"\OMEGA", r"\omega").replace(r"\ANGLE", r"\angle").replace(r"\CIRC", r"\circ"),
        CIRCLE.replace("$", ""),
        CIRCLE.replace("$12$", r"$\,12\;$").replace(r"\angle AOB = ", r"\left.\angle AOB=\right.").replace(".", " ."),
        CIRCLE.replace("60^{\\circ}", "{60}^\\circ"),
    ],
)
def test_spacing_case_and_layout_do_not_hide_a_question(other):
    assert other != CIRCLE and found(other, CIRCLE) == (True, 1.0)


@pytest.mark.parametrize(
    ("other", "near"),
    [
        (f"Hint: draw a picture first. {CIRCLE} Give your answer as a surd.", True),
        (CIRCLE.replace("Find the area", "Determine the area"), True),
        (CIRCLE[: len(CIRCLE) // 2], False),
        ("Find the area of triangle $ABC$, where $C$ is a point.", False),
        ("Compute the sum of all positive integers $n$ below $100$.", False),
        ("", False),
    ],
)
def test_a_touched_copy_is_near_and_a_like_question_is_not(other, near):
    what = found(other, CIRCLE)
    assert (what is not None) is near
    if what:
        assert not what[0] and 0.8 <= what[1] <= 1.0


@pytest.mark.parametrize(
    ("one", "two"), [("Compute $3+4$", "Compute $3-4$"), ("Is $a<b$?", "Is $a>b$?"), ("What is 1.25?", "What is 12.5?")]
)
def test_signs_and_numbers_tell_short_questions_apart(one, two):
    assert found(one, two) is None and found(one, one) == (True, 1.0)


def test_the_best_match_is_named_in_the_exams_order():
    touched = CIRCLE.replace("Find", "Determine")
    other = "How many ways are there to seat seven people at a round table so that no two friends sit together?"
    assert [(m.exam, m.train, m.exact) for m in matches([touched, CIRCLE, other, CIRCLE], [other, "unknown words only", CIRCLE])] == [
        (0, 2, True),
        (2, 1, True),
    ]


def test_chains_of_one_template_are_not_taken_for_each_other():
    train = [p.prompt for p in chain.problems(2000, seed=1, split="train")]
    exam = [p.prompt for p in chain.problems(200, seed=2, split="exam")]
    assert matches(train, exam) == []
    assert [m.train for m in matches(train, train[:50])] == list(range(50))


def rows(name: str, column: str = "problem") -> list[str]:
    if not (ROWS / name).is_file():
        pytest.skip(f"{name} does not lie beside this repository; it is no part of it")
    return [json.loads(line)[column] for line in (ROWS / name).read_text().split("\n") if line]


def test_on_real_rows():
    """As their collectors counted by hand: a slice of DeepScaleR holds none of the contests; two of its AIME half stand in MATH-500, and a third."""
    train = rows("deepscaler_slice500.jsonl")
    for exam in ("aime24.jsonl", "aime25.jsonl", "hmmt_feb_2025.jsonl", "beyondaime.jsonl", "amo_bench.jsonl"):
        assert matches(train, rows(exam)) == [], exam
    math500 = [match for match in matches(train, rows("extras/math500.jsonl")) if match.exact]
    assert len(math500) == 3
    assert matches(rows("mbpp_plus.jsonl", "prompt"), rows("humaneval_plus.jsonl", "prompt")) == []


# --- in a suite -------------------------------------------------------------------------------------------------------

SUITE = """
suite: mine
engine: transformers
seeds: {train: [0], exam: 0}
pairs: {tiny: {student: tiny-world/student, teacher: tiny-world/teacher}}
methods: [forward_kl]
train:
  problems: {set: {file: train.jsonl, fields: {prompt: q, answer: a}, domain: math}}
  sampling: {temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 12, n: 1}
  limits: {prompt: 96}
  rounds: {count: 1}
  optim: {learning_rate: 1.0e-3, batch: 2}
  lora: null
budgets: {steps: {updates: 1}}
evaluate:
  - {benchmarks: [{file: exam.jsonl, name: secret, fields: {id: id, prompt: q, answer: a}, prompt: "Think. {problem} Box it.", domain: math}],
     sampling: {n: 1, temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 12}}
"""
NEXT = CIRCLE.replace("Find the area", "Determine the area")


@pytest.fixture
def suite(tmp_path):
    """A function: questions of training and exam, and what the suite says more → the suite, loaded."""

    def make(train: list[str], exam: list[str], **more):
        write(tmp_path / "train.jsonl", train)
        write(tmp_path / "exam.jsonl", exam)
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump({**yaml.safe_load(SUITE), **more}))
        return load_suite(path)

    return make


def write(path: Path, questions: list[str]) -> None:
    path.write_text("".join(json.dumps({"id": f"{path.stem}-{i}", "q": q, "a": "1"}) + "\n" for i, q in enumerate(questions)))


def compared(suite, store: Store):
    """The plan, with its problems and comparisons carried out."""
    made = plan(suite)
    for step in made.steps:
        if step.stage in ("problems", "overlap"):
            assert execute(step, store, lambda event: None, {}, {})
    return made


def test_a_question_that_is_trained_on_stops_the_suite_by_name(suite, tmp_path):
    store = Store(tmp_path / "store")
    made = compared(suite([CIRCLE, NEXT, "one plus one"], ["two plus two", CIRCLE]), store)
    (each,) = seen(made, store).values()
    assert (each.exam, each.problems, each.exact, each.near, each.declared) == ("secret", 2, 1, 0, False)
    with pytest.raises(
        Fault, match=r"secret: 1 of 2 questions are trained on: exam-1 is train-[0-9a-f]{10}\. Nothing was trained.*declared: secret"
    ):
        refuse_undeclared(seen(made, store))
    assert "secret: 1 of 2 questions are trained on" in text(describe(made, store), "mine")


def test_what_is_declared_and_what_is_merely_near_go_on(suite, tmp_path):
    store = Store(tmp_path / "store")
    declared = {"overlap": {"declared": ["secret"], "why": "to see what it does"}}
    made = compared(suite([CIRCLE], ["two plus two", CIRCLE], **declared), store)
    refuse_undeclared(seen(made, store))
    assert seen(made, store)["secret"].line == "1 of 2 questions are trained on, as declared"
    addresses = {step.address for step in made.steps}
    assert addresses == {step.address for step in plan(suite([CIRCLE], ["two plus two", CIRCLE])).steps}  # saying so moves nothing
    made = compared(suite([NEXT], ["two plus two", CIRCLE]), store)
    refuse_undeclared(seen(made, store))
    assert seen(made, store)["secret"].line == "0 of 2 questions are trained on, 1 nearly"


def test_a_plan_without_records_says_nothing_of_it(suite, tmp_path):
    made = plan(suite([CIRCLE], ["x y z"]))
    assert seen(made, Store(tmp_path / "none")) == {} and describe(made, Store(tmp_path / "none"))["overlap"] == []


@pytest.mark.slow
def test_a_run_stops_before_anything_is_trained(suite, tmp_path, command):
    suite([CIRCLE, "one plus one"], ["two plus two", CIRCLE])
    store = tmp_path / "store"
    ran = command(
        "run", tmp_path / "mine.yaml", "--store", store, "--results", tmp_path / "results", "--report", tmp_path / "page", "--processes", 1
    )
    assert ran.returncode == 2 and "secret: 1 of 2 questions are trained on" in ran.stderr and "Traceback" not in ran.stderr
    assert {path.name for path in store.iterdir() if path.is_dir()} >= {"problems", "overlap"}
    assert not {path.name for path in store.iterdir()} & {"train", "generate", "pretrain"} and not list(tmp_path.glob("results/**/*.json"))


@pytest.mark.parametrize(
    ("train", "exam", "refused"),
    [
        ("aime24", "aime24", True),
        ({"livecodebench": {"release": "v6", "window": "all"}}, {"livecodebench": {"release": "v1", "window": "all"}}, True),
        ({"file": "train.jsonl"}, {"file": "train.jsonl", "name": "other"}, True),
        ("aime24", "aime25", False),
    ],
)
def test_an_exam_that_is_the_training_set_is_refused_at_its_place(tmp_path, suite, train, exam, refused):
    suite(["x"], ["y"])
    fields = {"fields": {"prompt": "q", "answer": "a"}, "domain": "math"}
    train, exam = ({**each, **fields} if isinstance(each, dict) and "file" in each else each for each in (train, exam))
    said = yaml.safe_load(SUITE)
    said["train"]["problems"]["set"] = train
    said["evaluate"][0]["benchmarks"] = [exam]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(said))
    if not refused:
        assert load_suite(path).overlap is None
        return
    with pytest.raises(
        Fault, match=r"mine\.yaml:\d+:\d+: evaluate\[0\]\.benchmarks\[0\]: .* asks the questions that train\.problems trains on"
    ):
        load_suite(path)
    name = exam if isinstance(exam, str) else exam.get("name", next(iter(exam)))
    path.write_text(yaml.safe_dump({**said, "overlap": {"declared": name, "why": "the paper does"}}))
    assert plan(load_suite(path)).exams[0].declared


def test_a_declaration_names_an_exam_and_a_reason(suite):
    with pytest.raises(Fault, match=r"overlap\.declared: there is no exam 'secrets' in evaluate\. Did you mean 'secret'"):
        suite(["x"], ["y"], overlap={"declared": "secrets", "why": "x"})
    with pytest.raises(Fault, match=r"overlap\.why: is missing"):
        suite(["x"], ["y"], overlap={"declared": "secret"})

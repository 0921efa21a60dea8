"""The catalogue of problem sets: its entries against real rows where they lie beside the repository, its errors, and the suites that use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import catalogue
from harness.catalogue import local_form
from harness.document import read
from harness.grading.math_answer import grade
from harness.plan import plan, summary
from harness.plan.identity import source_identity
from harness.records import Fault, Problem
from harness.spec import load_suite
from harness.stages import execute
from harness.step import Step
from harness.store import Store
from harness.tables import from_bytes

ROOT = Path(__file__).parents[2]
ROWS = ROOT.parent / "shared" / "data"
SUITES = [path for path in sorted((ROOT / "suites").glob("*.yaml")) if "suite" in read(path).data]
STEP_BY_STEP = "Please reason step by step, and put your final answer within \\boxed{}."


# --- entries against rows ---------------------------------------------------------------------------------------------


def loaded(name: str, tmp_path: Path) -> tuple[list[Problem], dict]:
    """The set from its local form: problems, and the facts of the step that read it."""
    form = local_form(catalogue.problem_set(name))
    assert form is not None
    file = next((path for folder in (ROWS, ROWS / "extras") if (path := folder / form["file"]).is_file()), ROWS / form["file"])
    if not file.is_file():
        pytest.skip(f"the rows of {name} do not lie beside this repository ({form['file']}); they are not part of it")
    found = catalogue.inline_problem_set({**form, "file": str(file)})
    params, local = source_identity(found)
    step, store = Step("problems", {"source": params, "take": "all"}, {}, title=name, local=local), Store(tmp_path)
    assert execute(step, store, lambda event: None, {}, {})
    return from_bytes(Problem, store.payload(step.address) / "problems.parquet"), store.record(step.address).facts


@pytest.mark.parametrize(
    ("name", "count", "end"),
    [
        ("aime24", 30, f" {STEP_BY_STEP}"),
        ("aime25", 30, f" {STEP_BY_STEP}"),
        ("hmmt25", 30, f"\n{STEP_BY_STEP}"),
        ("beyondaime", 100, f" {STEP_BY_STEP}"),
        ("amobench", 39, None),
    ],
)
def test_an_exam_is_whole_and_grades_itself(name, count, end, tmp_path):
    problems, facts = loaded(name, tmp_path)
    assert len(problems) == count == catalogue.problem_set(name).count
    assert (facts["duplicates"], facts["without_answer"]) == (0, 0)
    for problem in problems:
        assert grade(problem.answer, f"So the answer is \\boxed{{{problem.answer}}}.").verdict == "correct", problem.id
        assert grade(problem.answer, "So the answer is \\boxed{123456789123}.").verdict == "wrong", problem.id
        if end is None:  # its own words are its prompt
            assert "### The final answer is: $\\boxed{" in problem.prompt and STEP_BY_STEP not in problem.prompt
        else:
            assert problem.prompt.endswith(end) and problem.prompt.count(STEP_BY_STEP) == 1
            assert not problem.prompt.removesuffix(end).endswith((" ", "\n"))


def test_amo_bench_without_those_that_need_a_judge(tmp_path):
    kept = {int(problem.id.rpartition("-")[2]) for problem in loaded("amobench", tmp_path)[0]}
    assert set(range(1, 51)) - kept == {2, 24, 25, 26, 27, 38, 39, 40, 41, 42, 46}


def test_the_training_set_says_what_it_lacks(tmp_path):
    problems, facts = loaded("deepscaler", tmp_path)
    assert facts == {**facts, "problems": 499, "duplicates": 1, "without_answer": 0, "without_solution": 247}
    assert all(problem.prompt.endswith(f" {STEP_BY_STEP}") and problem.id.startswith("deepscaler-") for problem in problems)
    assert sum(problem.solution is None for problem in problems) == 247
    assert len({problem.id for problem in problems}) == 499


# --- what an entry says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", catalogue.names("problems"))
def test_every_entry_can_be_meant(name):
    found = catalogue.problem_set(name)
    assert found.domains and {*found.domains} <= {*catalogue.DOMAINS} and (found.count or found.about or found.entry["releases"])
    if form := local_form(found):
        assert (
            form["domain"] == found.domain
            and form.get("prompt") == found.entry.get("prompt")
            and form.get("only") == found.entry.get("only")
        )


@pytest.fixture
def entry(tmp_path, monkeypatch):
    """A function: an entry as text → a catalogue with it alone, under the name `mine`."""
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)

    def write(text: str) -> None:
        (tmp_path / "problems.yaml").write_text(f"mine: {text}\n")
        catalogue.document.cache_clear()

    yield write
    catalogue.document.cache_clear()


GOOD = "{hub: {id: a/b, revision: unpinned}, fields: {prompt: q, answer: a}, domain: math, count: 3, local: {file: x.csv, fields: {prompt: q, answer: a}}}"


@pytest.mark.parametrize(
    ("old", "new", "at", "words"),
    [
        ("count: 3", "cuont: 3", "cuont", "a problem set has no 'cuont'. Did you mean 'count'"),
        ("hub: {id: a/b, revision: unpinned}, ", "", "mine", "expected exactly one source: made, hub, file"),
        ("hub:", "file: b.csv, hub:", "mine", "expected exactly one source"),
        ("revision: unpinned", "revision: Main", "Main", "Main is a branch, and branches move. Write the commit, or unpinned"),
        (", revision: unpinned", "", "{id", "a data set carries its revision"),
        ("count: 3", "count: 0", "0,", "a whole number above 0"),
        ("count: 3", "count: 3, about: 4", "about", "Keep one"),
        ("count: 3", "about: some", "some", "a whole number above 0"),
        ("count: 3", "only: {kind: number}", "{kind", "the values of the rows to keep"),
        ("count: 3", "prompt: Solve it.", "Solve", "no place for the question"),
        ("domain: math", "domain: maths", "maths", "expected one of math, code"),
        ("answer: a}, domain", "anwser: a}, domain", "anwser", "a problem has no 'anwser'. Did you mean 'answer'"),
        ("file: x.csv", "file: /data/x.csv", "/data", "a base name"),
        ("local: {file: x.csv, ", "local: {", "{fields", "expected {file: name.jsonl"),
        ("fields: {prompt: q, answer: a}}", "fields: {prompt: r}}", "{prompt: r", "its answer or tests"),
    ],
)
def test_a_wrong_entry_is_refused_at_its_place(entry, old, new, at, words):
    entry(GOOD)
    assert catalogue.problem_set("mine").unpinned == "a/b@unpinned"
    assert GOOD.count(old) == 1
    entry(GOOD.replace(old, new))
    with pytest.raises(Fault) as fault:
        catalogue.problem_set("mine")
    column = f"mine: {GOOD.replace(old, new)}".index(at) + 1
    assert str(fault.value).startswith(f"{catalogue.FOLDER}/problems.yaml:1:{column}: mine")
    assert words in str(fault.value)


def test_what_is_only_said_of_a_set_is_no_part_of_what_is_made_from_it():
    found = catalogue.problem_set("amobench")

    def without(*keys):
        return source_identity(catalogue.describe(found.name, {k: v for k, v in found.entry.items() if k not in keys}))

    assert without("date", "licence", "local") == without()
    for key in ("only", "count", "fields", "hub", "domain"):
        assert without(key) != without()


# --- suites that use it -----------------------------------------------------------------------------------------------

SUITE = """
suite: mine
engine: transformers
seeds: {{train: [0], exam: 0}}
pairs: {{tiny: {{student: someone/tiny@{commit}, teacher: someone/big@unpinned}}}}
methods: [forward_kl]
train:
  problems: {{set: {{hub: {{id: someone/problems, revision: {revision}}}, fields: {{prompt: q, answer: a}}, domain: math, only: {{k: [1]}}}}}}
  sampling: {{temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 12, n: 1}}
  limits: {{prompt: 96}}
  rounds: {{count: 1}}
  optim: {{learning_rate: 1.0e-3, batch: 4}}
  lora: null
budgets: {{steps: {{updates: 1}}}}
evaluate: [{{benchmarks: [aime24, aime25], sampling: {{n: 1, temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 12}}}}]
"""


def suite(tmp_path: Path, revision: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(SUITE.format(commit="0badc0de" * 5, revision=revision))
    return path


def test_unpinned_data_sets_can_be_planned_and_are_listed(tmp_path):
    found = load_suite(suite(tmp_path, "unpinned"))
    assert plan(found).steps
    named = [unpinned for name in ("aime24", "aime25") if (unpinned := catalogue.problem_set(name).unpinned)]
    assert found.unpinned == ("someone/big@unpinned", "someone/problems@unpinned", *named)
    assert "someone/problems@unpinned" not in load_suite(suite(tmp_path, "0badc0de" * 5)).unpinned


def test_a_run_on_unpinned_names_says_them_all_and_the_remedy(tmp_path, called):
    path = suite(tmp_path, "unpinned")
    ran = called("run", path, "--store", tmp_path / "store", "--results", tmp_path / "results", "--report", tmp_path / "page")
    assert ran.returncode == 2 and ran.stderr.count("\n") == 1
    for name in load_suite(path).unpinned:
        assert name in ran.stderr
    assert f"`harness lock {path}`" in ran.stderr
    assert not (tmp_path / "store").exists() and not (tmp_path / "results").exists()


@pytest.mark.parametrize("branch", ["main", "master", "HEAD"])
def test_branches_of_data_sets_are_refused(tmp_path, branch):
    with pytest.raises(Fault, match=rf"mine\.yaml:8:58: train\.problems\.set\.hub\.revision: hub: {branch} is a branch"):
        load_suite(suite(tmp_path, branch))


@pytest.mark.parametrize("path", SUITES, ids=[path.stem for path in SUITES])
def test_every_suite_of_the_house_can_be_planned(path):
    made = plan(load_suite(path))
    assert made.rows and made.steps
    tokens = summary(made)["tokens"]
    assert tokens["rollout"]["shared"] > 0 and tokens["exam"]["shared"] > 0


def test_an_estimate_of_a_sets_size_is_enough_for_the_plan():
    tokens = summary(plan(load_suite(ROOT / "suites" / "trd_opd_math.yaml")))["tokens"]
    assert tokens["rollout"]["shared"] == 2 * 40_000 * 16_384 // 2  # pairs · problems · half of max_tokens

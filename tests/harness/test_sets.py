"""Sets whose name says too little, rows as they are published, files that are pinned by their content, texts and modes of protocols."""

from __future__ import annotations

import gzip
import hashlib
import json
import typing
from pathlib import Path

import pytest
import yaml

from harness import catalogue
from harness.collect import older
from harness.grading import MATH
from harness.grading.tests import unpack
from harness.plan import plan
from harness.plan.identity import source_identity
from harness.records import Fault, Problem
from harness.rehearse import rehearsal
from harness.spec import load_suite
from harness.spec.model import MathGrader
from harness.stages import execute
from harness.step import Step
from harness.store import Store
from harness.tables import from_bytes
from harness.world import programs

ROOT = Path(__file__).parents[2]
ROWS = ROOT.parent / "shared" / "data"


def loaded(found: catalogue.ProblemSet, folder: Path, **params) -> tuple[list[Problem], dict]:
    source, local = source_identity(found.under(params.pop("protocol", None)))
    step, store = Step("problems", {"source": source, "take": "all", **params}, {}, title="problems", local=local), Store(folder)
    assert execute(step, store, lambda event: None, {}, {})
    return from_bytes(Problem, store.payload(step.address) / "problems.parquet"), store.record(step.address).facts


def real(name: str) -> catalogue.ProblemSet:
    """A set of the catalogue from its rows beside this repository."""
    form = catalogue.local_form(catalogue.problem_set(name))
    assert form is not None
    if not (ROWS / form["file"]).is_file():
        pytest.skip(f"{form['file']} does not lie beside this repository; it is no part of it")
    return catalogue.inline_problem_set({**form, "file": str(ROWS / form["file"])})


# --- a suite around an exam -------------------------------------------------------------------------------------------

SUITE = yaml.safe_load("""
suite: mine
engine: transformers
seeds: {train: [0], exam: 0}
pairs: {q: {student: Qwen/Qwen3-1.7B@unpinned, teacher: Qwen/Qwen3-8B@unpinned, modes: {student: thinking, teacher: thinking}}}
methods: [forward_kl]
train:
  problems: {set: deepscaler}
  sampling: {temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 12, n: 1}
  limits: {prompt: 96}
  rounds: {count: 1}
  optim: {learning_rate: 1.0e-3, batch: 2}
  lora: null
budgets: {steps: {updates: 1}}
""")


@pytest.fixture
def suite(tmp_path):
    def load(*groups, **more):
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump({**SUITE, "evaluate": list(groups), **more}))
        return load_suite(path)

    return load


def trd(*benchmarks, **more) -> dict:
    return {"benchmarks": list(benchmarks), "protocol": "trd-v1", **more}


def lcb(**options) -> dict:
    return {"livecodebench": options}


# --- LiveCodeBench ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["livecodebench", {"livecodebench": "v6"}, lcb(release="v6"), lcb(window="all")])
def test_v6_alone_is_an_error_that_lists_what_it_may_mean(suite, said):
    with pytest.raises(Fault) as fault:
        suite(trd(said))
    text = str(fault.value)
    assert text.count("\n") == 0 and "mine.yaml:" in text and "evaluate[0].benchmarks[0]" in text
    for words in ("1,055", "175", "454", "131", "window: all", "since: v5", "[2024-08, 2025-05]", "[2025-02, 2025-05]"):
        assert words in text


@pytest.mark.parametrize(
    ("options", "name", "count", "files", "date"),
    [
        ({"release": "v6", "window": "all"}, "livecodebench-v6", 1055, 6, "2023-05"),
        ({"release": "v6", "since": "v5", "window": "all"}, "livecodebench-v6-since-v5", 175, 1, "2023-05"),
        ({"release": "v1", "window": "all", "tests": "all"}, "livecodebench-v1", 400, 1, "2023-05"),
        ({"release": "v6", "window": ["2024-08", "2025-05"]}, "livecodebench-v6-2024-08-to-2025-05", None, 6, "2024-08"),
    ],
)
def test_what_is_said_of_it_makes_a_set_of_its_own(suite, options, name, count, files, date):
    (exam,) = plan(suite(trd(lcb(**options)))).exams
    assert (exam.name, exam.problems.count, exam.problems.entry["date"]) == (name, count, date)
    assert (
        len(exam.problems.entry["hub"]["files"]) == files
        and exam.problems.entry["hub"]["files"][-1] == f"test{files if files > 1 else 6 if count == 175 else ''}.jsonl"
    )
    assert exam.problems.unpinned == "livecodebench/code_generation_lite@unpinned" and exam.grader == {"code": exam.grader["code"]}


def test_two_releases_are_two_columns(suite):
    exams = plan(suite(trd(lcb(release="v5", window="all"), lcb(release="v6", window="all")))).exams
    assert len({exam.name for exam in exams}) == len({exam.protocol for exam in exams}) == 2


@pytest.mark.parametrize(
    ("options", "at", "words"),
    [
        ({"release": "v7", "window": "all"}, "release", "there is no release 'v7'. Known: v1, v2"),
        ({"release": "v5", "since": "v6", "window": "all"}, "since", "has nothing new"),
        ({"release": "v6", "window": "2024"}, "window", "the first and the last month"),
        ({"release": "v6", "window": ["2025-05", "2024-08"]}, "window", "Turn them round"),
        ({"release": "v6", "window": ["2024-13", "2025-05"]}, "window", "the first and the last month"),
        ({"release": "v6", "window": "all", "wnidow": "all"}, "wnidow", "Did you mean 'window'"),
        ({"release": "v6", "window": "all", "tests": "split-b"}, "tests", "arXiv:2605.12652 splits"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused_at_its_place(suite, options, at, words):
    with pytest.raises(Fault) as fault:
        suite(trd(lcb(**options)))
    assert f"evaluate[0].benchmarks[0].livecodebench.{at}: " in str(fault.value) and words in str(fault.value)


@pytest.mark.parametrize("options", [{"take": 50}, {"count": 50}, {"answer_type": ["description"]}])
def test_all_fifty_of_amo_bench_are_refused_with_the_reason(suite, options):
    with pytest.raises(Fault) as fault:
        suite(trd({"amobench": options}))
    for words in ("amobench takes no options", "39", "34", "3 a set", "2 with a variable", "a judge", "Write `amobench` alone"):
        assert words in str(fault.value)


def test_a_misspelt_set_with_options_is_told(suite):
    with pytest.raises(Fault, match=r"there is no problem set 'livecodebnch'\. Did you mean 'livecodebench'"):
        suite(trd({"livecodebnch": {"release": "v6"}}))


# --- rows as they are published ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind", "count"), [("humaneval_plus", "evalplus", 164), ("mbpp_plus", "evalplus", 378)])
def test_evalplus_asks_and_begins_the_answer_in_its_own_words(name, kind, count, tmp_path):
    problems, facts = loaded(real(name), tmp_path)
    assert len(problems) == count == catalogue.problem_set(name).count and facts["without_answer"] == 0
    assert hashlib.md5((ROWS / f"{name}.jsonl").read_bytes()).hexdigest() == catalogue.problem_set(name).entry["download"]["md5"]
    native = [json.loads(line) for line in (ROWS / f"{name}.jsonl").read_text().split("\n") if line]
    for problem, row in zip(problems, native, strict=True):
        head, tail = problem.prompt.split(f"```\n{row['prompt'].strip()}\n```\n")
        assert (
            head == "Please provide a self-contained Python script that solves the following problem in a markdown code block:\n"
            and not tail
        )
        assert problem.prefill.endswith("passes corresponding tests:\n```python\n") and problem.system is None
        tests = unpack(problem.tests)
        assert (tests["kind"], tests["entry_point"], problem.id) == (kind, row["entry_point"], row["task_id"])


def test_livecodebench_is_read_with_its_encoded_tests_and_by_month(tmp_path):
    found = real("livecodebench")
    problems, facts = loaded(found, tmp_path / "all")
    assert len(problems) == 33 and facts["without_answer"] == 0 and facts["without_solution"] == 33
    assert all(p.system.startswith("You are an expert Python programmer") and p.prompt.startswith("### Question:\n") for p in problems)
    assert {unpack(p.tests)["kind"] for p in problems} == {"stdio", "call"}
    days = [json.loads(line)["contest_date"][:7] for line in Path(found.entry["file"]).read_text().split("\n") if line]
    first, last = sorted(days)[5], sorted(days)[20]
    some, _ = loaded(catalogue.inline_problem_set({**found.entry, "name": "lcb", "window": [first, last]}), tmp_path / "some")
    assert len(some) == sum(first <= day <= last for day in days) < 33


def test_taco_asks_as_its_paper_does_and_counts_what_cannot_be_tested(tmp_path):
    problems, facts = loaded(real("taco"), tmp_path / "real")
    assert len(problems) == 475 and facts["without_answer"] == 0 and problems[0].system is None
    assert all(
        p.prompt.endswith(
            "\n\nYou will be given a programming problem. Write a correct Python program that solves it. Return only the code inside a single ```python code block."
        )
        for p in problems
    )
    lines = [
        {
            "question": "Add.",
            "starter_code": "def add(a, b):",
            "input_output": json.dumps({"fn_name": "add", "inputs": [[1, 2]], "outputs": [[3]]}),
            "solutions": '["def add(a, b): return a + b"]',
        },
        {"question": "Nothing to test.", "starter_code": "", "input_output": '{"inputs": [], "outputs": []}', "solutions": "[]"},
    ]
    path = tmp_path / "taco.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in [*lines, lines[0]]))
    problems, facts = loaded(catalogue.inline_problem_set({"file": str(path), "rows": "taco", "domain": "code"}), tmp_path / "made")
    assert [p.prompt for p in problems] == ["Add.\n\nStarter code:\n```python\ndef add(a, b):\n```", "Nothing to test."]
    assert (facts["duplicates"], facts["without_answer"]) == (1, 1) and problems[0].solution == "def add(a, b): return a + b"


def test_rows_of_another_form_are_refused_by_their_place(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"question": "x", "answer": "1"}\n')
    for kind in ("evalplus-humaneval", "livecodebench", "taco"):
        with pytest.raises(Fault, match=r"rows\.jsonl: row 0 (has no column|is no row of)"):
            loaded(catalogue.inline_problem_set({"file": str(path), "rows": kind, "domain": "code", "name": kind}), tmp_path / kind)


# --- files elsewhere --------------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path):
    """A packed file, as a download that answers from no network."""
    data = b'{"q": "1+1", "a": "2"}\n{"q": "1+2", "a": "3"}\n'
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "sums.jsonl.gz").write_bytes(gzip.compress(data))
    entry = {
        "download": {"url": "http://127.0.0.1:9/release/sums.jsonl.gz", "md5": hashlib.md5(data).hexdigest()},
        "fields": {"prompt": "q", "answer": "a"},
        "domain": "math",
    }
    return folder, data, entry


def test_a_download_is_known_by_its_content_packed_or_not(elsewhere, tmp_path, monkeypatch):
    folder, data, entry = elsewhere
    monkeypatch.setenv("HARNESS_DATA", str(folder))
    found = catalogue.inline_problem_set(entry)
    assert found.name == "sums" and found.unpinned is None
    assert [p.answer for p in loaded(found, tmp_path / "packed")[0]] == ["2", "3"]
    (folder / "sums.jsonl.gz").unlink()
    (folder / "sums.jsonl").write_bytes(data)
    assert [p.answer for p in loaded(found, tmp_path / "plain")[0]] == ["2", "3"]
    moved = {**entry, "download": {**entry["download"], "url": "https://elsewhere.example/sums.jsonl.gz"}}
    assert source_identity(catalogue.inline_problem_set(moved))[0] == source_identity(found)[0]
    (folder / "sums.jsonl").write_bytes(data + b"\n")
    with pytest.raises(Fault, match=rf"sums: the content of .*sums\.jsonl has md5 [0-9a-f]{{32}}, not {entry['download']['md5']}"):
        loaded(found, tmp_path / "other")


def test_without_a_network_the_file_and_its_place_are_named(elsewhere, tmp_path, monkeypatch):
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    with pytest.raises(
        Fault, match=r"127\.0\.0\.1:9/release/sums\.jsonl\.gz cannot be fetched: .*Fetch sums\.jsonl\.gz on another machine.*HARNESS_DATA"
    ):
        loaded(catalogue.inline_problem_set(elsewhere[2]), tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"download": {"url": "http://x/y.jsonl"}}, "url: https"),
        ({"download": {"url": "y.jsonl", "md5": "0" * 32}}, "an address of a file"),
        ({"download": {"url": "http://x/y.jsonl", "md5": "beef"}}, "32 hexadecimal digits"),
        ({"fields": None, "rows": "evalpuls"}, "expected one of evalplus-humaneval"),
        ({"rows": "taco"}, "need no fields"),
        ({"lists": ["a"]}, "lists: expected columns"),
        ({"content": "beef"}, "16 digits"),
        ({"window": ["2024-01", "2024-02"]}, "only the rows of LiveCodeBench"),
        ({"prompt": {"trd-v1": "{problem}"}}, "says nothing of `any`"),
        ({"prompt": {"any": "{problem}", "trd-v9": "{problem}"}}, "there is no protocol 'trd-v9'. Did you mean 'trd-v1'"),
        ({"prompt": {"any": "{problem}", "trd-v1": "Solve."}}, "no place for the question"),
    ],
)
def test_a_source_that_cannot_be_meant_is_refused(elsewhere, change, words):
    entry = {key: value for key, value in {**elsewhere[2], **change}.items() if value is not None}
    with pytest.raises(catalogue.Misread, match=words.replace("(", r"\(")):
        catalogue.inline_problem_set(entry)


# --- what is looked at after loading ----------------------------------------------------------------------------------


@pytest.fixture
def sums(tmp_path):
    """A function: answers and what more is said → the set of a file with them."""

    def make(*answers, **more):
        path = tmp_path / "sums.jsonl"
        path.write_text("".join(json.dumps({"id": f"s{i}", "q": f"Sum {i}?", "a": answer}) + "\n" for i, answer in enumerate(answers)))
        return catalogue.inline_problem_set(
            {"file": str(path), "fields": {"id": "id", "prompt": "q", "answer": "a"}, "domain": "math", **more}
        )

    return make


GOLDS = {"golds": {"typed": 1}}


def test_a_gold_that_nobody_could_meet_is_named_before_anybody_sits_the_exam(sums, tmp_path):
    assert len(loaded(sums("2", r"\frac{1}{2}", "3, 4"), tmp_path / "good", **GOLDS)[0]) == 3
    with pytest.raises(Fault, match=r"exam sums: the answer to 's1' cannot be graded, not even against itself: '\\\\frac\{1\}\{'"):
        loaded(sums("2", r"\frac{1}{", "3"), tmp_path / "bad", **GOLDS)
    assert len(loaded(sums("2", r"\frac{1}{", "3"), tmp_path / "trained")[0]) == 3  # in training it is a verdict


def test_an_exam_of_mathematics_has_its_golds_read_and_a_training_set_has_not(suite):
    steps = [step for step in plan(suite(trd("aime24", lcb(release="v6", window="all")))).steps if step.stage == "problems"]
    assert {step.params["source"]["name"]: "golds" in step.params for step in steps} == {
        "deepscaler": False,
        "aime24": True,
        "livecodebench-v6": False,
    }


def test_other_content_than_was_read_is_refused(sums, tmp_path):
    read = loaded(sums("2", "3"), tmp_path / "a")[1]["read"]
    assert loaded(sums("2", "3", content=read, prompt="Solve: {problem}"), tmp_path / "b")[1]["read"] == read  # instructions do not count
    with pytest.raises(Fault, match=rf"sums: its questions and answers hash to [0-9a-f]{{16}}, but its `content` says {read}"):
        loaded(sums("2", "5", content=read), tmp_path / "c")


@pytest.mark.parametrize("name", ["aime24", "hmmt25", "beyondaime", "amobench"])
def test_the_content_that_the_catalogue_states_is_that_of_the_rows(name, tmp_path):
    assert loaded(real(name), tmp_path)[1]["read"] == catalogue.problem_set(name).entry["content"]


def test_answers_in_a_list_are_joined_as_said(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"q": "x", "a": ["1", "2"]}\n{"q": "y", "a": ["3"]}\n')
    entry = {"file": str(path), "fields": {"prompt": "q", "answer": "a"}, "domain": "math"}
    assert [p.answer for p in loaded(catalogue.inline_problem_set({**entry, "lists": {"a": ", "}}), tmp_path / "a")[0]] == ["1, 2", "3"]
    with pytest.raises(Fault, match="holds a list, but 'answer' is text"):
        loaded(catalogue.inline_problem_set(entry), tmp_path / "b")


# --- protocols --------------------------------------------------------------------------------------------------------


def test_each_protocol_reads_its_own_texts_and_training_reads_any(sums, tmp_path):
    texts = {"prompt": {"trd-v1": "T {problem}", "any": "A {problem}"}, "system": {"trd-v1": "S", "any": None}, "prefill": {"any": "So: "}}
    found = sums("2", **texts)
    for protocol, said in {
        "trd-v1": ("T Sum 0?", "S", "So: "),
        None: ("A Sum 0?", None, "So: "),
        "qwen3": ("A Sum 0?", None, "So: "),
    }.items():
        (problem,), _ = loaded(found, tmp_path / str(protocol), protocol=protocol)
        assert (problem.prompt, problem.system, problem.prefill) == said
    assert source_identity(found.under("trd-v1"))[0] != source_identity(found.under())[0] == source_identity(found.under("qwen3"))[0]


def test_what_the_model_cards_ask_for_goes_by_the_pairs_mode(suite):
    plain = {"q": {**SUITE["pairs"]["q"], "modes": {"student": "plain", "teacher": "plain"}}}
    thinking = plan(suite({"benchmarks": ["aime25"], "protocol": "qwen3"}))
    other = plan(suite({"benchmarks": ["aime25"], "protocol": "qwen3"}, pairs=plain))
    wanted = {"thinking": (0.6, 0.95, 20, 38912), "plain": (0.7, 0.8, 20, 16384)}
    for made, mode in ((thinking, "thinking"), (other, "plain")):
        sat = [step.params["sampling"] for step in made.steps if step.params.get("seeds", {}).get("purpose") == "exam"]
        assert {(s["temperature"], s["top_p"], s["top_k"], s["max_tokens"]) for s in sat} == {wanted[mode]}
    assert thinking.exams[0].protocol != other.exams[0].protocol and thinking.exams[0].name == "aime25"


def test_pairs_of_unlike_modes_have_unlike_hashes(suite):
    pairs = {mode: {**SUITE["pairs"]["q"], "modes": {"student": mode, "teacher": mode}} for mode in ("thinking", "plain")}
    (exam,) = plan(suite(trd("aime25"), pairs=pairs)).exams
    assert len({exam.in_mode(mode).protocol for mode in pairs}) == 2 and exam.protocol in {exam.in_mode(mode).protocol for mode in pairs}
    assert all(exam.in_mode(mode).protocol.startswith("trd-v1@") for mode in pairs)


def test_the_hash_moves_with_whatever_a_number_depends_on(suite):
    def protocol(group, **more):
        (exam,) = plan(suite(group, **more)).exams
        return exam.protocol.partition("@")[2]

    sampling = {"n": 16, "temperature": 0.6, "top_p": 0.95, "top_k": -1, "max_tokens": 38912}
    own = {"benchmarks": ["aime24"], "sampling": sampling}
    found = [
        protocol(own),
        *(
            protocol({**own, "sampling": {**sampling, **change}})
            for change in ({"temperature": 0.7}, {"top_p": 1.0}, {"top_k": 20}, {"max_tokens": 100}, {"n": 8})
        ),
        protocol({**own, "grader": "string"}),
        protocol({**own, "benchmarks": ["aime25"]}),
        protocol(own, seeds={"train": [0], "exam": 1}),
        protocol(trd("aime24")),  # has a limit of prompts beside the same sampling
    ]
    assert len(set(found)) == len(found)
    assert protocol({**own, "audit": ["string"]}) == found[0]  # an audit is never the score


def test_who_grades_what(suite):
    assert typing.get_args(MathGrader) == MATH
    exams = plan(suite(trd("aime24", "amobench", "humaneval_plus"), trd("aime25", grader="string", audit=["typed", "math-verify"]))).exams
    assert [next(iter(exam.grader)) for exam in exams] == ["typed", "amo", "code", "string"]
    assert exams[3].audit == ("typed", "math-verify")
    with pytest.raises(Fault, match=r"evaluate\[0\]\.grader: humaneval_plus asks for programs"):
        suite(trd("humaneval_plus", grader="typed"))
    with pytest.raises(Fault, match=r"evaluate\[0\]\.audit\[1\]: aime24 is graded by typed anyway"):
        suite(trd("aime24", audit=["string", "typed"]))


@pytest.mark.parametrize(
    ("entry", "at", "words"),
    [
        ("{math: {thinking: {n: 1}}}", "{thinking", "modes: expected both"),
        ("{maths: {n: 1}}", "maths", "there is no domain 'maths'. Did you mean 'math'"),
        ("{math: {n: 1}}", "{n: 1}", "Say temperature, top_p, top_k, max_tokens and n"),
        ("{math: {n: 1, temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 9, prompt_limit: 0}}", "0}", "a whole number above 0"),
        (
            "{any: {thinking: {n: 1, temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 9}, plain: {n: 2, temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 9}}}",
            "{thinking",
            "the same in both modes",
        ),
    ],
)
def test_a_protocol_that_is_not_whole_is_refused_at_its_place(tmp_path, monkeypatch, entry, at, words):
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)
    (tmp_path / "protocols.yaml").write_text(f"mine: {entry}\n")
    catalogue.document.cache_clear()
    try:
        with pytest.raises(Fault) as fault:
            catalogue.protocol("mine")
    finally:
        catalogue.document.cache_clear()
    assert f"protocols.yaml:1:{f'mine: {entry}'.index(at) + 1}: mine" in str(fault.value) and words in str(fault.value)


# --- rehearsal --------------------------------------------------------------------------------------------------------


def test_made_up_programs_are_right_and_of_their_split():
    train, exam = programs.problems(40, seed=1, split="train"), programs.problems(40, seed=1, split="exam")
    assert programs.problems(5, seed=1) == train[:5] and not {p.id for p in train} & {p.id for p in exam}
    for problem in [*train, *exam]:
        tests, space = unpack(problem.tests), {}
        exec(problem.solution, space)
        for case in tests["tests"]:
            assert str(space[tests["entry_point"]](int(case["input"]))) == case["output"]


def test_a_suite_of_programs_is_rehearsed_without_any_row(tmp_path):
    after = rehearsal(load_suite(ROOT / "suites" / "trd_opd_code.yaml"), None)
    made = plan(after)
    assert {each.entry["made"]["kind"] for each in after.sets.values()} == {"programs"}
    assert {next(iter(exam.grader)) for exam in made.exams} == {"code"}
    problems = [step for step in made.steps if step.stage == "problems"]
    for step in problems:
        assert execute(step, Store(tmp_path), lambda event: None, {}, {})
    assert len({step.params["source"]["name"] for step in problems}) == 4


def test_a_rehearsal_takes_published_rows_where_they_lie():
    real("humaneval_plus")
    after = rehearsal(load_suite(ROOT / "suites" / "trd_opd_code.yaml"), ROWS)
    assert all(Path(each.entry["file"]).parent == ROWS.resolve() and each.entry["take"] == 3 for each in after.sets.values())


# --- age --------------------------------------------------------------------------------------------------------------


def test_an_exam_is_older_than_a_model_by_the_month(suite):
    exams = plan(suite(trd("aime24", "beyondaime", "aime26", lcb(release="v6", window=["2025-05", "2025-06"])))).exams
    assert [older(exam, "Qwen/Qwen3-1.7B@unpinned") for exam in exams] == [True, False, False, False]  # released 2025-04
    assert [older(exam, "tiny-world/student") for exam in exams] == [False] * 4

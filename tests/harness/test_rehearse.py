"""Rehearsals: what a suite becomes, the stand-ins for hub models, the entries they are made from, and whole runs through the command line."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from harness import catalogue, models, prompts
from harness.plan import plan
from harness.records import Fault, ModelRef
from harness.rehearse import LIMITS, MOST_UPDATES, NOTICE, TRAINED_ON, rehearsal, said
from harness.sampling.available import check_engine
from harness.spec import METERS, load_suite
from harness.spec.model import PairSpec
from harness.world.shapes import shape_of
from harness.world.standin import make

ROOT = Path(__file__).parent.parent.parent
DATA = ROOT.parent / "shared" / "data"
HUB_MODELS = [name for name in catalogue.names("models") if "recipe" not in catalogue.model(name)]
FIRST = {catalogue.model(name)["family"]: name for name in reversed(HUB_MODELS)}.values()  # one a family; its like come with the slow tests
BY_FAMILY = [name if name in FIRST else pytest.param(name, marks=pytest.mark.slow) for name in HUB_MODELS]

SUITE = """
suite: dear
engine: vllm
seeds: {train: [7, 8, 9], exam: 5}
pairs:
  q: {student: Qwen/Qwen3-1.7B@unpinned, teacher: Qwen/Qwen3-8B@unpinned, modes: {student: thinking, teacher: thinking}}
methods:
  - forward_kl
  - {label: slow, method: trd, grid: {optim.learning_rate: [1.0e-6, 5.0e-6]}}
train:
  problems: {set: deepscaler, take: all}
  sampling:
    student: {temperature: 0.6, top_p: 0.95, top_k: 20, max_tokens: 16384, n: 4}
    teacher: {temperature: 0.7, top_p: 0.9, top_k: -1, max_tokens: 8192}
  limits:   {prompt: 2048, teacher_prompt: 18432, drop: jointly}
  rounds:   {count: 100, problems: 128}
  optim:    {learning_rate: 2.0e-6, batch: 128, warmup: 0.1, schedule: {cosine: {floor: 0.1}}, weight_decay: 0.005, betas: [0.9, 0.95], eps: 1.0e-8, grad_clip: 1.0}
  lora:     {rank: 64, alpha: 128, dropout: 0.05, targets: all-linear}
budgets: {steps: {updates: 100}, hours: {gpu_hours: 4.0}}
evaluate:
  - {benchmarks: [aime24, aime25], protocol: trd-v1, metrics: [avg@16, pass@8, pass@1], at: [50%, 100%]}
  - {benchmarks: [aime25], sampling: {n: 4, temperature: 0.6, top_p: 0.95, top_k: -1, max_tokens: 38912}, at: [10%, 25%]}
report: {baseline: forward_kl, primary: {metric: avg@16, over: [aime24, aime25], weight: exams}}
deviations: [we said so]
"""


def written(folder: Path, text: str = SUITE, **changed) -> Path:
    """The suite as a file, its sections replaced by those given."""
    path = folder / "dear.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(text), **changed}))
    return path


@pytest.fixture
def suite(tmp_path):
    return load_suite(written(tmp_path))


@pytest.fixture
def rows(tmp_path) -> Path:
    return with_rows(tmp_path / "some-rows")


def with_rows(folder: Path) -> Path:
    """The folder with one of the suite's problem sets in its local form, a column for every field."""
    folder.mkdir()
    form = catalogue.local_form(catalogue.problem_set("deepscaler"))
    assert form is not None
    row = lambda k: {"prompt": f"What is {k} + {k}?", "answer": str(2 * k), "solution": f"It is {2 * k}.", "id": f"p-{k}"}  # noqa: E731
    lines = [json.dumps({theirs: row(k)[ours] for ours, theirs in form["fields"].items()}) for k in range(20)]
    (folder / form["file"]).write_text("\n".join(lines))
    return folder


# Suite → Suite


def test_hub_models_are_replaced_and_nothing_is_unpinned(suite):
    after = rehearsal(suite, None)
    assert (after.pairs["q"].student, after.pairs["q"].teacher) == ("stand-in/Qwen/Qwen3-1.7B", "stand-in/Qwen/Qwen3-8B")
    assert after.pairs["q"].modes == suite.pairs["q"].modes and suite.unpinned and not after.unpinned


def test_rows_keep_their_labels_methods_and_overrides(suite):
    after = rehearsal(suite, None)
    kept = lambda s: [(row.label, row.method, row.overrides, row.train.optim.learning_rate) for row in s.rows]  # noqa: E731
    assert kept(after) == kept(suite)
    assert [row.label for row in after.rows] == ["forward_kl", "slow[optim.learning_rate=1e-06]", "slow[optim.learning_rate=5e-06]"]


def test_training_is_small_and_otherwise_as_written(suite):
    after = rehearsal(suite, None).train
    student, teacher = after.sampling_of("student"), after.sampling_of("teacher")
    assert (student.max_tokens, student.n, teacher.max_tokens, teacher.n) == (24, 2, 24, 1)
    assert (student.temperature, student.top_p, student.top_k, teacher.temperature, teacher.top_p) == (0.6, 0.95, 20, 0.7, 0.9)
    assert (after.problems.take, after.rounds.count, after.rounds.problems, after.optim.batch) == (TRAINED_ON, 2, 4, 4)
    assert (after.limits.prompt, after.limits.teacher_prompt, after.limits.solution) == (4 * 2048, 4 * 18432, None)
    assert after.lora is not None and (after.lora.rank, after.lora.alpha, after.lora.dropout) == (4, 8.0, 0.05)
    assert dataclasses.replace(suite).train.optim.model_copy(update={"batch": 4}) == after.optim


def test_only_the_first_seed_is_rehearsed(suite):
    assert (rehearsal(suite, None).seeds.train, rehearsal(suite, None).seeds.exam) == ([7], 5)


def test_a_rehearsal_says_so_first(suite):
    after = rehearsal(suite, None)
    assert after.suite == "dear (rehearsal)" and after.deviations == (NOTICE, "we said so")


def test_exams_keep_names_fractions_and_their_number(suite):
    """The two ways in which aime25 is sat stay two columns, or one row's scores would overwrite another's."""
    exams = plan(rehearsal(suite, None)).exams
    assert [exam.benchmark for exam in exams] == ["aime24", "aime25", "aime25"]
    assert [exam.at for exam in exams] == [(0.5, 1.0), (0.5, 1.0), (0.1, 0.25)]
    assert len({exam.cell(at) for exam in exams for at in exam.at}) == 6
    assert all(exam.sampling.n == 2 and exam.sampling.max_tokens <= 24 and exam.sampling.temperature == 0.6 for exam in exams)
    assert exams[0].passes == (2, 1)


def test_metrics_fit_the_samples_that_are_left(suite):
    after = rehearsal(suite, None)
    assert after.evaluate[0].metrics == ["avg@2", "pass@2", "pass@1"]
    assert after.report.primary is not None and (after.report.primary.metric, after.report.primary.over) == ("avg@2", ["aime24", "aime25"])


def test_protocols_are_written_out(tmp_path):
    after = rehearsal(load_suite(written(tmp_path)), None)
    assert all(group.protocol is None and group.sampling is not None for group in after.evaluate)


@pytest.mark.parametrize("meter", METERS)
def test_every_meter_of_a_budget_is_kept_at_a_limit_that_is_soon_reached(tmp_path, meter):
    budgets = {"whole": {meter: 1.0e6 if meter in ("epochs", "flops", "gpu_hours") else 100}}
    methods, rounds = [{"method": "trd"}], {"count": "until-budget", "problems": 128}
    text = yaml.safe_load(SUITE)
    train = {**text["train"], "rounds": rounds}
    path = written(tmp_path, budgets=budgets, methods=methods, train=train, report={})
    limits = rehearsal(load_suite(path), None).budgets["whole"].limits
    assert set(limits) == {meter, "updates"}
    assert limits[meter] <= max(LIMITS[meter], 1.0) and limits["updates"] <= MOST_UPDATES


def test_a_local_folder_and_a_made_model_stay(tmp_path):
    (tmp_path / "mine").mkdir()
    path = written(tmp_path, pairs={"q": {"student": "mine", "teacher": "small-world/teacher"}})
    after = rehearsal(load_suite(path), None)
    assert after.pairs["q"].student == str(tmp_path / "mine") and after.pairs["q"].teacher == "small-world/teacher"


def test_a_hub_model_without_an_entry_is_refused_by_name(tmp_path):
    path = written(tmp_path, pairs={"q": {"student": "Nobody/Knows-1B@unpinned", "teacher": "Qwen/Qwen3-8B@unpinned"}})
    with pytest.raises(Fault, match=r"pairs\.q\.student: suites/models\.yaml has no entry 'Nobody/Knows-1B'.*Add `Nobody/Knows-1B:`"):
        rehearsal(load_suite(path), None)


def test_the_engine_stays_only_where_it_can_be_had(suite):
    after = rehearsal(suite, None)
    try:
        check_engine("vllm")
    except Fault:
        assert after.engine == "transformers" and any("engine vllm: it cannot be had here" in line for line in said(suite, after))
    else:
        assert after.engine == "vllm"


# Problems


def test_local_rows_are_used_where_they_lie_and_made_up_where_not(suite, rows):
    after = rehearsal(suite, rows)
    trained, sat = after.problem_set("deepscaler"), after.problem_set("aime24")
    assert Path(trained.entry["file"]).parent == rows and "made" in sat.entry
    assert (trained.name, sat.name) == ("deepscaler", "aime24")
    told = "\n".join(said(suite, after))
    assert (
        f"deepscaler: some of {trained.entry['file']}" in told
        and "aime24: made up" in told
        and "Qwen/Qwen3-8B@unpinned: a stand-in" in told
    )


def test_without_a_folder_all_problems_are_made_up_with_solutions(suite):
    found = rehearsal(suite, None).sets.values()
    assert [each.name for each in found] == ["deepscaler", "aime24", "aime25"]
    assert all("made" in each.entry and each.solution for each in found)


def test_made_up_exams_share_no_problem_with_training(suite):
    sets = {each.name: each.entry["made"] for each in rehearsal(suite, None).sets.values()}
    assert sets["deepscaler"]["split"] == "train" and {sets["aime24"]["split"], sets["aime25"]["split"]} == {"exam"}
    assert sets["aime24"]["seed"] != sets["aime25"]["seed"]


def test_few_problems_are_taken(suite, rows):
    steps = {step.title: step.params for step in plan(rehearsal(suite, rows)).steps if step.stage == "problems"}
    assert {title: params["take"] for title, params in steps.items()} == {
        "problems · deepscaler": 8,
        "problems · aime24": 3,
        "problems · aime25": 3,
    }


def test_a_rehearsal_is_the_same_each_time(suite, rows):
    addresses = lambda: [step.address for step in plan(rehearsal(suite, rows)).steps]  # noqa: E731
    assert addresses() == addresses()


def test_every_local_form_of_the_catalogue_can_be_read(tmp_path):
    if not DATA.is_dir():
        pytest.skip("the folder of real rows is not beside this repository")
    names = [
        name
        for name in catalogue.names("problems")
        if (form := catalogue.local_form(catalogue.problem_set(name))) and (DATA / form["file"]).is_file()
    ]
    assert names
    for name in names:
        source = {name: {"release": "v6", "window": "all"}} if name == "livecodebench" else name
        group = {"benchmarks": [source], "protocol": "trd-v1"}
        declared = {"overlap": {"declared": name, "why": "to look at its form"}} if name == "deepscaler" else {}
        after = rehearsal(load_suite(written(tmp_path, evaluate=[group], report={}, **declared)), DATA)
        assert Path(after.problem_set(source).entry["file"]).parent == DATA.resolve()


# The entries, and the stand-ins made from them


def parameters(entry: dict) -> int:
    """Weights of a Qwen2 or Qwen3 model by its sizes: q, k, v have biases in Qwen2; q and k have norms in Qwen3."""
    width, hidden, kept = entry["head_width"], entry["hidden"], entry["kv_heads"]
    attention = 2 * hidden * width * (entry["heads"] + kept)
    extra = {"qwen2": width * (entry["heads"] + 2 * kept), "qwen3": 2 * width}[entry["family"]]
    layer = attention + extra + 3 * hidden * entry["feedforward"] + 2 * hidden
    return entry["layers"] * layer + hidden + entry["vocabulary"] * hidden * (1 if entry["tied"] else 2)


@pytest.mark.parametrize("name", BY_FAMILY)
def test_the_parameters_of_an_entry_follow_from_its_sizes(name):
    assert parameters(catalogue.model(name)) == catalogue.model(name)["parameters"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A function: name of a hub model → where its stand-in lies."""
    folder, done = tmp_path_factory.mktemp("stand-ins"), {}

    def one(name: str) -> tuple[str, dict]:
        if name not in done:
            place = folder / str(len(done))
            make(shape_of(name, catalogue.model(name)), place)
            done[name] = (str(place), {"local_files_only": True})
        return done[name]

    return one


@pytest.mark.parametrize("name", BY_FAMILY)
def test_a_stand_in_is_of_its_family_and_passes_the_checks_of_the_loss_head(made, name):
    entry, where = catalogue.model(name), made(name)
    model, words = models.load(ModelRef(name, None, "bfloat16"), where), models.tokenizer_of(where)
    assert model.config.model_type == entry["family"] and model.dtype == torch.bfloat16
    assert models.vocabulary_of(words) < model.get_output_embeddings().weight.shape[0]
    assert (model.get_output_embeddings().weight is model.get_input_embeddings().weight) == entry["tied"]
    assert [words.convert_ids_to_tokens(i) for i in models.stop_ids(where, words)] == sorted(
        entry["stops"], key=words.convert_tokens_to_ids
    )
    assert words.eos_token == entry["stops"][0]
    models.check_head(model, models.vocabulary_of(words))


@pytest.mark.parametrize("name", BY_FAMILY)
def test_any_text_comes_back_from_a_stand_ins_tokenizer(made, name):
    words = models.tokenizer_of(made(name))
    text = "Gesucht: ∑ 1/n² für n ≥ 1 — «ja»,\n\t\\frac{π²}{6} 😀"
    assert prompts.decode(words, words(text, add_special_tokens=False)["input_ids"]) == text


@pytest.mark.slow
def test_templates_do_what_those_they_stand_for_do(made):
    def asked(name: str, mode: str) -> str:
        words = models.tokenizer_of(made(name))
        return words.decode(prompts.encode(words, "Two?", mode))

    hybrid, instruct, system, r1 = (
        {mode: asked(name, mode) for mode in ("plain", "thinking")}
        for name in ("Qwen/Qwen3-8B", "Qwen/Qwen3-4B-Instruct-2507", "Qwen/Qwen2.5-7B-Instruct", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B")
    )
    assert hybrid["plain"] == hybrid["thinking"] + "<think>\n\n</think>\n\n" and "Two?" in hybrid["thinking"]
    assert instruct["plain"] == instruct["thinking"] == hybrid["thinking"]
    assert system["plain"].startswith("<|im_start|>system\n") and system["plain"].endswith(hybrid["thinking"])
    assert r1["plain"] == r1["thinking"] and r1["plain"].endswith("<think>\n") and "<|im_start|>" not in r1["plain"]


@pytest.mark.slow
def test_a_stand_in_is_the_same_bytes_each_time_and_unlike_any_other(made, tmp_path):
    name, other = "Qwen/Qwen3-4B", "Qwen/Qwen3-4B-Instruct-2507"  # of the same sizes
    torch.manual_seed(1)
    make(shape_of(name, catalogue.model(name)), tmp_path / "again")
    first = {path.name: path.read_bytes() for path in Path(made(name)[0]).iterdir()}
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()}
    assert first["model.safetensors"] != (Path(made(other)[0]) / "model.safetensors").read_bytes()


def test_pairs_of_stand_ins_are_checked_like_the_pairs_they_stand_for(made):
    def differs(student: str, teacher: str, *declared: str) -> dict:
        return models.check_pair("q", PairSpec(student="", teacher="", differ=list(declared)), made(student), made(teacher))

    assert differs("Qwen/Qwen3-1.7B", "Qwen/Qwen3-8B") == {}
    with pytest.raises(Fault, match=r"chat templates differ.*differ: \[template\]"):
        differs("Qwen/Qwen3-4B-Instruct-2507", "Qwen/Qwen3-8B")
    assert set(differs("Qwen/Qwen2.5-7B-Instruct", "open-thoughts/OpenThinker3-7B", "template", "stop")) == {"template", "stop"}
    with pytest.raises(Fault, match="do not share a tokenizer"):
        differs("Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen3-8B")


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("template", "nobody's", 'no template "nobody\'s"'),
        ("tokenizer", "x", "no tokenizer 'x'"),
        ("family", "qwen33", "no family 'qwen33'"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused(tmp_path, key, value, text):
    entry = {**catalogue.model("Qwen/Qwen3-4B"), key: value}
    with pytest.raises(Fault, match=text):
        make(shape_of("A/B", entry), tmp_path)


def test_an_entry_that_says_too_little_is_refused():
    with pytest.raises(Fault, match=r"A/B: no stand-in can be made without hidden, heads, .*stops"):
        shape_of("A/B", {"family": "qwen3", "parameters": 1})


# Whole rehearsals


def harness_in(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """The command line, called from a folder of its own: a rehearsal writes below the current one."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "140"}
    command = [sys.executable, "-m", "harness", *map(str, words)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory):
    """A folder in which the suite was rehearsed, and what the command said."""
    folder = tmp_path_factory.mktemp("rehearsed")
    (folder / "results" / "dear").mkdir(parents=True)
    (folder / "results" / "dear" / "kept.txt").write_text("of a real run")
    with_rows(folder / "rows")
    path = written(
        folder,
        methods=["forward_kl", "trd", {"label": "solved", "method": "forward_kl", "keep": "Solved"}],
        budgets={"as-paper": {"epochs": 1}},
        evaluate=[{"benchmarks": ["aime24"], "protocol": "trd-v1", "at": ["50%", "100%"]}],
        report={},
    )
    return folder, path, harness_in(folder, "run", path, "--rehearse", "--processes", "2")


@pytest.mark.slow
def test_a_whole_suite_of_hub_models_goes_through(rehearsed):
    folder, _, ran = rehearsed
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[0] == NOTICE
    assert f"deepscaler: some of {folder.resolve()}/rows/" in ran.stdout  # the folder beside the suite
    assert ran.stdout.splitlines()[-1].startswith("rehearsal: 6 of 6 rows done in ") and ran.stdout.rstrip().endswith("it goes through")
    found = {path.name: json.loads(path.read_text()) for path in (folder / ".rehearsal" / "results" / "dear" / "q").iterdir()}
    assert {"forward_kl.seed7.json", "student.json", "teacher.json"} < found.keys() and len(found) == 6
    assert all(row["status"] == "done" and row["suite"] == "dear (rehearsal)" for row in found.values())
    trained = found["forward_kl.seed7.json"]
    assert trained["cost"]["charged"]["updates"] >= 2 and set(trained["scores"]) == {"aime24", "aime24@50%"}
    assert trained["scores"]["aime24"]["samples"] == 2 and trained["scores"]["aime24"]["problems"] == 3


@pytest.mark.slow
def test_a_row_that_asks_for_solved_problems_has_some(rehearsed):
    """Verdicts are drawn by lot, or nothing that a stand-in writes would ever be kept."""
    found = rehearsed[0] / ".rehearsal" / "results" / "dear" / "q"
    trained = {
        label: json.loads((found / f"{label}.seed7.json").read_text())["cost"]["charged"]["trained"] for label in ("forward_kl", "solved")
    }
    assert 0 < trained["solved"] < trained["forward_kl"]


@pytest.mark.slow
def test_nothing_of_a_rehearsal_reaches_results_or_pages(rehearsed):
    folder, path, _ = rehearsed
    assert sorted(p.name for p in folder.iterdir()) == [".rehearsal", path.name, "results", "rows"]
    assert [p.name for p in (folder / "results").rglob("*")] == ["dear", "kept.txt"]


@pytest.mark.slow
def test_the_page_of_a_rehearsal_says_so(rehearsed):
    page = (rehearsed[0] / ".rehearsal" / "site" / "dear" / "index.html").read_text()
    assert "<title>dear (rehearsal)" in page and NOTICE in page


@pytest.mark.slow
def test_a_second_rehearsal_does_no_work(rehearsed):
    folder, path, _ = rehearsed
    ran = harness_in(folder, "run", path, "--rehearse")
    counted = ran.stderr.splitlines()[0]
    steps = counted.partition(": ")[2].partition(" steps")[0]
    assert ran.returncode == 0 and f" {steps} of them done before" in counted


@pytest.mark.slow
def test_every_meter_ends_a_row_that_goes_on_until_its_budget_is_spent(tmp_path):
    text = yaml.safe_load(SUITE)
    train = {**text["train"], "rounds": {"count": "until-budget", "problems": 128}}
    budgets = {meter.replace("_", "-"): {meter: {"flops": 1.0e18, "gpu_hours": 4.0}.get(meter, 60_000)} for meter in METERS}
    exams = [{"benchmarks": ["aime24"], "sampling": {"n": 1, "temperature": 1.0, "top_p": 1.0, "top_k": -1, "max_tokens": 64}}]
    path = written(tmp_path, methods=["trd"], train=train, budgets=budgets, evaluate=exams, report={})
    ran = harness_in(tmp_path, "run", path, "--rehearse", "--processes", "2")
    assert ran.returncode == 0, ran.stderr + ran.stdout
    found = [json.loads(each.read_text()) for each in (tmp_path / ".rehearsal" / "results" / "dear" / "q").glob("trd.*.json")]
    assert len(found) == len(METERS)
    for row in found:
        assert 2 <= row["cost"]["charged"]["updates"] <= MOST_UPDATES, row["budget"]
        assert row["ended_by"] in (row["budget"].replace("-", "_"), "updates")
    assert {row["ended_by"] for row in found} >= {"updates", "epochs", "rounds", "student_written", "teacher_written", "trained"}


@pytest.mark.parametrize("option", ["--store", "--results", "--report"])
def test_the_places_of_a_rehearsal_cannot_be_chosen(tmp_path, option, called, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = called("run", written(tmp_path), "--rehearse", option, "elsewhere")
    assert ran.returncode == 2 and ran.stderr.startswith(f"harness: {option} does not go with --rehearse")
    assert len(ran.stderr.splitlines()) == 1 and not (tmp_path / ".rehearsal").exists()


def test_rows_without_a_rehearsal_and_a_folder_that_is_not_there_are_refused(tmp_path, called, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path)
    assert "Add --rehearse" in called("run", path, "--rows", tmp_path).stderr
    ran = called("run", path, "--rehearse", "--rows", "nowhere")
    assert ran.returncode == 2 and "--rows nowhere: there is no such folder" in ran.stderr


def test_a_suite_that_is_not_pinned_still_does_not_run(tmp_path, called, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = called("run", written(tmp_path))
    assert ran.returncode == 2 and "Qwen/Qwen3-1.7B@unpinned" in ran.stderr

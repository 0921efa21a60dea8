"""Tasks of lm-eval: what a suite may say of them, which steps they become, what a model gets in them, where it is seen."""

from __future__ import annotations

import json
import math
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from harness.grading.lm_eval import Asked, sit
from harness.plan import plan
from harness.records import Fault
from harness.rehearse import rehearsal, said
from harness.results import read_result
from harness.sampling.available import LM_EVAL, check_lm_eval
from harness.spec import load_suite
from harness.step import key_of
from harness.store import Store

ROOT = Path(__file__).parents[2]
SMOKE = ROOT / "suites" / "smoke.yaml"
REAL = ROOT.parent / "shared" / "data" / "aime24.jsonl"

CHOICE = {
    "task": "sums_chosen",
    "tag": "sums",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "rows/sums.jsonl"}},
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}",
    "doc_to_choice": "{{choices}}",
    "doc_to_target": "label",
    "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
    "metadata": {"version": 1.0},
}
WRITE = {
    "task": "sums_written",
    "tag": "sums",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "rows/sums.jsonl", "train": "rows/shots.jsonl"}},
    "test_split": "test",
    "training_split": "train",
    "output_type": "generate_until",
    "doc_to_text": "{{question}}",
    "doc_to_target": "{{answer}}",
    "generation_kwargs": {"until": ["\n"], "max_gen_toks": 6, "do_sample": False},
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
}
READ = {
    "task": "text_read",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "rows/shots.jsonl"}},
    "test_split": "test",
    "output_type": "loglikelihood_rolling",
    "doc_to_text": "",
    "doc_to_target": "{{question}}",
    "metric_list": [{"metric": "bits_per_byte"}],
}


def lines(rows: list[dict]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def write_tasks(folder: Path) -> Path:
    """A folder of three tasks over made-up sums."""
    (folder / "rows").mkdir(parents=True)
    sums = [{"question": f"{i} + {i} =", "choices": [f" {2 * i}", f" {i}"], "label": 0, "answer": f"{2 * i}"} for i in range(10)]
    (folder / "rows" / "sums.jsonl").write_text(lines(sums))
    (folder / "rows" / "shots.jsonl").write_text(lines([{"question": f"{i} + 0 =", "answer": f"{i}"} for i in range(5)]))
    for task in (CHOICE, WRITE, READ):
        (folder / f"{task['task']}.yaml").write_text(yaml.safe_dump(task))
    return folder


@pytest.fixture
def tasks(tmp_path) -> Path:
    return write_tasks(tmp_path / "tasks")


def suite_text(lm_eval: str, methods: str = "[forward_kl]", more: str = "") -> str:
    return (
        f"suite: lm\nlike: {SMOKE}\nmethods: {methods}\nbudgets: {{steps: {{updates: 2}}}}\ntrain: {{rounds: {{count: 1}}}}\n"
        "report: {baseline: forward_kl}\nevaluate:\n"
        "- {benchmarks: [tiny-exam], sampling: {n: 1, temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 24}, metrics: [avg@1]}\n"
        f"- {{{lm_eval}}}\n" + more
    )


def written(folder: Path, lm_eval: str, **more: str) -> Path:
    path = folder / "lm.yaml"
    path.write_text(suite_text(lm_eval, **more))
    return path


# What a suite may say

OWN = "{task: sums_chosen, include: tasks}"
BROKEN = [
    ("nothing", "at: [1.0]", "evaluate[1]", "Add `benchmarks`, or `lm_eval`"),
    ("empty", "lm_eval: []", "evaluate[1].lm_eval", "at least 1 entry"),
    ("both", f"lm_eval: [{OWN}], benchmarks: [tiny-exam]", "evaluate[1].lm_eval", "a group of its own"),
    ("protocol", "lm_eval: [ifeval], protocol: small-world", "evaluate[1].protocol", "its own YAML|each task's own YAML"),
    ("metrics", "lm_eval: [ifeval], metrics: [avg@1]", "evaluate[1].metrics", "each task's own YAML"),
    (
        "sampling",
        "lm_eval: [ifeval], sampling: {n: 1, temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 4}",
        "evaluate[1].sampling",
        "each task's own YAML",
    ),
    ("key", "lm_eval: [{task: ifeval, shots: 5}]", "evaluate[1].lm_eval[0].shots", "no key 'shots'.*num_fewshot"),
    ("no-name", "lm_eval: [{include: tasks}]", "evaluate[1].lm_eval[0].task", "is missing"),
    ("limit", "lm_eval: [{task: ifeval, limit: 0}]", "evaluate[1].lm_eval[0].limit", "above 0"),
    ("shots", "lm_eval: [{task: ifeval, num_fewshot: -1}]", "evaluate[1].lm_eval[0].num_fewshot", "at least 0"),
    ("folder", "lm_eval: [{task: mine, include: nowhere}]", "evaluate[1].lm_eval[0].include", "nowhere is not there.*beside this file"),
    ("file", "lm_eval: [{task: mine, include: lm.yaml}]", "evaluate[1].lm_eval[0].include", "is a file"),
    ("task", "lm_eval: [{task: sums_choosen, include: tasks}]", "evaluate[1].lm_eval[0].task", "Did you mean 'sums_chosen'"),
    ("path", "lm_eval: [tasks/sums_chosen.yaml]", "evaluate[1].lm_eval[0]", "include: FOLDER"),
    ("twice", f"lm_eval: [ifeval, {OWN}, {OWN}]", "evaluate[1].lm_eval[2]", r"already, at evaluate\[1\].lm_eval\[1\]"),
    ("at", f"lm_eval: [{OWN}], at: [50%, 0.5]", "evaluate[1].at[1]", "twice"),
]


@pytest.mark.parametrize(("lm_eval", "place", "words"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_what_cannot_be_meant_is_refused_where_it_stands(tasks, monkeypatch, lm_eval, place, words) -> None:
    monkeypatch.chdir(tasks.parent)
    with pytest.raises(Fault) as caught:
        load_suite(written(tasks.parent, lm_eval))
    first = str(caught.value).splitlines()[0]
    assert re.match(r"\S+lm\.yaml:\d+:\d+: " + re.escape(place) + ": ", first) and re.search(words, first), first


def test_tasks_alone_rank_nothing(tasks) -> None:
    path = written(tasks.parent, f"lm_eval: [{OWN}]")
    path.write_text(re.sub(r"- \{benchmarks.*\n", "", path.read_text()))
    with pytest.raises(Fault, match=r"evaluate: .*there is no exam\. Add a group with `benchmarks`"):
        load_suite(path)


@pytest.mark.parametrize("data", ["../elsewhere.jsonl", "rows/gone.jsonl", "/etc/hostname"])
def test_data_that_the_folder_does_not_hold_is_refused(tasks, data) -> None:
    (tasks.parent / "elsewhere.jsonl").write_text("{}\n")
    (tasks / "odd.yaml").write_text(yaml.safe_dump(CHOICE | {"task": "odd", "dataset_kwargs": {"data_files": data}}))
    with pytest.raises(Fault, match=rf"lm_eval\[0\]: task odd reads {re.escape(data)}, which is not in .*put the file there, or a link"):
        load_suite(written(tasks.parent, "lm_eval: [{task: odd, include: tasks}]"))


def test_a_suite_says_itself_again_as_it_is_resolved(tasks) -> None:
    suite = load_suite(
        written(tasks.parent, f"lm_eval: [ifeval, {{task: sums_written, include: tasks, num_fewshot: 2, chat: true}}, {OWN}]")
    )
    again = tasks.parent / "again.yaml"
    again.write_text(yaml.safe_dump(yaml.safe_load(SMOKE.read_text()) | {"suite": "again", "evaluate": suite.resolved()["evaluate"]}))
    assert load_suite(again).evaluate == suite.evaluate


# Steps


def steps_of(path: Path) -> dict[str, str]:
    """Title → address of all sittings."""
    return {step.title: step.address for step in plan(load_suite(path)).steps if step.stage == "lm_eval"}


def test_a_task_adds_its_sittings_and_changes_no_other_step(tasks) -> None:
    before = plan(load_suite(written(tasks.parent, f"lm_eval: [{OWN}]")))
    after = plan(load_suite(written(tasks.parent, f"lm_eval: [{OWN}, {{task: sums_written, include: tasks, limit: 4}}]")))
    new = after.by_address.keys() - before.by_address.keys()
    assert before.by_address.keys() < after.by_address.keys()
    assert {after.by_address[address].title for address in new} == {
        f"lm-eval sums_written · tiny {who}" for who in ("student", "teacher", "forward_kl seed 0")
    }
    row = next(row for row in after.rows if row.label == "forward_kl")
    assert {name for name in row.steps if name.startswith("lm_eval/")} == {"lm_eval/sums_chosen", "lm_eval/sums_written"}
    assert not any(name.startswith("lm_eval/") for row in after.rows if row.again for name in row.steps)


def test_a_checkpoint_is_a_sitting_of_its_own(tasks) -> None:
    titles = steps_of(written(tasks.parent, f"lm_eval: [{OWN}], at: [50%, 100%]"))
    assert len(titles) == 4 and "lm-eval sums_chosen · tiny forward_kl seed 0 at 50%" in titles


def test_what_decides_a_sitting_is_what_its_task_reads(tasks) -> None:
    path = written(tasks.parent, f"lm_eval: [{OWN}]")
    first = steps_of(path)
    # other tasks, hidden files and what Python leaves behind decide nothing
    (tasks / "more.yaml").write_text(yaml.safe_dump(READ | {"task": "more"}))
    (tasks / "rows" / "shots.jsonl").write_text("{}\n")
    (tasks / "__pycache__").mkdir()
    (tasks / "__pycache__" / "x.pyc").write_text("x")
    (tasks / ".notes").write_text("x")
    assert steps_of(path) == first
    # nor does the place
    moved = tasks.parent / "deep"
    moved.mkdir()
    shutil.copytree(tasks, moved / "tasks")
    assert steps_of(written(moved, f"lm_eval: [{OWN}]")) == first
    # rows, code and settings do
    seen = [first]
    for change in (
        lambda: (tasks / "rows" / "sums.jsonl").write_text(lines([{"question": "1 =", "choices": [" 1"], "label": 0}])),
        lambda: (tasks / "score.py").write_text("x = 1\n"),
        lambda: (tasks / "sums_chosen.yaml").write_text(yaml.safe_dump(CHOICE | {"doc_to_text": "Q: {{question}}"})),
    ):
        change()
        seen.append(steps_of(path))
    for setting in ("num_fewshot: 1", "limit: 3", "chat: true"):
        seen.append(steps_of(written(tasks.parent, f"lm_eval: [{{task: sums_chosen, include: tasks, {setting}}}]")))
    addresses = [each["lm-eval sums_chosen · tiny student"] for each in seen]
    assert len(set(addresses)) == len(addresses)


def test_what_a_yaml_includes_and_a_group_holds_decides_too(tasks) -> None:
    (tasks / "base.yaml").write_text(yaml.safe_dump({key: value for key, value in CHOICE.items() if key != "task"}))
    (tasks / "child.yaml").write_text(yaml.safe_dump({"include": "base.yaml", "task": "child"}))
    (tasks / "all.yaml").write_text(yaml.safe_dump({"group": "all_sums", "task": ["child", "sums_written"]}))
    paths = {name: written(tasks.parent, f"lm_eval: [{{task: {name}, include: tasks}}]") for name in ("child", "all_sums", "sums")}

    def now(name: str) -> list[str]:
        return list(steps_of(written(tasks.parent, f"lm_eval: [{{task: {name}, include: tasks}}]")).values())

    before = {name: now(name) for name in paths}
    (tasks / "base.yaml").write_text(yaml.safe_dump({key: value for key, value in CHOICE.items() if key not in ("task", "metadata")}))
    after = {name: now(name) for name in paths}
    assert before["child"] != after["child"] and before["all_sums"] != after["all_sums"]
    (tasks / "rows" / "shots.jsonl").write_text(lines([{"question": "0 =", "answer": "0"}]))
    last = {name: now(name) for name in paths}
    assert last["child"] == after["child"] and last["all_sums"] != after["all_sums"] and last["sums"] != after["sums"]


def test_one_task_asked_in_two_ways_is_two_columns(tasks) -> None:
    made = plan(
        load_suite(written(tasks.parent, f"lm_eval: [ifeval, {OWN}, {{task: sums_chosen, include: tasks, num_fewshot: 5, chat: true}}]"))
    )
    assert [task.name for task in made.tasks] == ["ifeval", "sums_chosen", "sums_chosen (5 shots, chat)"]


def test_a_rehearsal_keeps_what_lies_here_and_says_what_does_not(tasks) -> None:
    (tasks / "far.yaml").write_text(yaml.safe_dump(CHOICE | {"task": "far", "dataset_path": "someone/something", "dataset_kwargs": {}}))
    suite = load_suite(written(tasks.parent, f"lm_eval: [ifeval, {OWN}, {{task: far, include: tasks}}]"))
    after = rehearsal(suite, None)
    assert [(task.task, task.limit) for group in after.evaluate for task in group.tasks] == [("sums_chosen", 3)]
    notes = "\n".join(said(suite, after))
    assert (
        "lm-eval task ifeval: left out: it is one of lm-eval's own" in notes
        and "lm-eval task far: left out: its data set someone/something" in notes
    )
    assert "lm-eval task sums_chosen: some of its documents" in notes
    none = load_suite(written(tasks.parent, "lm_eval: [ifeval]"))
    assert not any(group.lm_eval for group in rehearsal(none, None).evaluate)


def test_lm_eval_is_asked_for_before_anything_runs(monkeypatch, tmp_path, command) -> None:
    check_lm_eval(True)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "path", [])
        check_lm_eval(False)
        with pytest.raises(Fault, match=f"is not installed. Install it: `pip install 'lm-eval=={LM_EVAL}'`"):
            check_lm_eval(True)
    other = tmp_path / "packages" / "lm_eval-0.4.2.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: lm-eval\nVersion: 0.4.2\n")
    suite = written(tmp_path, "lm_eval: [ifeval]")
    before = {"PYTHONPATH": str(other.parent)}
    ran = command("run", suite, "--store", tmp_path / "store", "--results", tmp_path / "results", env=before)
    assert ran.returncode == 2 and "lm-eval 0.4.2 is installed" in ran.stderr and "Traceback" not in ran.stderr
    assert not (tmp_path / "store").exists()
    assert command("plan", suite, "--store", tmp_path / "store", env=before).returncode == 0


# What a model gets


@pytest.fixture(scope="module")
def model(tiny_model):
    return tiny_model()


@pytest.mark.slow
def test_figures_are_those_of_lm_eval_itself(tasks, model, small_words, monkeypatch) -> None:
    """The very numbers that lm-eval's own entry gives for the same model, seed and shots; with tokens in between told."""
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    told: list[int] = []
    ours = {}
    for name, shots in (("sums_chosen", None), ("sums_written", 2), ("text_read", None)):
        ours |= sit(Asked(name, tasks, num_fewshot=shots, limit=7, seed=3), model, small_words, told.append)[0]
    monkeypatch.chdir(tasks)
    for name, found in ours.items():
        theirs = simple_evaluate(
            HFLM(pretrained=model, tokenizer=small_words, batch_size=4), tasks=[name], num_fewshot=2 if name == "sums_written" else None, limit=7,
            task_manager=TaskManager(include_path=str(tasks), include_defaults=False), log_samples=False, bootstrap_iters=1,
            random_seed=3, numpy_random_seed=3, torch_random_seed=3, fewshot_random_seed=3,
        )  # fmt: skip
        assert theirs is not None
        said = theirs["results"][name]
        for key, metric in found["metrics"].items():
            error = said[key.replace(",", "_stderr,")]
            assert metric["value"] == pytest.approx(said[key], rel=1e-5)
            assert metric["stderr"] == (pytest.approx(error, rel=1e-5) if isinstance(error, float) else None)
    assert {name: (found["n"], found["num_fewshot"]) for name, found in ours.items()} == {
        "sums_chosen": (7, 0), "sums_written": (7, 2), "text_read": (5, 0)
    }  # fmt: skip
    assert ours["sums_chosen"]["metrics"].keys() == {"acc,none", "acc_norm,none"} and ours["sums_chosen"]["version"] == "1.0"
    assert ours["text_read"]["metrics"]["bits_per_byte,none"]["higher_is_better"] is False and sum(told) > 0


def test_a_sitting_gives_the_same_bytes_again_and_leaves_nothing(tasks, model, small_words, capfd) -> None:
    before = sorted(path for path in tasks.rglob("*"))
    first, again = (
        sit(Asked("sums_written", tasks, num_fewshot=2, mode="plain", seed=1), model, small_words, lambda _: None) for _ in range(2)
    )
    assert json.dumps(first, sort_keys=True) == json.dumps(again, sort_keys=True)
    assert str(tasks) not in json.dumps(first) and sorted(path for path in tasks.rglob("*")) == before
    assert capfd.readouterr() == ("", "")  # no bars, and no word from git


def test_rows_are_read_anew(tasks, model, small_words) -> None:
    """Same path, same time, other content: no cache answers."""
    import os

    rows = tasks / "rows" / "sums.jsonl"
    first = sit(Asked("sums_chosen", tasks), model, small_words, lambda _: None)[0]["sums_chosen"]
    stat = rows.stat()
    rows.write_text(rows.read_text().replace('"label": 0', '"label": 1'))
    os.utime(rows, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other = sit(Asked("sums_chosen", tasks), model, small_words, lambda _: None)[0]["sums_chosen"]
    assert other["metrics"]["acc,none"]["value"] == pytest.approx(1 - first["metrics"]["acc,none"]["value"])
    assert other["documents"] != first["documents"]


def test_groups_give_their_own_figures_and_tags_those_of_their_tasks(tasks, model, small_words) -> None:
    weigh = {"aggregate_metric_list": [{"metric": "acc", "weight_by_size": True}]}
    (tasks / "g.yaml").write_text(yaml.safe_dump({"group": "whole", "task": ["sums_chosen", "sums_written"], **weigh}))
    (tasks / "h.yaml").write_text(yaml.safe_dump({"group": "loose", "task": ["sums_chosen", "text_read"]}))
    found = {name: sit(Asked(name, tasks, limit=4), model, small_words, lambda _: None)[0] for name in ("whole", "loose", "sums")}
    assert found["whole"].keys() == {"whole"} and found["whole"]["whole"]["metrics"].keys() == {"acc,none"}
    assert found["whole"]["whole"]["metrics"]["acc,none"]["value"] == found["sums"]["sums_chosen"]["metrics"]["acc,none"]["value"]
    assert found["loose"].keys() == {"sums_chosen", "text_read"} and found["sums"].keys() == {"sums_chosen", "sums_written"}


ODD = """
def wild(doc, results):
    return {"endless": float("inf"), "none": float("nan"), "fine": 0.5}
"""


def test_what_is_no_number_is_none(tasks, model, small_words) -> None:
    (tasks / "odd.py").write_text(ODD)
    metrics = [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("endless", "none", "fine")]
    text = yaml.safe_dump(WRITE | {"task": "odd", "metric_list": metrics})
    (tasks / "odd.yaml").write_text(text + "process_results: !function odd.wild\n")
    figures, results = sit(Asked("odd", tasks, limit=2), model, small_words, lambda _: None)
    assert {name: metric["value"] for name, metric in figures["odd"]["metrics"].items()} == {
        "endless,none": None,
        "none,none": None,
        "fine,none": 0.5,
    }
    assert all(metric["stderr"] is None or math.isfinite(metric["stderr"]) for metric in figures["odd"]["metrics"].values())
    json.dumps(results, allow_nan=False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"unsafe_code": True}, "runs code that the model wrote.*`benchmarks`, in a sandbox"),
        ({"doc_to_text": "{{ question | no_such_filter }}"}, "no_such_filter.*Correct its YAML or its data in"),
        ({"test_split": "validation"}, "validation"),
        ({"dataset_kwargs": {"data_files": {"test": "rows/broken.jsonl"}}}, "Correct its YAML or its data"),
    ],
)
def test_a_task_that_cannot_be_sat_says_why(tasks, model, small_words, change, words, capfd) -> None:
    (tasks / "rows" / "broken.jsonl").write_text("{not json\n")
    (tasks / "bad.yaml").write_text(yaml.safe_dump(CHOICE | {"task": "bad"} | change))
    with pytest.raises(Fault, match=f"(?s)lm-eval task bad: .*{words}"):
        sit(Asked("bad", tasks), model, small_words, lambda _: None)
    assert capfd.readouterr() == ("", "")


def test_a_package_that_a_task_needs_is_named(tasks, model, small_words) -> None:
    (tasks / "score.py").write_text("import no_such_package_anywhere\n")
    (tasks / "bad.yaml").write_text(yaml.safe_dump(CHOICE | {"task": "bad"}) + "process_docs: !function score.docs\n")
    with pytest.raises(Fault, match=r"lm-eval task bad: .*Install what the task needs \(`pip install no_such_package_anywhere`"):
        sit(Asked("bad", tasks), model, small_words, lambda _: None)


def test_a_name_that_is_no_task_is_said_before_anything_is_read(tasks, model, small_words) -> None:
    with pytest.raises(Fault, match=r"lm-eval task sums_writen: there is none of that name\. Did you mean 'sums_written'"):
        sit(Asked("sums_writen", tasks), model, small_words, lambda _: None)


def test_what_lm_eval_warns_of_is_kept(tasks, model, small_words) -> None:
    (tasks / "sums_chosen.yaml").write_text(yaml.safe_dump(CHOICE | {"doc_to_target": "no_such_column"}))
    warnings = sit(Asked("sums_chosen", tasks), model, small_words, lambda _: None)[0]["sums_chosen"]["warnings"]
    assert len(warnings) == 1 and warnings[0].startswith("Label index was not in within range")


# Whole runs


def run(command, suite: Path, folder: Path):
    return command(
        "run", suite, "--processes", "1", "--store", folder / "store", "--results", folder / "results", "--report", folder / "page"
    )


@pytest.fixture(scope="module")
def sat(tmp_path_factory, pretrained, command) -> Path:
    """A folder of one whole run: two rows, one of them an adapter, in two tasks and halfway."""
    folder = tmp_path_factory.mktemp("sat")
    shutil.copytree(pretrained, folder / "store")
    write_tasks(folder / "tasks")
    asked = "lm_eval: [{task: sums_chosen, include: tasks, chat: true}, {task: sums_written, include: tasks, num_fewshot: 1, limit: 4}], at: [50%, 100%]"
    adapter = "{label: adapter, method: forward_kl, train: {lora: {rank: 2, alpha: 64}, optim: {learning_rate: 0.02}}}"
    ran = run(command, written(folder, asked, methods=f"[forward_kl, {adapter}]"), folder)
    assert ran.returncode == 0, ran.stderr
    assert "not a git repository" not in ran.stderr and "it/s" not in ran.stderr
    (folder / "log").write_text(ran.stdout)
    return folder


@pytest.mark.slow
def test_a_run_brings_tasks_to_results_and_page(sat) -> None:
    rows = {path.stem: read_result(path) for path in (sat / "results" / "lm" / "tiny").glob("*.json")}
    names = {"sums_chosen", "sums_written"}
    assert rows["student"].lm_eval.keys() == rows["teacher"].lm_eval.keys() == names and not rows["student_again"].lm_eval
    for label in ("forward_kl.seed0", "adapter.seed0"):
        assert rows[label].status == "done" and rows[label].lm_eval.keys() == names | {f"{name}@50%" for name in names}
    one = rows["adapter.seed0"].lm_eval["sums_chosen"]
    assert (one.n, one.chat, one.limit, one.num_fewshot, one.at) == (10, True, None, 0, "100%")
    assert rows["adapter.seed0"].lm_eval["sums_written"].n == 4
    assert len({row.lm_eval["sums_chosen"].protocol for row in rows.values() if row.lm_eval}) == 1
    page, text = (sat / "page" / "index.html").read_text(), (sat / "page" / "leaderboard.md").read_text()
    assert "what training did elsewhere" in page and "10 documents · chat template" in page and "4 documents · 1 shot" in page
    assert re.search(r"\| `adapter` \| \d+\.\d ± \d+\.\d \|", text.partition("what training did elsewhere")[2])


@pytest.mark.slow
def test_an_adapter_sits_with_its_base_and_under_its_checkpoint(sat) -> None:
    store = Store(sat / "store")
    said = {record.title: record.step for record in store.records("lm_eval")}
    step = said["lm-eval sums_chosen · tiny adapter seed 0 at 50%"]
    assert (step["params"]["checkpoint"], step["params"]["mode"]) == ("at-0.5", "plain") and "weights" in step["inputs"]
    assert (store.payload(step["inputs"]["trained"]) / "at-0.5" / "adapter_config.json").is_file()
    kept = json.loads((store.payload(f"lm_eval/{key_of(step)}") / "results.json").read_text())
    assert kept["results"].keys() == {"sums_chosen"} and kept["configs"]["sums_chosen"]["num_fewshot"] == 0


@pytest.fixture(scope="module")
def again(sat, tmp_path_factory, command) -> tuple[Path, str]:
    """The same suite with three tasks more, one of which fails and one of which asks real rows where there are any; and what was said."""
    folder = Path(shutil.copytree(sat, tmp_path_factory.mktemp("again") / "sat"))
    (folder / "tasks" / "bad.yaml").write_text(yaml.safe_dump(CHOICE | {"task": "bad", "doc_to_text": "{{ question | no_such_filter }}"}))
    more = ["{task: text_read, include: tasks}", "{task: bad, include: tasks}"]
    if REAL.is_file():
        real = {key: value for key, value in WRITE.items() if key not in ("training_split", "tag")}
        real |= {"task": "aime_real", "dataset_kwargs": {"data_files": {"test": "rows/aime24.jsonl"}}, "doc_to_text": "{{problem}}"}
        (folder / "tasks" / "rows" / "aime24.jsonl").symlink_to(REAL)
        (folder / "tasks" / "aime.yaml").write_text(yaml.safe_dump(real))
        more.append("{task: aime_real, include: tasks, limit: 5}")
    before = (folder / "lm.yaml").read_text()
    (folder / "lm.yaml").write_text(before.replace("limit: 4}]", f"limit: 4}}, {', '.join(more)}]"))
    ran = run(command, folder / "lm.yaml", folder)
    assert ran.returncode == 1 and "Traceback" not in ran.stderr, ran.stderr
    return folder, ran.stderr


@pytest.mark.slow
def test_tasks_more_are_sat_by_all_and_nothing_else_is_done(again) -> None:
    folder, log = again
    counts = re.search(r"lm: (\d+) steps for 5 rows, (\d+) of them done before", log)
    assert counts and int(counts[1]) - int(counts[2]) == (3 if REAL.is_file() else 2) * (
        2 + 2 * 2
    )  # two references, two rows at two checkpoints
    rows = {name: read_result(folder / "results" / "lm" / "tiny" / f"{name}.json") for name in ("student", "adapter.seed0")}
    values = [row.lm_eval["text_read"].metrics["bits_per_byte,none"].value for row in rows.values()]
    assert values[0] != values[1]  # base and adapter are what sat it


@pytest.mark.slow
def test_a_task_that_fails_stops_nobody_and_says_why_where_its_figures_would_be(again) -> None:
    folder, log = again
    row = read_result(folder / "results" / "lm" / "tiny" / "adapter.seed0.json")
    assert row.status == "done" and not row.lm_eval["bad"].metrics and "no_such_filter" in (row.lm_eval["bad"].reason or "")
    assert "no_such_filter" in (folder / "page" / "index.html").read_text() and "no_such_filter" in log.splitlines()[-1]


@pytest.mark.skipif(not REAL.is_file(), reason=f"no real rows here ({REAL})")
@pytest.mark.slow
def test_real_rows_land_on_the_leaderboard(again) -> None:
    folder, _ = again
    row = read_result(folder / "results" / "lm" / "tiny" / "forward_kl.seed0.json")
    assert row.lm_eval["aime_real"].n == 5 and row.lm_eval["aime_real"].metrics["exact_match,none"].value == 0.0
    assert "- aime\\_real: 5 documents" in (folder / "page" / "leaderboard.md").read_text()
    assert "5 documents" in (folder / "page" / "index.html").read_text()

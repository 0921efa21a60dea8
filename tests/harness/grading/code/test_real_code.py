"""The grader of programs on real benchmarks: canonical solutions, mutants beside evalplus itself, model programs, hostile programs.

Rows are taken from ../shared/data. The short forms run in `make test`, the whole ones are marked `whole`.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from harness.grading.code import CodeGrader, oracle
from harness.grading.code.judge import limits_of
from harness.grading.code.rows import evalplus_row, livecodebench_row, taco_row
from harness.grading.sandbox import Sandbox
from harness.grading.tests import pack, unpack
from harness.records import Verdict

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[4] / "shared" / "data"
SETS = {"humaneval": "humaneval_plus.jsonl", "mini": "humaneval_plus_mini.jsonl", "mbpp": "mbpp_plus.jsonl"}

# evalplus 0.3.1 counts no input of find_zero as done, so that no solution passes; ours judges it by evalplus' own polynomial.
NOT_UPSTREAM = ("HumanEval/32",)
# Two outputs of its canonical solution have more than 64 MiB: those inputs are set aside.
ASIDE = ("Mbpp/255",)

# Held to pass by a comparison with a tolerance; LiveCodeBench's own, by exact decimals, says no. abc342_e prints 999999999000000000 for 10**18.
NOT_EXACT = ("abc314_e", "abc319_c", "abc324_f", "abc342_e")
# Held to fail where names imported from math hid the builtin pow, whose third argument they need. LiveCodeBench gives the builtins back.
NOT_FAILING = ("3200", "3234", "abc314_f", "abc326_e", "abc334_e")
# A case apart by blank lines, one by where its lines break, and a program that looks for its own file.
NOT_BY_LINES = ("taco-test-177", "taco-test-464", "taco-test-976")


def real(name: str) -> list[dict]:
    if not (DATA / name).exists():
        pytest.skip(f"real rows {name} are not beside this checkout (../shared/data)")
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"beside_{path.stem}", path)
    assert spec and spec.loader
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded  # dataclasses look it up
    spec.loader.exec_module(loaded)
    return loaded


def fenced(program: str) -> str:
    return f"Here it is.\n```python\n{program}\n```\n"


def tasks(which: str, step: int) -> list[tuple[dict, str, str]]:
    """(row, packed tests, canonical program) of every `step`-th task."""
    made = [(row, evalplus_row(row, "mbpp" if which == "mbpp" else "humaneval")) for row in real(SETS[which])[::step]]
    return [(row, each["tests"], row["prompt"] + row["canonical_solution"]) for row, each in made]


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CodeGrader]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        with CodeGrader(processes=2) as grader:
            yield grader


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket but between processes of this machine."""
    real_socket = socket.socket

    class Offline(real_socket):
        def __init__(self, family: int = -1, *arguments, **named):
            if family not in (-1, socket.AF_UNIX) or (family == -1 and not (arguments or named)):
                raise OSError("no network in this test")
            super().__init__(family, *arguments, **named)

    monkeypatch.setattr(socket, "socket", Offline)
    monkeypatch.setattr(socket, "getaddrinfo", Offline)
    with pytest.raises(OSError, match="no network"):
        socket.create_connection(("localhost", 1))


def wrong(items: list[tuple[str, str, str]], verdicts: list[Verdict], wanted: Callable[[Verdict], bool]) -> list[str]:
    return [
        f"{name}: {verdict.verdict}, {verdict.detail}" for (name, _, _), verdict in zip(items, verdicts, strict=True) if not wanted(verdict)
    ]


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    "chosen",
    [{"mini": 2, "mbpp": 10}, pytest.param({"humaneval": 1, "mbpp": 1}, marks=[pytest.mark.whole, pytest.mark.timeout(3600)])],
    ids=["some", "all"],
)
def test_canonical_solutions_pass_base_and_plus_offline(grader: CodeGrader, chosen: dict[str, int]):
    pytest.importorskip("evalplus.data.mbpp", reason="evalplus is not installed: the extra `code`")
    items = [(row["task_id"], tests, fenced(program)) for which, step in chosen.items() for row, tests, program in tasks(which, step)]
    assert wrong(items, grader.grade_many([item[1:] for item in items]), lambda verdict: verdict.correct) == []
    with Sandbox() as box:
        for name, tests, _ in items:  # of the cache now
            for side, expected in oracle.expected(box, unpack(tests), tests, limits_of(oracle.ALL_SECONDS)).items():
                assert not expected.aside or (name in ASIDE and side == "plus"), (name, expected.aside)


def upstream(row: dict, dataset: str, programs: list[str]) -> list[tuple[bool, bool]]:
    """What evalplus itself says of base and plus."""
    evaluate = importlib.import_module("evalplus.evaluate")
    task = copy.deepcopy(row)
    if dataset == "mbpp":
        mbpp = importlib.import_module("evalplus.data.mbpp")
        for side in ("base_input", "plus_input"):
            task[side] = mbpp.mbpp_deserialize_inputs(task["task_id"], task[side])
    special = importlib.import_module("evalplus.eval._special_oracle").MBPP_OUTPUT_NOT_NONE_TASKS if dataset == "mbpp" else []
    expected = evaluate.get_groundtruth({task["task_id"]: task}, f"{task['task_id'].replace('/', '-')}-{time.time_ns()}", special)
    found = []
    for program in programs:
        said = evaluate.check_correctness(dataset, 0, task, program, expected[task["task_id"]], fast_check=True, min_time_limit=4.0)
        found.append((said["base"][0] == "pass", said["plus"][0] == "pass"))
    return found


@pytest.mark.parametrize(
    ("chosen", "each", "least"),
    [
        ({"mini": 12, "mbpp": 27}, 1, 25),
        pytest.param({"humaneval": 2, "mbpp": 3}, 2, 200, marks=[pytest.mark.whole, pytest.mark.timeout(7200)]),
    ],
    ids=["some", "many"],
)
def test_mutants_get_the_verdicts_of_evalplus_itself(
    grader: CodeGrader, chosen: dict[str, int], each: int, least: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    evaluate = pytest.importorskip("evalplus.evaluate", reason="evalplus is not installed: the extra `code`")
    monkeypatch.setattr(evaluate, "CACHE_DIR", str(tmp_path))  # it pickles what it expects
    mutants = module(HERE / "mutants.py").mutants
    items, theirs = [], []
    for which, step in chosen.items():
        for number, (row, tests, program) in enumerate(tasks(which, step)):
            made = mutants(program)
            if row["task_id"] in (*NOT_UPSTREAM, *ASIDE) or not made:
                continue
            programs = list(dict.fromkeys(made[(7 * number + 13 * turn) % len(made)] for turn in range(each)))
            theirs += upstream(row, "mbpp" if which == "mbpp" else "humaneval", programs)
            items += [(row["task_id"], tests, fenced(mutant)) for mutant in programs]
    verdicts = grader.grade_many([item[1:] for item in items])
    ours = [(verdict.correct or verdict.detail.startswith("plus_input"), verdict.correct) for verdict in verdicts]
    apart = [
        f"{name}: upstream base {base}, plus {plus}; ours {verdict.verdict}, {verdict.detail}\n{completion}"
        for (name, _, completion), (base, plus), (base_too, correct), verdict in zip(items, theirs, ours, verdicts, strict=True)
        if (base, base and plus) != (base_too, correct)
    ]
    assert apart == []
    assert len(items) >= least and 0 < sum(correct for _, correct in ours) < len(items) / 2


@pytest.mark.parametrize(
    "step",
    [pytest.param(16, marks=pytest.mark.slow), pytest.param(1, marks=[pytest.mark.whole, pytest.mark.timeout(7200)])],
    ids=["some", "all"],
)
def test_model_programs_on_livecodebench(grader: CodeGrader, step: int):
    rows = {row["question_id"]: livecodebench_row(row)["tests"] for row in real("livecodebench_v1_public.jsonl")}
    known = {"passing": [], "failing": []}
    for row in real("livecodebench_v1_solutions.jsonl"):
        for kind, items in known.items():
            if row[f"{kind}_solution"]:
                items.append((row["question_id"], rows[row["question_id"]], fenced(row[f"{kind}_solution"])))
    passing, failing = known["passing"][::step], known["failing"][::step]
    verdicts = grader.grade_many([item[1:] for item in passing])
    apart = {name: verdict for (name, _, _), verdict in zip(passing, verdicts, strict=True) if not verdict.correct}
    late = [name for name, verdict in apart.items() if verdict.verdict == "timeout"]  # some need six seconds themselves
    assert {name: verdict.detail for name, verdict in apart.items() if name not in (*NOT_EXACT, *late)} == {}
    assert len(late) <= len(passing) / 50
    assert all(apart[name].verdict == "wrong" for name in NOT_EXACT if name in dict.fromkeys(item[0] for item in passing))
    right = [
        name for (name, _, _), verdict in zip(failing, grader.grade_many([item[1:] for item in failing]), strict=True) if verdict.correct
    ]
    assert right == [name for name, _, _ in failing if name in NOT_FAILING]


def test_private_tests_that_were_encoded(grader: CodeGrader):
    items = [
        (row["question_id"], livecodebench_row(row)["tests"], fenced(row["_passing_solution"]))
        for row in real("livecodebench_like_encoded.jsonl")[::3]
    ]
    assert wrong(items, grader.grade_many([item[1:] for item in items]), lambda verdict: verdict.correct) == []


@pytest.mark.parametrize("step", [24, pytest.param(1, marks=[pytest.mark.whole, pytest.mark.timeout(3600)])], ids=["some", "all"])
def test_taco_solutions_pass_their_samples(grader: CodeGrader, step: int):
    rows = [row for row in real("taco_test_samples.jsonl") if not row["special_judge"]][::step] + real("taco_callbased_synthetic.jsonl")
    made = [taco_row(row) for row in rows if row["task_id"] not in NOT_BY_LINES]
    items = [(each["id"], each["tests"], fenced(each["solution"])) for each in made]
    assert wrong(items, grader.grade_many([item[1:] for item in items]), lambda verdict: verdict.correct) == []


@pytest.mark.parametrize(
    "step",
    [pytest.param(7, marks=pytest.mark.slow), pytest.param(1, marks=[pytest.mark.whole, pytest.mark.timeout(3600)])],
    ids=["some", "all"],
)
def test_hostile_programs_as_answers_are_not_correct_and_their_twins_are(grader: CodeGrader, step: int):
    table = module(HERE.parent / "attacks.py")
    calls = [{"input": json.dumps(call[0]), "output": json.dumps(wanted)} for call, wanted in zip(table.CALLS, table.EXPECTED, strict=True)]
    runs = [{"input": given, "output": wanted} for given, wanted in zip(table.INPUTS, table.PRINTED, strict=True)]
    tests = {
        "call": pack({"kind": "call", "entry_point": "double", "tests": calls, "seconds": 2.0}),
        "stdio": pack({"kind": "stdio", "tests": runs, "seconds": 2.0}),
    }
    chosen = table.ATTACKS[::step]
    hostile = [(attack.name, tests[attack.kind], fenced(attack.source)) for attack in chosen]
    honest = [(attack.name, tests[attack.kind], fenced(attack.honest)) for attack in chosen]
    assert (
        wrong(hostile, grader.grade_many([item[1:] for item in hostile]), lambda verdict: verdict.verdict not in ("correct", "infra_error"))
        == []
    )
    assert wrong(honest, grader.grade_many([item[1:] for item in honest]), lambda verdict: verdict.correct) == []

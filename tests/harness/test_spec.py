"""Suites: what loads, what is refused, and where each refusal points."""

import functools
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import yaml

from harness import catalogue
from harness.claims import Order
from harness.claims import parse as parse_claim
from harness.document import parse, read
from harness.plan import plan
from harness.records import Fault
from harness.spec import load_suite
from harness.spec.schema import schema
from methods import METHODS
from methods.parts.contexts import WithSolution
from methods.parts.losses import JSD, Bridge, Clip, ForwardKL, Over, ReverseKL, TopK
from methods.parts.peers import WithPeers
from methods.parts.teachers import Ema, Frozen
from methods.parts.writers import Student

ROOT = Path(__file__).parents[2]
SUITES = [path for path in sorted((ROOT / "suites").glob("*.yaml")) if "suite" in read(path).data]

BASE = """\
suite: base
engine: transformers
seeds: {train: [0, 1], exam: 0}
pairs:
  small: {student: small-world/student, teacher: small-world/teacher}
methods:
  - forward_kl
  - trd
  - {label: top128, method: reverse_kl_topk, loss: {support: {k: 128}}}
train:
  problems: {set: chain-train, take: 640}
  sampling:
    student: {temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 128, n: 1}
    teacher: {temperature: 0.7, top_p: 0.95, top_k: 20, max_tokens: 128}
  limits: {prompt: 96, teacher_prompt: 384}
  rounds: {count: 5, problems: 64}
  optim: {learning_rate: 1.0e-3, batch: 32, warmup: 0.1, schedule: {linear: {floor: 0.05}}}
  lora: null
budgets:
  steps: {updates: 10}
evaluate:
  - {benchmarks: [chain-exam], protocol: small-world, at: [50%, 100%]}
report: {baseline: forward_kl, controls: [trd]}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text, name="base.yaml"):
    Path(name).write_text(text)
    return load_suite(name)


def changed(*pairs):
    text = BASE
    for old, new in pairs:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in BASE"
        text = text.replace(old, new)
    return text


def with_rows(*rows, report=True):
    methods = BASE[BASE.index("methods:") : BASE.index("train:\n")]
    text = BASE.replace(methods, "methods:\n" + "".join(f"  - {row}\n" for row in rows))
    return text if report else text.replace("report: {baseline: forward_kl, controls: [trd]}\n", "")


def place_of(text, needle):
    at = text.index(needle)
    return f"{text.count(chr(10), 0, at) + 1}:{at - text.rfind(chr(10), 0, at)}"


# (name, text, what the fault points at, key, words of fault and remedy)
BROKEN = [
    # --- YAML itself
    ("not-yaml", changed(("{train: [0, 1], exam: 0}", "{train: [0, 1, exam: 0}")), None, "", ["not YAML"]),
    ("twice", BASE + "engine: vllm\n", "engine: vllm", "engine", ["stands twice", "line 2", "Keep one"]),
    ("tag", changed(("[0, 1]", "!!python/tuple [0, 1]")), "!!python", "seeds.train", ["tag", "Leave it away"]),
    ("alias-circle", BASE + "deviations: &a [*a]\n", "&a", "deviations[0]", ["contains itself"]),
    ("merge-key", changed(("{updates: 10}", "{<<: {updates: 10}}")), "<<", "budgets.steps.<<", ["merge keys", "like:"]),
    ("infinite", changed(("1.0e-3", ".inf")), ".inf", "train.optim.learning_rate", ["finite"]),
    # --- shapes
    ("unknown-top", BASE + "trian: {}\n", "trian", "trian", ["no key 'trian'", "Did you mean 'train'?"]),
    ("later-top", BASE + "tune: {}\n", "tune", "tune", ["not yet known in this version", "Leave it out"]),
    ("later-validate", BASE + "validate: {every: 10%}\n", "validate", "validate", ["not yet known in this version"]),
    (
        "lm-eval-among-benchmarks",
        changed(("at: [50%", "lm_eval: [ifeval], at: [50%")),
        "lm_eval",
        "evaluate[0].lm_eval",
        ["a group of its own"],
    ),
    (
        "later-contrasts",
        changed(("controls: [trd]", "contrasts: [trd]")),
        "contrasts",
        "report.contrasts",
        ["not yet known in this version"],
    ),
    # --- claims and margins
    ("claim-grammar", BASE + "claims: [{say: x, that: trd>top128}]\n", "trd>", "claims[0].that", ["`a > b`", "a space around every sign"]),
    ("claim-of-itself", BASE + "claims: [{say: x, that: trd >= trd}]\n", "trd >=", "claims[0].that", ["is no claim"]),
    ("claim-row", BASE + "claims: [{say: x, that: trd > top_128}]\n", "trd >", "claims[0].that", ["no row 'top_128'", "'top128'?"]),
    ("claim-exam", BASE + "claims: [{say: x, that: trd > student, exam: chain}]\n", "chain}", "claims[0].exam", ["no exam 'chain'"]),
    (
        "claim-metric",
        BASE + "claims: [{say: x, that: trd > student + 1.5, metric: pass@32}]\n",
        "pass@32",
        "claims[0].metric",
        ["sat with n = 16"],
    ),
    ("claim-vote", BASE + "claims: [{say: x, that: trd > student, metric: maj@8}]\n", "maj@8", "claims[0].metric", ["avg@k or pass@k"]),
    ("claim-pair", BASE + "claims: [{say: x, that: trd > student, pair: smal}]\n", "smal}", "claims[0].pair", ["mean 'small'?"]),
    ("claim-budget", BASE + "claims: [{say: x, that: trd > student, budget: step}]\n", "step}", "claims[0].budget", ["mean 'steps'?"]),
    ("claim-unsaid", BASE + "claims: [{that: trd > student}]\n", "{that", "claims[0].say", ["is missing"]),
    (
        "margin-of-nothing",
        changed(("controls: [trd]", "margins: {ifeval: 0.01}")),
        "ifeval",
        "report.margins.ifeval",
        ["no exam or task 'ifeval'"],
    ),
    ("margin-in-points", changed(("controls: [trd]", "margins: {chain-exam: 1}")), "1}}", "report.margins.chain-exam", ["number below 1"]),
    (
        "unknown-reported",
        changed(("controls: [trd]", "reported: [tdr]")),
        "tdr",
        "report.reported[0]",
        ["no published figures 'tdr'", "Did you mean 'trd'?", "harness import TABLE.csv"],
    ),
    ("unknown-deep", changed(("warmup: 0.1", "warm_up: 0.1")), "warm_up", "train.optim.warm_up", ["Did you mean 'warmup'?"]),
    ("unknown-sampling", changed(("top_k: 20", "topk: 20")), "topk: 20", "train.sampling.teacher.topk", ["Did you mean 'top_k'?"]),
    ("missing-deep", changed(("batch: 32, ", "")), "optim: {learning", "train.optim.batch", ["is missing", "Add `batch:`"]),
    ("missing-top", changed(("engine: transformers\n", "")), "suite: base", "engine", ["is missing"]),
    (
        "wrong-engine",
        changed(("engine: transformers", "engine: vlm")),
        "vlm",
        "engine",
        ["expected transformers or vllm", "Did you mean 'vllm'?"],
    ),
    ("text-for-number", changed(("batch: 32", "batch: many")), "many", "train.optim.batch", ["expected a whole number"]),
    ("boolean-for-number", changed(("batch: 32", "batch: true")), "true", "train.optim.batch", ["expected a whole number"]),
    (
        "zero-temperature",
        changed(("temperature: 0.7", "temperature: 0")),
        "0, top_p: 0.95",
        "train.sampling.teacher.temperature",
        ["a number above 0"],
    ),
    (
        "take-word",
        changed(("take: 640", "take: al")),
        "al}",
        "train.problems.take",
        ["expected all or a whole number", "Did you mean 'all'?"],
    ),
    (
        "schedule",
        changed(("{linear: {floor: 0.05}}", "{lineal: {floor: 0.05}}")),
        "{lineal",
        "train.optim.schedule",
        ["expected constant", "linear"],
    ),
    ("at-zero", changed(("at: [50%", "at: [0%")), "0%, 100%", "evaluate[0].at[0]", ["above 0"]),
    ("at-beyond", changed(("50%, 100%", "150%")), "150%", "evaluate[0].at[0]", ["at most 1"]),
    ("no-methods", with_rows("[]").replace("methods:\n  - []", "methods: []"), "[]", "methods", ["at least 1 entry"]),
    # --- rows
    (
        "no-method",
        changed(("- forward_kl\n", "- forward_lk\n")),
        "forward_lk",
        "methods[0]",
        ["no method 'forward_lk'", "Did you mean 'forward_kl'?"],
    ),
    (
        "row-without-method",
        changed(("label: top128, method: reverse_kl_topk", "label: top128")),
        "{label: top128",
        "methods[2]",
        ["names its method"],
    ),
    ("row-key", changed(("loss: {support: {k: 128}}", "losses: {}")), "losses", "methods[2].losses", ["Did you mean 'loss'?"]),
    (
        "row-optim",
        changed(("loss: {support: {k: 128}}", "optim: {batch: 8}")),
        "optim: {batch: 8}",
        "methods[2].optim",
        ["write `train: {optim: …}`"],
    ),
    ("no-field", changed(("{k: 128}", "{kk: 128}")), "kk", "methods[2].loss.support.kk", ["TopK has no field 'kk'", "Did you mean 'k'?"]),
    (
        "no-part",
        changed(("support: {k: 128}", "divergence: ReversKL")),
        "ReversKL",
        "methods[2].loss.divergence",
        ["Did you mean 'ReverseKL'?"],
    ),
    (
        "part-incomplete",
        changed(("{k: 128}", "{TopK: {k: 128}}")),
        "{k: 128}",
        "methods[2].loss.support.TopK",
        ["no default for tail", "renorm"],
    ),
    (
        "part-value",
        changed(("support: {k: 128}", "divergence: {JSD: {teacher_mix: 0.99}}")),
        "{teacher_mix",
        "methods[2].loss.divergence.JSD",
        ["vanishes", "[0.05, 0.95]"],
    ),
    ("field-word", changed(("{k: 128}", "{of: teachers}")), "teachers", "methods[2].loss.support.of", ["Did you mean 'teacher'?"]),
    ("field-null", changed(("{support: {k: 128}}", "null")), "null}", "methods[2].loss", ["null does not fit", "Loss or NLL"]),
    ("inert-row", changed(("{k: 128}", "{k: 32}")), "loss: {support", "methods[2].loss", ["changes nothing", "Take it away"]),
    (
        "inert-dotted",
        changed(("loss: {support: {k: 128}}", "loss.support.k: 32")),
        "loss.support.k",
        "methods[2].loss.support.k",
        ["changes nothing"],
    ),
    (
        "dotted-nowhere",
        changed(("loss: {support: {k: 128}}", "loss.suport.k: 32")),
        "loss.suport.k",
        "methods[2].loss.suport.k",
        ["no field 'suport'", "Did you mean 'support'?"],
    ),
    (
        "dotted-train",
        changed(("loss: {support: {k: 128}}", "optim.lr: 0.1")),
        "optim.lr",
        "methods[2].optim.lr",
        ["names no field of train", "learning_rate"],
    ),
    (
        "train-value",
        changed(("loss: {support: {k: 128}}", "train: {optim: {batch: 0}}")),
        "0}}",
        "methods[2]: train.optim.batch",
        ["above 0"],
    ),
    (
        "no-lora",
        changed(("loss: {support: {k: 128}}", "lora.rank: 8")),
        "lora.rank",
        "methods[2].lora.rank",
        ["lora is null", "Set lora itself"],
    ),
    (
        "duplicate-label",
        changed(("label: top128", "label: TRD")),
        "{label: TRD",
        "methods[2]",
        ["row 'TRD' already, at methods[1]", "label"],
    ),
    ("unsafe-label", changed(("label: top128", "label: top/128")), "top/128", "methods[2].label", ["file names"]),
    ("reserved-label", changed(("label: top128", "label: teacher")), "teacher, method", "methods[2].label", ["are taken"]),
    (
        "set-twice",
        changed(("loss: {support: {k: 128}}", "loss: {support: {k: 128}}, grid: {loss.support.k: [8, 16]}")),
        "8, 16]",
        "methods[2].grid.loss.support.k[0]",
        ["set twice"],
    ),
    (
        "grid-no-list",
        changed(("loss: {support: {k: 128}}", "grid: {loss.support.k: 8}")),
        "8}}",
        "methods[2].grid.loss.support.k",
        ["list of values"],
    ),
    (
        "grid-repeats",
        changed(("loss: {support: {k: 128}}", "grid: {loss.support.k: [8, 8]}")),
        "8]}",
        "methods[2].grid.loss.support.k[1]",
        ["twice"],
    ),
    (
        "grid-nowhere",
        changed(("loss: {support: {k: 128}}", "grid: {los.support.k: [8]}")),
        "los.support.k",
        "methods[2].grid.los.support.k",
        ["Did you mean 'loss'?"],
    ),
    (
        "teaches-nothing",
        changed(("loss: {support: {k: 128}}", "teacher: Frozen")),
        "Frozen",
        "methods[2].teacher",
        ["teaches nothing", "WithSolution"],
    ),
    ("nobody", changed(("loss: {support: {k: 128}}", "teacher: Nobody")), "Nobody", "methods[2].teacher", ["gives no scores", "NLL()"]),
    (
        "writer-sampling",
        changed(("loss: {support: {k: 128}}", "writer: {top_p: 1.5}")),
        "{label: top128",
        "methods[2]",
        ["top_p = 1.5", "less than or equal to 1"],
    ),
    (
        "other-data",
        changed(("loss: {support: {k: 128}}", "train: {limits: {prompt: 64}}")),
        "{prompt: 64}",
        "methods[2].train.limits",
        ["other data", "suite of its own", "like"],
    ),
    (
        "other-rounds",
        changed(("loss: {support: {k: 128}}", "rounds.problems: 32")),
        "32}",
        "methods[2].rounds.problems",
        ["160 problems", "320", "count × problems"],
    ),
    # --- pairs
    (
        "unpinned",
        changed(("student: small-world/student", "student: Qwen/Qwen3-1.7B")),
        "Qwen/",
        "pairs.small.student",
        ["no revision", "Qwen/Qwen3-1.7B@unpinned", "`run` does not"],
    ),
    (
        "branch",
        changed(("teacher: small-world/teacher", "teacher: Qwen/Qwen3-8B@main")),
        "Qwen/",
        "pairs.small.teacher",
        ["branch", "commit"],
    ),
    (
        "recipe-typo",
        changed(("student: small-world/student", "student: small-world/studnet")),
        "small-world/studnet",
        "pairs.small.student",
        ["Did you mean 'small-world/student'?"],
    ),
    (
        "recipe-revision",
        changed(("student: small-world/student", "student: small-world/student@1")),
        "small-world/student@1",
        "pairs.small.student",
        ["has no revision"],
    ),
    ("no-folder", changed(("student: small-world/student", "student: ./nowhere")), "./nowhere", "pairs.small.student", ["no folder"]),
    (
        "same-model",
        changed(("teacher: small-world/teacher", "teacher: small-world/student")),
        "small-world/student}",
        "pairs.small.teacher",
        ["is the student itself", "Leave `teacher` out"],
    ),
    (
        "no-teacher",
        changed((", teacher: small-world/teacher", "")),
        "forward_kl",
        "methods[0]",
        ["needs the pair's teacher", "pairs.small has none"],
    ),
    (
        "modes",
        changed(("teacher: small-world/teacher", "teacher: small-world/teacher, modes: {student: plain, teacher: thinking}")),
        "{student: plain",
        "pairs.small.modes",
        ["differ: [mode]"],
    ),
    (
        "modes-inert",
        changed(("teacher: small-world/teacher", "teacher: small-world/teacher, differ: [mode]")),
        "[mode]",
        "pairs.small.differ",
        ["both are plain"],
    ),
    # --- train
    ("no-set", changed(("set: chain-train", "set: chain-trian")), "chain-trian", "train.problems.set", ["Did you mean 'chain-train'?"]),
    ("take-more", changed(("take: 640", "take: 64000")), "64000", "train.problems.take", ["more than the 1280 of chain-train"]),
    ("round-more", changed(("take: 640", "take: 32")), "64}", "train.rounds.problems", ["more than the 32"]),
    (
        "inline-file",
        changed(("set: chain-train", "set: {file: no.jsonl, fields: {prompt: q, answer: a}, domain: math}")),
        "{file",
        "train.problems.set",
        ["no file 'no.jsonl'"],
    ),
    (
        "teacher-never-writes",
        with_rows("forward_kl", report=False),
        "teacher: {temperature",
        "train.sampling.teacher",
        ["in no row does the teacher write"],
    ),
    (
        "teacher-prompt-inert",
        with_rows("forward_kl", "sft_teacher", report=False),
        "teacher_prompt",
        "train.limits.teacher_prompt",
        ["read more than the problem"],
    ),
    (
        "solution-inert",
        changed(("teacher_prompt: 384", "teacher_prompt: 384, solution: 99")),
        "solution",
        "train.limits.solution",
        ["takes effect nowhere"],
    ),
    (
        "teacher-prompt-less",
        changed(("teacher_prompt: 384", "teacher_prompt: 38")),
        "38}",
        "train.limits.teacher_prompt",
        ["less than prompt"],
    ),
    ("no-targets", changed(("lora: null", "lora: {rank: 8, alpha: 16, targets: []}")), "[]", "train.lora.targets", ["all-linear"]),
    ("seed-twice", changed(("[0, 1]", "[0, 0]")), "0], exam", "seeds.train[1]", ["same run twice"]),
    ("suite-name", changed(("suite: base", "suite: Base Suite")), "Base Suite", "suite", ["folder", "small letters"]),
    # --- budgets
    ("no-limit", changed(("{updates: 10}", "{}")), "{}", "budgets.steps", ["without a limit"]),
    (
        "never-ends",
        changed(("count: 5", "count: until-budget"), ("{updates: 10}", "{teacher_written: 1_000}")),
        "{teacher_written",
        "budgets.steps",
        ["row 'forward_kl' would never end", "teacher_written"],
    ),
    (
        "stands-still",
        changed(("{updates: 10}", "{teacher_written: 1_000}")),
        "{teacher_written",
        "budgets.steps",
        ["never spends", "teacher_written"],
    ),
    ("rounds-beyond", changed(("{updates: 10}", "{rounds: 6}")), "6}", "budgets.steps.rounds", ["never reached", "end after 5"]),
    ("updates-beyond", changed(("{updates: 10}", "{updates: 11}")), "11}", "budgets.steps.updates", ["never reached", "end after 10"]),
    ("epochs-beyond", changed(("{updates: 10}", "{epochs: 0.6}")), "0.6", "budgets.steps.epochs", ["end after 0.5"]),
    (
        "same-budget",
        changed(("{updates: 10}", "{updates: 10}\n  again: {updates: 10}")),
        "again",
        "budgets.again",
        ["says what 'steps' says"],
    ),
    # --- exams
    ("no-exam", changed(("[chain-exam]", "[chain-exma]")), "chain-exma", "evaluate[0].benchmarks[0]", ["Did you mean 'chain-exam'?"]),
    ("no-protocol", changed(("protocol: small-world", "protocol: trd-v2")), "trd-v2", "evaluate[0].protocol", ["Did you mean 'trd-v1'?"]),
    ("not-sat", changed(("protocol: small-world, ", "")), "{benchmarks", "evaluate[0]", ["Name a protocol", "sampling"]),
    (
        "sat-twice",
        changed(("at: [50%", "sampling: {n: 4, temperature: 1, top_p: 1, top_k: -1, max_tokens: 99}, at: [50%")),
        "sampling: {n: 4",
        "evaluate[0].sampling",
        ["twice", "Keep one"],
    ),
    (
        "metric",
        changed(("at: [50%", "metrics: [best@4], at: [50%")),
        "best@4",
        "evaluate[0].metrics[0]",
        ["no metric 'best@4'", "avg@k, pass@k and maj@k"],
    ),
    ("metric-k", changed(("at: [50%", "metrics: [avg@32], at: [50%")), "avg@32", "evaluate[0].metrics[0]", ["32 answers", "n = 16"]),
    (
        "exam-twice",
        changed(("[chain-exam]", "[chain-exam, chain-exam]")),
        "chain-exam],",
        "evaluate[0].benchmarks[1]",
        ["already, at evaluate[0].benchmarks[0]"],
    ),
    ("at-twice", changed(("50%, 100%", "50%, 0.5")), "0.5]", "evaluate[0].at[1]", ["twice"]),
    # --- report
    (
        "no-baseline",
        changed(("baseline: forward_kl", "baseline: forwardkl")),
        "forwardkl",
        "report.baseline",
        ["no row 'forwardkl'", "Did you mean 'forward_kl'?"],
    ),
    ("no-control", changed(("controls: [trd]", "controls: [sft]")), "sft]", "report.controls[0]", ["no row 'sft'"]),
    (
        "primary",
        changed(("controls: [trd]", "primary: {metric: avg@16, over: [chain-hard]}")),
        "chain-hard",
        "report.primary.over[0]",
        ["no exam 'chain-hard'"],
    ),
    ("primary-k", changed(("controls: [trd]", "primary: {metric: pass@17}")), "pass@17", "report.primary.metric", ["17 answers"]),
    (
        "primary-vote",
        changed(("controls: [trd]", "primary: {metric: maj@8}")),
        "maj@8",
        "report.primary.metric",
        ["maj@8 ranks nothing", "avg@k or pass@k"],
    ),
    ("vote-k", changed(("at: [50%", "metrics: [maj@17], at: [50%")), "maj@17", "evaluate[0].metrics[0]", ["17 answers", "maj@16"]),
]


def test_programs_do_not_vote(folder):
    Path("programs.jsonl").write_text('{"q": "add", "a": "7"}\n')
    source = "{file: programs.jsonl, fields: {prompt: q, answer: a}, domain: code}"
    text = changed(("[chain-exam]", f"[{source}]"), ("at: [50%", "metrics: [pass@8, maj@8], at: [50%"))
    with pytest.raises(Fault) as caught:
        load(text)
    assert f"base.yaml:{place_of(text, 'maj@8')}: evaluate[0].metrics[1]: maj@8: " in str(caught.value)
    assert "no two programs are" in str(caught.value) and "Ask for pass@8" in str(caught.value)
    suite = load(changed(("at: [50%", "metrics: [pass@8, maj@8], at: [50%")))
    assert suite.exam_metrics(suite.evaluate[0], "chain-exam") == ("pass@8", "maj@8")


def test_base_loads(folder):
    suite = load(BASE)
    assert [row.label for row in suite.rows] == ["forward_kl", "trd", "top128"]
    assert suite.rows[2].overrides == {"loss.support.k": "128"}
    assert suite.rows[2].method.loss == replace(METHODS["reverse_kl_topk"].loss, support=TopK(128, tail="renorm"))
    assert suite.evaluate[0].at == [0.5, 1.0]
    assert suite.exam_sampling(suite.evaluate[0], "chain-exam").n == 16
    assert suite.exam_metrics(suite.evaluate[0], "chain-exam") == ("avg@16", "pass@16")


@pytest.mark.parametrize(("text", "needle", "key", "words"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_broken(folder, text, needle, key, words):
    with pytest.raises(Fault) as caught:
        load(text)
    first = str(caught.value).splitlines()[0]
    expected = f"base.yaml:{place_of(text, needle)}: {key}: " if needle else "base.yaml:3:"
    assert first.startswith(expected), f"{first}\nexpected to start with {expected}"
    for word in words:
        assert word in first, f"{word!r} is not in {first!r}"


def test_broken_suites_are_many_and_say_one_thing_a_line(folder):
    assert len(BROKEN) >= 30
    with pytest.raises(Fault) as caught:
        load(changed(("batch: 32", "batch: 0"), ("warmup: 0.1", "warmup: 2"), ("[0, 1]", "[-1]")))
    lines = str(caught.value).splitlines()
    assert len(lines) == 3 and all(re.match(r"base\.yaml:\d+:\d+: \S+: ", line) for line in lines)


def test_at_most_five_faults_are_shown(folder):
    with pytest.raises(Fault) as caught:
        load(with_rows(*(f"nonsense{n}" for n in range(8))))
    assert len(str(caught.value).splitlines()) == 6 and "3 more" in str(caught.value)


def test_whatever_is_written_there_is_no_traceback(folder):
    """Every value of a suite replaced by each of these, and taken away: it loads, or each line of the fault names its place."""
    whole = parse(BASE, "base.yaml").data
    whole["methods"].append({"label": "x", "method": "opsd", "writer": {"n": 2}, "grid": {"optim.batch": [16, 32]}})

    def paths(value, path=()):
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return [path, *(below for key, each in inner for below in paths(each, (*path, key)))]

    lines = []
    for path in paths(whole)[1:]:
        for value in (None, -1, 10**9, "TopK", [[]], {"TopK": None}, {"a": {"b": 1}}):
            changed_copy = json.loads(json.dumps(whole))
            around = functools.reduce(lambda here, key: here[key], path[:-1], changed_copy)
            around[path[-1]] = value
            try:
                load(json.dumps(changed_copy))
            except Fault as fault:
                lines += str(fault).splitlines()
    assert len(lines) > 300
    assert [line for line in lines if not line.startswith(("base.yaml:", "…"))] == []


def test_a_missing_file_is_a_fault(folder):
    with pytest.raises(Fault, match=r"nowhere\.yaml:1:1: cannot be read"):
        load_suite("nowhere.yaml")


# --- YAML 1.2 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("false", False), ("yes", "yes"), ("on", "on"), ("no", "no"), ("Off", "Off"), ("y", "y"), ("null", None), ("~", None), ("", None),
     ("1e-6", 1e-6), ("1.0e+18", 1e18), ("60_000_000", 60_000_000), ("010", 10), ("0x10", 16), ("0o10", 8), ("1:30", "1:30"), ("-1", -1), (".5", 0.5),
     ("2026-11-01", "2026-11-01"), ("'1'", "1"), ('"true"', "true"), ("10%", "10%"), ("1_", "1_")],
)  # fmt: skip
def test_scalars(text, value):
    found = parse(f"key: {text}", "x.yaml").data["key"]
    assert found == value and type(found) is type(value)


def test_positions():
    document = parse("a:\n  b: [1, {c: 2}]\n", "x.yaml")
    assert str(document.key_place(("a", "b"))) == "x.yaml:2:3"
    assert str(document.value_place(("a", "b", 1, "c"))) == "x.yaml:2:14"


# --- like ------------------------------------------------------------------------------------------------------------


def test_like_merges_sections_and_replaces_the_rest(folder):
    load(BASE)
    child = load(
        "suite: child\nlike: base.yaml\nmethods: [trd, opsd]\nbudgets: {short: {updates: 5}}\n"
        "train: {optim: {batch: 16, schedule: constant}, limits: {teacher_prompt: null}, sampling: {teacher: {temperature: 1}}}\n",
        "child.yaml",
    )
    assert [row.label for row in child.rows] == ["trd", "opsd"]
    assert list(child.budgets) == ["short"] and list(child.pairs) == ["small"]
    assert (child.train.optim.batch, child.train.optim.learning_rate, child.train.optim.schedule) == (16, 1e-3, "constant")
    assert child.train.limits.teacher_prompt is None and child.train.limits.prompt == 96
    assert (child.train.sampling.teacher.temperature, child.train.sampling.teacher.top_k) == (1.0, 20)
    assert child.report.baseline is None and child.report.controls == ["trd"]  # an inherited name of no row falls away
    assert child.suite == "child"


def test_like_replaces_parts_named_by_kind(folder):
    load(BASE)
    child = load("suite: child\nlike: base.yaml\ntrain: {optim: {schedule: {wsd: {decay: 0.2}}}}\n", "child.yaml")
    assert child.train.optim.schedule.wsd.decay == 0.2


def test_like_chains_and_null_clears(folder):
    load(BASE)
    Path("middle.yaml").write_text("suite: middle\nlike: base.yaml\ntune: {trials: 4}\nclaims: []\nseeds: {exam: 7}\n")
    Path("below").mkdir()
    suite = load("suite: last\nlike: ../middle.yaml\ntune: null\nclaims: null\nreport: null\nseeds: {train: [5]}\n", "below/last.yaml")
    assert suite.seeds.train == [5] and suite.seeds.exam == 7
    assert suite.report.baseline is None and suite.report.controls == []


def test_a_fault_in_an_inherited_value_points_to_its_own_file(folder):
    text = changed(("warmup: 0.1", "warmup: 11"))
    Path("base.yaml").write_text(text)
    with pytest.raises(Fault, match=rf"^base\.yaml:{place_of(text, '11,')}: train\.optim\.warmup: "):
        load("suite: child\nlike: base.yaml\ntrain: {optim: {batch: 16}}\n", "child.yaml")


def test_claims_change_no_address(folder):
    plain = plan(load(BASE))
    said = BASE.replace("controls: [trd]}", "controls: [trd], margins: {chain-exam: 0.02}}") + (
        "claims:\n  - {say: better, that: trd > forward_kl + 1.0, exam: chain-exam, metric: pass@8}\n"
        "  - {say: harmless, that: top128 ≥ student − 0.5, pair: small, budget: steps}\n"
    )
    suite = load(said, "claiming.yaml")
    assert [claim.that for claim in suite.claims] == ["trd > forward_kl + 1.0", "top128 ≥ student − 0.5"]
    assert suite.report.margins == {"chain-exam": 0.02}
    assert {step.address for step in plan(suite).steps} == {step.address for step in plain.steps}
    assert len(suite.resolved()["claims"]) == 2 and "claims" not in load(BASE).resolved()


def test_an_inherited_claim_about_rows_that_are_not_there_falls_away(folder):
    load(BASE + "claims: [{say: a, that: trd > student}, {say: b, that: top128 > student}]\n")
    child = load("suite: child\nlike: base.yaml\nmethods: [forward_kl, trd]\nreport: {controls: []}\n", "child.yaml")
    assert [claim.say for claim in child.claims] == ["a"]


@pytest.mark.parametrize(
    ("that", "order"),
    [
        ("a > b", Order("a", "b", 0.0)),
        ("a >= b - 0.5", Order("a", "b", -0.005)),
        ("a ≥ b − 1", Order("a", "b", -0.01)),
        ("x[keep=All,k=8] > teacher + .25", Order("x[keep=All,k=8]", "teacher", 0.0025)),
        ("a > b + 1.0 points", None),
        ("a = b", None),
        ("a > b > c", None),
        ("a > a", None),
    ],
)
def test_what_a_claim_says(that, order):
    assert parse_claim(that) == (order and Order(order.a, order.b, pytest.approx(order.margin)))


def test_like_in_a_circle(folder):
    Path("a.yaml").write_text("suite: a\nlike: b.yaml\n")
    Path("b.yaml").write_text("suite: b\nlike: a.yaml\n")
    with pytest.raises(Fault, match=r"^b\.yaml:2:7: like: .*circle"):
        load_suite("a.yaml")


def test_like_of_nothing(folder):
    load(BASE)
    with pytest.raises(Fault, match=r"^c\.yaml:2:7: like: there is no file bas\.yaml.*Did you mean 'base\.yaml'\?"):
        load("suite: c\nlike: bas.yaml\n", "c.yaml")


def test_inherited_settings_are_never_inert(folder):
    load(BASE)
    child = load("suite: child\nlike: base.yaml\nmethods: [forward_kl, reverse_kl]\n", "child.yaml")
    assert child.train.limits.teacher_prompt == 384


# --- rows ------------------------------------------------------------------------------------------------------------


def test_grid(folder):
    suite = load(
        with_rows(
            "trd",
            "forward_kl",
            "{method: reverse_kl_topk, label: k, grid: {loss.support.k: [8, 32], optim.learning_rate: [1.0e-4, 1.0e-3]}}",
        )
    )
    labels = [row.label for row in suite.rows[2:]]
    assert labels == [f"k[loss.support.k={k},optim.learning_rate={rate}]" for k in (8, 32) for rate in ("0.0001", "0.001")]
    assert suite.rows[2].method.loss.support.k == 8 and suite.rows[2].train.optim.learning_rate == 1e-4
    assert suite.rows[2].overrides == {"loss.support.k": "8", "optim.learning_rate": "0.0001"}
    assert suite.train.optim.learning_rate == 1e-3


def test_grid_over_parts_writers_and_settings(folder):
    suite = load(
        with_rows(
            "trd",
            "forward_kl",
            "{method: reverse_kl, grid: {writer.top_p: [0.9, 1.0], lora: [null, {rank: 8, alpha: 16}]}}",
            "{method: opsd, grid: {loss.divergence: [ForwardKL, {JSD: {teacher_mix: 0.3}}]}}",
        )
    )
    assert suite.rows[2].method.writer == Student(top_p=0.9)
    assert suite.rows[3].label == "reverse_kl[writer.top_p=0.9,lora=(rank=8,alpha=16)]"
    assert suite.rows[2].train.lora is None and suite.rows[3].train.lora.rank == 8
    assert suite.rows[7].label == "opsd[loss.divergence=JSD(teacher_mix=0.3)]"
    assert suite.rows[6].method.loss.temperature == METHODS["opsd"].loss.temperature


def test_parts_of_the_canon_in_a_suites_words(folder, validator):
    """What follows the run, what a choice goes by, and terms taken away or changed; each comes back from the resolved suite."""
    text = with_rows(
        "trd",
        "forward_kl",
        "{label: cooling, method: forward_kl, loss: {temperature: {Over: [[0, 2], [1, 1.0]]}}}",
        "{label: turning, method: reverse_kl, loss: {divergence: {Over: [[0, ForwardKL], [0.5, {JSD: {teacher_mix: 0.3}}]]}}}",
        "{label: slow, method: veto, loss: {target: {share: {Over: [[0, 1.0], [0.5, 0.2], [1, 0]]}}}}",
        "{label: fixed, method: veto, loss: {target: {share: 0.5}}}",
        "{label: random, method: brts, also: {teacher_context: {writer: {prefer: [random], recover: null}}}}",
        "{method: brts, label: n, grid: {also.teacher_context.writer.n: [2, 4]}}",
        "{label: reward, method: kdrl, also: {near: null}}",
        "{label: positive, method: mopd, reads: {failures: 0}, teacher: {rate: 0.01}}",
        "{label: credit, method: minillm, also: {later: {loss: {route: {credit: {gamma: 0.9}}}}}}",
    )
    suite = load(text)
    rows = {row.label: row.method for row in suite.rows}
    assert rows["cooling"].loss.temperature == Over(((0, 2.0), (1, 1.0)))
    assert rows["turning"].loss.at(0.7).divergence == JSD(0.3) and rows["turning"].loss.at(0.2).divergence == ForwardKL()
    assert rows["slow"].loss.target == Bridge(Over(((0, 1.0), (0.5, 0.2), (1, 0.0)))) and rows["fixed"].loss.target == Bridge(0.5)
    chosen = rows["random"].also["teacher_context"].writer
    assert chosen.prefer == ("random",) and chosen.recover is None and chosen.n == 4
    assert [row.method.also["teacher_context"].writer.n for row in suite.rows if row.label.startswith("n[")] == [2, 4]
    assert rows["reward"].also == {} and rows["positive"].reads == WithPeers(failures=0) and rows["positive"].teacher == Ema(0.01)
    assert rows["credit"].also["later"].loss.route.credit.gamma == 0.9
    validator.validate(parse(text, "x").data)
    Path("again.yaml").write_text(yaml.safe_dump({**suite.resolved(), "suite": "again"}))
    assert {row.label: row.method for row in load_suite("again.yaml").rows} == rows


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        ("{temperature: {Over: [[0, 2]]}}", "two or more points"),
        ("{temperature: {Over: [[0.5, 2], [1, 1]]}}", "the first at 0"),
        ("{temperature: {Over: [[0, hot], [1, 1]]}}", "expected a number"),
        ("{temperature: {Over: [[0, 1], [1, 0]]}}", "above 0"),
        ("{temperature: {Over: {from: 1}}}", "expected the points of the run"),
        ("{divergence: {Over: [[0, ForwardKL], [1, Nothing]]}}", "no part 'Nothing'"),
        ("{clip: {Clip: {max: {Over: [[0, 1], [1, -1]]}}}}", "above 0 and finite"),
    ],
)
def test_what_cannot_follow_the_run_is_refused(folder, loss, words):
    with pytest.raises(Fault, match=words):
        load(with_rows("trd", "forward_kl", f"{{label: x, method: forward_kl, loss: {loss}}}"))


def test_only_a_loss_follows_the_run(folder):
    with pytest.raises(Fault, match="Over"):
        load(with_rows("trd", "forward_kl", "{label: x, method: tip, tokens: {share: {Over: [[0, 1.0], [1, 0.5]]}}}"))


def test_row_overrides(folder):
    opsd = "{label: o, method: opsd, loss: {divergence: ForwardKL, clip: {max: 0.05, scope: vocab}, temperature: 1.0}}"
    top = "{label: t, method: reverse_kl, loss: {support: {TopK: {k: 16, of: student, tail: bucket}}}, writer: {n: 2}, train: {optim: {batch: 64}, sampling: {student: {top_p: 0.9}}}}"
    dotted = "{label: d, method: reverse_kl_topk, loss.support.k: 4, train.optim.schedule: {cosine: {floor: 0.1}}}"
    suite = load(with_rows("trd", "forward_kl", opsd, top, dotted))
    o, t, d = suite.rows[2:]
    assert o.method.loss.divergence == ForwardKL() and o.method.loss.clip == Clip(0.05, "vocab")
    assert t.method.loss.divergence == ReverseKL() and t.method.loss.support == TopK(16, "student", tail="bucket")
    assert (
        t.method.writer.n == 2
        and t.train.optim.batch == 64
        and t.train.sampling.student.top_p == 0.9
        and t.train.sampling.student.temperature == 1.0
    )
    assert t.overrides == {
        "loss.support": "TopK(k=16,of=student,tail=bucket)",
        "writer.n": "2",
        "optim.batch": "64",
        "sampling.student.top_p": "0.9",
    }
    assert d.method.loss.support.k == 4 and d.train.optim.schedule.cosine.floor == 0.1
    assert d.overrides == {"loss.support.k": "4", "optim.schedule": "cosine(floor=0.1)"}


def test_rows_may_differ_in_freshness(folder):
    suite = load(with_rows("trd", "forward_kl", "{label: offline, method: reverse_kl, train: {rounds: {count: 1, problems: 320}}}"))
    assert suite.rows[2].train.rounds.count == 1


def test_resolved_loads_to_the_same_suite(folder):
    suite = load(
        with_rows(
            "trd",
            "forward_kl",
            "{method: reverse_kl_topk, grid: {loss.support.k: [8, 32], optim.learning_rate: [1.0e-4, 1.0e-3]}}",
            "{label: o, method: opsd, loss: {divergence: ReverseKL}, writer: {n: 2}}",
        )
    )
    again = load(yaml.safe_dump(json.loads(json.dumps(suite.resolved())), sort_keys=False), "again.yaml")
    assert again.resolved() == suite.resolved()
    assert [(row.label, row.method, row.train) for row in again.rows] == [(row.label, row.method, row.train) for row in suite.rows]


# --- pairs, sources --------------------------------------------------------------------------------------------------


def test_unpinned_models_are_accepted_and_listed(folder):
    suite = load(changed(("small-world/student, teacher: small-world/teacher", "Qwen/Qwen3-1.7B@unpinned, teacher: Qwen/Qwen3-8B@v1.0")))
    assert suite.unpinned == ("Qwen/Qwen3-1.7B@unpinned",)


def test_local_folders_are_found_beside_the_suite(folder):
    Path("deep/models/student").mkdir(parents=True)
    suite = load(changed(("student: small-world/student", "student: models/student")), "deep/base.yaml")
    assert suite.pairs["small"].student == "deep/models/student"


def test_self_distillation_needs_no_teacher(folder):
    text = with_rows("opsd", report=False).replace(", teacher: small-world/teacher", "")
    text = re.sub(r"    teacher: .*\n", "    teacher: {temperature: 0.7, top_p: 0.95, top_k: 20, max_tokens: 128}\n", text)
    with pytest.raises(Fault, match="in no row does the teacher write"):
        load(text)
    text = re.sub(r"sampling:\n.*\n.*\n", "sampling: {temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 128}\n", text)
    assert load(text).pairs["small"].teacher is None


def test_a_problem_file_written_out(folder):
    Path("mine.jsonl").write_text('{"q": "1+1", "a": "2"}\n')
    source = "{file: mine.jsonl, fields: {prompt: q, answer: a}, domain: math}"
    other = source.replace("mine", "its")
    Path("its.jsonl").write_text('{"q": "1+2", "a": "3"}\n')
    suite = load(changed(("{set: chain-train, take: 640}", f"{{set: {source}}}"), ("[chain-exam]", f"[chain-exam, {other}]")))
    assert suite.problem_set(suite.train.problems.set).name == "mine"
    assert suite.problem_set(suite.train.problems.set).entry["file"] == "mine.jsonl"
    assert suite.exam_sampling(suite.evaluate[0], suite.evaluate[0].benchmarks[1]).n == 16
    text = with_rows("forward_kl", "trd", "opsd").replace("{set: chain-train, take: 640}", f"{{set: {source}}}")
    with pytest.raises(Fault, match=r"methods\[2\]: row 'opsd', term main: it needs reference solutions .*mine has none"):
        load(text)


def test_a_problem_file_is_found_beside_the_suite_that_names_it(folder):
    Path("deep").mkdir()
    for name in ("mine", "its"):
        Path(f"deep/{name}.jsonl").write_text('{"q": "1+1", "a": "2"}\n')
    source = "{file: mine.jsonl, fields: {prompt: q, answer: a}, domain: math}"
    other = source.replace("mine", "its")
    load(changed(("{set: chain-train, take: 640}", f"{{set: {source}}}"), ("[chain-exam]", f"[{other}]")), "deep/base.yaml")
    child = load("suite: child\nlike: deep/base.yaml\n", "child.yaml")
    assert child.problem_set(child.train.problems.set).entry["file"] == "deep/mine.jsonl"
    assert child.problem_set(child.evaluate[0].benchmarks[0]).entry["file"] == "deep/its.jsonl"


def test_catalogue():
    assert catalogue.problem_set("chain-train").count == 1280
    assert catalogue.model("small-world/student")["recipe"]
    assert catalogue.protocol("trd-v1").manner("code").sampling.max_tokens == 16384
    assert catalogue.protocol("trd-v1").manner("math", "thinking").sampling.max_tokens == 38912
    with pytest.raises(catalogue.Unknown, match="Did you mean 'trd-v1'"):
        catalogue.protocol("trd-v")


# --- schema and the suites of the house -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def validator():
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(json.loads(json.dumps(schema())))


@pytest.mark.parametrize("path", SUITES, ids=[path.stem for path in SUITES])
def test_suites_load_and_fit_the_schema(path, validator):
    suite = load_suite(path)
    assert suite.suite == path.stem.replace("_", "-")
    validator.validate(read(path).data)


def test_schema_knows_rows_and_inheritance(validator):
    validator.validate(parse(BASE, "x").data)
    validator.validate({"suite": "child", "like": "base.yaml", "train": {"optim": {"batch": 8}}, "tune": None})
    rows = "[{method: opsd, loss: {divergence: {JSD: {teacher_mix: 0.3}}, clip: {max: 0.1}}, optim.learning_rate: 1, grid: {keep: [All], loss.support.k: [1]}}]"
    validator.validate({"suite": "child", "like": "base.yaml", "methods": parse(rows, "x").data})


BY_SHAPE = ["unknown-top", "later-top", "lm-eval-among-benchmarks", "unknown-deep", "unknown-sampling", "missing-deep", "missing-top", "wrong-engine", "text-for-number", "zero-temperature", "take-word",
            "schedule", "at-zero", "no-methods", "no-method", "row-without-method", "row-key", "no-field", "no-part", "field-word", "field-null", "unsafe-label"]  # fmt: skip


@pytest.mark.parametrize("name", BY_SHAPE)
def test_schema_rejects(name, validator):
    (text,) = [case[1] for case in BROKEN if case[0] == name]
    assert list(validator.iter_errors(parse(text, "x").data))


def test_schema_command_prints_json(capsys):
    import argparse

    from harness.commands import schema as command

    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert command.run(parser.parse_args([])) == 0
    assert json.loads(capsys.readouterr().out)["$schema"].endswith("2020-12/schema")


def test_loading_needs_no_torch():
    code = "import sys; from harness.spec import load_suite; load_suite('suites/quickstart.yaml'); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout == "False\n"


# --- the suites that our user wants, as far as this version knows them ------------------------------------------------

PROBLEMS = {
    name: {"hub": {"id": f"someone/{name}", "revision": "unpinned"}, "fields": {"prompt": "q", "answer": "a"}, "domain": "math"}
    for name in ("deepscaler", "aime24", "aime25", "hmmt25", "beyondaime", "amobench", "dapo17k", "math500")
}
PROBLEMS |= {name: {**PROBLEMS["aime24"], "domain": "code"} for name in ("taco", "humaneval_plus", "mbpp_plus")}

TRD_MATH = """\
suite: trd-opd-math
engine: vllm
seeds: {train: [0], exam: 0}
pairs:
  qwen3-1.7b-from-8b: {student: Qwen/Qwen3-1.7B@unpinned, teacher: Qwen/Qwen3-8B@unpinned, modes: {student: thinking, teacher: thinking}}
  qwen3-4b-from-8b: {student: Qwen/Qwen3-4B-Instruct-2507@unpinned, teacher: Qwen/Qwen3-8B@unpinned, modes: {student: plain, teacher: plain}, differ: [template]}
methods: [forward_kl, forward_kl_clip, reverse_kl, reverse_kl_topk, trd]
train:
  problems: {set: deepscaler, take: all}
  sampling: {temperature: 0.6, top_p: 0.95, top_k: 20, max_tokens: 16384, n: 1}
  limits:   {prompt: 2048, teacher_prompt: 18432, drop: jointly}
  format:   {student: chat, teacher: chat}
  rounds:   {count: 1, problems: all}
  optim:    {learning_rate: 5.0e-6, batch: 128, warmup: 0.1, schedule: {cosine: {floor: 0.1}}, weight_decay: 0.005, betas: [0.9, 0.95], eps: 1.0e-8, grad_clip: 1.0}
  lora:     {rank: 64, alpha: 128, dropout: 0.0, targets: all-linear}
budgets: {as-paper: {epochs: 1}}
evaluate:
  - {benchmarks: [aime24, aime25, hmmt25, beyondaime, amobench], protocol: trd-v1}
report: {baseline: forward_kl, primary: {metric: avg@16, over: all, weight: exams}}
deviations: [authors train on raw re-tokenised text without EOS, authors' eval top_k not in the paper, 11 cells of the paper unattainable]
"""

WANTED = {
    "trd-opd-code": """\
suite: trd-opd-code
like: trd-opd-math.yaml
train: {problems: {set: taco, take: all}}
evaluate: [{benchmarks: [humaneval_plus, mbpp_plus], protocol: trd-v1}]
report: {baseline: forward_kl}
""",
    "trd-opsd-math": """\
suite: trd-opsd-math
like: trd-opd-math.yaml
pairs:
  qwen3-4b-self: {student: Qwen/Qwen3-4B-Instruct-2507@unpinned, modes: {student: plain, teacher: plain}}
  qwen3-8b-self: {student: Qwen/Qwen3-8B@unpinned, modes: {student: thinking, teacher: thinking}}
methods:
  - {label: opsd_forward_kl, method: opsd, loss: {divergence: ForwardKL, clip: null, temperature: 1.0}}
  - {label: opsd_forward_kl_clip, method: opsd, loss: {divergence: ForwardKL, clip: {Clip: {max: 0.1, scope: position}}, temperature: 1.0}}
  - {label: opsd_reverse_kl, method: opsd, loss: {divergence: ReverseKL, clip: null, temperature: 1.0}}
  - {label: opsd_reverse_kl_topk, method: opsd, loss: {divergence: ReverseKL, support: {TopK: {k: 32, of: teacher, tail: renorm}}, clip: null, temperature: 1.0}}
train: {limits: {prompt: 2048, teacher_prompt: 22528, solution: 4096, drop: jointly}}
report: {baseline: opsd_forward_kl}
""",
    "trd-subsets": """\
suite: trd-subsets
like: trd-opsd-math.yaml
methods:
  - {label: opsd_forward_kl, method: opsd, loss: {divergence: ForwardKL, clip: null}, grid: {loss.temperature: [1.0, 1.1]}}
budgets: {as-paper: {epochs: 1}, equal-updates: {updates: 100}}
""",
    "topk-by-topp": """\
suite: topk-by-topp
like: trd-opd-math.yaml
methods:
  - {method: reverse_kl_topk, grid: {loss.support.k: [8, 32, 128], writer.top_p: [0.9, 1.0]}}
  - reverse_kl
train: {rounds: {count: until-budget, problems: 128}, optim: {schedule: {wsd: {decay: 0.1}}}}
budgets: {student-tokens: {student_written: 60_000_000}}
tune: null
report: {primary: {metric: avg@16, over: all, weight: exams}}
""",
    "revisiting-opd": """\
suite: revisiting-opd
like: trd-opd-math.yaml
pairs: {qwen2.5-7b-from-openthinker3: {student: Qwen/Qwen2.5-7B-Instruct@unpinned, teacher: open-thoughts/OpenThinker3-7B@unpinned, modes: {student: plain, teacher: plain}, differ: [template, stop]}}
methods:
  - {method: reverse_kl, train: {sampling: {top_p: 1.0}}}
  - {label: revisiting, method: reverse_kl_topk, writer: {top_p: 0.9}}
train:
  problems: {set: dapo17k, take: all}
  sampling: {temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 16384, n: 8}
  rounds: {count: 400, problems: 16}
  optim: {learning_rate: 1.0e-6, batch: 64, warmup: 0.0, schedule: constant}
  lora: null
budgets: {as-paper: {rounds: 400}}
evaluate:
  - {benchmarks: [math500, aime24], sampling: {n: 16, temperature: 1.0, top_p: 0.9, top_k: -1, max_tokens: 16384}, metrics: [avg@16], at: [25%, 50%, 75%, 100%]}
report: {baseline: reverse_kl}
""",
    "equal-budgets": """\
suite: equal-budgets
like: trd-opd-math.yaml
seeds: {train: [0, 1, 2]}
methods: [forward_kl, reverse_kl, reverse_kl_topk, trd, placebo, {method: reverse_kl, label: rates, grid: {optim.learning_rate: [1.0e-6, 5.0e-6, 2.0e-5]}}]
train:
  sampling: {student: {temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 8192, n: 1}, teacher: {temperature: 0.7, top_p: 0.95, top_k: -1, max_tokens: 8192}}
  rounds: {count: until-budget, problems: 128}
budgets: {student-tokens: {student_written: 60_000_000}, gpu-hours: {gpu_hours: 4.0}}
evaluate:
  - {benchmarks: [aime24, aime25, beyondaime], protocol: trd-v1, at: [100%]}
  - {benchmarks: [aime25], sampling: {n: 4, temperature: 0.6, top_p: 0.95, top_k: -1, max_tokens: 38912}, metrics: [avg@4], at: [10%, 25%, 50%]}
report: {baseline: reverse_kl, controls: [placebo], primary: {metric: avg@16, over: [beyondaime], weight: exams}}
""",
}


@pytest.mark.parametrize("name", WANTED)
def test_wanted_suites(name, folder, validator, monkeypatch):
    known = catalogue.document("problems")
    monkeypatch.setattr(
        catalogue,
        "document",
        lambda kind, original=catalogue.document: replace(known, data=PROBLEMS | known.data) if kind == "problems" else original(kind),
    )
    for each, text in {"trd-opd-math": TRD_MATH, **WANTED}.items():
        Path(f"{each}.yaml").write_text(text)
        validator.validate(parse(text, each).data)
    suite = load_suite(f"{name}.yaml")
    assert suite.suite == name and suite.rows and suite.unpinned


def test_answers_that_need_one_another_are_changed_at_once(folder) -> None:
    """Neither change would stand alone: an untrained teacher that reads nothing more teaches nothing, and nobody reads without a teacher."""
    row = "{label: self, method: reverse_kl, teacher: Frozen, reads: WithSolution}"
    method = load(changed(("  - forward_kl\n", f"  - forward_kl\n  - {row}\n"))).rows[1].method
    assert (method.teacher, method.reads) == (Frozen(), WithSolution())
    with pytest.raises(Fault, match=r"base.yaml:\d+:\d+: methods\[1\]: method 'reverse_kl': teacher=Frozen\(\) with reads=Plain"):
        load(changed(("  - forward_kl\n", f"  - forward_kl\n  - {row.replace('reads: WithSolution', 'tokens: {Prefix: {count: 3}}')}\n")))

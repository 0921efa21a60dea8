"""What the plan shares, what a change makes again and why, and how soon it answers."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.collect import results
from harness.commands.plan import describe, text
from harness.counts import counted
from harness.plan import Plan, plan
from harness.records import Grade, Length, Verdict
from harness.spec import load_suite
from harness.step import Step
from harness.store import Store

ROOT = Path(__file__).parent.parent.parent
SMOKE = ROOT / "suites" / "smoke.yaml"
GOLDEN = Path(__file__).parent / "golden" / "smoke_plan.txt"
PLAIN_ON_POLICY = ("forward_kl", "forward_kl_clip", "reverse_kl", "reverse_kl_topk")


def planned(tmp_path: Path, more: str = "", like: Path = SMOKE) -> Plan:
    """The plan of a suite that says `more` than the one it is like."""
    suite = tmp_path / "suite.yaml"
    suite.write_text(f"suite: mine\nlike: {like}\n{more}")
    return plan(load_suite(suite))


def keys(made: Plan, *stages: str) -> set[str]:
    return {step.address for step in made.steps if step.stage in stages}


BEFORE_TRAINING = ("problems", "select", "pretrain", "construct")


def test_the_plan_of_the_smoke_suite_reads_as_it_did(tmp_path) -> None:
    """Golden: `harness plan suites/smoke.yaml > tests/harness/golden/smoke_plan.txt` after a change that is meant."""
    said = text(describe(plan(load_suite(SMOKE)), Store(tmp_path)), "smoke") + "\n"
    assert said == GOLDEN.read_text()


def test_steps_stand_in_an_order_in_which_they_can_be_carried_out() -> None:
    seen: set[str] = set()
    for step in plan(load_suite(SMOKE)).steps:
        assert set(step.inputs.values()) <= seen
        assert step.address not in seen
        seen.add(step.address)


def test_plain_on_policy_rows_share_one_rollout_of_round_0() -> None:
    made = plan(load_suite(ROOT / "suites" / "quickstart.yaml"))
    rows = {row.label: made.needed(row.steps.values()) for row in made.rows}
    rollouts = {step.address for step in made.steps if step.title.startswith("rollout · student · round 0")}
    assert len(rollouts) == 2  # one samples with top-p
    (one,) = rollouts & rows["trd"]
    assert all(one in rows[label] for label in (*PLAIN_ON_POLICY, "opsd", "trd", "trd_self", "opd_sampled", "placebo"))
    assert not rollouts & rows["sft_teacher"]
    assert one not in rows["revisiting"]
    constructed = {label: rows[label] & keys(made, "construct") for label in PLAIN_ON_POLICY}
    assert len(set(map(frozenset, constructed.values()))) == 1
    trained = [row.steps["train"] for row in made.rows if row.method]
    assert len(set(trained)) == len(trained) == 11


def test_two_pairs_with_one_student_share_its_exams_and_rollouts(tmp_path) -> None:
    pairs = "pairs: {a: {student: tiny-world/student, teacher: tiny-world/teacher}, b: {student: tiny-world/student, teacher: tiny-world/teacher}}\n"
    one, two = planned(tmp_path), planned(tmp_path, pairs)
    assert len(two.rows) == 2 * len(one.rows)
    assert {step.key for step in two.steps} == {step.key for step in one.steps}


def test_a_clip_changes_no_key_before_training(tmp_path) -> None:
    before = planned(tmp_path, "methods: [forward_kl]")
    after = planned(tmp_path, "methods: [{label: forward_kl, method: forward_kl, loss: {clip: {Clip: {max: 0.3}}}}]")
    assert keys(before, *BEFORE_TRAINING) == keys(after, *BEFORE_TRAINING)
    assert not keys(before, "train") & keys(after, "train")
    written = {step.address for step in before.steps if step.stage == "generate" and "trained" not in step.inputs}
    assert written <= keys(after, "generate")


@pytest.mark.parametrize(
    "added", ["opsd", "trd", "sft_teacher", "placebo", "brts", "gkd", "stable_opd", "placebo_shuffled", "{method: mopd, writer: {n: 2}}"]
)
def test_a_further_row_adds_steps_and_changes_none(tmp_path, added: str) -> None:
    before, after = planned(tmp_path, "methods: [forward_kl]"), planned(tmp_path, f"methods: [forward_kl, {added}]")
    assert {step.address for step in before.steps} < {step.address for step in after.steps}


def test_a_label_a_report_and_a_worker_count_change_no_key(tmp_path) -> None:
    before = planned(tmp_path, "methods: [forward_kl, trd]")
    after = planned(tmp_path, "methods: [trd, {label: other, method: forward_kl}]\nreport: {baseline: trd}")
    assert {step.address for step in before.steps} == {step.address for step in after.steps}


@pytest.mark.parametrize("what", ["exam", "training"])
def test_raising_n_adds_steps_and_repeats_none(tmp_path, what: str) -> None:
    """Sample 0 of eight is sample 0 of one."""

    def with_n(n: int) -> Plan:
        if what == "exam":
            sampling = f"{{n: {n}, temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 48}}"
            return planned(tmp_path, f"methods: [trd]\nevaluate: [{{benchmarks: [tiny-exam], sampling: {sampling}, metrics: [avg@{n}]}}]")
        return planned(tmp_path, f"methods: [trd]\ntrain: {{sampling: {{student: {{n: {n}}}}}}}")

    few, many = with_n(2), with_n(8)
    written = {step.address for step in few.steps if step.stage == "generate" and (what == "exam" or not step.title.startswith("exam"))}
    assert written and written < keys(many, "generate")


def test_raising_n_from_8_to_16_writes_and_grades_only_the_new_eight(tmp_path) -> None:
    sampling = "{{n: {n}, temperature: 0.6, top_p: 0.95, top_k: 20, max_tokens: 48}}, metrics: [avg@{n}, maj@{n}]"
    eight, sixteen = (
        planned(tmp_path, f"methods: [forward_kl, trd]\nevaluate: [{{benchmarks: [tiny-exam], sampling: {sampling.format(n=n)}}}]")
        for n in (8, 16)
    )
    new = [step for step in sixteen.steps if step.address not in eight.by_address]
    assert {step.stage for step in new} == {"generate", "grade", "score"}
    assert {tuple(step.params["samples"]) for step in new if step.stage == "generate"} == {(8, 16)}
    assert [step.stage for step in new].count("generate") == len(sixteen.rows) == 5
    assert not keys(eight, "generate", "grade", "train") - set(sixteen.by_address)


ANOTHER_GRADER = """
import json, sys
from pathlib import Path
import harness.grading
harness.grading.GRADERS.update({name: version + int(sys.argv[2]) for name, version in harness.grading.GRADERS.items()})
from harness.plan import plan
from harness.spec import load_suite
made = plan(load_suite(Path(sys.argv[1])))
print(json.dumps({row.label: sorted(made.needed(row.steps.values())) for row in made.rows}))
"""


def test_another_grader_grades_all_again_writes_nothing_and_retrains_only_who_asked_for_verdicts(tmp_path) -> None:
    def by_row(raised: int) -> dict[str, set[str]]:
        command = [sys.executable, "-c", ANOTHER_GRADER, SMOKE, str(raised)]
        said = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout
        return {label: set(addresses) for label, addresses in json.loads(said).items()}

    def of(addresses: set[str], *stages: str) -> set[str]:
        return {address for address in addresses if address.startswith(tuple(f"{stage}/" for stage in stages))}

    before, after = by_row(0), by_row(1)
    assert before == by_row(0)
    for label in before:
        assert of(before[label], "grade", "score") and not of(before[label], "grade", "score") & of(after[label], "grade", "score")
        made = [of(each[label], "generate", "train", "construct", "select", "pretrain") for each in (before, after)]
        assert (made[0] == made[1]) == (label != "trd_self_failed"), label  # its `keep` reads verdicts
    first = [of(each["trd_self_failed"], "generate") for each in (before, after)]
    assert len(first[0] & first[1]) >= 2 and first[0] != first[1]  # what is written before training stands; its exams are sat again


def finish(store: Store, step: Step) -> None:
    attempt = store.attempt(step.address)
    (attempt / "nothing").write_text("")
    facts = {"problems": 3, "exact": 0, "near": 0, "matches": []} if step.stage == "overlap" else {}
    store.commit(step, attempt, facts, {}, {})


def whys(made: Plan, store: Store) -> dict[str, str]:
    return {step["title"]: step["why"] for step in describe(made, store)["steps"] if step["state"] == "todo"}


def test_why_a_changed_temperature_makes_steps_again(tmp_path) -> None:
    store = Store(tmp_path / "store")
    for step in planned(tmp_path, "methods: [trd]").steps:
        finish(store, step)
    why = whys(planned(tmp_path, "methods: [trd]\ntrain: {sampling: {teacher: {temperature: 0.6}}}"), store)
    assert why["rewrite · teacher · round 0 · seed 0 · samples 0-1 · teacher"] == "sampling.temperature 0.7 → 0.6"
    assert next(why[title] for title in why if title.startswith("trajectories")) == "its input rollouts/0 changed"
    assert why["train · tiny · trd · steps · seed 0"] == "its input trajectories/main changed; sampling.main.teacher.temperature 0.7 → 0.6"
    assert not any(title.startswith(("rollout", "pretrain", "problems", "exam tiny-exam · tiny student")) for title in why)


def test_why_another_grader_grades_again_and_trains_nothing(tmp_path) -> None:
    store = Store(tmp_path / "store")
    made = planned(tmp_path, "methods: [forward_kl]")
    for step in made.steps:
        if step.stage == "grade":  # as the grader before this one left it
            step = dataclasses.replace(step, params={**step.params, "grader": {"typed": "0.9"}})
        finish(store, step)
    why = whys(made, store)
    assert {title.split()[0] for title in why} == {"grade"}
    assert all(re.fullmatch(r'grader\.typed "0\.9" → \S+', said) for said in why.values())


def test_what_was_never_done_is_new_even_beside_its_like(tmp_path) -> None:
    """A step of this very plan explains nothing: a second seed does not exist because the first one changed."""
    store = Store(tmp_path / "store")
    made = planned(tmp_path, "methods: [forward_kl]\nseeds: {train: [0, 1], exam: 0}")
    rollouts = [step for step in made.steps if step.title.startswith("rollout")]
    finish(store, rollouts[0])
    assert whys(made, store)[rollouts[1].title] == "new"


def test_one_benchmark_under_two_protocols_is_two_columns(tmp_path) -> None:
    sampling = "{{n: 2, temperature: {}, top_p: 1.0, top_k: -1, max_tokens: 48}}"
    groups = ", ".join(f"{{benchmarks: [tiny-exam], sampling: {sampling.format(t)}, at: [50%, 100%]}}" for t in (0.6, 1.0))
    made = planned(tmp_path, f"methods: [forward_kl]\nevaluate: [{groups}]")
    assert len({exam.name for exam in made.exams}) == 2
    suite = load_suite(tmp_path / "suite.yaml")
    store = Store(tmp_path / "store")
    grades = [Grade("a", sample, Verdict("wrong" if sample else "correct", "7")) for sample in range(2)]
    facts = counted("tiny-exam", ["a"], 2, grades, [Length("a", 0, 12, False), Length("a", 1, 48, True)], 48)
    for step in made.steps:
        if step.stage == "score":
            store.commit(step, store.attempt(step.address), facts, {}, {"commit": "abc"})
    found = {result.label: result for result in results(suite, made, list(made.rows), store, {}, {"commit": "other"})}
    assert [score.at for score in found["forward_kl"].scores.values()] == ["50%", "100%"] * 2
    assert found["student"].status == "done" and len(found["student"].scores) == 2
    assert found["student"].provenance.commit == "abc"  # of the run that made it


BIG = """
suite: big
engine: transformers
seeds: {train: [0], exam: 0}
pairs:
  tiny: {student: tiny-world/student, teacher: tiny-world/teacher}
  small: {student: small-world/student, teacher: small-world/teacher}
methods: [forward_kl, forward_kl_clip, reverse_kl, reverse_kl_topk, trd, sft_teacher]
train:
  problems: {set: tiny-train, take: all}
  sampling: {temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 128, n: 1}
  limits: {prompt: 96, teacher_prompt: 384}
  rounds: {count: 2, problems: 64}
  optim: {learning_rate: 1.0e-3, batch: 32}
  lora: null
budgets: {steps: {updates: 4}}
evaluate: [{benchmarks: [EXAMS], sampling: {n: 16, temperature: 1.0, top_p: 1.0, top_k: -1, max_tokens: 128}}]
"""

TIMED = """
import json, sys
from pathlib import Path
from harness.cli import main
code = main(["plan", sys.argv[1], "--store", sys.argv[2], "--json"])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
sys.exit(code)
"""


def test_six_methods_two_pairs_eight_exams_without_torch(tmp_path) -> None:
    """An exam here is a local file; the plan counts its problems without loading the data set."""
    sources = []
    for number in range(8):
        rows = [json.dumps({"problem": f"{number} + {i}", "answer": str(number + i)}) for i in range(30)]
        (tmp_path / f"exam{number}.jsonl").write_text("\n".join(rows) + "\n")
        sources.append(f"{{file: exam{number}.jsonl, fields: {{prompt: problem, answer: answer}}, domain: math}}")
    suite = tmp_path / "big.yaml"
    suite.write_text(BIG.replace("EXAMS", ", ".join(sources)))
    ran = subprocess.run([sys.executable, "-c", TIMED, suite, tmp_path / "store"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert len(said["rows"]) == 2 * (6 + 3) and said["tokens"]["exam"]["shared"] == 18 * 8 * 30 * 16 * 64
    assert said["shared"] == len(said["steps"]) < said["alone"]
    assert not {"torch", "transformers", "datasets", "pyarrow"} & set(json.loads(ran.stderr.splitlines()[-1]))

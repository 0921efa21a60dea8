"""Which rollouts and tokens are trained on, what stands in for a missing solution, and what is told of the corpus afterwards.

Models are tiny and random, so verdicts are drawn by lot, as in a rehearsal: about half of all responses count as right.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median

import pyarrow.parquet as pq
import pytest
import yaml

from harness import models, prompts
from harness.grading.workers import GraderPool
from harness.plan import plan
from harness.records import Fault, Problem, Rollout, Trajectory
from harness.spec import load_suite
from harness.stages import execute, train
from harness.store import Store
from harness.tables import from_bytes, grades_from
from methods.parts.keep import All, Failed, Outcome, Recovered, Solved

ROOT = Path(__file__).resolve().parents[2]
SAMPLING = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "max_tokens": 6}


@pytest.fixture(scope="module")
def folders(tiny_model, keep_model, tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {who: keep_model(tiny_model(seed=seed, tied=True), root / who) for seed, who in enumerate(("student", "teacher"))}


class Done:
    """A suite of these rows planned and carried out as far as their analyses."""

    def __init__(self, folders, rows, root, problems=None, n=3, rounds=2, limits=None):
        said = {
            "suite": "corpus",
            "engine": "transformers",
            "seeds": {"train": [0], "exam": 0},
            "pairs": {"tiny": {"student": str(folders["student"]), "teacher": str(folders["teacher"])}},
            "methods": rows,
            "train": {
                "problems": problems or {"set": "tiny-train", "take": 16},
                "sampling": {**SAMPLING, "n": n},
                "limits": limits or {"prompt": 300},
                "rounds": {"count": rounds, "problems": 8},
                "optim": {"learning_rate": 1.0e-3, "batch": 8},
                "lora": None,
            },
            "budgets": {"rounds": {"rounds": rounds}},
            "evaluate": [{"benchmarks": ["tiny-exam"], "sampling": {**SAMPLING, "n": 1}}],
        }
        root.mkdir(exist_ok=True)
        (root / "suite.yaml").write_text(yaml.safe_dump(said))
        made = plan(replace(load_suite(root / "suite.yaml"), lots=True))
        self.rows = {row.label: row for row in made.rows if row.method}
        self.steps, self.store = made.by_address, Store(root / "store")
        needed = made.needed(row.steps["analysis"] for row in self.rows.values())
        for step in made.steps:
            if step.address in needed:
                assert execute(step, self.store, lambda event: None, {}, {})

    def train(self, label):
        return self.steps[self.rows[label].steps["train"]]

    def built(self, label):
        return self.steps[self.train(label).inputs["trajectories/main"]]

    def trajectories(self, label) -> list[Trajectory]:
        return from_bytes(Trajectory, self.store.payload(self.built(label).address) / "trajectories.parquet")

    def verdicts(self, label, who) -> dict[tuple[str, int], bool]:
        """(problem, sample) → right, from the diagnostic grade steps of round 0."""
        found = {}
        for name, address in self.rows[label].steps.items():
            if name.startswith(f"grade/{who}/"):
                for grade in grades_from(self.store.payload(address) / "grades.parquet"):
                    found[grade.problem_id, grade.sample] = grade.verdict.correct
        return found

    def facts(self, step):
        return self.store.record(step.address).facts


def kept(keep):
    return {"label": keep, "method": "trd", "keep": keep} if keep != "All" else {"label": "All", "method": "trd"}


@pytest.fixture(scope="module")
def filtered(folders, tmp_path_factory):
    rows = [*map(kept, ("All", "Failed", "Solved", "Recovered")), {"label": "on-policy", "method": "forward_kl", "keep": "Failed"}]
    return Done(folders, rows, tmp_path_factory.mktemp("filtered"))


def test_filters_go_by_the_verdict_on_the_attempt(filtered):
    attempts, rewrites = (filtered.verdicts("All", who) for who in ("rollouts", "rewrites"))
    assert len(attempts) == len(rewrites) == 24
    assert {True, False} == set(attempts.values()) == set(rewrites.values())
    wanted = {
        "All": lambda key: True,
        "Failed": lambda key: not attempts[key],
        "Solved": lambda key: attempts[key],
        "Recovered": lambda key: not attempts[key] and rewrites[key],
        "on-policy": lambda key: not attempts[key],
    }
    for label, rule in wanted.items():
        trajectories = filtered.trajectories(label)
        assert {(t.problem_id, t.sample): t.weight for t in trajectories} == {key: float(rule(key)) for key in attempts}
        assert filtered.facts(filtered.built(label))["kept"] == sum(map(rule, attempts)) > 0


def test_only_what_is_kept_is_trained_on_in_every_round(filtered):
    for label in ("Failed", "Solved", "Recovered"):
        trained = pq.read_table(filtered.store.payload(filtered.train(label).address) / "trajectories.parquet").to_pylist()
        assert {row["round"] for row in trained} == {0, 1}
        first = {(row["problem_id"], row["sample"]) for row in trained if row["round"] == 0}
        assert first == {(t.problem_id, t.sample) for t in filtered.trajectories(label) if t.weight}
    spent = {label: filtered.facts(filtered.train(label))["spent"] for label in ("All", "Failed", "Solved")}
    assert spent["Failed"]["trained"] + spent["Solved"]["trained"] < spent["All"]["trained"] * 1.2
    # What was written is charged, kept or not.
    assert spent["Failed"]["teacher_written"] > spent["Failed"]["trained"]


def test_verdicts_are_an_input_of_training_only_where_asked_for(filtered):
    def grades(label):
        inputs = filtered.built(label).inputs
        return [role for role in inputs if "grades" in role]

    assert grades("All") == []
    assert "grader" not in filtered.train("All").params
    assert sorted({role.partition("/")[0] for role in grades("Failed")}) == ["attempt_grades"]
    assert sorted({role.partition("/")[0] for role in grades("Recovered")}) == ["attempt_grades", "response_grades"]
    # All rows of one writer share what was written, filters or not.
    writing = {label: {a for a in filtered.built(label).inputs.values() if a.startswith("generate/")} for label in filtered.rows}
    assert writing["All"] == writing["Failed"] == writing["Solved"] == writing["Recovered"]
    assert writing["on-policy"] < writing["All"]


def test_analysis_counts_lengths_and_joint_outcomes_over_all_rounds(filtered):
    label = "All"
    train = filtered.train(label)
    facts = filtered.facts(filtered.steps[filtered.rows[label].steps["analysis"]])
    round_0 = {who: [] for who in ("student", "teacher")}
    for step in (filtered.steps[a] for role, a in filtered.built(label).inputs.items() if a.startswith("generate/")):
        who = "teacher" if "attempts" in step.inputs else "student"
        round_0[who] += from_bytes(Rollout, filtered.store.payload(step.address) / "rollouts.parquet")
    later = {
        who: [
            r for path in sorted((filtered.store.payload(train.address) / "rounds").glob(f"*-{who}-*")) for r in from_bytes(Rollout, path)
        ]
        for who in round_0
    }
    for who, name in (("student", "attempts"), ("teacher", "rewrites")):
        lengths = [len(r.response_ids) for r in (*round_0[who], *later[who])]
        assert len(lengths) == 48
        assert facts[name]["count"] == 48
        assert facts[name]["mean_length"] == pytest.approx(fmean(lengths))
        assert facts[name]["median_length"] == median(lengths)
        assert facts[name]["truncated"] == sum(r.finish_reason == "length" for r in (*round_0[who], *later[who]))
    # Later rounds were graded for what they say, and random text says nothing: all wrong.
    attempts, rewrites = (filtered.verdicts(label, who) for who in ("rollouts", "rewrites"))
    words = {True: "right", False: "wrong"}
    expected = Counter(f"{words[attempts[key]]} {words[rewrites[key]]}" for key in attempts)
    expected["wrong wrong"] += 24
    assert facts["outcomes"] == dict(expected)
    assert facts["attempts"]["right"] == sum(attempts.values())


def test_course_is_a_token_weighted_mean_split_by_outcome(filtered):
    label = "on-policy"
    facts = filtered.facts(filtered.steps[filtered.rows[label].steps["analysis"]])
    assert facts["rewrites"] is facts["outcomes"] is None
    everything = filtered.facts(filtered.steps[filtered.rows["All"].steps["analysis"]])["course"]
    rows = pq.read_table(filtered.store.payload(filtered.train("All").address) / "trajectories.parquet").to_pylist()
    attempts = filtered.verdicts("All", "rollouts")
    assert everything[-1]["until"] == 1.0
    assert sum(moment["tokens"] for moment in everything) == sum(row["tokens"] for row in rows)
    first = [row for row in rows if row["update"] == 1]
    for name, right in (("right", True), ("wrong", False)):
        mine = [row for row in first if attempts[row["problem_id"], row["sample"]] is right]
        for kind in ("kl_forward", "kl_reverse"):
            wanted = sum(row[kind] for row in mine) / sum(row["tokens"] for row in mine)
            assert everything[0][f"{kind}_{name}"] == pytest.approx(wanted)
    tokens = sum(row["tokens"] for row in first)
    assert everything[0]["teacher_nll"] == pytest.approx(-sum(row["teacher_logprob"] for row in first) / tokens)
    assert everything[0]["epistemic_mass"] is None  # this tokenizer spells words by letters
    assert all(moment["kl_forward_right"] is None for moment in facts["course"])  # only the failed were kept


def test_the_teachers_score_is_ranked_by_the_verdict_on_what_was_trained_on(filtered, small_words):
    """Every pair of a right and a wrong rewrite of one problem, counted one by one. Those of later rounds are all wrong."""
    facts = filtered.facts(filtered.steps[filtered.rows["All"].steps["analysis"]])
    rows = pq.read_table(filtered.store.payload(filtered.train("All").address) / "trajectories.parquet").to_pylist()
    right = filtered.verdicts("All", "rewrites")
    score = {(row["problem_id"], row["sample"]): row["teacher_logprob"] / row["tokens"] for row in rows if row["round"] == 0}
    pairs = {(a, b) for a in score for b in score if a[0] == b[0] and right[a] and not right[b]}
    mixed = {a[0] for a, _ in pairs}
    each = [fmean(score[a] > score[b] for a, b in pairs if a[0] == problem) for problem in mixed]
    assert len(mixed) > 2
    assert facts["ranking"]["problems"] == len(mixed)
    assert facts["ranking"]["auc"] == pytest.approx(fmean(each))
    tokens = sum(row["tokens"] for row in rows)
    assert facts["sampled"]["negative"] == pytest.approx(sum(row["log_ratio_negative"] for row in rows) / tokens)
    assert facts["sampled"]["lowest"] == min(row["log_ratio_lowest"] for row in rows) < 0
    worst = min(rows, key=lambda row: row["log_ratio_lowest"])
    assert facts["sampled"]["lowest_token"] == small_words.decode([worst["lowest_token"]]) != ""  # tokens of format, too


@pytest.fixture(scope="module")
def several(folders, tmp_path_factory):
    """A row whose second term is trained on the same rollouts, without a teacher; and it alone."""
    aux = {"also": {"again": {"loss": "NLL", "teacher": "Nobody", "weight": 0.1}}}
    rows = ["forward_kl", {"label": "two", "method": "forward_kl", **aux}, {"label": "two-rewriting", "method": "trd", **aux}]
    return Done(folders, rows, tmp_path_factory.mktemp("several"))


def test_what_two_terms_share_is_charged_once(several):
    spent = {label: several.facts(several.train(label))["spent"] for label in several.rows}
    assert spent["two"]["student_written"] == pytest.approx(spent["forward_kl"]["student_written"], rel=0.2)  # later rounds differ a little
    rollouts = [r for a in several.built("two").inputs.values() if a.startswith("generate/") for r in rollouts_of(several, a)]
    for label in ("two", "two-rewriting"):
        terms = [several.steps[a] for role, a in several.train(label).inputs.items() if role.startswith("trajectories/")]
        charged = [t for step in terms for t in from_bytes(Trajectory, several.store.payload(step.address) / "trajectories.parquet")]
        assert len(terms) == 2
        assert sum(t.student_written for t in charged) == sum(len(r.response_ids) for r in rollouts)


def rollouts_of(done, address):
    return from_bytes(Rollout, done.store.payload(address) / "rollouts.parquet")


def test_a_term_that_nobody_scores_hides_nothing_of_the_other(several):
    for label in ("two", "two-rewriting"):
        course = several.facts(several.steps[several.rows[label].steps["analysis"]])["course"]
        assert all(moment["kl_forward"] > 0 and moment["teacher_nll"] > 0 for moment in course)
        assert several.facts(several.train(label))["corpus"]["trajectories"] == 48


def test_diagnostics_of_a_row_are_those_of_its_main_term(several):
    assert {name for name in several.rows["two-rewriting"].steps if name.startswith("grade/")} == {
        f"grade/{who}/{start}" for who in ("rollouts", "rewrites") for start in (0, 1, 2)
    }


def test_masked_tokens_are_told_of_nowhere(folders, tmp_path):
    rows = [{"label": "masked", "method": "forward_kl", "tokens": {"WithoutFirst": {"texts": ["a", "b", "c", "<|im_end|>"]}}}]
    done = Done(folders, rows, tmp_path, n=8)
    course = done.facts(done.steps[done.rows["masked"].steps["analysis"]])["course"]
    facts = done.facts(done.train("masked"))
    assert facts["corpus"]["masked"] > 0
    assert sum(moment["tokens"] for moment in course) == facts["spent"]["trained"] == facts["corpus"]["tokens"] - facts["corpus"]["masked"]


def test_a_record_that_cannot_be_written_costs_no_training(folders, tmp_path, monkeypatch):
    whole = Store.commit

    def full(self, step, *rest):
        if step.stage == "train":
            raise OSError(28, "No space left on device")
        return whole(self, step, *rest)

    monkeypatch.setattr(Store, "commit", full)
    with pytest.raises(OSError, match="No space left"):
        Done(folders, ["forward_kl"], tmp_path)
    monkeypatch.undo()
    updates = []
    monkeypatch.setattr(train.TrainRun, "_update", lambda self, *rest: updates.append(rest))
    done = Done(folders, ["forward_kl"], tmp_path)
    assert updates == []  # every update was kept, and only the end was missing
    assert done.facts(done.train("forward_kl"))["spent"]["rounds"] == 2
    assert not (done.store.folder(done.train("forward_kl").address) / "work" / "state").exists()


def test_P3_sampler_and_trainer_agree_on_what_was_written(filtered):
    for label in filtered.rows:
        assert 0 <= filtered.facts(filtered.train(label))["sampler_gap"] < 1e-4


def test_special_tokens_are_masked_at_their_first_occurrence(folders, tmp_path):
    rows = [
        {"label": "masked", "method": "forward_kl", "tokens": {"WithoutFirst": {"texts": ["a", "<|im_end|>", "no such token"]}}},
        "revisiting",
    ]
    done = Done(folders, rows, tmp_path, n=8)
    tokenizer = models.tokenizer_of((str(folders["student"]), {"local_files_only": True}))
    letter, end = (tokenizer.convert_tokens_to_ids(text) for text in ("a", "<|im_end|>"))
    met = Counter()
    for t in done.trajectories("masked"):
        expected = [1.0] * len(t.response_ids)
        for wanted in (letter, end):
            if wanted in t.response_ids:
                expected[t.response_ids.index(wanted)] = 0.0
                met[wanted] += 1
        assert list(t.weights) == expected
    assert met
    facts = done.facts(done.built("masked"))
    assert facts["masked"] == sum(met.values())
    assert facts["unknown_texts"] == ["no such token"]
    assert done.facts(done.built("revisiting"))["unknown_texts"] == ["think"]
    trained = done.facts(done.train("masked"))["spent"]["trained"]
    assert trained < sum(len(t.response_ids) for t in done.trajectories("masked")) * 2


def problems_file(folder, lines):
    path = folder / "own.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    fields = {"id": "id", "prompt": "question", "answer": "gold", "solution": "worked"}
    return {"set": {"file": str(path), "fields": fields, "domain": "math"}}


def line(number, **more):
    return {"id": f"p{number}", "question": f"What is {number} + {number}?", "gold": str(2 * number), "worked": f"Twice {number}.", **more}


def test_answer_stands_in_for_a_missing_solution_where_declared(folders, tmp_path):
    reads = {"WithSolution": {"fallback": "answer"}}
    problems = problems_file(tmp_path, [*(line(i) for i in range(8)), line(8, worked=""), line(9, worked=None), line(10, gold=None)])
    done = Done(folders, [{"method": "opsd", "reads": reads}], tmp_path / "run", problems=problems, rounds=1, n=1)
    selected = done.steps[done.train("opsd").inputs["problems"]]
    assert done.facts(selected)["dropped"] == {"no answer": 1}
    assert done.facts(selected)["answer_for_solution"] == 2
    tokenizer = models.tokenizer_of((str(folders["student"]), {"local_files_only": True}))
    texts = {t.problem_id: prompts.decode(tokenizer, t.teacher_prompt_ids) for t in done.trajectories("opsd")}
    for problem, text in texts.items():
        number = int(problem[1:])
        assert (f"The final answer is \\boxed{{{2 * number}}}." in text) == (number in (8, 9))
        assert ("Twice" in text) == (number < 8)


def test_without_a_fallback_such_problems_are_dropped_for_all_rows_and_counted(folders, tmp_path):
    problems = problems_file(tmp_path, [*(line(i) for i in range(10)), line(10, worked=""), line(11, worked=None)])
    done = Done(folders, ["opsd", "forward_kl"], tmp_path / "run", problems=problems, rounds=1, n=1)
    selected = {done.train(label).inputs["problems"] for label in done.rows}
    assert len(selected) == 1
    assert done.facts(done.steps[selected.pop()])["dropped"] == {"no solution": 2}


def test_solutions_never_reach_the_student(folders, tmp_path):
    """Neither what it reads when it writes, nor what it reads when it is trained, holds a word of solution or attempt."""
    problems = problems_file(tmp_path, [line(i, worked=f"SECRET {i}") for i in range(10)])
    groups = [{"method": "gates", "writer": {"n": 2}}, {"method": "rlsd", "writer": {"n": 2}}]
    done = Done(folders, ["opsd", "trd_self", "sdft", *groups], tmp_path / "run", problems=problems, rounds=2, n=1)
    tokenizer = models.tokenizer_of((str(folders["student"]), {"local_files_only": True}))
    asked = from_bytes(Problem, done.store.payload(done.train("opsd").inputs["problems"]) / "problems.parquet")
    plain = {p.id: p.prompt for p in asked}
    for label in done.rows:
        for t in done.trajectories(label):
            student = prompts.decode(tokenizer, t.student_prompt_ids)
            assert "SECRET" not in student
            assert plain[t.problem_id] in student
            if label != "gates":  # nobody scores there: its tutor only writes
                assert "SECRET" in prompts.decode(tokenizer, t.teacher_prompt_ids)
        for path in (done.store.payload(done.train(label).address) / "rounds").glob("*-student-*"):
            assert not any("SECRET" in prompts.decode(tokenizer, r.prompt_ids) for r in from_bytes(Rollout, path))


def test_a_filter_that_keeps_nothing_is_a_fault_and_not_a_row(folders, tmp_path, monkeypatch):
    monkeypatch.setattr("harness.stages.verdicts.by_lot", lambda rollout, verdict: replace(verdict, verdict="correct"))
    with pytest.raises(Fault, match="kept none of them"):
        Done(folders, [kept("Failed")], tmp_path, rounds=1)


def test_a_gold_that_cannot_be_read_is_no_verdict_in_training():
    pairs = [("\\frac{", "\\boxed{\\sqrt{3}}"), ("2", "\\boxed{2}"), (" ", "\\boxed{2}")]
    with GraderPool() as pool:
        assert [v.verdict for v in pool.grade_many(pairs, any_gold=True)] == ["grader_error", "correct", "grader_error"]
        for unreadable in (pairs[0], pairs[2]):
            with pytest.raises(Fault, match="gold"):
                pool.grade_many([unreadable])
    outcome = Outcome(attempt=None, response=True)
    assert [keep(outcome) for keep in (All(), Failed(), Solved(), Recovered())] == [1.0, 0.0, 0.0, 0.0]


def test_an_exam_with_a_question_that_nobody_can_grade_is_refused_before_it_is_sat(folders, tmp_path):
    source = problems_file(tmp_path, [line(0), line(1, gold=None), line(2)])["set"]
    said = yaml.safe_load((ROOT / "suites" / "smoke.yaml").read_text())
    said |= {"pairs": {"tiny": {"student": str(folders["student"]), "teacher": str(folders["teacher"])}}, "methods": ["trd"], "report": {}}
    said["evaluate"][0]["benchmarks"] = [source]
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(said))
    made, store = plan(load_suite(tmp_path / "suite.yaml")), Store(tmp_path / "store")
    exam = next(step for step in made.steps if step.title.startswith("exam own"))
    assert execute(made.by_address[exam.inputs["problems"]], store, lambda event: None, {}, {})
    with pytest.raises(Fault, match="1 of 3 problems have neither answer nor tests, 'p1' first"):
        execute(exam, store, lambda event: None, {}, {})

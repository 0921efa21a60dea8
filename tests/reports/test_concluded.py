"""What is concluded beside the table: claims, margins, noise and luck, the way to the teacher, Pass@k; and how it is said."""

from __future__ import annotations

import numpy as np
import pytest

from harness.results import LmMetric, LmResult
from harness.statistics import estimate, holm, sign_flip
from reports.claims import needs
from reports.concluded import verdict_line
from reports.markdown import text
from reports.tables import board
from reports.terminal import table
from reports.words import plain

PAIRS = {"qwen3-1.7b-from-8b": {"student": "a", "teacher": "b"}, "llama-1b-from-8b": {"student": "c", "teacher": "b"}}


@pytest.fixture(scope="session")
def one_pair(three_seeds):
    return [row for row in three_seeds if row.pair == "llama-1b-from-8b"]


def claimed(*claims, pairs=PAIRS, **report):
    made = [
        {"say": f"claim {number}", "that": claim} if isinstance(claim, str) else {"say": "said", **claim}
        for number, claim in enumerate(claims)
    ]
    return {"equal-budgets": {"claims": made, "pairs": pairs, "exams": ["chain-held-out", "chain-hard"], "report": report}}


def rates(rows, label, exam, pair):
    return np.array([[c / 16 for c in row.scores[exam].correct] for row in rows if row.label == label and row.pair == pair])


def row_of(group, label):
    return next(row for row in group.rows if row.label == label)


def test_claims_are_tested_against_their_margin_and_corrected_for_their_number(three_seeds):
    suite = claimed("trd > forward_kl + 2.0", "opsd > trd", {"that": "teacher > student", "exam": "chain-hard", "pair": "llama-1b-from-8b"})
    groups = {group.pair: group for group in board(three_seeds, suite).groups}
    found = [(pair, verdict) for pair, group in groups.items() for verdict in group.verdicts]
    assert [verdict.that for _, verdict in found] == [
        "trd > forward_kl + 2.0",
        "opsd > trd",
        "trd > forward_kl + 2.0",
        "opsd > trd",
        "teacher > student",
    ]
    p_values = []
    for pair, verdict in found:
        if verdict.that == "teacher > student":
            gap = rates(three_seeds, "teacher", "chain-hard", pair)[0] - rates(three_seeds, "student", "chain-hard", pair)[0]
            p_values.append(sign_flip(gap, draws=20_000))
            continue
        a, b = ("trd", "forward_kl") if verdict.margin else ("opsd", "trd")
        gaps = [rates(three_seeds, a, exam, pair) - rates(three_seeds, b, exam, pair) for exam in ("chain-held-out", "chain-hard")]
        assert verdict.delta.value == pytest.approx(np.mean([gap.mean() for gap in gaps]))
        assert verdict.delta.interval95 == pytest.approx(estimate(gaps).interval95)
        p_values.append(estimate([gap - verdict.margin for gap in gaps]).p_value)
    assert [verdict.p_value for _, verdict in found] == pytest.approx(holm(p_values))
    assert [verdict.verdict for _, verdict in found if verdict.that == "opsd > trd"] == ["contradicted"] * 2
    assert found[4][1].verdict == "supported" and found[4][1].on == "Avg@16 over chain-hard"


def test_one_seed_decides_nothing_about_methods(quickstart):
    suite = {"quickstart": claimed("trd > opsd", "teacher > student", pairs={"small-world": {}})["equal-budgets"]}
    methods, references = board(quickstart, suite).groups[0].verdicts
    assert (methods.verdict, methods.p_value) == ("undecided", None) and methods.delta.value > 0.3
    assert "one seed" in verdict_line(methods) and needs(methods).startswith("3 seeds and 16 answers a problem would decide")
    assert references.verdict == "supported" and references.decides is None


def test_a_claim_about_what_is_not_there_says_so(one_pair):
    (verdict, *_) = board(one_pair, claimed("nobody > trd")).groups[0].verdicts
    assert (verdict.verdict, verdict.reason) == ("undecided", "nobody has no complete score there")


def test_an_undecided_claim_says_what_would_decide_it(one_pair):
    found = [verdict for group in board(one_pair, claimed("reverse_kl > reverse_kl_topk")).groups for verdict in group.verdicts]
    assert {verdict.verdict for verdict in found} == {"undecided"}
    assert all(needs(verdict) for verdict in found)
    assert any(verdict.decides.seeds and verdict.decides.seeds > 3 for verdict in found)


def test_margins_are_kept_where_the_whole_interval_is_above(one_pair):
    made = board(one_pair, claimed(margins={"chain-hard": 0.05, "ifeval": 0.01}))
    (group,) = made.groups
    trd, placebo = (row_of(group, label) for label in ("trd", "placebo"))
    assert [kept.verdict for kept in trd.kept] == ["kept", None] and trd.kept[1].reason
    low = trd.cells[1].delta.interval95[0]
    assert trd.kept[0].delta.interval95[0] == low > -0.05
    low, high = placebo.cells[1].delta.interval95
    assert placebo.kept[0].verdict == ("kept" if low > -0.05 else "lost" if high < -0.05 else "unclear")
    assert row_of(group, "student").kept == ()
    assert "on chain-hard" in plain(group.sentence) and "### What training must not break" in text(made)


def test_margins_of_tasks_of_lm_eval(quickstart):
    def sat(row, value):
        metric = LmMetric(value=value, stderr=0.01, higher_is_better=True)
        said = LmResult(task="ifeval", metrics={"acc,none": metric}, n=500, documents="d", protocol="ifeval@1")
        return row.model_copy(update={"lm_eval": {"ifeval": said}})

    values = {"student": 0.6, "trd": 0.65, "opsd": 0.5}
    rows = [sat(row, values.get(row.label, 0.6)) if row.status == "done" else row for row in quickstart]
    (group,) = board(rows, {"quickstart": {"report": {"margins": {"ifeval": 0.025}}, "tasks": ["ifeval"]}}).groups
    found = {row.label: row.kept[0].verdict for row in group.rows if row.kept}
    assert (found["trd"], found["opsd"], found["forward_kl"]) == ("kept", "lost", "unclear")
    assert "`opsd` lost more than 2.5 points on ifeval." in plain(group.sentence)


def test_what_placebos_do_is_noise(quickstart, make_row):
    (plain_group,) = board(quickstart).groups
    sitting = plain_group.noise.identical[0]
    assert [each.label for each in plain_group.noise.identical] == ["student_again", "placebo"]
    assert plain_group.noise.high >= max(map(abs, sitting.delta.interval95)) == pytest.approx(-plain_group.noise.low)
    harmful = make_row("placebo", level=0.2)
    (group,) = board([row if row.label != "placebo" else harmful for row in quickstart]).groups
    assert group.noise.low == row_of(group, "placebo").base.value < plain_group.noise.low
    assert group.noise.high == plain_group.noise.high  # what a placebo loses widens no gain
    assert row_of(group, "placebo").beyond is None and row_of(group, "trd").beyond == "above"


def test_luck_of_the_best_is_said(one_pair):
    group = board(one_pair).groups[0]
    own = []
    for label in ("forward_kl", "reverse_kl", "reverse_kl_topk", "trd", "opsd"):
        means = np.mean([rates(one_pair, label, exam, group.pair).mean(axis=1) for exam in ("chain-held-out", "chain-hard")], axis=0)
        own.append(means.var(ddof=1) / 3)
    assert group.luck.rows == 5
    assert group.luck.value == pytest.approx(1.162964 * np.sqrt(np.mean(own)), rel=1e-5)  # the mean of the largest of five normal draws
    assert "by luck alone the best of 5 equal methods would stand" in " ".join(table(one_pair).split())


def test_the_way_to_the_teacher_or_why_none_is_said(one_pair, quickstart):
    group = board(one_pair).groups[0]
    trd = row_of(group, "trd")
    gaps = [
        np.mean([rates(one_pair, label, exam, group.pair).mean() for exam in ("chain-held-out", "chain-hard")])
        for label in ("trd", "student", "teacher")
    ]
    assert trd.recovered.share == pytest.approx((gaps[0] - gaps[1]) / (gaps[2] - gaps[1]))
    low, high = trd.recovered.interval95
    assert low < trd.recovered.share < high
    assert row_of(group, "opsd").recovered.reason == "the student is its own teacher"
    assert row_of(group, "teacher").recovered is None

    def reason(rows, suite=None):
        return row_of(board(rows, suite).groups[0], "trd").recovered.reason

    assert reason([row for row in quickstart if row.role != "teacher"]) == "the student is its own teacher"
    modes = {
        "quickstart": {"pairs": {"small-world": {"student": "a", "teacher": "b", "modes": {"student": "plain", "teacher": "thinking"}}}}
    }
    assert reason(quickstart, modes) == "the teacher thinks and the student does not"
    base = next(row for row in quickstart if row.role == "student")
    same = [row.model_copy(update={"scores": base.scores}) if row.role == "teacher" else row for row in quickstart]
    assert reason(same) == "the teacher cannot be told from the untrained student"


def test_pass_at_k_over_k(quickstart):
    (group,) = board(quickstart).groups
    hard, held_out = group.curves
    assert (held_out.exam, held_out.ks) == ("chain-held-out", (1, 2, 4, 8, 16))
    curve = next(row for row in hard.rows if row.label == "trd")
    cell = next(cell for exam, cell in zip(group.exams, row_of(group, "trd").cells, strict=True) if exam.name == "chain-hard")
    values = [point.value.value for point in curve.points]
    assert values[0] == pytest.approx(cell.avg.value) and values[-1] == pytest.approx(cell.passed) and values == sorted(values)
    assert [point.every for point in curve.points] == [False] * 4 + [True]
    for point in curve.points:
        low, high = point.value.interval95
        assert 0 <= low <= point.value.value <= high <= 1
    assert "| 16 = n |" in text(board(quickstart))


def test_two_seeds_are_checkpoints_without_ranks_or_bold(one_pair):
    two = [row for row in one_pair if row.seed in (None, 0, 1)]
    group = board(two).groups[0]
    assert group.checkpoints and all(row.rank is None for row in group.rows)
    assert plain(group.sentence).startswith("2 seeds: checkpoint differences, no ranks.")
    trd = row_of(group, "trd")
    assert trd.base.checkpoints and trd.base.seeds == 2
    gaps = [
        (rates(two, "trd", exam, group.pair) - rates(two, "student", exam, group.pair)).mean(axis=0)
        for exam in ("chain-held-out", "chain-hard")
    ]
    assert trd.base.stderr == pytest.approx(np.sqrt(sum(gap.var(ddof=1) / len(gap) for gap in gaps)) / 2)


def test_an_exam_sat_in_several_ways_is_the_primary_at_the_end_of_the_budget(quickstart):
    def twice(row):
        scores = {f"{name} (own@1)@50%": score.model_copy(update={"protocol": "own@1", "at": "50%"}) for name, score in row.scores.items()}
        return row.model_copy(update={"scores": {f"{name} (quickstart@3fe1)": score for name, score in row.scores.items()} | scores})

    rows = [twice(row) for row in quickstart if row.label != "student_again"]
    suite = {"quickstart": {"report": {"primary": {"metric": "avg@16", "over": ["chain-hard"]}}}}
    (group,) = board(rows, suite).groups
    score = next(row for row in quickstart if row.label == "trd").scores["chain-hard"]
    assert row_of(group, "trd").primary.value == pytest.approx(sum(score.correct) / 16 / score.problems)


def test_a_curve_is_no_part_of_the_primary_and_an_exam_keeps_its_margin_beside_one(quickstart):
    """An exam that is sat at the end in one way and on the way in another has two columns; what is reached is reached at the end."""

    def with_curve(row):
        score = row.scores["chain-hard"]
        early = {"chain-hard (own@1)": score.model_copy(update={"protocol": "own@1", "at": "50%"})}
        rest = {name: each for name, each in row.scores.items() if name != "chain-hard"}
        return row.model_copy(update={"scores": {**rest, "chain-hard (quickstart@3fe1)": score, **early}})

    names = ["chain-held-out", "chain-hard (quickstart@3fe1)", "chain-hard (own@1)"]
    report = {"primary": {"metric": "avg@16", "over": "all", "weight": "exams"}, "margins": {"chain-hard": 0.05}}
    rows = [with_curve(row) for row in quickstart if "chain-hard" in row.scores]
    (group,) = board(rows, {"quickstart": {"exams": names, "report": report}}).groups
    assert group.primary.over == tuple(names[:2])
    row = row_of(group, "trd")
    assert row.kept[0].verdict == "kept" and row.kept[0].delta == row.cells[1].delta


def test_the_terminal_fits_a_hundred_columns_with_claims(one_pair):
    said = table(
        one_pair, claimed("trd > forward_kl", "opsd >= student - 0.5", "reverse_kl > reverse_kl_topk", margins={"chain-hard": 0.01})
    )
    assert max(map(len, said.splitlines())) <= 100
    assert "supported: +" in said and "undecided: " in said

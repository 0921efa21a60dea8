"""From results to a board: figures against independent computation, and what may be claimed."""

import math

import numpy as np
import pytest
from scipy import stats

from harness.results import Answers
from reports.sees import sees
from reports.tables import board
from reports.words import amount, hours, moment, plain, points, short


@pytest.fixture
def group(quickstart):
    (found,) = board(quickstart).groups
    return found


def row_of(group, label):
    return next(row for row in (*group.rows, *group.retired) if row.label == label)


def score_of(results, label, exam):
    return next(row for row in results if row.label == label).scores[exam]


def test_every_figure_follows_from_the_counts(group, quickstart):
    for label in ("student", "trd", "opsd", "placebo"):
        row, deltas, errors = row_of(group, label), [], []
        for exam, cell in zip(group.exams, row.cells, strict=True):
            score, base = score_of(quickstart, label, exam.name), score_of(quickstart, "student", exam.name)
            rates = [right / 16 for right in score.correct]
            assert cell.avg.value == pytest.approx(sum(rates) / len(rates))
            assert cell.avg.stderr == pytest.approx(np.std(rates, ddof=1) / math.sqrt(len(rates)))
            assert cell.passed == pytest.approx(np.mean([right > 0 for right in score.correct]))  # Pass@16 of 16: any right
            if label != "student":
                paired = stats.ttest_rel(rates, [right / 16 for right in base.correct])
                assert cell.delta.value == pytest.approx(np.mean(rates) - np.mean(base.correct) / 16)
                assert cell.delta.interval95 == pytest.approx(tuple(paired.confidence_interval()))
                deltas.append(cell.delta.value)
                errors.append(cell.delta.stderr)
        assert row.primary.value == pytest.approx(np.mean([cell.avg.value for cell in row.cells]))
        if label != "student":
            assert row.base.value == pytest.approx(np.mean(deltas))
            assert row.base.stderr == pytest.approx(math.hypot(*errors) / 2)


def test_figures_of_the_file_are_not_believed(quickstart, make_score):
    lying = (
        quickstart[3]
        .scores["chain-hard"]
        .model_copy(update={"avg_at": quickstart[3].scores["chain-hard"].avg_at.model_copy(update={"value": 0.99})})
    )
    changed = quickstart[3].model_copy(update={"scores": quickstart[3].scores | {"chain-hard": lying}})
    assert board([*quickstart[:3], changed, *quickstart[4:]]) == board(quickstart)


def test_one_seed_says_so_and_gives_no_rank(group):
    said = plain(group.sentence)
    assert said.startswith("One seed: checkpoint differences, no ranks.")
    assert "`trd`" in said
    assert "`opsd` cannot be told from it" in said
    assert "lead" not in said
    assert all(row.rank is None for row in group.rows)


def test_no_row_inside_the_band_of_identical_things_is_coloured(group):
    reach = max(abs(end) for end in row_of(group, "student_again").base.interval95)
    assert max(-group.noise.low, group.noise.high) == pytest.approx(reach)
    for row in group.rows:
        if row.beyond:
            assert not group.noise.low <= row.base.value <= group.noise.high
            assert row.base.p_value < 0.05
    assert row_of(group, "student_again").beyond is None


def test_three_seeds_give_rank_intervals(three_seeds):
    groups = board(three_seeds).groups
    assert [group.pair for group in groups] == ["llama-1b-from-8b", "qwen3-1.7b-from-8b"]
    for group in groups:
        ranked = [row for row in group.rows if row.rank]
        assert {row.label for row in ranked} == {"forward_kl", "reverse_kl", "reverse_kl_topk", "trd", "opsd"}
        assert row_of(group, "opsd").rank == (5, 5)
        assert min(row.rank[0] for row in ranked) == 1
        assert [row.primary.value for row in ranked] == sorted((row.primary.value for row in ranked), reverse=True)
        assert "lead" in plain(group.sentence)
        assert "no ranks" not in plain(group.sentence)


def test_divisions_do_not_share_a_ranking(three_seeds):
    tuned = [row.model_copy(update={"division": "tuned"}) if row.label == "trd" else row for row in three_seeds]
    group = board(tuned).groups[0]
    assert row_of(group, "trd").rank is None
    assert row_of(group, "opsd").rank == (4, 4)


def test_failed_and_incomplete_rows_have_reasons_and_no_figures(group):
    for label, reason in (
        ("reverse_kl_hot", "failed: the loss was not finite at update 31"),
        ("forward_kl_clip", "incomplete: stopped by the user at update 12"),
    ):
        row = row_of(group, label)
        assert row.reason == reason
        assert row.primary is None
        assert row.base is None
        assert all(cell.avg is None for cell in row.cells)


def test_a_missing_answer_makes_the_cell_incomplete_never_zero(quickstart, make_row, make_score):
    broken = next(row for row in quickstart if row.label == "trd")
    short_of_one = make_score([8] * 128, graded=[16] * 127 + [15], problems_hash="p-chain-held-out")
    changed = broken.model_copy(update={"scores": broken.scores | {"chain-held-out": short_of_one}})
    (group,) = board([row if row.label != "trd" else changed for row in quickstart]).groups
    row = row_of(group, "trd")
    cell = next(cell for exam, cell in zip(group.exams, row.cells, strict=True) if exam.name == "chain-held-out")
    assert (cell.avg, cell.note) == (None, "incomplete 2,047/2,048")
    assert row.primary is None
    assert "incomplete 2,047/2,048" in row.marks


def test_unlike_protocols_do_not_share_a_column(quickstart):
    other = next(row for row in quickstart if row.label == "trd")
    scores = {name: score.model_copy(update={"protocol": "other@1111"}) for name, score in other.scores.items()}
    (group,) = board([row if row.label != "trd" else row.model_copy(update={"scores": scores}) for row in quickstart]).groups
    assert [exam.protocol for exam in group.exams] == ["other@1111", "quickstart@3fe1"] * 2
    row = row_of(group, "trd")
    assert (row.primary, row.base) == (None, None)
    assert all(cell.delta is None for cell in row.cells)
    assert "other protocol" in row.marks


def test_the_second_sitting_shares_the_columns_of_the_first(group):
    assert {exam.protocol for exam in group.exams} == {"quickstart@3fe1"}
    assert all(cell.delta for cell in row_of(group, "student_again").cells)


def test_a_score_on_the_way_is_a_column_but_not_the_primary(quickstart):
    early = [
        row.model_copy(update={"scores": row.scores | {"chain-hard@50%": row.scores["chain-hard"].model_copy(update={"at": "50%"})}})
        if row.label == "trd"
        else row
        for row in quickstart
    ]
    (group,), (before,) = board(early).groups, board(quickstart).groups
    assert "chain-hard@50%" in {exam.name for exam in group.exams}
    assert row_of(group, "trd").primary == row_of(before, "trd").primary
    assert row_of(group, "trd").marks == row_of(before, "trd").marks


def test_a_score_on_the_way_is_compared_with_the_untrained_student(quickstart):
    way = next(row for row in quickstart if row.label == "forward_kl").scores["chain-hard"].model_copy(update={"at": "50%"})
    trd = next(row for row in quickstart if row.label == "trd")

    def cell(score):
        rows = [row if row is not trd else trd.model_copy(update={"scores": trd.scores | {"chain-hard@50%": score}}) for row in quickstart]
        (group,) = board(rows).groups
        at = [exam.name for exam in group.exams].index("chain-hard@50%")
        assert row_of(group, "student").cells[at].avg is None
        return row_of(group, "trd").cells[at]

    (before,) = board(quickstart).groups
    at = [exam.name for exam in before.exams].index("chain-hard")
    assert cell(way).delta == row_of(before, "forward_kl").cells[at].delta
    assert cell(way.model_copy(update={"protocol": "other@1111"})).delta is None
    assert cell(way.model_copy(update={"problems_hash": "p-other"})).delta is None


def test_budgets_make_tables_of_their_own(quickstart):
    more = [row.model_copy(update={"budget": "hours"}) for row in quickstart if row.label == "trd"]
    groups = board([*quickstart, *more]).groups
    assert [group.budget for group in groups] == ["hours", "steps"]
    assert [row.label for row in groups[0].rows] == ["student", "student_again", "teacher", "trd"]


def test_rows_that_the_suite_no_longer_names_are_set_apart(quickstart):
    (group,) = board(quickstart, {"quickstart": {"rows": ["trd", "forward_kl", "sft_teacher"]}}).groups
    assert [row.label for row in group.block("method")] == ["trd", "forward_kl"]
    assert "opsd" in {row.label for row in group.retired}
    assert "opsd" not in plain(group.sentence)


def test_best_control_is_the_best_trained_one(group):
    assert group.best_control == "sft_teacher"
    assert row_of(group, "sft_teacher").control is None
    assert row_of(group, "trd").control.value == pytest.approx(
        row_of(group, "trd").primary.value - row_of(group, "sft_teacher").primary.value
    )


def test_without_the_untrained_student_nothing_is_claimed(quickstart):
    (group,) = board([row for row in quickstart if row.role != "student"]).groups
    assert all(row.base is None for row in group.rows)
    assert plain(group.sentence).startswith("No trained row can be compared")


def test_no_results_make_an_empty_board():
    assert board([]).groups == ()


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ({"writer": "Student()", "teacher": "Pair()", "reads": "Plain()", "loss": "Loss(ForwardKL())"}, ("teacher logits",)),
        (
            {"writer": "Teacher()", "teacher": "Pair()", "reads": "WithAttempt()", "loss": "Loss(ForwardKL())"},
            ("teacher logits", "teacher text"),
        ),
        (
            {"writer": "Student()", "teacher": "Frozen()", "reads": "WithSolution()", "loss": "Loss(ForwardKL())"},
            ("own logits", "reference solutions"),
        ),
        ({"writer": "Teacher()", "teacher": "Nobody()", "reads": "Plain()", "loss": "NLL()"}, ("teacher text",)),
        ({"writer": "Student()", "teacher": "Nobody()", "reads": "Plain()", "loss": "NLL()"}, ("nothing",)),
        (
            {"writer": "Student()", "teacher": "Pair()", "reads": "Plain()", "loss": "Loss(ReverseKL())", "keep": "Failed()"},
            ("teacher logits", "gold answers"),
        ),
        (
            {
                "writer": "Student()",
                "teacher": "Nobody()",
                "reads": "Plain()",
                "loss": "NLL()",
                "also": {"sft": {"writer": "Solution()", "loss": "NLL()", "teacher": "Nobody()"}},
            },
            ("reference solutions",),
        ),
        (
            {
                "writer": "Student()",
                "teacher": "Pair()",
                "reads": "Plain()",
                "loss": "Loss(ReverseKL(), support=Sampled(), route=Policy(ratio_clip=0.2))",
            },
            ("teacher logits",),
        ),
        (
            {
                "writer": "Student()",
                "teacher": "Frozen()",
                "reads": "WithSolution(template='trd-reference', fallback='answer')",
                "loss": "Loss(ForwardKL())",
            },
            ("own logits", "reference solutions", "gold answers"),
        ),
        (
            {
                "writer": "Teacher()",
                "teacher": "Frozen()",
                "reads": "WithAttemptAndSolution()",
                "loss": "Loss(ForwardKL())",
                "keep": "All()",
            },
            ("own logits", "own text", "reference solutions"),
        ),
        (
            {
                "writer": "Student()",
                "teacher": "Nobody()",
                "reads": "Plain()",
                "loss": "NLL()",
                "also": {
                    "again": "Term(loss=Loss(ForwardKL()), weight=1.0, writer=Teacher(), teacher=Pair(), reads=WithAttempt(), "
                    "tokens=Every(), keep=Recovered())"
                },
            },
            ("teacher logits", "teacher text", "gold answers"),
        ),
        *(
            (
                {"writer": "Teacher()", "teacher": "Pair()", "reads": "WithAttempt()", "loss": "Loss(ForwardKL())", "keep": f"{keep}()"},
                ("teacher logits", "teacher text", "gold answers"),
            )
            for keep in ("Failed", "Solved", "Recovered")
        ),
        ({}, ()),
    ],
)
def test_sees_follows_from_the_answers(answers, found):
    assert sees(Answers(**answers)) == found


def test_words():
    assert (points(0.0312), points(-0.0312), points(-0.0001)) == ("+3.1", "−3.1", "0.0")
    assert [short(number) for number in (0, 60, 122_880, 999_950, 3.4e12)] == ["0", "60", "123 k", "1.00 M", "3.40 T"]
    assert [hours(number) for number in (None, 0, 4.1e-5, 3.14159)] == ["–", "0", "4.1·10⁻⁵", "3.14"]


def with_report(**primary):
    return {"quickstart": {"exams": ["chain-held-out", "chain-hard"], "report": {"baseline": "forward_kl", "primary": primary}}}


def test_the_suite_says_what_the_primary_is(quickstart):
    rows = {row.label: row.scores for row in quickstart}
    held_out, hard = rows["trd"]["chain-held-out"], rows["trd"]["chain-hard"]
    (group,) = board(quickstart, with_report(metric="avg@16", over="all", weight="problems")).groups
    assert row_of(group, "trd").primary.value == pytest.approx((sum(held_out.correct) + sum(hard.correct)) / 16 / (128 + 64))
    assert (group.primary.title, group.primary.weight, group.primary.asked) == ("Avg@16", "problems", None)
    (group,) = board(quickstart, with_report(metric="avg@16", over=["chain-hard"], weight="exams")).groups
    assert row_of(group, "trd").primary.value == pytest.approx(sum(hard.correct) / 16 / 64)
    assert group.primary.over == ("chain-hard",)


def test_the_primary_may_be_pass_at_k(quickstart):
    (group,) = board(quickstart, with_report(metric="pass@8", over="all", weight="exams")).groups
    scores = {result.label: result.scores for result in quickstart}

    def pass_at_8(label: str) -> float:
        by_hand = [[1 - math.comb(16 - right, 8) / math.comb(16, 8) for right in score.correct] for score in scores[label].values()]
        return float(np.mean([np.mean(exam) for exam in by_hand]))

    assert group.primary.title == "Pass@8"
    row = row_of(group, "trd")
    assert row.primary.value == pytest.approx(pass_at_8("trd"))
    assert row.base.value == pytest.approx(pass_at_8("trd") - pass_at_8("student"))


@pytest.mark.parametrize(("metric", "asked"), [("avg@8", "avg@8"), ("pass@32", "pass@32"), ("AVG 16", "AVG 16")])
def test_a_primary_that_the_samples_cannot_give_is_said_to_be_another(quickstart, metric, asked):
    (group,) = board(quickstart, with_report(metric=metric)).groups
    assert (group.primary.title, group.primary.asked) == ("Avg@16", asked)


def test_rows_are_compared_with_the_baseline_of_the_suite(quickstart):
    (group,) = board(quickstart, with_report(metric="avg@16")).groups
    trd, forward = row_of(group, "trd"), row_of(group, "forward_kl")
    assert group.baseline == "forward_kl"
    assert trd.baseline.value == pytest.approx(trd.primary.value - forward.primary.value)
    assert forward.baseline is None


def test_one_seed_is_a_mark_only_where_others_have_more(three_seeds, quickstart):
    assert not any("one seed" in row.marks for row in board(quickstart).groups[0].rows)
    fewer = [row for row in three_seeds if row.label != "trd" or row.seed == 0]
    assert "one seed" in row_of(board(fewer).groups[0], "trd").marks


def test_where_all_methods_are_above_the_sentence_gives_both_ends(quickstart):
    rows = [row for row in quickstart if row.label not in ("opsd", "reverse_kl_hot", "forward_kl_clip")]
    assert "All 4 rows beat the untrained student beyond noise, from `" in plain(board(rows).groups[0].sentence)


def test_figures_for_people():
    assert (hours(9.97e-8), hours(1.2e-7), hours(0.00999)) == ("1.0·10⁻⁷", "1.2·10⁻⁷", "1.0·10⁻²")
    assert [short(number) for number in (0.00059231, -0.5, 3.2e-6)] == ["0.000592", "−0.5", "3.2·10⁻⁶"]
    assert [amount(number) for number in (1_234_567, 7.5, 5.0, 1.9067929190175438e-07)] == ["1,234,567", "7.5", "5", "1.91·10⁻⁷"]
    assert (moment("2026-11-20T23:00:49+00:00"), moment("2026-11-20")) == ("2026-11-20 23:00 UTC", "2026-11-20")


def test_many_rows_that_nothing_is_claimed_of_are_counted(quickstart, make_row):
    level = [make_row(f"level-{number}", level=0.33) for number in range(6)]
    said = plain(board([*quickstart, *level]).groups[0].sentence)
    assert "The other 7 rows with a score cannot be told from it." in said  # and opsd
    assert "level-3" not in said

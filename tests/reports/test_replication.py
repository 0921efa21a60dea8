"""What papers published beside what was measured here: shown apart, in no figure of the rest; and each claim judged."""

import json
from dataclasses import replace

import pytest
from scipy import stats

import reports
from harness.cli import main
from harness.results import write_result
from reports.nouns import Delta
from reports.replication import judged, power

EXAMS = {"aime24": 30, "aime25": 30}
PAIRS = {"mine": {"student": "Qwen/Qwen3-1.7B@0123", "teacher": "Qwen/Qwen3-8B@4567"}}


@pytest.fixture
def home(tmp_path, make_row):
    """A suite on the models of a paper's first tables, under names of its own."""
    folder = tmp_path / "results" / "again"
    for label in ("student", "forward_kl", "trd", "opsd"):
        write_result(folder, make_row(label, suite="again", pair="mine", exams=EXAMS))
    return folder


def asking(folder, *names, pairs=PAIRS):
    suite = {
        "suite": "again",
        "pairs": pairs,
        "report": {"baseline": "forward_kl", "reported": list(names)},
        "deviations": ["another seed"],
    }
    (folder / "suite.json").write_text(json.dumps(suite))
    return folder


def test_a_suite_asks_for_a_papers_tables(home):
    (group,) = reports.load([asking(home, "trd")]).groups
    (table,) = group.published
    assert (table.study, table.paper, table.pair) == ("TRD", "arXiv:2606.08432", "qwen3-1.7b-from-8b")
    assert table.rows[0].label == "student" and len(table.rows) == 6
    trd = table.row("trd")
    at = dict(zip(table.columns, trd.cells, strict=True))
    assert [figure.value for figure in at["aime24", "avg@16"]] == [0.494]
    assert at["aime24", "avg@16"][0].where == "Table 1" and at["aime24", "avg@16"][0].delta == pytest.approx(0.046)


def test_no_figure_of_the_rest_depends_on_them(home):
    (without,) = reports.load([asking(home)]).groups
    (group,) = reports.load([asking(home, "trd")]).groups
    assert without.published == () and without.cards == ()
    assert replace(group, published=(), cards=()) == without
    assert all(row.block != "reported" for row in group.rows)


def test_tables_of_other_models_stay_away(home):
    for pairs in ({"mine": {"student": "Qwen/Qwen3-8B@1", "teacher": "Qwen/Qwen3-8B@1"}}, {"mine": {"student": "small-world/student"}}, {}):
        (group,) = reports.load([asking(home, "trd", pairs=pairs)]).groups
        assert group.published == ()


def test_the_card_sets_each_claim_beside_ours(home):
    (group,) = reports.load([asking(home, "trd")]).groups
    (card,) = group.cards
    claims = {(claim.label, claim.against, claim.metric, claim.exams): claim for claim in card.claims}
    both = claims["trd", "student", "avg@16", ("aime24", "aime25")]
    assert both.claimed == pytest.approx((0.494 - 0.448 + 0.375 - 0.358) / 2)
    one = claims["trd", "forward_kl", "avg@16", ("aime25",)]
    assert one.claimed == pytest.approx(0.375 - 0.371)
    trd = next(row for row in group.rows if row.label == "trd")
    assert both.ours.value == pytest.approx(trd.base.value) and both.ours.interval95 == pytest.approx(trd.base.interval95)
    assert one.ours.value == pytest.approx(
        trd.cells[1].avg.value - next(r for r in group.rows if r.label == "forward_kl").cells[1].avg.value
    )
    assert both.checkpoints and both.seeds == 1
    assert ("trd", "student", "pass@16", ("aime24", "aime25")) in claims
    assert not any(claim.label == "opsd" for claim in card.claims)  # the paper has no such row with a teacher
    assert card.deviations == ("another seed",)
    assert sum(card.verdicts.values()) == sum(len(claim.exams) > 1 and claim.verdict is not None for claim in card.claims)


def test_a_wrong_delta_is_told_with_its_mark(tmp_path, make_row):
    folder = tmp_path / "self"
    for label in ("student", "trd_self"):
        write_result(folder, make_row(label, suite="again", pair="mine", exams={"amobench": 39}))
    asking(folder, "trd", pairs={"mine": {"student": "Qwen/Qwen3-4B-Instruct-2507@1", "teacher": None}})
    (group,) = reports.load([folder]).groups
    (claim,) = (claim for claim in group.cards[0].claims if claim.metric == "avg@16")
    assert claim.claimed == pytest.approx(0.103 - 0.106) and claim.printed == pytest.approx(0.006)
    assert {mark.kind for mark in claim.marks} == {"delta", "cross_table"}


@pytest.mark.parametrize(
    ("claimed", "low", "high", "verdict"),
    [
        (0.04, 0.02, 0.06, "consistent"),
        (0.04, 0.045, 0.06, "consistent"),  # larger than claimed
        (0.04, 0.01, 0.03, "smaller"),
        (0.04, -0.01, 0.02, "contradicted"),
        (0.04, -0.05, -0.01, "contradicted"),
        (0.04, -0.01, 0.06, "too noisy to tell"),
        (-0.04, -0.06, -0.02, "consistent"),
        (-0.04, -0.03, -0.01, "smaller"),
        (-0.04, 0.01, 0.05, "contradicted"),
        (0.001, 0.02, 0.06, None),  # nothing was claimed
        (0.04, 0.02, 0.0395, "consistent"),  # within the rounding of what was printed
    ],
)
def test_verdicts(claimed, low, high, verdict):
    ours = Delta((low + high) / 2, (low, high), (high - low) / 4)
    assert judged(claimed, 0.001, ours)[0] == verdict
    assert judged(-claimed, 0.001, Delta(-(low + high) / 2, (-high, -low), (high - low) / 4))[0] == verdict
    assert judged(claimed, 0.001, None)[0] is None


def test_power_is_that_of_the_test():
    """Against the noncentral t, from which the approximation is 2 points away at most."""
    for freedom, error, claimed in ((29, 0.02, 0.05), (29, 0.02, 0.02), (228, 0.01, 0.03), (99, 0.03, 0.0)):
        half = stats.t.ppf(0.975, freedom) * error
        exact = stats.nct.sf(stats.t.ppf(0.975, freedom), freedom, claimed / error) + stats.nct.cdf(
            -stats.t.ppf(0.975, freedom), freedom, claimed / error
        )
        assert power(claimed, Delta(0.0, (-half, half), error)) == pytest.approx(exact, abs=0.02)


def test_the_command_reads_published_rows_among_the_others(home, tmp_path, capsys):
    asking(home, "trd")
    assert main(["report", str(home.parent), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err == ""

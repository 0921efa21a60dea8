"""Made results: counts drawn from a fixed seed, in the shape of the quickstart and of a three-seed suite."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.metrics import pass_at
from harness.results import Answers, AvgAt, Cost, ExamScore, Meters, Provenance, Result, write_result

SAMPLES = 16
EXAMS = {"chain-held-out": 128, "chain-hard": 64}
ANSWERS = {
    "forward_kl": Answers(writer="Student()", teacher="Pair()", reads="Plain()", loss="Loss(ForwardKL())", tokens="Every()", keep="All()"),
    "reverse_kl": Answers(writer="Student()", teacher="Pair()", reads="Plain()", loss="Loss(ReverseKL())", tokens="Every()", keep="All()"),
    "reverse_kl_topk": Answers(
        writer="Student()",
        teacher="Pair()",
        reads="Plain()",
        loss="Loss(ReverseKL(), support=TopK(32, of='teacher', tail='renorm'))",
        tokens="Every()",
        keep="All()",
    ),
    "trd": Answers(writer="Teacher()", teacher="Pair()", reads="WithAttempt()", loss="Loss(ForwardKL())", tokens="Every()", keep="All()"),
    "opsd": Answers(
        writer="Student()",
        teacher="Frozen()",
        reads="WithSolution()",
        loss="Loss(ForwardKL(), temperature=1.1)",
        tokens="Every()",
        keep="All()",
    ),
    "sft_teacher": Answers(writer="Teacher()", teacher="Nobody()", reads="Plain()", loss="NLL()", tokens="Every()", keep="All()"),
    "placebo": Answers(writer="Student()", teacher="Nobody()", reads="Plain()", loss="NLL()", tokens="Every()", keep="All()"),
}
LEVEL = {
    "student": 0.33, "student_again": 0.33, "teacher": 0.9, "forward_kl": 0.78, "reverse_kl": 0.81, "reverse_kl_topk": 0.8,
    "trd": 0.84, "opsd": 0.37, "sft_teacher": 0.7, "placebo": 0.32,
}  # fmt: skip
CONTROLS = ("sft_teacher", "placebo")


@pytest.fixture(scope="session")
def answered():
    """A function that gives a row answers in a store: see answered.py."""
    spec = importlib.util.spec_from_file_location("answered", Path(__file__).with_name("answered.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.answered


@pytest.fixture(scope="session")
def chromium():
    """One browser for all tests of pages: Debian's, driven through its own protocol."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright (pip install -e '.[dev]')")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """A function that opens a file of the site in a window of its own. At the end: no fault in the console, no request to any host."""
    with contextlib.ExitStack() as windows:
        said, asked = [], []

        def opened(path, width=1280, scheme="light", height=900):
            context = windows.enter_context(chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme))
            page = context.new_page()
            page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
            page.on("pageerror", lambda fault: said.append(str(fault)))
            page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
            page.on("request", lambda request: asked.append(request.url))
            page.goto(path if isinstance(path, str) else path.as_uri())
            return page

        yield opened
        assert said == []
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


@pytest.fixture
def look(visit):
    """A function that opens a page, runs a probe in it, and gives what the probe returns."""

    def looked(path, probe, width=1280, scheme="light"):
        return visit(path, width, scheme).evaluate(f"() => {{ {probe} }}")

    return looked


@pytest.fixture(scope="session")
def make_score():
    def made(correct, samples=SAMPLES, protocol="quickstart@3fe1", problems_hash="p-1", graded=None, truncated=0) -> ExamScore:
        graded = list(graded or [samples] * len(correct))
        correct = [int(count) for count in correct]
        rates = np.array(correct) / np.array(graded)
        return ExamScore(
            problems=len(correct), samples=samples, problems_hash=problems_hash, graded=graded, correct=correct,
            avg_at=AvgAt(k=samples, value=float(rates.mean()), stderr=float(rates.std(ddof=1) / len(rates) ** 0.5)),
            pass_at={str(k): pass_at(correct, graded, k) for k in (1, 8, 16) if k <= min(graded)}, truncated=truncated, ungraded=samples * len(correct) - sum(graded), protocol=protocol,
        )  # fmt: skip

    return made


@pytest.fixture(scope="session")
def make_row(make_score):
    def made(label, pair="small-world", seed=0, suite="quickstart", level=None, status="done", reason=None, exams=EXAMS, **more) -> Result:
        role = (
            "student"
            if label == "student"
            else "teacher"
            if label == "teacher"
            else "control"
            if label in (*CONTROLS, "student_again")
            else "method"
        )
        trained = label in ANSWERS or role == "method"
        scores = {}
        for place, (exam, problems) in enumerate(exams.items()):
            difficulty = np.random.default_rng(100 + place).beta(0.7, 0.7, problems)
            level_here = (LEVEL.get(label, 0.5) if level is None else level) - 0.12 * place
            dice = np.random.default_rng([place, seed or 0, *label.encode(), *pair.encode()])
            rates = np.clip(level_here + 0.55 * (difficulty - 0.5) + (dice.normal(0, 0.02) if trained else 0), 0, 1)
            protocol = "quickstart@9a07" if label == "student_again" else "quickstart@3fe1"
            if status == "done":
                scores[exam] = make_score(
                    dice.binomial(SAMPLES, rates), problems_hash=f"p-{exam}", protocol=protocol, truncated=int(40 * (label == "opsd"))
                )
        wrote = 0 if label == "sft_teacher" else 122_880
        charged = Meters(
            updates=60,
            epochs=7.5,
            rounds=5,
            student_written=wrote,
            teacher_written=118_400 * (label in ("trd", "sft_teacher")),
            teacher_read=301_213 * (label != "placebo"),
            trained=120_113,
            flops=3.4e12 if label != "trd" else 5.9e12,
            gpu_hours=4.1e-5 if label != "trd" else 7.7e-5,
        )
        return Result(
            suite=suite,
            pair=pair,
            label=label,
            method=label if trained else None,
            role=role,
            seed=seed if trained else None,
            budget="steps" if trained else None,
            status=status,
            reason=reason,
            answers=more.pop("answers", ANSWERS.get(label, Answers())),
            scores=scores,
            cost=Cost(charged=charged, paid={"updates": 60}, measured={"seconds": 21.4}) if trained else Cost(),
            ended_by="updates" if trained else None,
            diagnostics={
                "rollouts_accuracy": 0.41171875,
                "rollouts_mean_length": 62.00390625,
                "rollouts_truncated_share": 0.0,
                "lag": 1.5,
                "last_objective": 0.013237302628592,
                "something_new": 0.123456789012345,
                "dropped": 12,
            }
            if trained
            else {},
            provenance=Provenance(
                commit="1f2e3d4c5b6a7980",
                dirty=False,
                date="2026-11-20",
                device="cpu",
                versions={"torch": "2.13.0", "transformers": "5.19.0"},
            ),
            **more,
        )

    return made


@pytest.fixture(scope="session")
def quickstart(make_row):
    """One seed, one pair; a failed and an incomplete row."""
    labels = ("student", "student_again", "teacher", *ANSWERS)
    rows = [make_row(label) for label in labels]
    rows.append(
        make_row(
            "reverse_kl_hot",
            status="failed",
            reason="the loss was not finite at update 31",
            answers=ANSWERS["reverse_kl"],
            overrides={"optim.learning_rate": "0.2"},
        )
    )
    rows.append(make_row("forward_kl_clip", status="incomplete", reason="stopped by the user at update 12", answers=ANSWERS["forward_kl"]))
    return rows


@pytest.fixture(scope="session")
def three_seeds(make_row):
    labels = ("student", "student_again", "teacher", *ANSWERS)
    return [
        make_row(label, seed=seed, suite="equal-budgets", pair=pair)
        for pair in ("qwen3-1.7b-from-8b", "llama-1b-from-8b")
        for label in labels
        for seed in ((0, 1, 2) if label in ANSWERS else (None,))
    ]


@pytest.fixture
def folder(tmp_path, quickstart):
    """The quickstart's results as files, with its resolved suite."""
    home = tmp_path / "results" / "quickstart"
    for row in quickstart:
        write_result(home, row)
    labels = [row.label for row in quickstart if row.method]
    suite = {
        "suite": "quickstart",
        "rows": labels,
        "exams": list(EXAMS),
        "deviations": ["authors train on raw re-tokenised text without EOS"],
    }
    (home / "suite.json").write_text(json.dumps(suite), encoding="utf-8")
    return home

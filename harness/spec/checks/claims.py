"""Claims and margins: every row, exam, pair and budget that they name is there, and the metric can be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.claims import GRAMMAR, REFERENCES, Order, parse
from harness.document import Document, did_you_mean
from harness.spec.checks.exams import exam_samples, wrong_metric
from harness.spec.checks.names import Lines
from harness.spec.model import Claim

if TYPE_CHECKING:
    from harness.spec import Suite

Path_ = tuple[str | int, ...]


def claims_that_hold(suite: Suite, document: Document) -> tuple[Claim, ...]:
    """Without inherited ones about rows, exams, pairs or budgets that this suite does not have: they had their effect where they stand."""
    if document.own(("claims",)) or not suite.claims:
        return suite.claims
    labels, exams = {*REFERENCES, *(row.label for row in suite.rows)}, set(exam_samples(suite))

    def holds(claim: Claim) -> bool:
        order = parse(claim.that)
        there = claim.pair in (None, *suite.pairs) and claim.budget in (None, *suite.budgets) and set(claim.exams) <= exams
        return there and (order is None or {order.a, order.b} <= labels)

    return tuple(claim for claim in suite.claims if holds(claim))


def claims(suite: Suite, document: Document) -> Lines:
    samples = exam_samples(suite)
    own = document.own(("claims",))
    for index, claim in enumerate(suite.claims):
        path = ("claims", index) if own else ("claims",)
        order = parse(claim.that)
        if order is None:
            yield document.fault((*path, "that"), f"{claim.that!r} is no claim. Write {GRAMMAR}, and a space around every sign.")
        else:
            yield from sides(suite, document, (*path, "that"), order, claim)
        yield from exams_and_metric(suite, document, path, claim, samples)
        for key, name, known in (("pair", claim.pair, suite.pairs), ("budget", claim.budget, suite.budgets)):
            if name is not None and name not in known:
                yield document.fault((*path, key), f"there is no {key} {name!r}.{did_you_mean(name, known)}")


def sides(suite: Suite, document: Document, path: Path_, order: Order, claim: Claim) -> Lines:
    known = [*(row.label for row in suite.rows), *REFERENCES]
    for label in (order.a, order.b):
        if label not in known:
            yield document.fault(path, f"there is no row {label!r}.{did_you_mean(label, known)}")
    pairs = [pair for name, pair in suite.pairs.items() if claim.pair in (None, name)]
    if "teacher" in (order.a, order.b) and pairs and not any(pair.teacher for pair in pairs):
        yield document.fault(path, "no pair that this is claimed of has a teacher apart from the student. Compare with `student`.")


def exams_and_metric(suite: Suite, document: Document, path: Path_, claim: Claim, samples: dict[str, int]) -> Lines:
    primary = suite.report.primary
    for place, exam in enumerate(claim.exams):
        if exam not in samples:
            at = (*path, "exam") if isinstance(claim.exam, str) else (*path, "exam", place)
            yield document.fault(at, f"there is no exam {exam!r} in evaluate.{did_you_mean(exam, samples)}")
            return
    metric = claim.metric or (primary.metric if primary else None)
    if metric is None:
        return  # the mean of all answers, which every exam has
    over = claim.exams or (samples if primary is None or primary.over == "all" else primary.over)
    at = (*path, "metric") if claim.metric else path
    if metric.startswith("maj@"):
        yield document.fault(at, f"{metric} decides nothing: counts per problem give it no standard error. Name avg@k or pass@k.")
        return
    for exam in over:
        if text := wrong_metric(metric, samples[exam], exam) if exam in samples else None:
            yield document.fault(at, text)
            return


def margins(suite: Suite, document: Document) -> Lines:
    known = [*exam_samples(suite), *(task.task for group in suite.evaluate for task in group.tasks)]
    for name in suite.report.margins:
        if name not in known and document.own(("report", "margins", name)):
            yield document.fault(
                ("report", "margins", name), f"there is no exam or task {name!r} in evaluate.{did_you_mean(name, known)}", at_key=True
            )

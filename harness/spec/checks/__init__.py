"""What no single section can tell: contradictions, settings that take effect in no row, names that nobody knows.

Inertness is judged only of what this very file says: a setting inherited through `like` had its effect where it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.document import Document
from harness.spec.checks.budgets import budgets
from harness.spec.checks.claims import claims, claims_that_hold, margins
from harness.spec.checks.data import data, overlap, problem_set, problems, with_found_files
from harness.spec.checks.exams import exams, report, report_of_rows
from harness.spec.checks.lm_eval import lm_eval
from harness.spec.checks.names import names, seeds
from harness.spec.checks.needs import needs
from harness.spec.checks.pairs import located, pairs
from harness.spec.checks.training import batches, estimators, hidden_overrides, limits, optim, rows, sampling
from harness.spec.faults import Faults

if TYPE_CHECKING:
    from harness.spec import Suite

__all__ = ["check", "claims_that_hold", "located", "problem_set", "report_of_rows", "with_found_files"]


def check(suite: Suite, document: Document, faults: Faults) -> None:
    """All checks; what they find is added to `faults`."""
    for each in (
        names,
        seeds,
        pairs,
        problems,
        data,
        overlap,
        rows,
        needs,
        hidden_overrides,
        estimators,
        sampling,
        limits,
        optim,
        batches,
        budgets,
        exams,
        lm_eval,
        report,
        margins,
        claims,
    ):
        faults += each(suite, document)

"""A suite file in, checked frozen values out. Errors are `Fault`s that name file, line, column, key and remedy."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import ValidationError

from harness import catalogue
from harness.document import read_chain
from harness.protocols import Manner
from harness.records import Sampling
from harness.spec import checks
from harness.spec.faults import Faults, translate
from harness.spec.model import (
    METERS,
    Budget,
    Claim,
    EvalGroup,
    LmEvalTask,
    Overlap,
    PairSpec,
    Report,
    SamplingSpec,
    Seeds,
    SuiteFile,
    Train,
)
from harness.spec.rows import RowSpec, resolve_rows

__all__ = [
    "METERS",
    "Budget",
    "Claim",
    "EvalGroup",
    "LmEvalTask",
    "Overlap",
    "PairSpec",
    "Report",
    "RowSpec",
    "SamplingSpec",
    "Seeds",
    "Suite",
    "Train",
    "load_suite",
]


@dataclass(frozen=True)
class Suite:
    """One leaderboard: every pair meets every row, on every budget, with every seed."""

    suite: str
    path: str
    seeds: Seeds
    engine: Literal["transformers", "vllm"]
    pairs: dict[str, PairSpec]
    rows: tuple[RowSpec, ...]
    train: Train
    budgets: dict[str, Budget]
    evaluate: tuple[EvalGroup, ...]
    report: Report
    claims: tuple[Claim, ...] = ()
    overlap: Overlap | None = None
    deviations: tuple[str, ...] = ()
    sets: Mapping[str, catalogue.ProblemSet] = field(default_factory=dict)  # that stand for those named; key of the source → set
    lots: bool = False  # whether verdicts are drawn by lot

    @property
    def name(self) -> str:
        return self.suite

    @property
    def unpinned(self) -> tuple[str, ...]:
        """Models and data sets spelled `unpinned`, as name@unpinned: `plan` accepts them, `run` does not."""
        models = [model for pair in self.pairs.values() for model in pair.models if model.endswith("@unpinned")]
        sources = [self.train.problems.set, *(benchmark for group in self.evaluate for benchmark in group.benchmarks)]
        data = [unpinned for source in sources for each in self.problem_set(source).members if (unpinned := each.unpinned)]
        return tuple(dict.fromkeys([*models, *data]))

    def problem_set(self, source: str | dict[str, Any]) -> catalogue.ProblemSet:
        """The problem set that a `set:` or an entry of `benchmarks:` names or writes out."""
        return self.sets.get(self.source_key(source)) or checks.problem_set(source, os.path.dirname(self.path))

    @staticmethod
    def source_key(source: str | dict[str, Any]) -> str:
        return json.dumps(source, sort_keys=True)

    def exam_set(self, group: EvalGroup, benchmark: str | dict[str, Any]) -> catalogue.ProblemSet:
        """The exam's problems, with the texts of its protocol."""
        return self.problem_set(benchmark).under(group.protocol)

    def exam_manner(self, group: EvalGroup, benchmark: str | dict[str, Any], mode: str | None = None) -> Manner:
        """How this exam is sat: the group's own sampling, or what its protocol says for the exam's domain and the mode of who sits it.

        Without a mode: of any; n and grader are the same in all.
        """
        if group.sampling is not None:
            return Manner(Sampling(**group.sampling.model_dump()))
        assert group.protocol is not None  # checked on loading
        found = catalogue.protocol(group.protocol).manner(self.problem_set(benchmark).domain, mode)
        assert found is not None
        return found

    def exam_sampling(self, group: EvalGroup, benchmark: str | dict[str, Any], mode: str | None = None) -> SamplingSpec:
        return SamplingSpec(**vars(self.exam_manner(group, benchmark, mode).sampling))

    def exam_grader(self, group: EvalGroup, benchmark: str | dict[str, Any]) -> str:
        """What grades an exam: programs by their tests; mathematics by what the group says, or its protocol, or the exam itself."""
        problems = self.problem_set(benchmark)
        if problems.domain == "code":
            return "code"
        return group.grader or self.exam_manner(group, benchmark).grader or problems.entry.get("grader") or "typed"

    def declared(self, problems: catalogue.ProblemSet) -> bool:
        """Whether the suite says that it trains on this exam's questions, and means it."""
        return self.overlap is not None and bool({problems.name, problems.listed} & set(self.overlap.names))

    def exam_metrics(self, group: EvalGroup, benchmark: str | dict[str, Any]) -> tuple[str, ...]:
        """The group's metrics; where it says none, avg@n and pass@n."""
        n = self.exam_sampling(group, benchmark).n
        return tuple(group.metrics) if group.metrics is not None else (f"avg@{n}", f"pass@{n}")

    def resolved(self) -> dict[str, Any]:
        """The whole suite as plain data: nothing inherited, nothing left to a default."""
        return {
            "suite": self.suite,
            "engine": self.engine,
            "seeds": self.seeds.model_dump(mode="json"),
            "pairs": {name: pair.model_dump(mode="json") for name, pair in self.pairs.items()},
            "methods": [row.resolved(self.train) for row in self.rows],
            "train": self.train.model_dump(mode="json"),
            "budgets": {name: budget.limits for name, budget in self.budgets.items()},
            "evaluate": [
                {key: value for key, value in group.model_dump(mode="json", exclude_none=True).items() if value != []}
                for group in self.evaluate
            ],
            **({"overlap": self.overlap.model_dump(mode="json")} if self.overlap else {}),
            **({"claims": [claim.model_dump(mode="json", exclude_none=True) for claim in self.claims]} if self.claims else {}),
            "report": self.report.model_dump(mode="json"),
            "deviations": list(self.deviations),
        }


def load_suite(path: str | os.PathLike[str]) -> Suite:
    """The suite in a file, merged with what it is `like`, resolved and checked. Raises Fault."""
    document = checks.with_found_files(read_chain(path))
    faults = Faults()
    try:
        shape = SuiteFile.model_validate(document.data)
    except ValidationError as error:
        faults += translate(error, document, SuiteFile)
    faults.raise_if_any()
    rows = resolve_rows(document, shape.train, faults)
    faults.raise_if_any()
    pairs = {name: checks.located(pair, document, name) for name, pair in shape.pairs.items()}
    report = checks.report_of_rows(shape.report, rows, document)
    suite = Suite(
        suite=shape.suite,
        path=os.fspath(path),
        seeds=shape.seeds,
        engine=shape.engine,
        pairs=pairs,
        rows=rows,
        train=shape.train,
        budgets=shape.budgets,
        evaluate=tuple(shape.evaluate),
        report=report,
        claims=tuple(shape.claims),
        overlap=shape.overlap,
        deviations=tuple(shape.deviations),
    )
    suite = replace(suite, claims=checks.claims_that_hold(suite, document))
    checks.check(suite, document, faults)
    faults.raise_if_any()
    return suite

"""What a graded file comes to: verdicts counted, and Avg@k where every problem has as many verdicts as every other, and nothing is doubled."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.completions.rows import KINDS
from harness.grading import UNGRADED
from harness.metrics import avg_at
from harness.records import Verdict

IDS = ("problem_id", "task_id", "question_id", "id")
SAMPLES = ("sample", "sample_index", "sample_id")
NAMED = 5  # faults of one kind that are told one by one; all of them stand in the output


@dataclass
class Group:
    """The rows of one benchmark, or of one kind where they name none. `problems`: id → [rows, verdicts, right ones]."""

    name: str
    problems: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    seen: dict[tuple[str, str], int] = field(default_factory=dict)  # (id, sample) → its first line
    doubled: list[str] = field(default_factory=list)
    nameless: int = 0

    def add(self, line: int, row: dict[str, Any], verdict: Verdict, gradable: bool) -> None:
        identity = identity_of(row)
        if identity is None:
            self.nameless += 1
            return
        sample = next((row[name] for name in SAMPLES if row.get(name) is not None), None)
        if sample is not None:
            first = self.seen.setdefault((identity, str(sample)), line)
            if first != line:
                self.doubled.append(f"line {line}: problem {identity!r}, sample {sample} stands on line {first} already")
                return
        counts = self.problems[identity]
        counts[0] += 1
        counts[1] += gradable
        counts[2] += verdict.correct

    @property
    def faults(self) -> list[str]:
        """Why there is no Avg@k."""
        rows = sum(counts[0] for counts in self.problems.values())
        verdicts = sum(counts[1] for counts in self.problems.values())
        usual = max((counts[0] for counts in self.problems.values()), default=0)
        few = [identity for identity, counts in self.problems.items() if counts[0] < usual]
        found = []
        if self.nameless:
            found.append(f"{plural(self.nameless, 'row')} without an id ({', '.join(IDS)})")
        if self.doubled:
            found.append(f"{plural(len(self.doubled), 'row')} doubled")
        if verdicts < rows:
            found.append(f"incomplete, {verdicts:,} of {plural(rows, 'row')} have a verdict")
        if few:
            missing = sum(usual - self.problems[identity][0] for identity in few)
            found.append(f"incomplete, {plural(missing, 'sample')} missing to {usual} a problem, of {few[0]!r} first")
        return found

    @property
    def score(self) -> tuple[int, float, float | None, int]:
        """(k, Avg@k, its standard error over problems, problems) as fractions, where there are no faults."""
        from harness.statistics import stderr

        samples, right = [c[1] for c in self.problems.values()], [c[2] for c in self.problems.values()]
        return samples[0], avg_at(right, samples), stderr(right, samples), len(right)


@dataclass
class Tally:
    """Rows as they are written, one after the other."""

    verdicts: Counter[str] = field(default_factory=Counter)
    groups: dict[str, Group] = field(default_factory=dict)
    invalid: list[str] = field(default_factory=list)  # their details, each with its line
    failed: list[str] = field(default_factory=list)  # faults of the machinery
    homeless: int = 0  # rows of which nobody knows what they answer
    replaced: int = 0  # rows that had fields of our names

    def add(self, line: int, row: dict[str, Any] | None, verdict: Verdict, gradable: bool) -> None:
        """`row` is None where the line holds no object; `gradable`: it has a verdict that counts."""
        self.verdicts[verdict.verdict] += 1
        if verdict.verdict in UNGRADED:
            self.failed.append(f"line {line}: {verdict.verdict}: {verdict.detail}")
        elif not gradable:
            self.invalid.append(verdict.detail)
        name = group_of(row or {})
        if row is None or name is None:
            self.homeless += 1
        else:
            self.groups.setdefault(name, Group(name)).add(line, row, verdict, gradable)

    @property
    def rows(self) -> int:
        return self.verdicts.total()

    @property
    def doubled(self) -> list[str]:
        return [said for group in self.groups.values() for said in group.doubled]

    def faults(self, group: Group) -> list[str]:
        """Why a group has no Avg@k: a row that answers nobody knows what may be one of its own."""
        unknown = [f"{plural(self.homeless, 'row')} may belong to it and cannot be read"] if self.homeless else []
        return group.faults + unknown

    @property
    def loose(self) -> bool:
        """Something is doubled, missing or without an id."""
        return self.homeless > 0 or any(group.faults for group in self.groups.values())

    def said(self) -> Iterator[str]:
        width = max((len(name) for name in self.verdicts), default=0)
        for name, count in self.verdicts.most_common():
            yield f"  {name:<{width}}  {count:>9,}  {100 * count / self.rows:5.1f} %"
        yield from told("not graded, a fault of the machinery", self.failed)
        yield from told("cannot be graded", self.invalid)
        yield from told("doubled", self.doubled)
        if self.replaced:
            yield f"{plural(self.replaced, 'row')} had a verdict, correct, extracted or detail before; ours stands there now"
        for group in self.groups.values():
            if faults := self.faults(group):
                yield f"{group.name}: no Avg@k: {'; '.join(faults)}"
            else:
                k, value, error, problems = group.score
                spread = "" if error is None else f" ± {100 * error:.1f}"
                yield f"{group.name}: Avg@{k} {100 * value:.1f}{spread} % over {plural(problems, 'problem')}"


def told(what: str, faults: list[str]) -> Iterator[str]:
    if faults:
        yield f"{what}: {plural(len(faults), 'row')}"
        yield from (f"  {said}" for said in faults[:NAMED])
        if len(faults) > NAMED:
            yield f"  and {len(faults) - NAMED:,} more"


def identity_of(row: dict[str, Any]) -> str | None:
    problem = row.get("problem")
    for holder in (row, problem if isinstance(problem, dict) else {}):
        for name in IDS:
            if isinstance(holder.get(name), str | int) and not isinstance(holder[name], bool) and holder[name] != "":
                return str(holder[name])
    return None


def group_of(row: dict[str, Any]) -> str | None:
    benchmark, kind = row.get("benchmark"), row.get("kind")
    return benchmark if isinstance(benchmark, str) else kind if kind in KINDS else None


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + "s" * (count != 1)

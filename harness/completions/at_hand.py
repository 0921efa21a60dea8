"""The tests of a benchmark's problems: from a native file that lies here, or from the row itself.

A file is found by name below a folder (the catalogue's local form), by EvalPlus's own variables, or named outright. It is indexed, not
loaded: hidden tests can be gigabytes.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from harness import catalogue
from harness.completions.rows import EVALPLUS, LIVECODEBENCH, Unusable
from harness.records import Fault

IDS = ("task_id", "question_id", "id")
OVERRIDES = {"humaneval": "HUMANEVAL_OVERRIDE_PATH", "mbpp": "MBPP_OVERRIDE_PATH"}  # EvalPlus reads them too
# md5 of the plain JSONL, as EvalPlus names its releases in `hash`.
RELEASES = {"fe585eb4df8c88d844eeb463ea4d0302": "HumanEval+ v0.1.10", "ee43ecabebf20deef4bb776a405ac5b1": "MBPP+ v0.2.0"}
KEPT = 64  # packed problems: the completions of one problem usually stand near each other


@dataclass(frozen=True)
class Source:
    """One native file, its lines found by id. `md5` is of its plain text, whether it is zipped or not."""

    path: Path
    md5: str
    text: IO[bytes]
    places: Mapping[str, int]  # -1: the id stands more than once

    def said(self, benchmark: str) -> str:
        """The file, and which release of EvalPlus's it is, where it should be one."""
        unknown = f"md5 {self.md5}" + (", no release of EvalPlus that we know" if dataset_of(benchmark, "") else "")
        return f"{self.path} ({RELEASES.get(self.md5, unknown)})"


class Tests:
    """Looks tests up. `rows` is a folder of native files, or one such file for every benchmark; None: what variables name."""

    def __init__(self, rows: Path | None = None, variables: Mapping[str, str] = os.environ) -> None:
        if rows is not None and not rows.exists():
            raise Fault(f"--rows {rows}: there is no such file or folder. It holds the problems with their tests, as they are published.")
        self.rows, self.variables = rows, variables
        self.sources: dict[str, Source] = {}
        self.look_up = functools.lru_cache(KEPT)(self._look_up)
        self._packed = functools.lru_cache(KEPT)(_packed)

    def inline(self, problem: dict[str, Any], benchmark: str | None) -> str:
        """The packed tests of a problem written out. Raises Unusable."""
        return self._packed(json.dumps(filled_in(problem)), benchmark or "")

    def source(self, benchmark: str) -> Source:
        """The file of that benchmark, opened. Raises Unusable where none is at hand, Fault for one that cannot be read."""
        if benchmark not in self.sources:
            self.sources[benchmark] = opened(self._found(benchmark))
        return self.sources[benchmark]

    def _look_up(self, benchmark: str, task: str) -> str:
        source = self.source(benchmark)
        place = source.places.get(task)
        if place is None:
            raise Unusable(f"{benchmark} has no problem {task!r} in {source.path}")
        if place < 0:
            raise Unusable(f"problem {task!r} stands more than once in {source.path}")
        source.text.seek(place)
        return _packed(source.text.readline().decode(), benchmark)

    def _found(self, benchmark: str) -> Path:
        if self.rows is not None and self.rows.is_file():
            return self.rows
        looked = [self.rows / name for name in names_of(benchmark)] if self.rows is not None else []
        variable = OVERRIDES.get(dataset_of(benchmark, ""))
        if variable and self.variables.get(variable):
            looked.append(Path(self.variables[variable]))
        found = next((path for path in looked if path.is_file()), None)
        if found is None:
            where = f" Looked for {', '.join(map(str, looked))}." if looked else ""
            raise Unusable(
                f"the tests of {benchmark!r} are not at hand.{where} Name their file or its folder with --rows"
                + (f", or set {variable}" if variable else "")
            )
        return found


def names_of(benchmark: str) -> list[str]:
    """What its file may be called: as the catalogue says, else as the benchmark."""
    known = benchmark in catalogue.names("problems")
    local = catalogue.entry_of("problems", benchmark).get("local") if known else None
    plain = Path(benchmark).name
    return list(dict.fromkeys([*([local["file"]] if local else []), f"{plain}.jsonl", f"{plain}.jsonl.gz"]))


def opened(path: Path) -> Source:
    """The file with its index. Raises Fault, naming the line that is no problem."""
    text: IO[bytes] = path.open("rb")
    if path.suffix == ".gz":
        text = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the source
        try:
            with gzip.open(path) as zipped:
                shutil.copyfileobj(zipped, text)
        except (OSError, EOFError) as fault:
            raise Fault(f"{path}: it cannot be unzipped: {fault}. Fetch it again.") from None
        text.seek(0)
    places: dict[str, int] = {}
    md5, place = hashlib.md5(usedforsecurity=False), 0
    for number, line in enumerate(text, 1):
        md5.update(line)
        if line.strip():
            try:
                row = json.loads(line)
                identity = str(next(row[name] for name in IDS if name in row))
            except (ValueError, TypeError, StopIteration):
                raise Fault(
                    f"{path}:{number}: no problem: expected one JSON object a line, with task_id or question_id. Fetch the file again."
                ) from None
            places[identity] = -1 if identity in places else place
        place += len(line)
    return Source(path, md5.hexdigest(), text, places)


def dataset_of(benchmark: str, task: str) -> str:
    """Which of EvalPlus's two it is: their inputs are read and compared differently."""
    said = f"{benchmark} {task}".casefold()
    return "mbpp" if "mbpp" in said else "humaneval" if "humaneval" in said else ""


def filled_in(problem: dict[str, Any]) -> dict[str, Any]:
    """A problem written out by hand may lack what decides no verdict: a name, the question's text, what kind its tests are."""
    if any(name in problem for name in EVALPLUS):
        return {"task_id": "inline", **problem}
    if not any(name in problem for name in LIVECODEBENCH):
        return problem
    kind = "functional" if "func_name" in str(problem.get("metadata")) else "stdin"
    lists = {name: problem[name] for name in LIVECODEBENCH if isinstance(problem.get(name), list)}
    cases = {name: [{"testtype": kind, **case} if isinstance(case, dict) else case for case in held] for name, held in lists.items()}
    return {"question_id": "inline", "question_content": "inline", **problem, **cases}


def _packed(line: str, benchmark: str) -> str:
    """A native row's tests, packed. Raises Unusable."""
    from harness.grading.code import rows as native

    problem = json.loads(line)
    if any(name in problem for name in EVALPLUS):
        dataset = dataset_of(benchmark, str(problem.get("task_id", ""))) or "humaneval"
        return _made(lambda: native.evalplus_row(problem, dataset))
    if any(name in problem for name in LIVECODEBENCH):
        return _made(lambda: native.livecodebench_row(problem))
    if "input_output" in problem:
        return _made(lambda: native.taco_row(problem))
    raise Unusable(
        f"the problem has no tests that we can read. It has: {', '.join(problem) or 'nothing'}. Expected EvalPlus's fields "
        f"({', '.join(EVALPLUS)}) or LiveCodeBench's ({', '.join(LIVECODEBENCH)})"
    )


def _made(make: Any) -> str:
    try:
        return make()["tests"]
    except Fault as fault:
        raise Unusable(str(fault)) from None
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        said = f"no {fault}" if isinstance(fault, KeyError) else str(fault)
        raise Unusable(f"the problem's tests cannot be read: {said}") from None

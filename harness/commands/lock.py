"""harness lock SUITE: look up every `unpinned` revision on the hub, and write the commit where it is spelled."""

from __future__ import annotations

import argparse
import os
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness import catalogue
from harness.document import Document, Path_, Place, parse, read_chain
from harness.records import Fault
from harness.spec import Suite, load_suite
from harness.spec.faults import inside
from harness.store import write_atomically

TIMEOUT = 30.0  # seconds for one answer of the hub
COMMIT = re.compile(r"[0-9a-f]{40}\Z")
LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what YAML's marks count as lines
BEFORE_SCALAR = r"(?:[&!]\S*\s+)*[\"']?"  # an anchor, a tag, a quote

Kind = Literal["model", "data set"]


@dataclass(frozen=True)
class Spot:
    """One place where a revision is missing. `path` leads there from the root of `place`'s file."""

    kind: Kind
    name: str
    path: Path_
    place: Place

    @property
    def written(self) -> str:
        """The scalar as it stands: a model carries its name, a data set has its revision alone."""
        return f"{self.name}@{catalogue.UNPINNED}" if self.kind == "model" else catalogue.UNPINNED

    def pinned(self, commit: str) -> str:
        return self.written.removesuffix(catalogue.UNPINNED) + commit

    @property
    def where(self) -> str:
        """Its place, from here where it lies below."""
        short = os.path.relpath(self.place.file)
        return f"{self.place.file if short.startswith('..') else short}:{self.place.line}:{self.place.column}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("suite", type=Path, metavar="SUITE", help="the suite's YAML file")
    parser.add_argument("--dry-run", action="store_true", help="look the revisions up and print them, but write nothing")


def run(args: argparse.Namespace) -> int:
    found = spots(load_suite(args.suite), read_chain(args.suite))
    if not found:
        print(f"{args.suite}: nothing is unpinned.")
        return 0
    commits = looked_up(found)
    by_file: dict[str, list[Spot]] = defaultdict(list)
    for spot in found:
        by_file[spot.place.file].append(spot)
    texts = {file: rewritten(file, inner, commits) for file, inner in by_file.items()}
    if not args.dry_run:
        for file in texts:
            must_be_writable(file)
        for file, data in texts.items():
            replace_file(file, data)
        catalogue.document.cache_clear()
    for spot in found:
        print(f"{spot.name}@{catalogue.UNPINNED} → {commits[spot.kind, spot.name]}  {spot.where}")
    if args.dry_run:
        print("--dry-run: nothing was written.")
    return 0


# Where revisions are missing


def spots(suite: Suite, document: Document) -> list[Spot]:
    """Every such place, once, in the suite's order: in its own file, in one that it is like, or in the catalogue."""
    found: dict[Place, Spot] = {}
    for pair, spec in suite.pairs.items():
        for role, model in spec.roles.items():
            name, _, revision = model.partition("@")
            if revision == catalogue.UNPINNED:
                path = ("pairs", pair, *role.split("/"))
                found.setdefault(document.value_place(path), Spot("model", name, path, document.value_place(path)))
    groups = enumerate(suite.evaluate)
    benchmarks = [(("evaluate", i, "benchmarks", j), each) for i, group in groups for j, each in enumerate(group.benchmarks)]
    for above, source in [(("train", "problems", "set"), suite.train.problems.set), *benchmarks]:
        whole = suite.problem_set(source)
        for member in whole.members:
            if not (unpinned := member.unpinned):
                continue
            name = member.listed if whole.parts else catalogue.listed_in(source)
            holder, above = (catalogue.document("problems"), (name,)) if name else (document, above)
            path = (*above, "hub", "revision")
            spot = Spot("data set", unpinned.partition("@")[0], path, holder.value_place(path))
            found.setdefault(spot.place, spot)
    return list(found.values())


# What the hub says


class Refused(Fault):
    """This repository cannot be had; another may."""


def looked_up(found: list[Spot]) -> dict[tuple[Kind, str], str]:
    """(kind, name) → commit. Raises Fault: a line for each that cannot be had, or one where the hub cannot be asked at all."""
    commits: dict[tuple[Kind, str], str] = {}
    refused: dict[tuple[Kind, str], str] = {}
    for spot in found:
        key = (spot.kind, spot.name)
        if key not in commits and key not in refused:
            try:
                commits[key] = commit_of(*key)
            except Refused as fault:
                refused[key] = f"{spot.where}: {spot.kind} {spot.name}: {fault}"
    if refused:
        raise Fault("\n".join(refused.values()))
    return commits


def commit_of(kind: Kind, name: str) -> str:
    """The commit at which the repository stands now. Raises Fault."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        HTTPError,  # pyright: ignore[reportPrivateImportUsage]  # of whichever HTTP library this version uses
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    hub = HfApi()
    ask = hub.model_info if kind == "model" else hub.dataset_info
    page = f"{constants.ENDPOINT}/{'' if kind == 'model' else 'datasets/'}{name}"
    try:
        commit = ask(name, timeout=TIMEOUT).sha
    except HFValidationError:
        raise Refused("this is no name of a repository. Expected owner/name.") from None
    except GatedRepoError:
        raise Refused(
            f"it is gated. Accept its terms at {page}, then give a token that may read it: `hf auth login`, or HF_TOKEN."
        ) from None
    except RepositoryNotFoundError:
        raise Refused(f"there is no {page}, or it is private. Correct the name, or give a token: `hf auth login`, or HF_TOKEN.") from None
    except OfflineModeIsEnabled:
        raise Fault("the hub cannot be asked: HF_HUB_OFFLINE is set. Lock on a machine that reaches it, and copy the files.") from None
    except (HTTPError, OSError) as fault:
        raise Fault(f"{page} cannot be asked for: {sentence(fault)} Lock on a machine that reaches the hub, and copy the files.") from None
    if not COMMIT.match(commit or ""):
        raise Refused(f"the hub answers with {commit!r}, which is no commit. Write one by hand.")
    return str(commit)


def sentence(fault: Exception) -> str:
    return " ".join(str(fault).split())[:200].rstrip(".") + "." if str(fault).strip() else f"{type(fault).__name__}."


# Writing


def rewritten(file: str, found: list[Spot], commits: dict[tuple[Kind, str], str]) -> bytes:
    """The file's bytes with these scalars replaced and nothing else touched. Raises Fault where one cannot be."""
    text = Path(file).read_bytes().decode("utf-8")
    starts = [len("\ufeff") if text.startswith("\ufeff") else 0, *(end.end() for end in LINE_END.finditer(text))]
    changes = []
    for spot in found:
        start = starts[spot.place.line - 1] + spot.place.column - 1
        stands = re.compile(BEFORE_SCALAR + re.escape(spot.written)).match(text, start)
        if stands is None:
            raise Fault(f"{spot.where}: {spot.written} is spelled in a way that cannot be replaced. Write it on one line, without escapes.")
        changes.append((stands.end() - len(spot.written), stands.end(), spot.pinned(commits[spot.kind, spot.name])))
    for start, end, new in sorted(changes, reverse=True):
        text = text[:start] + new + text[end:]
    data: Any = parse(text, file).data
    for spot in found:
        if inside(data, spot.path) != spot.pinned(commits[spot.kind, spot.name]):
            raise Fault(f"{spot.where}: writing the commit of {spot.name} here would mean something else. Write it by hand.")
    return text.encode("utf-8")


def must_be_writable(file: str) -> None:
    path = Path(file).resolve()
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        ours = path.parent == catalogue.FOLDER.resolve()
        remedy = "Write the data set out in the suite ({hub: {id: …, revision: …}, fields: …}), or " if ours else ""
        raise Fault(f"{file}: may not be written. {remedy}{'g' if ours else 'G'}ive yourself the right to write it and its folder.")


def replace_file(file: str, data: bytes) -> None:
    """In one move, in place of the file that a link points to, with its rights as they were."""
    path = Path(file).resolve()
    rights = path.stat().st_mode & 0o777
    try:
        write_atomically(path, data)
        path.chmod(rights)
    except OSError as fault:
        raise Fault(f"{file}: cannot be written: {fault.strerror or fault}. The same command goes on from here.") from None

"""Rows from where they lie: a local file, a file elsewhere that is pinned by its content, or a data set of the hub at a revision."""

from __future__ import annotations

import fnmatch
import gzip
import hashlib
import os
import re
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.records import Fault
from harness.sources import base_name
from harness.stages.readers import Row, read_rows

DATA = "HARNESS_DATA"  # an environment variable: a folder in which files are looked for before they are fetched
TIMEOUT = 60.0  # seconds without a byte


def rows_of(source: dict[str, Any], local: dict[str, str]) -> tuple[Iterator[Row], str]:
    """The rows, and what to call their place. Raises Fault, now or while they are read."""
    if "sha256" in source:
        path = Path(local["file"])
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != source["sha256"]:
                raise Fault(f"{path}: it changed since the suite was planned. Run the command again.")
        return read_rows(path), str(path)
    if "md5" in source:
        return of_download(source["name"], local["url"], source["md5"]), local["url"]
    hub = source["hub"]
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", hub["id"]):  # `json` would be a reader, and would read what lies here
        raise Fault(f"{source['name']}: {hub['id']!r} is no name of a data set. Expected owner/name, for example openai/gsm8k.")
    rows = of_hub_files if "files" in hub else of_data_set
    return rows(source["name"], hub), f"{hub['id']}@{hub['revision']}"


# A file elsewhere


def of_download(name: str, url: str, md5: str) -> Iterator[Row]:
    """Read from HARNESS_DATA where a file of that name lies there, fetched otherwise; in both cases it must be the very file."""
    with tempfile.TemporaryDirectory() as folder:
        path = found_locally(url) or fetched(name, url, Path(folder))
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            try:
                found = hashlib.file_digest(file, "md5").hexdigest()  # type: ignore[arg-type]
            except (OSError, EOFError) as fault:
                raise Fault(f"{name}: {path} cannot be unpacked: {fault}. Remove it, and fetch {url} again.") from None
        if found != md5:
            raise Fault(
                f"{name}: the content of {path} has md5 {found}, not {md5}: it is another file than {url} was when it was read. "
                "Look for the file that was meant."
            )
        yield from read_rows(path)


def found_locally(url: str) -> Path | None:
    folder = os.environ.get(DATA)
    names = (base_name(url), base_name(url).removesuffix(".gz"))
    return next((path for name in names if folder and (path := Path(folder, name)).is_file()), None)


def fetched(name: str, url: str, folder: Path) -> Path:
    path = folder / base_name(url)
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, path.open("wb") as file:
            while data := answer.read(2**20):
                file.write(data)
    except (urllib.error.URLError, OSError) as fault:
        why = getattr(fault, "reason", None) or fault
        raise Fault(
            f"{name}: {url} cannot be fetched: {why}. Fetch {path.name} on another machine, put it into a folder, unpacked or not, and set "
            f"{DATA} to that folder."
        ) from None
    return path


# The hub


def of_data_set(name: str, hub: dict[str, Any]) -> Iterator[Row]:
    """No code of the data set is run."""
    from datasets import load_dataset
    from datasets.exceptions import DatasetGenerationError, DatasetsError

    # A cache of its own: where the hub does not answer, the library takes any revision that its cache holds.
    # The prefix: a folder of that name, here, is not the data set.
    with tempfile.TemporaryDirectory() as cache:
        try:
            wanted = {"name": hub.get("config"), "split": hub.get("split", "test"), "revision": hub["revision"]}
            rows = load_dataset(f"hf://datasets/{hub['id']}", cache_dir=cache, **wanted)
        except (OSError, ValueError, RuntimeError, DatasetsError) as fault:
            why = fault.__cause__ if isinstance(fault, DatasetGenerationError) and fault.__cause__ else fault
            raise cannot_load(name, hub, why) from None
        yield from rows  # type: ignore[misc]


def of_hub_files(name: str, hub: dict[str, Any]) -> Iterator[Row]:
    """The files that `files` names, in its order; those of one pattern in theirs."""
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import HFValidationError, HTTPError  # pyright: ignore[reportPrivateImportUsage]  # of its HTTP library

    try:
        for pattern in hub["files"]:
            matching = [pattern]
            if set(pattern) & set("*?["):  # a plain name needs no list, and may lie in the cache of a machine without the hub
                there = sorted(HfApi().list_repo_files(hub["id"], repo_type="dataset", revision=hub["revision"]))
                matching = fnmatch.filter(there, pattern)
                if not matching:
                    raise Fault(f"{name}: data set {hub['id']}@{hub['revision']} has no file {pattern!r}. It has: {', '.join(there[:20])}.")
            for file in matching:
                yield from read_rows(Path(hf_hub_download(hub["id"], file, repo_type="dataset", revision=hub["revision"])))
    except (HTTPError, HFValidationError, OSError) as fault:
        raise cannot_load(name, hub, fault) from None


def cannot_load(name: str, hub: dict[str, Any], why: BaseException) -> Fault:
    text = " ".join(str(why).split())[:300] or type(why).__name__
    return Fault(f"{name}: data set {hub['id']}@{hub['revision']} cannot be loaded: {text}")

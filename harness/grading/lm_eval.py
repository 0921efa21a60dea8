"""The bridge to lm-eval: one of its tasks, sat by a model that is loaded already, as plain figures.

`lm_eval.evaluate` is called, with the seeds and shots set as `simple_evaluate` sets them: the latter would besides ask git, pip and the
system about this machine after every task, which takes longer than a small task itself. Log-probabilities are formed in float32. What
lm-eval's tasks do to grade is lm-eval's: it runs in our worker process, and a task that runs code of a model is refused.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import json
import logging
import math
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.document import did_you_mean
from harness.records import Fault

BATCH = 16  # sequences; where there is a GPU, lm-eval looks for what fits
BOOTSTRAPS = 100  # of a figure whose standard error has no formula; means have one
THOUGHT = "</think>"  # what stands before it is no answer, where a model thinks
KEPT = ("results", "groups", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples")
USUAL = ("using default", "`pretrained` model kwarg", "Passed an already-initialized")  # said of nearly every task, and of no concern


@dataclass(frozen=True)
class Asked:
    """What is asked: the task, group or tag, and the folder of its YAML where it is none of lm-eval's own.

    `mode` is plain or thinking, and None where prompts are raw text; `seed` feeds shots and whatever a task draws.
    """

    task: str
    folder: Path | None = None
    num_fewshot: int | None = None
    limit: int | None = None
    mode: str | None = None
    seed: int = 0


def sit(asked: Asked, model: Any, tokenizer: Any, tell: Callable[[int], None]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(figures, results): `figures` maps each name to its metrics, counts and version; `results` is what lm-eval says, as plain data.

    `tell` is given the number of sequences that went through the model. Raises Fault where the task cannot be had or cannot be sat.
    """
    warned = Warned()
    with contextlib.ExitStack() as around:
        around.enter_context(hushed())
        around.enter_context(warned.listening())
        around.enter_context(explained(asked))
        if asked.folder is not None:  # paths in the YAML are taken from its folder
            around.enter_context(contextlib.chdir(asked.folder))
            around.enter_context(rows_read_anew())
        theirs: Any = importlib.import_module("lm_eval")  # not by name: decorators hide what its functions take
        manager = tasks_of(asked.folder)
        if asked.task not in manager.task_index:
            hint = did_you_mean(asked.task, manager.task_index)
            hint = hint if asked.folder else hint.partition(" Known:")[0] + " `lm-eval ls tasks` lists all."
            raise Fault(f"lm-eval task {asked.task}: there is none of that name.{hint}")
        seed_all(asked.seed)
        loaded = manager.load([asked.task])
        for name, task in loaded["tasks"].items():
            prepare(name, task, asked)
        documents = {name: documents_hash(task, asked.limit) for name, task in loaded["tasks"].items()}
        said = theirs.evaluate(
            bridge(model, tokenizer, asked.mode, tell),
            task_dict=loaded,
            limit=asked.limit,
            bootstrap_iters=BOOTSTRAPS,
            log_samples=False,
            apply_chat_template=asked.mode is not None,
            fewshot_as_multiturn=asked.mode is not None,
        )
    results = {key: plain(said[key]) for key in KEPT if key in said}
    for config in results["configs"].values():
        (config.get("metadata") or {}).pop("config_source", None)  # a path of this machine
    found = figures(asked.task, results, documents)
    return {name: {**each, "warnings": warned.said} for name, each in found.items()}, {**results, "documents": documents}


def tasks_of(folder: Path | None) -> Any:
    """The tasks of a folder, read anew; or lm-eval's own."""
    from lm_eval.tasks import TaskManager

    return own_tasks() if folder is None else TaskManager(include_path=str(folder), include_defaults=False)


@functools.cache
def own_tasks() -> Any:
    """Some ten thousand YAML files, which take ten seconds or more to read: once a process."""
    from lm_eval.tasks import TaskManager

    return TaskManager()


def prepare(name: str, task: Any, asked: Asked) -> None:
    """Shots and their seed. Raises Fault where the task is not for us."""
    if getattr(task, "UNSAFE_CODE", False):
        raise Fault(
            f"lm-eval task {name}: it runs code that the model wrote, in this very process. That is not done here; code is examined by "
            "`benchmarks`, in a sandbox."
        )
    if getattr(task, "MULTIMODAL", False):
        raise Fault(f"lm-eval task {name}: it shows pictures or sounds, and models here read text. Take it out of `evaluate`.")
    own = task.get_config("num_fewshot")
    if own is None or (asked.num_fewshot is not None and own != 0):  # a task that says 0 means it
        task.set_config(key="num_fewshot", value=asked.num_fewshot or 0)
    task.set_fewshot_seed(seed=asked.seed)
    if not len(task.eval_docs):
        raise Fault(f"lm-eval task {name}: it has no documents. Look at its data and its `test_split`.")


def bridge(model: Any, tokenizer: Any, mode: str | None, tell: Callable[[int], None]) -> Any:
    """The loaded model as lm-eval knows models."""
    HFLM: Any = importlib.import_module("lm_eval.models.huggingface").HFLM

    class Told(HFLM):
        """HFLM that says how far it is."""

        def _model_call(self, inps: Any, *args: Any, **named: Any) -> Any:
            tell(len(inps))
            return super()._model_call(inps, *args, **named)

        def _model_generate(self, context: Any, *args: Any, **named: Any) -> Any:
            tell(len(context))
            return super()._model_generate(context, *args, **named)

    return Told(
        pretrained=model,
        tokenizer=tokenizer,
        batch_size="auto" if model.device.type == "cuda" else BATCH,
        softmax_dtype="float32",
        enable_thinking=None if mode is None else mode == "thinking",
        think_end_token=THOUGHT if mode == "thinking" else None,
    )


def seed_all(seed: int) -> None:
    """Of everything that lm-eval and its tasks draw from."""
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - theirs is the old interface
    torch.manual_seed(seed)


def documents_hash(task: Any, limit: int | None) -> str:
    """Of what the task asks, in order: figures over other documents are no figures to compare."""
    whole = hashlib.sha256()
    for _, document in task.doc_iterator(rank=0, world_size=1, limit=limit):
        whole.update(json.dumps(document, sort_keys=True, default=lambda value: type(value).__name__).encode())
    return whole.hexdigest()[:16]


# What comes out


def figures(name: str, results: dict[str, Any], documents: dict[str, str]) -> dict[str, Any]:
    """Of the task; of a group its own where it has some; else of each task in it."""
    own = metrics_of(name, results) if name in results["results"] else {}
    names = [name] if own else [each for each in documents if metrics_of(each, results)]
    found = {}
    for each in names:
        said = results["results"][each]
        version = results["versions"].get(each)
        found[each] = {
            "metrics": metrics_of(each, results),
            "n": results["n-samples"][each]["effective"] if each in results["n-samples"] else said.get("sample_len"),
            "num_fewshot": results["n-shot"].get(each),
            "version": None if version in (None, "N/A", "Yaml") else str(version),
            "documents": documents[each] if each in documents else whole_hash(documents),
        }
    return found


def metrics_of(name: str, results: dict[str, Any]) -> dict[str, Any]:
    """`metric,filter` → value, standard error, and whether more is better; what is no finite number is None."""
    said, better = results["results"][name], results["higher_is_better"].get(name) or {}
    found = {}
    for key, value in said.items():
        metric, comma, filtered = key.partition(",")
        if comma and not metric.endswith("_stderr") and not isinstance(value, dict | list):
            error = said.get(f"{metric}_stderr,{filtered}")
            found[key] = {"value": number(value), "stderr": number(error), "higher_is_better": better.get(metric)}
    return found


def whole_hash(documents: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(documents, sort_keys=True).encode()).hexdigest()[:16]


def number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None


def plain(value: Any) -> Any:
    """As JSON has it: numbers that are none become null, functions and other things their names."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return getattr(value, "__qualname__", type(value).__name__)


# What is around it


class Warned(logging.Handler):
    """What lm-eval warns of, the first of its kind: that a context was cut, that a target is none of the choices."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first: dict[tuple[str, int], str] = {}

    @property
    def said(self) -> list[str]:
        return list(self.first.values())

    def emit(self, record: logging.LogRecord) -> None:
        text = " ".join(record.getMessage().split())[:200]
        if not any(usual in text for usual in USUAL):
            self.first.setdefault((record.pathname, record.lineno), text)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        theirs = logging.getLogger("lm_eval")
        theirs.addHandler(self)
        try:
            yield
        finally:
            theirs.removeHandler(self)


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Bars and notices of lm-eval, and of what it calls, do not reach the terminal; no process is forked for a bootstrap."""
    sys.stdout.flush()
    sys.stderr.flush()
    before = os.environ.get("DISABLE_MULTIPROC")
    os.environ["DISABLE_MULTIPROC"] = "1"
    kept = [os.dup(1), os.dup(2)]
    try:
        with Path(os.devnull).open("w") as nothing:
            for stream in (1, 2):
                os.dup2(nothing.fileno(), stream)
            with contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
                yield
    finally:
        for stream, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, stream)
            os.close(copy)
        if before is None:
            del os.environ["DISABLE_MULTIPROC"]
        else:
            os.environ["DISABLE_MULTIPROC"] = before


@contextlib.contextmanager
def rows_read_anew() -> Iterator[None]:
    """The library's cache goes by a file's path and time; here its content decides, so nothing is taken from it and nothing is left in it."""
    from datasets import config

    before = config.HF_DATASETS_CACHE
    with tempfile.TemporaryDirectory(prefix="lm-eval-") as folder:
        config.HF_DATASETS_CACHE = Path(folder)
        try:
            yield
        finally:
            config.HF_DATASETS_CACHE = before


@contextlib.contextmanager
def explained(asked: Asked) -> Iterator[None]:
    """What a task lacks is a Fault that names it; what the machine lacks (memory, room on the disk) is left as it is."""
    import jinja2
    from datasets.exceptions import DatasetGenerationError, DatasetsError

    lacks = (LookupError, ValueError, TypeError, AttributeError, AssertionError, ImportError, FileNotFoundError, ConnectionError)
    try:
        yield
    except (*lacks, jinja2.TemplateError, DatasetGenerationError, DatasetsError) as fault:
        said = " ".join(str(fault).split()) or "no message"
        if isinstance(fault, ModuleNotFoundError) and fault.name:
            remedy = f"Install what the task needs (`pip install {fault.name.partition('.')[0]}`, or lm-eval's extra for it)."
        elif asked.folder:
            remedy = f"Correct its YAML or its data in {asked.folder}."
        else:
            remedy = "Its data set is on the hub: run where that can be reached."
        raise Fault(f"lm-eval task {asked.task}: {type(fault).__name__}: {said[:300].rstrip('. ')}. {remedy}") from fault

"""harness show KEY: one step's record and a sample of what it made; for trajectories, the exact tokens and the mask."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.console import Console
from rich.text import Text

from harness.commands.plan import STORE
from harness.records import Fault, ModelRef
from harness.store import Corrupt, Record, Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "key", metavar="KEY", help="a step's key or address, or the first characters of one (`harness plan SUITE --json` lists them)"
    )
    parser.add_argument("--store", type=Path, default=STORE, metavar="DIR", help="where steps are kept (default: %(default)s)")
    parser.add_argument(
        "--sample", type=int, default=1, metavar="N", help="which of its items to show, counted from 1 (default: %(default)s)"
    )


def find(store: Store, key: str) -> str:
    """The one address that begins so. Raises Fault."""
    wanted = key.rpartition("/")[2]
    folders = (
        [p for p in store.root.glob(f"*/{wanted}*") if (p / "record.json").exists() or (p / "record.corrupt.json").exists()]
        if wanted
        else []
    )
    folders += list(store.root.glob(f"train/*/work/journal/*/{wanted}*")) if wanted and not folders else []
    if not folders:
        raise Fault(f"{store.root}: no finished step begins with {key!r}. `harness plan SUITE --json` lists the keys of a suite.")
    if len(folders) > 1:
        raise Fault(
            f"{key!r} fits {len(folders)} steps: {', '.join(p.relative_to(store.root).as_posix() for p in folders[:5])}. Give more of the key."
        )
    return folders[0].relative_to(store.root).as_posix()


def run(args: argparse.Namespace) -> int:
    store = Store(args.store)
    address = find(store, args.key)
    console = Console(highlight=False, soft_wrap=True)
    try:
        record, payload = store.record(address), store.payload(address)
    except Corrupt as fault:
        raise Fault(f"{fault}. The next `harness run` makes it again.") from None
    assert record is not None
    console.print(Text(f"{address}  {record.title}", style="bold"))
    for role, source in record.step["inputs"].items():
        console.print(Text(f"  input {role:<16} {source}"))
    console.print(Text("  params  " + json.dumps(record.step["params"], ensure_ascii=False)))
    console.print(Text("  facts   " + json.dumps(record.facts, ensure_ascii=False)))
    console.print(Text("  measured " + json.dumps(record.measured)))
    for name, file in record.files.items():
        console.print(Text(f"  file    {name}  {file['bytes']:,} bytes  sha256 {file['sha256'][:12]}"))
    for name in record.files:
        if name.endswith(".parquet"):
            show_table(console, store, record, payload / name, args.sample)
    return 0


def show_table(console: Console, store: Store, record: Record, path: Path, sample: int) -> None:
    table = pq.read_table(path)
    if not 1 <= sample <= table.num_rows:
        raise Fault(f"--sample {sample}: {path.name} has {table.num_rows} items.")
    row = table.slice(sample - 1, 1).to_pylist()[0]
    console.print(Text(f"\n{path.name}: item {sample} of {table.num_rows}", style="bold"))
    tokenizer = tokenizer_for(store, record) if any(name.endswith("_ids") for name in row) else None
    for name, value in row.items():
        if name.endswith("_ids") and tokenizer is not None:
            weights = trained_weights(record, name, row)
            console.print(Text(f"  {name} ({len(value)} tokens, {said_of(weights)})"))
            hands = row.get("by_teacher") or [] if name == "response_ids" else []
            console.print(colored(tokenizer, value, weights, hands))
            if hands:
                console.print(Text(f"  {sum(hands)} of them the teacher's, underlined"))
        elif name not in ("logprobs", "sampler_logprobs", "token_weights", "by_teacher"):
            console.print(Text(f"  {name}: {value}"))
    if record.step["stage"] == "construct":
        console.print(
            Text(
                "  both models read their own prompt, then the response; the loss falls on the response's tokens, green here, and on no other",
                style="dim",
            )
        )


def trained_weights(record: Record, name: str, row: dict[str, Any]) -> list[float]:
    """What each token of this column weighs in the loss: nothing but for the response of a trajectory that counts."""
    count = len(row[name])
    if name != "response_ids" or record.step["stage"] != "construct":
        return [0.0] * count
    return [row["weight"] * each for each in row["token_weights"] or [1.0] * count]


def said_of(weights: list[float]) -> str:
    trained = sum(weight > 0 for weight in weights)
    return "each trained on" if trained == len(weights) else f"{trained} of them trained on" if trained else "read, not trained on"


def colored(tokenizer, ids: list[int], weights: list[float], hands: list[int]) -> Text:
    """Token by token, borders as thin bars; what is trained on is green, and of a response that two wrote the teacher's is underlined."""
    text = Text("    ")
    for index, token in enumerate(tokenizer.convert_ids_to_tokens(ids)):
        piece = tokenizer.convert_tokens_to_string([token]).replace("\n", "⏎\n    ")
        if index:
            text.append("│", style="dim")
        style = "green" if weights[index] else "cyan" if token in tokenizer.all_special_tokens else ""
        text.append(piece, style=f"{style} underline" if hands and hands[index] else style)
    return text


def tokenizer_for(store: Store, record: Record):
    """The tokenizer that made the ids, from the step's own inputs; None where its model is not on this machine."""
    from harness import models

    models.quiet()
    for role in ("student", "weights", "teacher"):
        if address := record.step["inputs"].get(role):
            return models.tokenizer_of((str(store.payload(address)), {"local_files_only": True}))
    ref = record.step["params"].get("model") or record.step["params"].get("models", {}).get("student")
    try:
        return models.tokenizer_of(models.source(ModelRef(**ref), None)) if ref else None
    except Fault:
        return None

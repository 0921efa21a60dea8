"""What a training run leaves beside its weights: a log by update, sums by trajectory, what later rounds wrote."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.answers import decode
from harness.rounds import Round
from harness.store import Store, write_atomically


def keep_update(work: Path, update: int, round_: int, rows: list[dict[str, Any]]) -> None:
    """An update's sums by trajectory; an update that is made again after a kill writes the same file again."""
    if rows:
        names = dict.fromkeys(name for row in rows for name in row)  # terms without a teacher have fewer
        table = pa.table(
            {"update": [update] * len(rows), "round": [round_] * len(rows), **{n: [row.get(n) for row in rows] for n in names}}
        )
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        folder = work / "updates"
        folder.mkdir(exist_ok=True)
        write_atomically(folder / f"{update:09d}.parquet", sink.getvalue().to_pybytes())


def keep_rollouts(work: Path, journal: Store, round_: Round) -> None:
    """What a later round wrote, by round, number of the term, product, and first sample."""
    for number, (name, data) in enumerate(round_.params["terms"].items()):
        for product, start, step in round_.write(name, decode(data)).written:
            if "places" in step.inputs:  # pieces, of which the trajectories hold what counts
                continue
            target = work / "rounds" / f"{round_.number:06d}-{number}-{product}-{start}.parquet"
            if not target.exists():
                target.parent.mkdir(exist_ok=True)
                link_or_copy(journal.payload(step.address) / "rollouts.parquet", target)


def leave(work: Path, out: Path, log: list[dict[str, Any]], spent: dict[str, float]) -> None:
    """log.parquet, spent.json, trajectories.parquet and rounds/ in the step's payload."""
    columns = {key: [entry.get(key) for entry in log] for key in dict.fromkeys(key for entry in log for key in entry)}
    pq.write_table(pa.table(columns), out / "log.parquet")
    (out / "spent.json").write_text(json.dumps(spent, sort_keys=True))
    updates = [path for path in sorted((work / "updates").glob("*.parquet")) if int(path.stem) <= spent["updates"]]
    whole = pa.concat_tables([pq.read_table(path) for path in updates], promote_options="default")
    pq.write_table(whole, out / "trajectories.parquet", compression="zstd")
    if (work / "rounds").exists():
        shutil.copytree(work / "rounds", out / "rounds", copy_function=link_or_copy)


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """One file under two names, where the file system can; else a copy, whole or not at all."""
    try:
        os.link(source, target)
    except OSError:
        write_atomically(Path(target), Path(source).read_bytes())

"""harness plan SUITE: what would be done, why, what is shared, and what it costs, before anything is spent."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from harness.plan import Plan, plan, summary
from harness.progress import amount
from harness.spec import load_suite
from harness.store import Corrupt, Store

STORE = Path(".store")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("suite", type=Path, metavar="SUITE", help="the suite's YAML file")
    parser.add_argument("--store", type=Path, default=STORE, metavar="DIR", help="where steps are kept (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="the whole plan as JSON")
    parser.add_argument("--resolved", action="store_true", help="the suite with everything it inherits, as YAML, and nothing else")


def run(args: argparse.Namespace) -> int:
    suite = load_suite(args.suite)
    if args.resolved:
        import yaml

        print(yaml.safe_dump(suite.resolved(), sort_keys=False, allow_unicode=True, width=120), end="")
        return 0
    made = plan(suite)
    described = describe(made, Store(args.store))
    print(json.dumps(described, indent=1, ensure_ascii=False) if args.json else text(described, suite.suite))
    return 0


def describe(made: Plan, store: Store) -> dict:
    """The plan as plain data: DESIGN's `plan --json`."""
    names = {
        id(row): "/".join(
            str(x) for x in (row.pair, row.label, row.budget, None if row.seed is None else f"seed{row.seed}") if x is not None
        )
        for row in made.rows
    }
    served: dict[str, list[str]] = {step.address: [] for step in made.steps}
    for row in made.rows:
        for address in made.needed(row.steps.values()):
            served[address].append(names[id(row)])
    steps, whys = [], store.explain(made.steps)
    for step in made.steps:
        try:
            done = store.record(step.address) is not None
            why = "its record stands" if done else whys[step.address]
        except Corrupt as fault:
            done, why = False, f"corrupt: {fault.what}"
        steps.append(
            {
                "key": step.key,
                "stage": step.stage,
                "title": step.title,
                "state": "done" if done else "todo",
                "why": why,
                "rows": served[step.address],
            }
        )
    rows = [
        {
            "name": names[id(row)],
            "pair": row.pair,
            "label": row.label,
            "role": row.role,
            "seed": row.seed,
            "budget": row.budget,
            "steps": row.steps,
        }
        for row in made.rows
    ]
    return {"steps": steps, "rows": rows, **summary(made)}


def shortened(why: str, most: int = 140) -> str:
    return why if len(why) <= most else why[: most - 1] + "…"


def text(described: dict, name: str) -> str:
    """A page of text: stage by stage, and what shares what."""
    steps = described["steps"]
    todo = [step for step in steps if step["state"] == "todo"]
    lines = [
        f"{name}: {len(described['rows'])} rows, {len(steps)} steps ({described['alone']} if every row ran alone), {len(todo)} to do",
        "",
    ]
    by_stage = Counter((step["stage"], step["state"]) for step in steps)
    lines.append(f"{'stage':<12}{'done':>6}{'to do':>7}")
    for stage in dict.fromkeys(step["stage"] for step in steps):
        lines.append(f"{stage:<12}{by_stage[stage, 'done']:>6}{by_stage[stage, 'todo']:>7}")
    shared = sorted(
        (s for s in steps if len(s["rows"]) > 1 and s["stage"] in ("pretrain", "generate", "construct")), key=lambda s: -len(s["rows"])
    )
    lines += ["", "shared by most rows"]
    lines += [f"  {len(step['rows']):>3} rows  {step['title']}" for step in shared[:12]]
    if todo:
        again = [step for step in todo if step["why"] != "new"]
        lines += ["", f"to do: {len(todo) - len(again)} new, {len(again)} of which the store has the like, made otherwise"]
        lines += [f"  {step['key'][:10]}  {step['title']}  [{shortened(step['why'])}]" for step in again[:40]]
        lines += [f"  … and {len(again) - 40} more; `--json` lists all"] if len(again) > 40 else []
    tokens = described["tokens"]
    lines += ["", "tokens written, estimated at half of max_tokens a response"]
    lines += [
        f"  {kind:<8} {amount(tokens[kind]['shared']):>8}   (each row alone {amount(tokens[kind]['alone'])})"
        for kind in ("rollout", "teacher", "exam")
    ]
    return "\n".join(lines)

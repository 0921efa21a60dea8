"""harness methods [NAME]: the catalogue, or one entry with its answers, paper and formula."""

from __future__ import annotations

import argparse
import inspect
import json
import sys

from methods import METHODS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="one method, in full")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> int:
    from harness.document import did_you_mean
    from harness.records import Fault

    if args.name is not None and args.name not in METHODS:
        raise Fault(f"there is no method {args.name!r}.{did_you_mean(args.name, METHODS)}")
    chosen = [METHODS[args.name]] if args.name else list(METHODS.values())
    if args.json:
        entries = [
            {
                "name": m.name,
                "paper": m.paper,
                "answers": {**m.answers, "also": {k: repr(t) for k, t in m.also.items()}},
                "formula": m.formula,
                "latex": m.latex,
                "about": m.about,
                "version": m.version,
            }
            for m in chosen
        ]
        print(json.dumps(entries[0] if args.name else entries, indent=1, ensure_ascii=False))
    elif args.name:
        method = chosen[0]
        print(f"{method.name}   {method.paper}   version {method.version}\n\n{inspect.cleandoc(method.about)}\n")
        print(f"{method.formula}\n\n{method.latex}\n")
        for question, answer in method.answers.items():
            print(f"  {question:<8} {answer}")
        for name, term in method.also.items():
            print(f"  also     {name}: {term!r}")
    else:
        width = max(map(len, METHODS))
        for method in chosen:
            print(f"{method.name:<{width}}  {method.formula}")
        print("\n`harness methods NAME` tells one in full.", file=sys.stderr)
    return 0

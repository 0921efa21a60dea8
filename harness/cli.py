"""The command line. Exit codes: 0 done, 1 something failed, 2 the input is wrong, 3 a guard of the run ended it."""

from __future__ import annotations

import argparse
import importlib
import os
import sys

from harness import __version__
from harness.records import Fault

# name → (module, one line). A command's module is imported only when it is called, so that --help is quick.
COMMANDS = {
    "run": ("harness.commands.run", "plan, carry out, write results, render the leaderboard"),
    "plan": ("harness.commands.plan", "the steps of a suite: done or to do, and why; what is shared"),
    "lock": ("harness.commands.lock", "look up every unpinned revision on the hub, and write it where it is spelled"),
    "report": ("harness.commands.report", "render tables and pages from results"),
    "compare": ("harness.commands.compare", "two sets of results: the paired difference of each exam with its interval"),
    "methods": ("harness.commands.methods", "the catalogue of methods, or one entry"),
    "new-method": ("harness.commands.new_method", "write an entry and its test, ready to fill in"),
    "show": ("harness.commands.show", "one step: its record, its inputs, a sample of its content"),
    "grade": ("harness.commands.grade", "verdicts on completions made elsewhere"),
    "import": ("harness.commands.import_results", "rows of results from what lm-eval, evalplus or LiveCodeBench wrote"),
    "verify": ("harness.commands.verify", "grade the stored completions again, and derive every number of the results again"),
    "export": ("harness.commands.export", "results in the formats of spreadsheets, papers and other tools"),
    "doctor": ("harness.commands.doctor", "what this machine can do, and what is missing"),
    "schema": ("harness.commands.schema", "the JSON Schema of a suite, for editors"),
}


def main(argv: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="harness", description="Which on-policy distillation method really works.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    for name, (module, help_) in COMMANDS.items():
        below = commands.add_parser(name, help=help_, description=help_[0].upper() + help_[1:] + ".")
        if name == chosen:
            importlib.import_module(module).add_arguments(below)
    args = parser.parse_args(arguments)
    try:
        return importlib.import_module(COMMANDS[args.command][0]).run(args)
    except Fault as fault:
        print(f"harness: {fault}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("harness: stopped. What is done is kept; the same command goes on from here.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as fault:
        print(
            f"harness: {fault.filename or 'the file system'}: {fault.strerror}. What is done is kept; mend it and run the same command.",
            file=sys.stderr,
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())

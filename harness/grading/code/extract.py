"""The program that a completion holds. Linear in the length of the text, and nothing of it is run.

Two conventions. EvalPlus: the fenced block that defines the wanted function, the last one where several do; where the exam began the
answer with an open fence, what follows up to its close. LiveCodeBench (and TACO): the text between the last two lines with a fence.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass

MAX_PARSED = 200_000  # characters: longer texts without a fence are no programs
LEAD = "Below is a Python script with a self-contained function that solves the problem and passes corresponding tests:"


@dataclass(frozen=True)
class Extracted:
    """`status` found, no_answer or unfinished; `program` where it was found."""

    status: str
    program: str | None = None


NO_ANSWER, UNFINISHED = Extracted("no_answer"), Extracted("unfinished")


def last_fenced(completion: str) -> Extracted:
    """LiveCodeBench's rule, after the thinking. ~~~ counts where no ``` is written."""
    text = after_thinking(completion)
    if text is None:
        return UNFINISHED
    lines = text.split("\n")
    fence = "```" if "```" in text else "~~~"
    places = [place for place, line in enumerate(lines) if fence in line]
    if len(places) < 2:
        return UNFINISHED if places else NO_ANSWER
    return _found("\n".join(lines[places[-2] + 1 : places[-1]]))


def defining(completion: str, entry_point: str) -> Extracted:
    """EvalPlus: what defines `entry_point`, or else what may be the body of it."""
    if _begun(completion):
        done, rest = fenced(completion, first=True)
        if done:
            return _found(done[0])
        # Cut where the fence would close, or where the tokens ended: a whole program all the same if it parses.
        return _found(rest) if rest is not None and rest.strip() and _parses(rest) else UNFINISHED
    text = after_thinking(completion)
    if text is None:
        return UNFINISHED
    blocks, rest = fenced(text)
    if blocks:
        return _found(next((block for block in reversed(blocks) if defines(block, entry_point)), blocks[-1]))
    if rest is not None:
        return UNFINISHED
    return _found(text) if defines(text, entry_point) and _parses(text) else NO_ANSWER


def after_thinking(completion: str) -> str | None:
    """What follows the last </think>; None where thinking never closed."""
    after = completion.rsplit("</think>", 1)[-1]
    return None if "<think>" in after else after


def fenced(text: str, first: bool = False) -> tuple[list[str], str | None]:
    """The complete fenced blocks (only the `first`, if asked), and what an unclosed fence at the end has opened, None if there is none.

    A fence closes with as many of its characters or more and nothing behind. One with a language inside an open block begins anew.
    """
    blocks: list[str] = []
    opened: tuple[str, list[str]] | None = None
    for line in text.split("\n"):
        run, language = _fence(line)
        if not run:
            if opened:
                opened[1].append(line)
        elif opened is None or (language and run[0] == opened[0][0]):
            opened = run, []
        elif not language and run.startswith(opened[0]):
            blocks.append("\n".join(opened[1]))
            opened = None
            if first:
                break
        else:
            opened[1].append(line)
    return blocks, "\n".join(opened[1]) if opened else None


def defines(program: str, name: str) -> bool:
    """Whether a line at the margin gives `name` a meaning: def, class or assignment."""
    name = re.escape(name)
    return re.search(rf"^(?:(?:async[ \t]+)?def[ \t]+{name}\b|class[ \t]+{name}\b|{name}[ \t]*[:=])", program, re.MULTILINE) is not None


def assembled(program: str, prompt: str, entry_point: str) -> str:
    """What is run: `prompt` goes on with a bare body; a program that defines the function itself gets the prompt's imports alone.

    HumanEval gives those to every solution by running prompt + completion; a whole program may well leave them out.
    """
    if not defines(program, entry_point):
        return prompt + program
    lines = set(program.split("\n"))
    imports = [line for line in prompt.split("\n") if re.match(r"(?:import|from)\s", line) and line not in lines]
    return preceded("\n".join(imports), program) if imports else program


def preceded(head: str, program: str) -> str:
    """`head` before `program`, below the imports from __future__, which must stand first."""
    futures = re.findall(r"^from __future__ import [^\n]*", program, re.MULTILINE)
    return "\n".join([*futures, head, re.sub(r"^from __future__ import [^\n]*", "", program, flags=re.MULTILINE) if futures else program])


def _fence(line: str) -> tuple[str, str]:
    """A line's run of ``` or ~~~ and the language behind it; two empty texts where the line is no fence."""
    if "```" not in line and "~~~" not in line:
        return "", ""
    line = line.strip()
    rest = line.lstrip(line[0])
    run, language = line[: len(line) - len(rest)], rest.strip()
    return ("", "") if line[0] not in "`~" or len(run) < 3 or "`" in language else (run, language)


def _begun(completion: str) -> bool:
    """Whether the answer begins with an open fence, as an exam that writes its first words makes it."""
    start = completion.lstrip()
    start = start[len(LEAD) :].lstrip() if start.startswith(LEAD) else start
    return start.startswith(("```", "~~~"))


def _found(program: str) -> Extracted:
    return Extracted("found", program) if program.strip() else NO_ANSWER


def _parses(text: str) -> bool:
    if len(text) > MAX_PARSED:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in the text
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True

"""What a row was allowed to see in training, derived from its answers: the first thing to ask of a comparison."""

from __future__ import annotations

from collections.abc import Mapping

from harness.results import Answers

ORDER = ("teacher logits", "own logits", "teacher text", "own text", "reference solutions", "gold answers", "peers")
SELF = ("Frozen", "Current", "Ema")  # teachers that are some state of the student
WRITES = ("Teacher(", "BestOf(", "Relayed(", "Probed(trains='futures'")  # writers whose responses are a teacher's, in whole or in part


def sees(answers: Answers) -> tuple[str, ...]:
    """In a fixed order; ("nothing",) where training saw the problems alone; empty where nothing was trained."""
    if answers.loss is None:
        return ()
    terms = [answers.model_dump(exclude={"also"}), *answers.also.values()]
    found = {thing for term in terms for thing in (_of(term) if isinstance(term, Mapping) else _of_text(str(term)))}
    return tuple(thing for thing in ORDER if thing in found) or ("nothing",)


def _of(term: Mapping[str, object]) -> set[str]:
    writer, teacher, reads, loss, keep = (str(term.get(question) or "") for question in ("writer", "teacher", "reads", "loss", "keep"))
    who = "own" if teacher.startswith(SELF) else "teacher"
    found = set()
    if any(name in writer for name in WRITES) or "by='teacher'" in writer:
        found.add(f"{who} text")
    if loss and not loss.startswith(("NLL", "Reward")) and not teacher.startswith("Nobody"):
        found.add(f"{who} logits")
    if "Solution" in reads or "Solution" in writer:
        found.add("reference solutions")
    if "fallback='answer'" in reads:
        found.add("gold answers")  # they stand in where a solution is missing
    if "Peers" in reads:
        found |= {"peers", "gold answers"}
    if loss.startswith("Reward") or "BestOf" in writer or "Pick(" in writer or (keep and not keep.startswith("All")):
        found.add("gold answers")
    return found


def _of_text(term: str) -> set[str]:
    """A further term that came as the text of its value."""
    who = "own" if any(f"teacher={name}" in term for name in SELF) else "teacher"
    found = {f"{who} text"} if any(f"writer={name}" in term for name in WRITES) else set()
    if "loss=NLL" not in term and "teacher=Nobody" not in term:
        found.add(f"{who} logits")
    if "Solution(" in term:
        found.add("reference solutions")
    if any(name in term for name in ("BestOf(", "Reward(", "Failed(", "Solved(", "Recovered(", "WithPeers(", "fallback='answer'")):
        found.add("gold answers")
    return found

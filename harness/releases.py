"""A problem set whose name alone says too little: which release of it, and which of its contests, is said beside the name."""

from __future__ import annotations

from typing import Any

from harness.document import did_you_mean
from harness.sources import Misread, check_window

OPTIONS = ("release", "since", "window")


def chosen(name: str, entry: dict[str, Any], options: Any) -> tuple[str, dict[str, Any]]:
    """`{name: options}` as a name of its own and a whole entry. Raises Misread.

    release: all up to it · since: without what that earlier release holds already · window: all, or [first, last] month of contests,
    both included.
    """
    releases = entry.get("releases")
    if releases is None:
        why = f" {entry['partial']}" if "partial" in entry else ""
        raise Misread(f"{name} takes no options.{why} Write `{name}` alone.")
    if not isinstance(options, dict) or "release" not in options or "window" not in options:
        raise Misread(f"{name}: {meanings(name, releases)}")
    for key in options:
        if key == "tests" and options[key] == "all":
            continue
        if key == "tests":
            raise Misread(
                f"{name}: tests: {options[key]} is not known: by what rule arXiv:2605.12652 splits the tests of a question was not published "
                "where we could read it. Leave it out, or write tests: all.",
                name,
                key,
            )
        if key not in OPTIONS:
            raise Misread(f"{name} has no option {key!r}.{did_you_mean(key, OPTIONS)}", name, key, at_key=True)
    release, since, window = options["release"], options.get("since"), options["window"]
    for key, value in (("release", release), ("since", since)):
        if value is not None and value not in releases:
            raise Misread(f"{name}: there is no release {value!r}. Known: {', '.join(releases)}.", name, key)
    order = list(releases)
    if since is not None and order.index(since) >= order.index(release):
        raise Misread(f"{name}: since {since}, release {release} has nothing new. Name an earlier one.", name, "since")
    before = releases[since] if since else {"files": [], "count": 0}
    files = [file for file in releases[release]["files"] if file not in before["files"]]
    count = releases[release]["count"] - before["count"]
    whole = {key: value for key, value in entry.items() if key not in ("releases", "about")}
    whole["hub"] = {**entry["hub"], "files": files}
    named = f"{name}-{release}" + (f"-since-{since}" if since else "")
    if window == "all":
        return named, {**whole, "count": count}
    check_window(window, name, "window")
    date = max(window[0], str(entry["date"])[:7])
    return f"{named}-{window[0]}-to-{window[1]}", {**whole, "about": count, "window": list(window), "date": date}


def meanings(name: str, releases: dict[str, Any]) -> str:
    """What the last release's name may mean, and how each is written. The numbers for months are those of others (NeMo-Skills, Qwen)."""
    order = list(releases)
    last, before = order[-1], order[-2]
    whole, new = releases[last]["count"], releases[last]["count"] - releases[before]["count"]

    def spelled(*more: str) -> str:
        return f"{{{name}: {{{', '.join((f'release: {last}', *more))}}}}}"

    return (
        f"release and window must be said, for {last!r} alone is the name of four sets: "
        f"all {whole:,} problems up to it, {spelled('window: all')}; "
        f"the {new} that it added, {spelled(f'since: {before}', 'window: all')}; "
        f"454 from August 2024 to May 2025, {spelled('window: [2024-08, 2025-05]')}; "
        f"about 131 from February to May 2025, {spelled('window: [2025-02, 2025-05]')}. Write the one that is meant."
    )

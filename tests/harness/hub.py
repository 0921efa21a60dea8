"""A stand-in for the Hugging Face hub on 127.0.0.1: the endpoints that its own libraries call to read a repository.

Nothing of it is copied from theirs; `seen` is what was asked for. Like the hub, it answers an unknown file, revision or
repository with 404 and a header that says which of the three it was, and a gated one with 403.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

Files = dict[str, bytes]

REPO = r"(?P<id>[\w.-]+/[\w.-]+)"
ROUTES = (
    ("file", re.compile(rf"/(?P<kind>datasets/)?{REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)")),
    ("info", re.compile(rf"/api/(?P<kind>models|datasets)/{REPO}(/revision/(?P<revision>[^/]+))?")),
    ("tree", re.compile(rf"/api/(?P<kind>models|datasets)/{REPO}/tree/(?P<revision>[^/]+)(/(?P<path>.+))?")),
    ("paths", re.compile(rf"/api/(?P<kind>models|datasets)/{REPO}/paths-info/(?P<revision>[^/]+)")),
)


class Hub:
    """`add` a repository's commit; the last one added is its branch main. Use as a context: `url` is for HF_ENDPOINT."""

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], dict[str, Files]] = {}
        self.gated: set[str] = set()  # names of repositories whose terms nobody accepted
        self.seen: list[str] = []  # "GET /path"
        handler = type("Handler", (Answers,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def add(self, kind: str, name: str, files: Files) -> str:
        """A commit of a repository; kind: "models" or "datasets". Its revision: 40 hex, from the content."""
        commits = self.repos.setdefault((kind, name), {})
        content = json.dumps({path: hashlib.sha256(data).hexdigest() for path, data in files.items()}, sort_keys=True)
        revision = hashlib.sha1(f"{name} {len(commits)} {content}".encode()).hexdigest()
        commits[revision] = files
        return revision

    def find(self, kind: str, name: str, revision: str | None) -> tuple[str, Files]:
        """(commit, files). Raises KeyError with the hub's word for what is missing."""
        commits = self.repos.get((kind, name))
        if commits is None:
            raise KeyError("RepoNotFound")
        if name in self.gated:
            raise KeyError("GatedRepo")
        commit = list(commits)[-1] if revision in (None, "main") else revision
        if commit not in commits:
            raise KeyError("RevisionNotFound")
        return commit, commits[commit]

    def __enter__(self) -> Hub:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class Answers(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.route()

    def do_GET(self) -> None:
        self.route()

    def do_POST(self) -> None:
        self.route()

    def route(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        self.hub.seen.append(f"{self.command} {path}")
        for name, pattern in ROUTES:
            if match := pattern.fullmatch(path):
                found = match.groupdict()
                kind = (found["kind"] or "models").rstrip("/")
                try:
                    commit, files = self.hub.find(kind, found["id"], found["revision"])
                    return getattr(self, name)(found, commit, files, body)
                except KeyError as missing:
                    return self.missing(missing.args[0])
        return self.missing("RepoNotFound")

    def file(self, found: dict, commit: str, files: Files, body: bytes) -> None:
        if found["path"] not in files:
            return self.missing("EntryNotFound", {"X-Repo-Commit": commit})
        data = files[found["path"]]
        self.answer(200, data, {"X-Repo-Commit": commit, "ETag": f'"{oid(data)}"', "Content-Type": "application/octet-stream"})

    def info(self, found: dict, commit: str, files: Files, body: bytes) -> None:
        self.json(
            {
                "id": found["id"],
                "sha": commit,
                "private": False,
                "gated": False,
                "tags": [],
                "siblings": [{"rfilename": path} for path in files],
            }
        )

    def tree(self, found: dict, commit: str, files: Files, body: bytes) -> None:
        under = f"{found['path']}/" if found["path"] else ""
        inside = {path for path in both(files) if path.startswith(under)}
        if under and not inside:
            raise KeyError("EntryNotFound")
        if "recursive=true" not in self.path.lower():
            inside = {path for path in inside if "/" not in path.removeprefix(under)}
        self.json([entry(path, files) for path in sorted(inside)])

    def paths(self, found: dict, commit: str, files: Files, body: bytes) -> None:
        asked = json.loads(body)["paths"] if body.startswith(b"{") else re.findall(r"paths=([^&]*)", unquote(body.decode()))
        self.json([entry(path, files) for path in asked if path in both(files)])

    def json(self, value: object) -> None:
        self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def missing(self, what: str, more: dict[str, str] | None = None) -> None:
        status = 403 if what == "GatedRepo" else 404
        self.answer(
            status, json.dumps({"error": what}).encode(), {"X-Error-Code": what, "Content-Type": "application/json", **(more or {})}
        )

    def answer(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


def oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def both(files: Files) -> set[str]:
    """The files and the folders they lie in."""
    return {*files, *(str(folder) for path in files for folder in PurePosixPath(path).parents if folder.name)}


def entry(path: str, files: Files) -> dict[str, object]:
    if path not in files:
        return {"type": "directory", "path": path, "size": 0, "oid": oid(path.encode())}
    return {"type": "file", "path": path, "size": len(files[path]), "oid": oid(files[path])}

"""A hub of data sets on loopback: the parts of its language by which the package `datasets` loads one."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

GATED = "org/gated"


@dataclass
class Hub:
    """What the hub has, and what it was asked.

    Attributes:
        files: the files of each commit of a data set: by its name, the commit and the path.
        branches: the commit of each branch, by the data set and the branch.
        asked: paths of the requests so far.
    """

    files: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    branches: dict[tuple[str, str], str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def commit(self, name: str, files: Mapping[str, bytes], branch: str = "main") -> str:
        """Add a commit to a branch, and return its hash."""
        said = json.dumps([name, {path: hashlib.sha1(data).hexdigest() for path, data in files.items()}])  # noqa: S324
        commit = hashlib.sha1(said.encode()).hexdigest()  # noqa: S324  # as git does
        self.files.setdefault(name, {})[commit] = dict(files)
        self.branches[name, branch] = commit
        return commit


@contextmanager
def hub_server() -> Iterator[Hub]:
    """Serve a hub, on a port of its own, until the end of the block."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # the library's name
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

        def _answer(self, body: Any = None) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.asked.append(f"{self.command} {path}")
            status, headers, data = _reply(hub, path.strip("/").split("/"), body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


Reply = tuple[int, dict[str, str], bytes]


def _reply(hub: Hub, parts: list[str], body: Any) -> Reply:
    is_api = parts[0] == "api"
    _, owner, short, verb, revision, *path = [*parts[is_api:], *[""] * 5][: max(len(parts) - is_api, 5)]
    name = f"{owner}/{short}"
    commit = hub.branches.get((name, revision), revision)
    files = hub.files.get(name, {}).get(commit)
    if name == GATED or files is None:
        return _refused(hub, name)
    if verb == "resolve":
        return _file(commit, files.get("/".join(path)))
    if verb == "revision":
        return _json({"id": name, "sha": commit, "private": False, "downloads": 0, "likes": 0, "tags": []})
    listed = _tree(files, "/".join(path).strip("/") if verb == "tree" else "")
    return _json(listed if verb == "tree" else [entry for entry in listed if entry["path"] in body["paths"]])


def _file(commit: str, data: bytes | None) -> Reply:
    if data is None:
        return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}, b""
    return 200, {"ETag": f'"{_blob(data)}"', "X-Repo-Commit": commit}, data


def _tree(files: Mapping[str, bytes], under: str) -> list[dict[str, Any]]:
    listed = [_entry(file, data) for file, data in files.items()]
    folders = {file.rpartition("/")[0] for file in files if "/" in file}
    found = [*listed, *({"type": "directory", "path": folder, "oid": "0" * 40, "size": 0} for folder in folders)]
    return [entry for entry in found if not under or entry["path"].startswith(f"{under}/")]


def _entry(file: str, data: bytes) -> dict[str, Any]:
    return {"type": "file", "path": file, "oid": _blob(data), "size": len(data)}


def _blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()  # noqa: S324  # as git does


def _json(value: Any) -> Reply:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _refused(hub: Hub, name: str) -> Reply:
    if name == GATED:
        status, code = 403, "GatedRepo"
    else:
        status, code = 404, "RevisionNotFound" if name in hub.files else "RepoNotFound"
    return status, {"X-Error-Code": code, "X-Error-Message": code}, b"{}"

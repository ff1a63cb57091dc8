"""A small Hugging Face hub on this machine: repositories in memory, with the calls that pushing and pulling make."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

SHA = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """A hub: files by repository, the kind of each repository, and what was asked of it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.created: list[dict] = []
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, content: object, code: int = 200, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"{self.command} {path}")
        if path in ("", "/"):
            return self.answer(b"")
        if found := re.fullmatch(r"/(?:datasets/)?([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
            content = self.server.repositories[found[1]][found[2]]
            tag = hashlib.sha256(content).hexdigest()
            return self.answer(content, ETag=f'"{tag}"', X_Repo_Commit=SHA)
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/[^/]+/?", path):
            files = self.server.repositories[found[1]]
            return self.answer(
                [
                    {"type": "file", "oid": SHA, "path": name, "size": len(content)}
                    for name, content in files.items()
                ]
            )
        found = re.fullmatch(r"/api/models/([^/]+/[^/]+)(/revision/.*)?", path)
        if found is None or found[1] not in self.server.repositories:
            return self.answer({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
        files = self.server.repositories[found[1]]
        siblings = [{"rfilename": name, "size": len(content)} for name, content in files.items()]
        return self.answer({"id": found[1], "sha": SHA, "private": False, "tags": [], "siblings": siblings})

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        self.server.asked.append(f"POST {path}")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != "Bearer hf_test":
            return self.answer({"error": "Invalid username or password."}, 401)
        if path == "/api/repos/create":
            about = json.loads(body)
            name = f"{about['organization']}/{about['name']}"
            self.server.created.append(about)
            self.server.repositories.setdefault(name, {})
            return self.answer({"url": f"{self.server.address}/{name}", "name": name, "id": name})
        if path == "/api/validate-yaml":  # of a card
            return self.answer({"errors": [], "warnings": []})
        _kind, name, action = re.fullmatch(
            r"/api/(models|datasets)/([^/]+/[^/]+)/(preupload|commit)/main", path
        ).groups()
        if action == "preupload":
            names = [file["path"] for file in json.loads(body)["files"]]
            return self.answer(
                {"files": [{"path": each, "uploadMode": "regular", "shouldIgnore": False} for each in names]}
            )
        for line in map(json.loads, body.decode().splitlines()):
            if line["key"] == "file":
                value = line["value"]
                self.server.repositories[name][value["path"]] = base64.b64decode(value["content"])
        return self.answer(
            {"commitUrl": f"{self.server.address}/{name}/commit/{SHA}", "commitOid": SHA, "success": True}
        )


@contextmanager
def hub() -> Iterator[Hub]:
    """Run a hub while the block runs."""
    server = Hub()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

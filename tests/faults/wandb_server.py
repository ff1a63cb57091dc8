"""A server that stands in for W&B: it answers as far as a run needs it, or refuses, hangs, drops connections, or fails."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "0" * 40
"""What passes for an API key."""
ENTITY = {"id": "ZTox", "name": "me", "defaultEntity": {"id": "ZTox", "name": "me"}}
RUN = {
    "id": "UnVuOjE=",
    "name": "run",
    "displayName": "run",
    "description": "",
    "config": "{}",
    "sweepName": None,
    "project": {"id": "UHI=", "name": "lengen", "entity": {"id": "ZTox", "name": "me"}},
    "historyLineCount": 0,
}


class Server(ThreadingHTTPServer):
    """The server.

    `mode` is what it does with a request: `answer`, `hang`, `drop` or `error`. `asked` counts the operations;
    `history` has the rows that were logged.
    """

    daemon_threads = True

    def __init__(self, mode: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.mode, self.asked, self.over = mode, Counter[str](), threading.Event()
        self.history: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that end early."""


class Handler(BaseHTTPRequestHandler):
    """Handles a request as the mode says."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def do_PUT(self) -> None:
        self._handle("PUT")

    def _handle(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        operation = self.path
        if self.path.startswith("/graphql"):
            found = re.search(rb"(?:query|mutation)\s+(\w+)", body)
            operation = found[1].decode() if found else "?"
        self.server.asked[operation] += 1
        match self.server.mode:
            case "hang":
                self.server.over.wait()
                self.close_connection = True
            case "drop":
                self.close_connection = True
                with suppress(OSError):
                    self.connection.shutdown(2)
            case "error":
                self._send(500, {"error": "broken"})
            case _:
                self._keep(body)
                self._send(200, answer(operation, body, self.server.url))

    def _send(self, code: int, content: Any) -> None:
        text = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _keep(self, body: bytes) -> None:
        """Keep the rows of a stream of files."""
        if self.path.endswith("/file_stream"):
            for line in json.loads(body).get("files", {}).get("wandb-history.jsonl", {}).get("content", ()):
                self.server.history.append(json.loads(line))

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def answer(operation: str, body: bytes, url: str) -> dict[str, Any]:
    """What W&B would answer, as far as a run reads it."""
    if operation.startswith("/"):
        return {"exitcode": None, "limits": {}}
    variables = json.loads(body).get("variables") or {}
    names = variables.get("files") or []
    run = {**RUN, "name": variables.get("name") or RUN["name"]}  # by which W&B names the folder of the run
    files = [{"name": name, "uploadUrl": f"{url}/upload/{number}"} for number, name in enumerate(names)]
    return {
        "data": {
            "viewer": {
                **ENTITY,
                "flags": "{}",
                "email": "me@example.com",
                "username": "me",
                "teams": {"edges": []},
            },
            "serverInfo": {"cliVersionInfo": {"max_cli_version": "99.0.0"}, "features": []},
            "upsertBucket": {"bucket": run, "inserted": True},
            "project": {"run": None},
            "model": {"bucket": None},
            "createArtifact": {
                "artifact": {
                    "id": "QQ==",
                    "state": "COMMITTED",
                    "artifactSequence": {"id": "UQ==", "latestArtifact": None},
                }
            },
            "createRunFiles": {"runID": "run", "uploadHeaders": [], "files": files},
        }
    }


@contextmanager
def serving(mode: str) -> Iterator[Server]:
    """Run a server while the block runs."""
    server = Server(mode)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()

"""Starts command lines of lengen, each a process and a session of its own, forked from one that has imported torch once.

One request a line on standard input, one answer a line on standard output, both JSON: a command line starts, and its
process is the answer; the number of a process asks for its exit code, null while it runs. Ends with its standard input.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
from typing import Any

IMPORTED = (
    "hydra",
    "lengen.analysis.compare_runs",
    "lengen.api.evaluation",
    "lengen.cli.hydra_app",
    "lengen.cli.main",
    "lengen.experiment.run",
    "lengen.export.dataset",
    "lengen.optimizer.muon",
    "lengen.report.terminal",
)


def serve() -> dict[str, Any] | None:
    """Answer requests; in the process of a command, return its request."""
    for line in sys.stdin:
        request = json.loads(line)
        if isinstance(request, int):
            pid, status = os.waitpid(request, os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if not answer:
                return request
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()
    return None


def become(request: dict[str, Any]) -> None:
    """Make this process that of a command: its session, folder, environment, and standard files."""
    os.setsid()
    for number in (
        signal.SIGINT,
        signal.SIGHUP,
    ):  # which a shell that starts the tests in the background ignores
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    os.chdir(request["folder"])
    os.environ.update(request["environment"])
    append = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    for number, (name, flags) in enumerate(
        ((os.devnull, os.O_RDONLY), (request["out"], append), (request["err"], append))
    ):
        os.dup2(os.open(name, flags, 0o644), number)
    sys.argv = ["lengen", *request["words"]]


if __name__ == "__main__":
    for module in IMPORTED:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    if command := serve():
        become(command)
        sys.exit(importlib.import_module("lengen.cli.main").main())

"""Everything on one GPU, in at most eight minutes: its tests, steps, other libraries, sweeps, studies, memory and waits.

Each part is a process of its own with a time of its own; a part that fails or is too slow is written down, and the others go on. Times
are wall times of finished work. Training is in bf16 on both sides.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks import Entry, Failed, Setting, gpu_parts
from benchmarks.measures import generate, overhead, peers, step, trainer
from benchmarks.record import ROOT, read_entry, written
from benchmarks.timing import figure

DEVICE = "cuda"
WHOLE = 465
"""Seconds of all parts together; the rest of eight minutes is for starting and writing."""
PARTS: dict[str, tuple[int, Callable[[Setting], Iterator[Entry]]]] = {
    "tests": (90, gpu_parts.tests),
    "waits": (25, gpu_parts.waits),
    "paper": (35, gpu_parts.paper),
    "step": (35, step.measure),
    "peers": (55, peers.measure),
    "trainer": (35, trainer.measure),
    "overhead": (35, overhead.measure),
    "generate": (45, generate.measure),
    "memory": (45, gpu_parts.memory),
    "seeds": (25, gpu_parts.seeds),
    "runs": (90, gpu_parts.runs),
}
"""The most seconds of each part, start of its process included, and what it does; they may add up to more than WHOLE."""
MEASURED = 0.6
"""Share of a part's seconds after which it begins no new round."""


def absent(setting: Setting) -> str | None:
    """Return a line if the device is not there, after its tests have been skipped by name; None if it is."""
    if setting.device != "cuda" or torch.cuda.is_available():
        return None
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-m", "gpu", "tests/gpu"], cwd=ROOT, check=True
    )
    return "gpu: torch sees no CUDA GPU: nothing was measured"


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield the figures of all parts, and the seconds of each."""
    ends = time.monotonic() + WHOLE
    for name, (most, _) in PARTS.items():
        limit = min(most, ends - time.monotonic())
        if limit <= 1:
            yield Failed(name, f"no time was left of {WHOLE} seconds")
            continue
        started = time.monotonic()
        for entry in in_process(name, setting, limit):
            yield replace(entry, what=f"{name}: {entry.what}")
        yield figure(f"part {name}", "s", [time.monotonic() - started], detail=True)


def in_process(name: str, setting: Setting, limit: float) -> Iterator[Entry]:
    """Yield the entries of a part, which a process of its own writes one by one, and why it ended early if it did."""
    with tempfile.TemporaryDirectory() as place:
        entries = Path(place) / "entries"
        entries.touch()
        command = [
            sys.executable, str(ROOT / "scripts" / "bench.py"), "gpu", "--device", setting.device, "--part", name,
            "--seconds", str(limit), "--out", str(entries), *(["--quick"] if setting.quick else []),
        ]  # fmt: skip
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            try:
                _, said = process.communicate(timeout=limit)
                reason = (said.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # with the processes that it has started
                reason = f"ended after {limit:.0f} seconds"
        yield from map(read_entry, map(json.loads, entries.read_text().splitlines()))
        if process.returncode:
            yield Failed("part", reason)


def part(name: str, setting: Setting, limit: float, out: Path) -> None:
    """Carry out a part in this process, and append each entry to a file as soon as it is known."""
    most, work = PARTS[name]
    seconds = MEASURED * (most if limit is None else limit)
    with out.open("a", encoding="utf-8") as file:
        for entry in work(replace(setting, until=time.monotonic() + seconds)):
            file.write(json.dumps(written(entry)) + "\n")
            file.flush()

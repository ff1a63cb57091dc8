"""Files of a measure: what was measured, by which command, at which commit, on which machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from benchmarks import KINDS, Entry, Figure, Profile, Setting
from lengen.launcher.local import cores
from lengen.records.curve import write_text

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "bench"
LIBRARIES = ("transformers", "x-transformers", "trainite", "accelerate")


def written(entry: Entry) -> dict[str, Any]:
    """Return an entry as plain values, with the name of its list."""
    kind = next(name for name, kind in KINDS.items() if isinstance(entry, kind))
    return {"kind": kind, **asdict(entry)}


def read_entry(values: Mapping[str, Any]) -> Entry:
    """Return the entry that `written` made plain."""
    fields = dict(values)
    made = KINDS[fields.pop("kind")]
    if made is Figure:
        fields["profiles"] = tuple(Profile(**profile) for profile in fields["profiles"])
    entry: Entry = made(**fields)
    return entry


def machine(device: str) -> dict[str, Any]:
    """Return what the machine is: its processor, cores, threads of torch, device and load."""
    info = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (info.read_text().splitlines() if info.exists() else ())
        if line.startswith("model name")
    ]
    return {
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "load": round(os.getloadavg()[0], 2),
    }


def commit() -> str | None:
    """Return the commit of the checkout, with a plus where tracked files differ from it; None outside a checkout."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "src", "scripts", "configs")
        return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None


def libraries() -> dict[str, str]:
    """Return the versions of the other libraries that are installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def start(name: str, title: str, setting: Setting, words: Sequence[str]) -> dict[str, Any]:
    """Return the head of a file, made before anything is measured."""
    return {
        "name": name,
        "title": title,
        "command": " ".join(("python scripts/bench.py", *words)),
        "commit": commit(),
        "date": time.strftime("%Y-%m-%d"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "libraries": libraries(),
        "machine": machine(setting.device),
        "toy": setting.quick,
    }


def save(folder: Path, head: Mapping[str, Any], entries: Iterable[Entry]) -> dict[str, Any]:
    """Write the JSON and the table of a measure, and return what the JSON holds."""
    lists: dict[str, list[dict[str, Any]]] = {name: [] for name in KINDS}
    for entry in entries:
        values = written(entry)
        lists[values.pop("kind")].append(values)
    record = {**head, **lists}
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / f"{head['name']}.json", json.dumps(record, indent=1) + "\n")
    write_table(folder, load(record))
    return record


def write_table(folder: Path, record: Mapping[str, Any]) -> None:
    """Write the table of a measure, given what its JSON holds with entries as objects."""
    from benchmarks.page import table

    write_text(folder / f"{record['name']}.md", table(record, whole=True, level="#") + "\n")


def load(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a JSON holds, with its entries as objects."""
    return {
        **record,
        **{name: [read_entry({"kind": name, **values}) for values in record[name]] for name in KINDS},
    }


def loaded(path: Path) -> dict[str, Any]:
    """Read the JSON of a measure."""
    return load(json.loads(path.read_text()))

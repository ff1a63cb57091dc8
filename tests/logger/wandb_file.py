"""Read what W&B wrote offline: records in LevelDB's framing, each a protocol buffer."""

import json
import struct
import time
import zlib
from pathlib import Path

BLOCK = 32768
HEADER = struct.Struct("<IHB")


def chunks(path: Path):
    """Whole records, put together from their fragments; ends at the first that is not wholly written yet."""
    data = path.read_bytes()
    assert data[:4] == b":W&B"
    at, record = 7, b""
    while at + HEADER.size <= len(data):
        left = BLOCK - at % BLOCK
        if left < HEADER.size:
            at += left
            continue
        checksum, size, kind = HEADER.unpack_from(data, at)
        at += HEADER.size
        if kind == 0 or zlib.crc32(data[at - 1 : at + size]) != checksum:
            return
        record = data[at : at + size] if kind in (1, 2) else record + data[at : at + size]
        at += size
        if kind in (1, 4):
            yield record


def items(them):
    return {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in them}


def load(path: Path) -> dict:
    """What `parse` finds in a finished run; W&B's service writes the last block some milliseconds after `finish` returns."""
    until = time.monotonic() + 20
    while (found := parse(path))["exit_code"] is None and time.monotonic() < until:
        time.sleep(0.01)
    assert found["exit_code"] is not None, f"{path} has no end"
    return found


def parse(path: Path) -> dict:
    """Config, history, summary, metrics (name to axis), files, artifacts, command, exit code and the run's own record."""
    from wandb.proto import wandb_internal_pb2

    found = {
        "config": {},
        "history": [],
        "summary": {},
        "metrics": {},
        "files": [],
        "exit_code": None,
        "run": None,
        "artifacts": {},
        "command": [],
        "stats": 0,
    }
    for chunk in chunks(path):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(chunk)
        match record.WhichOneof("record_type"):
            case "run":
                found["run"] = record.run
                found["config"].update(items(record.run.config.update))
            case "config":
                found["config"].update(items(record.config.update))
            case "history":
                found["history"].append(items(record.history.item))
            case "summary":
                found["summary"].update(items(record.summary.update))
            case "metric":
                found["metrics"][record.metric.name or record.metric.glob_name] = record.metric.step_metric
            case "files":
                found["files"] += [file.path for file in record.files.files]
            case "exit":
                found["exit_code"] = record.exit.exit_code
            case kind:
                note(kind, record, found)
    return found


def note(kind, record, found) -> None:
    """Add what a record of another kind says."""
    match kind:
        case "artifact":
            paths = [entry.path for entry in record.artifact.manifest.contents]
            found["artifacts"][record.artifact.name] = (record.artifact.type, paths)
        case "environment" if record.environment.program:
            found["command"] = [record.environment.program, *record.environment.args]
        case "stats":
            found["stats"] += 1

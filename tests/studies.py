"""Run folders made up for tests, as `lengen train` leaves them."""

import json
from pathlib import Path

import yaml

from report.curves import curve

LENGTHS = (5, 10, 20, 40)


def config(**options):
    """A resolved configuration with some options changed: `task__repeats="one"` is task.repeats."""
    made = {
        "task": {"_target_": "lengen.task.copy.Copy", "repeats": "allowed"},
        "pe": {"_target_": "lengen.pe.nope.NoPE"},
        "labels": {"task": "copy", "pe": "nope", "positions": "contiguous"},
        "train_length": 10,
        "steps": 100,
        "seed": 0,
        "eval": {"lengths": list(LENGTHS), "examples": 1000},
    }
    for name, value in options.items():
        head, _, leaf = name.partition("__")
        if leaf:
            made[head][leaf] = value
        else:
            made[head] = value
    return made


def write_run(
    root,
    seed,
    shares,
    *,
    pe="nope",
    cell="c000000001",
    status="finished",
    protocol=None,
    facts=None,
    **options,
):
    """A run folder with a share of right answers at each of LENGTHS."""
    made = config(**options)
    made["labels"]["pe"] = pe
    made["seed"] = seed
    task = made["labels"]["task"]
    folder = Path(root) / task / pe / cell / f"seed={seed}"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(made))
    known = {
        "status": status,
        "id_exact_match": shares[0] if shares else None,
        "wall_seconds": 90.0,
        "parameters": 1234,
        "finished": f"2026-01-01T00:00:{seed:02d}+0000",
        "command": "lengen train",
        "protocol": {
            "examples": 1000,
            "decode": "teacher",
            "train_length": made["train_length"],
            **(protocol or {}),
        },
        **(facts or {}),
    }
    (folder / "run.json").write_text(json.dumps(known))
    if shares:
        by_length = dict(zip(made["eval"]["lengths"], shares, strict=True))
        curve(by_length, pe=pe, cell=cell, seed=seed, task=task, train_length=made["train_length"]).save(
            folder / "curve.csv"
        )
    return folder

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
    made["eval"]["examples"] = known["protocol"]["examples"]
    (folder / "config.yaml").write_text(yaml.safe_dump(made))
    (folder / "run.json").write_text(json.dumps(known))
    if shares:
        shared = {
            **{name: made["labels"][name] for name in ("task", "attention") if name in made["labels"]},
            **{name: known["protocol"][name] for name in ("examples", "decode")},
            "pe": pe,
            "cell": cell,
            "seed": seed,
            "train_length": made["train_length"],
            "step": made["steps"],
        }
        by_length = dict(zip(made["eval"]["lengths"], shares, strict=True))
        curve(by_length, **shared).save(folder / "curve.csv")
    return folder

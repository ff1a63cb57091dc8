"""`lengen compare` on 1,000 synthetic runs, of ten encodings and a hundred seeds: tables, figures and page.

CPU seconds of the command, and its wall time and peak memory.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from benchmarks import Entry, Setting
from benchmarks.timing import children_cost, figure
from lengen.config.builder import Builder
from lengen.config.compose import TRAIN, Request
from lengen.records.curve import Curve, Row
from lengen.records.eval_options import EvalOptions
from lengen.records.run_dir import RunFolder, SweepRecord
from lengen.records.verdicts import StringVerdicts
from lengen.statistics.intervals import clopper_pearson

ENCODINGS, SEEDS, EXAMPLES = 10, 100, 1000


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield the CPU seconds of the command."""
    encodings, seeds = setting.count(ENCODINGS), setting.count(SEEDS, 3)
    with tempfile.TemporaryDirectory() as place:
        synthetic(Path(place) / "runs", encodings, seeds)
        command = [sys.executable, "-m", "lengen", "compare", f"runs={place}/runs", f"out={place}/out"]
        work = partial(subprocess.run, command, check=True, capture_output=True)
        costs = [children_cost(work) for _ in range(1 if setting.quick else setting.rounds_of(3))]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10
    values = {"wall_s": min(wall for wall, _ in costs), "MiB": peak}
    yield figure(f"{encodings * seeds:,} runs", "CPU seconds", [spent for _, spent in costs], values=values)


def synthetic(runs: Path, encodings: int, seeds: int) -> None:
    """Write finished runs of copy whose exact match falls with the length."""
    plain = Request(TRAIN, ["task=copy"]).compose()
    lengths = Builder().build(EvalOptions, plain["eval"], "eval").at(plain["train_length"])
    noise = random.Random(0)
    for encoding, seed in product(range(encodings), range(seeds)):
        pe, cell = f"pe{encoding}", f"c{encoding:09d}"
        folder = RunFolder(runs / "copy" / pe / cell / f"seed={seed}")
        config = {**plain, "seed": seed, "labels": {**plain["labels"], "task": "copy", "pe": pe}}
        facts = {
            "status": "finished", "id_exact_match": 1.0, "wall_seconds": 60.0, "cell": cell,
            "protocol": {"examples": EXAMPLES, "train_length": plain["train_length"]}, "identity": {"task": plain["task"]},
        }  # fmt: skip
        folder.create(OmegaConf.to_yaml(OmegaConf.create(config)), facts)
        rows, verdicts = [], dict[int, StringVerdicts]()
        for length in lengths:
            share = min(max(1.4 - length / (10 + 2 * encoding) / 2 + noise.gauss(0, 0.1), 0), 1)
            correct = round(EXAMPLES * share)
            exact = np.arange(EXAMPLES) < correct
            wrong = (~exact).astype(np.int32)
            endings, tokens = (4 * wrong).astype(np.int8), np.full(EXAMPLES, length + 1, dtype=np.int32)
            verdicts[length] = StringVerdicts(exact, -exact.astype(np.int32), wrong, endings, tokens)
            rows.append(_row(plain, pe, cell, seed, length, correct))
        folder.save(SweepRecord(Curve(tuple(rows)), verdicts))


def _row(plain: dict[str, Any], pe: str, cell: str, seed: int, length: int, correct: int) -> Row:
    """Return the row of a length."""
    low, high = clopper_pearson(correct, EXAMPLES)
    error = None if correct == EXAMPLES else 0.0
    scores = (correct / EXAMPLES, low, high, correct / EXAMPLES, 0.1, error, 0.1, 2**29)
    split: Any = "id" if length <= plain["train_length"] else "ood"
    names = ("copy", pe, "contiguous", "softmax", "none", plain["labels"]["decoder"], cell, seed, 1500, "last", "teacher")  # fmt: skip
    return Row(*names, plain["train_length"], length, split, EXAMPLES, correct, *scores)

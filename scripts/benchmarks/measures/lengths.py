"""Seconds and bytes of scoring long examples with each encoding and each attention, by length.

Each is measured in a process of its own, from its shortest example to its longest; memory is the peak of the process, everything
included. One example of up to 16,384 tokens; four of up to 2,048 where numbers depend on the content.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import Entry, Failed, Figure, Setting
from benchmarks.models import experiment
from benchmarks.record import ROOT, read_entry, written
from benchmarks.timing import figure, now, seconds
from lengen.config.search import config_dir
from lengen.evaluation.scoring import score
from lengen.evaluation.sweep import PeakMemory
from lengen.pe import PositionalEncoding
from lengen.pe.layered import LayeredBias

LENGTHS, OF_CONTENT = (1024, 4096, 16384), (512, 1024, 2048)
MARKS = 10
"""Tokens of a passkey beside its filler."""
SCRIPT = "import sys; from benchmarks.measures.lengths import alone; alone(*sys.argv[1:])"


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield seconds of an example, with the peak of memory, by option and length."""
    paths = [path for group in ("pe", "attention") for path in sorted((config_dir() / group).glob("*.yaml"))]
    for path in paths[: setting.count(1000)]:
        word = f"{path.parent.name}={path.stem}"
        if word == "pe=multilevel":  # it needs a task with places
            continue
        command = [sys.executable, "-c", SCRIPT, word, setting.device, str(int(setting.quick))]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT / "scripts")
        for line in done.stdout.splitlines():
            if line.startswith("{"):
                yield read_entry(json.loads(line))
        if done.returncode:
            yield Failed(word, (done.stderr.strip().splitlines() or ["ended"])[-1])


def alone(word: str, device: str, quick: str) -> None:
    """Measure one option in this process, and print its figures as JSON."""
    torch.set_num_threads(1)
    for entry in by_length(word, Setting(device, quick == "1")):
        print(json.dumps(written(entry)), flush=True)


def by_length(
    word: str, setting: Setting, lengths: tuple[int, ...] | None = None, *words: str
) -> Iterator[Figure]:
    """Yield seconds and bytes of scoring with an option.

    Args:
        word: the option, such as `pe=alibi`.
        setting: the device.
        lengths: tokens of the examples; None for those of the measure.
        words: further options.
    """
    base = ("pe=nope",) if word.startswith("attention") else ()
    longest = max(lengths or LENGTHS)
    yaml = Path(config_dir() / f"{word.replace('=', '/')}.yaml").read_text()
    table = (f"pe.maximum={longest}",) if "maximum:" in yaml and word != "pe=cope" else ()
    run = experiment(Setting(setting.device), "task=passkey", *base, word, *table, *words)
    decoder = run.make_decoder().to(setting.device).eval()
    of_content = type(decoder.pe).context is not PositionalEncoding.context and not isinstance(
        decoder.pe, LayeredBias
    )
    heavy = of_content or not decoder.rules[0].fused
    rows = 4 if heavy else 1
    chosen = lengths or (OF_CONTENT if heavy else LENGTHS)
    for tokens in (64,) if setting.quick else chosen:
        batch = run.formatted_task.sample(tokens - MARKS, rows, torch.Generator().manual_seed(0))
        assert batch.time + decoder.architecture.bos == tokens
        work: Any = partial(score, decoder, batch, run.positions, ("bench",), "teacher")
        started = now(setting.device)
        with PeakMemory(torch.device(setting.device)) as memory:
            spent = [seconds(setting.device, work)]
            while len(spent) < 3 and now(setting.device) - started < 2:
                spent.append(seconds(setting.device, work))
        values = {"MiB": memory.peak / 2**20}
        yield figure(
            f"{word}, {rows} x {tokens:,} tokens", "s", spent, values=values, detail=tokens != chosen[-1]
        )

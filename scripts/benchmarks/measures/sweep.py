"""A teacher-forced sweep of 10 lengths x 1,000 examples against cached greedy decoding with the same verdicts.

Decoders of the presets, trained for some hundred steps, so that some answers are right.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from benchmarks import Entry, Failed, Setting
from benchmarks.models import experiment, scored, sweep_sets, trained
from benchmarks.timing import in_turn, ratio

TASKS = ("passkey", "copy")
STEPS = 300


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield how many times faster teacher forcing is, by task; fails where a verdict differs."""
    for task, share in setting.sharing(TASKS):
        run = experiment(setting, f"task={task}", "pe=nope")
        decoder, batches = trained(run, setting.count(STEPS)), sweep_sets(run, setting.count(1000, 4))
        teacher, greedy = (partial(scored, run, decoder, batches, decode) for decode in ("teacher", "greedy"))
        verdicts = [torch.cat(side()) for side in (teacher, greedy)]
        if not torch.equal(*verdicts):
            yield Failed(task, f"{int((verdicts[0] != verdicts[1]).sum())} verdicts differ")
            continue
        slow, fast = in_turn(share, [greedy, teacher], setting.rounds_of(5), 1)
        right = float(verdicts[0].double().mean())
        yield ratio(task, "times faster", slow, fast, note=f"{right:.0%} right, equal in both")

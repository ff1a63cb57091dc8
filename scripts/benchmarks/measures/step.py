"""A whole training step and a sweep against the same with `trainer.plain=true`.

Presets of three tasks, Muon; a sweep has ten lengths of 200 examples.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product

from benchmarks import Entry, Setting
from benchmarks.models import experiment, made, own_loop, scored, sweep_sets
from benchmarks.timing import in_turn, ratio

TASKS = ("passkey", "copy", "addition")
BATCHES = (32, 128)


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield how many times faster a step is, by task and batch, then a sweep by task."""
    cells = [*product(TASKS, BATCHES), *((task, None) for task in TASKS)]
    for (task, batch), share in setting.sharing(cells):
        words = (f"task={task}", "pe=nope", f"batch_size={batch or 128}")
        runs = [experiment(setting, *words, f"trainer.plain={plain}") for plain in ("true", "false")]
        if batch is not None:
            plain, fast = in_turn(share, [own_loop(run) for run in runs], setting.rounds_of(40))
            yield ratio(f"step, {task}, batch {batch}", "times faster", plain, fast)
            continue
        batches = sweep_sets(runs[0], setting.count(200, 4))
        sides = [partial(scored, run, made(run).eval(), batches) for run in runs]
        plain, fast = in_turn(share, sides, setting.rounds_of(5), 1)
        yield ratio(f"sweep, {task}", "times faster", plain, fast)

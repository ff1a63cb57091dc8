"""A bare training step against those of other libraries, of equal size, batch, data and AdamW.

Decoders of the presets, with the encoding and the activation of the other library, and once the preset itself. Both sides draw the same batches, clip, and step
torch's fused AdamW; the other side reads them padded, without a mask, which right-padded tokens do not need.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from benchmarks import Entry, Setting, Skipped
from benchmarks.models import PEERS, experiment, own_loop
from benchmarks.profiling import profiled
from benchmarks.timing import in_turn, ratio

MARKS = {"trainite": 1.3, "x-transformers": 1.4, "llama": 2.0}
"""Least ratios wanted on a CPU."""
PRESET, THINNER = "preset", ("decoder.hidden=2.6667",)
"""Our preset, without rotation and gate, against a Llama whose three matrices are as large as our two."""
TASKS = ("passkey", "copy", "addition")
BATCHES = (32, 128)


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield how many times faster a step is, by library, task and batch; with profiles where a mark is not met."""
    present = [name for name, peer in PEERS.items() if not peer.lacking]
    for peer in PEERS.values():
        if peer.lacking:
            yield Skipped(f"against {peer.name}", peer.lacking)
    cells = [
        *product(TASKS, BATCHES, present),
        *((task, batch, PRESET) for task, batch in product(TASKS, BATCHES)),
    ]
    toy = [(TASKS[0], BATCHES[0], name) for name in (*present, PRESET)]
    for (task, batch, name), share in setting.sharing(cells, toy):
        peer = PEERS["llama" if name == PRESET else name]
        if peer.lacking:
            continue
        words = (f"task={task}", f"batch_size={batch}", "optimizer=adamw")
        run = experiment(setting, *words, *peer.words, *(THINNER if name == PRESET else ()))
        theirs, ours = (
            peer.loop(run),
            own_loop(experiment(setting, *words, "pe=nope") if name == PRESET else run),
        )
        other, own = in_turn(share, [theirs, ours], setting.rounds_of(24))
        mark = MARKS.get(name) if setting.device == "cpu" else None
        what = f"{task}, batch {batch}, {'the preset ' if name == PRESET else ''}against {peer.name}"
        note = "pe=nope and GELU, with as many parameters" if name == PRESET else " ".join(peer.words)
        found = ratio(what, "times faster", other, own, mark=mark, note=note)
        if found.met is False:
            steps = setting.count(10, 1)
            sides = (profiled("lengen", ours, steps), profiled(peer.name, theirs, steps))
            found = ratio(what, "times faster", other, own, mark=mark, note=note, profiles=sides)
        yield found

"""A training pass of the tiny decoder with each mixer, in turn with attention, at three lengths.

Time of a forward and a backward pass over 8 rows, in tokens a second, too, the bytes that are stored between the two, and the numbers of an
example's state after these tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks import Entry, Setting
from benchmarks.measures.schemes import passes, scheme
from lengen.config.search import config_dir

ROWS, LENGTHS, ROUNDS = 8, (64, 256, 1024), 5


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield time relative to attention's, by mixer and length."""
    attention = scheme(setting, "decoder=tiny")
    names = sorted(path.stem for path in (config_dir() / "mixer").glob("*.yaml"))
    names = [name for name in names if name not in ("attention", "pattern")]
    for name in names[: setting.count(1000)]:
        other = scheme(setting, "decoder=tiny", f"mixer={name}")
        for length in LENGTHS[: setting.count(3, 1)]:
            found = passes(setting, f"{name}, {length} tokens", other, attention, length, ROWS, ROUNDS)
            values = {
                "tokens a second": ROWS * length / found.values["seconds"],
                **found.values,
                "state": sum(mixer.state_size(length) for mixer in other.mixers),
            }
            yield replace(found, unit="times attention's", values=values)

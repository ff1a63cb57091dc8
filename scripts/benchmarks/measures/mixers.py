"""A training pass of the tiny decoder with each mixer, in turn with attention, at three lengths.

Tokens a second of a forward and a backward pass over 8 rows, the bytes that are stored between the two, and the numbers of an example's
state after these tokens.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmarks import Entry, Setting
from benchmarks.measures.schemes import pass_cost
from benchmarks.models import experiment
from benchmarks.timing import figure
from lengen.config.search import config_dir
from lengen.decoder import Decoder

ROWS, LENGTHS, ROUNDS = 8, (64, 256, 1024), 5


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield tokens a second relative to attention's, by mixer and length."""
    attention = decoder(setting, "attention")
    names = sorted(path.stem for path in (config_dir() / "mixer").glob("*.yaml"))
    names = [name for name in names if name not in ("attention", "pattern")]
    for name in names[: setting.count(1000)]:
        other = decoder(setting, name)
        for length in LENGTHS[: setting.count(3, 1)]:
            yield passes(setting, f"{name}, {length} tokens", other, attention, length)


def decoder(setting: Setting, mixer: str) -> Decoder:
    """Build the tiny decoder with a mixer."""
    run = experiment(setting, "task=many_addition", "decoder=tiny", f"mixer={mixer}")
    return run.make_decoder().to(setting.device)


def passes(setting: Setting, what: str, other: Decoder, attention: Decoder, length: int) -> Entry:
    """Return how many times as many tokens a second pass as with attention."""
    tokens = torch.randint(8, (ROWS, length), device=setting.device)
    ratios, seconds = list[float](), list[float]()
    for index in range(setting.rounds_of(ROUNDS) + 1):
        (own, size), (base, base_size) = (
            pass_cost(each, tokens, setting.device) for each in (other, attention)
        )
        if index:
            ratios.append(base / own)
            seconds.append(own)
    values = {
        "tokens a second": ROWS * length / sorted(seconds)[len(seconds) // 2],
        "MiB": size / 2**20,
        "memory ratio": size / base_size,
        "state": sum(mixer.state_size(length) for mixer in other.mixers),
    }
    return figure(what, "times attention's", ratios, values=values, detail=True)

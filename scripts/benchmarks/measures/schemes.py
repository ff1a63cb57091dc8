"""A training pass of the small decoder with each encoding and each attention, in turn with nope and softmax, at two lengths.

Seconds of a forward and a backward pass over 16 rows, and the bytes that are stored between the two.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from benchmarks import Entry, Figure, Setting
from benchmarks.models import experiment
from benchmarks.timing import figure, now
from lengen.config.search import config_dir
from lengen.decoder import Decoder

ROWS, LENGTHS, ROUNDS = 16, (64, 256), 9


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield time relative to nope with softmax, by length, encoding and attention."""
    plain = scheme(setting, "pe=nope")
    for group, base in (("pe", ()), ("attention", ("pe=nope",))):
        for path in sorted((config_dir() / group).glob("*.yaml"))[: setting.count(1000)]:
            positions = ("positions=multilevel",) if path.stem == "multilevel" else ()
            decoder = scheme(setting, f"{group}={path.stem}", *base, *positions)
            for length in LENGTHS[: setting.count(2, 1)]:
                yield passes(setting, f"{group}={path.stem}, {length} tokens", decoder, plain, length)


def passes(
    setting: Setting,
    what: str,
    decoder: Decoder,
    plain: Decoder,
    length: int,
    rows: int = ROWS,
    rounds: int = ROUNDS,
) -> Figure:
    """Return the time of a pass relative to a plain decoder's, with seconds and bytes."""
    tokens = torch.randint(8, (rows, length), device=setting.device)
    ratios, seconds = list[float](), list[float]()
    for index in range(setting.rounds_of(rounds) + 1):
        (own, size), (base, base_size) = (
            pass_cost(each, tokens, setting.device) for each in (decoder, plain)
        )
        if index:
            ratios.append(own / base)
            seconds.append(own)
    values = {
        "seconds": sorted(seconds)[len(seconds) // 2],
        "MiB": size / 2**20,
        "memory ratio": size / base_size,
    }
    return figure(what, "times nope's", ratios, values=values, detail=True)


def scheme(setting: Setting, *words: str) -> Decoder:
    """Build the small decoder with some options, of which one may be another size."""
    run = experiment(setting, "task=many_addition", *words)
    return run.make_decoder().to(setting.device)


def pass_cost(decoder: Decoder, tokens: Tensor, device: str) -> tuple[float, int]:
    """Return seconds of a forward and backward pass, and the bytes stored between the two."""
    stored: dict[int, int] = {}

    def store(tensor: Tensor) -> Tensor:
        stored[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    positions = torch.arange(tokens.shape[1], device=tokens.device).unsqueeze(0)
    if decoder.pe.streams:
        positions = torch.stack([positions] * decoder.pe.streams, -1)
    started = now(device)
    with torch.autograd.graph.saved_tensors_hooks(store, lambda tensor: tensor):
        loss = decoder(tokens, positions).square().mean()
    loss.backward()
    return now(device) - started, sum(stored.values())

"""What the other processes of a run do: they train beside the first one, and evaluate some of the lengths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from io import BytesIO
from pathlib import Path

import torch

from lengen.evaluation.sweep import Measured, measured
from lengen.experiment.config import RunConfig
from lengen.logger import Logger
from lengen.records.curve import Row
from lengen.records.verdicts import StringVerdicts
from lengen.training.callback import DivergedError, TrainingCallback
from lengen.training.checkpoint import read_checkpoint
from lengen.training.fit import fit
from lengen.training.ranks import Ranks


def follow(config: RunConfig, ranks: Ranks) -> None:
    """Train and evaluate a run beside the first of its processes, which says from where and writes what is found.

    Args:
        config: the run.
        ranks: the processes of the run.
    """
    options, folder = config.trainer, config.folder
    torch.set_num_threads(options.threads)
    module = config.module(config.make_decoder())
    checkpoint, start = ranks.told("checkpoint")
    if start < config.steps:
        callback = TrainingCallback(
            options.intervals(config.steps),
            folder,
            Logger(),
            partial(config.probe, module.decoder),
            progress=False,
            ranks=ranks,
        )
        stream = config.stream(start, parts=options.parts(ranks.rank))
        try:
            fit(module, stream, callback, options, checkpoint and Path(checkpoint), ranks)
        except DivergedError:
            return  # as the first process has found, too
    lengths = ranks.told("lengths")
    evaluated = read_checkpoint(folder.checkpoint(config.eval.checkpoint), config.run)
    module = config.module(config.make_decoder())
    module.load_state_dict(evaluated["state_dict"])
    decoder = module.decoder.to(options.device).eval()
    measure = partial(
        measured,
        decoder,
        config.formatted_task,
        config.positions,
        config.eval,
        config.facts(int(evaluated["global_step"])),
        prepare=config.with_loops(),
    )
    for length in unclaimed(ranks, lengths):
        ranks.store.set(f"length {length}", packed(measure(length)))  # type: ignore[arg-type]  # takes bytes


def shared(ranks: Ranks, measure: Callable[[int], Measured], lengths: Sequence[int]) -> Iterator[Measured]:
    """Measure lengths in the first process, and collect those that the others measure meanwhile.

    Each process takes the next length when it is ready, the longest first, so that all end at about the same time.

    Raises:
        RankLostError: one of the others has died.
    """
    ranks.tell("lengths", sorted(lengths, reverse=True))
    missing, store = set(lengths), ranks.store

    def others() -> Iterator[Measured]:
        for length in [each for each in missing if store.check([f"length {each}"])]:
            missing.discard(length)
            yield unpacked(store.get(f"length {length}"))

    for length in unclaimed(ranks, sorted(lengths, reverse=True)):
        missing.discard(length)
        yield measure(length)
        yield from others()
    while missing:
        ranks.wait()
        yield from others()


def unclaimed(ranks: Ranks, lengths: Sequence[int]) -> Iterator[int]:
    """Yield the lengths that no other process has taken."""
    store = ranks.store
    while (index := store.add("taken", 1) - 1) < len(lengths):
        yield lengths[index]


def packed(found: Measured) -> bytes:
    """What was measured as bytes that are read without executing code."""
    row, verdicts = found
    contents = BytesIO()
    torch.save({"row": asdict(row), "verdicts": [torch.from_numpy(part) for part in verdicts]}, contents)
    return contents.getvalue()


def unpacked(contents: bytes) -> Measured:
    """What was packed."""
    found = torch.load(BytesIO(contents), weights_only=True)
    return Row(**found["row"]), StringVerdicts(*(part.numpy() for part in found["verdicts"]))

"""A step of lengen's Muon against torch's, on the matrices of two decoders, in blocks of five steps in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from benchmarks import Entry, Setting
from benchmarks.models import experiment, made
from benchmarks.timing import in_turn, ratio
from lengen.optimizer import split
from lengen.optimizer.muon import Orthogonalised

BLOCK, BLOCKS = 5, 40


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield how many times faster lengen's is, by decoder."""
    for size, share in setting.sharing(("tiny", "small")):
        matrices, _ = split(made(experiment(setting, "task=addition", "pe=nope", f"decoder={size}")))
        draws = torch.Generator(setting.device).manual_seed(0)
        for weight in matrices:
            weight.grad = torch.randn(weight.shape, generator=draws, device=setting.device)
        sides = torch.optim.Muon(matrices, lr=1e-3), Orthogonalised(matrices, 1e-3, 0.1, 0.95)
        theirs, ours = in_turn(share, [block(side) for side in sides], setting.rounds_of(BLOCKS))
        yield ratio(f"decoder={size}", "times faster", theirs, ours, note=f"{BLOCK} steps")


def block(optimizer: torch.optim.Optimizer) -> Callable[[], None]:
    """Return what does the steps of a block."""

    def steps() -> None:
        for _ in range(BLOCK):
            optimizer.step()

    return steps

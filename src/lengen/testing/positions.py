"""The contract of positions, as checks that any scheme can be put to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from lengen.positions import Positions
from lengen.task import Batch, Task
from lengen.task.many_addition import ManyAddition
from lengen.testing.report import Report, expect, run

DRAWS = 200
"""Draws that a bound is held against."""


def check_positions(scheme: Positions, *, task: Task | None = None, raise_on_failure: bool = True) -> Report:
    """Put a scheme of positions to the contract of `lengen.positions`, in a sweep and in training.

    Args:
        scheme: what is checked.
        task: whose examples it is shown; additions of several numbers, which have digits, places and groups, if None.
        raise_on_failure: whether the first check that fails is raised; else all are reported.

    Raises:
        ContractError: a check fails.
    """
    checks = {
        f"{title}, {'training' if training else 'sweep'}": partial(
            check, scheme, read(task), training=training
        )
        for title, check in CHECKS.items()
        for training in (False, True)
    }
    return run(type(scheme).__name__, checks, raise_on_failure=raise_on_failure)


def chance(seed: int = 0) -> torch.Generator:
    """A generator."""
    return torch.Generator().manual_seed(seed)


def read(task: Task | None = None, rows: int = 3) -> Batch:
    """Examples of two lengths, with bos."""
    task = task or ManyAddition(length_of="digits", other=2, sizes="uneven", pad="none")
    lengths = [length for length in range(3, 60) if task.has(length)][:4:3]
    return Batch.join([task.sample(length, rows, chance(length)) for length in lengths]).begin()


def shape_and_range(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """One row or one an example, from 0 up; `streams`, `increasing`, `whole` and `counts` are true."""
    positions = scheme(batch, chance(), training=training)
    axes = () if scheme.streams is None else (scheme.streams,)
    allowed = [(1, batch.time, *axes), (*batch.tokens.shape, *axes)]
    expect(
        tuple(positions.shape) in allowed,
        f"shape {tuple(positions.shape)}: allowed is {allowed[0]} or {allowed[1]}",
    )
    expect(positions.min() >= 0, f"a position is {positions.min()}: allowed is 0 or more")
    expect(
        not scheme.increasing or (positions.diff(dim=1) > 0).all(),
        "positions do not increase along a row, the class says increasing=True",
    )
    expect(
        not scheme.whole or (positions == positions.long()).all(),
        "positions lie between integers, the class says whole=True",
    )
    expect(
        not scheme.counts or (positions == torch.arange(batch.time)).all(),
        "positions are not 0, 1, 2, …, the class says counts=True",
    )


def largest(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """`largest` bounds every draw."""
    bound = scheme.largest(batch, training=training)
    drawn = max(int(scheme(batch, chance(seed), training=training).max()) for seed in range(DRAWS))
    expect(drawn <= bound, f"a position is {drawn}, largest says {bound}")


def generator_alone(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """Chance comes from the generator that is given."""
    state = torch.get_rng_state()
    scheme(batch, chance(5), training=training)
    expect(
        torch.equal(torch.get_rng_state(), state),
        "it draws from torch's global generator, not from the given one",
    )
    torch.manual_seed(1)
    first = scheme(batch, chance(5), training=training)
    torch.manual_seed(2)
    again = scheme(batch, chance(5), training=training)
    expect(torch.equal(again, first), "equal generators give other positions")


def later_tokens(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """Change everything from a token on, places included where a place stays a place: earlier positions stay."""
    before = scheme(batch, chance(), training=training)
    for time in range(1, batch.time):
        tokens, places = batch.tokens.clone(), None if batch.places is None else batch.places.clone()
        tokens[:, time:] = torch.randint(
            len(batch.vocabulary), tokens[:, time:].shape, generator=chance(time)
        )
        if (
            places is not None and not training
        ):  # room for a random start follows from the largest place: the length
            places[:, time:] = places[:, time:].flip(1)
        after = scheme(replace(batch, tokens=tokens, places=places), chance(), training=training)
        expect(
            torch.equal(after[:, :time], before[:, :time]),
            f"positions before token {time} depend on later ones",
        )


def inputs_stay(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """The batch is left as it was."""
    tokens, places = batch.tokens.clone(), None if batch.places is None else batch.places.clone()
    scheme(batch, chance(), training=training)
    expect(torch.equal(batch.tokens, tokens), "it changes the tokens of the batch")
    expect(
        places is None or batch.places is None or torch.equal(batch.places, places),
        "it changes the places of the batch",
    )


CHECKS: dict[str, Callable[..., None]] = {
    "shape, range and class variables": shape_and_range,
    "largest bounds every draw": largest,
    "chance comes from the generator": generator_alone,
    "later tokens do not matter": later_tokens,
    "the batch is left alone": inputs_stay,
}
"""The checks of positions by name."""

"""The contract of positions, as checks that any scheme can be put to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import get_args

import torch
from jaxtyping import Bool, Real
from torch import Tensor

from lengen.positions import Needs, Positions
from lengen.task import PAD, SPECIAL, Batch, Task
from lengen.task.many_addition import ManyAddition
from lengen.testing.report import Report, expect, run

DRAWS = 200
"""Draws that a bound is held against."""
NEEDS = get_args(Needs)
"""What a scheme may say that it needs."""


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


def placed(scheme: Positions, batch: Batch, *, training: bool) -> Real[Tensor, "batch time *streams"]:
    """Positions of every row, all drawn by one key."""
    positions = scheme(batch, chance(), training=training)
    return positions.expand(len(batch), *positions.shape[1:])


def equal(
    first: Real[Tensor, "batch some *streams"],
    second: Real[Tensor, "batch others *streams"],
    where: Bool[Tensor, "batch time"],
) -> bool:
    """Whether positions agree at some tokens."""
    time = min(first.shape[1], second.shape[1], where.shape[1])
    return torch.equal(first[:, :time][where[:, :time]], second[:, :time][where[:, :time]])


def cut(batch: Batch, keep: Bool[Tensor, "batch time"]) -> Batch:
    """The batch without the tokens that are not kept."""
    names = ("tokens", "answer", "result", "places", "groups")
    parts = {name: getattr(batch, name) for name in names}
    return replace(batch, **{name: part * keep for name, part in parts.items() if part is not None})


def shape_and_range(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """One row or one an example, from 0 up; the class variables are true."""
    positions = scheme(batch, chance(), training=training)
    axes = () if scheme.streams is None else (scheme.streams,)
    allowed = [(1, batch.time, *axes), (*batch.tokens.shape, *axes)]
    expect(
        tuple(positions.shape) in allowed,
        f"shape {tuple(positions.shape)}: allowed is {allowed[0]} or {allowed[1]}",
    )
    expect(scheme.needs in NEEDS, f"needs={scheme.needs!r}: allowed is {', '.join(NEEDS)}")
    expect(positions.min() >= 0, f"a position is {positions.min()}: allowed is 0 or more")
    own = batch.tokens != PAD
    steps = placed(scheme, batch, training=training).diff(dim=1)[own[:, 1:]]
    expect(
        not scheme.increasing or (steps > 0).all(),
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
    bound, own = scheme.largest(batch, training=training), batch.tokens != PAD
    drawn = (scheme(batch, chance(seed), training=training) for seed in range(DRAWS))
    most = max(int(each.expand(len(batch), *each.shape[1:])[own].max()) for each in drawn)
    expect(most <= bound, f"a position is {most}, largest says {bound}")


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


def whole_row(scheme: Positions, *, training: bool) -> bool:
    """Whether a scheme may look at what comes later, answer included."""
    return training and scheme.needs == "row"


def later_tokens(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """Change everything from a token on, places included where a place stays a place: earlier positions stay."""
    before = scheme(batch, chance(), training=training)
    inside = batch.tokens != PAD
    for time in range(1, batch.time):
        tokens, places = batch.tokens.clone(), None if batch.places is None else batch.places.clone()
        others = torch.randint(
            len(SPECIAL), len(batch.vocabulary), tokens[:, time:].shape, generator=chance(time)
        )
        tokens[:, time:] = torch.where(inside[:, time:], others, PAD)
        if places is not None and not whole_row(scheme, training=training):
            places[:, time:] = places[:, time:].flip(1)
        after = scheme(replace(batch, tokens=tokens, places=places), chance(), training=training)
        expect(
            torch.equal(after[:, :time], before[:, :time]),
            f"positions before token {time} depend on later ones",
        )


def length(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """Cut the answer, and the prompt unless its length is needed: the positions of what is left stay."""
    if whole_row(scheme, training=training):
        return
    before, column = placed(scheme, batch, training=training), torch.arange(batch.time)
    for time in range(1, batch.time):
        end = batch.prompt_size.clamp(min=time) if scheme.needs == "prompt" else time
        keep = (column < end) & (batch.tokens != PAD)
        after = placed(scheme, cut(batch, keep), training=training)
        what = "answer" if scheme.needs == "prompt" else "row"
        expect(
            equal(before, after, keep),
            f"positions depend on the length of the {what} (needs={scheme.needs!r})",
        )


def unknown_tokens(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """Leave out tokens of the answer, as in decoding, where they are not known yet: earlier positions stay."""
    if whole_row(scheme, training=training):
        return
    before = scheme(batch, chance(), training=training)
    for time in range(1, batch.time):
        later = (torch.arange(batch.time) >= time) & batch.answer
        known = replace(batch, tokens=batch.tokens.masked_fill(later, PAD))
        after = scheme(known, chance(), training=training)
        expect(
            torch.equal(after[:, :time], before[:, :time]),
            "positions differ where the rest of the answer is not known yet",
        )


def width(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """Append padding, as room for an answer: positions stay."""
    before, own = placed(scheme, batch, training=training), batch.tokens != PAD
    after = placed(scheme, batch.room(7), training=training)
    expect(equal(before, after, own), "positions depend on the width of the batch")


def other_rows(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """Drop the rows after a row, or exchange the others: its positions stay."""
    before, own = placed(scheme, batch, training=training), batch.tokens != PAD
    for row in range(1, len(batch)):
        alone = batch.rows(slice(row))
        after = placed(scheme, alone, training=training)
        expect(equal(before[:row], after, own[:row]), "positions depend on how many rows follow")
    index = torch.arange(len(batch))
    for own_index in (0, 1):
        mine = index % 2 == own_index
        mixed = batch.rows(torch.where(mine, index, index.flip(0)))
        after = placed(scheme, mixed, training=training)
        expect(equal(before[mine], after[mine], own[mine]), "positions depend on the other rows of the batch")


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
    "the length of what follows does not matter": length,
    "tokens that are not known yet do not matter": unknown_tokens,
    "the width of the batch does not matter": width,
    "other rows do not matter": other_rows,
    "the batch is left alone": inputs_stay,
}
"""The checks of positions by name."""

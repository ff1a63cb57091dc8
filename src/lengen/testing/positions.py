"""Contract tests of position schemes."""

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
from lengen.testing.report import Report, expect, require_object, run

DRAWS = 200
"""Number of draws with which a bound is tested."""
NEEDS = get_args(Needs)
"""The allowed values of `Positions.needs`."""


def check_positions(scheme: Positions, *, task: Task | None = None, raise_on_failure: bool = True) -> Report:
    """Check a position scheme against the contract of `lengen.positions`, in a sweep and in training.

    Args:
        scheme: the scheme.
        task: the task whose examples are used; None for additions of several numbers, which have places and groups.
        raise_on_failure: raise at the first failed check; otherwise report all.

    Raises:
        UsageError: it is not an object of Positions.
        ContractError: a check fails.
    """
    require_object(scheme, "check_positions", Positions)
    checks = {
        f"{title}, {'training' if training else 'sweep'}": partial(
            check, scheme, examples(task), training=training
        )
        for title, check in CHECKS.items()
        for training in (False, True)
    }
    return run(type(scheme).__name__, checks, raise_on_failure=raise_on_failure)


def generator(seed: int = 0) -> torch.Generator:
    """Return a generator with a seed."""
    return torch.Generator().manual_seed(seed)


def examples(task: Task | None = None, rows: int = 3) -> Batch:
    """Draw examples of two lengths, with bos."""
    task = task or ManyAddition(length_of="digits", other=2, sizes="uneven", pad="none")
    lengths = [length for length in range(3, 60) if task.has(length)][:4:3]
    return Batch.join([task.sample(length, rows, generator(length)) for length in lengths]).begin()


def row_positions(scheme: Positions, batch: Batch, *, training: bool) -> Real[Tensor, "batch time *streams"]:
    """Return the positions of every row, from one call of the scheme with seed 0."""
    positions = scheme(batch, generator(), training=training)
    return positions.expand(len(batch), *positions.shape[1:])


def equal(
    first: Real[Tensor, "batch some *streams"],
    second: Real[Tensor, "batch others *streams"],
    where: Bool[Tensor, "batch time"],
) -> bool:
    """Whether positions agree at some tokens."""
    time = min(first.shape[1], second.shape[1], where.shape[1])
    return torch.equal(first[:, :time][where[:, :time]], second[:, :time][where[:, :time]])


def masked(batch: Batch, keep: Bool[Tensor, "batch time"]) -> Batch:
    """Return a batch in which only some tokens are kept; the others become padding."""
    names = ("tokens", "answer", "result", "places", "groups")
    parts = {name: getattr(batch, name) for name in names}
    return replace(batch, **{name: part * keep for name, part in parts.items() if part is not None})


def shape_and_range(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """There is one row, or one per example; positions are at least 0, and the class variables are true."""
    positions = scheme(batch, generator(), training=training)
    axes = () if scheme.streams is None else (scheme.streams,)
    allowed = [(1, batch.time, *axes), (*batch.tokens.shape, *axes)]
    expect(
        tuple(positions.shape) in allowed,
        f"shape {tuple(positions.shape)}: must be {allowed[0]} or {allowed[1]}",
    )
    expect(scheme.needs in NEEDS, f"needs={scheme.needs!r}: must be one of {', '.join(NEEDS)}")
    expect(positions.min() >= 0, f"a position is {positions.min()}: must be at least 0")
    own = batch.tokens != PAD
    steps = row_positions(scheme, batch, training=training).diff(dim=1)[own[:, 1:]]
    expect(
        not scheme.increasing or (steps > 0).all(),
        "positions do not increase along a row, but the class has increasing=True",
    )
    expect(
        not scheme.whole or (positions == positions.long()).all(),
        "positions lie between integers, but the class has whole=True",
    )
    expect(
        not scheme.counts or (positions == torch.arange(batch.time)).all(),
        "positions are not 0, 1, 2, …, but the class has counts=True",
    )


def largest(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """No position that is drawn exceeds `largest`."""
    bound, own = scheme.largest(batch, training=training), batch.tokens != PAD
    drawn = (scheme(batch, generator(seed), training=training) for seed in range(DRAWS))
    most = max(int(each.expand(len(batch), *each.shape[1:])[own].max()) for each in drawn)
    expect(most <= bound, f"a position is {most}, but largest returns {bound}")


def generator_alone(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """All randomness comes from the given generator."""
    state = torch.get_rng_state()
    scheme(batch, generator(5), training=training)
    expect(
        torch.equal(torch.get_rng_state(), state),
        "it draws from torch's global generator, not from the given one",
    )
    torch.manual_seed(1)
    first = scheme(batch, generator(5), training=training)
    torch.manual_seed(2)
    second = scheme(batch, generator(5), training=training)
    expect(torch.equal(second, first), "equal generators give different positions")


def whole_row(scheme: Positions, *, training: bool) -> bool:
    """Whether the positions of a scheme may depend on the whole row, including the answer."""
    return training and scheme.needs == "row"


def later_tokens(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """Positions stay the same if later tokens change.

    If positions may not depend on the whole row, the places of later tokens change as well.
    """
    before = scheme(batch, generator(), training=training)
    inside = batch.tokens != PAD
    for time in range(1, batch.time):
        tokens, places = batch.tokens.clone(), None if batch.places is None else batch.places.clone()
        others = torch.randint(
            len(SPECIAL), len(batch.vocabulary), tokens[:, time:].shape, generator=generator(time)
        )
        tokens[:, time:] = torch.where(inside[:, time:], others, PAD)
        if places is not None and not whole_row(scheme, training=training):
            places[:, time:] = places[:, time:].flip(1)
        after = scheme(replace(batch, tokens=tokens, places=places), generator(), training=training)
        expect(
            torch.equal(after[:, :time], before[:, :time]),
            f"positions before token {time} depend on later tokens",
        )


def length(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """Positions do not depend on the length of the answer, nor on that of the prompt unless `needs` is `prompt`."""
    if whole_row(scheme, training=training):
        return
    before, column = row_positions(scheme, batch, training=training), torch.arange(batch.time)
    for time in range(1, batch.time):
        end = batch.prompt_size.clamp(min=time) if scheme.needs == "prompt" else time
        keep = (column < end) & (batch.tokens != PAD)
        after = row_positions(scheme, masked(batch, keep), training=training)
        part = "answer" if scheme.needs == "prompt" else "row"
        expect(
            equal(before, after, keep),
            f"positions depend on the length of the {part}, but the class has needs={scheme.needs!r}",
        )


def undecoded_tokens(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """Positions stay the same if the rest of the answer is not decoded yet, and without `reads_tokens` whatever the answer is."""
    if not scheme.reads_tokens:
        other = replace(batch, tokens=batch.tokens.masked_fill(batch.answer, len(SPECIAL)))
        expect(
            torch.equal(*(scheme(some, generator(), training=training) for some in (batch, other))),
            "positions depend on the tokens of the answer, but the class has reads_tokens=False",
        )
    if whole_row(scheme, training=training):
        return
    before = scheme(batch, generator(), training=training)
    for time in range(1, batch.time):
        later = (torch.arange(batch.time) >= time) & batch.answer
        known = replace(batch, tokens=batch.tokens.masked_fill(later, PAD))
        after = scheme(known, generator(), training=training)
        expect(
            torch.equal(after[:, :time], before[:, :time]),
            "positions depend on tokens of the answer that are not decoded yet",
        )


def width(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """Positions stay the same if the batch is padded further, as for longer answers."""
    before, own = row_positions(scheme, batch, training=training), batch.tokens != PAD
    after = row_positions(scheme, batch.room(7), training=training)
    expect(equal(before, after, own), "positions depend on the width of the batch")


def other_rows(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """Positions of a row stay the same if later rows are dropped or other rows exchanged."""
    before, own = row_positions(scheme, batch, training=training), batch.tokens != PAD
    for row in range(1, len(batch)):
        alone = batch.rows(slice(row))
        after = row_positions(scheme, alone, training=training)
        expect(equal(before[:row], after, own[:row]), "positions depend on the number of rows that follow")
    index = torch.arange(len(batch))
    for parity in (0, 1):
        fixed = index % 2 == parity
        mixed = batch.rows(torch.where(fixed, index, index.flip(0)))
        after = row_positions(scheme, mixed, training=training)
        expect(
            equal(before[fixed], after[fixed], own[fixed]), "positions depend on the other rows of the batch"
        )


def inputs_unchanged(scheme: Positions, batch: Batch, *, training: bool) -> None:
    """The scheme does not modify the batch."""
    tokens, places = batch.tokens.clone(), None if batch.places is None else batch.places.clone()
    scheme(batch, generator(), training=training)
    expect(torch.equal(batch.tokens, tokens), "it changes the tokens of the batch")
    expect(
        places is None or batch.places is None or torch.equal(batch.places, places),
        "it changes the places of the batch",
    )


CHECKS: dict[str, Callable[..., None]] = {
    "shape, range and class variables": shape_and_range,
    "largest bounds every draw": largest,
    "draws from the given generator only": generator_alone,
    "later tokens do not matter": later_tokens,
    "the number of later tokens does not matter": length,
    "tokens that are not decoded yet do not matter": undecoded_tokens,
    "the width of the batch does not matter": width,
    "other rows do not matter": other_rows,
    "the batch is not modified": inputs_unchanged,
}
"""The checks of a position scheme by name."""

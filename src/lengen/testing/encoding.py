"""Contract tests of positional encodings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from lengen.pe import PositionalEncoding
from lengen.testing.encoding_declarations import budget, builds, reads, relative, stretches, whole
from lengen.testing.encoding_decoder import (
    cached,
    causality,
    gradients,
    last_tokens,
    one_row,
    padding,
    placements,
    state_dict,
)
from lengen.testing.encoding_tables import Make, bfloat16, float32_blocks, float32_tables, of_positions, pairs
from lengen.testing.report import BUILT, Report, name_of, require_maker, run

__all__ = [
    "CHECKS",
    "Make",
    "bfloat16",
    "budget",
    "builds",
    "cached",
    "causality",
    "check_encoding",
    "float32_blocks",
    "float32_tables",
    "gradients",
    "last_tokens",
    "of_positions",
    "one_row",
    "padding",
    "pairs",
    "placements",
    "reads",
    "relative",
    "state_dict",
    "stretches",
    "whole",
]


def check_encoding(
    encoding: Callable[..., PositionalEncoding], *, raise_on_failure: bool = True, **options: Any
) -> Report:
    """Check an encoding against the contract of `lengen.pe`.

    Args:
        encoding: its class, or a function that makes one from a `Shape`.
        raise_on_failure: raise at the first failed check; otherwise report all.
        options: options of its constructor.

    Raises:
        UsageError: it is neither a class nor a function.
        ContractError: a check fails.
    """
    require_maker(encoding, "check_encoding", PositionalEncoding)
    make = partial(encoding, **options)
    checks = {title: partial(check, make) for title, check in CHECKS.items()}
    return run(name_of(encoding), checks, raise_on_failure=raise_on_failure)


CHECKS: dict[str, Callable[[Make], None]] = {
    BUILT[0]: builds,
    "budget": budget,
    "causality by gradient": causality,
    "causality by gradient, looped": partial(causality, looped=True),
    "cached decoding equals the full pass": cached,
    "cached decoding equals the full pass, looped": partial(cached, looped=True),
    "the last tokens alone": last_tokens,
    "the last tokens alone, looped": partial(last_tokens, looped=True),
    "padding changes nothing": padding,
    "padding changes nothing, looped": partial(padding, looped=True),
    "one row of positions serves all": one_row,
    "reads": reads,
    "whole": whole,
    "stretches": stretches,
    "relative": relative,
    "tables are float32 under autocast": float32_tables,
    "blocks compute positions in float32": float32_blocks,
    "bfloat16 forward, full and cached": bfloat16,
    "bias of any queries and keys": pairs,
    "state_dict, and no state besides": state_dict,
    "finite gradients": gradients,
}
"""The checks of an encoding by name."""

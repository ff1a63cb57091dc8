"""Contract tests of attention rules."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from lengen.attention import AttentionRule
from lengen.testing.attention_declarations import builds, directions, reads, whole
from lengen.testing.attention_outputs import (
    Heads,
    Make,
    bias_gradient,
    causal,
    causality,
    finite,
    float32_factors,
    heads,
    in_decoder,
    linear,
    precision,
    some_queries,
    state_dict,
)
from lengen.testing.report import BUILT, Report, name_of, require_maker, run

__all__ = [
    "CHECKS",
    "Heads",
    "Make",
    "bias_gradient",
    "builds",
    "causal",
    "causality",
    "check_attention",
    "directions",
    "finite",
    "float32_factors",
    "heads",
    "in_decoder",
    "linear",
    "precision",
    "reads",
    "some_queries",
    "state_dict",
    "whole",
]


def check_attention(
    rule: Callable[..., AttentionRule], *, raise_on_failure: bool = True, **options: Any
) -> Report:
    """Check an attention rule against the contract of `lengen.attention`.

    Args:
        rule: its class, or a function that makes one from a `Shape`.
        raise_on_failure: raise at the first failed check; otherwise report all.
        options: options of its constructor.

    Raises:
        UsageError: it is neither a class nor a function.
        ContractError: a check fails.
    """
    require_maker(rule, "check_attention", AttentionRule)
    make = partial(rule, **options)
    checks = {title: partial(check, make) for title, check in CHECKS.items()}
    return run(name_of(rule), checks, raise_on_failure=raise_on_failure)


CHECKS: dict[str, Callable[[Make], None]] = {
    BUILT[0]: builds,
    "no bias means causal": causal,
    "some queries equal all": some_queries,
    "causality by gradient": causality,
    "finite for flat and sharp rows": finite,
    "linear in the values": linear,
    "reads": reads,
    "whole": whole,
    "directions": directions,
    "factors are float32 under autocast": float32_factors,
    "gradient reaches the bias": bias_gradient,
    "keeps the precision of activations": precision,
    "cached decoding and padding": in_decoder,
    "state_dict, and no state besides": state_dict,
}
"""The checks of an attention rule by name."""

"""What a search may optimize: numbers at the trained lengths alone. Imports no torch."""

from __future__ import annotations

from typing import Any

from lengen.config.errors import require

OBJECTIVES = {"id_loss": "minimize", "id_exact_match": "maximize"}
"""Objectives, and their directions: the mean loss at the ID lengths of the sweep, in nats per answer token; the exact match over
the training lengths."""


def require_objective(name: Any) -> None:
    """Refuse what a search may not optimize.

    Raises:
        UsageError: it is no objective.
    """
    require(
        isinstance(name, str) and name in OBJECTIVES,
        f"objective={name}: must be {' or '.join(OBJECTIVES)}; what is selected on longer lengths fits the very test that it is "
        "to pass",
    )

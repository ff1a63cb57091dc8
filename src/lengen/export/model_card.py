"""Model card of a shared run: its README, with the front matter that the Hugging Face hub reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from lengen.records.curve import Curve
from lengen.records.plain_text import visible
from lengen.records.supervision import described
from lengen.statistics.formats import bounds, floored

OPTIONS = ("task", "pe", "positions", "attention", "format", "decoder", "lengths", "optimizer")
"""Groups whose chosen options the card names."""


def card(config: Mapping[str, Any], facts: Mapping[str, Any], curve: Curve, name: str | None) -> str:
    """Write the text of README.md.

    Args:
        config: the content of `config.yaml`.
        facts: the content of `run.json`.
        curve: the extrapolation curve.
        name: of the run on the hub; None if it is not known.
    """
    labels = config.get("labels", {})
    title = f"{labels.get('task', 'run')} with {labels.get('pe', 'its encoding')}, trained up to length {config['train_length']}"
    trained = (
        "trained"
        if facts.get("trained")
        else "**not trained**: its OOD numbers say nothing about extrapolation"
    )
    reaches = ", ".join(f"{level:.2f}: {curve.reach_text(level)}" for level in curve.reaches)
    pulled = name or "OWNER/NAME"
    lines = [
        f"# {visible(title)}",
        "",
        "A small decoder trained on short problems and evaluated on longer ones by lengen, a harness for length generalization.",
        "",
        f"- ID exact match {floored(facts.get('id_exact_match') or 0.0)}, {trained}.",
        f"- Reach (the longest length up to which the lower 95% bound of exact match holds): {reaches}.",
        f"- {config['steps']:,} steps, seed {config['seed']}, {facts.get('parameters', 0):,} parameters.",
        *([f"- {described(facts['category'])}."] if facts.get("category") else []),
        "",
        "| length | split | examples | exact match | 95% interval |",
        "|---|---|---|---|---|",
        *(
            f"| {row.length} | {row.split} | {row.examples} | {floored(row.exact_match)} | {bounds(row.ci_low, row.ci_high, between=' to ')} |"
            for row in curve.rows
        ),
        "",
        "![exact match over length](figure.png)",
        "",
        "## Use",
        "",
        f"    lengen pull {pulled}",
        f"    lengen eval run=results/pulled/{pulled}",
        "",
        "Reading it executes nothing: parameters are safetensors, options are YAML that names classes of lengen alone.",
        "",
        "## Options",
        "",
        *(f"- {group}: {visible(str(labels[group]))}" for group in OPTIONS if group in labels),
    ]
    front = {
        "library_name": "lengen",
        "tags": ["length-generalization", "lengen", str(labels.get("task", "")), str(labels.get("pe", ""))],
    }
    return "\n".join(
        ["---", yaml.safe_dump(front, sort_keys=False, allow_unicode=True).strip(), "---", "", *lines, ""]
    )

"""What a study can and cannot show, on the terminal: plain sentences and two tables."""

from __future__ import annotations

from rich.console import Console

from lengen.report.console import say, table
from lengen.statistics.formats import floored
from lengen.statistics.intervals import THRESHOLDS, examples_needed
from lengen.statistics.plans import Plan, Reachable
from lengen.statistics.power import MOST_SEEDS

INTERVALS = 3
"""Seeds from which a mean area has an interval."""


def show(plan: Plan, examples: int, console: Console) -> None:
    """Print a plan.

    Args:
        plan: what the study can show.
        examples: test examples per length.
        console: the terminal.
    """
    say(console, *heading(plan, examples), style="bold")
    say(
        console,
        "",
        "Which claims are possible: least p at most the p needed (one pair: chosen before the runs).",
    )
    console.print(table(console, claims(plan), left=("claim on", "possible")))
    say(console, *power_lines(plan))
    console.print(table(console, powers(plan)))
    say(console, *narrow_lines(plan), *other_lines(plan, examples))


def heading(plan: Plan, examples: int) -> list[str]:
    """Describe the study in two lines."""
    compared = f"{plan.pairs} pairs" if plan.pairs > 1 else "one pair"
    return [
        f"{plan.cells} cells of {_seeds(plan.seeds)}, {compared}{' with the control' if plan.control else ''}; alpha {plan.alpha:g}",
        f"evaluated up to {2**plan.doublings:g}x the train length ({plan.doublings:.3g} doublings), {examples} examples per length",
    ]


def claims(plan: Plan) -> list[dict[str, str]]:
    """Return which claims are possible, as rows of a table."""
    rows = [_claim("areas, one pair", plan.least_p, plan.single)]
    if plan.method == "closed" and plan.pairs > 1:
        rows.append(_claim(f"areas, {plan.pairs} pairs (closed test)", plan.least_p, plan.family))
    if plan.pairs > 1:
        rows.append(_claim(f"areas, {plan.pairs} pairs (Holm)", plan.least_p, plan.holm))
    rows.append(_claim("success counts, one pair", plan.counts_least_p, plan.counts))
    return rows


def _claim(name: str, least: float, found: Reachable) -> dict[str, str]:
    """Return a row of `claims`."""
    enough = f"from {_seeds(found.seeds)} on" if found.seeds else "too many cells"
    return {
        "claim on": name,
        "least p": f"{least:.2g}",
        "p needed": f"{found.level:.2g}",
        "possible": "yes" if found.reachable else f"no; {enough}",
    }


def power_lines(plan: Plan) -> list[str]:
    """Explain the table of powers."""
    step = "closed test, at best" if plan.method == "closed" else "Holm, its first step"
    adjusted = [f"all pairs: one of {plan.pairs}, at the level {plan.family.level:.2g} ({step})."]
    return [
        "Power to find that two cells differ, by the shares of their seeds that work, and seeds for power 0.8.",
        "areas: permutation test; power is simulated with areas near 0 and 1, seeds are for areas of 0 or 1.",
        "counts: exact test of success counts (Boschloo), one pair.",
        *(adjusted if _adjusted(plan) else []),
    ]


def powers(plan: Plan) -> list[dict[str, str]]:
    """Return the powers, as rows of a table."""
    lacking = () if _adjusted(plan) else ("areas, all pairs", "seeds: areas, all pairs")
    return [
        {
            name: text
            for name, text in (
                ("seeds that work", f"{each.rate:.1f} and {each.other_rate:.1f}"),
                ("areas", floored(each.areas, 2)),
                ("areas, all pairs", floored(each.areas_family, 2)),
                ("counts", floored(each.counts, 2)),
                ("seeds: areas", _most(each.areas_seeds)),
                ("seeds: areas, all pairs", _most(each.areas_family_seeds)),
                ("seeds: counts", _most(each.counts_seeds)),
            )
            if name not in lacking
        }
        for each in plan.powers
    ]


def narrow_lines(plan: Plan) -> list[str]:
    """Describe how many seeds cells need whose seeds have one mode."""
    effects, single, family = (
        ", ".join(texts)
        for texts in zip(
            *((f"{each.effect:g}", _most(each.single), _most(each.family)) for each in plan.narrow),
            strict=True,
        )
    )
    adjusted = f" (all pairs: {family})" if _adjusted(plan) else ""
    return [
        f"One mode: areas that differ by {effects} standard deviations between seeds need {single} seeds{adjusted}."
    ]


def other_lines(plan: Plan, examples: int) -> list[str]:
    """Describe intervals, equivalence and reaches."""
    shown = "" if plan.seeds >= INTERVALS else f" (not shown below {INTERVALS} seeds)"
    least = f"from {plan.equivalence_seeds} seeds on at best"
    alike = least if plan.seeds >= plan.equivalence_seeds else f"not with {_seeds(plan.seeds)}; {least}"
    return [
        f"Interval: if all {plan.seeds} seeds are right everywhere, that of the mean is {plan.ceiling_width:.2f} of the scale wide{shown}.",
        f"Alike (mean areas within {plan.margin:g} doublings): {alike}.",
        reach_line(examples),
    ]


def reach_line(examples: int) -> str:
    """Say at which thresholds a reach can be measured."""
    needed = {threshold: examples_needed(threshold) for threshold in THRESHOLDS}
    lacking = [f"{threshold:.2f}" for threshold, least in needed.items() if examples < least]
    least = ", ".join(f"{threshold:.2f} needs {least}" for threshold, least in needed.items())
    found = f"not measurable: {' and '.join(lacking)}" if lacking else "all measurable"
    return f"Reach with {examples} examples per length: {found} ({least})."


def _adjusted(plan: Plan) -> bool:
    """Whether a pair among all pairs must pass a lower level than a single pair."""
    return plan.family.level < plan.alpha


def _seeds(count: int) -> str:
    """Format a number of seeds."""
    return f"{count} seed{'' if count == 1 else 's'}"


def _most(seeds: int | None) -> str:
    """Format the seeds for a power."""
    return f"> {MOST_SEEDS}" if seeds is None else str(seeds)

"""Simulate the statistics of lengen: coverage and width of intervals, false claims and power of tests, choice of error laws.

    python scripts/statistics_simulations.py intervals     coverage / mean width of intervals of one cell
    python scripts/statistics_simulations.py differences   the same of intervals of two cells
    python scripts/statistics_simulations.py pairs         claims about 10 cells, alike and not
    python scripts/statistics_simulations.py counts        claims about success counts
    python scripts/statistics_simulations.py success       coverage / mean width of the interval of a success rate
    python scripts/statistics_simulations.py reach         coverage / mean width of the interval of a median reach
    python scripts/statistics_simulations.py strings       tests and intervals where each cell finds its own strings easy
    python scripts/statistics_simulations.py laws          choice of error laws, coverage of their parameters
    python scripts/statistics_simulations.py hazards       hazard by place against hazard by length
    python scripts/statistics_simulations.py redraw        power from redrawn seeds against true power
    python scripts/statistics_simulations.py all           all of them (25 minutes of one core)

Each prints a table in Markdown; `docs/statistics.md` has them. The same command prints the same numbers.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, ksone
from scipy.stats import t as student

from lengen.statistics.closed import closed_test, panel_p_value
from lengen.statistics.counts import boschloo, boschloo_table, least_boschloo
from lengen.statistics.differences import beats, mean_difference
from lengen.statistics.error_law import error_law, fitted_law
from lengen.statistics.hazards import hazards
from lengen.statistics.interquartile import interquartile_interval
from lengen.statistics.intervals import clopper_pearson
from lengen.statistics.laws import LAWS, AnswerCounts
from lengen.statistics.multiple import benjamini_hochberg, holm, tarone_holm
from lengen.statistics.permutation import permutation_test, permutation_tests
from lengen.statistics.power import permutation_p_values, redraw_power
from lengen.statistics.reaches import median_reach
from lengen.statistics.resampling import bootstrap
from lengen.statistics.seed_kinds import KIND_PAIRS, KINDS, SeedKind, one_mode, two_modes
from lengen.statistics.simplex import mean_interval
from lengen.statistics.strings import differences as string_differences
from lengen.statistics.strings import paired_test, seed_error, standard_error

Floats = npt.NDArray[np.float64]
Bounds = tuple[float, float]
SEED = 0
LEVEL = 0.05
PERMUTATIONS = 999
"""Permutations of the closed test, of which lengen takes 9,999."""
SEEDS = (3, 5, 10, 20)
PLACES = 8
"""Lengths of a curve, where scores are pooled over lengths."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table in Markdown."""
    for row in (header, ["---"] * len(header), *rows):
        print(f"| {' | '.join(row)} |")
    print(flush=True)


def share_error(draws: int) -> str:
    """State the error of a share that is found by simulation."""
    return f"standard error of a share {np.sqrt(LEVEL * (1 - LEVEL) / draws):.3f} at 0.05, at most {0.5 / np.sqrt(draws):.3f}"


def generator(*key: int | str) -> np.random.Generator:
    """Return a generator for one cell of a table."""
    return np.random.default_rng(
        [SEED, *(sum(map(ord, part)) if isinstance(part, str) else part for part in key)]
    )


def curves(areas: Floats) -> Floats:
    """Return curves that fall from 1 to 0 where their area says: ... x lengths."""
    return np.asarray(np.clip(PLACES * areas[..., None] - np.arange(PLACES), 0.0, 1.0))


def middle_mean(values: Floats) -> float:
    """Return the mean of the middle half."""
    ordered = np.sort(values, axis=None)
    return float(ordered[len(ordered) // 4 : -(len(ordered) // 4)].mean())


def bounds(estimate: tuple[float, float | None, float | None, str]) -> Bounds:
    """Return the interval of an estimate."""
    assert estimate[1] is not None
    assert estimate[2] is not None
    return estimate[1], estimate[2]


def by_t(scores: Floats) -> Bounds:
    """Return Student's interval."""
    half = student.isf(0.025, len(scores) - 1) * scores.std(ddof=1) / np.sqrt(len(scores))
    return max(0.0, float(scores.mean() - half)), min(1.0, float(scores.mean() + half))


def by_anderson(scores: Floats) -> Bounds:
    """Return the interval of Anderson 1969: the means of the distributions that bound a Kolmogorov-Smirnov band."""
    band, ends = float(ksone.ppf(0.975, len(scores))), np.concatenate([[0.0], np.sort(scores), [1.0]])
    below = np.arange(len(scores) + 1) / len(scores)
    bounding = np.minimum(below + band, 1.0), np.maximum(below - band, 0.0)
    low, high = (float(((1 - each) * np.diff(ends)).sum()) for each in bounding)
    return low, high


def by_bootstrap(scores: Floats) -> Bounds:
    """Return the percentile bootstrap interval of the mean."""
    low, high = bootstrap([scores], lambda drawn: drawn[0].mean(axis=1), resamples=1000)
    return low or 0.0, high or 0.0


OneCell = tuple[str, int, Callable[[Floats], Bounds], Callable[[SeedKind], float]]


def one_cell_methods() -> list[OneCell]:
    """Return the methods of one cell: name, least seeds, interval, true value of a kind of seeds."""
    many = generator("truth")
    drawn = {name: kind.draw(many, (100_000,)) for name, kind in KINDS.items()}
    names = {kind: name for name, kind in KINDS.items()}
    return [
        ("mean (Gaffke)", 3, lambda scores: bounds(mean_interval(scores)), lambda kind: kind.mean),
        ("mean, Anderson 1969", 3, by_anderson, lambda kind: kind.mean),
        ("mean, percentile bootstrap", 3, by_bootstrap, lambda kind: kind.mean),
        ("mean, Student t", 3, by_t, lambda kind: kind.mean),
        (
            "interquartile mean",
            5,
            lambda scores: bounds(interquartile_interval(scores)),
            lambda kind: middle_mean(drawn[names[kind]]),
        ),
        (
            f"interquartile mean over {PLACES} lengths",
            5,
            lambda scores: bounds(interquartile_interval(curves(scores))),
            lambda kind: middle_mean(curves(drawn[names[kind]])),
        ),
    ]


def intervals(draws: int) -> None:
    """Print coverage and width of intervals of one cell."""
    rows, detail = [], {name: [name] for name in KINDS}
    for method, least, interval, truth in one_cell_methods():
        row = [method]
        for seeds in SEEDS:
            if seeds < least:
                row.append("-")
                continue
            shares, widths = [], []
            for name, kind in KINDS.items():
                scores = kind.draw(generator(method, seeds, name), (draws, seeds))
                found = np.array([interval(row) for row in scores])
                true = truth(kind)
                shares.append(float(((found[:, 0] <= true + 1e-9) & (true - 1e-9 <= found[:, 1])).mean()))
                widths.append(float((found[:, 1] - found[:, 0]).mean()))
                if method.startswith("mean (G"):
                    detail[name].append(f"{shares[-1]:.3f} / {widths[-1]:.2f}")
            row.append(f"{min(shares):.2f} / {np.mean(widths):.2f}")
        rows.append(row)
    print(
        f"Least coverage / mean width over the {len(KINDS)} kinds of seeds, {draws} draws each ({share_error(draws)}):\n"
    )
    table(["method", *(f"n = {seeds}" for seeds in SEEDS)], rows)
    print("Mean (Gaffke), by kind of seeds:\n")
    table(["kind of seeds", *(f"n = {seeds}" for seeds in SEEDS)], list(detail.values()))


def chance_of_winning(first: Floats, second: Floats) -> float:
    """Return the probability that a seed beats another, ties half, over lengths: scores are seeds x lengths."""
    shares = []
    for ours, theirs in zip(first.T, np.sort(second.T, axis=1), strict=True):
        below = [np.searchsorted(theirs, ours, side=side).mean() for side in ("left", "right")]
        shares.append(np.mean(below) / len(theirs))
    return float(np.mean(shares))


def differences(draws: int) -> None:
    """Print coverage and width of intervals of two cells."""
    methods: list[
        tuple[str, int, Callable[[Floats, Floats], Bounds], Callable[[Floats, Floats], float] | None]
    ] = [
        ("difference of means", 3, lambda one, two: bounds(mean_difference(one, two)), None),
        (
            "P(first beats second)",
            5,
            lambda one, two: bounds(beats(one, two)),
            lambda one, two: chance_of_winning(one[:, None], two[:, None]),
        ),
        (
            f"P(first beats second) over {PLACES} lengths",
            5,
            lambda one, two: bounds(beats(curves(one), curves(two))),
            lambda one, two: chance_of_winning(curves(one), curves(two)),
        ),
    ]
    sizes = [(3, 3), (5, 5), (10, 10), (20, 20), (3, 10), (5, 20)]
    rows = []
    for method, least, interval, truth in methods:
        row = [method]
        for first, second in sizes:
            if min(first, second) < least:
                row.append("-")
                continue
            shares, widths = [], []
            for pair in KIND_PAIRS:
                kinds, random = [KINDS[name] for name in pair], generator(method, first, second, *pair)
                true = kinds[0].mean - kinds[1].mean
                if truth is not None:
                    true = truth(*(kind.draw(random, (50_000,)) for kind in kinds))
                cells = [
                    kind.draw(random, (draws, size))
                    for kind, size in zip(kinds, (first, second), strict=True)
                ]
                found = np.array([interval(*scores) for scores in zip(*cells, strict=True)])
                shares.append(float(((found[:, 0] <= true + 1e-9) & (true - 1e-9 <= found[:, 1])).mean()))
                widths.append(float((found[:, 1] - found[:, 0]).mean()))
            row.append(f"{min(shares):.2f} / {np.mean(widths):.2f}")
        rows.append(row)
    print(
        f"Least coverage / mean width over {len(KIND_PAIRS)} pairs of kinds of seeds, {draws} draws each "
        f"({share_error(draws)}):\n"
    )
    table(["method", *(f"{first} v {second}" for first, second in sizes)], rows)


def claims(cells: Sequence[Floats]) -> dict[str, Floats]:
    """Return the adjusted p-values of all pairs by method."""
    pairs = list(combinations(range(len(cells)), 2))
    raw = {pair: test.p_value for pair, test in zip(pairs, permutation_tests(cells, pairs), strict=True)}
    values = np.array([raw[pair] for pair in pairs])
    return {
        "uncorrected": values,
        "Holm": holm(values),
        "Benjamini-Hochberg": benjamini_hochberg(values),
        "closed": closed_p_values(cells, raw),
    }


def closed_p_values(cells: Sequence[npt.ArrayLike], raw: Mapping[tuple[int, int], float]) -> Floats:
    """Return the adjusted p-values of all pairs by the closed test, with fewer permutations than lengen takes."""
    if panel_p_value(cells, PERMUTATIONS) > LEVEL:  # no pair can be claimed
        return np.ones(len(raw))
    closed = closed_test(cells, raw, PERMUTATIONS)
    return np.array([closed[pair] for pair in raw])


SIZES = tuple((seeds,) * 10 for seeds in (5, 7, 10))
"""Ten cells of equal numbers of seeds."""


class PanelKind(NamedTuple):
    """Cells on which tests of all pairs are tried.

    Args:
        name: their description.
        kinds: distribution of the seeds of each cell.
        seeds: numbers of seeds of the cells, one per cell, that are tried.
    """

    name: str
    kinds: list[SeedKind]
    seeds: Sequence[Sequence[int]] = SIZES


def panel_kinds() -> Iterator[PanelKind]:
    """Yield panels of ten cells."""
    alike, mixed, more = [two_modes(0.5)] * 10, [(4, 4, 5, 6, 6) * 2], [(5, 5, 6, 7, 7) * 2]
    yield PanelKind("10 alike cells, two modes", alike)
    yield PanelKind("10 alike cells, two modes", alike, mixed)
    yield PanelKind("10 alike cells, Beta(30, 20)", [one_mode(30, 20)] * 10)
    same = SeedKind((0.6 - 1 / 16) / (40 / 41 - 1 / 16), (40.0, 1.0), (1.0, 15.0))
    spreads = [same] * 5 + [one_mode(30, 20)] * 5
    yield PanelKind("5 two-mode and 5 narrow cells of one mean", spreads)
    yield PanelKind("5 two-mode and 5 narrow cells of one mean", spreads, mixed)
    yield PanelKind("5 cells of which no seed works, 5 of which all work", halves(0.0, 1.0))
    yield PanelKind("5 cells at .1, 5 at .9, two modes", halves(0.1, 0.9))
    yield PanelKind("5 cells at .1, 5 at .9, two modes", halves(0.1, 0.9), more)
    yield PanelKind("5 cells at .2, 5 at .8, two modes", halves(0.2, 0.8))
    yield PanelKind("9 cells Beta(25, 25), 1 Beta(45, 5)", [one_mode(25, 25)] * 9 + [one_mode(45, 5)])
    narrow = [one_mode(50 * mean, 50 * (1 - mean)) for mean in np.linspace(0.05, 0.95, 10).tolist()]
    yield PanelKind("ladder of 10 means from .05 to .95, narrow", narrow)


def halves(rate: float, other_rate: float) -> list[SeedKind]:
    """Return five cells of two modes at one rate, and five at another."""
    return [two_modes(rate)] * 5 + [two_modes(other_rate)] * 5


def pairs(studies: int) -> None:
    """Print the share of studies with a false claim, and the share of true pairs found."""
    rows = []
    for name, kinds, sizes in panel_kinds():
        for seeds in sizes:
            random = generator(name, *seeds)
            number = studies if len(set(kinds)) > 1 or max(seeds) >= 10 else 5 * studies
            results: dict[str, list[npt.NDArray[np.bool_]]] = {}
            for _ in range(number):
                cells = [kind.draw(random, (count,)) for kind, count in zip(kinds, seeds, strict=True)]
                for method, values in claims(cells).items():
                    results.setdefault(method, []).append(values <= LEVEL)
            found = [summary(np.array(claimed), kinds) for claimed in results.values()]
            rows.append([name, " to ".join(map(str, sorted({min(seeds), max(seeds)}))), *found, str(number)])
    print(
        "Any false claim / share of the pairs that differ which are found / studies in which all of them are "
        f"({studies} studies: {share_error(studies)}):\n"
    )
    table(
        ["10 cells", "seeds", "uncorrected", "Holm", "Benjamini-Hochberg", "closed test", "studies"],
        rows,
    )


def summary(claimed: npt.NDArray[np.bool_], kinds: Sequence[SeedKind]) -> str:
    """Return the share of studies with any false claim, and of the pairs that differ: studies x pairs.

    Of pairs that all differ, those at least 3 places apart are counted as well.
    """
    indices = list(combinations(range(len(kinds)), 2))
    differ = np.array([kinds[one] != kinds[two] for one, two in indices])
    texts = ["-" if differ.all() else f"{claimed[:, ~differ].any(axis=1).mean():.3f}"]
    if differ.any():
        texts.append(shares_found(claimed[:, differ]))
    if differ.all():
        far = np.array([two - one >= 3 for one, two in indices])
        texts[-1] += f" (3 apart: {shares_found(claimed[:, far])})"
    return " / ".join(texts)


def shares_found(claimed: npt.NDArray[np.bool_]) -> str:
    """Return the share of pairs that are claimed, and of the studies that claim all of them."""
    return f"{claimed.mean():.2f} / {claimed.all(axis=1).mean():.2f}"


def counts(studies: int) -> None:
    """Print claims about success counts."""
    rows = []
    cases: list[tuple[int, Sequence[float]]] = [
        *((seeds, [0.5] * cells) for cells, seeds in ((6, 4), (6, 5), (10, 5), (6, 7), (10, 7))),
        *((seeds, [0.1] * half + [0.9] * half) for half, seeds in ((2, 5), (3, 5), (3, 7), (5, 5), (5, 7))),
    ]
    for seeds, rates in cases:
        random = generator("counts", seeds, len(rates))
        drawn = random.binomial(seeds, rates, (studies, len(rates)))
        differ = np.array([rates[one] != rates[two] for one, two in combinations(range(len(rates)), 2)])
        row = [f"{len(rates)} cells at {', '.join(f'{rate:g}' for rate in dict.fromkeys(rates))}", str(seeds)]
        family = np.array([closed_counts(study, seeds) for study in drawn[: studies // 4]]) <= LEVEL
        for claimed in (*adjusted_counts(drawn, seeds), family):
            false = f"{claimed[:, ~differ].any(axis=1).mean():.3f}"
            row.append(false + (f" / {claimed[:, differ].mean():.2f}" if differ.any() else ""))
        rows.append(row)
    print(
        f"Any false claim / share of true pairs found, {studies} studies ({share_error(studies)}; "
        f"closed: {studies // 4} studies, {share_error(studies // 4)}):\n"
    )
    table(["cells", "seeds", "Holm", "Tarone-Holm", "closed"], rows)


def adjusted_counts(drawn: npt.NDArray[np.int64], seeds: int) -> list[npt.NDArray[np.bool_]]:
    """Return the claims by Holm and by Tarone-Holm on Boschloo's test: studies x pairs."""
    one, two = np.array(list(combinations(range(drawn.shape[1]), 2))).T
    p_values = boschloo_table(seeds, seeds)[drawn[:, one], drawn[:, two]]
    floors = np.array([least_boschloo(total, seeds, seeds) for total in range(2 * seeds + 1)])
    least = floors[drawn[:, one] + drawn[:, two]]
    by_tarone = [tarone_holm(*study) for study in zip(p_values, least, strict=True)]
    return [np.array([holm(study) for study in p_values]) <= LEVEL, np.array(by_tarone) <= LEVEL]


def closed_counts(successes: npt.NDArray[np.int64], seeds: int) -> Floats:
    """Return the adjusted p-values of all pairs of success counts by the closed test."""
    indices = list(combinations(range(len(successes)), 2))
    raw = {
        (one, two): boschloo(int(successes[one]), seeds, int(successes[two]), seeds) for one, two in indices
    }
    return closed_p_values([np.arange(seeds) < right for right in successes], raw)


def success(points: int) -> None:
    """Print the exact coverage and width of the interval of a success rate."""
    rates, rows = np.linspace(0, 1, points + 1), []
    for seeds in SEEDS:
        bounds_of = np.array([clopper_pearson(right, seeds) for right in range(seeds + 1)])
        chances = np.asarray(binom.pmf(np.arange(seeds + 1)[:, None], seeds, rates))
        held = (bounds_of[:, :1] <= rates) & (rates <= bounds_of[:, 1:])
        widths = np.diff(bounds_of, axis=1)[:, 0] @ chances
        rows.append([str(seeds), f"{(chances * held).sum(axis=0).min():.3f}", f"{widths.mean():.2f}"])
    print(f"Interval of a success rate, computed at {points + 1} rates from 0 to 1:\n")
    table(["seeds", "least coverage", "mean width"], rows)


def reach(draws: int) -> None:
    """Print the coverage and width of the interval of a median reach."""
    lengths = [10, 12, 15, 20, 25, 30, 40, 60, 80]
    rows = []
    for seeds in (5, 6, 8, 10, 20):
        shares, widths = [], []
        for center in (14.0, 33.0, 75.0, 150.0):
            true = center * np.exp(generator("reach", seeds, int(center)).normal(0, 0.5, (draws, seeds)))
            below = np.searchsorted(lengths, true, side="right")
            reaches = np.array([0, *lengths])[below].tolist()
            found = [median_reach(row, lengths) for row in reaches]
            held = [
                (each.low or 0) <= center and (each.beyond or center < (each.high or 0)) for each in found
            ]
            shares.append(float(np.mean(held)))
            ends = np.array([(each.low or lengths[0], each.high or lengths[-1]) for each in found])
            widths.append(float(np.log2(ends[:, 1] / ends[:, 0]).mean()))
        rows.append([str(seeds), f"{min(shares):.3f}", " / ".join(f"{width:.2f}" for width in widths)])
    print(
        "Interval of a median reach, true medians 14, 33, 75 and 150, log reaches of standard deviation 0.5, lengths "
        f"{', '.join(map(str, lengths))}, {draws} draws each ({share_error(draws)}):\n"
    )
    table(["seeds", "least coverage", "mean width in doublings, within the sweep, by median"], rows)


def string_means(
    random: np.random.Generator, seeds: int, strings: int, spread: float, seed_spread: float
) -> tuple[Floats, Floats]:
    """Draw a cell that finds its own strings easy: scores of its seeds, and the mean verdict on each string.

    Logits are a seed's effect plus a string's effect, with these standard deviations; means over both are 1/2.
    """
    logits = random.normal(0, seed_spread, (seeds, 1)) + random.normal(0, spread, strings)
    verdicts = random.random((seeds, strings)) < 1 / (1 + np.exp(-logits))
    return verdicts.mean(axis=1), verdicts.mean(axis=0)


STRING_KINDS = (
    (5, 200, 2.0, 0.1),
    (5, 1000, 2.0, 0.1),
    (10, 1000, 2.0, 0.1),
    (10, 1000, 2.0, 0.2),
    (10, 1000, 4.0, 0.1),
    (20, 1000, 2.0, 0.1),
    (20, 1000, 2.0, 0.3),
    (5, 1000, 2.0, 1.0),
    (5, 1000, 0.0, 0.1),
)
"""Seeds, strings, and standard deviations over strings and over seeds, in logits."""


def strings(draws: int) -> None:
    """Print false claims about two cells of one mean, and the coverage of their difference and means."""
    rows = []
    for seeds, number, spread, seed_spread in STRING_KINDS:
        random = generator("strings", seeds, number, int(spread), int(10 * seed_spread))
        p_values, held = [], []
        for _ in range(draws if seeds < 20 else -(-draws // 4)):
            (ours, first), (theirs, second) = (
                string_means(random, seeds, number, spread, seed_spread) for _ in range(2)
            )
            by_seeds = permutation_test(ours, theirs).p_value
            fixed, by_both = (
                paired_test([first], [second], [1.0], each) for each in (0.0, seed_error(ours, theirs))
            )
            p_values.append((by_seeds, fixed, max(by_seeds, fixed), by_both, max(by_seeds, by_both)))
            error = standard_error([first], [1.0])
            both = standard_error(string_differences([first], [second]), [1.0])
            intervals = (
                (mean_interval(ours), 0.5),
                (mean_interval(ours, string_error=error), 0.5),
                (mean_difference(ours, theirs, string_error=both), 0.0),
                (beats(ours, theirs), 0.5),
                (beats(ours, theirs, string_error=both), 0.5),
            )
            held.append([low <= true <= high for (low, high), true in ((bounds(e), t) for e, t in intervals)])
        claimed = (np.array(p_values) <= LEVEL).mean(axis=0)
        shares = [f"{share:.3f}" for share in (*claimed, *np.mean(held, axis=0))]
        rows.append([str(seeds), str(number), f"{spread:g}", f"{seed_spread:g}", *shares])
    print(
        f"Two cells of one mean that each find their own strings easy, {draws} draws each, a quarter at 20 seeds ({share_error(draws)}):\n"
    )
    header = [
        "seeds",
        "strings",
        "spread of strings (logits)",
        "of seeds",
        "p_seeds <= .05",
        "strings, seeds fixed",
        "both of these",
        "p_strings <= .05",
        "p_value <= .05",
        "coverage: mean, seeds alone",
        "mean",
        "difference",
        "P, seeds alone",
        "P(first beats second)",
    ]
    table(header, rows)


TRAIN = 10


def law_lengths(number: int) -> Floats:
    """Return lengths spread evenly in log2 from 1.2 to 8 times the train length."""
    return np.asarray(np.unique(np.round(TRAIN * 2 ** np.linspace(0.25, 3, number))))


def truths(lengths: Floats) -> dict[str, tuple[str, Floats]]:
    """Return hazards by name, with the law that each of them is."""
    ratio = lengths / TRAIN
    return {
        "constant": ("constant", np.full(len(lengths), 0.02)),
        "power, growth 1": ("power", 0.004 * ratio),
        "power, growth 3": ("power", 0.0003 * ratio**3),
        "floor and power": ("floor and power", 0.004 + 0.00002 * ratio**5),
    }


def sweep_of(
    random: np.random.Generator, lengths: Floats, hazard: Floats, dispersion: float = 0.0
) -> AnswerCounts:
    """Draw the verdicts of a seed, 1,000 strings a length; accuracies vary about the law if lengths are overdispersed."""
    accuracy = np.exp(-(lengths + 1) * hazard)
    if dispersion:
        size = 1 / dispersion - 1
        accuracy = random.beta(np.maximum(accuracy * size, 1e-9), np.maximum((1 - accuracy) * size, 1e-9))
    return AnswerCounts.of(lengths, lengths + 1, random.binomial(1000, accuracy), 1000, TRAIN)


def laws(draws: int) -> None:
    """Print which law is chosen, and the coverage of its growth."""
    rows = []
    for number in (12, 8, 6):
        lengths = law_lengths(number)
        for name, (law, hazard) in truths(lengths).items():
            random = generator("laws", number, name)
            found = [error_law(sweep_of(random, lengths, hazard)) for _ in range(draws)]
            chosen = Counter(each.chosen.law if each.chosen else "none" for each in found)
            others = ", ".join(
                f"{other} {count / draws:.2f}" for other, count in chosen.items() if other != law
            )
            by_bic = sum(each.by_bic == law for each in found) / draws
            rows.append([name, str(number), f"{chosen[law] / draws:.2f}", others or "-", f"{by_bic:.2f}"])
    print(f"Share of {draws} sweeps in which the true law is chosen ({share_error(draws)}):\n")
    table(["truth", "lengths", "by held-out lengths", "else", "by BIC"], rows)
    rows = []
    rate, half_length = 1 - np.exp(-0.004), (np.sqrt(1 + 4 * np.log(2) / 0.0004) - 1) / 2
    for number in (12, 8, 6, 5, 4):
        lengths = law_lengths(number)
        row = [str(number)]
        for dispersion in (0.0, 0.005, 0.02):
            random, held = generator("growth", number, int(1000 * dispersion)), []
            for _ in range(4 * draws):
                fitted = fitted_law(LAWS[1], sweep_of(random, lengths, 0.004 * lengths / TRAIN, dispersion))
                estimates = (fitted.estimates["growth"], fitted.error_rate, fitted.half_length)
                held.append(
                    [
                        each is not None and (each.low or 0) <= true <= (each.high or 0)
                        for each, true in zip(estimates, (1.0, rate, half_length), strict=True)
                    ]
                )
            row.append(" / ".join(f"{share:.2f}" for share in np.mean(held, axis=0)))
        rows.append(row)
    print(
        "Coverage of the intervals of growth / error rate at the train length / length of exact match 1/2, power of growth 1, "
        f"{4 * draws} draws each ({share_error(4 * draws)}), by overdispersion between lengths:\n"
    )
    table(["lengths", "0", "0.005", "0.02"], rows)


def first_wrong(
    hazard: Callable[[int], Floats], random: np.random.Generator, length: int
) -> npt.NDArray[np.int64]:
    """Draw the first wrong tokens of 1,000 answers; -1 if an answer is right."""
    wrong = random.random((1000, length)) < hazard(length)
    return np.where(wrong.any(axis=1), wrong.argmax(axis=1), -1)


def by_place(length: int) -> Floats:
    """Return hazards that grow with the place."""
    return np.asarray(0.0005 * np.arange(1, length + 1, dtype=np.float64))


def even(length: int) -> Floats:
    """Return hazards that are the same at all places and give the same exact match."""
    hazard = float(1 - np.prod(1 - by_place(length)) ** (1 / length))
    return np.full(length, hazard, dtype=np.float64)


def compare_hazards(draws: int) -> None:
    """Print what first errors say of two hazards that give one curve."""
    rows = []
    lengths = (10, 14, 20, 28, 40, 56)
    for truth, hazard in (("place", by_place), ("length", even)):
        random = generator("hazards", truth)
        found = [
            hazards([first_wrong(hazard, random, length) for length in lengths], lengths)
            for _ in range(draws)
        ]
        shares = [
            f"{np.mean([each.depends_on == said for each in found]):.2f}"
            for said in ("place", "length", "undecided")
        ]
        least = [each.advantage for each in found]
        rows.append([truth, *shares, f"{min(least):.0f} to {max(least):.0f}"])
    print(
        f"What is reported, {draws} draws each ({share_error(draws)}); log-likelihood by place less by length:\n"
    )
    table(["hazard by", "place", "length", "undecided", "log-likelihood"], rows)


def redraw(draws: int) -> None:
    """Print power estimated from the seeds of one study against the true power."""
    rows = []
    for name, kinds in (
        ("two modes, .2 v .8", [two_modes(0.2), two_modes(0.8)]),
        ("two modes, .5 v .9", [two_modes(0.5), two_modes(0.9)]),
        ("Beta(30, 20) v Beta(36, 14)", [one_mode(30, 20), one_mode(36, 14)]),
    ):
        random = generator("redraw", name)
        true = permutation_p_values(*(kind.draw(random, (2000, 10)) for kind in kinds)) <= LEVEL + 1e-9
        row = [name, f"{true.mean():.2f}"]
        for seeds in (5, 10):
            cells = [kind.draw(random, (draws, seeds)) for kind in kinds]
            powers = [redraw_power(one, two, 10, studies=200) for one, two in zip(*cells, strict=True)]
            row.append(" / ".join(f"{power:.2f}" for power in np.quantile(powers, [0.1, 0.5, 0.9])))
        rows.append(row)
    print(
        f"Power at 10 seeds: true, and estimated from the seeds of a study (10, 50, 90% of {draws} studies):\n"
    )
    table(["cells", "true", "from 5 seeds", "from 10 seeds"], rows)


SIMULATIONS: dict[str, tuple[Callable[[int], None], int]] = {
    "intervals": (intervals, 1000),
    "differences": (differences, 400),
    "pairs": (pairs, 400),
    "counts": (counts, 2000),
    "success": (success, 1000),
    "reach": (reach, 2000),
    "strings": (strings, 1000),
    "laws": (laws, 100),
    "hazards": (compare_hazards, 50),
    "redraw": (redraw, 200),
}


def main() -> None:
    """Run one simulation, or all of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("simulation", choices=[*SIMULATIONS, "all"])
    parser.add_argument("--draws", type=int, help="draws or studies in each cell of a table")
    arguments = parser.parse_args()
    for name, (simulate, draws) in SIMULATIONS.items():
        if arguments.simulation in {name, "all"}:
            print(f"### {name}\n")
            simulate(arguments.draws or draws)


if __name__ == "__main__":
    main()

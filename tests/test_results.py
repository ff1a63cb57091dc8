"""Every row of every table under results/, and of README's table of presets, is what the study's CSV files say."""

import re
import subprocess
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np
import pandas
import pytest
from scipy.stats import binomtest

from measured import (
    NONE,
    RESULTS,
    ROOT,
    area,
    at,
    curves,
    floored,
    pick,
    ranged,
    reach,
    reached,
    rounded,
    scores,
    seeds,
    tables,
    whole,
)

if not RESULTS.is_dir():
    pytest.skip("an sdist has no results", allow_module_level=True)
TRACKED = "parity cycle_navigation even_pairs flip_flop d4 a5"
PRESETS = "task pe positions trained-on ID-exact-match reach-0.90 0.95 0.99 at-2x minutes"


def presets(study: str, row: list[str]) -> list[str]:
    task, pe, positions = row[:3]
    (curve,) = seeds(pick(curves(study), task=task, pe=pe, positions=positions))
    score = pick(scores(study), task=task, line=pe).iloc[0]
    trained = curve.train_length.iloc[0]
    return [
        *(task, pe, positions, f"1 to {trained}", floored(score.id_exact_match)),
        *(reached(curve, threshold) for threshold in (0.90, 0.95, 0.99)),
        floored(at(curve, 2 * trained)),
        rounded(score.minutes, 1),
    ]


def tasks(study: str, row: list[str]) -> list[str]:
    """The two last pairs are of training alone, and of probes, which no CSV here has: they are held to their limits."""
    lines = [pick(scores(study), task=row[0], line=pe).iloc[0] for pe in ("nope", "rope")]
    both = [seeds(pick(curves(study), task=row[0], pe=pe))[0] for pe in ("nope", "rope")]
    trained, steps = both[0].train_length.iloc[0], both[0].step.iloc[0]
    twice = [curve[curve.length == 2 * trained].exact_match for curve in both]
    shares = [line.id_exact_match for line in lines]
    for step, minutes, line in zip(row[12:14], row[14:16], lines, strict=True):
        assert step == NONE or (int(step) <= steps and int(step) % 50 == 0)
        assert float(minutes) <= line.minutes + 0.05
    return [
        *(row[0], lines[0].category, f"up to {trained}", str(steps)),
        *(rounded(share, 3) if share >= 0.99 else f"*{share:.3f}*" for share in shares),
        *(whole(reach(curve, 0.90)) for curve in both),
        *(whole(reach(curve, 0.99)) for curve in both),
        *(rounded(share.item(), 3) if len(share) else NONE for share in twice),
        *row[12:16],
    ]


def again(study: str, row: list[str]) -> list[str]:
    """Runs that were made again, in a folder of their own."""
    held, made = (pandas.read_csv(RESULTS / study / "again" / name) for name in ("curves.csv", "table.csv"))
    lines = [pick(made[made.runs == "all"], task=row[0], line=pe).iloc[0] for pe in ("nope", "rope")]
    both = [seeds(pick(held, task=row[0], pe=pe))[0] for pe in ("nope", "rope")]
    trained = both[0].train_length.iloc[0]
    return [
        row[0],
        *(rounded(line.id_exact_match, 3) for line in lines),
        *(whole(reach(curve, 0.90)) for curve in both),
        *(rounded(at(curve, 2 * trained), 3) for curve in both),
    ]


def extended(study: str, row: list[str], lengths: tuple[int, ...] = (45, 60, 120)) -> list[str]:
    """Differences and areas of a setting of extensions, as the pooled table has them."""
    held = pick(pandas.read_csv(RESULTS / study / "extend.csv"), pe=row[0], setting=row[1])
    first = held.iloc[0]
    area = [f"{first[name]:+.2f}" for name in ("area_change", "least_area_change", "largest_area_change")]
    return [
        *row[:2],
        f"{first.id_exact_match - first.base_id_exact_match:+.3f}",
        *(f"{pick(held, length=length).difference.item():+.3f}" for length in lengths),
        f"{area[0]} [{area[1]}, {area[2]}]",
    ]


def unextended(study: str, row: list[str], lengths: tuple[int, ...] = (30, 45, 60, 120)) -> list[str]:
    held = pick(pandas.read_csv(RESULTS / study / "extend.csv"), pe=row[0])
    return [
        row[0],
        *(f"{pick(held, length=length).base_exact_match.iloc[0]:.3f}" for length in lengths),
    ]


def diluted(study: str, row: list[str], table: str = "sharpening.csv") -> list[str]:
    """Failed strings that sharper logits make right, of all seeds of an encoding."""
    held = pick(pandas.read_csv(RESULTS / study / table), pe=row[0], beyond=1)
    columns = ("failed", "by_some_factor", "by_chosen", "lost_by_chosen")
    return [row[0], *(str(int(held[name].sum())) for name in columns)]


def scheme(pe: str, attention: str) -> list[str]:
    """ID exact match and reaches of one encoding with one attention on passkey and on copy, at their presets."""
    found: list[str] = []
    for task, steps in (("passkey", 400), ("copy", 1500)):
        runs = pick(curves("encodings"), task=task, pe=pe, attention=attention, step=steps)
        runs = runs[runs.line.map(lambda line: "delta=0.307" not in line and "window=32" not in line)]
        score = pick(scores("encodings"), task=task, line=runs.line.iloc[0]).iloc[0]
        every = seeds(runs)
        failed = sum(not curve.trained.iloc[0] for curve in every)
        share = rounded(score.id_exact_match, 3)
        found += [f"*{share}* ({failed} of {len(every)})" if failed else share]
        found += [ranged([reach(curve, threshold) for curve in every]) for threshold in (0.90, 0.99)]
    return found


def encodings(study: str, row: list[str]) -> list[str]:
    """Time and memory are of `scripts/bench.py schemes`."""
    return [*row[:3], *scheme(row[0], "softmax")]


def attentions(study: str, row: list[str]) -> list[str]:
    return [*row[:4], *scheme(row[1], row[0])]


def further(study: str, row: list[str]) -> list[str]:
    every = seeds(pick(curves(study), task="copy", pe=row[0], attention="softmax"))
    score = pick(scores(study), task="copy", line=f"{row[0]}, softmax").iloc[0]
    return [
        row[0],
        *(rounded(at(curve, length), 2) for length in (20, 40) for curve in every),
        rounded(median(map(area, every)), 2),
        f"{score.iqm:.2f} [{score.iqm_low:.2f}, {score.iqm_high:.2f}]",
    ]


def sorting(study: str, row: list[str]) -> list[str]:
    task, step = {
        "sort, 1,500 steps": ("sort", 1500),
        "sort, 750 steps": ("sort", 750),
        "sort and successors, 1,500 steps": ("sort_with_successor", 1500),
    }[row[0]]
    every = seeds(pick(curves(study), task=task, step=step))
    score = pick(scores(study), task=task, line=step).iloc[0]

    def spread(values: list[float], digits: int) -> str:
        low, middle, high = (rounded(value, digits) for value in (min(values), median(values), max(values)))
        return f"{middle} ({low} to {high})"

    return [
        *(row[0], rounded(score.id_exact_match, 3)),
        rounded(median(at(curve, 12) for curve in every), 3),
        *(spread([at(curve, length) for curve in every], 3) for length in (20, 30, 40)),
        spread([area(curve) for curve in every], 2),
    ]


def parity(study: str, row: list[str]) -> list[str]:
    rows = pick(curves(study), length=int(row[0])).sort_values("seed")
    correct, examples = int(rows.correct.sum()), int(rows.examples.sum())
    interval = binomtest(correct, examples).proportion_ci()
    wrong = [
        f"seed {run.seed}: {run.examples - run.correct}"
        for run in rows.itertuples()
        if run.correct < run.examples
    ]
    return [
        *(row[0], f"{correct} / {examples}"),
        f"{correct / examples:.4f} [{interval.low:.4f}, {interval.high:.4f}]",
        rounded(rows.exact_match.min(), 2),
        ", ".join(wrong) or "none",
    ]


def against(study: str, row: list[str], split: str) -> list[str]:
    """Ours again from every seed; theirs as it was read beside them."""
    ours = pick(curves(study), panel=split, pe=row[0])
    ours = ours[ours.length > 20].groupby("length").exact_match.median().mean()
    theirs = pick(pandas.read_csv(RESULTS / study / "against.csv"), task=split, line=row[0]).theirs.mean()
    return [row[0], rounded(ours, 3), rounded(theirs, 3)]


def random_symbols(study: str, row: list[str]) -> list[str]:
    return against(study, row, "copy (repeats=allowed)")


def one_symbol(study: str, row: list[str]) -> list[str]:
    return against(study, row, "copy (repeats=one)")


def claims(study: str, row: list[str]) -> list[str]:
    runs = {pe: seeds(table) for pe, table in curves(study).groupby("pe")}
    areas = {pe: [area(curve) for curve in every] for pe, every in runs.items()}
    pairs = pandas.read_csv(RESULTS / study / "pairs.csv").set_index(["runs", "first", "second"]).p_family
    ranges = {pe: [reach(curve, 0.90) for curve in every] for pe, every in runs.items()}
    middle = {pe: whole(median(values)) for pe, values in ranges.items()}

    def p(first: str, second: str) -> float:
        return float(pairs["all", min(first, second), max(first, second)])

    trained = curves(study).train_length.iloc[0]
    far = [p("alibi", pe) for pe in runs if pe != "alibi"]
    near = [p("nope", "t5"), p("nope", "rope"), p("t5", "rope")]
    said = [rounded(median(areas[pe]), 2) for pe in ("nope", "t5", "rope")]
    low, high = whole(min(ranges["alibi"])), whole(max(ranges["alibi"]))
    assert middle["learned"] == middle["sinusoidal"]
    assert max(far) == min(far)
    return {
        "alibi reaches furthest": [
            row[0],
            (
                f"median reach 0.90 is {middle['alibi']} (seeds {low} to {high}), a factor of "
                f"{median(ranges['alibi']) / trained:.0f}; its areas differ significantly from those of every other cell "
                f"(p adjusted for all pairs {max(far):.3f})"
            ),
        ],
        "nope, t5 and rope do not differ significantly": [
            row[0],
            (
                f"median areas {said[0]}, {said[1]} and {said[2]} doublings; p adjusted {min(near):.2f} to {max(near):.0f}; median "
                f"reach 0.90 is {middle['nope']}, {middle['t5']} and {middle['rope']}"
            ),
        ],
        "learned and sinusoidal stop at the trained length": [
            row[0],
            f"median reach 0.90 is {middle['learned']} for both (best seed of learned: {whole(max(ranges['learned']))})",
        ],
    }[row[0]]


def commits(study: str, row: list[str]) -> list[str]:
    """Which commit made which runs, which no CSV has: every run is there, and once."""
    (said,) = [rows for header, rows in tables(RESULTS / study / "README.md") if header == "commit runs"]
    named = [run for _, runs in said for run in runs.split(", ")]
    assert sorted(named) == sorted(
        f"{task}/{pe}" for task, pe in curves(study).groupby(["task", "pe"]).groups
    )
    return row


def prose(study: str, row: list[str]) -> list[str]:
    """Which commit and versions made which runs, in words."""
    return row


def tracking(study: str, row: list[str]) -> list[str]:
    """A cell of six seeds, with what theory says beside what was seen."""
    score = pick(scores(study), task=row[0], line=row[1]).iloc[0]
    each = seeds(pick(curves(study), task=row[0], line=row[1]))
    shares = [
        rounded(sum(at(curve, length) for curve in each) / len(each), 2) for length in (40, 80, 160, 500)
    ]
    said, judged = ("—" if pandas.isna(word) else word for word in (score.predicted, score.seen))
    counted = f" ({score.seen_far:.0f} of {score.trained})" if judged in ("yes", "no", "undecided") else ""
    return [
        *(row[0], row[1], f"{score['optimizer.lr']:g}", f"{score.trained} of {score.tried}"),
        *(rounded(score.id_exact_match, 3), *shares, said, judged + counted),
    ]


def chosen(study: str, row: list[str], tasks: list[str]) -> list[str]:
    """What the choosing seed got with a mixer: ID exact match at its better rate, on each task."""
    tried = pick(pandas.read_csv(RESULTS / study / "choosing.csv"), mixer=row[0])
    best = [tried[tried.task == task].id_exact_match for task in tasks]
    return [row[0], *(rounded(shares.max(), 2) if len(shares) else NONE for shares in best)]


def quality(study: str, row: list[str]) -> list[str]:
    """The steps of five seeds with each optimizer; a seed that does not get there needs more than there were."""
    steps = pick(pandas.read_csv(RESULTS / study / "steps.csv"), task=row[0], pe=row[1], purpose="reported")
    sides = [pick(steps, optimizer=optimizer) for optimizer in ("muon", "adamw")]
    assert all(sorted(side.seed) == [0, 1, 2, 3, 4] for side in sides)
    found = []
    for side in sides:
        waited = sorted(side.steps_to_quality.fillna(np.inf))
        words = [f"above {side.steps.iloc[0]}" if np.isinf(step) else f"{step:.0f}" for step in waited]
        found.append(f"{words[2]} ({words[0]} to {words[4]})")
    means = [np.log(side.steps_to_quality).mean(skipna=False) for side in sides]
    fewer = np.exp(means[1] - means[0])
    return [
        *row[:2],
        *(f"{side.lr.unique().item():g}" for side in sides),
        *(f"{side.steps_to_quality.notna().sum()} of {len(side)}" for side in sides),
        *found,
        NONE if np.isnan(fewer) else rounded(fewer, 2),
    ]


CHECKS: dict[tuple[str, str], Callable[[str, list[str]], list[str]]] = {
    ("demo", PRESETS): presets,
    ("presets", PRESETS): presets,
    ("presets", "runs commit with"): prose,
    (
        "tasks",
        (
            "task category trained-on steps ID-nope rope reach-0.90-nope rope reach-0.99-nope rope at-2x-nope rope "
            "0.99-from-step,-nope rope minutes-nope rope"
        ),
    ): tasks,
    ("tasks", "commit runs"): commits,
    ("extend", "pe at-30 45 60 120 240"): partial(unextended, lengths=(30, 45, 60, 120, 240)),
    ("extend", "pe setting ID-change at-45 60 120 240 area-change"): partial(
        extended, lengths=(45, 60, 120, 240)
    ),
    (
        "extend",
        "pe failed-beyond-38 rescued-by-some-factor by-the-factor-chosen-at-38 broken-by-it",
    ): partial(diluted, table="rescued.csv"),
    **{
        (study, "pe at-10 12 15 20"): partial(unextended, lengths=(10, 12, 15, 20))
        for study in ("extend-reverse", "extend-copy")
    },
    **{
        (study, "pe failed-beyond-12 rescued-by-some-factor by-the-factor-chosen-at-12 broken-by-it"): diluted
        for study in ("extend-reverse", "extend-copy")
    },
    **{
        (study, "pe setting ID-change at-12 15 20 area-change"): partial(extended, lengths=(12, 15, 20))
        for study in ("extend-reverse", "extend-copy")
    },
    **{
        (study, "pe at-10 12 15 20 40"): partial(unextended, lengths=(10, 12, 15, 20, 40))
        for study in ("extend-sort", "extend-addition")
    },
    **{
        (study, "pe setting ID-change at-12 15 20 40 area-change"): partial(
            extended, lengths=(12, 15, 20, 40)
        )
        for study in ("extend-sort", "extend-addition")
    },
    **{
        (
            study,
            "pe failed-beyond-12 rescued-by-some-factor by-the-factor-chosen-at-12 broken-by-it",
        ): partial(diluted, table="rescued.csv")
        for study in ("extend-sort", "extend-addition")
    },
    ("tasks", "task ID-nope rope reach-0.90-nope rope at-2x-nope rope"): again,
    ("encodings", "pe time memory passkey-ID 0.90 0.99 copy-ID 0.90 0.99"): encodings,
    ("encodings", "attention pe time memory passkey-ID 0.90 0.99 copy-ID 0.90 0.99"): attentions,
    (
        "encodings",
        "pe at-20:-seed-0 seed-1 seed-2 at-40:-seed-0 seed-1 seed-2 area,-median IQM-beyond-10",
    ): further,
    ("sort-with-successor", "cell ID 12 20 30 40 area-in-doublings"): sorting,
    ("parity-2000-bits", "bits right,-all-seeds share,-exact-95%-interval worst-seed wrong"): parity,
    ("passkey-encodings", "claim numbers"): claims,
    (
        "muon-adamw",
        "task pe rate-of-Muon AdamW there-with-Muon AdamW steps-with-Muon,-median-(range) AdamW times-fewer-with-Muon",
    ): quality,
    ("state-tracking", "task mixer rate trained ID at-40 80 160 500 predicted seen"): tracking,
    ("state-tracking", f"mixer {TRACKED}"): partial(chosen, tasks=TRACKED.split()),
    (
        "copy-against-kazemnejad2023",
        "random-symbols:-exact-match-over-21-to-40,-mean-of-the-medians-over-seeds ours theirs",
    ): random_symbols,
    (
        "copy-against-kazemnejad2023",
        "one-symbol:-exact-match-over-21-to-40,-mean-of-the-medians-over-seeds ours theirs",
    ): one_symbol,
}


def rows() -> list[object]:
    """Every row of every table, and the study that it is of."""
    found = [
        (path.parent.name, header, row, number)
        for path in sorted(RESULTS.glob("*/README.md"))
        for number, (header, held) in enumerate(tables(path))
        for row in held
    ]
    found += [
        ("presets", header, row, -1)
        for header, held in tables(ROOT / "README.md")
        if header == PRESETS
        for row in held
    ]
    return [
        pytest.param(
            study, header, row, id=f"{study if number >= 0 else 'README'}-{number}-{'-'.join(row[:3])[:50]}"
        )
        for study, header, row, number in found
    ]


@pytest.mark.parametrize(("study", "header", "row"), rows())
def test_a_row_of_a_table_is_what_the_study_measured(study, header, row):
    assert CHECKS[study, header](study, row) == row


@pytest.mark.parametrize("study", sorted(path.parent.name for path in RESULTS.glob("*/README.md")))
def test_a_study_keeps_its_numbers_and_one_picture(study):
    listed = subprocess.run(["git", "ls-files", "."], cwd=RESULTS / study, capture_output=True, text=True)
    if listed.returncode or not listed.stdout:
        pytest.skip("this is no clone")
    kept = set(listed.stdout.splitlines())
    numbers = {"curves.csv", "table.csv", "table.md", "compare.json"}
    if study.startswith("extend"):
        numbers = {"extend.csv", "extend.md"}
    elif study == "muon-adamw":
        numbers = {"steps.csv", "steps.md"}
    assert {"README.md"} | numbers <= kept
    pictures = [name for name in kept if not name.endswith((".csv", ".md", ".json"))]
    assert len(pictures) <= 1
    assert sorted(pictures) == sorted(
        re.findall(r"!\[[^]]*\]\(<?([^)>]+)>?\)", (RESULTS / study / "README.md").read_text())
    )

"""`lengen compare variance=true`: shares of variance from run folders to tables, against statsmodels, and what is refused."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas
import pytest
from statsmodels.api import stats
from statsmodels.formula.api import ols

from lengen.api.comparison import Comparison
from lengen.comparison.find_runs import find
from lengen.comparison.grouping import assemble
from lengen.comparison.variance import variances
from lengen.records.curve import Curve
from lengen.records.verdicts import StringVerdicts, write_verdicts
from studies import LENGTHS, write_run

STRINGS = 200


def run(root, seed, init, exact, *, pe="nope", verdicts=True):
    """A run of some seeds, with its verdicts: lengths x strings; a diverged run if there are none."""
    shares = None if exact is None else exact.mean(axis=1).tolist()
    folder = write_run(
        root,
        seed,
        shares,
        pe=pe,
        cell=f"c-{pe}",
        status="finished" if shares else "diverged",
        protocol={"examples": STRINGS},
        **({} if init is None else {"init_seed": init}),
    )
    if init is not None:
        folder = folder.rename(folder.with_name(f"seed={seed},init_seed={init}"))
    if shares and verdicts:
        wrong = (~exact).astype(int)
        kept = [
            StringVerdicts(right, bad - 1, bad, 4 * bad, 0 * bad + 41)
            for right, bad in zip(exact, wrong, strict=True)
        ]
        write_verdicts(folder / "verdicts.parquet", dict(zip(LENGTHS, kept, strict=True)))
        rows = Curve.load(folder / "curve.csv").rows
        known = tuple(replace(row, first_error=0.0 if row.wrong_token else None) for row in rows)
        Curve(known).save(folder / "curve.csv")
    return folder


@pytest.fixture
def crossed(tmp_path):
    """Three init seeds x four data seeds; strings, init seeds and, less, data seeds are of different difficulty."""
    generator = np.random.default_rng(0)
    init, data = generator.normal(0, 2, 3), generator.normal(0, 0.5, 4)
    strings = generator.normal(0, 2, (len(LENGTHS), STRINGS))
    exact = {}
    for one, two in product(range(3), range(4)):
        logit = init[one] + data[two] + strings + np.array([9, 9, 1, -1])[:, None]
        exact[one, two] = generator.random(strings.shape) < 1 / (1 + np.exp(-logit))
        run(tmp_path / "runs", two, one, exact[one, two])
    return exact


def expected(exact):
    """The components in doublings squared, from tables of statsmodels: lengths 10, 20, 40 weigh 1/4, 1/2, 1/4 of 2 doublings."""
    weights = np.array([0, 0.25, 0.5, 0.25])
    rows = [(*pair, 2 * float(weights @ each.mean(axis=1))) for pair, each in exact.items()]
    table = stats.anova_lm(ols("y ~ C(i) + C(j)", pandas.DataFrame(rows, columns=["i", "j", "y"])).fit())
    inits, datas = (len({pair[side] for pair in exact}) for side in (0, 1))
    first, second, rest = table["mean_sq"]
    strings = 0.0
    for length in range(4):  # the mean covariance of runs that share no seed
        pairs = [
            np.cov(ours[length], theirs[length])[0, 1]
            for (one, ours), (two, theirs) in product(exact.items(), repeat=2)
            if one[0] != two[0] and one[1] != two[1]
        ]
        strings += (2 * weights[length]) ** 2 * np.mean(pairs) / STRINGS
    return [(first - rest) / datas, (second - rest) / inits, strings, rest]


NAMES = [f"{name}_{kind}" for kind in ("variance", "share") for name in ("init", "data", "strings", "rest")]


def test_the_command_divides_the_variance(lengen, tmp_path, crossed, coarse):
    run(tmp_path / "runs", 7, None, crossed[0, 0])  # not crossed: another pair of seeds
    run(tmp_path / "runs", 0, None, crossed[0, 0], pe="rope")  # a cell that is not crossed at all
    ran = lengen("compare", "runs=runs", "out=out", "variance=true")
    assert ran.code == 0, ran.err
    (row,) = pandas.read_csv(tmp_path / "out" / "variance.csv").to_dict("records")
    assert (row["line"], row["init_seeds"], row["data_seeds"], row["strings"]) == ("nope", 3, 4, STRINGS)
    parts = expected(crossed)
    shares = [max(0, part) / sum(max(0, each) for each in parts) for part in parts]
    assert [row[name] for name in NAMES] == pytest.approx([*parts, *shares])
    assert row["deviation"] == pytest.approx(np.sqrt(sum(max(0, each) for each in parts)))
    assert 0.5 < row["init_share"] < 1
    told = [f"{share:.2f}" for share in shares]
    line = f"| copy | nope | 3 init x 4 data | {row['deviation']:.3f} | {' | '.join(told)} |"
    assert line in (tmp_path / "out" / "table.md").read_text()
    assert Comparison(tmp_path / "out").variance.to_dict("records") == [row]
    assert "Shares of the variance" in (tmp_path / "out" / "page.html").read_text()
    assert any(words.split()[-4:] == told for words in ran.out.splitlines())
    text = "runs that share a seed are not independent, though tests and intervals take them so"
    assert f"{text}: nope (13 runs of 5 data and 4 init seeds)" in ran.out


def test_a_diverged_run_has_area_zero_and_runs_without_verdicts_no_share_of_strings(tmp_path):
    generator = np.random.default_rng(1)
    exact = {pair: generator.random((4, STRINGS)) < 0.9 for pair in product((0, 1), repeat=2)}
    exact[1, 1] = np.zeros_like(exact[1, 1])
    for (init, data), right in exact.items():
        run(tmp_path / "diverged", data, init, right if right.any() else None)
        run(tmp_path / "earlier", data, init, right if right.any() else None, verdicts=False)
    (diverged,), (earlier,) = (
        variances(assemble(find([str(tmp_path / name)]))) for name in ("diverged", "earlier")
    )
    parts = expected(exact)
    assert [getattr(diverged, name) for name in NAMES[:4]] == pytest.approx(parts)
    found = [earlier.init_variance, earlier.data_variance, earlier.rest_variance]
    assert found == pytest.approx([parts[0], parts[1], parts[3]])
    assert (earlier.strings_variance, earlier.strings_share, earlier.strings) == (None, None, None)


@pytest.mark.parametrize(
    ("seeds", "seen"),
    [
        ([(0, None), (1, None), (2, None)], "3 runs of 3 init seeds and 3 data seeds"),
        ([(0, 0), (0, 1), (0, 2)], "3 runs of 3 init seeds and 1 data seeds"),
        ([(0, 0), (0, 1), (1, 0)], "3 runs of 2 init seeds and 2 data seeds"),
    ],
)
def test_runs_that_cross_no_seeds_are_refused_before_anything_is_written(lengen, tmp_path, seeds, seen):
    for number, (seed, init) in enumerate(seeds):
        run(tmp_path / "runs", seed, init, np.random.default_rng(number).random((4, STRINGS)) < 0.9)
    ran = lengen("compare", "runs=runs", "out=out", "variance=true")
    assert ran.code == 2
    assert ran.err.startswith("lengen: variance=true: no cell has runs ")
    assert f"(nope: {seen}); train them with -m seed=0,1,2 init_seed=0,1,2" in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_variance_is_true_or_false(lengen):
    ran = lengen("compare", "variance=init")
    assert (ran.code, ran.err) == (2, "lengen: variance=init: must be true or false\n")

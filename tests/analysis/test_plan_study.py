"""`lengen plan`: what is printed, checked against scipy and counts by hand, and what is refused."""

import re
import subprocess
import sys
from math import comb

import pytest
from scipy.stats import binom, boschloo_exact

import lengen as package
from lengen.statistics.intervals import clopper_pearson

pytestmark = pytest.mark.whole_run  # seconds each


def row(text, start):
    """The cells of a row of a table, by its first cell."""
    (line,) = [line for line in text.splitlines() if line.strip().startswith(f"{start}  ")]
    return re.split(" {2,}", line.strip())[1:]


def test_ten_cells_of_five_seeds(lengen, tmp_path):
    ran = lengen("plan", "cells=10", "seeds=5")
    assert (ran.code, ran.err) == (0, "")
    assert "10 cells of 5 seeds, 45 pairs; alpha 0.05" in ran.out
    least = f"{2 / comb(10, 5):.2g}"
    assert row(ran.out, "areas, one pair") == [least, "0.05", "yes"]
    assert row(ran.out, "areas, 45 pairs (closed test)") == [least, "0.01", "yes"]
    assert row(ran.out, "areas, 45 pairs (Holm)") == [least, "0.0011", "no; from 7 seeds on"]
    counts = boschloo_exact([[5, 0], [0, 5]]).pvalue
    assert row(ran.out, "success counts, one pair") == [f"{counts:.2g}", "0.05", "yes"]
    assert row(ran.out, "0.2 and 0.6")[3:] == ["27", "37", "23"]
    assert "not with 5 seeds; from 23 seeds on at best" in ran.out
    low = clopper_pearson(5, 5)[0]
    assert f"is {1 - low:.2f} of the scale wide" in ran.out
    assert "Reach with 1000 examples per length: all measurable" in ran.out
    assert list(tmp_path.iterdir()) == []


def test_power_of_counts_is_summed_over_both_binomials(lengen):
    ran = lengen("plan", "cells=2", "seeds=4")
    power = sum(
        binom.pmf(first, 4, 0.1) * binom.pmf(second, 4, 0.9)
        for first in range(5)
        for second in range(5)
        if boschloo_exact([[first, second], [4 - first, 4 - second]]).pvalue <= 0.05
    )
    assert row(ran.out, "0.1 and 0.9")[1] == f"{power:.2f}"
    assert "all pairs" not in ran.out


def test_options_change_what_is_printed(lengen):
    few = lengen("plan", "cells=4", "seeds=3", "control=true", "end=2", "margin=0.5", "examples=50").out
    assert "4 cells of 3 seeds, 3 pairs with the control" in few
    assert "closed" not in few
    assert row(few, "areas, 3 pairs (Holm)") == ["0.1", "0.017", "no; from 5 seeds on"]
    assert row(few, "success counts, one pair") == ["0.031", "0.05", "yes"]
    assert "within 0.5 doublings): not with 3 seeds; from 5 seeds on at best" in few
    assert "not measurable: 0.95 and 0.99 (0.90 needs 36, 0.95 needs 72, 0.99 needs 368)" in few
    assert row(lengen("plan", "seeds=3", "alpha=0.1").out, "areas, one pair") == ["0.1", "0.1", "yes"]
    many = lengen("plan", "cells=120", "seeds=3").out
    assert row(many, "areas, 7140 pairs (Holm)")[2:] == ["no; too many cells"]
    assert row(many, "0.0 and 1.0")[-3:] == ["4", "> 40", "3"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("cells=1", "cells=1: must be at least 2"),
        ("cells=2.5", "cells=2.5: must be a whole number"),
        ("seeds=0", "seeds=0: must be 1 to 100"),
        ("seeds=101", "seeds=101: must be 1 to 100"),
        ("end=1", "end=1: must be above 1"),
        ("end=4x", "end=4x: must be a number"),
        ("end=inf", "end=inf: must be finite"),
        ("margin=2", "margin=2: must be above 0 and below the 2 doublings up to end=4"),
        ("margin=nan", "margin=nan: must be finite"),
        ("alpha=0", "alpha=0: must be above 0 and at most 0.5"),
        ("examples=0", "examples=0: must be at least 1"),
        ("control=nope", "control=nope: must be true or false"),
        ("seds=3", "unknown option 'seds'; did you mean 'seeds'"),
    ],
)
def test_refusals(lengen, word, message):
    ran = lengen("plan", word)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"lengen: {message}")
    assert ran.err.count("\n") == 1


def test_it_imports_no_torch(tmp_path):
    script = (
        "import sys; sys.argv = ['lengen', 'plan', 'seeds=3']; from lengen.cli.main import main; main();"
        "import lengen; lengen.plan(2, 3); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_in_python_it_prints_itself_and_has_the_numbers(lengen):
    plan = package.plan(cells=10, seeds=5, end=2)
    assert plan.numbers.equivalence_seeds == 11
    words = lengen("plan", "cells=10", "seeds=5", "end=2").out.split()
    assert re.sub(r"\s+", " ", repr(plan)).split() == words
    assert plan._repr_html_().startswith("<pre>10 cells of 5 seeds")
    with pytest.raises(package.UsageError, match="unknown option 'seds'"):
        package.plan(seds=3)
    with pytest.raises(package.UsageError, match="cells=1: must be at least 2"):
        package.plan(1)

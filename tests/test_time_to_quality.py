"""scripts/time_to_quality.py: steps are those of the probes, and what is not reached is not a number."""

import csv
import json

import numpy as np
import pytest

from conftest import script_module


@pytest.fixture(scope="module")
def script():
    return script_module("time_to_quality")


def run(root, seed, probes, *, pe="nope", place="muon-0.02", loss=0.1):
    """A finished run of 100 steps with a probe every 25."""
    folder = root / "runs" / place / "copy" / pe / "c1" / f"seed={seed}"
    folder.mkdir(parents=True)
    facts = {"status": "finished", "id_exact_match": probes[-1], "train_seconds": 50.0}
    (folder / "run.json").write_text(json.dumps(facts))
    with (folder / "train.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["step", "loss", "id_exact_match", "id_loss"])
        for index, value in enumerate(probes, 1):
            table.writerow([25 * index - 5, 0.3, "", ""])
            table.writerow([25 * index, 0.2, value, loss])
    return folder


@pytest.mark.parametrize(
    ("probes", "steps"),
    [
        ([0.5, 0.99, 1.0, 1.0], 50),
        ([0.5, 0.99, 0.98, 1.0], None),  # one good probe may be luck, and the last has none after it
        ([1.0, 0.5, 0.99, 1.0], 75),
        ([0.1, 0.2, 0.3, 0.4], None),
    ],
)
def test_quality_is_reached_at_the_first_of_two_good_probes(script, tmp_path, probes, steps):
    found = script.found(run(tmp_path, 3, probes))
    assert found.steps_to_quality == steps
    assert found.seconds_to_quality == (None if steps is None else 50.0 * steps / 100)
    assert found.waited == (125 if steps is None else steps)


def test_the_rate_with_the_fewest_steps_over_the_choosing_seeds_is_chosen(script, tmp_path):
    good, late = [0.5, 1.0, 1.0, 1.0], [0.5, 0.5, 1.0, 1.0]
    cells = script.Cells("copy", "nope", "muon", tmp_path, None)
    for rate in script.RATES["muon"]:
        for seed in script.CHOOSING:
            assert cells.chosen() is None
            run(tmp_path, seed, good if rate in (0.01, 0.02) else late, place=f"muon-{rate:g}", loss=rate)
    assert cells.chosen() == 0.01  # of two that are equal, that of the lower ID loss
    assert len(cells.read(0.01, script.SEEDS)) == 0


def test_a_ratio_is_that_of_geometric_means_and_unknown_where_a_seed_does_not_get_there(script):
    def runs(*steps):
        return [script.Found(seed, step, 1.0, 0.0, 400, 10.0) for seed, step in enumerate(steps)]

    own, other = (100, 200, 150, 125, 175), (300, 200, 350, 250, 375)
    middle, low, high = script.ratio(runs(*own), runs(*other))
    assert middle == pytest.approx(np.exp(np.log(other).mean() - np.log(own).mean()))
    assert low < middle < high
    assert script.ratio(runs(*own), runs(300, None, 350)) is None

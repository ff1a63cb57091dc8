"""Lightning's loggers: what they write is read back by other means."""

import pytest
import yaml

from conftest import read_rows
from lengen.logger import tensorboard
from lengen.logger.csv import Csv
from lengen.logger.tensorboard import Tensorboard
from logger.test_wandb import CURVE, whole


def test_csv_has_the_numbers_the_curve_and_the_options(facts):
    for _ in range(2):
        whole(Csv(), facts)
    folder = facts.folder / "csv" / "version_1"
    assert sorted(path.name for path in (facts.folder / "csv").iterdir()) == ["version_0", "version_1"]
    rows = read_rows(folder / "metrics.csv")
    losses = [(int(row["step"]), float(row["train/loss"])) for row in rows if row["train/loss"]]
    assert losses == [(step, pytest.approx(1 / step)) for step in (10, 20, 30)]
    curve = {int(row["step"]): float(row["curve/exact_match"]) for row in rows if row["curve/exact_match"]}
    assert curve == pytest.approx({row.length: row.exact_match for row in CURVE.rows})
    options = yaml.safe_load((folder / "hparams.yaml").read_text())
    assert (options["seed"], options["task._target_"]) == (3, "lengen.task.copy.Copy")


@pytest.mark.whole_run
def test_tensorboard_has_the_numbers_and_the_curve_over_length(facts):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    whole(Tensorboard(), facts)
    events = EventAccumulator(str(facts.folder / "tensorboard" / "version_0")).Reload()
    losses = [(event.step, event.value) for event in events.Scalars("train/loss")]
    assert losses == [(step, pytest.approx(1 / step)) for step in (10, 20, 30)]
    curve = {event.step: event.value for event in events.Scalars("curve/exact_match")}
    assert curve == pytest.approx({row.length: row.exact_match for row in CURVE.rows})
    assert [event.value for event in events.Scalars("reach/0.90")] == [20]


def test_tensorboard_that_is_not_installed_is_refused_before_anything_is_written(
    lengen, tmp_path, monkeypatch
):
    monkeypatch.setattr(tensorboard, "find_spec", lambda _: None)
    ran = lengen("train", "task=copy", "logger=tensorboard")
    assert ran.code == 2
    assert ran.err == (
        "lengen: logger=tensorboard: needs TensorBoard, which is not installed: pip install 'lengen[tensorboard]'\n"
    )
    assert list(tmp_path.iterdir()) == []

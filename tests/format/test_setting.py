"""A format in a run: what is trained and swept is the formatted task; runs from before there were formats stay what they are."""

import pytest
import torch

from config.test_builder import composed
from lengen.comparison.find_runs import complete_config
from lengen.config.builder import Builder
from lengen.experiment.config import RunConfig
from lengen.format.interleaved import Interleaved
from lengen.format.plain import Plain


def setting(config) -> RunConfig:
    return Builder().build(RunConfig, {**config, "record": config})


def older(config):
    """The configuration of a run from before there were formats."""
    labels = {key: value for key, value in config["labels"].items() if key != "format"}
    return {key: value for key, value in config.items() if key != "format"} | {"labels": labels}


@pytest.mark.whole_run
def test_a_plain_run_is_called_as_before():
    config = composed("task=copy")
    now, before = setting(config), setting(older(config))
    assert now.cell == before.cell
    assert now.title == before.title == "copy, nope"
    assert before.format == Plain()
    assert before.labels.format == "plain"
    assert now.formatted_task == now.task


@pytest.mark.whole_run
def test_another_format_is_another_cell():
    made = {name: setting(composed("task=copy", f"format={name}")) for name in ("plain", "hints", "spacing")}
    more = setting(composed("task=copy", "format=hints", "format.markers=9"))
    assert len({more.cell, *(each.cell for each in made.values())}) == 4
    assert made["hints"].title == "copy, nope, hints"
    assert made["hints"].labels.format == "hints"


def test_the_formatted_task_is_trained():
    made = setting(composed("task=copy", "format=hints", "format.blanks=random"))
    assert made.formatted_task == Interleaved(hints=True, blanks="random").applied(made.task)
    decoder, example = made.make_decoder(), next(iter(made.stream()))
    vocabulary = made.formatted_task.vocabulary
    assert (
        decoder(example.tokens, example.positions).shape[-1]
        == len(vocabulary)
        == len(made.task.vocabulary) + 27
    )
    assert torch.isin(vocabulary.encode(made.format.symbols), example.tokens).all()


def test_a_format_that_the_task_cannot_have_is_refused_before_training():
    from lengen.experiment.config import RunConfig
    from lengen.experiment.run import Experiment

    config = composed("task=sort", "format=hints")
    with pytest.raises(ValueError, match=r"train_length=10: format.hints=true: .* no places \(length 10\)"):
        Experiment(Builder().build(RunConfig, {**config, "record": config}))


def test_older_runs_are_compared_as_plain_ones():
    config = composed("task=copy")
    read = complete_config(older(config), "config.yaml")
    assert read["labels"] == config["labels"]
    assert read == config
    hinted = composed("task=copy", "format=hints")
    assert complete_config(hinted, "config.yaml") == hinted

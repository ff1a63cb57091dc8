"""The run that a tuned one starts from."""

from __future__ import annotations

from lengen.experiment.load_run import TrainedRun
from lengen.training.checkpoint import parameters_digest
from lengen.tuning import Base


def base_of(trained: TrainedRun) -> Base:
    """Return what a tuned run records of the run that it starts from.

    Args:
        trained: a finished run.
    """
    config, facts = trained.config, trained.folder.facts()
    sizes = trained.sizes
    return Base(
        str(trained.folder.path),
        str(facts.get("cell", "")),
        trained.step,
        parameters_digest(trained.decoder.state_dict()),
        config.train_length,
        sizes.trained,
        sizes.positions,
        0 if config.base is None else config.base.tuned + 1,
        config.category,
        config.base.true_length
        if config.base and config.tune and config.tune.own_labels
        else config.train_length,
    )

"""`lengen.train`: train and evaluate one run."""

from __future__ import annotations

from typing import Any

from lengen.api.arguments import Folders, compose_call, recorded_call
from lengen.api.run import Run
from lengen.config.compose import TRAIN
from lengen.experiment.run import run_configuration


def train(*words: str, config_dir: Folders = None, **options: Any) -> Run:
    """Train at short lengths and sweep longer ones, as `lengen train` does, in the same folder.

    A finished run is not repeated; an interrupted one is resumed.

        lengen.train(task="copy", pe="rope", steps=500, seed=0)
        lengen.train("task=copy", "task.alphabet=5", pe="rope")
        lengen.train(task="copy", trainer={"progress": False}, **{"task.alphabet": 5, "eval.lengths": [5, 10, 20]})
        lengen.train(task=MyTask(symbols=5), pe=MyEncoding, positions=functools.partial(MyPositions, maximum=64))

    Args:
        *words: overrides as on the command line.
        config_dir: the user's own configuration folders, as `--config-dir`.
        **options: a group (`task`, `pe`, …) with the name of an option, or with an object or a class of the user; any other
            option with its value, by its dotted name or in a dictionary. Encodings and attention rules are given as
            classes, since the decoder constructs them with its own shape; `functools.partial` sets their options.

    Returns:
        The run. Its `status` is `diverged` if a loss or a parameter became NaN or infinite.

    Raises:
        UsageError: an option is unknown or invalid, or options are incompatible.
    """
    with recorded_call("lengen.train", words, options):
        request = compose_call(TRAIN, words, options, config_dir)
        outcome = run_configuration(request.config, request.builder)
    return Run(outcome.folder, request.given, request.allowed)

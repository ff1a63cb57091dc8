"""`lengen.train`: one run, finished before or now."""

from __future__ import annotations

from typing import Any

from lengen.api.asking import Folders, asked, call
from lengen.api.run import Run
from lengen.config.compose import TRAIN
from lengen.experiment.run import run_configuration


def train(*words: str, config_dir: Folders = None, **options: Any) -> Run:
    """Train at short lengths and sweep longer ones: what `lengen train` does, in the same folder.

    A run that is over already is returned as it is; one that was interrupted goes on.

        lengen.train(task="copy", pe="rope", steps=500, seed=0)
        lengen.train("task=copy", "task.alphabet=5", pe="rope")
        lengen.train(task="copy", trainer={"progress": False}, **{"task.alphabet": 5, "eval.lengths": [5, 10, 20]})
        lengen.train(task=MyTask(symbols=5), pe=MyEncoding, positions=functools.partial(MyPositions, maximum=64))

    Args:
        *words: overrides as on the command line.
        config_dir: folders of one's own YAML, as `--config-dir`.
        **options: a group (`task`, `pe`, …) with the name of an option, or with an object or a class of one's own; any
            other option with its value, under its dotted name or in a dictionary. Encodings and attention rules are
            given as classes, since the decoder makes them of its own shape; `functools.partial` gives them options.

    Returns:
        The run. Its `status` is `diverged` where the loss became no number.

    Raises:
        UsageError: an option that is not there, or options that do not go together.
    """
    with call("lengen.train", words, options):
        request = asked(TRAIN, words, options, config_dir)
        outcome = run_configuration(request.config, request.builder)
    return Run(outcome.folder, request.given, request.allowed)

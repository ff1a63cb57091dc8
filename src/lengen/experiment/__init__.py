"""One run: its configuration, the checks before training, and the steps from training to files."""

from typing import TYPE_CHECKING

from lengen.config.aliases import moved_from

if not TYPE_CHECKING:
    __getattr__ = moved_from(__name__)

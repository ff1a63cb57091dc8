"""What may be said of shares of right answers, and of seeds; knows nothing of runs."""

from typing import TYPE_CHECKING

from lengen.config.aliases import moved_from

if not TYPE_CHECKING:
    __getattr__ = moved_from(__name__)

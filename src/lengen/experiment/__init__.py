"""One run: what it is, what is refused, how it flows."""

from typing import TYPE_CHECKING

from lengen.config.aliases import moved_from

if not TYPE_CHECKING:
    __getattr__ = moved_from(__name__)

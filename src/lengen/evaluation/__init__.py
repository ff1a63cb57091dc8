"""Trained decoders on examples of every length."""

from typing import TYPE_CHECKING

from lengen.config.aliases import moved_from

if not TYPE_CHECKING:
    __getattr__ = moved_from(__name__)

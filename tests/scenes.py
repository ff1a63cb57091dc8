"""A block's view of a pass, made up for tests."""

from lengen.testing.made_up import inputs
from lengen.testing.made_up import streamed as several

__all__ = ["inputs", "several"]

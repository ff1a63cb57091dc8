"""lengen: train a small decoder on short problems, and ask whether it still works at lengths it has never seen."""

from lengen.config.aliases import install

__version__ = "0.1.0"

install()

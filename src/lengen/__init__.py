"""lengen: train a small decoder on short problems, and ask whether it still works at lengths it has never seen."""

__version__ = "0.1.0"

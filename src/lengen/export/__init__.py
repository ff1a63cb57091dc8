"""Data sets for other programs."""

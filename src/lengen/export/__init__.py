"""Export of tasks as data sets for other programs."""

"""The files of a run. Each is written atomically."""

"""lengen from Python: the same runs, folders and refusals as on the command line."""

"""Scratchpads, one per module; tasks select them with `task.scratchpad`."""

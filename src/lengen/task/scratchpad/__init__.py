"""Work that is written down before an answer, one way of writing a module; tasks choose with `task.scratchpad`."""

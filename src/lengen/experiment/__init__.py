"""One run: what it is, what is refused, how it flows."""

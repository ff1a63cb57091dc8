"""Training at short lengths."""

"""Weights & Biases beyond single runs: log comparisons, set up workspaces, and read runs back."""

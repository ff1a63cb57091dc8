"""Weights & Biases: sessions that never prompt and never stop what they look at, studies on a board, runs read back."""

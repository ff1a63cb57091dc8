"""Trained decoders on examples of every length."""

"""Tests of the attention rules."""

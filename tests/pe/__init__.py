"""Tests of the positional encodings."""

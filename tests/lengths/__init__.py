"""Tests of the length distributions."""

"""Tests of the tasks: the contract over every YAML, and for each task a slow solver of its own."""

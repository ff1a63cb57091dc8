"""Data that others made, as a task."""

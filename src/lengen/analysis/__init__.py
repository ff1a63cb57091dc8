"""Commands over trained runs: evaluate again, look into attention, compare."""

"""Analysis of trained runs: evaluate them again, inspect their attention, compare them."""

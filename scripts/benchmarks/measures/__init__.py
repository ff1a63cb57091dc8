"""The measures, each a module called by its name; their contract is that of `benchmarks`."""

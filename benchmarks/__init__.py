"""How fast the house is, beside others that do the same work: `bin/benchmark`, explained in benchmarks/README.md."""

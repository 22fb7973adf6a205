"""Benchmarks: one file per claim, the peers measured in the same run."""

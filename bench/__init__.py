"""Benchmarks as commands (`make bench`), never timed tests."""

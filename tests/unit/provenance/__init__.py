"""Tests of the pure room of records."""

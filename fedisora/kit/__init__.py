"""Tools for people who write vocabularies: a new package, its checks, and a pytest plugin."""

"""Fedisora: a federated video server in which everybody can tell human from machine."""
from __future__ import annotations

__version__ = "0.1.0.dev0"

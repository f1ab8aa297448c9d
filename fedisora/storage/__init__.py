"""Media files on a local disk or in an object store, through one API."""
from __future__ import annotations

from .store import LocalStore, ObjectStore, Store, open_store

__all__ = ["LocalStore", "ObjectStore", "Store", "open_store"]

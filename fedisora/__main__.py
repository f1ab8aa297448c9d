"""`python -m fedisora` is the `fedisora` command."""
from __future__ import annotations

from .cli import main

main()

"""`python -m fedisora` is the `fedisora` command."""
from __future__ import annotations

from .cli_serve import main

main()

"""What other software sends: every such activity has an outcome, or is refused with a reason."""
from __future__ import annotations

import contextlib
import json
from pathlib import Path

from fedisora.activities import HANDLERS
from fedisora.activitypub.parse import type_of
from fedisora.errors import Refused

from .conftest import REM, Town

KINDS = ("Add", "Block", "EmojiReact", "Flag", "Like", "Move", "Remove", "Undo", "View")


def test_payloads_of_other_software(town: Town, shared: Path) -> None:
    seen = set()
    for file in sorted((shared / "fixtures" / "activitypub").rglob("*.json")):
        document = json.loads(file.read_text())
        if type_of(document) not in KINDS:
            continue
        seen.add(type_of(document))
        activity = {**document, "actor": REM, "id": f"{REM}#{file.stem}"}
        assert all(isinstance(uri, str) for uri in HANDLERS[type_of(activity)].needs(activity))
        with contextlib.suppress(Refused):
            assert town.receive(activity)
    assert {"Add", "Block", "Flag", "Like", "Move", "Undo"} <= seen

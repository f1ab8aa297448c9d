"""What one core does a second, in the rooms' own functions. Rates are noisy; compare ratios within a run."""
from __future__ import annotations

import datetime as dt
import json
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fedisora.activitypub import integrity_proofs, keys, markup, parse, signatures

NOW = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
SECONDS = 1.0


def rate(function: Callable[[], object]) -> tuple[float, float]:
    """(calls a second, CPU-ms a call) over about a second."""
    function()
    calls, wall, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < SECONDS:
        function()
        calls += 1
    return calls / (time.perf_counter() - wall), (time.process_time() - cpu) * 1000 / calls


def main() -> None:
    """Print the table."""
    rsa, ed = keys.generate_rsa(), keys.generate_ed25519()
    actor = "https://a.example/users/alice"
    note = {"@context": "https://www.w3.org/ns/activitystreams", "id": f"{actor}/statuses/1", "type": "Note",
            "attributedTo": actor, "content": "<p>" + "lorem ipsum dolor sit amet " * 12 + "</p>", "tag": []}
    create = {"@context": "https://www.w3.org/ns/activitystreams", "id": f"{actor}/statuses/1/activity", "type": "Create",
              "actor": actor, "object": note}
    body = json.dumps(create).encode()
    url = "https://b.example/inbox"
    rows: dict[str, Callable[[], object]] = {"parse a Create": lambda: parse.parse_document(body),
                                             "sanitise its content": lambda: markup.sanitize(str(note["content"]))}
    for scheme in ("cavage", "rfc9421"):
        headers = signatures.sign_request(scheme, "POST", url, body, f"{actor}#main-key", rsa, NOW)
        request = signatures.Request("POST", url, {name.lower(): value for name, value in headers.items()}, body)
        info = signatures.read_signature(request)
        rows[f"sign a POST, {scheme}"] = lambda s=scheme: signatures.sign_request(  # type: ignore[misc]
            s, "POST", url, body, f"{actor}#main-key", rsa, NOW)
        rows[f"verify a POST, {scheme}"] = lambda r=request, i=info: signatures.verify_request(  # type: ignore[misc]
            r, i, rsa.public_key(), NOW)
    signed = integrity_proofs.sign_document(create, ed, f"{actor}#ed25519", NOW)
    rows["sign a document (FEP-8b32)"] = lambda: integrity_proofs.sign_document(create, ed, f"{actor}#ed25519", NOW)
    rows["verify a document (FEP-8b32)"] = lambda: integrity_proofs.verify_document(signed, ed.public_key())
    table = Table("operation", "per second", "CPU ms")
    for name, function in rows.items():
        per_second, cost = rate(function)
        table.add_row(name, f"{per_second:,.0f}", f"{cost:.3f}")
    with tempfile.TemporaryDirectory() as folder:
        table.add_row("store inbox rows, 100 a commit", *inbox_rows(Path(folder)))
    Console().print(table)


def inbox_rows(folder: Path) -> tuple[str, str]:
    """Rows a second into SQLite in groups of 100, as the inbox's group commit does."""
    from fedisora.db import Database, Instance, UnitOfWork
    from fedisora.models import Base, InboxMessage
    from fedisora.settings import load_settings
    from fedisora.uris import Uris
    from fedisora.vault import Vault

    settings = load_settings(folder)
    db = Database(Instance(settings, Uris(settings.base_url), Vault(secrets.token_bytes(32))))
    Base.metadata.create_all(db.engine)

    def group(uow: UnitOfWork) -> None:
        uow.session.execute(InboxMessage.__table__.insert(), [  # type: ignore[attr-defined]
            {"id": uow.new_id(), "activity_uri": secrets.token_hex(16), "actor_uri": "https://a.example/users/a",
             "key_id": "https://a.example/users/a#main-key", "type": "Create", "body": b"x" * 1500, "state": "pending",
             "received_at": uow.now, "run_at": uow.now, "attempt": 0} for _ in range(100)])

    per_second, cost = rate(lambda: db.write_now(group))
    db.close()
    return f"{per_second * 100:,.0f}", f"{cost / 100:.3f}"


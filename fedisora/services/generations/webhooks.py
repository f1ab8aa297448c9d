"""What an application is told about its videos, in the form of Standard Webhooks 1.0 (standardwebhooks.com)."""
from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import secrets
from typing import Any
from urllib.parse import urlsplit

import orjson

from ...errors import Invalid
from ...models import Generation

PREFIX = "whsec_"
MAX_URL = 2048


def check_url(url: str) -> None:
    """Raises Invalid for what is no web address. Whether it may be reached is asked by the egress client."""
    parts = urlsplit(url)
    if len(url) > MAX_URL or parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise Invalid("The webhook's address begins with https:// and has no user name in it.", code="webhook-url")


def new_secret() -> bytes:
    """A key of 24 random bytes."""
    return secrets.token_bytes(24)


def shown(secret: bytes) -> str:
    """A key as people keep it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secret).decode()


def body(row: Generation, state: str, at: str, *, media_url: str | None, status_url: str | None) -> bytes:
    """The JSON that is sent. `state` and `at` (RFC 3339) are of the moment it happened, whenever it arrives."""
    data: dict[str, Any] = {
        "id": str(row.id), "state": state, "batch_id": str(row.batch_id) if row.batch_id is not None else None,
        "code": row.code if row.state == state else None, "error": row.error if row.state == state else None,
        "media_url": media_url, "status_url": status_url}
    return orjson.dumps({"type": f"generation.{state}", "timestamp": at, "data": data})


def headers(secret: bytes, event: str, at: dt.datetime, content: bytes) -> dict[str, str]:
    """The headers that identify and sign a message: HMAC-SHA256 over `id.timestamp.body`, base64, scheme `v1`."""
    moment = str(int(at.timestamp()))
    signed = b".".join((event.encode(), moment.encode(), content))
    digest = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    return {"Content-Type": "application/json", "webhook-id": event, "webhook-timestamp": moment,
            "webhook-signature": f"v1,{digest}"}

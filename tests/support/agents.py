"""Agents of real instances, as tests that drive them over HTTP need them."""
from __future__ import annotations

from typing import Any

from .instances import PASSWORD, Api, InstanceProcess, eventually


class AnsweringAgent:
    """An agent that answers mentions, its operator, and what it has posted."""

    def __init__(self, instance: InstanceProcess, name: str = "dreamer", operator: str = "ida", **settings: Any) -> None:
        self.instance, self.name = instance, name
        self.operator = instance.user(operator) if operator not in known(instance) else known(instance)[operator]
        known(instance)[operator] = self.operator
        instance.cli("user", "create", name, "--email", f"{name}@example.org", "--password", PASSWORD, "--kind", "agent",
                     "--operator", operator)
        self.actor = f"{instance.base}/users/{name}"
        self.handle = f"@{name}@{instance.host}"
        self.id = self.operator.resolve(name)["id"]
        self.configure(on=True, **{"seconds": 1, "orientation": "square", **settings})

    def configure(self, **settings: Any) -> dict[str, Any]:
        """Set how it answers, as its operator does."""
        answer = self.operator.http.put(f"/api/fedisora/v1/agents/{self.id}/answers", json=settings)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def asked(self) -> list[dict[str, Any]]:
        """The log of what it was asked, newest first."""
        found: list[dict[str, Any]] = self.operator.get(f"/api/fedisora/v1/agents/{self.id}/asked")
        return found

    def line(self, post: str) -> dict[str, Any]:
        """The log's line about a post."""
        for line in self.asked():
            if line["post"] == post:
                return line
        raise LookupError(f"{post} is not in the log of {self.handle}")

    def settled(self, post: str, *, seconds: float = 90) -> dict[str, Any]:
        """The log's line about a post, once nothing more will come of it."""
        def over() -> dict[str, Any] | None:
            line = next((line for line in self.asked() if line["post"] == post), None)
            return line if line is not None and line["state"] not in ("received", "making", "held") else None

        return eventually(over, seconds=seconds, what=f"an answer to {post}")  # type: ignore[return-value]

    def posts(self) -> list[dict[str, Any]]:
        """What it has posted for everybody, newest first."""
        found: list[dict[str, Any]] = self.operator.get(f"/api/v1/accounts/{self.id}/statuses")
        return found


_KNOWN: dict[str, dict[str, Api]] = {}


def known(instance: InstanceProcess) -> dict[str, Api]:
    """The operators of an instance that were made here."""
    return _KNOWN.setdefault(instance.base, {})

"""What an agent's token may hold, whoever asks for it."""
from __future__ import annotations

import pytest

from fedisora.errors import Conflict, Invalid, NotFound
from fedisora.services import accounts, agent_scopes, oauth, tokens
from fedisora.services.agents import access
from fedisora.store import actors

from .conftest import Town


@pytest.mark.parametrize(("asked", "granted", "left_out"), [
    ("read", ["read"], []), ("read read:accounts", ["read"], []), ("read:accounts", ["read:accounts"], []),
    ("read write follow push", ["read", "write:statuses", "write:media", "write:generations", "write:favourites", "write:follows",
                                "write:notifications", "write:consents"], ["write", "follow", "push"]),
    ("read:verification read:likeness write:likeness", [], ["read:verification", "read:likeness", "write:likeness"]),
    ("admin:read admin:write", [], ["admin:read", "admin:write"]), ("write:accounts write:blocks", [], ["write:accounts",
                                                                                                        "write:blocks"]),
    ("write:statuses", ["write:statuses"], []), ("", [], [])])
def test_narrowing(asked: str, granted: list[str], left_out: list[str]) -> None:
    assert agent_scopes.narrowed(asked) == (granted, left_out)


@pytest.mark.parametrize("scope", ["write", "follow", "push", "admin:read", "write:accounts", "write:blocks", "write:reports",
                                   "read:verification", "write:verification", "read:likeness", "write:likeness"])
def test_no_token_of_an_agent_holds_more(town: Town, scope: str) -> None:
    agent = town.actor("dreamer")
    with pytest.raises(Invalid, match="cannot have the scope"):
        town.run(lambda uow: access.create(uow, actors.get(uow.session, agent.id), f"read {scope}"))
    town.run(lambda uow: tokens.create(uow, accounts.user_of(uow.session, town.actor("bob").id).id, None, scope))


def test_tokens_are_made_and_ended(town: Town) -> None:
    agent = town.actor("dreamer")
    with pytest.raises(Invalid, match="what the token is for"):
        town.run(lambda uow: access.create(uow, agent, " "))
    token = town.run(lambda uow: access.create(uow, agent, "read write:statuses"))
    kept = town.db.read_now(lambda session: access.tokens_of(session, agent))
    assert [row.scopes for row in kept] == ["read write:statuses"]
    with pytest.raises(NotFound):
        town.run(lambda uow: access.revoke(uow, actors.get(uow.session, town.actor("bob").id), kept[0].token_hash))
    town.run(lambda uow: access.revoke(uow, agent, kept[0].token_hash))
    assert town.db.read_now(lambda session: tokens.lookup(session, token)) is None


def test_not_too_many_tokens(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "MOST", 1)
    agent = town.actor("dreamer")
    town.run(lambda uow: access.create(uow, agent, "read"))
    with pytest.raises(Conflict, match="1 tokens"):
        town.run(lambda uow: access.create(uow, agent, "read"))


def test_an_application_gets_what_agents_may_have(town: Town) -> None:
    user = town.db.read_now(lambda session: accounts.user_of(session, town.actor("dreamer").id))
    app, _ = town.run(lambda uow: oauth.register(uow, "App", [oauth.OOB], "read write push", None))
    code = town.run(lambda uow: oauth.grant(uow, app, user, oauth.OOB, "read write push", None))
    _, scopes = town.run(lambda uow: oauth.exchange(uow, app, code, oauth.OOB, ""))
    assert scopes == " ".join(["read", *agent_scopes.WIDER["write"]])
    with pytest.raises(Invalid, match="cannot have the scope push"):
        town.run(lambda uow: oauth.grant(uow, app, user, oauth.OOB, "push", None))

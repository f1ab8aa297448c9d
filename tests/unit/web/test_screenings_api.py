"""Held videos over the API: only moderators see and decide, only authors appeal, and the document says what comes."""
from __future__ import annotations

import asyncio
from typing import Any

from fedisora.generation import screening
from fedisora.generation.safety import Gates, Verdict
from fedisora.services import tokens
from tests.support.studio import Studio

from ..generation.test_gates import Made
from .test_openapi import BASE, Client, check

HOLD, DENY = Verdict("hold", "odd", "Somebody has to look.", {"words": ["x"]}), Verdict("deny", "bad", "Not here.")


def token(studio: Studio, name: str, scopes: str = "read write") -> dict[str, str]:
    user = studio.user(name).id
    return {"Authorization": f"Bearer {studio.run(lambda uow: tokens.create(uow, user, None, scopes))}"}


def screened(studio: Studio, verdict: Verdict) -> int:
    wanted = studio.ask("a prompt")
    house = studio.house
    asyncio.run(screening.screen(house.db, house.storage, Gates([Made(verdict)], house.db), wanted))
    return wanted


def test_moderators_see_and_decide(studio: Studio, client: Client) -> None:
    document = client.get(f"{BASE}/openapi.json").json()
    wanted, mod = screened(studio, HOLD), token(studio, "mod", "admin:read admin:write")
    (shown,) = check(document, "get", "/admin/screenings", client.get(f"{BASE}/admin/screenings", headers=mod))
    assert (shown["prompt"], shown["evidence"], shown["account"]["acct"]) == ("a prompt", {"words": ["x"]}, "ada")
    assert (shown["generation_id"], shown["generation_state"], shown["media"]) == (str(wanted), "held", None)
    path = f"{BASE}/admin/screenings/{shown['id']}/decide"

    def decide(headers: dict[str, str], **body: Any) -> Any:
        return check(document, "post", "/admin/screenings/{id}/decide", client.post(path, json=body, headers=headers))

    assert "allow or deny" in decide(mod, decision="perhaps")["error"]
    for who in (token(studio, "ada", "read write admin:read admin:write"), token(studio, "mod", "read write"), {}):
        assert "error" in decide(who, decision="allow")
        assert "error" in check(document, "get", "/admin/screenings", client.get(f"{BASE}/admin/screenings", headers=who))
    assert studio.get(wanted).state == "held"
    said = decide(mod, decision="allow", note="Fine.")
    assert (said["state"], said["note"], said["generation_state"]) == ("allowed", "Fine.", "queued")
    assert "does not wait" in decide(mod, decision="deny")["error"]
    assert client.get(f"{BASE}/admin/screenings", headers=mod).json() == []


def test_authors_appeal_and_learn_no_evidence(studio: Studio, client: Client) -> None:
    document = client.get(f"{BASE}/openapi.json").json()
    wanted = screened(studio, DENY)

    def appeal(who: str, text: str) -> Any:
        return check(document, "post", "/generations/{id}/appeal", client.post(
            f"{BASE}/generations/{wanted}/appeal", json={"text": text}, headers=token(studio, who) if who else {}))

    assert "error" in appeal("", "please") and "error" in appeal("bea", "please") and "error" in appeal("ada", " ")
    said = appeal("ada", "please")
    assert (said["state"], said["appeal"], said["reason"], "evidence" in said) == ("open", "please", "Not here.", False)
    assert "already" in appeal("ada", "please")["error"]

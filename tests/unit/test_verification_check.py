"""What `fedisora doctor` says of the ways to be verified: each finding names what to mend."""
from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.models import Actor
from fedisora.services import accounts
from fedisora.services.agents import transfers
from fedisora.verification_check import findings
from tests.support.enrolment import Office
from tests.support.instances import free_port
from tests.support.oidc_issuer import OidcIssuer

SOON = {"allow_private_network": ["127.0.0.0/8"]}


def bad(office: Office) -> dict[str, str]:
    """What is wrong, by its name."""
    return {what: text for fine, what, text in asyncio.run(findings(office.house)) if not fine}


def test_what_is_set_up_well_is_fine(tmp_path: Path) -> None:
    with OidcIssuer() as issuer:
        office = Office(tmp_path, verification="live-clip,oidc", **(SOON | {
            name: value for name, value in issuer.settings.items() if name.startswith("oidc_")}))
        office.person("mo", moderator=True)
        found = asyncio.run(findings(office.house))
    assert all(fine for fine, _, _ in found), found
    assert any(what == "identity provider" and "keys" in text for _, what, text in found)
    assert list(tmp_path.glob("private/*/*.sealed")) == []  # nothing stays of the trial


@pytest.mark.parametrize(("settings", "what", "says"), [
    ({"verification": "oidc"}, "identity provider", "FEDISORA_OIDC_CLIENT_ID"),
    ({"verification": "live-clip"}, "live clips", "fedisora user role"),
    ({"verification": "vouch"}, "vouching", "fedisora human verify"),
    ({"verification": "credential"}, "issuers of credentials", "fedisora verifier add"),
    ({"verification": "credential", "credential_issuers": "did:key:z6Mkno, https://fine.example/actor"},
     "issuers of credentials", "did:key:z6Mkno can issue nothing"),
])
def test_what_leads_nowhere_is_said(tmp_path: Path, settings: dict[str, Any], what: str, says: str) -> None:
    office = Office(tmp_path, **settings)
    office.person("ada")
    assert says in bad(office)[what]


def test_agents_that_act_by_an_exception_or_stand_still_are_named(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.person("ada")
    house = office.house
    for name in ("dreamer", "painter"):
        house.db.write_now(lambda uow, n=name: accounts.create(  # type: ignore[misc]
            uow, n, f"{n}@example.org", "a fine password", kind="agent", operator="ada"))
    house.db.write_now(lambda uow: transfers.set_exempt(uow, uow.session.scalars(
        select(Actor).where(Actor.username == "painter")).one(), False))
    found = [(fine, text) for fine, what, text in asyncio.run(findings(house)) if what == "agents"]
    assert all(fine for fine, _ in found) and len(found) == 2
    assert "@painter is not a verified human" in found[0][1] and "@dreamer (@ada)" in found[1][1]
    assert "fedisora agent exempt" in found[1][1] and "painter" not in found[1][1]


def test_an_identity_provider_that_does_not_answer_is_said(tmp_path: Path) -> None:
    office = Office(tmp_path, verification="oidc", oidc_issuer=f"http://127.0.0.1:{free_port()}", oidc_client_id="here", **SOON)
    assert "Check FEDISORA_OIDC_ISSUER" in bad(office)["identity provider"]


def test_a_private_storage_that_keeps_what_was_deleted_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(tmp_path)
    monkeypatch.setattr(office.house.private, "delete", lambda key: None)
    assert "keeps what was deleted" in bad(office)["private storage"]


def test_clips_past_their_time_are_said(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.person("mo", moderator=True)
    office.person("ada")
    office.handed_in("ada")
    now = office.house.db.clock()
    monday = now + dt.timedelta(hours=76)
    office.house.db.clock = lambda: monday
    assert "1 are past their time" in bad(office)["live clips"]

"""What becomes of agents when the credential of who answers for them comes and goes."""
from __future__ import annotations

import pytest
from sqlalchemy import select

from fedisora.errors import Forbidden, Invalid
from fedisora.models import Notification
from fedisora.services.verification import credentials
from fedisora.services.verification.methods import vouching
from fedisora.store import actors

from .conftest import Town


def test_an_agent_stands_still_from_the_moment_that_the_credential_ends(town: Town) -> None:
    ida = town.actor("ida")
    town.run(lambda uow: credentials.issue(uow, actors.get(uow.session, ida.id), "vouch"))
    town.run(lambda uow: credentials.revoke(uow, actors.get(uow.session, ida.id), "wrong", by=town.actor("root").id))
    assert "not a verified human" in town.may_act()
    assert town.profile("dreamer").paused_at is not None
    told = town.db.read_now(lambda session: session.scalars(select(Notification.type).where(
        Notification.actor_id == ida.id, Notification.type.startswith("agent."))).all())
    assert told == ["agent.paused"]
    town.run(lambda uow: credentials.issue(uow, actors.get(uow.session, ida.id), "vouch"))
    assert (town.may_act(), town.profile("dreamer").paused_at) == ("", None)


def test_an_agent_holds_no_credential(town: Town) -> None:
    with pytest.raises(Invalid, match="agent"):
        town.run(lambda uow: credentials.issue(uow, actors.get(uow.session, town.actor("dreamer").id), "vouch"))


def test_an_agent_vouches_for_nobody(town: Town) -> None:
    def vouch(name: str) -> None:
        town.run(lambda uow: vouching.give(uow, actors.get(uow.session, town.actor(name).id), town.actor("bob").id))

    with pytest.raises(Forbidden, match="Only verified humans"):
        vouch("dreamer")
    town.verify("dreamer")  # nor would it if something had gone wrong before
    with pytest.raises((Forbidden, Invalid)):
        vouch("dreamer")

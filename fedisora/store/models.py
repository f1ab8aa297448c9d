"""What an operator decided about models: accepted licences, and the commits that were fetched."""
from __future__ import annotations

import hashlib
import json

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import InstanceFact, ModelLicence

PREFIX = "model:"


def accepted(session: Session) -> dict[str, str]:
    """Model → address of the licence that was accepted for it."""
    return {row.model: row.licence_url for row in session.scalars(select(ModelLicence))}


def acceptance(session: Session, model: str) -> ModelLicence | None:
    """Who accepted a model's licence, and when."""
    return session.get(ModelLicence, model)


def accept(uow: UnitOfWork, model: str, licence: str, licence_url: str, by: str) -> ModelLicence:
    """Note that somebody accepted a licence. A second acceptance replaces the first: the licence may be another one now."""
    row = uow.session.merge(ModelLicence(model=model, licence=licence, licence_url=licence_url, accepted_by=by,
                                         accepted_at=uow.now))
    uow.session.flush()
    return row


def pinned(session: Session) -> dict[str, str]:
    """Name of a preset, or id of another repository → the commit (40 hexadecimal digits) that `fedisora model fetch` got last."""
    facts = session.scalars(select(InstanceFact).where(InstanceFact.name.startswith(PREFIX, autoescape=True)))
    return {str(value["model"]): str(value["revision"]) for value in (json.loads(fact.value) for fact in facts)}


def pin(uow: UnitOfWork, model: str, repository: str, revision: str) -> None:
    """From now on this commit of the model is used.

    Args:
        model: name of a preset, or the repository's id.
    """
    value = json.dumps({"model": model, "repository": repository, "revision": revision, "fetched_at": uow.now.isoformat()})
    name = f"{PREFIX}{model}"
    if len(name) > 64:  # the column's width
        name = PREFIX + hashlib.blake2b(model.encode(), digest_size=20).hexdigest()
    uow.session.merge(InstanceFact(name=name, value=value, sealed=None))
    uow.session.flush()

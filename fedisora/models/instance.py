"""Facts about this instance that must survive restarts: its domain, certificate authority, …"""
from __future__ import annotations

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class InstanceFact(Base):
    """One named fact: `base_url`, `ca_root`, `ca_intermediate` (PEM in `value`, sealed key in `sealed`), former ones as
    `ca_root_SERIAL` (their keys are gone), and what we know of other origins' signing keys as `trust:…` (store/trust.py)."""

    __tablename__ = "instance_facts"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)

"""The tables, one family per file. Import this package to have all of them on `Base.metadata`."""
from __future__ import annotations

from .accounts import LoginAttempt, OneTimeToken, User, WebSession
from .actors import Actor, ActorKey
from .base import Base
from .federation import Delivery, InboxMessage, OutboxActivity, RemoteHost, Tombstone
from .generations import Generation
from .instance import InstanceFact
from .jobs import Job
from .media import Media
from .notifications import Notification
from .oauth import AccessToken, AuthorizationCode, OAuthApp
from .relations import Block, Favourite, Follow
from .statuses import Mention, Status, StatusTag

__all__ = [
    "AccessToken", "Actor", "ActorKey", "AuthorizationCode", "Base", "Block", "Delivery", "Favourite", "Follow",
    "Generation", "InboxMessage", "InstanceFact", "Job", "LoginAttempt", "Media", "Mention", "Notification", "OAuthApp",
    "OneTimeToken", "OutboxActivity", "RemoteHost", "Status", "StatusTag", "Tombstone", "User", "WebSession",
]

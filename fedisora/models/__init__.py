"""The tables, one family per file. Import this package to have all of them on `Base.metadata`."""
from __future__ import annotations

from .accounts import LoginAttempt, OneTimeToken, User, WebSession
from .actors import Actor, ActorKey
from .base import Base
from .federation import Delivery, InboxMessage, OutboxActivity, Relay, RemoteHost, Tombstone
from .generations import Generation
from .instance import InstanceFact
from .jobs import Job
from .media import Media
from .moderation import DomainRule, Report
from .notifications import Notification
from .oauth import AccessToken, AuthorizationCode, OAuthApp
from .provenance import ClaimRow, ConsentRequest, ConsentStamp, ExtensionFault, Fingerprint, Lineage, RevokedCertificate
from .relations import Block, Favourite, Follow, Reaction
from .statuses import Mention, Poll, PollVote, QuoteAuthorization, Status, StatusTag

__all__ = [
    "AccessToken", "Actor", "ActorKey", "AuthorizationCode", "Base", "Block", "ClaimRow", "ConsentRequest", "ConsentStamp",
    "Delivery", "DomainRule", "ExtensionFault", "Favourite", "Fingerprint", "Follow", "Generation", "InboxMessage",
    "InstanceFact", "Job", "Lineage", "LoginAttempt", "Media", "Mention", "Notification", "OAuthApp", "OneTimeToken",
    "OutboxActivity", "Poll", "PollVote", "QuoteAuthorization", "Reaction", "Relay", "RemoteHost", "Report",
    "RevokedCertificate", "Status", "StatusTag", "Tombstone", "User", "WebSession",
]

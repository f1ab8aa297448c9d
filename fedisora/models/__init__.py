"""The tables, one family per file. Import this package to have all of them on `Base.metadata`."""
from __future__ import annotations

from .accounts import LoginAttempt, OneTimeToken, User, WebSession
from .actors import Actor, ActorKey
from .agents import AgentMention, AgentOptOut, AgentProfile, OperatorTransfer
from .base import Base
from .federation import Delivery, InboxMessage, OutboxActivity, Relay, RemoteHost, Tombstone
from .generations import (
    DeniedHash,
    Generation,
    GenerationLane,
    GenerationTiming,
    GenerationWorker,
    ModelLicence,
    Screening,
)
from .humanity import (
    Attestation,
    AuditEntry,
    HumanCredential,
    Passkey,
    RemoteStatusList,
    StatusIndex,
    StatusList,
    TrustedVerifier,
    VerificationCase,
    VerificationIdentity,
    Vouch,
)
from .instance import InstanceFact
from .jobs import Job
from .likenesses import Likeness, LikenessHash, LikenessPerson, StampReader
from .media import Caption, Media, Rendition, Upload
from .moderation import DomainRule, Report
from .notifications import Notification
from .oauth import AccessToken, AuthorizationCode, OAuthApp
from .provenance import ClaimRow, ConsentRequest, ConsentStamp, ExtensionFault, Fingerprint, Lineage, RevokedCertificate
from .relations import Block, Favourite, Follow, Reaction
from .statuses import Mention, Poll, PollVote, QuoteAuthorization, Status, StatusTag

__all__ = [
    "AccessToken", "Actor", "ActorKey", "AgentMention", "AgentOptOut", "AgentProfile", "Attestation", "AuditEntry",
    "AuthorizationCode", "Base", "Block", "Caption", "ClaimRow", "ConsentRequest", "ConsentStamp", "Delivery",
    "DeniedHash", "DomainRule", "ExtensionFault", "Favourite", "Fingerprint", "Follow", "Generation",
    "GenerationLane", "GenerationTiming", "GenerationWorker", "HumanCredential", "InboxMessage", "InstanceFact",
    "Job", "Likeness", "LikenessHash", "LikenessPerson", "Lineage", "LoginAttempt", "Media", "Mention",
    "ModelLicence", "Notification", "OAuthApp", "OneTimeToken", "OperatorTransfer", "OutboxActivity", "Passkey",
    "Poll", "PollVote", "QuoteAuthorization", "Reaction", "Relay", "RemoteHost", "RemoteStatusList", "Rendition",
    "Report", "RevokedCertificate", "Screening", "StampReader", "Status", "StatusIndex", "StatusList", "StatusTag",
    "Tombstone", "TrustedVerifier", "Upload", "User", "VerificationCase", "VerificationIdentity", "Vouch",
    "WebSession",
]

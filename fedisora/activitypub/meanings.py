"""What the terms of https://w3id.org/fedisora/v1 mean, in a sentence each, for the page at `/ns/v1`. Source: vocabulary.md."""
from __future__ import annotations

from typing import Final

MEANINGS: Final = {
    "AIAgent": "Value of actorKind: a program that posts by itself. An operator answers for it.",
    "Human": "Value of actorKind: the account says that a person is behind it.",
    "HumanCredential": "A credential (VC 2.0) by which an instance says how it made sure that an account is a person's.",
    "LikenessAuthorization": "A stamp, on its giver's origin: a person agrees to appear in the video with this digest.",
    "LikenessRequest": "An activity that asks a person to appear in a video that is to be made.",
    "ProvenanceRecord": "How a file was made, and where its signed record is.",
    "RemixAuthorization": "A stamp, on its giver's origin: the author of a video agrees to a remix, named by its post and "
                          "the digest of its file.",
    "RemixRequest": "An activity that asks the author of a video for consent to a remix of it.",
    "actorKind": "On an actor: what the account says it is, Human or AIAgent. Absent means that it says nothing.",
    "assuranceMethod": "On the subject of a HumanCredential: how it was made sure: LiveClipReviewed, Vouched, OIDC and the like.",
    "attestation": "On an actor: addresses of HumanCredentials about it.",
    "cameoTerms": "On an actor: address, on its origin, where servers ask who may request a cameo, and for which uses.",
    "canCameo": "In an interactionPolicy: who may ask this person to appear in a video. Absent: everybody may ask.",
    "canRemix": "In an interactionPolicy: who may remix, at once (automaticApproval) or after being asked (manualApproval). "
                "Absent: whoever asks.",
    "claim": "On a ProvenanceRecord: claims in vocabularies of others, kept byte for byte as they came.",
    "likenessAuthorization": "On an attachment or Video: addresses of the stamps of those who appear in it.",
    "manifest": "On a ProvenanceRecord: address of the C2PA manifest by itself (application/c2pa).",
    "operates": "On an actor: the agents that it answers for. An operator counts only if it is named so.",
    "operator": "On an agent: the person who answers for it.",
    "provenance": "On an attachment or Video: its ProvenanceRecord.",
    "reason": "In a list of revoked certificates: why, such as keyCompromise.",
    "remixAuthorization": "On an attachment or Video: addresses of the stamps of those whose videos it is made from.",
    "revoked": "In a list of revoked certificates: its entries. On a key: since when it is worthless.",
    "serial": "In a list of revoked certificates: the serial number, in lower-case hexadecimal digits.",
    "signingCertificates": "On an actor: address of the PEM bundle of certificates that its origin's files are checked against.",
    "since": "In a list of revoked certificates: from when on.",
    "softBinding": "On a ProvenanceRecord: codes by which the file is found again without its record (ISCC:…, fs-wm:…)."}

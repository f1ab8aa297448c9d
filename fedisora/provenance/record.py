"""The provenance record: how a file was made, by whom, as one value with its two wire forms.

Source: vocabulary.md §2 (assertion in the file, node on the attachment) and §6 (prompt rules, omitted empties).
"""
from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from .. import errors
from ..activitypub.digest import digest_multibase

LABEL: Final = "org.fedisora.provenance"
VERSION: Final = 1
LARGEST_INTEGER: Final = 2**53 - 1
TERMS: Final = (
    "ProvenanceRecord", "provenance", "manifest", "softBinding", "claim", "digestMultibase", "digitalSourceType")
"""Terms that a document with a record node may use; inline those that occur."""


def timestamp(moment: dt.datetime) -> str:
    """RFC 3339 in UTC with a Z, to the second. `moment` must be aware."""
    if moment.tzinfo is None:
        raise errors.FedisoraError(cause="a naive datetime reached the provenance record")
    return moment.astimezone(dt.UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def parse_time(text: object) -> dt.datetime | None:
    """An aware UTC datetime from RFC 3339, None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(dt.UTC) if moment.tzinfo else None


def prompt_commitment(nonce: bytes, prompt: str) -> str:
    """`zQm…` over 32 random bytes ‖ UTF-8 prompt: the author can open it later, nobody can guess it.

    Raises:
        FedisoraError: the nonce is not 32 bytes.
    """
    if len(nonce) != 32:
        raise errors.FedisoraError(cause=f"prompt nonce of {len(nonce)} bytes, not 32")
    return digest_multibase(hashlib.sha256(nonce + prompt.encode()).digest())


def opens(commitment: object, nonce: bytes, prompt: str) -> bool:
    """Whether a nonce and a prompt are what a commitment was made from."""
    return len(nonce) == 32 and commitment == prompt_commitment(nonce, prompt)


def plain(value: Any) -> Any:
    """JSON that JCS writes the same everywhere: floats and integers beyond 2^53 become strings."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_INTEGER else str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [plain(item) for item in value]
    raise errors.FedisoraError(cause=f"{type(value).__name__} cannot go into a provenance record")


def carried(claim: Any) -> Any:
    """A claim as it came. Only integers beyond 2^53, which JCS refuses and JSON readers disagree about, become strings."""
    if isinstance(claim, Mapping):
        return {name: carried(item) for name, item in claim.items()}
    if isinstance(claim, list | tuple):
        return [carried(item) for item in claim]
    return str(claim) if isinstance(claim, int) and abs(claim) > LARGEST_INTEGER else claim


def maker(kind: str | None, operator: str | None) -> dict[str, str]:
    """What kind of account makes a file and who answers for it, at the moment it comes to be: members of the assertion.

    Args:
        kind: `human`, `agent` or None, as in our rows.
    """
    found = {"actorKind": {"human": "fs:Human", "agent": "fs:AIAgent"}.get(kind or ""), "operator": operator}
    return {name: value for name, value in found.items() if value}


@dataclass(frozen=True)
class Generator:
    """The program and model that made a file.

    Attributes:
        name: the program ("diffusers", "procedural").
        model, revision, licence: what ran, exactly which, under what terms (URL or SPDX name).
        backend: where it ran ("cuda", "cpu").
        parameters: the EFFECTIVE parameters.
        seed: decimal text; seeds exceed 2^53.
        prompt, prompt_commitment: exactly one of the two is set.
    """

    name: str
    model: str
    revision: str
    licence: str
    backend: str
    parameters: dict[str, Any]
    seed: str
    prompt: str | None = None
    prompt_commitment: str | None = None

    def __post_init__(self) -> None:
        if (self.prompt is None) == (self.prompt_commitment is None):
            raise errors.FedisoraError(cause="a generated file has exactly one of prompt and promptCommitment")

    def to_json(self) -> dict[str, Any]:
        """The `generator` member of the assertion."""
        node: dict[str, Any] = {
            "name": self.name, "model": self.model, "revision": self.revision, "licence": self.licence,
            "backend": self.backend, "parameters": plain(self.parameters), "seed": self.seed,
        }
        if self.prompt is not None:
            node["prompt"] = self.prompt
        if self.prompt_commitment is not None:
            node["promptCommitment"] = self.prompt_commitment
        return node

    @classmethod
    def from_json(cls, node: Mapping[str, Any]) -> Generator:
        """The value of an assertion's `generator` member (ours: read from our own rows).

        Raises:
            Invalid: members are missing, of another type, or the prompt rule is broken.
        """
        texts = [node.get(key) for key in ("name", "model", "revision", "licence", "backend", "seed")]
        parameters, prompt, commitment = node.get("parameters", {}), node.get("prompt"), node.get("promptCommitment")
        if not all(isinstance(text, str) for text in texts) or not isinstance(parameters, dict):
            raise errors.Invalid("The generator of a provenance record is incomplete.")
        if (prompt is None) == (commitment is None) or not isinstance(prompt or commitment, str):
            raise errors.Invalid("A generated file has exactly one of prompt and promptCommitment.")
        name, model, revision, licence, backend, seed = (str(text) for text in texts)
        return cls(name, model, revision, licence, backend, dict(parameters), seed, prompt, commitment)


@dataclass(frozen=True)
class ProvenanceRecord:
    """How one file was made.

    Attributes:
        object_id, actor, record_url, manifest_url: minted before signing.
        actor_kind: `fs:Human`, `fs:AIAgent` or None, AS OF CREATION.
        operator: actor id of the accountable human of an agent, as of creation.
        provider: origin of the instance.
        created: aware datetime.
        digital_source_type: IPTC URI, None = undeclared.
        claims: extension claims, kept as they came.
        ingredients: ids of the parent objects of a remix.
        soft_binding: `ISCC:…`, `fs-wm:…`.
        edits: C2PA actions that followed the first one, in order: [{"action", "when"?, "softwareAgent"?, "parameters"?}].
        digest_multibase, size: of the served bytes; unknown (None) until they are signed.
        remix_authorizations, likeness_authorizations: ids of the stamps that give consent; they come last of all.
    """

    object_id: str
    actor: str
    actor_kind: str | None
    operator: str | None
    record_url: str
    manifest_url: str
    provider: str
    created: dt.datetime
    digital_source_type: str | None
    generator: Generator | None = None
    claims: Sequence[Mapping[str, Any]] = ()
    ingredients: Sequence[str] = ()
    soft_binding: Sequence[str] = field(default=())
    edits: Sequence[Mapping[str, Any]] = ()
    digest_multibase: str | None = None
    size: int | None = None
    remix_authorizations: Sequence[str] = ()
    likeness_authorizations: Sequence[str] = ()

    def having(self, **members: Any) -> ProvenanceRecord:
        """The same record with other members."""
        return replace(self, **members)

    def to_assertion(self) -> dict[str, Any]:
        """The `org.fedisora.provenance` assertion (vocabulary §2): no digest of the file, no stamps."""
        node: dict[str, Any] = {"version": VERSION, "object": self.object_id, "actor": self.actor}
        if self.actor_kind:
            node["actorKind"] = self.actor_kind
        if self.operator:
            node["operator"] = self.operator
        node |= {"record": self.record_url, "provider": self.provider}
        if self.generator:
            node["generator"] = self.generator.to_json()
        node |= {"created": timestamp(self.created), "claims": [carried(claim) for claim in self.claims]}
        if self.soft_binding:
            node["softBinding"] = list(self.soft_binding)
        return node

    def to_attachment_node(self) -> dict[str, Any]:
        """The ProvenanceRecord inline on a media attachment; served alone it gets `@context` and a proof."""
        node: dict[str, Any] = {"type": "ProvenanceRecord", "id": self.record_url, "manifest": self.manifest_url}
        if self.digest_multibase:
            node["digestMultibase"] = self.digest_multibase
        if self.soft_binding:
            node["softBinding"] = list(self.soft_binding)
        if self.digital_source_type:
            node["digitalSourceType"] = self.digital_source_type
        if self.claims:
            node["claim"] = [carried(claim) for claim in self.claims]
        return node

    def to_attachment(self) -> dict[str, Any]:
        """What a media attachment (or Video object) says by the record: the node, and its neighbours beside it."""
        node: dict[str, Any] = {}
        for name, values in (("isBasedOn", self.ingredients), ("remixAuthorization", self.remix_authorizations),
                             ("likenessAuthorization", self.likeness_authorizations)):
            if values:
                node[name] = list(values)
        return node | {"provenance": self.to_attachment_node()}

    @classmethod
    def from_assertion(cls, assertion: Mapping[str, Any], manifest_url: str) -> ProvenanceRecord:
        """The record of one of our own files, from the assertion that was signed into it (`Media.record`).

        Raises:
            KeyError, Invalid, FedisoraError: it is not one that `to_assertion` wrote.
        """
        generator = assertion.get("generator")
        return cls(
            object_id=assertion["object"], actor=assertion["actor"], actor_kind=assertion.get("actorKind"),
            operator=assertion.get("operator"), record_url=assertion["record"], manifest_url=manifest_url,
            provider=assertion["provider"], created=_when(assertion["created"]), digital_source_type=None,
            generator=Generator.from_json(generator) if generator else None, claims=tuple(assertion.get("claims", ())),
            soft_binding=tuple(assertion.get("softBinding", ())))


def _when(text: object) -> dt.datetime:
    found = parse_time(text)
    if found is None:
        raise errors.FedisoraError(cause=f"{text!r} is no time of a provenance record")
    return found


@dataclass(frozen=True)
class FederatedRecord:
    """What another server's attachment says about its file. None = not said."""

    id: str
    manifest: str | None
    digest_multibase: str | None
    digital_source_type: str | None
    soft_binding: tuple[str, ...]
    claims: tuple[dict[str, Any], ...]
    size: int | None
    based_on: tuple[str, ...]
    remix_authorizations: tuple[str, ...]
    likeness_authorizations: tuple[str, ...]


def texts(value: object, most: int = 32) -> tuple[str, ...]:
    """Strings of a value that may be one or an array; AS2 objects stand for their id."""
    items = value if isinstance(value, list) else [value]
    found = [item.get("id") if isinstance(item, dict) else item for item in items[:most]]
    return tuple(item for item in found if isinstance(item, str) and item)


def _text(value: object) -> str | None:
    found = texts(value, most=1)
    return found[0] if found else None


def from_attachment(attachment: Mapping[str, Any]) -> FederatedRecord | None:
    """Read `provenance` and its neighbours from a received media attachment (or Video object).

    Wrong types are treated as absent: unknown or odd vocabulary is never an error (vocabulary §6).

    Returns:
        None when the attachment carries no ProvenanceRecord node with an id.
    """
    node = attachment.get("provenance")
    node = node[0] if isinstance(node, list) and node else node
    if isinstance(node, str):
        node = {"id": node}
    if not isinstance(node, Mapping) or not isinstance(node.get("id"), str):
        return None
    claims = node.get("claim")
    claims = claims if isinstance(claims, list) else [claims]
    size = attachment.get("size")
    return FederatedRecord(
        id=node["id"],
        manifest=_text(node.get("manifest")),
        digest_multibase=_text(node.get("digestMultibase")) or _text(attachment.get("digestMultibase")),
        digital_source_type=_text(node.get("digitalSourceType")) or _text(attachment.get("digitalSourceType")),
        soft_binding=texts(node.get("softBinding")),
        claims=tuple(claim for claim in claims[:32] if isinstance(claim, dict)),
        size=size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None,
        based_on=texts(attachment.get("isBasedOn")),
        remix_authorizations=texts(attachment.get("remixAuthorization")),
        likeness_authorizations=texts(attachment.get("likenessAuthorization")),
    )

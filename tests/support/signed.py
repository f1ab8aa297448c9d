"""Small signed files and the instances that sign them, with every way to get one wrong."""
from __future__ import annotations

import datetime as dt
import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from PIL import Image

from fedisora.activitypub.digest import digest_multibase
from fedisora.media.c2pa import read_request, sign_request
from fedisora.media.digest import file_digest
from fedisora.provenance import certificates, manifest
from fedisora.provenance.digital_source import ALGORITHMIC
from fedisora.provenance.record import LABEL, Generator, ProvenanceRecord
from fedisora.provenance.verdict import ObjectFacts, decide
from tests.support.pictures import clip, png

NOW = dt.datetime.now(dt.UTC)
GENERATOR = Generator.from_json({
    "name": "Fedisora procedural", "model": "procedural", "backend": "procedural", "revision": "1",
    "licence": "AGPL-3.0-or-later", "parameters": {}, "seed": "7", "prompt": "a lake"})
MIMES = {".mp4": "video/mp4", ".png": "image/png", ".webp": "image/webp", ".jpg": "image/jpeg"}


@dataclass(frozen=True)
class Leaf:
    """A certificate that signs: key and chain as PEM."""

    key: str
    chain: str

    @property
    def serial(self) -> str:
        return certificates.serial_hex(certificates.load_certificates(self.chain)[0])


class Issuer:
    """An instance: its certificate authority and what its accounts sign."""

    def __init__(self, host: str, since: dt.datetime = NOW, *, scheme: str = "https") -> None:
        self.host, self.origin, self.since = host, f"{scheme}://{host}", since
        self.root = certificates.create_root(host, since)
        self.middle = certificates.create_intermediate(host, self.root, since)
        self.anchors = certificates.bundle(self.middle[1], self.root[1])

    def leaf(self, name: str, since: dt.datetime | None = None) -> Leaf:
        """A new leaf of an account."""
        key, leaf = certificates.create_leaf(f"@{name}@{self.host}", self.host, self.middle, since or self.since)
        return Leaf(certificates.key_pem(key), certificates.bundle(leaf, self.middle[1]))

    def record(self, name: str = "ada", number: int = 1, **changes: Any) -> ProvenanceRecord:
        """The record of a generated file of an account."""
        home = self.origin
        values: dict[str, Any] = {
            "object_id": f"{home}/users/{name}/statuses/{number}", "actor": f"{home}/users/{name}", "actor_kind": "fs:Human",
            "operator": None, "record_url": f"{home}/records/{number}", "manifest_url": f"{home}/media/{number}.c2pa",
            "provider": home, "created": NOW, "digital_source_type": ALGORITHMIC, "generator": GENERATOR}
        return ProvenanceRecord(**{**values, **changes})

    def facts(self, path: Path, name: str = "ada", number: int = 1, **changes: Any) -> ObjectFacts:
        """What the post of that file says."""
        record = self.record(name, number)
        values: dict[str, Any] = {
            "object_id": record.object_id, "actor": record.actor, "digest_multibase": digest_of(path),
            "digital_source_type": ALGORITHMIC, "record_url": record.record_url, "handle": f"@{name}@{self.host}",
            "proof": "valid"}
        return ObjectFacts(**{**values, **changes})


def sign(source: Path, target: Path, leaf: Leaf, record: ProvenanceRecord, parents: Sequence[Path] = (), *,
         foreign: bool = False) -> Path:
    """A signed copy of a file, its sidecar beside it; `foreign`: as by a camera, without our record in it."""
    mime = MIMES[target.suffix]
    items = [manifest.Ingredient(path=str(path), mime=MIMES[path.suffix], title=path.stem) for path in parents]
    definition = manifest.build(record, ingredients=items, title="A lake")
    if foreign:
        definition["assertions"] = [item for item in definition["assertions"] if item["label"] != LABEL]
    sign_request({"path": str(source), "output": str(target), "sidecar": str(target) + ".c2pa", "mime": mime,
                  "manifest": definition,
                  "ingredients": [vars(item) for item in items], "key": leaf.key, "chain": leaf.chain}, lambda _: None)
    return target


def digest_of(path: Path) -> str:
    """`digestMultibase` of a file."""
    return digest_multibase(file_digest(path)[0])


def weigh(path: Path, anchors: dict[str, str], facts: ObjectFacts | None = None, *, claimed: str | None = None,
          **more: Any) -> dict[str, Any]:
    """The verdict object on a file."""
    request: dict[str, Any] = {"path": str(path), "anchors": anchors}
    if "sidecar" in more:
        request["sidecar"] = str(more.pop("sidecar"))
    reading = read_request(request, lambda _: None)
    return decide(reading, claimed_origin=claimed, object_facts=facts, digest=digest_of(path), now=NOW,
                  **{"revoked_serials": [], **more}).to_json()


def sources(folder: Path) -> dict[str, Path]:
    """Unsigned small files by suffix; the video has a `free` box."""
    video = clip(folder / "source.mp4", width=64, height=48, frames=6)
    data = video.read_bytes()
    video.write_bytes(data + struct.pack(">I4s", 40, b"free") + bytes(32))
    picture = Image.open(io.BytesIO(png(48, 32)))
    found = {".mp4": video}
    for suffix, name in ((".png", "PNG"), (".webp", "WEBP"), (".jpg", "JPEG")):
        found[suffix] = folder / f"source{suffix}"
        picture.save(found[suffix], name)
    return found


def fragmented(source: Path, target: Path) -> Path:
    """An MP4 in fragments (moof, mdat, …, mfra), as longer videos are."""
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    with av.open(str(source)) as given, av.open(str(target), "w", options=options) as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    return target


@dataclass(frozen=True)
class Part:
    """A box, chunk or segment of a file: its name and where its content lies."""

    name: str
    start: int
    end: int


def boxes(data: bytes) -> Iterator[Part]:
    """Top-level boxes of an MP4 (ISO/IEC 14496-12)."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield Part(kind.decode("latin-1"), at + 8, at + size)
        at += size


def chunks(data: bytes) -> Iterator[Part]:
    """Chunks of a PNG."""
    at = 8
    while at + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield Part(kind.decode("latin-1"), at + 8, at + 8 + size)
        at += 12 + size


def riff(data: bytes) -> Iterator[Part]:
    """Chunks of a WebP."""
    at = 12
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        yield Part(kind.decode("latin-1"), at + 8, at + 8 + size)
        at += 8 + size + size % 2


def segments(data: bytes) -> Iterator[Part]:
    """Segments of a JPEG; the coded picture is `scan`."""
    at = 2
    while data[at] == 0xFF:
        marker, size = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        yield Part(f"{marker:02X}", at + 4, at + 2 + size)
        at += 2 + size
        if marker == 0xDA:
            yield Part("scan", at, len(data) - 2)
            return


PARTS = {".mp4": boxes, ".png": chunks, ".webp": riff, ".jpg": segments}


def flipped(data: bytes, at: int) -> bytes:
    """A copy with one changed bit."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]

"""Files signed by somebody else: an authority of its own, and c2pa-python's Reader as the outside judge."""
from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import c2pa

from fedisora.media.c2pa import sign_request
from fedisora.provenance import certificates, manifest
from fedisora.provenance.record import ProvenanceRecord
from fedisora.store.keys import pem


class Authority:
    """Another instance that signs videos of an Ada of its own."""

    def __init__(self, host: str = "elsewhere.example") -> None:
        now = dt.datetime.now(dt.UTC)
        root = certificates.create_root(host, now)
        middle = certificates.create_intermediate(host, root, now)
        key, leaf = certificates.create_leaf(f"@ada@{host}", host, middle, now)
        self.origin, self.key, self.chain = f"https://{host}", pem(key), certificates.bundle(leaf, middle[1])

    def sign(self, source: Path, target: Path, source_type: str | None, mime: str = "video/mp4") -> Path:
        """A copy of a file with a manifest that says how it was made."""
        record = ProvenanceRecord(
            object_id=f"{self.origin}/users/ada/statuses/1", actor=f"{self.origin}/users/ada", actor_kind="fs:Human",
            operator=None, record_url=f"{self.origin}/records/1", manifest_url=f"{self.origin}/media/1.c2pa",
            provider=self.origin, created=dt.datetime.now(dt.UTC), digital_source_type=source_type)
        sign_request({"path": str(source), "output": str(target), "sidecar": str(target.with_suffix(".c2pa")), "mime": mime,
                      "manifest": manifest.build(record), "ingredients": [], "key": self.key, "chain": self.chain}, print)
        return target


def judge(path: Path, anchors: str, mime: str = "video/mp4") -> dict[str, Any]:
    """What c2pa-python's Reader says with one anchor, not through our code: {"state", "manifest", "store"}."""
    context = c2pa.Context.from_dict({"version": 1, "trust": {"anchors": [
        {"trust_uri": "test", "trust_kind": "manifest", "trust_anchors": anchors, "trust_config": "1.3.6.1.5.5.7.3.4"}]}})
    with path.open("rb") as stream, c2pa.Reader(mime, stream, context=context) as reader:
        report = json.loads(reader.json())
    return {"state": report["validation_state"], "manifest": report["manifests"][report["active_manifest"]], "store": report}


def assertions(found: dict[str, Any]) -> dict[str, Any]:
    """Data of the active manifest's assertions by label; all of them must be attested."""
    assert all(item.get("created") for item in found["manifest"]["assertions"])
    return {item["label"]: item["data"] for item in found["manifest"]["assertions"]}


def actions(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The edit history."""
    listed: list[dict[str, Any]] = assertions(found)["c2pa.actions.v2"]["actions"]
    return listed

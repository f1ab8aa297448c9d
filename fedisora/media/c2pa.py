"""Content Credentials in the file, by libc2pa. Runs in children only: it is fed hostile bytes.

Source: C2PA 2.x; settings in `provenance.manifest.safe_settings`.
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import c2pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ..errors import FedisoraError, Invalid
from ..provenance.manifest import LIKENESS, ingredient_id, safe_settings
from .progress import Progress
from .sidecar import same_manifest
from .sniff import sniff_file


def sign_request(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Sign a file with Ed25519; the manifest is written into the copy and beside it.

    Args:
        request: {"path", "output", "sidecar": files, "mime", "manifest": definition by `provenance.manifest.build`,
            "ingredients": [{"path" ("": named without bytes), "mime", "title", "relationship", "object"?}], "key": PKCS#8 PEM,
            "chain": PEM, leaf first}.

    Returns:
        {"size": bytes of the manifest}

    Raises:
        Invalid: libc2pa will not; an ingredient with a broken record of its own is the usual reason.
    """
    key = load_pem_private_key(str(request["key"]).encode(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise FedisoraError(cause="the C2PA key is not Ed25519")
    path, mime, manifest = str(request["path"]), str(request["mime"]), request["manifest"]
    ingredients = list(request.get("ingredients") or ())
    opened = any(action.get("action") == "c2pa.opened" for assertion in manifest["assertions"]
                 for action in assertion.get("data", {}).get("actions", ()) if isinstance(action, dict))
    if opened and not ingredients:  # what was opened is the file as it came, whoever made it
        ingredients = [{"path": path, "mime": mime, "title": "upload", "relationship": "parentOf"}]
    named = [_definition(index, item) | {"description": LIKENESS} for index, item in enumerate(ingredients) if not item["path"]]
    if named:
        manifest = {**manifest, "ingredients": named}
    context = c2pa.Context.from_dict(safe_settings({}))
    try:
        with (c2pa.Signer.from_callback(key.sign, c2pa.C2paSigningAlg.ED25519, str(request["chain"]), None) as signer,
              c2pa.Builder(manifest, context) as builder):
            for index, item in enumerate(ingredients):
                if item["path"]:
                    with Path(item["path"]).open("rb") as stream:
                        builder.add_ingredient(json.dumps(_definition(index, item)), item["mime"], stream)
            with Path(path).open("rb") as source, Path(request["output"]).open("w+b") as output:
                store = builder.sign(signer, mime, source, output)
    except c2pa.C2paError as error:
        raise Invalid("This file could not be signed.", cause=error) from error
    Path(request["sidecar"]).write_bytes(store)
    return {"size": len(store)}


def _definition(index: int, item: dict[str, Any]) -> dict[str, Any]:
    found = {"title": item.get("title") or "parent", "label": ingredient_id(index),
             "relationship": item.get("relationship") or "parentOf"}
    return found | ({"informational_URI": item["object"]} if item.get("object") else {})


def read_request(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """What libc2pa says about a file.

    Args:
        request: {"path": file, "anchors": {origin or actor id: PEM of its CA certificates}, "sidecar": a linked manifest or
            None}.

    Returns:
        {"mime": str|None, "report": the report's JSON or None, "sidecar": whether the linked manifest is the one in the file
        (None: there is none to compare), "error": None or {"code", "detail"}}, where code is `unsigned` (no manifest),
        `damaged` (one that cannot be read) or `unreadable` (not a file that could carry one).
    """
    path = Path(request["path"])
    kind = sniff_file(path)
    if kind is None:
        return {"mime": None, "report": None, "error": {"code": "unreadable", "detail": "unknown first bytes"}}
    context = c2pa.Context.from_dict(safe_settings(request.get("anchors") or {}))
    try:
        with path.open("rb") as stream, c2pa.Reader(kind.mime, stream, context=context) as reader:
            report = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return {"mime": kind.mime, "report": None, "error": {"code": "unsigned", "detail": ""}}
    except c2pa.C2paError.NotSupported as error:
        return {"mime": kind.mime, "report": None, "error": {"code": "unsigned", "detail": str(error)[:200]}}
    except (c2pa.C2paError, ValueError) as error:
        # a file that only names a manifest elsewhere carries none; nothing is fetched on the word of a file
        code, detail = ("unsigned", "remote") if str(error).startswith("Remote") else ("damaged", str(error)[:200])
        return {"mime": kind.mime, "report": None, "error": {"code": code, "detail": detail}}
    linked = request.get("sidecar")
    same = same_manifest(path, kind.mime, Path(linked)) if linked else None
    return {"mime": kind.mime, "report": report, "sidecar": same, "error": None}


def selftest(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Whether the media libraries load here and can encode; for `fedisora doctor`.

    Returns:
        {"av", "c2pa": versions, "h264", "aac": bool}
    """
    import av

    return {"av": av.__version__, "c2pa": c2pa.sdk_version(), "h264": "libx264" in av.codecs_available,
            "aac": "aac" in av.codecs_available}

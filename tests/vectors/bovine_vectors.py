"""Makes bovine.json: what bovine 0.5.19, another ActivityPub library, says of our signatures, and what it signs itself.

bovine wants an older `cryptography` than we use, so it cannot be installed beside us. Run this with an environment of its own:

    python -m venv /tmp/bovine && /tmp/bovine/bin/pip install bovine==0.5.19
    python tests/vectors/bovine_vectors.py ours > /tmp/ours.json                      # our environment: sign
    /tmp/bovine/bin/python tests/vectors/bovine_vectors.py theirs /tmp/ours.json      # bovine's: verify, sign, write bovine.json
"""
from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

KEY_ID = "https://here.example/users/ann#main-key"
PROOF_KEY = "https://here.example/users/ann#ed25519-key"
URL = "https://remote.example/users/bob/inbox"
BODY = '{"type": "Follow", "content": "größer"}'
DOCUMENT = {"@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v2"],
            "id": "https://here.example/1", "type": "Create", "actor": "https://here.example/users/ann",
            "object": {"type": "Note", "content": "größer \U0001f600", "number": 1.5, "z": None, "a": [1, 2]}}


def ours() -> None:
    """Keys and what we sign with them."""
    from fedisora.activitypub.integrity_proofs import sign_document
    from fedisora.activitypub.keys import generate_ed25519, generate_rsa, private_der
    from fedisora.activitypub.signatures import sign_request

    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    rsa, ed = generate_rsa(), generate_ed25519()
    post = sign_request("cavage", "POST", URL, BODY.encode(), KEY_ID, rsa, now)
    get = sign_request("cavage", "GET", URL, None, KEY_ID, rsa, now)
    json.dump({"now": now.isoformat(), "rsa": base64.b64encode(private_der(rsa)).decode(),
               "ed25519": base64.b64encode(private_der(ed)).decode(), "post": post, "get": get,
               "document": sign_document(DOCUMENT, ed, PROOF_KEY, now)}, sys.stdout)


def theirs(path: str) -> None:
    """Verify what we signed, sign the same, write the vectors."""
    from bovine.crypto.helper import content_digest_sha256, jcs_sha256, split_according_to_fep8b32
    from bovine.crypto.http_signature import HttpSignature
    from bovine.crypto.signature_checker import SignatureChecker
    from bovine.crypto.types import CryptographicIdentifier, CryptographicSecret
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    given = json.loads(Path(path).read_text())
    rsa = load_der_private_key(base64.b64decode(given["rsa"]), None)
    ed = load_der_private_key(base64.b64decode(given["ed25519"]), None)
    owner = "https://here.example/users/ann"

    async def key(_: str) -> Any:
        return CryptographicIdentifier(controller=owner, public_key=rsa.public_key())

    async def body() -> bytes:
        return BODY.encode()

    checker = SignatureChecker(key)
    for method in ("post", "get"):
        headers = {name.lower(): value for name, value in given[method].items()}
        assert asyncio.run(checker.validate_signature(method, URL, headers, body)) == owner, method
        headers["date"] = headers["date"][:-6] + "01 GMT"
        assert asyncio.run(checker.validate_signature(method, URL, headers, body)) is None, method
    # Its pieces, not its verify_document: that hashes a proof's `@context` under the name of its own field (`field_context`).
    plain, _, proof_value = split_according_to_fep8b32(given["document"])
    options = {name: value for name, value in given["document"]["proof"].items() if name != "proofValue"}
    ed.public_key().verify(proof_value, jcs_sha256(options) + jcs_sha256(plain))
    digest = content_digest_sha256(BODY, "SHA-256")
    date = given["post"]["Date"]
    signature = HttpSignature().with_field("(request-target)", "post /users/bob/inbox").with_field(
        "host", "remote.example").with_field("date", date).with_field("digest", digest).with_field(
        "content-type", "application/activity+json").sign_for_http_draft(CryptographicSecret(KEY_ID, rsa))
    given["their_post"] = {"host": "remote.example", "date": date, "digest": digest,
                           "content-type": "application/activity+json", "signature": signature}
    given["their_document"] = CryptographicSecret(PROOF_KEY, ed).sign_document(DOCUMENT)
    given["verified_by"] = "bovine 0.5.19"
    given["note"] = "Test keys, made for this file. See bovine_vectors.py."
    Path(__file__).with_name("bovine.json").write_text(json.dumps(given, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    ours() if sys.argv[1] == "ours" else theirs(sys.argv[2])

"""A file may name addresses (a manifest elsewhere, an OCSP server): reading it asks none of them."""
from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from fedisora.media.process import run_media_sync
from fedisora.provenance import certificates
from fedisora.provenance.manifest import build, safe_settings
from tests.support.signed import MIMES, Issuer, Leaf, sign, sources, weigh

A = Issuer("a.example")


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """(address, what was asked of it) of a server on this machine."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(404)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", seen
    server.shutdown()
    server.server_close()


def test_a_manifest_elsewhere_is_not_fetched(asked: tuple[str, list[str]], tmp_path: Path) -> None:
    base, seen = asked
    leaf = A.leaf("ada")
    key = load_pem_private_key(leaf.key.encode(), None)
    assert isinstance(key, Ed25519PrivateKey)
    for suffix, source in sources(tmp_path).items():
        path = tmp_path / f"remote{suffix}"
        with (c2pa.Signer.from_callback(key.sign, c2pa.C2paSigningAlg.ED25519, leaf.chain, None) as signer,
              c2pa.Builder(build(A.record()), c2pa.Context.from_dict(safe_settings({}))) as builder,
              source.open("rb") as stream, path.open("w+b") as output):
            builder.set_no_embed()
            builder.set_remote_url(f"{base}/clip.c2pa")
            builder.sign(signer, MIMES[suffix], stream, output)
        found = weigh(path, {A.origin: A.anchors})
        assert found["verdict"] == "unsigned"
        assert "on another server" in found["checks"][0]["detail"]
        answer = run_media_sync("read", {"path": str(path), "anchors": {}}, timeout=60) if suffix == ".mp4" else {}
        assert (answer.get("error") or {}).get("detail", "remote") == "remote"
        assert seen == []
    with contextlib.suppress(c2pa.C2paError), path.open("rb") as stream:
        c2pa.Reader(MIMES[path.suffix], stream)  # the library by itself does ask: the file is what it should be
    assert seen == ["/clip.c2pa"]


def test_an_ocsp_server_is_not_asked(asked: tuple[str, list[str]], tmp_path: Path) -> None:
    base, seen = asked
    key = Ed25519PrivateKey.generate()
    _, plain = certificates.create_leaf("@ada@a.example", "a.example", A.middle, A.since, key)
    builder = (x509.CertificateBuilder().subject_name(plain.subject).issuer_name(plain.issuer).public_key(key.public_key())
               .serial_number(7).not_valid_before(plain.not_valid_before_utc).not_valid_after(plain.not_valid_after_utc)
               .add_extension(x509.AuthorityInformationAccess([x509.AccessDescription(
                   AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(f"{base}/ocsp"))]), critical=False)
               .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True))
    for kind in (x509.BasicConstraints, x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier, x509.KeyUsage):
        extension = plain.extensions.get_extension_for_class(kind)  # type: ignore[type-var]
        builder = builder.add_extension(extension.value, extension.critical)
    leaf = Leaf(certificates.key_pem(key), certificates.bundle(builder.sign(A.middle[0], None), A.middle[1]))
    path = sign(sources(tmp_path)[".png"], tmp_path / "signed.png", leaf, A.record())
    assert weigh(path, {A.origin: A.anchors})["verdict"] == "verified"
    assert seen == []
    settings = safe_settings({A.origin: A.anchors})
    settings["verify"], settings["core"] = {"ocsp_fetch": True}, {}
    with contextlib.suppress(c2pa.C2paError), path.open("rb") as stream:
        c2pa.Reader("image/png", stream, context=c2pa.Context.from_dict(settings))
    assert len(seen) == 1  # asked to, the library does

"""The instance's own C2PA certificate chain: root → intermediate → one leaf per actor. Ed25519 throughout.

Source: vocabulary.md §2 "Certificates"; C2PA 2.x §14.5 certificate profile (AKI, SKI, KeyUsage, EKU emailProtection).
There is no time stamping authority, so a file stops verifying when its leaf expires: leaves live ten years and are
revoked through `/.well-known/fedisora-revoked`.
"""
from __future__ import annotations

import datetime as dt
import warnings
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .. import errors

Issued = tuple[Ed25519PrivateKey, x509.Certificate]

ROOT_LIFE: Final = dt.timedelta(days=30 * 365)
INTERMEDIATE_LIFE: Final = dt.timedelta(days=20 * 365)
LEAF_LIFE: Final = dt.timedelta(days=3650)
_SKEW: Final = dt.timedelta(minutes=5)


def _name(common: str, organisation: str) -> x509.Name:
    with warnings.catch_warnings():
        # X.520 caps CN and O at 64 characters; long hosts exceed that, C2PA and OpenSSL's parsers do not mind.
        warnings.simplefilter("ignore")
        return x509.Name([
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation, _validate=False),
            x509.NameAttribute(NameOID.COMMON_NAME, common, _validate=False),
        ])


def _issue(
    subject: x509.Name, key: Ed25519PrivateKey, issuer: x509.Name, issuer_key: Ed25519PrivateKey, *,
    start: dt.datetime, end: dt.datetime, authority: bool, path_length: int | None = None,
) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=not authority, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=authority, crl_sign=authority, encipher_only=False, decipher_only=False)
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(usage, critical=True))
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True)
    return builder.sign(issuer_key, None)


def create_root(host: str, now: dt.datetime, key: Ed25519PrivateKey | None = None) -> Issued:
    """A self-signed root of 30 years. `host` carries the port when it is not 443."""
    key = key or Ed25519PrivateKey.generate()
    name = _name(f"{host} C2PA root", host)
    return key, _issue(name, key, name, key, start=now - _SKEW, end=now + ROOT_LIFE, authority=True, path_length=1)


def create_intermediate(host: str, root: Issued, now: dt.datetime, key: Ed25519PrivateKey | None = None) -> Issued:
    """The signing CA of 20 years: the root's key can then be put away."""
    key = key or Ed25519PrivateKey.generate()
    root_key, root_cert = root
    end = min(now + INTERMEDIATE_LIFE, root_cert.not_valid_after_utc)
    return key, _issue(_name(f"{host} C2PA signing CA", host), key, root_cert.subject, root_key,
                       start=now - _SKEW, end=end, authority=True, path_length=0)


def create_leaf(
    handle: str, host: str, intermediate: Issued, now: dt.datetime, key: Ed25519PrivateKey | None = None,
) -> Issued:
    """An actor's signing certificate of 10 years: CN = `@name@host`, O = host.

    Raises:
        FedisoraError: the handle is not `@name@host` of this host.
    """
    if not handle.startswith("@") or not handle.endswith(f"@{host}"):
        raise errors.FedisoraError(cause=f"{handle!r} is no handle on {host!r}")
    key = key or Ed25519PrivateKey.generate()
    issuer_key, issuer = intermediate
    end = min(now + LEAF_LIFE, issuer.not_valid_after_utc)
    return key, _issue(_name(handle, host), key, issuer.subject, issuer_key,
                       start=now - _SKEW, end=end, authority=False)


def certificate_pem(certificate: x509.Certificate) -> str:
    """PEM text of one certificate."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def bundle(*certificates: x509.Certificate) -> str:
    """PEM text of several: leaf first for a signing chain; for `signingCertificates` intermediates and roots."""
    return "".join(certificate_pem(certificate) for certificate in certificates)


def key_pem(key: Ed25519PrivateKey) -> str:
    """Unencrypted PKCS#8 PEM: seal it before it is stored."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def load_key(pem: str) -> Ed25519PrivateKey:
    """The private key of a PKCS#8 PEM.

    Raises:
        FedisoraError: not a PEM, or not Ed25519.
    """
    try:
        key = serialization.load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError) as problem:
        raise errors.FedisoraError(cause=f"signing key: {problem}") from problem
    if not isinstance(key, Ed25519PrivateKey):
        raise errors.FedisoraError(cause="signing key is not Ed25519")
    return key


def load_certificates(pem: str) -> list[x509.Certificate]:
    """Every certificate of a PEM bundle, in order.

    Raises:
        Invalid: not a PEM bundle of certificates.
    """
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError as problem:
        raise errors.Invalid("This is not a PEM bundle of certificates.", cause=problem) from problem


def anchors(pem: str) -> str:
    """The usable trust anchors of a fetched `signingCertificates` bundle: its CA certificates, as PEM.

    A leaf in the bundle would make itself trusted, so only certificates with BasicConstraints CA stay.

    Raises:
        Invalid: not a PEM bundle, or no CA in it.
    """
    authorities = []
    for certificate in load_certificates(pem):
        try:
            constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        except (x509.ExtensionNotFound, ValueError):
            continue
        if constraints.ca:
            authorities.append(certificate)
    if not authorities:
        raise errors.Invalid("The bundle holds no CA certificate.")
    return bundle(*authorities)


def serial_hex(certificate: x509.Certificate) -> str:
    """The serial number in lower-case hex without leading zeros, as it is written everywhere (vocabulary §6)."""
    return format(certificate.serial_number, "x")


def leaf_subject(pem: str) -> tuple[str, str]:
    """(CN, O) of the first certificate of a PEM, "" for a missing attribute.

    Raises:
        Invalid: not a PEM certificate.
    """
    subject = load_certificates(pem)[0].subject
    found = []
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        values = subject.get_attributes_for_oid(oid)
        found.append(str(values[0].value) if values else "")
    return found[0], found[1]

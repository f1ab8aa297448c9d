"""RFC 9421 HTTP Message Signatures, with the components the fediverse signs.

One signature per request: with two, "whose is it" has two answers (RFC 9421 §7.2.2). Components with parameters (`sf`,
`key`, `bs`, `req`, `tr`, `name`) are refused: nobody sends them, and each is another way to sign less than it seems.
"""
from __future__ import annotations

import base64
import datetime as dt
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from ..errors import BadSignature, Malformed
from .digest import check_digest, content_digest_header
from .keys import PrivateKey, PublicKey
from .requests import MAX_HEADER, Request, SignatureInfo, check_key_id, check_window, does_not_verify, moment
from .structured_fields import Bare, InnerList, Item, Member, Token, parse_dictionary, quote

_RSA = ("rsa-v1_5-sha256", "rsa-pss-sha512")
_ALGORITHMS = ("", *_RSA, "ed25519")
_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA512()), salt_length=64)


def parse(request: Request) -> SignatureInfo:
    """The one member of `Signature-Input` with its signature.

    Raises:
        BadSignature: none or several, no signature under its label, a component or parameter twice, or unreadable.
    """
    inputs, signatures = (_dictionary(request.headers.get(name, "")) for name in ("signature-input", "signature"))
    if len(inputs) != 1:
        raise BadSignature("The request must carry exactly one signature.")
    label, member = next(iter(inputs.items()))
    given = signatures.get(label)
    if not isinstance(member, InnerList):
        raise BadSignature("The Signature-Input header lists no components.")
    if len(signatures) != 1 or not isinstance(given, Item) or not isinstance(given.value, bytes) or not given.value:
        raise BadSignature("The Signature header has no signature under the label of Signature-Input.")
    covered = []
    for item in member.items:
        if not isinstance(item.value, str) or isinstance(item.value, Token) or item.parameters:
            raise BadSignature("The signature covers a component that is not supported.", cause=item.raw)
        covered.append(item.value)
    if len(set(covered)) != len(covered):
        raise BadSignature("The signature covers a component twice.")
    algorithm = member.parameters.get("alg", "")
    if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
        raise BadSignature("This signature algorithm is not accepted.", cause=algorithm)
    key_id = check_key_id(member.parameters.get("keyid"))
    created, expires = (_seconds(member.parameters.get(name)) for name in ("created", "expires"))
    return SignatureInfo("rfc9421", key_id, given.value, tuple(covered), algorithm, created, expires, member.raw)


def _dictionary(text: str) -> dict[str, Member]:
    if len(text) > MAX_HEADER:
        raise BadSignature("The signature is too long.")
    try:
        return parse_dictionary(text)
    except Malformed as error:
        raise BadSignature("The Signature or Signature-Input header cannot be read.", cause=error) from None


def _seconds(value: Bare | None) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadSignature("A time of the signature is not a whole number.")
    return value


def signature_base(request: Request, covered: tuple[str, ...], params: str) -> bytes:
    """What is signed (RFC 9421 §2.5).

    Raises:
        BadSignature: a component that the request does not have, or that we do not support.
    """
    parts = urlsplit(request.url)
    derived = {"@method": request.method.upper(), "@target-uri": request.target_uri, "@authority": request.authority,
               "@scheme": parts.scheme, "@path": parts.path or "/", "@query": f"?{parts.query}",
               "@request-target": request.target}
    lines = []
    for name in covered:
        if name.startswith("@"):
            value = derived.get(name)
            if value is None:
                raise BadSignature("The signature covers a component that is not supported.", cause=name)
        else:
            if name != name.lower():
                raise BadSignature("The signature covers a header that is not named in lower case.")
            value = request.header(name)
        lines.append(f'"{name}": {value}')
    lines.append(f'"@signature-params": {params}')
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def verify(request: Request, info: SignatureInfo, key: PublicKey, now: dt.datetime) -> None:
    """Check coverage, host, times, digest and signature.

    Raises:
        BadSignature: method, target or (with a body) content-digest not covered, too old or new, other bytes, another
            key or algorithm.
        Malformed: `Content-Digest` is not a structured field.
    """
    covered = set(info.covered)
    if "@method" not in covered:
        raise BadSignature("The signature does not cover @method.")
    if "@target-uri" not in covered:
        whole = "@request-target" in covered or ("@path" in covered and (
            "@query" in covered or not urlsplit(request.url).query))
        if "@authority" not in covered or not whole:
            raise BadSignature("The signature does not cover the whole target.")
    if info.created is None:
        raise BadSignature("The signature does not say when it was created.")
    if "host" in request.headers:
        request.check_host()
    check_window(moment(info.created), moment(info.expires) if info.expires is not None else None, now)
    if request.needs_digest:
        if "content-digest" not in covered:
            raise BadSignature("The signature does not cover content-digest.")
        check_digest(request.headers, request.body or b"")
    _check(key, info, signature_base(request, info.covered, info.raw_params))


def _check(key: PublicKey, info: SignatureInfo, message: bytes) -> None:
    if not isinstance(key, RSAPublicKey):
        if info.algorithm in _RSA:
            raise BadSignature("The signature's algorithm does not fit the actor's key.")
        try:
            key.verify(info.signature, message)
        except InvalidSignature:
            raise does_not_verify(key) from None
        return
    if info.algorithm == "ed25519":
        raise BadSignature("The signature's algorithm does not fit the actor's key.")
    # Without `alg` the key decides, and an RSA key fits two algorithms; Mastodon's signatures are the first.
    for algorithm in (info.algorithm,) if info.algorithm else _RSA:
        try:
            if algorithm == "rsa-pss-sha512":
                key.verify(info.signature, message, _PSS, hashes.SHA512())
            else:
                key.verify(info.signature, message, padding.PKCS1v15(), hashes.SHA256())
            return
        except InvalidSignature:
            continue
    raise does_not_verify(key)


def sign(method: str, url: str, headers: dict[str, str], body: bytes | None, key_id: str, private_key: PrivateKey,
         now: dt.datetime, extra: tuple[str, ...] = ()) -> dict[str, str]:
    """`headers` plus Content-Digest, Signature-Input and Signature."""
    signed = dict(headers)
    covered = ["@method", "@target-uri"]
    if body is not None:
        signed["Content-Digest"] = content_digest_header(body)
        covered.append("content-digest")
    covered += extra
    algorithm = "rsa-v1_5-sha256" if isinstance(private_key, RSAPrivateKey) else "ed25519"
    components = " ".join(quote(name) for name in covered)
    params = f'({components});created={int(now.timestamp())};keyid={quote(key_id)};alg="{algorithm}"'
    request = Request(method, url, {name.lower(): value for name, value in signed.items()}, body)
    message = signature_base(request, tuple(covered), params)
    raw = (private_key.sign(message, padding.PKCS1v15(), hashes.SHA256()) if isinstance(private_key, RSAPrivateKey)
           else private_key.sign(message))
    return {**signed, "Signature-Input": f"sig1={params}", "Signature": f"sig1=:{base64.b64encode(raw).decode()}:"}

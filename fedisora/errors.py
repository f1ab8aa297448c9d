"""The error tree. Every error carries a cause (for the log), a safe text (for the person), a status and whether to retry.

FedisoraError                500  something we did not foresee; the text says nothing about it
├── ConfigurationError       500  settings, files or services are wrong: one line that says how to mend it (CLI exit 2)
├── Refused                  4xx  the request will never succeed as it stands
│   ├── Malformed            400  not what the protocol or the form asks for
│   ├── Unauthenticated      401  no, or no valid, proof of who is asking
│   │   └── BadSignature     401  HTTP signature or integrity proof does not hold
│   ├── Forbidden            403  known, and not allowed
│   │   └── NotOwner         403  the actor does not own what it wants to change (FEP-fe34)
│   ├── NotFound             404  not here (or not for you)
│   ├── Gone                 410  was here
│   ├── Conflict             409  clashes with what is stored
│   ├── TooLarge             413  over a documented limit
│   │   └── StorageFull      413  over what one account may keep here
│   ├── Unsupported          415  a media or activity type we do not take
│   ├── Invalid              422  well-formed, but a value is not acceptable
│   └── TooManyRequests      429  throttled; `retry_after` seconds
└── Transient                503  may work later
    ├── RemoteUnavailable    503  another server did not answer, answered 5xx, or ran out of our budget
    └── Busy                 503  a lease is held elsewhere or a queue is full

`cause` never reaches a client; `text` always may.
"""
from __future__ import annotations


class FedisoraError(Exception):
    """Base of the tree.

    Args:
        text: safe to show to anybody. Empty means the class's own `default_text`.
        cause: what really happened, for the log.
        retry_after: seconds after which trying again makes sense, when known.
        code: a word for programs, where one status has several reasons.
    """

    status: int = 500
    retryable: bool = False
    default_text: str = "Something went wrong on this server."
    code: str = ""

    def __init__(self, text: str = "", *, cause: object = None, retry_after: float | None = None,
                 code: str = "") -> None:
        self.text = text or self.default_text
        self.cause = cause
        self.retry_after = retry_after
        self.code = code or self.code
        super().__init__(self.text)

    def __str__(self) -> str:
        return self.text if self.cause is None else f"{self.text} ({self.cause})"


class ConfigurationError(FedisoraError):
    """Settings, files or services are wrong; the text says how to mend it."""

    default_text = "The configuration is wrong."


class Refused(FedisoraError):
    """The request will never succeed as it stands."""

    status = 400
    default_text = "The request was refused."


class Malformed(Refused):
    """Not what the protocol or the form asks for."""

    status = 400
    default_text = "The request is malformed."


class Unauthenticated(Refused):
    """No, or no valid, proof of who is asking."""

    status = 401
    default_text = "Please log in first."


class BadSignature(Unauthenticated):
    """An HTTP signature or integrity proof is missing or does not hold."""

    default_text = "The signature is missing or does not verify."


class Forbidden(Refused):
    """Known, and not allowed."""

    status = 403
    default_text = "This action is not allowed."


class NotOwner(Forbidden):
    """The actor does not own what it wants to change (FEP-fe34)."""

    default_text = "The actor does not own this object."


class NotFound(Refused):
    """Not here, or not for you."""

    status = 404
    default_text = "Record not found"


class Gone(Refused):
    """Was here."""

    status = 410
    default_text = "This is gone."


class Conflict(Refused):
    """Clashes with what is stored."""

    status = 409
    default_text = "This clashes with something that already exists."


class TooLarge(Refused):
    """Over a documented limit."""

    status = 413
    default_text = "This is too large."


class StorageFull(TooLarge):
    """Over what one account may keep here; `code` names it for programs."""

    code = "storage_full"
    default_text = "Your storage is full."


class Unsupported(Refused):
    """A media or activity type we do not take."""

    status = 415
    default_text = "This type is not supported."


class Invalid(Refused):
    """Well-formed, but a value is not acceptable."""

    status = 422
    default_text = "Validation failed"


class TooManyRequests(Refused):
    """Throttled."""

    status = 429
    default_text = "Too many requests. Please wait a little."


class Transient(FedisoraError):
    """May work later."""

    status = 503
    retryable = True
    default_text = "Not available right now. Please try again later."


class RemoteUnavailable(Transient):
    """Another server did not answer, answered 5xx, or ran out of our budget."""

    default_text = "The other server is not available right now."


class Busy(Transient):
    """A lease is held elsewhere or a queue is full."""

    default_text = "This is busy right now. Please try again."

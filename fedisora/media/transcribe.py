"""Drafting captions by a backend that another package brings (entry point `fedisora.captions`). Runs in a child only."""
from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, Protocol

from ..errors import FedisoraError, Invalid
from . import captions
from .progress import Progress

GROUP = "fedisora.captions"


class Backend(Protocol):
    """What the entry point's factory, called with {"folder": a folder of its own}, has to return."""

    def transcribe(self, path: str, language: str) -> list[dict[str, Any]]:
        """What is said in a video, in order: [{"start", "end": seconds, "text": plain text}].

        Args:
            path: an MP4 that this server encoded.
            language: a BCP 47 tag, the author's own guess.
        """


def load(name: str, options: dict[str, Any]) -> Backend:
    """The backend of a name.

    Raises:
        FedisoraError: it is not installed, or does not start; the cause says what to do.
    """
    found = [entry for entry in entry_points(group=GROUP) if entry.name == name]
    if not found:
        known = ", ".join(sorted(entry.name for entry in entry_points(group=GROUP))) or "none"
        raise FedisoraError(cause=f"no captions backend {name!r} is installed (there is: {known}); install its package, or set "
                            "FEDISORA_CAPTIONS_BACKEND to one that is there, or to nothing")
    backend: Backend = found[0].load()(options)
    return backend


def transcribe(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Let a backend listen.

    Args:
        request: {"backend": name, "path": video, "language": BCP 47 tag, "folder": for the backend's own files}.

    Returns:
        {"text": WebVTT, "" when nothing is said}

    Raises:
        Invalid: the backend answers something else than captions.
    """
    backend = load(str(request["backend"]), {"folder": str(request["folder"])})
    answer = backend.transcribe(str(request["path"]), str(request["language"]))
    if not isinstance(answer, list):
        raise Invalid("The captions backend answered something else than captions.", cause=type(answer).__name__)
    cues = captions.from_backend(answer)
    return {"text": captions.to_vtt(cues) if cues else ""}

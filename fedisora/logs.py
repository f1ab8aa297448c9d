"""Logging: structlog over the standard library, lines for people or JSON for machines, on stderr."""
from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any, TextIO, cast

from .settings import Settings

if "rich" in sys.modules:
    import structlog
else:  # structlog would import Rich, 3 MiB of it, for tracebacks that are never ours (see `configure`)
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog

    del sys.modules["rich"]


class _Stderr:
    """Standard error that never stops the program: on a full disk or a closed pipe the line is lost, not the request."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            return sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


def quiet() -> None:
    """For one-shot commands: warnings only, on stderr, so that what a script reads on stdout stays clean."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
                        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Stderr())))


def configure(settings: Settings) -> None:
    """Set up logging for this process. Call once, before the first log line."""
    level = getattr(logging, settings.log_level.upper())
    shared: list[Any] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level,
                         structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.StackInfoRenderer()]
    renderer: Any = (structlog.processors.JSONRenderer() if settings.log_format == "json"
                     else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(),
                                                        exception_formatter=structlog.dev.plain_traceback))
    # The default, Rich's tracebacks, prints every local variable (secrets among them) and takes seconds per error.
    if settings.log_format == "json":
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(processors=[*shared, renderer], wrapper_class=structlog.make_filtering_bound_logger(level),
                        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Stderr())), cache_logger_on_first_use=True)
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s",
                        force=True)

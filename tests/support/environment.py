"""What the machine offers to tests, and what happens when it lacks something.

A test that needs a service or a program says `require("postgresql")`. On a developer's machine a missing one is a skip
with a reason; with FEDISORA_REQUIRE_ALL=1 (CI) it is a failure, so that nothing goes untested unnoticed.
"""
from __future__ import annotations

import functools
import importlib.util
import os
import shutil
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest
import redis

ROOT = Path(__file__).resolve().parents[2]
REQUIRE_ALL = os.environ.get("FEDISORA_REQUIRE_ALL") == "1"
POSTGRES = os.environ.get("FEDISORA_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("FEDISORA_TEST_REDIS", "redis://127.0.0.1:6379")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def missing(reason: str) -> NoReturn:
    """Skip the running test, or fail it where everything has to be there."""
    if REQUIRE_ALL:
        pytest.fail(f"FEDISORA_REQUIRE_ALL=1, and {reason}", pytrace=False)
    pytest.skip(reason)


def require(needed: str | bool, reason: str = "") -> None:
    """Go on only if the machine has what the test needs.

    Args:
        needed: a name of `CHECKS` (`postgresql`, `redis`, `chromium`, `node`, `torch`, `shared`), or the answer itself.
        reason: what is missing, for a plain answer.

    Raises:
        KeyError: no such name.
    """
    if isinstance(needed, str):
        reason = CHECKS[needed]()
        if needed == "shared" and reason:  # no clone has it: nothing to install would bring it
            pytest.skip(reason)
    elif needed:
        return
    if reason:
        missing(reason)


@functools.cache
def without_postgresql() -> str:
    """Why there is no PostgreSQL to test on; empty when there is."""
    try:
        with psycopg.connect(POSTGRES, connect_timeout=5):
            return ""
    except psycopg.Error as error:
        return f"PostgreSQL does not answer ({str(error).strip().splitlines()[0]}); set FEDISORA_TEST_POSTGRES"


@functools.cache
def without_redis() -> str:
    """Why there is no Redis to test on; empty when there is."""
    try:
        with redis.Redis.from_url(REDIS, socket_connect_timeout=5) as client:
            client.ping()
            return ""
    except redis.RedisError as error:
        return f"Redis does not answer ({error}); set FEDISORA_TEST_REDIS"


@functools.cache
def chromium_path() -> Path | None:
    """A Chromium: FEDISORA_TEST_CHROMIUM, the system's, or the one `playwright install chromium` fetched."""
    named = os.environ.get("FEDISORA_TEST_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found:
        return Path(found)
    own = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    return next(iter(sorted(own.glob("chromium-*/chrome-*/chrome"), reverse=True)), None)


def chromium_arguments() -> list[str]:
    """Command-line switches for tests: nothing in the background, and no sandbox for root (it refuses to start one)."""
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]
    return [*quiet, "--no-sandbox"] if os.geteuid() == 0 else quiet


def shared_path() -> Path | None:
    """The folder of fixtures and vectors kept outside this repository: FEDISORA_SHARED, or `shared` beside the checkout."""
    folder = Path(os.environ.get("FEDISORA_SHARED") or ROOT.parent / "shared")
    return folder if folder.is_dir() else None


def without_torch() -> str:
    """Why real pipelines cannot run; empty when they can. Asks without importing: that takes seconds."""
    lacking = [name for name in ("torch", "diffusers", "transformers") if importlib.util.find_spec(name) is None]
    return f"{', '.join(lacking)} not installed (make test GPU=1, or pip install 'fedisora[gpu]')" if lacking else ""


CHECKS = {
    "torch": without_torch,
    "postgresql": without_postgresql,
    "redis": without_redis,
    "chromium": lambda: "" if chromium_path() else "Chromium is not installed (Debian: apt install chromium)",
    "node": lambda: "" if shutil.which("node") else "Node.js is not installed",
    "shared": lambda: "" if shared_path() else "there is no folder of shared vectors beside the checkout (FEDISORA_SHARED)",
}
"""Each answers why the machine lacks it; empty when it does not."""

"""Fetch a Chromium for the browser tests when the machine has none: `python -m tests.support.browser` (part of `make test`)."""
from __future__ import annotations

import subprocess
import sys

from .environment import REQUIRE_ALL, chromium_path


def main() -> int:
    """0 when there is a browser, or when Playwright fetched its own; browser tests are skipped otherwise."""
    if chromium_path() is not None or REQUIRE_ALL:  # in CI the script before this one installs the system's
        return 0
    print("No Chromium found: letting Playwright fetch its own (browser tests are skipped if it cannot).")
    return subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())

"""Tests reach loopback and nothing else.

An audit hook sees every `connect` and name look-up of this process, whoever makes it (asyncio, requests, aiohttp). A name
that is not local does not resolve, as on a machine without a network; an attempt to connect elsewhere fails and is noted, and
the test in which it happened fails too, even when the code under test swallowed the error.
"""
from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import sys
from typing import Any

LOCAL_NAMES = {"", "localhost", "localhost.localdomain", "ip6-localhost"}

attempts: list[str] = []
"""Addresses outside loopback that somebody tried to reach since the list was last cleared."""


def is_loopback(host: str) -> bool:
    """Whether a numeric address is on this machine's loopback (`0.0.0.0` and `::` connect there too)."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.lower() in LOCAL_NAMES or host.lower().endswith(".localhost")
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        address = args[1]
        if isinstance(address, tuple) and not is_loopback(str(address[0])):
            attempts.append(f"{address[0]} port {address[1]}")
            raise OSError(errno.ENETUNREACH, "tests reach loopback only", str(address[0]))
    elif event == "socket.getaddrinfo":
        host = args[0].decode() if isinstance(args[0], bytes) else str(args[0] or "")
        numeric = False
        with contextlib.suppress(ValueError):
            numeric = bool(ipaddress.ip_address(host.partition("%")[0]))
        if not numeric and not is_loopback(host):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def block() -> None:
    """From now on this process reaches loopback only. It cannot be undone."""
    sys.addaudithook(_watch)

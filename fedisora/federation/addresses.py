"""Which addresses and ports outgoing requests may reach (the SSRF guard's table).

Our own table of special-purpose blocks, since `ipaddress.is_global` is True for `::127.0.0.1`, `64:ff9b::7f00:1`,
`2002:7f00:1::1` and multicast. Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries, RFC 6890, RFC 4291,
RFC 6052, RFC 3056, RFC 4380, RFC 9637. Of IPv6 only global unicast (2000::/3) is let through, minus its special blocks.
"""
from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from ..errors import Forbidden, Malformed

OUT_OF_REACH = "This address cannot be reached from here. It has to be a public one, with https."
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SPECIAL_V4 = tuple(ipaddress.IPv4Network(block) for block in (
    "0.0.0.0/8",           # this network
    "10.0.0.0/8",          # private use
    "100.64.0.0/10",       # carrier-grade NAT
    "127.0.0.0/8",         # loopback
    "169.254.0.0/16",      # link local, cloud metadata
    "172.16.0.0/12",       # private use
    "192.0.0.0/24",        # IETF protocol assignments
    "192.0.2.0/24",        # documentation
    "192.31.196.0/24",     # AS112
    "192.52.193.0/24",     # AMT
    "192.88.99.0/24",      # 6to4 relay anycast
    "192.168.0.0/16",      # private use
    "192.175.48.0/24",     # AS112
    "198.18.0.0/15",       # benchmarking
    "198.51.100.0/24",     # documentation
    "203.0.113.0/24",      # documentation
    "224.0.0.0/4",         # multicast
    "240.0.0.0/4",         # reserved, limited broadcast
))
GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
SPECIAL_V6 = tuple(ipaddress.IPv6Network(block) for block in (
    "2001::/23",           # IETF protocol assignments: Teredo, benchmarking, ORCHID
    "2001:db8::/32",       # documentation
    "2002::/16",           # 6to4: carries any IPv4 address
    "2620:4f:8000::/48",   # AS112
    "3fff::/20",           # documentation
))
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

ODD_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")

# Below 1024 only the web's own ports; above it everything but well-known services that are not HTTP. Peers on odd high
# ports exist, and a server that speaks another protocol must not be made to read our requests.
LOW_PORTS = frozenset({80, 443})
OTHER_SERVICES = frozenset({
    1080, 1433, 1521, 1719, 1720, 1723, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3128, 3306, 3389, 3659, 4045, 4190,
    5060, 5061, 5432, 5672, 5900, 5984, 6000, 6379, 6443, 6566, 6665, 6666, 6667, 6668, 6669, 6697, 9042, 9092, 9200,
    9300, 10080, 10250, 11211, 27017})


def embedded_v4(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv4-mapped or NAT64 address leads to, else None."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def forbidden(address: Address) -> bool:
    """Whether an address is anything but an ordinary public unicast host."""
    inner = embedded_v4(address)
    if inner is not None:  # IPv6-only hosts reach IPv4 peers through NAT64: what counts is where it ends
        return forbidden(inner)
    if isinstance(address, ipaddress.IPv4Address):
        return any(address in block for block in SPECIAL_V4)
    return address.scope_id is not None or address not in GLOBAL_V6 or any(address in block for block in SPECIAL_V6)


def permitted(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """Whether a connection to `address` may be opened: public, or in one of the operator's own networks."""
    if not forbidden(address):
        return True
    inner = embedded_v4(address)
    return any(address in network or (inner is not None and inner in network) for network in allowed)


def check_address(text: str, allowed: Iterable[Network] = ()) -> None:
    """Raise unless a connection to this literal address may be opened.

    Raises:
        Forbidden: special-purpose address, or no address at all.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise Forbidden(OUT_OF_REACH, cause=f"{text!r} is not an address") from error
    if not permitted(address, allowed):
        raise Forbidden(OUT_OF_REACH, cause=f"{address} is not a public address")


def literal(host: str) -> Address | None:
    """The address a URL's host is, when it is one (with or without brackets), else None."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def check_port(port: int) -> None:
    """Raise unless requests to this port are allowed: 80, 443 and high ports that no other well-known service uses.

    Raises:
        Forbidden: the port belongs to something that is not a web server.
    """
    if not (port in LOW_PORTS or (1024 <= port <= 65535 and port not in OTHER_SERVICES)):
        raise Forbidden(OUT_OF_REACH, cause=f"port {port} is not allowed")


def normal_host(host: str | None) -> str:
    """A host in the form that is compared and resolved: lower case, IDNA, without a trailing dot.

    Raises:
        Malformed: empty, or not a host name.
    """
    name = (host or "").lower().rstrip(".")
    if not name or len(name) > 253 or any(char in name for char in "/?#@\\ \t\r\n%"):
        raise Malformed("This is not the address of a web server.", cause=f"host {host!r}")
    if literal(name) is None and ODD_NUMBER.fullmatch(name.rpartition(".")[2]):
        # 2130706433, 0x7f.1, 0177.0.0.1: forms only a C library reads as addresses (WHATWG URL "ends in a number")
        raise Malformed("This is not the address of a web server.", cause=f"host {host!r}")
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise Malformed("This is not the address of a web server.", cause=f"host {host!r}") from error

"""The table of addresses: negative cases of the bad-input catalogue first."""

from __future__ import annotations

import ipaddress

import pytest

from fedisora.errors import Forbidden, Malformed
from fedisora.federation.addresses import check_address, check_port, forbidden, literal, normal_host, permitted

NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "192.31.196.1",
    "192.52.193.1",
    "192.175.48.1",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:7f00:1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "2620:4f:8000::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "172.32.0.1",
    "100.128.0.1",
    "192.0.3.1",
    "2606:4700::1111",
    "2a00:1450::1",
    "64:ff9b::8.8.8.8",
    "::ffff:1.1.1.1",
]


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_special_addresses_are_forbidden(text: str) -> None:
    assert forbidden(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_not(text: str) -> None:
    assert not forbidden(ipaddress.ip_address(text))


def test_every_block_is_forbidden_to_its_edges() -> None:
    from fedisora.federation.addresses import SPECIAL_V4, SPECIAL_V6

    for block in (*SPECIAL_V4, *SPECIAL_V6):
        assert forbidden(block[0]) and forbidden(block[-1]), block


def test_the_operators_networks_are_permitted_and_nothing_else_private() -> None:
    allowed = (ipaddress.ip_network("127.0.0.0/8"),)
    assert permitted(ipaddress.ip_address("127.1.2.3"), allowed)
    assert permitted(ipaddress.ip_address("::ffff:127.0.0.1"), allowed)
    assert not permitted(ipaddress.ip_address("10.0.0.1"), allowed)
    assert not permitted(ipaddress.ip_address("::1"), allowed)
    everything = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
    assert permitted(ipaddress.ip_address("fd00::1"), everything)


def test_check_address_raises_our_error() -> None:
    check_address("1.1.1.1")
    for bad in ("127.0.0.1", "not an address", "0x7f.1"):
        with pytest.raises(Forbidden):
            check_address(bad)


@pytest.mark.parametrize("port", [0, 1, 21, 22, 23, 25, 53, 110, 445, 631, 1023, 3306, 5432, 6379, 6667, 9200, 11211, 65536])
def test_ports_of_other_services_are_refused(port: int) -> None:
    with pytest.raises(Forbidden):
        check_port(port)


@pytest.mark.parametrize("port", [80, 443, 1024, 3000, 8000, 8080, 8443, 40123, 65535])
def test_ports_of_web_servers_pass(port: int) -> None:
    check_port(port)


def test_hosts_are_compared_in_one_form() -> None:
    assert normal_host("Example.COM.") == "example.com"
    assert normal_host("bücher.example") == "xn--bcher-kva.example"
    for bad in ("", None, ".", "a b.example", "a/b", "user@host", "a%00b", "x" * 254):
        with pytest.raises(Malformed):
            normal_host(bad)


def test_literals_are_recognised() -> None:
    assert literal("[::1]") == ipaddress.ip_address("::1")
    assert literal("127.0.0.1") is not None
    assert literal("example.com") is None

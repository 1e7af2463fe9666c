"""Networks are read as they are meant: IPv4 inside IPv6 is IPv4, and a slip of the pen is refused."""

import pytest

from pronghorn.kit.network import may_reach, parse_network


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::ffff:127.0.0.1", "127.0.0.1/32"),
        ("::ffff:7f00:1", "127.0.0.1/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::ffff:0:0/95", "::fffe:0:0/95"),
        ("::/0", "::/0"),
        ("::1", "::1/128"),
    ],
)
def test_a_network_is_read_as_it_is_meant(text: str, meant: str) -> None:
    assert str(parse_network(text, strict=False)) == meant


@pytest.mark.parametrize(
    "text", ["", "example.com", "300.1.1.1", "::ffff:10.0.0.1/104", "10.0.0.1/8", "::/129"]
)
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_network(text)


def test_bits_behind_the_prefix_can_be_allowed() -> None:
    assert str(parse_network("::ffff:10.1.2.3/104", strict=False)) == "10.0.0.0/8"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"),
        *("::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::"),
        *("224.0.0.1", "ff02::1", "255.255.255.255", "2001::1", "fec0::1", "::ffff:0:127.0.0.1"),
    ],
)
def test_what_is_not_public_is_reached_only_where_it_is_allowed(address: str) -> None:
    assert not may_reach(address, [])
    assert not may_reach(address, [parse_network("203.0.113.0/24")])


def test_public_and_allowed_addresses_are_reached() -> None:
    assert may_reach("93.184.216.34", [])
    assert may_reach("2606:2800:220:1::1", [])
    assert may_reach("127.0.0.1", [parse_network("127.0.0.0/8")])
    assert may_reach("::ffff:127.0.0.1", [parse_network("127.0.0.0/8")])
    assert not may_reach("127.0.0.1", [parse_network("10.0.0.0/8")])

"""Networks are read as they are meant: IPv4 inside IPv6 is IPv4, and a slip of the pen is refused."""

import pytest

from pronghorn.kit.network import parse_network


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

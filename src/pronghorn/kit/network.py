"""Networks of addresses as an operator writes them; IPv4 written inside IPv6 is IPv4, as callers' addresses are."""

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_RELAYED = [
    ipaddress.ip_network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96", "2002::/16", "2001::/32")
]
"""IPv6 addresses with an IPv4 address inside, which may be a private one."""


def parse_network(text: str, *, strict: bool = True) -> Network:
    """An address is a network of one. Raises `ValueError`, with `strict` for bits behind the prefix too."""
    network = ipaddress.ip_network(text, strict)
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        first = int(network.network_address) - int(_MAPPED.network_address)
        return ipaddress.IPv4Network((first, network.prefixlen - 96))
    return network


def may_reach(address: str, allowed: Iterable[Network]) -> bool:
    """May this address be asked on behalf of somebody who is not trusted? A public one, or one in `allowed`."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if any(parsed in network for network in _RELAYED):
        return False
    # Site-local addresses of IPv6 are old, and private all the same.
    is_public = parsed.is_global and not parsed.is_multicast and not getattr(parsed, "is_site_local", False)
    return is_public or any(parsed in network for network in allowed)

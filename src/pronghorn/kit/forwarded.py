"""Forwarded: who really called, when reverse proxies stand before us."""

import ipaddress
import re
from collections.abc import Sequence

from pronghorn.kit.network import parse_network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_WITH_PORT = re.compile(r"([0-9.]+):[0-9]+|\[([^\]]*)\](?::[0-9]+)?")


class Forwarded:
    """Believes `X-Forwarded-For` of the proxies it is told of, and of nobody else."""

    def __init__(self, proxies: Sequence[str]) -> None:
        self._proxies = [parse_network(proxy, strict=False) for proxy in proxies]

    def caller(self, peer: str, forwarded: str) -> str:
        """The last address in `X-Forwarded-For` that none of our own proxies has; `peer` if it is no proxy."""
        if not self._is_proxy(peer):
            return peer
        for hop in map(_without_port, reversed([hop for hop in forwarded.split(",") if hop.strip()])):
            address = read_address(hop)
            if address is None:
                return peer  # nothing before it can be believed either
            if not self._is_proxy(hop):
                return str(address)
        return peer

    def _is_proxy(self, text: str) -> bool:
        address = read_address(text)
        return address is not None and any(address in proxy for proxy in self._proxies)


def _without_port(hop: str) -> str:
    """Some proxies, such as Azure's gateways, write the caller's port, too."""
    found = _WITH_PORT.fullmatch(hop.strip())
    return hop if found is None else found[1] or found[2]


def read_address(text: str) -> Address | None:
    """None for what is no address. IPv4 inside IPv6, as a dual-stack socket has it, is IPv4."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def household(address: str) -> str:
    """What one subscriber has: an IPv4 address, or all of an IPv6 network of 64 bits."""
    found = read_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((found, 64), strict=False))
    return address if found is None else str(found)

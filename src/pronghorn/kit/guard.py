"""A guard for connections: each address is looked at in the moment in which it would be connected.

So it does not matter how the address was written, or what its name meant before and means afterwards.
"""

import socket
from collections.abc import Callable, Iterable
from typing import Any

from pronghorn.kit.network import may_reach, parse_network


class PrivateAddress(OSError):
    """The address lies in a private network."""


def guard(allowed: Iterable[str]) -> Callable[[Any], socket.socket]:
    """A `socket_factory` of aiohttp's connector; `allowed` are the private networks that may be reached."""
    networks = [parse_network(text, strict=False) for text in allowed]

    def socket_to(address: Any) -> socket.socket:
        family, kind, protocol, _, place = address
        if not may_reach(str(place[0]), networks):
            raise PrivateAddress(
                "its address is private; the setting fetch_allow says which of those may be reached"
            )
        return socket.socket(family, kind, protocol)

    return socket_to

"""The channel cannot be reached, so nothing of the request has left the gateway."""

from tests.failover import addresses
from tests.failover.scenario import HASTY, Place, Scenario, Then

_WAYS = {
    "refuses the connection": addresses.refuses,
    "has a name that cannot be one": addresses.cannot_be_a_name,
    "hangs up on every connection": addresses.hangs_up,
    "speaks plainly where TLS is due": addresses.speaks_plainly,
    "shows a certificate that nobody vouches for": addresses.has_a_strange_certificate,
    "is behind a proxy that is down": addresses.is_behind_a_dead_proxy,
    "is behind a proxy that refuses us": addresses.is_behind_a_strict_proxy,
}
_SLOW = {
    "has a name that has no address": addresses.has_no_address,
    "never accepts the connection": addresses.never_accepts,
    "never begins with TLS": addresses.never_greets,
}

SCENARIOS = [
    *[Scenario(name, Place.CONNECT, Then.NEXT, unreachable=(at,)) for name, at in _WAYS.items()],
    *[
        Scenario(name, Place.CONNECT, Then.NEXT, unreachable=(at,), settings=HASTY)
        for name, at in _SLOW.items()
    ],
]

"""Networks of addresses as an operator writes them; IPv4 written inside IPv6 is IPv4, as callers' addresses are."""

import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def parse_network(text: str, *, strict: bool = True) -> Network:
    """An address is a network of one. Raises `ValueError`, with `strict` for bits behind the prefix too."""
    network = ipaddress.ip_network(text, strict)
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        first = int(network.network_address) - int(_MAPPED.network_address)
        return ipaddress.IPv4Network((first, network.prefixlen - 96))
    return network

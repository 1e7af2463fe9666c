"""The plan: in which order channels are asked. Higher priority first; within one, at random by weight."""

import random
from collections.abc import Iterator

from pronghorn.errors import ModelNotFound, NoChannel
from pronghorn.routing.grant import Grant
from pronghorn.routing.snapshot import Channel, Model, Snapshot


def plan(snapshot: Snapshot, grant: Grant, model: Model, endpoint: str) -> Iterator[Channel]:
    """Candidates, best first; each may be tried once. Raises `NoChannel` or `ModelNotFound`."""
    if grant.is_test:
        if snapshot.sandbox is None:
            raise NoChannel("test mode is off: this gateway runs without its sandbox (--no-sandbox)")
        return iter((snapshot.sandbox,))
    tiers = snapshot.tiers(model.name, grant.group)
    if not tiers:
        raise NoChannel(
            f"no channel serves the model {model.name!r} to the group {grant.group!r} now; "
            "GET /v1/models lists what this key can use"
        )
    if len(tiers) == 1 and len(tiers[0]) == 1 and tiers[0][0].serves(endpoint):
        return iter(tiers[0])
    candidates = [channel for tier in tiers for channel in _shuffled(tier)]
    candidates = [channel for channel in candidates if channel.serves(endpoint)]
    if not candidates:
        raise ModelNotFound(f"the model {model.name!r} is not served on this route by any channel")
    return iter(candidates)


def _shuffled(tier: list[Channel]) -> list[Channel]:
    """At random, a channel of weight 2 twice as often before the others; weight 0 comes last."""
    if len(tier) == 1:
        return tier
    return sorted(tier, key=_draw, reverse=True)


def _draw(channel: Channel) -> float:
    return random.random() ** (1.0 / channel.weight) if channel.weight else -random.random()

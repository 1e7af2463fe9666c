"""Channel health: what this server has seen of a channel and of each credential of its pool, as operators read it."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from pronghorn.kit.clock import Clock, iso
from pronghorn.manage.fields import Time
from pronghorn.routing import Channel
from pronghorn.routing.health import Cause, Health, State


class WayHealth(Struct, kw_only=True):
    """Of a channel, or of one credential."""

    state: State
    cause: Cause | None
    """Why it is closed, or was when it closed."""
    closed_until: Time | None
    """Null unless it is closed now."""
    open_calls: int


class CredentialHealth(WayHealth, kw_only=True):
    place: int
    """In the channel's pool, from 0; `POST /manage/v1/channels/{id}/test` takes it."""
    hint: str


class ChannelHealth(WayHealth, kw_only=True):
    summary: str
    """Channel and pool in a few words."""
    credentials: list[CredentialHealth]


def view(channel: Channel, hints: Sequence[str], clock: Clock) -> ChannelHealth:
    """`hints`: of the credentials, by their place."""
    own = _way(channel.vitals.channel, clock)
    pool = [
        CredentialHealth(place=place, hint=hints[place] if place < len(hints) else "", **_way(health, clock))
        for place, health in enumerate(channel.healths)
    ]
    return ChannelHealth(summary=_summary(WayHealth(**own), pool), credentials=pool, **own)


def _way(health: Health, clock: Clock) -> dict[str, Any]:
    now_s = clock.monotonic()
    state = health.state(now_s)
    until = iso(clock.now() + health.until_s - now_s) if state == "closed" else None
    return {"state": state, "cause": health.cause, "closed_until": until, "open_calls": health.open_calls}


def _summary(own: WayHealth, pool: Sequence[WayHealth]) -> str:
    """`closed: fault`, `1 of 10 credentials closed: refused`, or `ok`."""
    if own.state in ("closed", "probing"):
        return f"{own.state}: {own.cause}"
    unwell = [way for way in pool if way.state in ("closed", "probing")]
    if not unwell:
        return "slow_start" if "slow_start" in (own.state, *(way.state for way in pool)) else "ok"
    causes = ", ".join(sorted({str(way.cause) for way in unwell}))
    state = "closed" if any(way.state == "closed" for way in unwell) else "probing"
    return f"{len(unwell)} of {len(pool)} credentials {state}: {causes}"


def reset(channel: Channel) -> None:
    for health in (channel.vitals.channel, *channel.healths):
        health.reset()

"""Verdict: what a vendor's no means for its channel, and what the caller is told."""

from typing import NamedTuple

import msgspec

from pronghorn.errors import (
    BadRequest,
    Conflict,
    PronghornError,
    Unavailable,
    UpstreamError,
    UpstreamLimited,
    UpstreamRefusedUs,
    UpstreamRejected,
)
from pronghorn.relay import refusal
from pronghorn.routing import Channel
from pronghorn.tasks.view import View
from pronghorn.vendors.task import Declined


class Verdict(NamedTuple):
    outcome: PronghornError | None
    """What it says of the channel: nothing is wrong with it, if None."""
    told: PronghornError
    """What the caller is told, if nobody else says yes."""
    goes_on: bool
    """Another channel may say yes."""


def verdict(declined: Declined, channel: Channel, family: str) -> Verdict:
    said = declined.reason or "the vendor refused"
    told: PronghornError | None = None
    if declined.answer is not None:
        body = refusal.scrubbed(msgspec.json.encode(declined.answer), channel)
        told = UpstreamRejected(declined.status, body, b"application/json")
        told.message, told.dialect = declined.reason, family
    match declined.fault:
        case "account":
            return Verdict(UpstreamRefusedUs(), UpstreamRefusedUs(), goes_on=True)
        case "busy":
            return Verdict(UpstreamLimited(), told or UpstreamLimited(), goes_on=True)
        case "unable":
            return Verdict(None, BadRequest(said, code="not_supported"), goes_on=True)
        case "vendor":
            return Verdict(UpstreamError(), UpstreamError(f"{said}; nothing was charged"), goes_on=True)
        case _:
            return Verdict(None, told or BadRequest(said), goes_on=False)


def parent_gone() -> Conflict:
    return Conflict(
        "the account that made this is not here any more (channel removed, disabled or its credential changed); "
        "start from a new task",
        code="parent_unavailable",
    )


def unknown_outcome(view: View) -> UpstreamError:
    return UpstreamError(
        f"the vendor broke off before it said whether it took the task; GET /v1/tasks/{view.id} will tell, "
        "and nothing is charged if it did not"
    )


def taken_over(view: View) -> Unavailable:
    return Unavailable(
        f"this took too long and was taken over; GET /v1/tasks/{view.id} tells what became of it"
    )

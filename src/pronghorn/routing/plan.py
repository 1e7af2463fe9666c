"""The plan: which channel is asked with which credential, and who is next when it fails.

Higher priority first; within one tier by weight, or where the conversation was before. Whatever is unwell is left
out, and a way that was closed is tried by one request at a time.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import structlog

from pronghorn.errors import (
    LimitReached,
    ModelNotFound,
    NoChannel,
    NoRoute,
    PronghornError,
    UpstreamError,
    UpstreamLimited,
    UpstreamRefusedUs,
    UpstreamRejected,
)
from pronghorn.kit.money import format_decimal
from pronghorn.ledger.prices import PPM
from pronghorn.routing.control import Control
from pronghorn.routing.gate import Gate
from pronghorn.routing.grant import Grant
from pronghorn.routing.health import Candidate, Health
from pronghorn.routing.route import Policy
from pronghorn.routing.snapshot import Channel, Model, Snapshot, tiers_of
from pronghorn.routing.tier import Tier

log = structlog.get_logger()


def judge(candidate: Candidate, outcome: PronghornError | None, now_s: float) -> None:
    """What the end of a call says about who was asked. None: it answered."""
    if outcome is None or isinstance(outcome, UpstreamRejected):
        candidate.succeed(now_s)  # a vendor that finds fault with a request is well
    elif isinstance(outcome, UpstreamLimited):
        candidate.pool.leave()
        candidate.credential.fail("limited", now_s, outcome.retry_after_s)
    elif isinstance(outcome, UpstreamRefusedUs):
        candidate.pool.leave()
        is_quota = outcome.upstream_status in (402, 429)
        candidate.credential.fail("quota" if is_quota else "refused", now_s)
        log.error(
            "credential.closed",
            channel=candidate.channel.id,
            place=candidate.place,
            status=outcome.upstream_status,
            cause=candidate.credential.cause,
        )
    elif isinstance(outcome, UpstreamError) and outcome.upstream_status not in (400, 422):
        candidate.credential.leave()
        candidate.pool.fail("fault", now_s)
    else:
        candidate.leave()  # a request can bring about a 400 or 422 by itself, whatever is said with it


class Plan:
    """Candidates, best first; each is offered once."""

    __slots__ = (
        "_affinity",
        "_body_bytes",
        "_channel",
        "_endpoint",
        "_limited",
        "_now_s",
        "_offered",
        "_order",
        "_places",
        "_soonest_s",
        "_tiers",
    )

    def __init__(
        self, tiers: Sequence[Tier], endpoint: str, affinity: int | None, now_s: float, body_bytes: int
    ) -> None:
        self._endpoint = endpoint
        self._affinity = affinity
        self._now_s = now_s
        self._body_bytes = body_bytes
        self._limited: LimitReached | None = None
        self._tiers = iter(tiers)
        self._order: Iterator[Channel] = iter(())
        self._channel: Channel | None = None
        self._places: Iterator[int] = iter(())
        self._offered = 0
        self._soonest_s = float("inf")

    def __iter__(self) -> "Plan":
        return self

    def __next__(self) -> Candidate:
        """Raises `StopIteration` when there is nobody left; where there was nobody at all `NoChannel`, or
        `LimitReached` if only limits keep channels from being asked.
        """
        while True:
            for place in self._places:
                assert self._channel is not None
                candidate = self._channel.candidates[place]
                if self._may_be_asked(candidate):
                    self._offered += 1
                    return candidate
            self._channel = channel = self._next_channel()
            if channel is None:
                self._check_offered()
                raise StopIteration
            found = channel.places(self._affinity, self._now_s)
            if not found:
                self._note(min(channel.healths, key=_until))
            self._places = iter(found)

    def leave_channel(self) -> None:
        """Its other credentials would not help."""
        self._places = iter(())

    def _next_channel(self) -> Channel | None:
        """No generator: one that holds its plan is a cycle, and would leave each plan to the garbage collector."""
        while True:
            for channel in self._order:
                if not channel.serves(self._endpoint):
                    continue
                health = channel.vitals.channel
                if health.is_open(self._now_s):
                    return channel
                self._note(health)
            tier = next(self._tiers, None)
            if tier is None:
                return None
            self._order = tier.order(self._affinity, self._now_s)

    def _may_be_asked(self, candidate: Candidate) -> bool:
        """Looked at each time: while one credential was asked, others may have closed the next one, or try it, or have
        taken what the channel's limit leaves.
        """
        for health in (candidate.pool, candidate.credential):
            if not health.is_open(self._now_s):
                self._note(health)
                return False
        gate = candidate.channel.gate
        return gate is None or self._is_within(gate)

    def _is_within(self, gate: Gate) -> bool:
        refusal = gate.refusal(self._now_s, self._body_bytes)
        self._limited = self._limited or refusal
        return refusal is None

    def _note(self, health: Health) -> None:
        self._soonest_s = min(self._soonest_s, max(health.until_s, self._now_s + 1.0))

    def _check_offered(self) -> None:
        if not self._offered:
            if self._limited is not None:
                raise self._limited
            wait_s = self._soonest_s - self._now_s
            raise NoChannel(
                f"all channels of this model are unwell; one is tried again in {wait_s:.0f} s",
                retry_after_s=wait_s,
            )


def _until(health: Health) -> float:
    return health.until_s


class Only:
    """The plan where there is one candidate alone, and it is well: what most requests meet, so it costs little."""

    __slots__ = ("_candidate",)

    def __init__(self, candidate: Candidate) -> None:
        self._candidate: Candidate | None = candidate

    def __iter__(self) -> "Only":
        return self

    def __next__(self) -> Candidate:
        candidate, self._candidate = self._candidate, None
        if candidate is None:
            raise StopIteration
        return candidate

    def leave_channel(self) -> None:
        pass


Candidates = Plan | Only


def plan_of_one(snapshot: Snapshot, grant: Grant, model: Model, endpoint: str) -> Only | None:
    """The plan of most requests: one candidate alone serves the model, is well and without a limit of its own."""
    if grant.is_test:
        return None
    only = snapshot.only(model.name, grant.group)
    if only is None or not only.is_well() or only.channel.gate is not None:
        return None
    return Only(only) if only.channel.serves(endpoint) else None


def plan(
    snapshot: Snapshot,
    grant: Grant,
    model: Model,
    endpoint: str,
    *,
    affinity: int | None = None,
    now_s: float = 0.0,
    policy: Policy = "weight",
    control: Control | None = None,
    body_bytes: int = 0,
) -> Candidates:
    """Raises `NoChannel`, `NoRoute` or `ModelNotFound` where nobody could be asked, whatever their health."""
    tiers = tiers_for(snapshot, grant, model, endpoint, policy)
    simulator = tiers[0].channels[0] if grant.is_test else None
    is_served = (
        snapshot.serves(model.name, grant.group, endpoint)
        if simulator is None
        else simulator.serves(endpoint)
    )
    if not is_served:
        raise ModelNotFound(f"the model {model.name!r} is not served on this route by any channel")
    if control is not None:
        _check_price(control, model, grant)
        if not grant.is_test:
            tiers = _controlled(control, tiers, policy, model, endpoint)
    found = Plan(tiers, endpoint, affinity, now_s, body_bytes)
    is_single = control is not None and not control.has_fallback and not control.order
    return Only(next(found)) if is_single else found


def tiers_for(
    snapshot: Snapshot, grant: Grant, model: Model, endpoint: str, policy: Policy
) -> Sequence[Tier]:
    if grant.is_test:
        sandbox = snapshot.sandbox_for(model, endpoint)
        if sandbox is None:
            raise NoChannel("test mode is off: this gateway runs without its sandbox (--no-sandbox)")
        return (Tier((sandbox,)),)
    tiers = snapshot.tiers(model.name, grant.group, policy)
    if not tiers:
        raise NoChannel(
            f"no channel serves the model {model.name!r} to the group {grant.group!r} now; "
            "GET /v1/models lists what this key can use"
        )
    return tiers


def _check_price(control: Control, model: Model, grant: Grant) -> None:
    for limit, component in ((control.max_input_pico, "input"), (control.max_output_pico, "output")):
        if limit is None:
            continue
        pico = 0 if model.price is None else model.price.rate(component) * grant.factor_ppm // PPM
        if pico > limit:
            raise NoRoute(
                f"max-price removed the model {model.name!r}: its {component} costs "
                f"{format_decimal(pico, decimals=6)} USD per million tokens, "
                f"and {format_decimal(limit, decimals=6)} were allowed",
                detail={"rule": "max-price"},
            )


def _controlled(
    control: Control, tiers: Sequence[Tier], policy: Policy, model: Model, endpoint: str
) -> Sequence[Tier]:
    """The caller's choice among the channels, in the caller's order."""
    channels = [channel for tier in tiers for channel in tier.channels if channel.serves(endpoint)]
    removed = Counter(rule for channel in channels if (rule := control.removes(channel)))
    left = [channel for channel in channels if control.allows(channel)]
    if not left:
        counted = ", ".join(f"{rule} removed {count}" for rule, count in removed.items())
        raise NoRoute(
            f"no channel is left for the model {model.name!r}: of {len(channels)}, {counted}; "
            "loosen the route that the request asks for",
            detail={"rules": dict(removed), "channels": len(channels)},
        )
    return tiers_of(left, control.sort or policy, control.rank)

"""Probes: who is asked when, what for, and what a vendor's words become."""

from typing import Any, cast

import msgspec
import pytest
from tests.unit.routing.making import channel, model, snapshot

from pronghorn import vendors
from pronghorn.errors import BadRequest, UpstreamRefusedUs
from pronghorn.kit.clock import FakeClock
from pronghorn.relay import ping
from pronghorn.relay.ping import Asked
from pronghorn.relay.probe import Prober
from pronghorn.routing import Channel, Loader, Snapshot
from pronghorn.routing.health import FAULTS_IN_A_ROW, QUOTA_S, REFUSED_S, Cause, Health
from pronghorn.settings import Settings
from pronghorn.upstream import Client, Origin

NAMES = sorted(name for name, vendor in vendors.load().items() if vendor.paths)


class Loaded:
    """A loader that has loaded."""

    def __init__(self, found: Snapshot) -> None:
        self.snapshot = found


def prober(clock: FakeClock, *channels: Channel, **models: Any) -> Prober:
    known = [model(name, **fields) for name, fields in models.items()]
    loader = cast(Loader, Loaded(snapshot(*known, channels=channels)))
    return Prober(cast(Client, None), loader, Settings(), clock)


def closed(health: Health, cause: Cause, clock: FakeClock) -> None:
    for _ in range(FAULTS_IN_A_ROW if cause == "fault" else 1):
        health.begin(clock.monotonic())
        health.fail(cause, clock.monotonic())


@pytest.mark.parametrize(("cause", "closed_s"), [("refused", REFUSED_S), ("quota", QUOTA_S)])
def test_a_credential_is_due_when_its_time_is_over_and_not_before(cause: Cause, closed_s: float) -> None:
    clock, one = FakeClock(), channel(credentials=["sk-0", "sk-1", "sk-2"])
    watch = prober(clock, one)
    assert watch.due() == []
    closed(one.healths[1], cause, clock)
    assert watch.due() == []
    clock.advance(closed_s - 1)
    assert watch.due() == []
    clock.advance(1)
    assert watch.due() == [one.candidates[1]]
    one.candidates[1].begin(clock.monotonic())
    assert watch.due() == []  # it is being tried


def test_of_a_channel_that_is_closed_as_a_whole_one_well_credential_is_due() -> None:
    clock, one = FakeClock(), channel(credentials=["sk-0", "sk-1", "sk-2"])
    watch = prober(clock, one, channel("chn_2"))
    closed(one.healths[0], "limited", clock)
    closed(one.vitals.channel, "fault", clock)
    assert watch.due() == []
    clock.advance(60)
    assert watch.due() == [one.candidates[1]]
    for health in one.healths:
        closed(health, "quota", clock)
    assert watch.due() == []


@pytest.mark.parametrize("name", NAMES)
def test_every_vendor_can_be_asked_with_what_it_speaks(name: str) -> None:
    """Those that sign or buy tokens first, too."""
    vendor = vendors.load()[name]
    one = channel(vendor=vendor, models={"m": "theirs"}, credentials=["AKIA:secret"])
    kind = next(kind for kind in ping.ASKED if one.serves(kind))
    endpoint = one.target(kind)
    assert endpoint is not None
    call = ping.call(
        one.candidates[0], Asked(endpoint, "theirs"), 1_780_000_000.0, "tok" if vendor.token else None
    )
    head = call.head.decode()
    assert head.startswith("POST /")
    assert head.endswith("\r\n")
    assert head.lower().count("content-type: application/json\r\n") == 1
    assert "{" not in head.splitlines()[0]
    body = msgspec.json.decode(call.body)
    assert "theirs" in (body.get("model", ""), *head.splitlines()[0].replace(":", "/").split("/"))
    assert "ping" in call.body.decode()
    assert not body.get("stream")


def test_a_models_own_kind_decides_what_it_is_asked_for() -> None:
    def chosen(
        capabilities: tuple[str, ...], upstream: str = "theirs", name: str = "openai"
    ) -> tuple[str, str]:
        one = channel(models={"m": upstream}, vendor=vendors.load()[name])
        return prober(FakeClock(), one, m={"capabilities": capabilities})._choose(one, None)

    every = ("chat", "embeddings", "images", "speech")
    assert chosen(("chat",)) == ("m", "chat")
    assert chosen(("chat",), name="anthropic") == ("m", "chat")
    assert chosen(("embeddings",)) == ("m", "embeddings")
    assert chosen(("images", "moderations")) == ("m", "moderations")
    assert chosen(every) == ("m", "chat")  # an operator's own model, of which nothing is known but its name
    assert chosen(every, "text-embedding-3-small") == ("m", "embeddings")
    assert chosen(every, "voyage-3.5", "voyageai") == ("m", "embeddings")
    for hopeless in (("images",), ("speech", "transcription"), ()):
        with pytest.raises(BadRequest, match="no model can be"):
            chosen(hopeless)


def test_the_vendors_words_come_without_secrets_hosts_and_control_characters() -> None:
    one = channel(credentials=["AKIASECRETID:wJalr-secret"], origin=Origin(True, "vendor.example", 443))
    words = (
        "AKIASECRETID at VENDOR.example with wJalr-secret, AKIASECRETID:wJalr-secret and a-token\x1b[31m\n"
        + "x" * 999
    )
    body = msgspec.json.encode({"error": {"message": words}})
    text = ping.said(UpstreamRefusedUs("no"), body, one.candidates[0], "a-token")
    assert text.startswith("no; its words: *** at *** with ***, ")
    assert text.isprintable()
    assert not [
        word
        for word in ("AKIASECRETID", "wJalr", "a-token", "vendor.example")
        if word.lower() in text.lower()
    ]
    assert len(text) < ping.MAX_WORDS + 50


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"error":"no"}', b'{"error":null}', b'{"error":{"message":1}}']
)
def test_a_body_without_words_leaves_ours(body: bytes) -> None:
    assert ping.said(UpstreamRefusedUs("no"), body, channel().candidates[0], None) == "no"


def test_words_elsewhere_in_a_vendors_body_are_found() -> None:
    one = channel(vendor=vendors.load()["bedrock"])
    assert (
        ping.said(UpstreamRefusedUs("no"), b'{"message":"why"}', one.candidates[0], None)
        == "no; its words: why"
    )

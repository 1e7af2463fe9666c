"""Ten credentials of one channel, one of them bad: it alone leaves, for the time of its cause, and is tried again."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from email.utils import formatdate

import pytest
from tests.faults.harness import Case, Gateway
from tests.faults.raw import CANARY, request
from tests.faults.upstream import Seen, Step, completion, whole
from tests.trust.stand import arrange, assert_ready, channels_of, in_turn, say
from tests.unit.routing.making import channel, grant, model, snapshot

from pronghorn.errors import PronghornError, UpstreamLimited, UpstreamRefusedUs
from pronghorn.routing import plan
from pronghorn.routing.health import LIMITED_MAX_S, LIMITED_S, QUOTA_S, REFUSED_S, Cause, Health
from pronghorn.routing.plan import judge

pytestmark = pytest.mark.asyncio(loop_scope="module")

POOL = [f"{CANARY}-{number}" for number in range(10)]
BAD = 7
MOST_ATTEMPTS = 5


def refusal(status: str, headers: str = "", **more: str) -> tuple[bytes]:
    return whole({"error": {"message": "no", "type": "t"} | more}, status, headers=headers)


def dated(after_s: float) -> str:
    """By the vendor's own clock, which is an hour behind ours."""
    now = time.time() - 3600
    return (
        f"date: {formatdate(now, usegmt=True)}\r\nretry-after: {formatdate(now + after_s, usegmt=True)}\r\n"
    )


SAID: dict[str, tuple[Callable[[], tuple[bytes]], Cause, float, float]] = {
    "401": (lambda: refusal("401 No"), "refused", REFUSED_S, REFUSED_S),
    "403": (lambda: refusal("403 No"), "refused", REFUSED_S, REFUSED_S),
    "402": (lambda: refusal("402 Pay"), "quota", QUOTA_S, QUOTA_S),
    "429 for want of money": (
        lambda: refusal("429 Pay", code="insufficient_quota"),
        "quota",
        QUOTA_S,
        QUOTA_S,
    ),
    "429 with seconds": (lambda: refusal("429 Slow", "retry-after: 40\r\n"), "limited", 40, 40),
    "429 with a date": (lambda: refusal("429 Slow", dated(40)), "limited", 38, 41),
    "429 without a time": (lambda: refusal("429 Slow"), "limited", LIMITED_S * 0.75, LIMITED_S),
    "429 with 1e9 seconds": (
        lambda: refusal("429 Slow", "retry-after: 1000000000\r\n"),
        "limited",
        LIMITED_MAX_S,
        LIMITED_MAX_S,
    ),
    "429 with nonsense": (
        lambda: refusal("429 Slow", "retry-after: soon\r\n"),
        "limited",
        LIMITED_S * 0.75,
        LIMITED_S,
    ),
}
"""What a vendor says, what it means, and for how long the credential is left alone."""


def only_for(bad: set[int], answer: Sequence[Step]) -> Callable[[Seen], Sequence[Step]]:
    return lambda seen: answer if place_of(seen) in bad else whole(completion())


def place_of(seen: Seen) -> int:
    return int(seen.header("authorization").rpartition("-")[2])


def longest_left_s(health: Health) -> float:
    return health.until_s - time.monotonic()


@pytest.mark.parametrize("what", SAID)
async def test_of_ten_credentials_the_bad_one_leaves_and_no_caller_notices(
    gateway: Gateway, what: str
) -> None:
    tell, cause, low_s, high_s = SAID[what]
    case = await gateway.case()
    await arrange(case, credentials=POOL)
    gateway.upstream.seen = []
    gateway.upstream.choose = only_for({BAD}, tell())
    begun = time.monotonic()
    while channels_of(case)[0].healths[BAD].cause is None:
        assert (await say(case)).status == 200
    left_s, elapsed_s = longest_left_s(channels_of(case)[0].healths[BAD]), time.monotonic() - begun
    assert low_s - elapsed_s <= left_s <= high_s
    gateway.upstream.choose = only_for({BAD}, tell())
    if high_s > LIMITED_S:  # a shorter time is over before the others have had their turns
        assert {answer.status for answer in await in_turn(100, 4, lambda _: say(case))} == {200}
        places = Counter(map(place_of, gateway.upstream.seen))
        assert places[BAD] == 1
        assert set(places) == set(range(10))
    found = channels_of(case)[0]
    assert found.healths[BAD].cause == cause
    assert [health.cause for place, health in enumerate(found.healths) if place != BAD] == [None] * 9
    assert found.vitals.channel.cause is None  # the channel itself is well
    rows = await case.rows()
    assert max(len(row.attempts) for row in rows) == 2
    assert sum(len(row.attempts) == 2 for row in rows) == 1 or high_s <= LIMITED_S
    await case.assert_invariants()
    await assert_ready(gateway)


async def test_a_limited_pool_is_asked_five_times_and_then_says_how_long_to_wait(gateway: Gateway) -> None:
    case = await gateway.case()
    await arrange(case, credentials=POOL)
    gateway.upstream.plays(*refusal("429 Slow", "retry-after: 30\r\n"))
    first = await say(case)
    assert (first.status, first.header("retry-after")) == (429, "30")
    assert len(gateway.upstream.seen) == MOST_ATTEMPTS
    await say(case)
    assert len(gateway.upstream.seen) == 2 * MOST_ATTEMPTS
    assert len({place_of(seen) for seen in gateway.upstream.seen}) == 10
    last = await say(case)
    assert (last.status, last.error["code"]) == (503, "no_channel")
    assert 1 <= int(last.header("retry-after")) <= 30
    assert len(gateway.upstream.seen) == 2 * MOST_ATTEMPTS
    await case.assert_invariants()


async def test_a_refused_credential_raises_an_alarm_without_its_secret(case: Case) -> None:
    import structlog

    (logs,) = structlog.get_config()["processors"]
    before = len(logs.entries)
    await arrange(case, credentials=POOL)
    case.gateway.upstream.choose = only_for({BAD}, refusal("401 No"))
    while channels_of(case)[0].healths[BAD].cause is None:
        assert (await say(case)).status == 200
    (alarm,) = [entry for entry in logs.entries[before:] if entry["event"] == "credential.closed"]
    found = channels_of(case)[0].id
    assert (alarm["log_level"], alarm["channel"], alarm["place"]) == ("error", found, BAD)
    assert (alarm["status"], alarm["cause"]) == (401, "refused")
    metrics = await case.call(request("GET", "/metrics"))
    assert metrics.status == 200
    case.ids.pop()


@pytest.mark.parametrize(
    ("outcome", "closed_s"),
    [
        (lambda: UpstreamRefusedUs(), REFUSED_S),
        (lambda: UpstreamLimited(retry_after_s=20.0), 20.0),
        (lambda: UpstreamLimited(retry_after_s=1e9), LIMITED_MAX_S),
    ],
    ids=["refused", "limited", "limited for ever"],
)
async def test_a_credential_is_tried_again_when_its_time_is_over_and_by_one_request(
    outcome: Callable[[], PronghornError], closed_s: float
) -> None:
    random.seed(20261126)
    known = snapshot(channels=[channel("a", credentials=POOL)])

    def ask(now_s: float, count: int, result: PronghornError | None) -> Counter[int]:
        places: Counter[int] = Counter()
        for _ in range(count):
            candidate = next(plan(known, grant(), model(), "chat", now_s=now_s))
            candidate.begin(now_s)
            judge(candidate, result if candidate.place == BAD else None, now_s)
            places[candidate.place] += 1
        return places

    assert ask(0.0, 10, outcome())[BAD] == 1
    assert ask(closed_s - 0.1, 900, None)[BAD] == 0
    assert ask(closed_s + 0.1, 100, outcome())[BAD] == 1  # still bad: one request found out
    assert ask(closed_s + 0.2, 100, None)[BAD] == 0
    assert ask(2 * closed_s + 0.2, 1_000, None)[BAD] == 100


async def test_limits_met_by_calls_that_were_under_way_close_a_credential_once() -> None:
    """Fifty calls hear of the limit at once: that is one limit, and its first rest is the shortest."""
    known = snapshot(channels=[channel("a")])
    candidates = [next(plan(known, grant(), model(), "chat", now_s=100.0)) for _ in range(50)]
    for candidate in candidates:
        candidate.begin(100.0)
    for number, candidate in enumerate(candidates):
        judge(candidate, UpstreamLimited(), 100.0 + number / 1000)
    assert known.channels[0].healths[0].until_s <= 100.0 + LIMITED_S + 0.05

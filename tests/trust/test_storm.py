"""When every channel fails: the vendors get little more than the traffic itself, and callers a quick answer."""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.faults.harness import Case, Gateway, running
from tests.faults.raw import RawAnswer
from tests.faults.upstream import ScriptedUpstream, whole
from tests.trust.stand import Held, assert_ready, at_rate, channels_of, in_turn, percentile

from pronghorn.routing.budget import MOST, SHARE
from pronghorn.routing.health import FAULT_MAX_S, FAULTS_IN_A_ROW

pytestmark = pytest.mark.asyncio(loop_scope="module")

PER_S = 200.0
CHANNELS = 3
QUICK_S = 0.1
DOWN = whole({"error": {"message": "down", "code": "c"}}, "503 Down")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """With the pause and the second round over all channels that every gateway makes by default."""
    async with running(tmp_path_factory.mktemp("gateway"), retries=1) as gateway:
        yield gateway


@pytest_asyncio.fixture(loop_scope="module")
async def vendors() -> AsyncIterator[list[ScriptedUpstream]]:
    found = [await ScriptedUpstream().start() for _ in range(CHANNELS)]
    for vendor in found:
        vendor.plays(*DOWN)
    yield found
    for vendor in found:
        await vendor.close()


def asked(vendors: list[ScriptedUpstream]) -> int:
    return sum(len(vendor.seen) for vendor in vendors)


@pytest.mark.parametrize(
    "count", [480, pytest.param(6_000, marks=[pytest.mark.nightly, pytest.mark.timeout(240)])]
)
async def test_a_storm_of_retries_is_held_to_a_fifth_of_the_traffic(
    gateway: Gateway, vendors: list[ScriptedUpstream], count: int
) -> None:
    """The worst case: no breaker ever closes, as if each request met other channels. Then the budget alone holds.

    Counted at the vendors: all requests that came in, first ones and repeated ones. The budget begins with
    100 retries for a sudden failure; those are spent in the first part and not counted in the second.
    """
    case = await gateway.case(*(vendor.url for vendor in vendors))

    async def ask(_: int) -> RawAnswer:
        case.heal()
        return await case.chat()

    held = await Held.at_rest(gateway)
    burst = count // 4
    first = await at_rate(burst, PER_S, ask)
    at_burst = asked(vendors)
    rest = await at_rate(count - burst, PER_S, ask)
    steady = (asked(vendors) - at_burst) / (count - burst)
    print(f"\nburst: {at_burst} calls of {burst} requests; then {steady:.3f} calls a request")
    assert {answer.status for answer in first + rest} <= {502, 503}
    assert at_burst <= burst * (1 + SHARE) + MOST
    assert 1.1 < steady <= 1 + SHARE + 0.01  # what is free is used, and no more
    case.heal()
    await case.assert_invariants()
    await held.is_back(gateway)


async def test_with_all_channels_closed_the_answer_is_quick_and_says_when_to_come_back(
    gateway: Gateway, vendors: list[ScriptedUpstream]
) -> None:
    case = await gateway.case(*(vendor.url for vendor in vendors))
    for _ in range(CHANNELS * FAULTS_IN_A_ROW):
        await case.chat()
    assert all(channel.vitals.channel.cause == "fault" for channel in channels_of(case))
    before = asked(vendors)
    took_s: list[float] = []
    answers = await in_turn(400, 4, lambda _: timed(case, took_s))
    p99_s = percentile(took_s, 0.99)
    print(f"\np99 of a refusal: {p99_s * 1000:.1f} ms; {asked(vendors) - before} calls for 400 requests")
    refused = [answer for answer in answers if answer.status == 503]
    assert len(refused) >= 380  # the others were the trials that look whether a channel is well again
    assert {answer.error["code"] for answer in refused} == {"no_channel"}
    assert all(1 <= int(answer.header("retry-after")) <= FAULT_MAX_S for answer in refused)
    assert asked(vendors) - before <= 20
    assert p99_s <= QUICK_S
    await case.assert_invariants()
    await assert_ready(gateway)


async def timed(case: Case, took_s: list[float]) -> RawAnswer:
    begun = time.monotonic()
    answer = await case.chat()
    took_s.append(time.monotonic() - begun)
    return answer

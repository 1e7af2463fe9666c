"""The turns of one conversation meet one credential, where the vendor has its prompt cached; health overrides it."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from tests.faults.harness import Case, Gateway
from tests.faults.raw import CANARY
from tests.faults.upstream import ScriptedUpstream, Seen, completion, whole
from tests.trust.stand import arrange, assert_ready, in_turn

pytestmark = pytest.mark.asyncio(loop_scope="module")

POOL = [f"{CANARY}-{place}" for place in range(4)]
TURNS = 10
STAYS = 0.95
SIZES = [40, pytest.param(200, marks=[pytest.mark.nightly, pytest.mark.timeout(240)])]
Place = tuple[int, str]
"""The vendor and the credential."""


class Vendors:
    """Three of them; each remembers which turn came with which credential."""

    def __init__(self, upstreams: list[ScriptedUpstream]) -> None:
        self.upstreams = upstreams
        self.places: dict[str, list[Place]] = {}
        self.dead: Place | None = None
        for number, upstream in enumerate(upstreams):
            upstream.choose = partial(self._answer, number)

    def _answer(self, number: int, seen: Seen) -> tuple[bytes]:
        place = number, seen.header("authorization").rpartition("-")[2]
        if place == self.dead:
            return whole({"error": {"message": "no", "type": "t"}}, "401 No")
        self.places.setdefault(seen.json()["messages"][1]["content"], []).append(place)
        return whole(completion())


@pytest_asyncio.fixture(loop_scope="module")
async def vendors() -> AsyncIterator[Vendors]:
    upstreams = [await ScriptedUpstream().start() for _ in range(3)]
    yield Vendors(upstreams)
    for upstream in upstreams:
        await upstream.close()


@pytest_asyncio.fixture(loop_scope="module")
async def talk(gateway: Gateway, vendors: Vendors) -> AsyncIterator[Case]:
    case = await gateway.case(*(upstream.url for upstream in vendors.upstreams), usd=100)
    await arrange(case, credentials=POOL)
    yield case
    await case.assert_invariants()
    await assert_ready(gateway)


def turn(name: str, number: int, key: str | None) -> dict[str, Any]:
    """The conversation up to its turn of that number: each repeats all that was said before."""
    said: list[dict[str, str]] = [{"role": "system", "content": "Be brief."}]
    said.append({"role": "user", "content": name})
    for past in range(number):
        said.append({"role": "assistant", "content": f"answer {past}"})
        said.append({"role": "user", "content": f"question {past}"})
    return {"messages": said} | ({"prompt_cache_key": key} if key else {})


async def converse(case: Case, count: int, *, with_key: bool) -> list[str]:
    """All turns of all conversations, those of one conversation one after the other, many at once."""
    names = [f"conversation {number} {'with' if with_key else 'without'} a key" for number in range(count)]

    async def whole_talk(number: int) -> None:
        key = f"cache-{number}" if with_key else None
        for place in range(TURNS):
            assert (await case.chat(**turn(names[number], place, key))).status == 200
            await asyncio.sleep(random.random() / 1000)

    await in_turn(count, 8, whole_talk)
    return names


@pytest.mark.parametrize("with_key", [True, False], ids=["with a cache key", "by its beginning"])
@pytest.mark.parametrize("count", SIZES)
async def test_turns_stay_on_one_credential_and_conversations_spread(
    talk: Case, vendors: Vendors, count: int, with_key: bool
) -> None:
    names = await converse(talk, count, with_key=with_key)
    homes = {name: Counter(vendors.places[name]).most_common(1)[0] for name in names}
    stayed = sum(turns for _, turns in homes.values()) / (count * TURNS)
    used = Counter(place for place, _ in homes.values())
    print(f"\n{stayed:.1%} of {count * TURNS} turns stayed, over {len(used)} of 12 credentials")
    assert stayed >= STAYS
    assert len(used) >= 8
    by_vendor = Counter(vendor for vendor, _ in used.elements())
    assert all(by_vendor[number] >= count * 0.1 for number in range(3))


async def test_the_next_turn_is_answered_in_one_more_attempt_when_the_credential_dies(
    talk: Case, vendors: Vendors
) -> None:
    name = "a conversation whose credential dies"
    for number in range(3):
        assert (await talk.chat(**turn(name, number, None))).status == 200
    (home,) = set(vendors.places[name])
    vendors.dead = home
    for number in range(3, TURNS):
        assert (await talk.chat(**turn(name, number, None))).status == 200
    rows = await talk.rows()
    assert [len(row.attempts) for row in rows] == [1, 1, 1, 2, 1, 1, 1, 1, 1, 1]
    (second,) = set(vendors.places[name][3:])  # and from then on it stays there
    assert second != home
    assert second[0] == home[0]  # the same vendor, where another credential may share the cache


async def test_the_turns_of_a_dead_vendor_go_on_elsewhere_and_the_others_stay(
    talk: Case, vendors: Vendors
) -> None:
    names = await converse(talk, 12, with_key=False)
    before = {name: vendors.places[name][-1] for name in names}
    gone = before[names[0]][0]
    down = whole({"error": {"message": "m"}}, "500 Oops")
    vendors.upstreams[gone].choose = lambda _: down
    for name in names:
        assert (await talk.chat(**turn(name, TURNS, None))).status == 200
    for name in names:
        last = vendors.places[name][-1]
        assert (last == before[name]) == (before[name][0] != gone)
    assert max(len(row.attempts) for row in await talk.rows()) == 2

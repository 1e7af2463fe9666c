"""Health of channels as operators read it: states, causes and times by the clock that is handed in, and no secret."""

from typing import Any

import pytest
from tests.manage.installed import Manage

from pronghorn import routing
from pronghorn.kit.clock import iso
from pronghorn.routing.health import FAULTS_IN_A_ROW, REFUSED_S, SLOW_START_S, Cause, Health

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = "sk-canary-1b7e90aa43"
WELL = {"state": "ok", "cause": None, "closed_until": None, "open_calls": 0}


async def _channel(manage: Manage, count: int = 2) -> tuple[str, routing.Channel]:
    """Its id, and how the server uses it."""
    pool = [f"{CANARY}-{number}" for number in range(count)]
    body = {"name": "main", "vendor": "openai", "base_url": "http://127.0.0.1:9", "credentials": pool}
    found = (await manage.post("/channels", **body, models=["gpt-4o-mini"]))["id"]
    return found, next(one for one in manage.gateway.loader.snapshot.channels if one.id == found)


async def _health(manage: Manage, channel_id: str) -> dict[str, Any]:
    return dict((await manage.get(f"/channels/{channel_id}"))["health"])


def _fail(manage: Manage, health: Health, cause: Cause) -> None:
    health.begin(manage.clock.monotonic())
    health.fail(cause, manage.clock.monotonic())


async def test_a_new_channel_is_well_in_every_answer_that_has_it(manage: Manage) -> None:
    found, _ = await _channel(manage)
    seen = await _health(manage, found)
    hints = (await manage.get(f"/channels/{found}"))["credential_hints"]
    assert seen == WELL | {
        "summary": "ok",
        "credentials": [WELL | {"place": place, "hint": hints[place]} for place in (0, 1)],
    }
    listed = {item["id"]: item for item in await manage.items("/channels")}
    assert listed[found]["health"] == seen
    assert (await manage.patch(f"/channels/{found}", weight=2))["health"] == seen


async def test_a_credential_goes_through_all_states(manage: Manage) -> None:
    found, used = await _channel(manage)
    way, clock = used.healths[1], manage.clock

    async def shown() -> tuple[str, str | None, str | None]:
        one = (await _health(manage, found))["credentials"][1]
        return one["state"], one["cause"], one["closed_until"]

    _fail(manage, way, "refused")
    assert await shown() == ("closed", "refused", iso(clock.now() + REFUSED_S))
    assert (await _health(manage, found))["summary"] == "1 of 2 credentials closed: refused"
    clock.advance(100)
    assert await shown() == ("closed", "refused", iso(clock.now() + REFUSED_S - 100))
    clock.jump(-5_000)  # the wall clock is set; what is left of the time is not less for that
    assert await shown() == ("closed", "refused", iso(clock.now() + REFUSED_S - 100))
    clock.advance(REFUSED_S)
    assert await shown() == ("probing", "refused", None)
    assert (await _health(manage, found))["summary"] == "1 of 2 credentials probing: refused"
    way.begin(clock.monotonic())
    assert (await _health(manage, found))["credentials"][1]["open_calls"] == 1
    way.succeed(clock.monotonic())
    assert await shown() == ("slow_start", None, None)
    assert (await _health(manage, found))["summary"] == "slow_start"
    clock.advance(SLOW_START_S)
    assert await shown() == ("ok", None, None)


async def test_a_channel_closes_for_faults_and_a_reset_opens_it(manage: Manage) -> None:
    found, used = await _channel(manage)
    for _ in range(FAULTS_IN_A_ROW):
        assert (await _health(manage, found))["summary"] == "ok"
        _fail(manage, used.vitals.channel, "fault")
    _fail(manage, used.healths[0], "quota")
    seen = await _health(manage, found)
    assert (seen["state"], seen["cause"], seen["summary"]) == ("closed", "fault", "closed: fault")
    assert seen["closed_until"] > iso(manage.clock.now())
    reset = await manage.post(f"/channels/{found}/reset")
    assert reset == await manage.get(f"/channels/{found}")
    assert (reset["health"]["summary"], reset["health"]["state"]) == ("ok", "ok")
    assert used.candidates[0].is_well()
    (row, *_) = await manage.items(f"/audit?subject={found}")
    assert (row["action"], row["detail"]) == ("channel.reset", {})


async def test_what_was_seen_stays_when_the_pool_or_the_name_changes(manage: Manage) -> None:
    found, used = await _channel(manage)
    _fail(manage, used.healths[1], "quota")
    pool = [f"{CANARY}-new", f"{CANARY}-1"]
    changed = await manage.patch(f"/channels/{found}", name="other", credentials=pool)
    states = [(way["place"], way["state"]) for way in changed["health"]["credentials"]]
    assert states == [(0, "ok"), (1, "closed")]
    fewer = await manage.patch(f"/channels/{found}", credentials=[])
    assert fewer["health"]["credentials"] == [WELL | {"place": 0, "hint": ""}]


async def test_a_disabled_channel_has_no_health_and_neither_test_nor_reset(manage: Manage) -> None:
    found, _ = await _channel(manage)
    assert (await manage.patch(f"/channels/{found}", disabled=True))["health"] is None
    before = await manage.items("/audit")
    for action in ("test", "reset"):
        error = await manage.refused(409, "POST", f"/channels/{found}/{action}", {})
        assert f"PATCH /manage/v1/channels/{found}" in error["message"]
    assert await manage.items("/audit") == before


@pytest.mark.parametrize("action", ["test", "reset"])
async def test_what_is_not_there_is_not_tested(manage: Manage, action: str) -> None:
    await manage.refused(404, "POST", f"/channels/chn_none/{action}", {})
    error = await manage.refused(404, "POST", f"/channels/sandbox/{action}", {})
    assert "--no-sandbox" in error["message"]


@pytest.mark.parametrize(
    "body",
    [{"credential": -1}, {"credential": 2}, {"credential": "0"}, {"model": 1}, {"model": "x"}, {"modl": "x"}],
    ids=str,
)
async def test_a_wrong_field_of_a_test_is_named(manage: Manage, body: dict[str, Any]) -> None:
    found, _ = await _channel(manage)
    error = await manage.refused(400, "POST", f"/channels/{found}/test", body)
    assert error["param"] == next(iter(body))


async def test_a_test_against_nobody_is_told_and_leaves_an_audit_row(manage: Manage) -> None:
    found, used = await _channel(manage)
    rows = (await manage.post(f"/channels/{found}/test"))["items"]
    assert [(row["place"], row["ok"], row["status"]) for row in rows] == [(0, False, None), (1, False, None)]
    assert used.vitals.channel.open_calls == 0
    (row, *_) = await manage.items(f"/audit?subject={found}")
    assert (row["action"], row["detail"]) == ("channel.test", {"model": "gpt-4o-mini", "ok": 0, "failed": 2})
    assert all(CANARY not in answer for answer in manage.answers)

"""Keys: their form, their limits, and that they are shown once."""

import json
import re
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.manage.installed import Manage

pytestmark = pytest.mark.asyncio(loop_scope="module")

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LIMITS = {
    "models": ["gpt-4o-mini", "claude-*"],
    "ips": ["203.0.113.7", "2001:db8::/32"],
    "group": "default",
    "budget_usd": "20.00",
    "rpm": 60,
    "tpm": 100_000,
    "concurrency": 4,
    "body_bytes": 50_000_000,
    "strict": True,
    "expires_at": "2030-01-31T12:00:00.000Z",
}


async def _key(manage: Manage, **more: Any) -> dict[str, Any]:
    body = {"account_id": await manage.account(), "name": "laptop", "mode": "live"} | more
    made: dict[str, Any] = await manage.post("/keys", **body)
    return made


async def test_addresses_are_kept_in_their_usual_form(manage: Manage) -> None:
    made = await _key(manage, ips=["::ffff:127.0.0.1", "::ffff:10.0.0.0/104", "2001:DB8:0::/32", "127.0.0.1"])
    assert made["ips"] == ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"]


@pytest.mark.parametrize("mode", ["live", "test"])
async def test_a_key_is_48_base62_characters_with_its_mode_and_a_checksum(manage: Manage, mode: str) -> None:
    key = (await _key(manage, mode=mode))["key"]
    assert re.fullmatch(f"sk-{mode}[0-9A-Za-z]{{44}}", key)
    number, digits = zlib.crc32(key[3:45].encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    assert key[45:] == digits


async def test_a_key_without_limits_may_do_what_its_account_may(manage: Manage) -> None:
    made = await _key(manage)
    account = made["account_id"]
    assert made | {"id": "", "key": "", "hint": ""} == {
        "id": "",
        "key": "",
        "hint": "",
        "account_id": account,
        "name": "laptop",
        "mode": "live",
        **dict.fromkeys(LIMITS),
        "strict": False,
        "spent_usd": "0.00",
        "disabled": False,
        "created_at": "2026-05-28T20:26:40.000Z",
    }
    assert made["hint"] == f"{made['key'][:11]}…{made['key'][-4:]}"


async def test_a_key_is_shown_this_once(manage: Manage) -> None:
    made = await _key(manage)
    secret = made.pop("key")
    before = len(manage.answers)
    assert await manage.get(f"/keys/{made['id']}") == made
    assert await manage.items(f"/keys?account_id={made['account_id']}") == [made]
    assert await manage.patch(f"/keys/{made['id']}", name="laptop") == made
    await manage.get("/keys")
    await manage.get("/audit")
    await manage.delete(f"/keys/{made['id']}")
    assert all(secret not in answer for answer in manage.answers[before:])
    data = manage.gateway.settings.data
    assert all(secret.encode() not in path.read_bytes() for path in data.rglob("*") if path.is_file())


async def test_all_limits_are_kept_changed_and_cleared(manage: Manage) -> None:
    made = await _key(manage, **LIMITS)
    assert {name: made[name] for name in LIMITS} == LIMITS
    changed = await manage.patch(f"/keys/{made['id']}", budget_usd="0.5", rpm=1, name="desk", disabled=True)
    assert changed["budget_usd"] == "0.50"
    assert (changed["rpm"], changed["name"], changed["disabled"]) == (1, "desk", True)
    assert changed["models"] == LIMITS["models"]
    cleared = await manage.patch(
        f"/keys/{made['id']}", **{name: None for name in LIMITS if name != "strict"}, strict=False
    )
    assert {name: cleared[name] for name in LIMITS} == dict.fromkeys(LIMITS) | {"strict": False}


async def test_a_time_of_another_zone_is_answered_in_utc(manage: Manage) -> None:
    made = await _key(manage, expires_at="2030-01-31T14:00:00+02:00")
    assert made["expires_at"] == "2030-01-31T12:00:00.000Z"


async def test_a_change_reaches_the_data_plane_with_its_answer(manage: Manage) -> None:
    made = await _key(manage)

    async def status() -> int:
        headers = {"authorization": f"Bearer {made['key']}"}
        return (await manage.http.get("/v1/models", headers=headers)).status_code

    assert await status() == 200
    for change, expected in (({"disabled": True}, 401), ({"disabled": False}, 200)):
        before = manage.gateway.loader.snapshot.revision
        await manage.patch(f"/keys/{made['id']}", **change)
        assert manage.gateway.loader.snapshot.revision > before
        assert await status() == expected
    await manage.delete(f"/keys/{made['id']}")
    assert await status() == 401
    await manage.refused(404, "GET", f"/keys/{made['id']}")
    await manage.refused(404, "DELETE", f"/keys/{made['id']}")


async def test_a_key_with_an_end_date_stops_then(manage: Manage) -> None:
    end = datetime.fromtimestamp(manage.clock.now(), UTC) + timedelta(seconds=60)
    made = await _key(manage, expires_at=end.isoformat())
    headers = {"authorization": f"Bearer {made['key']}"}
    assert (await manage.http.get("/v1/models", headers=headers)).status_code == 200
    manage.clock.jump(60)
    gone = await manage.http.get("/v1/models", headers=headers)
    manage.clock.jump(-60)
    assert gone.status_code == 401


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("budget_usd", "0"),
        ("budget_usd", "-1"),
        ("budget_usd", "NaN"),
        ("budget_usd", 5),
        ("budget_usd", "99999999999"),
        ("rpm", 0),
        ("rpm", -1),
        ("rpm", 1.5),
        ("rpm", "60"),
        ("rpm", True),
        ("tpm", 2**31),
        ("concurrency", 0),
        ("models", []),
        ("models", [""]),
        ("models", ["a*b"]),
        ("models", "gpt-4o"),
        ("ips", []),
        ("ips", ["example.com"]),
        ("ips", ["203.0.113.7/24"]),
        ("ips", [7]),
        ("expires_at", "tomorrow"),
        ("expires_at", "2020-01-01T00:00:00Z"),
        ("expires_at", "10000-01-01T00:00:00Z"),
        ("group", "none"),
        ("strict", "true"),
        ("name", ""),
    ],
    ids=repr,
)
async def test_a_wrong_limit_is_refused_by_name(manage: Manage, field: str, value: object) -> None:
    made = await _key(manage)
    body = {"account_id": made["account_id"], "name": "laptop", "mode": "live", field: value}
    for method, path, sent in (
        ("POST", "/keys", body),
        ("PATCH", f"/keys/{made['id']}", {field: value}),
    ):
        error = await manage.refused(400, method, path, sent)
        assert error["param"].partition("[")[0] == field
        assert error["message"].startswith(field)


async def test_a_key_belongs_to_an_account_and_a_mode_that_exist(manage: Manage) -> None:
    error = await manage.refused(
        400, "POST", "/keys", {"account_id": "acc_none", "name": "x", "mode": "live"}
    )
    assert error["param"] == "account_id"
    assert "GET /manage/v1/accounts" in error["message"]
    for mode in ("prod", "LIVE", None, 1):
        body = {"account_id": await manage.account(), "name": "x", "mode": mode}
        assert (await manage.refused(400, "POST", "/keys", body))["param"] == "mode"
    (first, *_) = await manage.items("/keys")
    for field, value in (("mode", "test"), ("account_id", first["account_id"]), ("key", "sk-x")):
        error = await manage.refused(400, "PATCH", f"/keys/{first['id']}", {field: value})
        assert error["param"] == field


async def test_lists_hold_no_hash(manage: Manage) -> None:
    made = await _key(manage)
    stored = json.dumps(await manage.get(f"/keys/{made['id']}"))
    assert "hash" not in stored

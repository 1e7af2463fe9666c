"""Channels: what they serve, and that credentials go in and never come out."""

from typing import Any

import pytest
from tests.manage.installed import Manage

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = "sk-canary-7c1f9e0d2b6a"
PROXY_CANARY = "hunter-canary-5d3c"
PROXY = f"http://ann:{PROXY_CANARY}@proxy.example:3128"


async def _channel(manage: Manage, **more: Any) -> dict[str, Any]:
    body = {"name": "main", "vendor": "openai", "credentials": [CANARY], "models": ["gpt-4o-mini"]} | more
    made: dict[str, Any] = await manage.post("/channels", **body)
    return made


async def test_a_channel_has_its_vendors_address_and_the_default_group(manage: Manage) -> None:
    made = await _channel(manage)
    assert made | {"id": ""} == {
        "id": "",
        "name": "main",
        "vendor": "openai",
        "base_url": "https://api.openai.com/v1",
        "credential_count": 1,
        "credential_hints": ["sk-…2b6a"],
        "models": {"gpt-4o-mini": "gpt-4o-mini"},
        "groups": ["default"],
        "priority": 0,
        "weight": 1,
        "cost": "1",
        **dict.fromkeys(("rpm", "tpm", "concurrency", "body_bytes")),
        "proxy": None,
        "disabled": False,
        "created_at": "2026-05-28T20:26:40.000Z",
        "health": made["health"],
    }
    assert await manage.get(f"/channels/{made['id']}") == made
    assert made in await manage.items("/channels")


async def test_everything_of_a_channel_can_be_given_and_changed(manage: Manage) -> None:
    group = (await manage.post("/groups", name="partners"))["name"]
    made = await _channel(
        manage,
        base_url="http://127.0.0.1:9/v1/",
        models={"fast": "gpt-4o-mini"},
        groups=["default", group, "default"],
        priority=-3,
        weight=7,
        proxy=PROXY,
        credentials=[CANARY, f" {CANARY} ", "short"],
    )
    assert (made["base_url"], made["models"]) == ("http://127.0.0.1:9/v1", {"fast": "gpt-4o-mini"})
    assert (made["groups"], made["priority"], made["weight"]) == (["default", group], -3, 7)
    assert made["proxy"] == "http://***@proxy.example:3128"
    assert (made["credential_count"], made["credential_hints"]) == (2, ["sk-…2b6a", "…"])
    changed = await manage.patch(
        f"/channels/{made['id']}",
        name="spare",
        base_url=None,
        models=["gpt-4o"],
        groups=[group],
        priority=1,
        weight=2,
        proxy=None,
        credentials=[],
        disabled=True,
    )
    assert changed == made | {
        "name": "spare",
        "base_url": "https://api.openai.com/v1",
        "models": {"gpt-4o": "gpt-4o"},
        "groups": [group],
        "priority": 1,
        "weight": 2,
        "proxy": None,
        "credential_count": 0,
        "credential_hints": [],
        "disabled": True,
        "health": None,
    }


async def test_a_name_that_the_catalogue_lacks_becomes_a_model(manage: Manage) -> None:
    await manage.refused(404, "GET", "/models/house-model")
    await _channel(manage, models={"house-model": "gpt-4o-mini"})
    model = await manage.get("/models/house-model")
    assert (model["vendor"], model["own"], model["price"]) == ("openai", True, None)


async def test_a_channel_comes_to_the_data_plane_and_goes_from_it_at_once(manage: Manage) -> None:
    account = await manage.account()
    key = (await manage.post("/keys", account_id=account, name="k", mode="live"))["key"]

    async def can_use() -> bool:
        headers = {"authorization": f"Bearer {key}"}
        listed = (await manage.http.get("/v1/models", headers=headers)).json()["data"]
        return "come-and-go" in [model["id"] for model in listed]

    await manage.put("/prices/come-and-go", input_usd_per_million="1")
    assert not await can_use()
    made = await _channel(manage, models={"come-and-go": "x"})
    assert await can_use()
    await manage.delete(f"/channels/{made['id']}")
    assert not await can_use()
    await manage.refused(404, "GET", f"/channels/{made['id']}")


async def test_no_answer_no_file_and_no_log_holds_a_credential(
    manage: Manage, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(manage.answers)
    made = await _channel(manage, proxy=PROXY)
    path = f"/channels/{made['id']}"
    await manage.patch(path, credentials=[CANARY, f"{CANARY}-2"], proxy=PROXY, priority=2)
    for bad in (
        {"credentials": [f"{CANARY}\n{CANARY}"]},
        {"credentials": CANARY},
        {"credentials": {CANARY: CANARY}},
        {"credentials": [[CANARY]]},
        {"credentials": [CANARY * 1000]},
        {"proxy": f"socks5://ann:{PROXY_CANARY}@proxy.example"},
        {"proxy": f"http://ann:{PROXY_CANARY}@proxy.example:port"},
        {"base_url": f"https://ann:{PROXY_CANARY}@vendor.example/v1"},
        {"base_url": f"https://vendor.example/v1?key={CANARY}"},
        {"base_url": f"{CANARY}://vendor.example"},
    ):
        await manage.refused(400, "PATCH", path, bad)
    await manage.refused(400, "PATCH", path, content=f'{{"credentials": ["{CANARY}"'.encode())
    for listing in ("/channels", path, "/audit", "/models?limit=1000", "/nothing"):
        await manage.call("GET", listing)
    await manage.delete(path)
    seen = "\n".join(manage.answers[before:]) + "".join(capsys.readouterr())
    assert CANARY not in seen
    assert PROXY_CANARY not in seen
    for file in manage.gateway.settings.data.rglob("*"):
        assert file.is_dir() or not {CANARY, PROXY_CANARY} & {
            canary for canary in (CANARY, PROXY_CANARY) if canary.encode() in file.read_bytes()
        }


async def test_a_channel_sealed_with_a_lost_secret_still_shows_and_takes_a_new_credential(
    manage: Manage,
) -> None:
    made = await _channel(manage, proxy=PROXY)
    async with manage.gateway.database.write() as tx:
        await tx.exec_driver_sql("UPDATE channels SET credentials = 'x', proxy = 'x'")
    shown = await manage.get(f"/channels/{made['id']}")
    assert (shown["credential_count"], shown["credential_hints"], shown["proxy"]) == (None, [], "***")
    mended = await manage.patch(f"/channels/{made['id']}", credentials=[CANARY], proxy=None)
    assert (mended["credential_count"], mended["proxy"]) == (1, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vendor", "nobody"),
        ("name", ""),
        ("models", []),
        ("models", {}),
        ("models", [""]),
        ("models", {"a": " b"}),
        ("models", {"a": 1}),
        ("models", [f"m{number}" for number in range(2_001)]),
        ("base_url", "ftp://vendor.example"),
        ("base_url", "vendor.example/v1"),
        ("base_url", "http://"),
        ("base_url", "http://a b/"),
        ("base_url", "http://vendor.example:0/v1"),
        ("base_url", "http://vendor.example:99999/v1"),
        ("credentials", [""]),
        ("credentials", ["sk-ä"]),
        ("groups", []),
        ("groups", ["none"]),
        ("priority", 1_000_001),
        ("priority", 0.5),
        ("weight", 0),
        ("weight", -1),
        ("proxy", "https://proxy.example:3128"),
        ("proxy", "http://proxy.example:3128/path"),
        ("proxy", "http://proxy.example"),
        ("proxy", "http://ann:pass@proxy.example/"),
        ("proxy", "http://proxy.example:0"),
        ("proxy", f"http://ann:{'x' * 300}@proxy.example:3128"),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_wrong_field_is_refused_by_name(manage: Manage, field: str, value: object) -> None:
    body = {"name": "main", "vendor": "openai", "models": ["gpt-4o-mini"], field: value}
    error = await manage.refused(400, "POST", "/channels", body)
    assert error["param"].partition("[")[0].partition(".")[0] == field
    assert error["message"].startswith(field)


async def test_an_unknown_vendor_is_answered_with_those_that_there_are(manage: Manage) -> None:
    body = {"name": "main", "vendor": "nobody", "models": ["m"]}
    message = (await manage.refused(400, "POST", "/channels", body))["message"]
    assert "openai" in message
    assert "base_url" in message

"""Models of the catalogue and their prices."""

from urllib.parse import quote

import pytest
from tests.manage.installed import Manage

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERYTHING = [
    "chat",
    "completions",
    "embeddings",
    "images",
    "speech",
    "transcription",
    "moderations",
    "rerank",
    "realtime",
]
NAMES = ["house", "org/house-7b", "org/house:free", "house@v1.2", "house 7b", "häuschen", "a/b/c", "100%"]


async def test_the_catalogue_is_listed_with_its_prices(manage: Manage) -> None:
    page = await manage.get("/models?limit=1000")
    (mini,) = [model for model in page["items"] if model["name"] == "gpt-4o-mini"]
    assert (mini["vendor"], mini["own"], mini["retired"]) == ("openai", False, False)
    assert mini["price"]["input_usd_per_million"] == "0.15"
    assert await manage.get("/models/gpt-4o-mini") == mini


async def test_models_are_filtered_by_vendor_and_by_retired(manage: Manage) -> None:
    assert {model["vendor"] for model in await manage.items("/models?vendor=openai")} == {"openai"}
    await manage.put("/models/old", vendor="house")
    await manage.patch("/models/old", retired=True)
    assert [model["name"] for model in await manage.items("/models?vendor=house&retired=true")] == ["old"]
    assert await manage.items("/models?vendor=house&retired=false") == []


@pytest.mark.parametrize("name", NAMES)
async def test_a_model_and_its_price_go_by_any_name(manage: Manage, name: str) -> None:
    for path in {quote(name), quote(name, safe="")}:
        made = await manage.put(f"/models/{path}", vendor="house")
        assert (made["name"], made["capabilities"], made["own"]) == (name, EVERYTHING, True)
        assert (await manage.get(f"/models/{path}"))["price"] is None
        await manage.put(f"/prices/{path}", per_call_usd="0.01")
        assert (await manage.get(f"/prices/{path}"))["model"] == name
        assert (await manage.get(f"/models/{path}"))["price"] == {"per_call_usd": "0.01"}
        await manage.delete(f"/prices/{path}")
        await manage.refused(404, "GET", f"/prices/{path}")


async def test_put_replaces_a_model_and_patch_changes_it(manage: Manage) -> None:
    about = {"display_name": "House", "description": "ours", "capabilities": ["chat"], "context_tokens": 8192}
    await manage.put("/models/mine", vendor="house", max_output_tokens=100, **about)
    replaced = await manage.put("/models/mine", vendor="other", capabilities=["rerank", "rerank"])
    assert (replaced["vendor"], replaced["display_name"], replaced["max_output_tokens"]) == (
        "other",
        "",
        None,
    )
    assert replaced["capabilities"] == ["rerank"]
    changed = await manage.patch("/models/mine", **about, max_output_tokens=7)
    assert changed == replaced | about | {"max_output_tokens": 7}
    assert (await manage.patch("/models/mine", context_tokens=None))["context_tokens"] is None


async def test_a_changed_model_of_the_catalogue_becomes_the_operators(manage: Manage) -> None:
    assert (await manage.patch("/models/gpt-4o", description="the big one"))["own"] is True


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vendor", ""),
        ("vendor", "x" * 41),
        ("display_name", "x" * 201),
        ("capabilities", ["flying"]),
        ("capabilities", "chat"),
        ("context_tokens", 0),
        ("context_tokens", 2**31),
        ("max_output_tokens", "100"),
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_a_wrong_field_of_a_model_is_refused_by_name(manage: Manage, field: str, value: object) -> None:
    error = await manage.refused(400, "PUT", "/models/wrong", {"vendor": "house", field: value})
    assert error["param"].partition("[")[0] == field
    await manage.refused(404, "GET", "/models/wrong")


@pytest.mark.parametrize("path", ["/models/%20a", "/models/" + "x" * 201, "/models/a%0Ab"], ids=repr)
async def test_a_models_name_is_a_line_of_text(manage: Manage, path: str) -> None:
    await manage.refused(400, "PUT", path, {"vendor": "house"})
    await manage.refused(400, "PUT", path.replace("models", "prices"), {"per_call_usd": "1"})


async def test_the_operators_price_replaces_the_list_price_until_it_is_deleted(manage: Manage) -> None:
    listed = await manage.get("/prices/gpt-4o-mini")
    assert (listed["source"], listed["operator"]) == ("list", None)
    given = {
        "input_usd_per_million": "0.15",
        "output_usd_per_million": "0.6",
        "cache_read_usd_per_million": "0.075",
        "tiers": [{"above_input_tokens": 200_000, "input_usd_per_million": "0.3"}],
        "per_image_usd": {"hd/1024x1024": "0.08", "default": "0.04"},
    }
    own = await manage.put("/prices/gpt-4o-mini", **given, note="deal", cache_write_usd_per_million="0.2")
    expected = given | dict.fromkeys(
        ("cache_write_5m_usd_per_million", "cache_write_1h_usd_per_million"), "0.2"
    )
    assert (own["source"], own["effective"], own["operator"]) == ("operator", expected, expected)
    assert (own["list"], own["note"]) == (listed["list"], "deal")
    assert own["updated_at"] == "2026-05-28T20:26:40.000Z"
    assert [
        price for price in await manage.items("/prices?limit=1000") if price["model"] == own["model"]
    ] == [own]
    replaced = await manage.put("/prices/gpt-4o-mini", per_second_usd="0.000001")
    assert replaced["effective"] == {"per_second_usd": "0.000001"}
    await manage.delete("/prices/gpt-4o-mini")
    assert await manage.get("/prices/gpt-4o-mini") == listed
    error = await manage.refused(404, "DELETE", "/prices/gpt-4o-mini")
    assert "gpt-4o-mini" in error["message"]


async def test_a_price_reaches_the_data_plane_at_once(manage: Manage) -> None:
    before = manage.gateway.loader.snapshot.revision
    await manage.put("/prices/gpt-4o", input_usd_per_million="2.5")
    assert manage.gateway.loader.snapshot.revision > before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("input_usd_per_million", "-1"),
        ("input_usd_per_million", "1e3"),
        ("input_usd_per_million", "NaN"),
        ("input_usd_per_million", "0.0000001"),
        ("input_usd_per_million", "9999999999999"),
        ("per_image_usd", "free"),
        ("input_usd_per_million", 0.15),
        ("output_usd_per_million", ""),
        ("per_call_usd", "free"),
        ("per_second_usd", "-0.1"),
        ("per_image_usd", {"default": "x"}),
        ("per_image_usd", {}),
        ("tiers", [{"above_input_tokens": 0, "input_usd_per_million": "1"}]),
        ("tiers", [{"above_input_tokens": 1, "input_usd_per_million": "x"}]),
        ("tiers", [{"above_input_tokens": 1}, {"above_input_tokens": 1}]),
        ("tiers", [{"input_usd_per_million": "1"}]),
        ("cache_write_usd_per_million", "x"),
        ("currency", "EUR"),
    ],
    ids=repr,
)
async def test_a_wrong_price_is_refused_by_name(manage: Manage, field: str, value: object) -> None:
    error = await manage.refused(400, "PUT", "/prices/wrong", {field: value})
    assert (error["param"] or "").partition("[")[0] == field
    assert error["message"].count(field) == 1, "named once"
    await manage.refused(404, "GET", "/prices/wrong")


async def test_an_empty_price_is_refused_and_a_price_of_nothing_is_not(manage: Manage) -> None:
    assert "input_usd_per_million" in (await manage.refused(400, "PUT", "/prices/x", {}))["message"]
    assert (await manage.put("/prices/x", input_usd_per_million="0"))["effective"] == {
        "input_usd_per_million": "0"
    }


async def test_who_asks_for_nothing_is_shown_the_way(manage: Manage) -> None:
    assert "GET /manage/v1/models" in (await manage.refused(404, "GET", "/models/none"))["message"]
    assert "PUT /manage/v1/prices/none" in (await manage.refused(404, "GET", "/prices/none"))["message"]
    await manage.refused(404, "PATCH", "/models/none", {"retired": True})

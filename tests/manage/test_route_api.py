"""Routes: what operators may let a model's name lead to."""

from typing import Any
from urllib.parse import quote

import pytest
from tests.manage.installed import Manage

from pronghorn.manage.services.routes import MAX_TARGETS, Fallbacks
from pronghorn.routing.route import CAUSES

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOTHING: dict[str, list[str]] = {"context_too_long": [], "content_filter": [], "unavailable": []}
NAMES = [
    "fast",
    "gpt-4o",
    "org/fast",
    "*",
    "gpt-4*",
    "*-mini",
    "org/*:free",
    "fast v1.2",
    "schnell-ü",
    "100%",
]
CAUSE = {"models": "models"} | {f"fallbacks.{cause}": cause for cause in CAUSES}


def _body(param: str, names: Any) -> dict[str, Any]:
    """A route whose one list is `names`."""
    return {"models": names} if param == "models" else {"fallbacks": {CAUSE[param]: names}}


async def test_a_route_is_set_replaced_listed_and_removed(manage: Manage) -> None:
    before = manage.gateway.loader.snapshot.revision
    fallbacks = {"context_too_long": ["gemini-2.5-flash"], "unavailable": ["gpt-4o", "gemini-2.5-flash"]}
    made = await manage.put(
        "/routes/smart", models=["gpt-4o-mini", "gpt-4o"], policy="latency", fallbacks=fallbacks
    )
    assert made == {
        "name": "smart",
        "models": ["gpt-4o-mini", "gpt-4o"],
        "policy": "latency",
        "fallbacks": NOTHING | fallbacks,
        "created_at": "2026-05-28T20:26:40.000Z",
    }
    assert await manage.get("/routes/smart") == made
    assert made in await manage.items("/routes")
    assert manage.gateway.loader.snapshot.revision > before
    replaced = await manage.put("/routes/smart", models=["gpt-4o"])
    assert replaced == made | {"models": ["gpt-4o"], "policy": None, "fallbacks": NOTHING}
    await manage.delete("/routes/smart")
    for method in ("GET", "DELETE"):
        assert "GET /manage/v1/routes" in (await manage.refused(404, method, "/routes/smart"))["message"]
    assert made["name"] not in {route["name"] for route in await manage.items("/routes")}


@pytest.mark.parametrize("name", NAMES)
async def test_a_route_goes_by_any_name(manage: Manage, name: str) -> None:
    for path in {quote(name), quote(name, safe=""), quote(name, safe="/*")}:
        assert (await manage.put(f"/routes/{path}", models=["gpt-4o"]))["name"] == name
        assert (await manage.get(f"/routes/{path}"))["models"] == ["gpt-4o"]
        await manage.delete(f"/routes/{path}")
        await manage.refused(404, "GET", f"/routes/{path}")


@pytest.mark.parametrize("path", ["/routes/%20a", "/routes/" + "x" * 201, "/routes/a%0Ab"], ids=repr)
async def test_a_routes_name_is_a_line_of_text(manage: Manage, path: str) -> None:
    error = await manage.refused(400, "PUT", path, {"models": ["gpt-4o"]})
    assert error["param"] == "name"


async def test_the_causes_are_those_that_routing_knows() -> None:
    assert Fallbacks.__struct_fields__ == CAUSES


@pytest.mark.parametrize("name", ["gpt-4o", "gpt-4*", "*"])
async def test_a_model_or_a_pattern_may_stand_for_itself(manage: Manage, name: str) -> None:
    made = await manage.put(f"/routes/{name}")
    assert (made["models"], made["policy"], made["fallbacks"]) == ([], None, NOTHING)
    assert (await manage.put(f"/routes/{name}", policy="load"))["policy"] == "load"
    await manage.delete(f"/routes/{name}")


async def test_an_alias_must_lead_somewhere(manage: Manage) -> None:
    error = await manage.refused(400, "PUT", "/routes/gpt-4o-mni", {"policy": "price"})
    assert error["param"] == "models"
    assert "'gpt-4o-mni'" in error["message"]
    assert "gpt-4o-mini" in error["message"]
    await manage.refused(404, "GET", "/routes/gpt-4o-mni")


@pytest.mark.parametrize("param", CAUSE)
async def test_a_target_that_is_no_model_is_refused_with_the_closest(manage: Manage, param: str) -> None:
    error = await manage.refused(400, "PUT", "/routes/gpt-4o", _body(param, ["gpt-4o", "gpt-4o-mnii"]))
    assert error["param"] == param
    assert "'gpt-4o-mnii'" in error["message"]
    assert "the closest: gpt-4o-mini" in error["message"]
    assert "GET /manage/v1/models" in error["message"]
    await manage.refused(404, "GET", "/routes/gpt-4o")


@pytest.mark.parametrize("param", CAUSE)
async def test_an_alias_is_no_target(manage: Manage, param: str) -> None:
    await manage.put("/routes/house-fast", models=["gpt-4o-mini", "gpt-4o"])
    error = await manage.refused(400, "PUT", "/routes/gpt-4o", _body(param, ["house-fast"]))
    assert error["param"] == param
    assert "do not chain" in error["message"]
    assert error["message"].endswith("gpt-4o-mini, gpt-4o")


async def test_an_alias_does_not_lead_to_itself(manage: Manage) -> None:
    for _ in range(2):
        error = await manage.refused(400, "PUT", "/routes/round", {"models": ["round"]})
        assert error["param"] == "models"
        assert (await manage.put("/routes/round", models=["gpt-4o"]))["models"] == ["gpt-4o"]


async def test_two_models_may_stand_in_for_each_other(manage: Manage) -> None:
    for name, other in (("gpt-4o", "gpt-4o-mini"), ("gpt-4o-mini", "gpt-4o")):
        made = await manage.put(f"/routes/{name}", fallbacks={"unavailable": [other]})
        assert made["fallbacks"]["unavailable"] == [other]


async def test_a_model_of_the_operators_own_is_a_target(manage: Manage) -> None:
    await manage.post("/channels", name="own", vendor="vllm", base_url="http://x", models=["house/7b"])
    assert (await manage.put("/routes/cheap", models=["house/7b"]))["models"] == ["house/7b"]


@pytest.mark.parametrize("param", CAUSE)
async def test_a_list_has_ten_names_at_most_each_once(manage: Manage, param: str) -> None:
    page = await manage.items(f"/models?limit={MAX_TARGETS + 1}")
    names = [model["name"] for model in page]
    path = "/routes/*"
    error = await manage.refused(400, "PUT", path, _body(param, names))
    assert error["param"] == param
    made = await manage.put(path, **_body(param, names[:MAX_TARGETS]))
    again = await manage.put(path, **_body(param, names[: MAX_TARGETS - 1] + names[:1]))
    for route, count in ((made, MAX_TARGETS), (again, MAX_TARGETS - 1)):
        assert (route | route["fallbacks"])[CAUSE[param]] == names[:count]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"policy": "fastest"}, "policy"),
        ({"policy": 1}, "policy"),
        ({"models": "gpt-4o"}, "models"),
        ({"models": None}, "models"),
        ({"models": [1]}, "models[0]"),
        ({"models": [""]}, "models[0]"),
        ({"models": [" gpt-4o"]}, "models"),
        ({"models": ["gpt-4*"]}, "models"),
        ({"models": ["x" * 201]}, "models[0]"),
        ({"fallbacks": {"overload": ["gpt-4o"]}}, "fallbacks.overload"),
        ({"fallbacks": {"unavailable": "gpt-4o"}}, "fallbacks.unavailable"),
        ({"fallbacks": {"unavailable": ["a\tb"]}}, "fallbacks.unavailable"),
        ({"fallbacks": ["gpt-4o"]}, "fallbacks"),
        ({"fallbacks": None}, "fallbacks"),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_wrong_field_is_refused_by_name(manage: Manage, body: dict[str, Any], param: str) -> None:
    error = await manage.refused(400, "PUT", "/routes/wrong*", body)
    assert error["param"] == param
    await manage.refused(404, "GET", "/routes/wrong*")


async def test_the_audit_says_where_a_name_led(manage: Manage) -> None:
    await manage.put("/routes/told", models=["gpt-4o"], fallbacks={"content_filter": ["gpt-4o-mini"]})
    await manage.delete("/routes/told")
    gone, made = await manage.items("/audit?subject=told")
    assert (made["action"], gone["action"]) == ("route.set", "route.delete")
    assert made["detail"] == {
        "models": ["gpt-4o"],
        "policy": None,
        "fallbacks": {"content_filter": ["gpt-4o-mini"]},
    }

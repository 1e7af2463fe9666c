"""Who may call the management API, and what everybody else is told."""

import pytest
from tests.manage.installed import Manage

from pronghorn.accounts.keys import new_token

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _refusal(manage: Manage, authorization: str | None) -> str:
    request = manage.http.build_request("GET", "/manage/v1/accounts")
    del request.headers["authorization"]
    if authorization is not None:
        request.headers["authorization"] = authorization
    response = await manage.http.send(request)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    error = response.json()["error"]
    assert error["code"] == "invalid_token"
    return str(error["message"])


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer sk-test", "Basic cGh0LTE6Mg==", "pht-"]
)
async def test_without_an_admin_token_the_way_to_one_is_said(
    manage: Manage, authorization: str | None
) -> None:
    message = await _refusal(manage, authorization)
    assert "Authorization: Bearer pht-" in message
    assert "`pronghorn token create`" in message


async def test_a_token_that_nobody_made_is_refused_and_not_quoted(manage: Manage) -> None:
    token = new_token()
    message = await _refusal(manage, f"Bearer {token}")
    assert "`pronghorn token create`" in message
    assert token not in message


async def test_an_api_key_is_no_admin_token(manage: Manage) -> None:
    await _refusal(manage, f"Bearer {manage.first.live_key}")


async def test_the_scheme_is_read_in_any_case(manage: Manage) -> None:
    headers = {"authorization": f"bearer  {manage.first.admin_token}"}
    assert (await manage.call("GET", "/accounts", headers=headers)).status_code == 200


async def test_a_revoked_token_is_refused(manage: Manage) -> None:
    made = await manage.post("/tokens", name="script")
    (shown,) = [token for token in await manage.items("/tokens") if token["id"] == made["id"]]
    assert (await manage.call("GET", "/keys", headers=_bearer(made["token"]))).status_code == 200
    await manage.delete(f"/tokens/{shown['id']}")
    await _refusal(manage, f"Bearer {made['token']}")


@pytest.mark.parametrize("change", [{"disabled": True}, {"role": "user"}], ids=str)
async def test_a_token_opens_nothing_once_its_user_is_no_enabled_admin(
    manage: Manage, change: dict[str, object]
) -> None:
    user = await manage.post("/users", email=f"{next(iter(change))}@example.com", role="admin")
    made = await manage.post("/tokens", name="script", user_id=user["id"])
    await manage.patch(f"/users/{user['id']}", **change)
    await _refusal(manage, f"Bearer {made['token']}")


async def test_a_token_goes_with_its_user(manage: Manage) -> None:
    user = await manage.post("/users", email="ann@example.com", role="admin")
    made = await manage.post("/tokens", name="script", user_id=user["id"])
    await manage.delete(f"/users/{user['id']}")
    await _refusal(manage, f"Bearer {made['token']}")


async def test_every_route_wants_a_token_before_it_reads_anything(manage: Manage) -> None:
    document = (await manage.http.get("/manage/openapi.json")).json()
    for path, item in document["paths"].items():
        for method in item:
            response = await manage.http.request(method, path, content=b"{", headers={"authorization": ""})
            assert response.status_code == 401, (method, path)


async def test_what_is_answered_is_kept_by_no_cache_and_has_an_id(manage: Manage) -> None:
    for path in ("/accounts", "/nothing"):
        response = await manage.call("GET", path)
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-request-id"].startswith("req_")


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}

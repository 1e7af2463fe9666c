"""What comes in: bodies are read strictly, unknown names are refused, and each refusal says where."""

import pytest
from tests.manage.installed import Manage

from pronghorn.manage.app import MAX_BODY_BYTES

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"content-type": "application/json"}


async def test_no_body_takes_a_field_that_is_not_there(manage: Manage) -> None:
    """For each route with a body, as the OpenAPI document lists them."""
    document = (await manage.http.get("/manage/openapi.json")).json()
    routes = [
        (method.upper(), path.removeprefix("/manage/v1"))
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if "requestBody" in operation
    ]
    assert len(routes) >= 13
    for method, path in routes:
        error = await manage.refused(400, method, path, {"surprise": 1})
        assert error["param"] == "surprise"
        assert "/manage/openapi.json" in error["message"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "needs a body"),
        (b"{", "valid JSON"),
        (b'{"name": "x"} {}', "valid JSON"),
        (b"\xff", "valid JSON"),
        (b'{"name": "\xff"}', "valid JSON"),
        (b'{"name": "\\ud800"}', "valid JSON"),
        (b"[" * 100_000, "expected `object`"),
        (b"NaN", "valid JSON"),
        (b"null", "expected `object`"),
        (b"[]", "expected `object`"),
        (b'"name"', "expected `object`"),
        (b"{}", "name: this field is required"),
        (b'{"name": "\\u0000"}', "U+0000"),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_a_broken_body_is_refused_with_what_is_wrong(manage: Manage, content: bytes, says: str) -> None:
    error = await manage.refused(400, "POST", "/accounts", content=content, headers=JSON)
    assert says in error["message"]


async def test_a_body_is_read_as_json_whatever_it_is_called(manage: Manage) -> None:
    """`curl -d` calls it a form when it is not told otherwise."""
    for kind in ("application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8"):
        response = await manage.call(
            "POST", "/accounts", content=b'{"name": "x"}', headers={"content-type": kind}
        )
        assert response.status_code == 201, kind


async def test_a_huge_body_is_refused_before_it_is_read(manage: Manage) -> None:
    await manage.refused(413, "POST", "/accounts", content=b" " * (MAX_BODY_BYTES + 1), headers=JSON)


@pytest.mark.parametrize("query", ["acount_id=x", "limit=5&x=1", "Cursor=", "context=1", "part=1"])
async def test_a_query_parameter_that_is_not_there_is_refused_by_name(manage: Manage, query: str) -> None:
    error = await manage.refused(400, "GET", f"/keys?{query}")
    assert error["param"] in query
    assert "account_id, cursor, limit, since, until" in error["message"]


async def test_a_query_parameter_that_is_given_twice_is_refused_by_name(manage: Manage) -> None:
    error = await manage.refused(400, "GET", "/keys?account_id=acc_1&account_id=acc_2")
    assert error["param"] == "account_id"


@pytest.mark.parametrize("path", ["/accounts?mode=prod", "/requests?mode=", "/models?retired=maybe"])
async def test_a_wrong_value_in_a_query_is_refused_by_name(manage: Manage, path: str) -> None:
    error = await manage.refused(400, "GET", path)
    assert error["param"] == path.partition("?")[2].partition("=")[0]


async def test_a_path_or_method_that_is_not_there_is_answered_in_the_same_shape(manage: Manage) -> None:
    assert "/manage/openapi.json" in (await manage.refused(404, "GET", "/nothing"))["message"]
    response = await manage.call("PUT", "/accounts")
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"GET", "POST", "OPTIONS"}
    assert "PUT" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "path", ["/manage/", "/manage/nothing", "/manage/v1", "/manage/v2/keys", "/manage/a/b.html"]
)
async def test_whatever_is_not_there_is_a_404_in_json_that_says_where_to_look(
    manage: Manage, path: str
) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = await manage.http.request(method, path)
        assert answer.status_code == 404, (method, answer.text)
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.headers["x-request-id"].startswith("req_")
        assert "/manage/openapi.json" in answer.json()["error"]["message"]


async def test_options_says_every_method_of_a_path(manage: Manage) -> None:
    for path, methods in (
        ("/accounts", "GET, OPTIONS, POST"),
        ("/keys/key_1", "DELETE, GET, OPTIONS, PATCH"),
        ("/prices/org/model", "DELETE, GET, OPTIONS, PUT"),
    ):
        response = await manage.call("OPTIONS", path)
        assert (response.status_code, response.headers.get_list("allow")) == (204, [methods])


@pytest.mark.parametrize("number", ["9" * 5_000, "1e400", "-0", "1.0", "60.0000001", "true", '"60"'])
async def test_a_whole_number_is_a_whole_number(manage: Manage, number: str) -> None:
    account = await manage.account()
    body = f'{{"account_id": "{account}", "name": "x", "mode": "live", "rpm": {number}}}'
    await manage.refused(400, "POST", "/keys", content=body.encode(), headers=JSON)

"""Pages: newest first, of any size between 1 and 1000, and a cursor that nothing can shift."""

from typing import Any

import pytest
from tests.manage.installed import Manage

pytestmark = pytest.mark.asyncio(loop_scope="module")

LISTS = [
    "accounts", "keys", "channels", "models", "prices", "groups", "requests", "entries", "users", "tokens", "audit",
]  # fmt: skip

CURSORS = ["x", "", "W10", "WzEsMl0x", "WzEsbnVsbF0", "é", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5LCJhIl0"]
"""Not base64, nothing, `[]`, `[1,2]` and more, `[1,null]`, not ASCII, `[99999999999999999999,"a"]`."""


async def _pages(manage: Manage, path: str, limit: int) -> list[list[dict[str, Any]]]:
    found, cursor = [], ""
    while True:
        page = await manage.get(f"{path}limit={limit}{cursor}")
        found.append(page["items"])
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


async def test_pages_are_whole_newest_first_and_stay_put_when_rows_come(manage: Manage) -> None:
    made = [account["id"] for account in await manage.items("/accounts")]
    for number in range(7):
        made.append(await manage.account(f"page {number}"))
        manage.clock.advance(number % 2)  # some at one moment
    first = await manage.get("/accounts?limit=3")
    manage.clock.advance(1)
    await manage.account("comes meanwhile")
    second = await manage.get(f"/accounts?limit=3&cursor={first['next']}")
    third = await manage.get(f"/accounts?limit=3&cursor={second['next']}")
    listed = [account for page in (first, second, third) for account in page["items"]]
    assert [len(page["items"]) for page in (first, second, third)] == [3, 3, 2]
    assert third["next"] is None
    moments = [account["created_at"] for account in listed]
    assert moments == sorted(moments, reverse=True)
    assert sorted(account["id"] for account in listed) == sorted(made)


async def test_since_is_inside_and_until_is_outside(manage: Manage) -> None:
    manage.clock.advance(1_000)
    names = []
    for number in range(3):
        names.append(f"m{number}")
        await manage.post("/groups", name=names[-1])
        manage.clock.advance(10)
    moments = [(await manage.get(f"/groups/{name}"))["created_at"] for name in names]

    async def listed(query: str) -> list[str]:
        return [group["name"] for group in await manage.items(f"/groups?{query}")]

    assert await listed(f"since={moments[0]}&until={moments[2]}") == ["m1", "m0"]
    assert await listed(f"since={moments[2]}") == ["m2"]
    assert await listed(f"since={moments[1]}&limit=1") == ["m2"]
    zoned = moments[2].replace("Z", "+00:00")
    assert await listed(f"since={zoned}") == ["m2"]


@pytest.mark.parametrize("name", LISTS)
async def test_every_list_pages_through_all_of_it(manage: Manage, name: str) -> None:
    await manage.post("/tokens", name="another")
    everything = await manage.get(f"/{name}?limit=1000")
    assert set(everything) == {"items", "next"}
    pages = await _pages(manage, f"/{name}?", max(1, len(everything["items"]) // 3))
    assert [item for page in pages for item in page] == everything["items"]


async def test_a_page_has_50_items_unless_asked(manage: Manage) -> None:
    page = await manage.get("/models")
    assert len(page["items"]) == 50
    assert page["next"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("limit", value) for value in ("0", "1001", "-1", "x", "1.5", "", "9" * 40)),
        *(("cursor", value) for value in CURSORS),
        *(
            ("since", value)
            for value in ("yesterday", "", "1", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59Z")
        ),
        ("until", "2026-13-01"),
    ],
)
async def test_a_wrong_part_is_refused_by_name_in_every_list(manage: Manage, field: str, value: str) -> None:
    for name in LISTS:
        error = await manage.refused(400, "GET", f"/{name}?{field}={value}")
        assert error["param"] == field
        assert field in error["message"]


async def test_a_cursor_of_another_kind_of_list_is_refused(manage: Manage) -> None:
    cursor = (await manage.get("/models?limit=1"))["next"]
    assert (await manage.refused(400, "GET", f"/audit?cursor={cursor}"))["param"] == "cursor"

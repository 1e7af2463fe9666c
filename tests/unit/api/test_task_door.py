"""What all doors have in common: many tasks are read part by part, so that one caller's list keeps nobody waiting."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
from tests.unit.tasks.test_midjourney_family import view_of

from pronghorn.api.tasks.door import PART, Asked
from pronghorn.tasks.view import View


class Shelf:
    """Has all tasks of one family whose number is even, and writes down after how many was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def links(self, base_url: str) -> None:
        return None

    async def many(self, grant: Any, ids: Sequence[str]) -> dict[str, View]:
        self.asked.append(len(ids))
        families = ("suno", "udio")
        return {one: view_of(id=one, family=families[int(one) % 4 // 2]) for one in ids if int(one) % 2 == 0}


@pytest.mark.parametrize("count", [0, 1, PART, PART + 1, 1_200])
async def test_many_are_read_part_by_part_each_once_and_in_order(count: int) -> None:
    shelf = Shelf()
    asked = Asked(
        method="POST",
        path="/fetch",
        query=b"",
        incoming=cast(Any, None),
        tasks=cast(Any, shelf),
        media=cast(Any, None),
        base_url="",
        grant=cast(Any, None),
        fetch_allow=(),
    )
    ids = [str(number) for number in reversed(range(count))]
    found = [view.id async for view in asked.several([*ids, *ids], "suno")]
    assert found == [one for one in ids if int(one) % 4 == 0]
    assert all(size <= PART for size in shelf.asked) and sum(shelf.asked) == count

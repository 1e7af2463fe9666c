"""What is made when it is first asked for is made once, and tried again if it could not be made."""

import asyncio

import pytest

from pronghorn.kit.later import OnDemand


async def test_it_is_built_once_for_all_who_ask_at_the_same_moment() -> None:
    built: list[int] = []

    def build() -> list[int]:
        built.append(1)
        return built

    thing = OnDemand(build)
    found = await asyncio.gather(thing(), thing(), thing())
    assert list(found) == [built] * 3
    assert (await thing(), built) == (built, [1])


async def test_a_build_that_failed_is_tried_again() -> None:
    tries = iter((OSError("no file left"), None))

    def build() -> str:
        if (error := next(tries)) is not None:
            raise error
        return "built"

    thing = OnDemand(build)
    for found in await asyncio.gather(thing(), thing(), return_exceptions=True):
        assert isinstance(found, OSError)
    assert await thing() == "built"
    with pytest.raises(StopIteration):
        next(tries)

"""Where this gateway has come to an end of what the system gives it, no vendor is blamed and no channel closed."""

import contextlib
import os
import resource
from collections.abc import Iterator

import pytest
from tests.faults import raw
from tests.faults.harness import Case
from tests.faults.upstream import completion, whole
from tests.trust.stand import Held, assert_ready, channels_of

from pronghorn.routing.health import FAULTS_IN_A_ROW

pytestmark = pytest.mark.asyncio(loop_scope="module")


@contextlib.contextmanager
def no_file_left() -> Iterator[None]:
    """This process cannot open one more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def until_closed(case: Case) -> None:
    """Files of the pool that are freed later would be files that are left."""
    while case.gateway.upstream.connections:
        await Held.at_rest(case.gateway)


async def test_without_a_file_for_the_vendor_the_caller_is_told_to_come_back(case: Case) -> None:
    case.gateway.upstream.plays(*whole(completion()))
    async with raw.connect(case.gateway.port) as connection:
        await connection.send(case.chat_request())
        assert (await connection.answer()).status == 200
        case.gateway.upstream.seen = []
        await until_closed(case)
        answers = []
        with no_file_left():
            for _ in range(FAULTS_IN_A_ROW + 1):
                await connection.send(case.chat_request())
                answers.append(await connection.answer())
        assert case.gateway.upstream.seen == []
        assert channels_of(case)[0].vitals.channel.cause is None, "the vendor was blamed"
        await connection.send(case.chat_request())
        assert (await connection.answer()).status == 200
    assert {answer.status for answer in answers} == {503}
    assert {answer.error["code"] for answer in answers} == {"unavailable"}
    assert all(answer.header("retry-after") for answer in answers)
    rows = await case.rows()
    assert sum(row.cost == 0 for row in rows) == len(answers)
    await assert_ready(case.gateway)

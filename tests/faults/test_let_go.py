"""Who failed is let go: its body is freed when the answer is out, and not when the garbage collector comes by."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from tests.faults.dialects import DIALECTS, ask, open_case
from tests.faults.harness import Case, Gateway, running
from tests.faults.upstream import End, Step, completion, refusing_port, stream, whole

from pronghorn.relay.exchange import Exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with running(tmp_path_factory.mktemp("gateway"), retries=1) as gateway:
        yield gateway


PAIRS = [("chat", "chat"), ("messages", "messages"), ("responses", "chat"), ("generate", "messages")]


def kept() -> list[Exchange]:
    return [found for found in gc.get_objects() if type(found) is Exchange]


@pytest.fixture
def collector_is_off() -> Any:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def assert_let_go(case: Case) -> None:
    """What is still on its way to its end holds its exchange by right, until its task is gone."""
    await case.rows()
    for _ in range(200):
        if not kept():
            return
        await asyncio.sleep(0.002)
    assert len(kept()) == 0


def error(status: str) -> tuple[Step, ...]:
    return whole({"error": {"message": "no", "type": "t", "code": "c"}}, status)


FAILURES: dict[str, Callable[[str, bool], tuple[Step, ...]]] = {
    "400": lambda _vendor, _is_stream: error("400 Bad Request"),
    "401": lambda _vendor, _is_stream: error("401 Unauthorized"),
    "429": lambda _vendor, _is_stream: error("429 Too Many Requests"),
    "500": lambda _vendor, _is_stream: error("500 Internal Server Error"),
    "503": lambda _vendor, _is_stream: error("503 Service Unavailable"),
    "no JSON": lambda _vendor, _is_stream: whole(b"<html>"),
    "hung up": lambda _vendor, _is_stream: (End.CLOSE,),
    "cut": lambda vendor, is_stream: (
        stream(*DIALECTS[vendor].opening, *DIALECTS[vendor].content)
        if is_stream
        else (*whole(DIALECTS[vendor].whole)[:-1], End.CLOSE)
    ),
}


@pytest.mark.usefixtures("collector_is_off")
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("door", "vendor"), PAIRS)
@pytest.mark.parametrize("name", FAILURES)
async def test_after_every_kind_of_failure(
    gateway: Gateway, name: str, door: str, vendor: str, is_stream: bool
) -> None:
    case = await open_case(gateway, door, vendor)
    gateway.upstream.plays(*FAILURES[name](vendor, is_stream))
    for _ in range(2):
        await case.call(ask(case, door, is_stream=is_stream))
    await assert_let_go(case)


@pytest.mark.usefixtures("collector_is_off")
async def test_after_a_failure_that_another_channel_made_good(gateway: Gateway) -> None:
    async with refusing_port() as nobody:
        case = await gateway.case(nobody, gateway.upstream.url)
        gateway.upstream.plays(*whole(completion()))
        assert (await case.chat()).status == 200
        await assert_let_go(case)


REFUSED: list[dict[str, Any]] = [
    {"model": "nobody"},
    {"model": 5},
    {"max_tokens": -1},
    {"n": 1000},
]


@pytest.mark.usefixtures("collector_is_off")
@pytest.mark.parametrize("members", REFUSED)
async def test_after_a_refusal_of_ours(gateway: Gateway, members: dict[str, Any]) -> None:
    case = await gateway.case()
    for _ in range(3):  # the last by the short way of a connection that is known
        assert 400 <= (await case.chat(**members)).status < 500
    await assert_let_go(case)


@pytest.mark.usefixtures("collector_is_off")
async def test_without_money(gateway: Gateway) -> None:
    case = await gateway.case(usd=0)
    assert (await case.chat()).status == 402
    await assert_let_go(case)

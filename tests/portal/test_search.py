"""Searches take as long in a long log as in a short one, whatever is asked for."""

import time
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import insert
from tests.gateway import running
from tests.portal.stand import Site, data, refused

from pronghorn.store import models as tables

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROWS = 120_000
KEYS = 1_000
LONGEST_S = 0.2
HOSTILE = (
    "%_" * 40,
    "%" * 90,
    "_" * 90,
    "a%" * 45,
    "\\" * 90,
    "%%%\\_",
    "x' OR '1'='1",
    "(a+)+$",
    "模型" * 40,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    async with running(tmp_path_factory.mktemp("search")) as run:
        site = Site(run)
        run.check_money = site.check_money  # type: ignore[method-assign]
        await site.add("ada")
        async with run.gateway.database.write() as tx:
            for start in range(0, ROWS, 10_000):
                await tx.execute(insert(tables.Request), [_row(at) for at in range(start, start + 10_000)])
            await tx.execute(insert(tables.Key), [_key(at) for at in range(KEYS)])
        yield await site.session(site.people["ada"])
        await site.close()


def _row(at: int) -> dict[str, object]:
    return {
        "id": f"req_{at:024x}",
        "created_ms": 1_780_000_000_000 + at,
        "mode": "live",
        "account_id": "acc_ada",
        "key_id": "key_ada",
        "group_name": "default",
        "endpoint": "chat",
        "model": "a" * 150 + str(at % 7),
        "is_stream": False,
        "status": 200,
        "end_reason": "ok",
        "error": "",
        "usage": {"input": 1, "output": 1},
        "hold": 0,
        "cost": 0,
        "shortfall": 0,
        "duration_ms": 1,
        "client_ip": "",
        "attempts": [],
        "explain": [],
        "posted_ms": 0,
    }


def _key(at: int) -> dict[str, object]:
    return {
        "id": f"key_n{at}",
        "account_id": "acc_ada",
        "name": "a" * 150 + str(at),
        "mode": "live",
        "hint": "sk-live",
        "hash": f"{at}".encode(),
        "spent": 0,
        "is_strict": False,
        "is_disabled": False,
        "created_ms": at,
    }


async def took_s(http: httpx.AsyncClient, path: str, **params: object) -> float:
    """The better of three: what else runs on the machine is not what is looked at."""
    best = 60.0
    for _ in range(3):
        begin = time.perf_counter()
        await data(http, path, params=params)
        best = min(best, time.perf_counter() - begin)
    return best


@pytest.mark.parametrize("keyword", HOSTILE)
async def test_no_keyword_takes_long(browser: httpx.AsyncClient, keyword: str) -> None:
    for path in ("/api/log/self/search", "/api/token/search", "/api/user/topup/self"):
        assert await took_s(browser, path, keyword=keyword, token=keyword) < LONGEST_S, path


async def test_a_common_keyword_and_a_far_page_take_no_longer(browser: httpx.AsyncClient) -> None:
    assert await took_s(browser, "/api/log/self/search", keyword="aaa", p=45, page_size=100) < LONGEST_S
    assert await took_s(browser, "/api/log/self", p=1_000, page_size=100) < 5 * LONGEST_S
    found = await data(browser, "/api/log/self/search?keyword=aaa")
    assert (found["total"], len(found["items"])) == (5_000, 20)


async def test_lists_are_capped_and_a_client_that_goes_on_finds_more(browser: httpx.AsyncClient) -> None:
    page = await data(browser, "/api/log/self?p=101&page_size=100")
    assert (page["page_size"], len(page["items"])) == (100, 100)
    assert page["total"] > 101 * 100
    assert "start" in await refused(browser, "GET", "/api/log/self?start_timestamp=x")
    assert "earlier end_timestamp" in await refused(browser, "GET", "/api/log/self?p=1100&page_size=100")


@pytest.mark.parametrize("length", [101, 201, 5_000])
async def test_a_long_keyword_is_refused(browser: httpx.AsyncClient, length: int) -> None:
    assert "keyword" in await refused(
        browser, "GET", "/api/log/self/search", params={"keyword": "a" * length}
    )

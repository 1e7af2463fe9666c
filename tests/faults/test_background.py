"""A response in the background is begun for those who may have it; the others are told at once, as ever."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select
from tests.faults.dialects import DIALECTS
from tests.faults.harness import Case, Gateway, running
from tests.faults.raw import RawAnswer
from tests.faults.upstream import stream

from pronghorn.relay import background
from pronghorn.store.models import Kept

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with running(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


async def begin(case: Case, **more: Any) -> RawAnswer:
    body = {"model": case.model, "input": "Hi", "background": True, "max_output_tokens": 100} | more
    return await case.call(case.post("/v1/responses", json.dumps(body).encode()))


async def kept_of(case: Case) -> int:
    async with case.gateway.inner.database.read() as tx:
        found = select(func.count()).where(Kept.account_id == case.account)
        return await tx.scalar(found) or 0


@pytest.mark.parametrize(
    ("status", "code", "case", "more"),
    [
        (404, "model_not_found", {}, {"model": "nobody"}),
        (403, "access_denied", {"models": ["another"]}, {}),
        (402, "insufficient_quota", {"usd": 0}, {}),
        (400, None, {"price": None}, {}),
    ],
)
async def test_who_may_not_have_it_is_told_and_nothing_is_kept(
    gateway: Gateway, status: int, code: str | None, case: dict[str, Any], more: dict[str, Any]
) -> None:
    refused = await gateway.case(**case)
    gateway.upstream.plays(*stream(*DIALECTS["responses"].events))
    answer = await begin(refused, **more)
    assert answer.status == status, answer.body
    if code is not None:
        assert json.loads(answer.body)["error"]["code"] == code
    assert (await kept_of(refused), len(gateway.upstream.seen)) == (0, 0)
    await refused.assert_invariants()


@pytest.mark.parametrize("is_long", [False, True], ids=["kept", "too long to be kept"])
async def test_who_comes_back_after_its_end_hears_the_rest(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, is_long: bool
) -> None:
    if is_long:
        monkeypatch.setattr(background, "KEPT_EVENTS_BYTES", 100)
    case = await gateway.case()
    opening, *rest = DIALECTS["responses"].events
    place = next(i for i, event in enumerate(rest) if b"output_text.delta" in event)
    gateway.upstream.plays(*stream(opening, *rest[:place], *[rest[place]] * 40, *rest[place + 1 :]))
    told = events_of(await begin(case, stream=True))
    response_id = told[0]["response"]["id"]
    missed = told[-5:]
    path = f"/v1/responses/{response_id}?stream=true&starting_after={missed[0]['sequence_number'] - 1}"
    found = events_of(await case.call(case.post(path, b"").replace(b"POST", b"GET", 1)))
    if is_long:
        assert [event["type"] for event in found] == ["response.completed"]
        assert found[0]["response"]["output"][0]["content"][0]["text"] == "one two"
    else:
        assert found == missed


def events_of(answer: RawAnswer) -> list[Any]:
    assert answer.status == 200, answer.body
    return [
        json.loads(data)
        for _, _, data in (part.partition(b"data: ") for part in answer.body.split(b"\n\n"))
        if data
    ]


async def test_who_may_have_it_finds_it_done(gateway: Gateway) -> None:
    case = await gateway.case()
    gateway.upstream.plays(*stream(*DIALECTS["responses"].events))
    answer = await begin(case)
    queued = json.loads(answer.body)
    assert (answer.status, queued["status"]) == (200, "queued")
    await gateway.upstream.reached()
    await case.rows()
    fetched = case.post(f"/v1/responses/{queued['id']}", b"").replace(b"POST", b"GET", 1)
    found = json.loads((await case.call(fetched)).body)
    assert found["status"] in ("in_progress", "completed")
    assert await kept_of(case) == 1

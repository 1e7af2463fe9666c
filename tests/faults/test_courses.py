"""Which model answers: aliases, patterns, models that stand in, the caller's own choice, and at whose price."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import delete, insert, update
from tests.faults.harness import Case, Gateway
from tests.faults.raw import RawAnswer
from tests.faults.upstream import Seen, completion, stream, whole

from pronghorn.store import models as tables
from pronghorn.store import revision

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEAR = {"input_usd_per_million": "10", "output_usd_per_million": "20"}
TOO_LONG = whole({"error": {"message": "m", "code": "context_length_exceeded"}}, "400 Bad")
FILTERED = whole({"error": {"message": "m", "code": "content_filter"}}, "400 Bad")
INVALID = whole({"error": {"message": "bad temperature", "code": "invalid_value"}}, "400 Bad")
DOWN = whole({"error": {"message": "m"}}, "500 Oops")


class Town:
    """One account whose key may call two models, of which the second is ten times as dear."""

    def __init__(self, gateway: Gateway, case: Case, other: str) -> None:
        self.gateway = gateway
        self.case = case
        self.first = case.model
        self.other = other

    async def route(self, name: str, **fields: Any) -> None:
        row = {"name": name, "models": [], "policy": None, "fallbacks": {}, "created_ms": 0} | fields
        async with self.gateway.inner.database.write() as tx:
            await tx.execute(insert(tables.Route).values(**row))
            await revision.bump(tx)
        await self.gateway.inner.loader.refresh()

    def answers(self, **by_model: Sequence[Any]) -> None:
        """What the vendor plays for `first` and for `other`."""
        names = {self.first: by_model.get("first"), self.other: by_model.get("other")}

        def choose(seen: Seen) -> Sequence[Any]:
            asked = seen.json()
            script = names[asked["model"]]
            return script or (stream() if asked.get("stream") else whole(completion()))

        self.gateway.upstream.choose = choose
        self.gateway.upstream.seen = []

    def asked(self) -> list[str]:
        return [
            "first" if seen.json()["model"] == self.first else "other" for seen in self.gateway.upstream.seen
        ]

    async def chat(self, headers: Mapping[str, str] | None = None, **body: Any) -> RawAnswer:
        members = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100} | body
        members.setdefault("model", self.first)
        content = json.dumps({name: value for name, value in members.items() if value is not ...}).encode()
        return await self.case.call(self.case.post("/v1/chat/completions", content, **dict(headers or {})))


@pytest_asyncio.fixture(loop_scope="module")
async def town(gateway: Gateway) -> AsyncIterator[Town]:
    case = await gateway.case(capabilities=["chat"])
    other = f"{case.model}-other"
    async with gateway.inner.database.write() as tx:
        await tx.execute(
            insert(tables.Model).values(name=other, vendor="x", capabilities=["chat"], created_ms=0)
        )
        price = {"model": other, "source": "operator", "components": DEAR, "updated_ms": 0}
        await tx.execute(insert(tables.Price).values(**price))
        channel = tables.Channel.__table__
        row = (await tx.execute(channel.select().where(channel.c.id.like(f"%{case.account[4:]}_0")))).one()
        mapped = {other: other}
        await tx.execute(
            insert(tables.Channel).values(row._asdict() | {"id": f"{row.id}x", "models": mapped})
        )
        await revision.bump(tx)
    await gateway.inner.loader.refresh()
    found = Town(gateway, case, other)
    found.answers()
    yield found
    await case.assert_invariants()
    async with gateway.inner.database.write() as tx:
        await tx.execute(delete(tables.Route))
        await revision.bump(tx)


COST, DEAR_COST = 10 * 1_000 + 5 * 2_000, 10 * 10_000 + 5 * 20_000


async def test_an_alias_is_served_by_its_model_at_its_price_and_says_so(town: Town) -> None:
    await town.route("fast", models=[town.other])
    answer = await town.chat(model="fast")
    assert answer.status == 200
    assert answer.header("x-pronghorn-model") == f"fast -> {town.other}"
    row = await town.case.row()
    assert (row.model, row.upstream_model, row.cost) == ("fast", town.other, DEAR_COST)


async def test_a_pattern_catches_what_has_no_name_of_its_own(town: Town) -> None:
    await town.route("claude-*", models=[town.other])
    assert (await town.chat(model="claude-9")).status == 200
    assert (await town.chat(model="claud-9")).status == 404
    assert town.asked() == ["other"]


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("script", "cause"),
    [(TOO_LONG, "context_too_long"), (FILTERED, "content_filter"), (DOWN, "unavailable")],
    ids=["too long", "filtered", "down"],
)
async def test_another_model_stands_in_for_its_cause_alone(
    town: Town, script: Sequence[Any], cause: str, is_stream: bool
) -> None:
    await town.route(town.first, fallbacks={cause: [town.other]})
    town.answers(first=script)
    answer = await town.chat(stream=is_stream)
    assert (answer.status, answer.is_whole) == (200, True)
    assert answer.header("x-pronghorn-model") == f"{town.first} -> {town.other}"
    row = await town.case.row()
    assert (row.model, row.upstream_model, row.cost) == (town.first, town.other, DEAR_COST)
    assert [attempt["status"] for attempt in row.attempts] == [500 if script is DOWN else 400, 200]
    town.case.heal()
    for other_script in {TOO_LONG, FILTERED, DOWN, INVALID} - {script}:
        town.answers(first=other_script)
        assert (await town.chat()).status in (400, 502)
        assert town.asked() == ["first"]
        town.case.heal()


async def test_callers_name_models_as_with_openrouter(town: Town) -> None:
    town.answers(first=TOO_LONG)
    answer = await town.chat(models=[town.first, town.other], provider={"sort": "price"})
    assert answer.status == 200
    assert town.asked() == ["first", "other"]
    assert all(not {"models", "provider"} & set(seen.json()) for seen in town.gateway.upstream.seen)
    assert answer.header("x-pronghorn-dropped") == ""
    town.answers()
    assert (await town.chat(model=..., models=[town.other])).status == 200
    assert town.asked() == ["other"]


async def test_a_key_never_reaches_a_model_that_is_not_on_its_list(town: Town) -> None:
    await town.route(town.first, fallbacks={"unavailable": [town.other]})
    async with town.gateway.inner.database.write() as tx:
        mine = tables.Key.account_id == town.case.account
        await tx.execute(update(tables.Key).where(mine).values(models=[town.first]))
        await revision.bump(tx)
    await town.gateway.inner.loader.refresh()
    town.answers(first=DOWN)
    assert (await town.chat()).status == 502
    assert (await town.chat(models=[town.first, town.other])).status == 403
    assert town.asked() == ["first"]


async def test_a_model_that_cannot_be_paid_does_not_stand_in(gateway: Gateway, town: Town) -> None:
    await town.route(town.first, fallbacks={"unavailable": [town.other]})
    await gateway.inner.credit.adjust(town.case.account, "live", -9_999_750_000, note="", now_ms=0)
    town.answers(first=DOWN)
    answer = await town.chat()
    assert answer.status == 502, answer.body
    assert town.asked() == ["first"]


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        ("only=openai; max-price=1/2", 200, None),
        ("only=anthropic", 404, "no_route"),
        ("max-price=0.5", 404, "no_route"),
        ("only=a; ignore=a", 400, "invalid_request_error"),
        ("nonsense", 400, "invalid_request_error"),
    ],
)
async def test_the_header(town: Town, header: str, status: int, code: str | None) -> None:
    answer = await town.chat({"x-pronghorn-route": header})
    assert answer.status == status, answer.body
    if code is not None:
        assert answer.error["code"] == code
        assert town.asked() == []
        assert (await town.case.row()).cost == 0


async def test_a_channel_is_named_in_any_script(gateway: Gateway, town: Town) -> None:
    mine = tables.Channel.id.like(f"%{town.case.account[4:]}_0")
    async with gateway.inner.database.write() as tx:
        await tx.execute(update(tables.Channel).where(mine).values(name="主渠道"))
        await revision.bump(tx)
    await gateway.inner.loader.refresh()
    named = "only=主渠道".encode().decode("latin-1")
    assert (await town.chat({"x-pronghorn-route": named})).status == 200


async def test_no_fallback_means_none(town: Town) -> None:
    await town.route(town.first, fallbacks={"unavailable": [town.other]})
    town.answers(first=DOWN)
    assert (await town.chat({"x-pronghorn-route": "no-fallback"})).status == 502
    assert town.asked() == ["first"]


async def test_header_and_body_may_not_both_say_the_way(town: Town) -> None:
    answer = await town.chat({"x-pronghorn-route": "only=openai"}, provider={"only": ["openai"]})
    assert answer.status == 400
    no_other = {"allow_fallbacks": False}
    answer = await town.chat(models=[town.other], provider=no_other)
    assert (answer.status, answer.error["param"]) == (400, "models")
    assert town.asked() == []


async def test_a_model_that_lacks_the_capability_is_named_with_one_that_has_it(town: Town) -> None:
    async with town.gateway.inner.database.write() as tx:
        found = {
            "name": f"{town.first}-embed",
            "vendor": "x",
            "capabilities": ["embeddings"],
            "created_ms": 0,
        }
        await tx.execute(insert(tables.Model).values(**found))
        mine = tables.Channel.id.like(f"%{town.case.account[4:]}_0x")
        names = {town.other: town.other, found["name"]: found["name"]}
        await tx.execute(update(tables.Channel).where(mine).values(models=names))
        await revision.bump(tx)
    await town.gateway.inner.loader.refresh()
    body = json.dumps({"model": town.first, "input": "Hi"}).encode()
    answer = await town.case.call(town.case.post("/v1/embeddings", body))
    assert (answer.status, answer.error["code"], answer.error["param"]) == (400, "model_not_capable", "model")
    assert "lacks the capability `embeddings`" in answer.error["message"]
    assert "-embed' can" in answer.error["message"]
    assert town.asked() == []
    answer = await town.chat(model=f"{town.first}-embed")
    assert answer.status == 400
    assert "lacks the capability `chat`" in answer.error["message"]


async def test_a_model_without_a_price_does_not_stand_in(town: Town) -> None:
    await town.route(town.first, fallbacks={"unavailable": [town.other]})
    async with town.gateway.inner.database.write() as tx:
        await tx.execute(delete(tables.Price).where(tables.Price.model == town.other))
        await revision.bump(tx)
    await town.gateway.inner.loader.refresh()
    town.answers(first=DOWN)
    assert (await town.chat()).status == 502
    assert town.asked() == ["first"]

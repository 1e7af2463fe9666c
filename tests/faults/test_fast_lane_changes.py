"""What the operator changes between two requests of one connection holds for the next one, on the fast lane as ever."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import delete, insert, update
from tests.faults import raw
from tests.faults.harness import PRICE, Case, Gateway
from tests.faults.raw import RawAnswer
from tests.faults.test_fast_lane import UNUSUAL, plays, quiet, watched
from tests.faults.upstream import completion, whole

from pronghorn.store import models as tables
from pronghorn.store import revision

pytestmark = pytest.mark.asyncio(loop_scope="module")

Change = Callable[[Case], Awaitable[None]]
COST = 20_000
"""Nano-dollars of one good answer."""


def number_of(case: Case) -> str:
    return case.account.removeprefix("acc_")


async def change(case: Case, *statements: Any) -> None:
    inner = case.gateway.inner
    async with inner.database.write() as tx:
        for statement in statements:
            await tx.execute(statement)
        await revision.bump(tx)
    await inner.loader.refresh()


def of_key(**values: Any) -> Change:
    async def make(case: Case) -> None:
        mine = tables.Key.id == f"key_{number_of(case)}"
        await change(case, update(tables.Key).where(mine).values(**values))

    return make


def of_channel(**values: Any) -> Change:
    async def make(case: Case) -> None:
        mine = tables.Channel.id == f"chn_{number_of(case)}_0"
        await change(case, update(tables.Channel).where(mine).values(**values))

    return make


def of_model(**values: Any) -> Change:
    async def make(case: Case) -> None:
        mine = tables.Model.name == case.model
        await change(case, update(tables.Model).where(mine).values(**values))

    return make


async def no_model(case: Case) -> None:
    await change(case, delete(tables.Model).where(tables.Model.name == case.model))


async def no_price(case: Case) -> None:
    await change(case, delete(tables.Price).where(tables.Price.model == case.model))


async def another_price(case: Case) -> None:
    dear = {name: str(3 * int(usd)) for name, usd in PRICE.items()}
    mine = tables.Price.model == case.model
    await change(case, update(tables.Price).where(mine).values(components=dear))


async def no_account(case: Case) -> None:
    mine = tables.Account.id == case.account
    await change(case, update(tables.Account).where(mine).values(is_disabled=True))


async def no_balance(case: Case) -> None:
    """All that it has, but for less than one request can cost."""
    standing = (await case.gateway.inner.credit.standing([case.account], "live"))[case.account]
    await case.gateway.pay(case.account, -standing.balance + 1_000)


async def no_budget(case: Case) -> None:
    """As much as two requests have cost."""
    await of_key(budget=2 * COST)(case)


async def another_group(case: Case) -> None:
    group = f"group-{number_of(case)}"
    made = insert(tables.Group).values(name=group, factor_ppm=500_000, created_ms=0)
    mine = update(tables.Key).where(tables.Key.id == f"key_{number_of(case)}").values(group_name=group)
    theirs = tables.Channel.id == f"chn_{number_of(case)}_0"
    await change(case, made, mine, update(tables.Channel).where(theirs).values(groups=[group]))


async def another_credential(case: Case) -> None:
    sealed = case.gateway.inner.secrets.seal(json.dumps(["sk-canary-5b1d9e0f-new"]))
    await of_channel(credentials=sealed)(case)


CHANGES: dict[str, tuple[Change, int, str]] = {
    "the key is revoked": (of_key(is_disabled=True), 401, "invalid_api_key"),
    "the key has expired": (of_key(expires_ms=1), 401, "invalid_api_key"),
    "the key may use another model": (of_key(models=["other"]), 403, "access_denied"),
    "the key may be used elsewhere": (of_key(ips=["192.0.2.0/24"]), 403, "access_denied"),
    "the key's budget is used up": (no_budget, 402, "insufficient_quota"),
    "the account is closed": (no_account, 401, "invalid_api_key"),
    "the balance is used up": (no_balance, 402, "insufficient_quota"),
    "the model is gone": (no_model, 404, "model_not_found"),
    "the model cannot chat": (of_model(capabilities=["embeddings"]), 400, "model_not_capable"),
    "the model has no price": (no_price, 400, "model_price_missing"),
    "the channel is disabled": (of_channel(is_disabled=True), 503, "no_channel"),
    "the channel serves another group": (of_channel(groups=["other"]), 503, "no_channel"),
    "the channel serves another model": (of_channel(models={"other": "other"}), 503, "no_channel"),
}
MILDER: dict[str, tuple[Change, int, bool]] = {
    "another price": (another_price, 3 * COST, True),
    "half the price for a group": (another_group, COST // 2, True),
    "a retired model": (of_model(is_retired=True), COST, False),
    "another name there": (of_channel(models={}), COST, True),
    "a key that leaves nothing out": (of_key(is_strict=True), COST, False),
    "a key for one address": (of_key(ips=["127.0.0.1"]), COST, False),
    "a key that expires one day": (of_key(expires_ms=2**45), COST, False),
    "a budget that is large enough": (of_key(budget=10**12), COST, False),  # its window is leased first
    "another credential": (another_credential, COST, True),
}


async def before_and_after(
    gateway: Gateway, make: Change, **headers: str
) -> tuple[Case, RawAnswer, list[bool]]:
    """The answer to the third request of a connection, before which the change was made; and who flew."""
    case, flew = await gateway.case(), list[bool]()
    plays(gateway, whole(completion()))
    body = case.chat_request().partition(b"\r\n\r\n")[2]
    async with raw.connect(gateway.port) as connection:
        for number in range(3):
            if number == 2:
                await quiet(case)
                await make(case)
            with watched(gateway) as flights:
                await connection.send(case.post("/v1/chat/completions", body, **headers))
                answer = await connection.answer()
            flew.append(bool(flights))
            if number < 2:
                assert answer.status == 200
                case.ids.append(answer.header("x-request-id"))
    return case, answer, flew


def shown(answer: RawAnswer, case: Case) -> tuple[int, dict[str, str], str]:
    """But for names, and what depends on their length."""
    unlike = ("x-request-id", "content-length")
    headers = {name: plain(value, case) for name, value in answer.headers if name not in unlike}
    text = plain(answer.body.decode(), case).replace(answer.header("x-request-id"), "ID")
    return answer.status, headers, re.sub('(?<="needed_usd":")[^"]+', "N", text)


def plain(text: str, case: Case) -> str:
    return re.sub(r"model-\d+", "MODEL", text).replace(f"group-{number_of(case)}", "GROUP")


@pytest.mark.parametrize("what", CHANGES)
async def test_what_is_taken_away_is_refused_at_once(gateway: Gateway, what: str) -> None:
    make, status, code = CHANGES[what]
    case, fast, flew = await before_and_after(gateway, make)
    assert (fast.status, fast.error["code"]) == (status, code)
    assert flew == [False, True, False]
    assert len(gateway.upstream.seen) == 2
    other, usual, flew = await before_and_after(gateway, make, **UNUSUAL)
    assert shown(fast, case) == shown(usual, other)
    assert flew == [False, False, False]


@pytest.mark.parametrize("what", MILDER)
async def test_what_is_changed_holds_for_the_next_request(gateway: Gateway, what: str) -> None:
    make, cost, flies = MILDER[what]

    async def with_name(case: Case) -> None:
        # The name there is of this case, so that it cannot be written above.
        await (of_channel(models={case.model: "theirs"}) if what == "another name there" else make)(case)

    seen = []
    for headers in ({}, UNUSUAL):
        case, answer, flew = await before_and_after(gateway, with_name, **headers)
        assert flew == [False, not headers, flies and not headers]
        row = (await case.rows())[-1]
        assert (answer.status, row.cost, row.id) == (200, cost, answer.header("x-request-id"))
        calls = gateway.upstream.seen
        told = [(call.headers, call.body.replace(case.model.encode(), b"MODEL")) for call in calls]
        seen.append((shown(answer, case), told, row.explain))
        case.ids.append(row.id)
        await quiet(case)
        await case.assert_invariants()
    assert seen[0] == seen[1]


async def test_each_model_of_one_connection_has_its_own_price_channel_and_health(gateway: Gateway) -> None:
    """Of one account and key; the models take turns, and one of them is not for this key."""
    names = {"model-cheap": 1, "model-dear": 7, "model-theirs": 1}
    case = await gateway.case(models=["model-cheap", "model-dear", "model-nowhere"])
    made = [
        insert(tables.Model).values(name=name, vendor="x", capabilities=[], created_ms=0) for name in names
    ]
    for name, factor in names.items():
        price = {component: str(factor * int(usd)) for component, usd in PRICE.items()}
        found = {"model": name, "source": "operator", "components": price, "updated_ms": 0}
        made.append(insert(tables.Price).values(**found))
    served = {name: f"their-{name}" for name in names}
    mine = tables.Channel.id == f"chn_{number_of(case)}_0"
    await change(case, *made, update(tables.Channel).where(mine).values(models=served | {case.model: "x"}))
    plays(gateway, whole(completion()))
    asked = [
        "model-cheap",
        "model-dear",
        "model-cheap",
        "model-theirs",
        "model-dear",
        "model-nowhere",
        "model-dear",
    ]
    allowed = [name for name in asked if name in ("model-cheap", "model-dear")]
    said, flown, ids = [], [], []
    async with raw.connect(gateway.port) as connection:
        for name in asked:
            with watched(gateway) as flights:
                await connection.send(case.chat_request(model=name))
                answer = await connection.answer()
            said.append((answer.status, answer.header("x-pronghorn-model")))
            if answer.status == 200:
                ids.append(answer.header("x-request-id"))
            flown.append(len(flights))
    assert [status for status, _ in said] == [200, 200, 200, 403, 200, 404, 200]
    assert flown == [0, 1, 1, 0, 1, 0, 1]
    for name, (status, told) in zip(asked, said, strict=True):
        assert told == (f"{name} -> their-{name}" if status == 200 else "")
    costs = {row.id: row.cost for row in await case.rows()}
    assert [costs[request_id] for request_id in ids] == [names[name] * COST for name in allowed]
    bodies = [json.loads(call.body)["model"] for call in gateway.upstream.seen]
    assert bodies == [f"their-{name}" for name in allowed]
    await quiet(case)
    await case.assert_invariants()

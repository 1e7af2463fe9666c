"""Codes, welcome credit and invitations in the management API: shown once, refused by name, found by status."""

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.manage.installed import Manage, opened

from pronghorn.kit.money import MAX_NANO, format_usd

pytestmark = pytest.mark.asyncio(loop_scope="module")

BATCH = {"name": "Spring cards", "amount_usd": "10.00", "count": 3}
CREATED = "2026-05-28T20:26:40.000Z"


async def make(manage: Manage, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = await manage.post("/code-batches", **BATCH | more)
    return made


async def listed(manage: Manage, batch: str, status: str = "") -> list[dict[str, Any]]:
    return await manage.items(f"/codes?batch={batch}" + (f"&status={status}" if status else ""))


async def redeem(manage: Manage, code: str, account: str) -> Any:
    return await manage.post("/codes/redeem", code=code, account_id=account)


async def test_a_batch_shows_its_codes_once_and_then_what_became_of_them(manage: Manage) -> None:
    made = await make(manage, expires_at="2030-01-31T12:00:00Z")
    shown = made.pop("codes")
    assert [re.fullmatch(r"PH(-\w{4}){4}", each["code"]) is not None for each in shown] == [True] * 3
    assert made == {
        "id": made["id"],
        **BATCH,
        "used": 0,
        "disabled": False,
        "expires_at": "2030-01-31T12:00:00.000Z",
        "created_at": CREATED,
    }
    assert await manage.get(f"/code-batches/{made['id']}") == made
    assert made in await manage.items("/code-batches")
    codes = await listed(manage, made["id"])
    assert {each["id"] for each in codes} == {each["id"] for each in shown}
    first = next(each for each in codes if each["id"] == shown[0]["id"])
    assert first == {
        "id": shown[0]["id"],
        "batch": made["id"],
        "batch_name": "Spring cards",
        "hint": f"PH-…{shown[0]['code'][-4:]}",
        "amount_usd": "10.00",
        "status": "unused",
        "expires_at": "2030-01-31T12:00:00.000Z",
        "created_at": CREATED,
        "redeemed_at": None,
        "account_id": None,
        "user_id": None,
    }


async def test_redeeming_pays_in_and_leaves_a_trace(manage: Manage) -> None:
    made, account = await make(manage), await manage.account()
    code = made["codes"][0]
    done = await redeem(manage, code["code"].lower().replace("-", " "), account)
    assert done == {"code_id": code["id"], "batch": made["id"], "account_id": account, "amount_usd": "10.00"}
    assert (await manage.get(f"/accounts/{account}"))["balance_usd"] == "10.00"
    (entry,) = await manage.items(f"/entries?account_id={account}&kind=redeem")
    assert (entry["debit"], entry["reference"]) == ("promotion", f"code:{code['id']}")
    (used,) = await listed(manage, made["id"], "used")
    assert (used["id"], used["account_id"], used["redeemed_at"]) == (code["id"], account, CREATED)
    assert (await manage.get(f"/code-batches/{made['id']}"))["used"] == 1
    assert {each["action"] for each in await manage.items("/audit")} >= {"code.create", "code.redeem"}
    error = await manage.refused(409, "POST", "/codes/redeem", {"code": code["code"], "account_id": account})
    assert (error["code"], error["param"]) == ("code_used", "code")


async def test_a_hundred_clients_at_once_redeem_a_code_once(manage: Manage) -> None:
    made, account = await make(manage), await manage.account()
    body = {"code": made["codes"][0]["code"], "account_id": account}
    answers = await asyncio.gather(*(manage.call("POST", "/codes/redeem", body) for _ in range(100)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 99
    assert (await manage.get(f"/accounts/{account}"))["balance_usd"] == "10.00"


async def test_codes_are_found_by_their_state(manage: Manage) -> None:
    made, account = await make(manage, count=4, expires_at="2026-06-01T00:00:00Z"), await manage.account()
    used, off, *_ = made["codes"]
    await redeem(manage, used["code"], account)
    changed = await manage.patch(f"/codes/{off['id']}", disabled=True)
    assert (changed["id"], changed["status"]) == (off["id"], "disabled")

    async def counts() -> list[int]:
        statuses = ("unused", "used", "disabled", "expired")
        return [len(await listed(manage, made["id"], status)) for status in statuses]

    assert await counts() == [2, 1, 1, 0]
    assert (await manage.patch(f"/code-batches/{made['id']}", disabled=True))["disabled"] is True
    assert await counts() == [0, 1, 3, 0]
    await manage.patch(f"/code-batches/{made['id']}", disabled=False)
    manage.clock.advance(5 * 86_400)
    try:
        assert await counts() == [0, 1, 1, 2]
    finally:
        manage.clock.advance(-5 * 86_400)
    assert await manage.patch(f"/codes/{off['id']}") == changed


async def test_pages_of_codes_follow_each_other(manage: Manage) -> None:
    made = await make(manage, count=25)
    seen: list[str] = []
    cursor = ""
    while True:
        page = await manage.get(f"/codes?batch={made['id']}&limit=10{cursor}")
        seen += [each["id"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len(seen) == 25
    assert set(seen) == {each["id"] for each in made["codes"]}


WRONG = [
    *(
        ("amount_usd", amount)
        for amount in (
            *("-1", "-0.000000001", "0", "0.00", "NaN", "Infinity", "1e3", "0x10", "", " 1", "1,000"),
            *("0.0000000000000000001", "0.0000000001", "9" * 12, "9" * 400, format_usd(MAX_NANO) + "1"),
            *(5, 5.0, True, None, ["1"]),
        )
    ),
    *(("count", number) for number in (0, -1, 1_001, 2**63, 2**70, 1.5, "3", True, None)),
    *(("name", name) for name in ("", "  ", "a\nb", "x" * 201, 7, None)),
    *(("expires_at", time) for time in ("2020-01-01T00:00:00Z", CREATED, "tomorrow", "", 1, "9999999-01-01")),
    ("amount", "1"),
]


@pytest.mark.parametrize(("field", "value"), WRONG, ids=lambda value: repr(value)[:40])
async def test_what_is_no_batch_is_refused_by_name_and_makes_nothing(
    manage: Manage, field: str, value: object
) -> None:
    before = await manage.items("/code-batches?limit=1000")
    error = await manage.refused(400, "POST", "/code-batches", BATCH | {field: value})
    assert field in error["message"]
    assert await manage.items("/code-batches?limit=1000") == before


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("PH-2222-2222-2222-2222", "code_unknown"),
        ("PH-2222-2222-2222-2223", "code_mistyped"),
        ("", "code_mistyped"),
    ],
)
async def test_what_is_no_code_is_refused_by_name(manage: Manage, code: str, word: str) -> None:
    account = await manage.account()
    status = 404 if word == "code_unknown" else 400
    error = await manage.refused(status, "POST", "/codes/redeem", {"code": code, "account_id": account})
    assert (error["code"], error["param"]) == (word, "code")


async def test_what_is_not_there_is_named_with_the_way_out(manage: Manage) -> None:
    made = await make(manage)
    for method, path, way in (
        ("GET", "/code-batches/cdb_none", "GET /manage/v1/code-batches"),
        ("PATCH", "/code-batches/cdb_none", "GET /manage/v1/code-batches"),
        ("PATCH", "/codes/cod_none", "GET /manage/v1/codes"),
        ("GET", "/accounts/acc_none/invitations", "GET /manage/v1/accounts"),
    ):
        body = {"disabled": True} if method == "PATCH" else None
        assert way in (await manage.refused(404, method, path, body))["message"]
    for_nobody = {"code": made["codes"][0]["code"], "account_id": "acc_none"}
    error = await manage.refused(400, "POST", "/codes/redeem", for_nobody)
    assert error["param"] == "account_id"
    assert (await manage.refused(400, "GET", "/codes?status=lost"))["param"] == "status"
    assert "status" in (await manage.refused(400, "GET", "/codes?stat=used"))["message"]


async def test_codes_come_out_once_and_never_again(manage: Manage, capfd: pytest.CaptureFixture[str]) -> None:
    with capture_logs() as logs:
        made, account = await make(manage), await manage.account()
        before = len(manage.answers)
        used, wrong, left = (each["code"] for each in made["codes"])
        await redeem(manage, used, account)
        for code in (used, wrong[:-1] + ("2" if wrong[-1] != "2" else "3")):
            await manage.call("POST", "/codes/redeem", {"code": code, "account_id": account})
        await manage.call("POST", "/codes/redeem", {"code": [left], "account_id": account})
        await manage.call("POST", "/codes/redeem", {"code": left, "account_id": 5})
        await manage.patch(f"/codes/{made['codes'][2]['id']}", disabled=True)
        for path in ("/codes?limit=1000", "/code-batches", "/audit?limit=1000", "/entries", "/accounts"):
            await manage.get(path)
    printed = capfd.readouterr()
    seen = "".join((*manage.answers[before:], repr(logs), printed.out, printed.err))
    kept = b"".join(path.read_bytes() for path in manage.gateway.settings.data.rglob("*") if path.is_file())
    for code in (used, wrong, left):
        for spelt in (code, code.lower(), code.replace("-", ""), code.replace("-", "").lower()[2:]):
            assert spelt not in seen
            assert spelt.encode() not in kept


@pytest.mark.parametrize(("more", "expected"), [({}, "0.00"), ({"welcome_all": True}, "0.25")], ids=str)
async def test_an_account_of_an_operator_is_welcomed_only_if_the_settings_say_so(
    template: Path, tmp_path: Path, more: dict[str, Any], expected: str
) -> None:
    data = shutil.copytree(template, tmp_path / "data")
    async with opened(data, welcome_credit_usd="0.25", **more) as manage:
        made = await manage.post("/accounts", name="welcomed")
        given = await manage.items(f"/entries?account_id={made['id']}&kind=welcome")
    assert made["balance_usd"] == expected
    assert [each["reference"] for each in given] == [f"welcome:{made['id']}"] * len(more)


async def test_an_account_has_an_invite_code_that_stays(manage: Manage) -> None:
    account = await manage.account()
    shown = await manage.get(f"/accounts/{account}/invitations")
    assert re.fullmatch(r"\w{8}", shown.pop("invite_code"))
    assert shown == {
        "account_id": account,
        "invited": 0,
        "rewarded": 0,
        "rewarded_usd": "0.00",
        "pending_usd": "0.00",
        "invited_by": None,
    }
    answers = await asyncio.gather(*(manage.get(f"/accounts/{account}/invitations") for _ in range(10)))
    assert len({answer["invite_code"] for answer in answers}) == 1

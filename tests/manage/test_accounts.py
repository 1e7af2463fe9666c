"""Accounts, their money and their members."""

import asyncio

import pytest
from tests.manage.installed import Manage

from pronghorn.kit.money import MAX_NANO, format_usd

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOWN = {
    "id", "name", "group", "disabled", "mode", "balance_usd", "held_usd", "spent_usd", "created_at",
    "rpm", "tpm", "concurrency", "body_bytes",
}  # fmt: skip


async def test_a_new_account_is_empty_and_has_test_money(manage: Manage) -> None:
    made = await manage.post("/accounts", name="  Team A ")
    assert set(made) == SHOWN
    assert (made["name"], made["group"], made["mode"], made["disabled"]) == (
        "Team A",
        "default",
        "live",
        False,
    )
    assert (made["balance_usd"], made["held_usd"], made["spent_usd"]) == ("0.00", "0.00", "0.00")
    assert made["created_at"] == "2026-05-28T20:26:40.000Z"
    assert await manage.get(f"/accounts/{made['id']}") == made
    assert made in await manage.items("/accounts")
    test = await manage.get(f"/accounts/{made['id']}?mode=test")
    assert test == made | {"mode": "test", "balance_usd": "1000.00"}
    assert test in await manage.items("/accounts?mode=test")


async def test_an_account_is_renamed_moved_and_disabled(manage: Manage) -> None:
    account = await manage.account()
    group = (await manage.post("/groups", name="movers"))["name"]
    changed = await manage.patch(f"/accounts/{account}", name="Team B", group=group, disabled=True)
    assert (changed["name"], changed["group"], changed["disabled"]) == ("Team B", group, True)
    assert await manage.patch(f"/accounts/{account}") == changed


async def test_leases_show_only_when_asked_for_and_count_as_balance(manage: Manage) -> None:
    account = await manage.account(usd="5.00")
    assert (await manage.get(f"/accounts/{account}?detail=1"))["leases"] == []
    credit = manage.gateway.credit
    await credit.fill(credit.purse(account, "live"), 2_000_000_000)
    shown = await manage.get(f"/accounts/{account}?detail=1")
    (lease,) = shown.pop("leases")
    assert lease == {"server": lease["server"], "epoch": 1, "amount_usd": "2.00"}
    assert shown["balance_usd"] == "5.00"
    assert await manage.get(f"/accounts/{account}") == shown


async def test_what_this_server_has_leased_can_be_taken_out_too(manage: Manage) -> None:
    account = await manage.account(usd="5.00")
    credit = manage.gateway.credit
    await credit.fill(credit.purse(account, "live"), 2_000_000_000)
    emptied = await manage.post(f"/accounts/{account}/adjust", amount_usd="-5.00")
    assert emptied["balance_usd"] == "0.00"


async def test_adjust_pays_in_and_takes_out(manage: Manage) -> None:
    account = await manage.account()
    adjust = f"/accounts/{account}/adjust"
    assert (await manage.post(adjust, amount_usd="5.00", note="invoice 17"))["balance_usd"] == "5.00"
    assert (await manage.post(adjust, amount_usd="+0.000000001"))["balance_usd"] == "5.000000001"
    assert (await manage.post(adjust, amount_usd="-1.5"))["balance_usd"] == "3.500000001"
    newest, _, oldest = await manage.items(f"/entries?account_id={account}")
    assert newest | {"id": 0} == {
        "id": 0,
        "created_at": "2026-05-28T20:26:40.000Z",
        "mode": "live",
        "kind": "withdrawal",
        "debit": f"account:{account}",
        "credit": "funding",
        "amount_usd": "1.50",
        "reference": None,
        "note": "",
    }
    assert (oldest["kind"], oldest["amount_usd"], oldest["note"]) == ("deposit", "5.00", "invoice 17")


INV_7 = {"amount_usd": "3", "note": "invoice 7"}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (INV_7, {"Idempotency-Key": "inv-7"}),
        (INV_7 | {"reference": "inv-7"}, {}),
        (INV_7 | {"reference": "inv-7"}, {"Idempotency-Key": "inv-7"}),
        (INV_7 | {"reference": "七" * 255}, {}),
        (INV_7 | {"reference": "inv-7", "amount_usd": "-3"}, {}),
    ],
)
async def test_an_adjustment_with_a_reference_is_done_once(
    manage: Manage, body: dict[str, str], headers: dict[str, str]
) -> None:
    account, other = await manage.account(usd="5.00"), await manage.account(usd="5.00")
    left = "8.00" if body["amount_usd"] == "3" else "2.00"
    for path in (f"/accounts/{account}/adjust", f"/accounts/{other}/adjust"):
        answers = [await manage.call("POST", path, body, headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()
        assert answers[1].json()["balance_usd"] == left, "each account has references of its own"
    booked = await manage.items(f"/entries?account_id={account}")
    assert len(booked) == 2 and booked[0]["reference"].startswith("adjust:")
    recorded = await manage.items(f"/audit?subject={account}&action=account.adjust")
    assert recorded[0]["detail"]["reference"] == (headers | body).get("reference", "inv-7")
    assert len(recorded) == 2


@pytest.mark.parametrize(
    "other", [{"amount_usd": "4"}, {"amount_usd": "-3"}, {"note": "invoice 8"}, {"mode": "test"}]
)
async def test_a_reference_is_not_used_for_another_adjustment(manage: Manage, other: dict[str, str]) -> None:
    account = await manage.account(usd="5.00")
    body = INV_7 | {"reference": "inv-7"}
    await manage.post(f"/accounts/{account}/adjust", **body)
    error = await manage.refused(409, "POST", f"/accounts/{account}/adjust", body | other)
    assert error["param"] == "reference"
    assert "used for 3.00 USD of live money" in error["message"]
    assert (await manage.get(f"/accounts/{account}"))["balance_usd"] == "8.00"


async def test_a_reference_that_was_refused_is_free(manage: Manage) -> None:
    account = await manage.account(usd="1.00")
    body = {"amount_usd": "-3", "reference": "inv-7"}
    await manage.refused(402, "POST", f"/accounts/{account}/adjust", body)
    await manage.post(f"/accounts/{account}/adjust", amount_usd="5")
    assert (await manage.post(f"/accounts/{account}/adjust", **body))["balance_usd"] == "3.00"


@pytest.mark.parametrize(
    ("body", "key"),
    [({"reference": "a"}, "b"), ({"reference": ""}, None), ({"reference": "x" * 256}, None), ({}, "x" * 256)],
)
async def test_a_reference_is_one_and_not_too_long(
    manage: Manage, body: dict[str, str], key: str | None
) -> None:
    account = await manage.account()
    headers = {} if key is None else {"Idempotency-Key": key}
    await manage.refused(400, "POST", f"/accounts/{account}/adjust", INV_7 | body, headers=headers)
    assert (await manage.get(f"/accounts/{account}"))["balance_usd"] == "0.00"


async def test_a_header_is_no_query_parameter(manage: Manage) -> None:
    account = await manage.account()
    path = f"/accounts/{account}/adjust?Idempotency-Key=inv-7"
    assert (await manage.refused(400, "POST", path, INV_7))["param"] == "Idempotency-Key"


async def test_adjust_of_test_money_leaves_live_money_alone(manage: Manage) -> None:
    account = await manage.account(usd="5.00")
    answered = await manage.post(f"/accounts/{account}/adjust", amount_usd="-999.99", mode="test")
    assert (answered["mode"], answered["balance_usd"]) == ("test", "0.01")
    assert (await manage.get(f"/accounts/{account}"))["balance_usd"] == "5.00"
    kinds = [entry["kind"] for entry in await manage.items(f"/entries?account_id={account}&mode=test")]
    assert kinds == ["withdrawal", "deposit"]


@pytest.mark.parametrize(
    "amount",
    [
        *(
            "NaN",
            "Infinity",
            "1e3",
            "1E-3",
            "0x10",
            "",
            " 1",
            "1 ",
            "1,000",
            "1_000",
            ".5",
            "5.",
            "--1",
            "٣",
            "$5",
        ),
        *("0.0000000001", "9" * 12, "1" * 13, "0", "0.00", "-0", 5, 5.0, None, True, ["1"]),
    ],
    ids=repr,
)
async def test_what_is_no_amount_is_refused_by_name_and_moves_nothing(manage: Manage, amount: object) -> None:
    account = await manage.account(usd="5.00")
    error = await manage.refused(400, "POST", f"/accounts/{account}/adjust", {"amount_usd": amount})
    assert error["param"] == "amount_usd"
    assert "amount_usd" in error["message"]
    assert (await manage.get(f"/accounts/{account}"))["balance_usd"] == "5.00"


async def test_no_more_can_be_taken_out_than_there_is(manage: Manage) -> None:
    account = await manage.account(usd="5.00")
    error = await manage.refused(402, "POST", f"/accounts/{account}/adjust", {"amount_usd": "-5.000000001"})
    assert error["param"] == "amount_usd"
    assert "5.00 USD" in error["message"]
    assert (await manage.post(f"/accounts/{account}/adjust", amount_usd="-5"))["balance_usd"] == "0.00"


async def test_a_balance_never_overflows(manage: Manage) -> None:
    account = await manage.account(usd=format_usd(MAX_NANO))
    error = await manage.refused(409, "POST", f"/accounts/{account}/adjust", {"amount_usd": "0.000000001"})
    assert error["param"] == "amount_usd"
    assert (await manage.get(f"/accounts/{account}"))["balance_usd"] == format_usd(MAX_NANO)


async def test_members_are_added_given_another_role_and_removed(manage: Manage) -> None:
    account = await manage.account()
    user = (await manage.post("/users", email="member@example.com"))["id"]
    members = f"/accounts/{account}/members"
    made = await manage.post(members, user_id=user)
    assert made == {
        "account_id": account,
        "user_id": user,
        "email": "member@example.com",
        "role": "member",
        "created_at": "2026-05-28T20:26:40.000Z",
    }
    owner = await manage.post(members, user_id=user, role="owner")
    assert owner == made | {"role": "owner"}
    assert await manage.items(members) == [owner]
    await manage.delete(f"{members}/{user}")
    assert await manage.items(members) == []
    await manage.refused(404, "DELETE", f"{members}/{user}")


async def test_who_is_not_there_is_named(manage: Manage) -> None:
    account = await manage.account()
    error = await manage.refused(400, "POST", f"/accounts/{account}/members", {"user_id": "usr_none"})
    assert error["param"] == "user_id"
    assert "GET /manage/v1/users" in error["message"]
    for method, path in (
        ("GET", "/accounts/acc_none"),
        ("PATCH", "/accounts/acc_none"),
        ("POST", "/accounts/acc_none/adjust"),
        ("GET", "/accounts/acc_none/members"),
        ("DELETE", f"/accounts/acc_none/members/{account}"),
    ):
        bodies = {"PATCH": {"name": "x"}, "POST": {"amount_usd": "-1"}}
        error = await manage.refused(404, method, path, bodies.get(method))
        assert "GET /manage/v1/accounts" in error["message"]


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\u0000b", "x" * 201, 7, None], ids=repr)
async def test_a_name_is_one_line_of_text(manage: Manage, name: object) -> None:
    error = await manage.refused(400, "POST", "/accounts", {"name": name})
    assert "name" in error["message"] or "U+0000" in error["message"]


async def test_an_account_needs_a_group_that_exists(manage: Manage) -> None:
    account = await manage.account()
    for method, path, body in (
        ("POST", "/accounts", {"name": "x", "group": "none"}),
        ("PATCH", f"/accounts/{account}", {"group": "none"}),
    ):
        error = await manage.refused(400, method, path, body)
        assert error["param"] == "group"
        assert "GET /manage/v1/groups" in error["message"]


async def test_of_many_withdrawals_at_once_only_those_that_the_balance_carries_go_through(
    manage: Manage,
) -> None:
    account = await manage.account(usd="5.00")
    adjust = f"/accounts/{account}/adjust"
    answers = await asyncio.gather(*(manage.call("POST", adjust, {"amount_usd": "-1"}) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [402] * 7
    assert (await manage.get(f"/accounts/{account}"))["balance_usd"] == "0.00"
    assert len(await manage.items(f"/entries?account_id={account}&kind=withdrawal")) == 5

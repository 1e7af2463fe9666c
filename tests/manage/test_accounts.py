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

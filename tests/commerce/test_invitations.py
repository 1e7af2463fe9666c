"""Invitations: who came by whom, rewards once and in time, and nothing for who invites themselves."""

import asyncio
from dataclasses import dataclass
from itertools import count, pairwise

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs
from tests.commerce.books import NOW_MS, balance, entries, everything, open_accounts, total
from tests.commerce.statements import Broken, counted

from pronghorn import settings as settings_module
from pronghorn.accounts.act import Act
from pronghorn.accounts.secrets import Secrets
from pronghorn.commerce import codes, invitations, orders, spelling
from pronghorn.commerce.checkout import Paid
from pronghorn.commerce.invitations import Summary
from pronghorn.commerce.welcome import welcome, welcome_by_operator
from pronghorn.errors import BadRequest, Conflict
from pronghorn.kit.money import MAX_NANO, NANO_PER_USD
from pronghorn.settings import Settings, SettingsError
from pronghorn.store import Database
from pronghorn.store.models import Account, Invitation, Membership, Order, User, Wallet

OFFER = Settings(inviter_reward_usd="2.00", invitee_reward_usd="1.00")
AT_ONCE = Settings(inviter_reward_usd="2.00", invitee_reward_usd="1.00", reward_on="sign_up")
USD = NANO_PER_USD
GIFTS = ("welcome_credit_usd", "inviter_reward_usd", "invitee_reward_usd")
REWARDS = [
    ("reward", "promotion", "account:acc_new", 1 * USD, "invite:acc_new:invitee"),
    ("reward", "promotion", "account:acc_old", 2 * USD, "invite:acc_new:inviter"),
]


@dataclass
class Club:
    """Some accounts, and what they do."""

    database: Database

    async def code(self, account: str) -> str:
        async with self.database.write() as tx:
            return await invitations.code_of(tx, account, NOW_MS)

    async def join(self, account: str, code: str, settings: Settings = OFFER) -> str:
        async with self.database.write() as tx:
            return await invitations.accept(tx, settings, code, account, NOW_MS)

    async def top_up(self, account: str) -> None:
        async with self.database.write() as tx:
            await invitations.after_top_up(tx, account, NOW_MS + 1)

    async def summary(self, account: str) -> Summary:
        async with self.database.read() as tx:
            return await invitations.summary(tx, account)

    async def refused(self, account: str, code: str) -> str:
        """Why; it must change nothing."""
        before = await everything(self.database)
        with pytest.raises((BadRequest, Conflict)) as refused:
            await self.join(account, code)
        assert await everything(self.database) == before
        assert refused.value.param == "invite_code"
        return refused.value.message


@pytest.fixture
async def club(database: Database) -> Club:
    await open_accounts(database, "acc_old", "acc_new", "acc_third", "acc_fourth")
    return Club(database)


async def test_an_invite_code_is_short_and_stays_the_same(club: Club) -> None:
    code = await club.code("acc_old")
    assert len(code) == 8 and set(code) <= set(spelling.ALPHABET)
    assert await club.code("acc_old") == code
    assert await club.code("acc_third") != code


async def test_many_who_ask_for_the_first_time_at_once_get_one_code(club: Club) -> None:
    assert len(set(await asyncio.gather(*(club.code("acc_old") for _ in range(30))))) == 1


async def test_a_code_that_is_taken_is_drawn_again(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = await club.code("acc_old")
    drawn = iter([taken, taken, "ABCDEFGH"])
    monkeypatch.setattr(spelling, "random_text", lambda _: next(drawn))
    assert await club.code("acc_third") == "ABCDEFGH"
    assert await club.code("acc_old") == taken


async def test_both_are_rewarded_at_the_first_top_up_and_not_before(club: Club) -> None:
    database = club.database
    assert await club.join("acc_new", (await club.code("acc_old")).lower()) == "acc_old"
    assert await total(database) == 0
    assert await club.summary("acc_old") == (1, 0, 0, 2 * USD, None)
    await club.top_up("acc_new")
    assert (await balance(database, "acc_old"), await balance(database, "acc_new")) == (2 * USD, 1 * USD)
    assert await entries(database) == REWARDS
    await club.top_up("acc_new")
    assert await entries(database) == REWARDS
    assert await club.summary("acc_old") == (1, 1, 2 * USD, 0, None)
    assert await club.summary("acc_new") == (0, 0, 0, 0, "acc_old")


async def test_the_first_order_that_is_paid_brings_the_rewards(club: Club) -> None:
    """However often the provider says so, and whatever comes after it."""
    await club.join("acc_new", await club.code("acc_old"))
    first, second = _paid(1), _paid(2)
    for order in (first, second):
        async with club.database.write() as tx:
            await tx.execute(insert(Order).values(**_order(order)))

    async def notice(paid: Paid) -> str:
        async with club.database.write() as tx:
            return await orders.settle(tx, Act("system", NOW_MS), "stripe", paid)

    told = await asyncio.gather(*(notice(paid) for paid in [first, second] * 10))
    assert sorted(told) == ["paid"] * 2 + ["repeated"] * 18
    kinds = [kind for kind, *_ in await entries(club.database)]
    assert sorted(kinds) == ["reward", "reward", "top_up", "top_up"]
    assert await balance(club.database, "acc_old") == 2 * USD
    assert await balance(club.database, "acc_new") == 11 * USD


async def test_payments_with_rewards_never_stand_in_the_workers_way(database: Database) -> None:
    """The worker locks wallets by their ids. A payment that locked the invitee's first would deadlock with it."""
    pairs = [(f"acc_{number}_inviter", f"acc_{number}_zinvitee") for number in range(6)]
    await open_accounts(database, *(account for pair in pairs for account in pair))
    club, worker = Club(database), Database(database.url)
    for number, (inviter, invitee) in enumerate(pairs):
        await club.join(invitee, await club.code(inviter))
        async with database.write() as tx:
            await tx.execute(insert(Order).values(**_order(_paid(number), invitee)))

    async def post() -> None:
        async with worker.write() as tx:
            for account in sorted(account for pair in pairs for account in pair):
                spent = update(Wallet).where(Wallet.account_id == account, Wallet.mode == "live")
                await tx.execute(spent.values(spent=Wallet.spent + 1))

    async def settle(paid: Paid) -> None:
        async with database.write() as tx:
            assert await orders.settle(tx, Act("system", NOW_MS), "stripe", paid) == "paid"

    try:
        await asyncio.gather(*(post() for _ in range(20)), *(settle(_paid(each)) for each in range(6)))
    finally:
        await worker.close()
    assert await total(database) == 6 * (5 + 2 + 1) * USD


def _paid(number: int) -> Paid:
    return Paid(f"ord_{number}", 500, "USD", f"cs_{number}")


def _order(paid: Paid, account: str = "acc_new") -> dict[str, object]:
    return {
        "id": paid.order_id,
        "account_id": account,
        "provider": "stripe",
        "method": "",
        "amount": 5 * USD,
        "price_minor": paid.paid_minor,
        "currency": paid.currency,
        "status": "open",
        "reference": paid.reference,
        "pay_url": "",
        "created_ms": NOW_MS,
    }


async def test_at_sign_up_both_are_rewarded_at_once_if_the_operator_wants_it(club: Club) -> None:
    await club.join("acc_new", await club.code("acc_old"), AT_ONCE)
    assert await entries(club.database) == REWARDS
    await club.top_up("acc_new")
    assert await entries(club.database) == REWARDS


async def test_fifty_top_ups_at_once_reward_once(club: Club) -> None:
    """Over the connections of three servers."""
    await club.join("acc_new", await club.code("acc_old"))
    servers = [Database(club.database.url) for _ in range(3)]
    try:
        await asyncio.gather(*(Club(servers[number % 3]).top_up("acc_new") for number in range(50)))
    finally:
        await asyncio.gather(*(server.close() for server in servers))
    assert await entries(club.database) == REWARDS
    assert await total(club.database) == 3 * USD


async def test_a_chain_of_friends_who_top_up_at_once_is_rewarded_without_a_deadlock(
    database: Database,
) -> None:
    accounts = [f"acc_{number:02}" for number in (5, 3, 9, 1, 7, 0, 8, 2, 6, 4)]
    await open_accounts(database, *accounts)
    club = Club(database)
    for inviter, invitee in pairwise(accounts):
        await club.join(invitee, await club.code(inviter))
    await asyncio.gather(*(club.top_up(account) for account in accounts * 5))
    assert await total(database) == 9 * 3 * USD
    assert len(await entries(database)) == 18


async def test_an_account_without_an_invitation_tops_up_without_a_word(club: Club) -> None:
    before = await everything(club.database)
    await club.top_up("acc_third")
    assert await everything(club.database) == before


async def test_what_was_promised_holds_whatever_the_settings_say_later(club: Club) -> None:
    code = await club.code("acc_old")
    await club.join("acc_new", code, Settings(inviter_reward_usd="0.000000001"))
    await club.join("acc_third", code, Settings())
    await club.top_up("acc_new")
    await club.top_up("acc_third")
    assert await entries(club.database) == [
        ("reward", "promotion", "account:acc_old", 1, "invite:acc_new:inviter")
    ]
    assert await club.summary("acc_old") == (2, 2, 1, 0, None)


async def test_a_redeemed_code_is_no_top_up(club: Club) -> None:
    await club.join("acc_new", await club.code("acc_old"))
    secrets, act = Secrets(["the secret of an installation"]), Act("cli", NOW_MS)
    async with club.database.write() as tx:
        _, (made,) = await codes.create(tx, act, secrets, name="n", count=1, amount=1)
        await codes.redeem(tx, act, secrets, made.code, "acc_new")
    assert (await club.summary("acc_old")).rewarded == 0
    assert await total(club.database) == 1


async def test_whichever_statement_breaks_no_reward_is_half_given(club: Club) -> None:
    await club.join("acc_new", await club.code("acc_old"))
    before = await everything(club.database)
    for number in count(1):
        try:
            with counted(breaks_at=number):
                await club.top_up("acc_new")
        except Broken:
            assert await everything(club.database) == before
        else:
            break
    assert number > 8  # it begins, looks, marks, and writes and pays twice
    assert await entries(club.database) == REWARDS


async def test_a_reward_that_cannot_be_given_lets_the_payment_through(club: Club) -> None:
    """The inviter's wallet is full: the invitee has paid for all that. Once there is room, the next one brings it."""
    database = club.database
    await club.join("acc_new", await club.code("acc_old"))
    await _fill(database, "acc_old", MAX_NANO)
    with capture_logs() as logs:
        async with database.write() as tx:
            await invitations.after_top_up(tx, "acc_new", NOW_MS)
            await tx.execute(update(Account).where(Account.id == "acc_new").values(name="paid"))
    assert [log["event"] for log in logs] == ["invitation.unrewarded"]
    async with database.read() as tx:
        assert await tx.scalar(select(Account.name).where(Account.id == "acc_new")) == "paid"
    assert await entries(database) == []
    await _fill(database, "acc_old", 0)
    await club.top_up("acc_new")
    assert await entries(database) == REWARDS


async def _fill(database: Database, account: str, amount: int) -> None:
    async with database.write() as tx:
        await tx.execute(update(Wallet).where(Wallet.account_id == account).values(balance=amount))


async def test_nobody_invites_themselves(club: Club) -> None:
    assert "themselves" in await club.refused("acc_old", await club.code("acc_old"))


async def test_nobody_invites_another_account_of_their_own(club: Club) -> None:
    code = await club.code("acc_old")
    async with club.database.write() as tx:
        await tx.execute(
            insert(User).values(id="usr_1", email="a@example.com", password_hash="", created_ms=NOW_MS)
        )
        for account in ("acc_old", "acc_new"):
            await tx.execute(
                insert(Membership).values(
                    user_id="usr_1", account_id=account, role="owner", created_ms=NOW_MS
                )
            )
    assert "themselves" in await club.refused("acc_new", code)
    assert await club.join("acc_third", code) == "acc_old"


async def test_an_account_is_invited_once(club: Club) -> None:
    await club.join("acc_new", await club.code("acc_old"))
    assert "already" in await club.refused("acc_new", await club.code("acc_third"))
    assert "already" in await club.refused("acc_new", await club.code("acc_old"))


async def test_there_are_no_circles(club: Club) -> None:
    await club.join("acc_new", await club.code("acc_old"))
    await club.join("acc_third", await club.code("acc_new"))
    for code in (await club.code("acc_third"), await club.code("acc_new"), await club.code("acc_fourth")):
        assert "cannot be invited" in await club.refused("acc_old", code)


async def test_of_a_circle_that_closes_at_once_one_is_left_open(club: Club) -> None:
    """Each of four by the next one's code, from servers of their own, many times over."""
    accounts = ["acc_old", "acc_new", "acc_third", "acc_fourth"]
    by = dict(zip(accounts, accounts[1:] + accounts[:1], strict=True))
    servers = [Database(club.database.url) for _ in range(4)]
    invite = {account: await club.code(account) for account in accounts}
    try:
        for _ in range(10):
            joined = await asyncio.gather(
                *(
                    Club(server).join(account, invite[by[account]])
                    for server, account in zip(servers, accounts, strict=True)
                ),
                return_exceptions=True,
            )
            assert all(isinstance(each, str | Conflict) for each in joined)
            assert any(isinstance(each, Conflict) for each in joined)
            async with club.database.write() as tx:
                await tx.execute(Invitation.__table__.delete())  # type: ignore[attr-defined]
    finally:
        await asyncio.gather(*(server.close() for server in servers))


@pytest.mark.parametrize("typed", ["", "ABCDEFGH", "x" * 10_000, "\x00", "' OR 1=1 --"])
async def test_a_code_that_nobody_has_is_refused_with_the_way_out(club: Club, typed: str) -> None:
    assert "without one" in await club.refused("acc_new", typed)


async def test_a_disabled_account_invites_nobody(club: Club) -> None:
    code = await club.code("acc_old")
    async with club.database.write() as tx:
        await tx.execute(update(Account).where(Account.id == "acc_old").values(is_disabled=True))
    assert "without one" in await club.refused("acc_new", code)


async def test_of_many_sign_ups_at_once_each_is_counted(database: Database) -> None:
    accounts = [f"acc_{number}" for number in range(30)]
    await open_accounts(database, "acc_old", *accounts)
    club = Club(database)
    code = await club.code("acc_old")
    await asyncio.gather(*(club.join(account, code, AT_ONCE) for account in accounts))
    assert await club.summary("acc_old") == (30, 30, 60 * USD, 0, None)
    assert await balance(database, "acc_old") == 60 * USD


async def test_the_database_itself_refuses_an_invitation_of_oneself(club: Club) -> None:
    for values in (
        {"inviter_account_id": "acc_new", "inviter_reward": 0},
        {"inviter_account_id": "acc_old", "inviter_reward": -1},
        {"inviter_account_id": "acc_none", "inviter_reward": 0},
    ):
        with pytest.raises(IntegrityError):
            async with club.database.write() as tx:
                await tx.execute(
                    insert(Invitation).values(
                        invitee_account_id="acc_new", invitee_reward=0, created_ms=NOW_MS, **values
                    )
                )


async def test_a_new_account_is_welcomed_once(club: Club) -> None:
    settings = Settings(welcome_credit_usd="0.50")

    async def greet() -> int:
        async with club.database.write() as tx:
            return await welcome(tx, settings, "acc_new", NOW_MS)

    given = await asyncio.gather(*(greet() for _ in range(20)))
    assert sorted(given) == [0] * 19 + [USD // 2]
    assert await entries(club.database) == [
        ("welcome", "promotion", "account:acc_new", USD // 2, "welcome:acc_new")
    ]
    assert await balance(club.database, "acc_new") == USD // 2


@pytest.mark.parametrize(
    ("settings", "of_sign_up", "of_operator"),
    [
        (Settings(), 0, 0),
        (Settings(welcome_credit_usd="1.00"), USD, 0),
        (Settings(welcome_all=True), 0, 0),
        (Settings(welcome_credit_usd="1.00", welcome_all=True), USD, USD),
    ],
    ids=["off", "sign-ups", "nothing for all", "all"],
)
async def test_who_is_welcomed(club: Club, settings: Settings, of_sign_up: int, of_operator: int) -> None:
    async with club.database.write() as tx:
        assert await welcome(tx, settings, "acc_new", NOW_MS) == of_sign_up
        assert await welcome_by_operator(tx, settings, "acc_third", NOW_MS) == of_operator
    assert await total(club.database) == of_sign_up + of_operator


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in GIFTS for value in ("-1", "NaN", "1e3", "0.0000000001", "9" * 12, "")),
        ("reward_on", "never"),
        ("welcome_all", "perhaps"),
    ],
)
def test_a_gift_that_cannot_be_stops_the_start_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        settings_module.load(None, **{name: value})

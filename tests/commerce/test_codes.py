"""Redeem codes: each becomes balance once, whoever asks at once, whatever breaks, and never without a trace."""

import asyncio
from itertools import count
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs
from tests.commerce.books import NOW_MS, balance, entries, everything, open_accounts, total
from tests.commerce.statements import Broken, broken_commit, counted

from pronghorn.accounts.act import Act
from pronghorn.accounts.secrets import Secrets
from pronghorn.commerce import codes, spelling
from pronghorn.commerce.codes import MadeCode
from pronghorn.errors import BadRequest, Conflict, NotFound, PronghornError
from pronghorn.kit.clock import FakeClock
from pronghorn.kit.money import MAX_NANO, NANO_PER_USD
from pronghorn.store import Database
from pronghorn.store.models import Audit, Code, CodeBatch, Wallet

SECRETS = Secrets(["the secret of an installation"])
OPERATOR = Act("user:usr_operator", NOW_MS)
TEN_USD = 10 * NANO_PER_USD
DAY_MS = 86_400_000


async def make(database: Database, **more: Any) -> tuple[str, list[MadeCode]]:
    """A batch of one code for 10 USD, and an account to redeem it for."""
    await open_accounts(database, "acc_1")
    async with database.write() as tx:
        given: dict[str, Any] = {"name": "Spring", "count": 1, "amount": TEN_USD} | more
        return await codes.create(tx, OPERATOR, SECRETS, **given)


async def redeem(
    database: Database, code: str, account: str = "acc_1", *, act: Act = OPERATOR, secrets: Secrets = SECRETS
) -> codes.Redeemed:
    async with database.write() as tx:
        return await codes.redeem(tx, act, secrets, code, account, user_id="usr_1")


async def refusal(database: Database, code: str, **more: Any) -> PronghornError:
    """Why a code is refused. That must change nothing."""
    before = await everything(database)
    with pytest.raises(PronghornError) as refused:
        await redeem(database, code, **more)
    assert await everything(database) == before
    return refused.value


async def statuses(database: Database, now_ms: int = NOW_MS) -> list[str]:
    async with database.read() as tx:
        return sorted(row.status for row in await tx.execute(codes.listed(now_ms)))


async def test_a_code_becomes_balance_and_says_so_in_the_ledger(database: Database) -> None:
    batch_id, (made,) = await make(database)
    assert await redeem(database, made.code) == (made.id, batch_id, TEN_USD)
    assert await balance(database, "acc_1") == TEN_USD
    assert await entries(database) == [
        ("redeem", "promotion", "account:acc_1", TEN_USD, f"code:{made.id}"),
    ]
    async with database.read() as tx:
        row = (await tx.execute(codes.listed(NOW_MS))).one()
        audits = (await tx.execute(select(Audit.action, Audit.subject, Audit.detail))).all()
    assert (row.status, row.redeemed_ms, row.redeemed_account_id) == ("used", NOW_MS, "acc_1")
    assert row.redeemed_user_id == "usr_1"
    assert [tuple(each) for each in audits] == [
        ("code.create", batch_id, {"name": "Spring", "count": 1, "amount_usd": "10.00"}),
        ("code.redeem", made.id, {"account_id": "acc_1", "amount_usd": "10.00"}),
    ]


async def test_of_a_hundred_clients_at_once_one_wins(database: Database) -> None:
    """Over the connections of four servers, each client for an account of its own."""
    _, (made,) = await make(database)
    accounts = [f"acc_client_{number}" for number in range(100)]
    await open_accounts(database, *accounts)
    servers = [Database(database.url) for _ in range(4)]

    async def client(number: int) -> str:
        try:
            await redeem(servers[number % len(servers)], made.code, accounts[number])
        except Conflict as error:
            return error.code_word
        return "won"

    try:
        answers = await asyncio.gather(*(client(number) for number in range(100)))
    finally:
        await asyncio.gather(*(server.close() for server in servers))
    assert sorted(answers) == ["code_used"] * 99 + ["won"]
    winner = accounts[answers.index("won")]
    assert await balance(database, winner) == await total(database) == TEN_USD
    assert await entries(database) == [
        ("redeem", "promotion", f"account:{winner}", TEN_USD, f"code:{made.id}"),
    ]


async def test_many_codes_for_one_account_at_once_all_count(database: Database) -> None:
    _, made = await make(database, count=40)
    await asyncio.gather(*(redeem(database, each.code) for each in made))
    assert await balance(database, "acc_1") == 40 * TEN_USD
    assert len(await entries(database)) == 40


async def test_whichever_statement_breaks_nothing_is_left_behind(database: Database) -> None:
    _, (made,) = await make(database)
    before = await everything(database)
    for number in count(1):
        try:
            with counted(breaks_at=number):
                await redeem(database, made.code)
        except Broken:
            assert await everything(database) == before
        else:
            break
    assert number > 6  # it begins, looks twice, marks, writes the entry, pays and records
    assert await balance(database, "acc_1") == TEN_USD
    assert len(await entries(database)) == 1


async def test_a_commit_that_breaks_leaves_nothing_behind(database: Database) -> None:
    _, (made,) = await make(database)
    before = await everything(database)
    with broken_commit(), pytest.raises(Broken):
        await redeem(database, made.code)
    assert await everything(database) == before
    await redeem(database, made.code)
    assert await balance(database, "acc_1") == TEN_USD


async def test_a_batch_that_breaks_half_way_leaves_no_code(database: Database) -> None:
    before = await everything(database)
    for number in count(1):
        try:
            with counted(breaks_at=number):
                async with database.write() as tx:
                    await codes.create(tx, OPERATOR, SECRETS, name="n", count=3, amount=1)
        except Broken:
            assert await everything(database) == before
        else:
            break
    assert number > 3
    assert await statuses(database) == ["unused"] * 3


async def test_a_code_expires_at_its_moment_and_not_before(database: Database) -> None:
    clock = FakeClock(NOW_MS / 1000)
    _, (early, late) = await make(database, count=2, expires_ms=NOW_MS + DAY_MS)
    clock.advance(86_399.999)
    last_moment = Act("user:usr_1", int(clock.now() * 1000))
    assert last_moment.now_ms == NOW_MS + DAY_MS - 1
    await redeem(database, early.code, act=last_moment)
    clock.advance(0.001)
    error = await refusal(database, late.code, act=Act("user:usr_1", int(clock.now() * 1000)))
    assert (error.status, error.code_word, error.param) == (409, "code_expired", "code")
    assert "2026-05-29T20:26:40.000Z" in error.message
    assert await statuses(database, NOW_MS + DAY_MS - 1) == ["unused", "used"]
    assert await statuses(database, NOW_MS + DAY_MS) == ["expired", "used"]


async def test_a_used_code_says_when_and_whether_it_was_here(database: Database) -> None:
    _, (made,) = await make(database)
    await open_accounts(database, "acc_2")
    await redeem(database, made.code)
    own, other = await refusal(database, made.code), await refusal(database, made.code, account="acc_2")
    assert (own.status, own.code_word) == (other.status, other.code_word) == (409, "code_used")
    assert "by this account" in own.message and "2026-05-28T20:26:40.000Z" in own.message
    assert "by this account" not in other.message and "acc_1" not in other.message


async def test_a_disabled_code_and_a_disabled_batch_are_refused_until_enabled(database: Database) -> None:
    batch_id, (one, other) = await make(database, count=2)
    async with database.write() as tx:
        await codes.set_disabled(tx, OPERATOR, one.id, disabled=True)
    assert (await refusal(database, one.code)).code_word == "code_disabled"
    await redeem(database, other.code)
    async with database.write() as tx:
        await codes.set_disabled(tx, OPERATOR, one.id, disabled=False)
        await codes.set_batch_disabled(tx, OPERATOR, batch_id, disabled=True)
    assert (await refusal(database, one.code)).code_word == "code_disabled"
    assert await statuses(database) == ["disabled", "used"]
    async with database.write() as tx:
        await codes.set_batch_disabled(tx, OPERATOR, batch_id, disabled=False)
    await redeem(database, one.code)


async def test_a_used_code_cannot_be_disabled(database: Database) -> None:
    _, (made,) = await make(database)
    await redeem(database, made.code)
    before = await everything(database)
    with pytest.raises(Conflict, match="redeemed already"):
        async with database.write() as tx:
            await codes.set_disabled(tx, OPERATOR, made.id, disabled=True)
    assert await everything(database) == before


async def test_disabling_and_redeeming_at_once_end_in_one_of_the_two(database: Database) -> None:
    _, made = await make(database, count=20)

    async def disable(code_id: str) -> bool:
        try:
            async with database.write() as tx:
                await codes.set_disabled(tx, OPERATOR, code_id, disabled=True)
        except Conflict:
            return False
        return True

    async def use(code: str) -> bool:
        try:
            await redeem(database, code)
        except Conflict:
            return False
        return True

    both = [(disable(each.id), use(each.code)) for each in made]
    done = await asyncio.gather(*(work for pair in both for work in pair))
    assert all(disabled != used for disabled, used in zip(done[::2], done[1::2], strict=True))
    assert await balance(database, "acc_1") == sum(done[1::2]) * TEN_USD


async def test_an_unknown_code_and_an_unknown_account_are_named(database: Database) -> None:
    _, (made,) = await make(database)
    unknown = await refusal(database, spelling.new_code())
    assert isinstance(unknown, NotFound)
    assert (unknown.code_word, unknown.param) == ("code_unknown", "code")
    nobody = await refusal(database, made.code, account="acc_none")
    assert isinstance(nobody, BadRequest)
    assert nobody.param == "account_id"
    assert await statuses(database) == ["unused"]


async def test_a_typing_error_is_told_without_asking_the_database(database: Database) -> None:
    _, (made,) = await make(database)
    wrong = made.code[:-1] + next(each for each in spelling.ALPHABET if each != made.code[-1])
    async with database.read() as tx:
        with counted() as statements, pytest.raises(BadRequest, match="typing error"):
            await codes.redeem(tx, OPERATOR, SECRETS, wrong, "acc_1")
    assert statements.sent == 0


async def test_a_code_from_before_a_change_of_the_secret_still_counts(database: Database) -> None:
    _, (made,) = await make(database)
    other = Secrets(["quite another secret"])
    assert (await refusal(database, made.code, secrets=other)).code_word == "code_unknown"
    both = Secrets(["quite another secret", "the secret of an installation"])
    await redeem(database, made.code, secrets=both)
    assert await balance(database, "acc_1") == TEN_USD


async def test_a_balance_that_would_overflow_leaves_the_code_unused(database: Database) -> None:
    _, (made,) = await make(database)
    async with database.write() as tx:
        await tx.execute(update(Wallet).where(Wallet.mode == "live").values(balance=MAX_NANO - TEN_USD + 1))
    assert isinstance(await refusal(database, made.code), Conflict)
    assert await statuses(database) == ["unused"]


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"count": 0}, "count"),
        ({"count": -1}, "count"),
        ({"count": 1_001}, "count"),
        ({"amount": 0}, "amount_usd"),
        ({"amount": -1}, "amount_usd"),
        ({"amount": MAX_NANO + 1}, "amount_usd"),
        ({"name": ""}, "name"),
        ({"name": " x"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"expires_ms": NOW_MS}, "expires_at"),
        ({"expires_ms": 0}, "expires_at"),
    ],
    ids=str,
)
async def test_a_batch_that_cannot_be_is_refused_by_name(
    database: Database, wrong: dict[str, Any], param: str
) -> None:
    before = await everything(database)
    with pytest.raises(BadRequest) as refused:
        async with database.write() as tx:
            given: dict[str, Any] = {"name": "Spring", "count": 1, "amount": TEN_USD} | wrong
            await codes.create(tx, OPERATOR, SECRETS, **given)
    assert refused.value.param == param
    assert param in refused.value.message
    assert await everything(database) == before


async def test_the_largest_batch_has_a_thousand_codes_of_the_smallest_amount(database: Database) -> None:
    _, made = await make(database, count=1_000, amount=1)
    assert len({each.code for each in made}) == 1_000
    assert await statuses(database) == ["unused"] * 1_000
    await redeem(database, made[-1].code)
    assert await balance(database, "acc_1") == 1


async def test_codes_are_written_down_nowhere(database: Database) -> None:
    """Not in a row of any table, not in a log, not in an error, not in what a debugger shows."""
    with capture_logs() as logs:
        _, made = await make(database, count=5)
        await redeem(database, made[0].code)
        told = [str(await refusal(database, each.code, act=Act("cli", NOW_MS))) for each in made[:1]]
        wrong = made[1].code[:-1] + next(each for each in spelling.ALPHABET if each != made[1].code[-1])
        told.append(str(await refusal(database, wrong)))
    kept = repr((await everything(database), logs, told, made))
    for each in made:
        spellings = (each.code, each.code.replace("-", ""), each.code[3:], spelling.plain(each.code)[2:])
        assert not any(spelt in kept or spelt.lower() in kept for spelt in spellings)
        assert each.id in kept


@pytest.mark.parametrize(
    "values",
    [
        {"redeemed_ms": NOW_MS},
        {"redeemed_account_id": "acc_1"},
        {"redeemed_ms": NOW_MS, "redeemed_account_id": "acc_none"},
        {"batch_id": "cdb_none"},
    ],
    ids=str,
)
async def test_the_database_itself_refuses_half_a_redemption(
    database: Database, values: dict[str, Any]
) -> None:
    await make(database)
    with pytest.raises(IntegrityError):
        async with database.write() as tx:
            await tx.execute(update(Code).values(values))


async def test_the_database_itself_refuses_a_second_code_and_an_amount_of_nothing(database: Database) -> None:
    await make(database)
    async with database.read() as tx:
        row = (await tx.execute(select(Code))).one()._asdict()
        batch = (await tx.execute(select(CodeBatch))).one()._asdict()
    for table, values in ((Code, row | {"id": "cod_2"}), (CodeBatch, batch | {"id": "cdb_2", "amount": 0})):
        with pytest.raises(IntegrityError):
            async with database.write() as tx:
                await tx.execute(insert(table).values(**values))

"""A stranger recomputes 1,000 charges from what GET /manage/v1/requests says of them, and nothing else."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import ROUND_CEILING, Context, Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
from sqlalchemy import func, insert, select
from tests.unit.relay import making
from tests.unit.routing.making import grant

from pronghorn.app import open_gateway
from pronghorn.kit.clock import FakeClock
from pronghorn.kit.money import format_decimal
from pronghorn.ledger import markup, posting, repository
from pronghorn.ledger.journal import Journal
from pronghorn.ledger.prices import PPM, Price, PriceDocument, TokenPrices
from pronghorn.manage import bootstrap
from pronghorn.relay import Incoming
from pronghorn.settings import Settings
from pronghorn.store import Database
from pronghorn.store.models import Account, Entry, Key, Wallet
from pronghorn.wire.usage import Usage

ROWS = 1_000
DEPOSIT = 10**18
SERVER = "server-1"
EXACT = Context(prec=80)
KINDS = ("720p", "720p/silent", "1080p", "imagine/fast", "hd/1024x1024", "default")
ASKED = ("", "720p/audio", "720p/silent/x", "4k", "imagine", "imagine/fast", "hd/1024x1024", "hd")
INPUT_PARTS = ("cache_read", "cache_write_5m", "cache_write_1h", "audio_input", "image_input")
OUTPUT_PARTS = ("reasoning", "audio_output", "image_output")


def usd(dice: random.Random, decimals: int) -> str:
    """Free, tiny, odd or round."""
    digits = dice.choice((0, 1, dice.randrange(10**4), dice.randrange(10**8), 5 * 10**5))
    return format_decimal(digits, decimals=decimals)


def tokens(dice: random.Random) -> dict[str, Any]:
    fields = TokenPrices.__struct_fields__
    return {field: usd(dice, 6) for field in dice.sample(fields, dice.randrange(len(fields)))}


def price(dice: random.Random) -> Price:
    document = tokens(dice)
    for field in ("per_call_usd", "per_second_usd", "per_image_usd"):
        if dice.random() < 0.4:
            kinds = dice.sample(KINDS, dice.randrange(1, len(KINDS)))
            table = {kind: usd(dice, 12) for kind in kinds}
            document[field] = table if dice.random() < 0.7 else usd(dice, 12)
    document["tiers"] = [
        {"above_input_tokens": above, **tokens(dice)} for above in dice.sample((0, 99, 5_000), 2)
    ]
    ppm = dice.choice((PPM, PPM, 1_200_000, 333_333, dice.randrange(1, 5 * PPM)))
    return markup.price(msgspec.convert(document, PriceDocument), ppm)


def usage(dice: random.Random) -> Usage:
    """All components, parts within their wholes, some of them absent."""

    def count(most: int) -> int:
        return dice.randrange(1, most) if dice.random() < 0.6 else 0

    found = Usage(calls=dice.randrange(2), seconds=count(600), characters=count(5_000), images=count(5))
    for part in (*INPUT_PARTS, *OUTPUT_PARTS):
        setattr(found, part, count(3_000))
    found.input = count(4_000) + sum(getattr(found, part) for part in INPUT_PARTS)
    found.output = count(4_000) + sum(getattr(found, part) for part in OUTPUT_PARTS)
    found.kind, found.image_kind = dice.choice(ASKED), dice.choice(ASKED)
    return found


def factor_ppm(dice: random.Random) -> int:
    return dice.choice((PPM, 850_000, 0, 1, dice.randrange(3 * PPM)))


def settle(dice: random.Random, number: int, journal: Any) -> None:
    """One request as the gateway ends it; a third of them with too little held."""
    key = grant(free=DEPOSIT, factor_ppm=factor_ppm(dice))
    made = making.exchange(key=key, price=price(dice), journal=journal)
    made.incoming = Incoming(f"req_{number:06d}", {}, b"{}", None, "::1", 1_780_000_000.0 + number)
    used = usage(dice)
    is_short = dice.random() < 0.33
    most = made.price.charge(used, key.factor_ppm).nano if is_short else 0
    made.take_hold(dice.randrange(most + 1) if is_short else made.price.bound(used, key.factor_ppm))
    made.settle(200, "ok", usage=used, is_free=dice.random() < 0.05)


async def open_account(database: Database) -> None:
    async with database.write() as tx:
        await tx.execute(insert(Account).values(id="acc_1", name="a", group_name="default", created_ms=1))
        values = {"account_id": "acc_1", "name": "k", "mode": "live", "hint": "h", "hash": b"h" * 32}
        await tx.execute(insert(Key).values(id="key_1", created_ms=1, **values))
        await repository.open_wallet(tx, "acc_1", "live")
        await repository.adjust(tx, "acc_1", "live", DEPOSIT, note="", now_ms=1)


@asynccontextmanager
async def admin(database: Database, data: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The management API on this database, as a script sees it."""
    settings, clock = Settings(data=data), FakeClock()
    gateway = await open_gateway(settings, clock, sandbox_url="", database=database)
    try:
        first = await bootstrap.ensure(database, gateway.secrets, clock, settings)
        headers = {"authorization": f"Bearer {first.admin_token}"}
        transport = httpx.ASGITransport(gateway.asgi)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://pronghorn", headers=headers
        ) as http:
            yield http
    finally:
        await gateway.close()


def terms(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines that count something: all but that of a shortfall, which says what is not charged of their sum."""
    return [line for line in row["explain"] if line["component"] != "shortfall"]


def recomputed(row: dict[str, Any]) -> Decimal:
    """What the documents say: units x unit_usd x factor, summed up and rounded up once."""
    exact = Decimal(0)
    for line in terms(row):
        term = EXACT.multiply(Decimal(line["units"]), Decimal(line["unit_usd"]))
        exact = EXACT.add(exact, EXACT.multiply(term, Decimal(line["factor"])))
    return exact.quantize(Decimal("1e-9"), rounding=ROUND_CEILING, context=EXACT)


def assert_names_what_it_counts(row: dict[str, Any]) -> None:
    """Each line counts something of the usage, no token twice, and says the factor that all have."""
    counted: Counter[str] = Counter()
    for line in terms(row):
        counted[line["component"]] += line["units"]
    for whole, parts in (("input", INPUT_PARTS), ("output", OUTPUT_PARTS)):
        assert counted[whole] + sum(counted[part] for part in parts) <= row["usage"][whole]
    for component, name in (("call", "calls"), ("second", "seconds"), ("image", "images")):
        assert counted[component] in (0, row["usage"].get(name, 0))
    assert len({(line["factor"], line.get("markup")) for line in terms(row)}) <= 1


async def test_a_stranger_recomputes_every_row_to_the_nano_dollar(database: Database, tmp_path: Path) -> None:
    dice = random.Random(8_400)
    await open_account(database)
    journal = Journal(tmp_path / "other", SERVER, 1, 50)
    for number in range(ROWS):
        settle(dice, number, journal)
    journal.close()
    async with admin(database, tmp_path / "data") as http:
        assert await posting.post_all(database, tmp_path / "other", FakeClock()) == ROWS
        answer = (await http.get(f"/manage/v1/requests?limit={ROWS}")).raise_for_status().json()
        rows = answer["items"]
        assert len(rows) == ROWS
        for row in rows:
            cost, shortfall = Decimal(row["cost_usd"]), Decimal(row["shortfall_usd"])
            assert recomputed(row) == cost + shortfall, row["explain"]
            assert cost <= Decimal(row["hold_usd"])
            assert not shortfall or cost == Decimal(row["hold_usd"]), "cut at the hold and nowhere else"
            assert_names_what_it_counts(row)
            flags = [Decimal(line["usd"]) for line in row["explain"] if line["component"] == "shortfall"]
            assert flags == ([shortfall] if shortfall else [])
        await assert_sums_agree(database, rows)
    assert_all_kinds_were_there(rows)


async def assert_sums_agree(database: Database, rows: list[dict[str, Any]]) -> None:
    """What the rows say is what the ledger moved."""
    sums = select(Entry.kind, func.sum(Entry.amount)).group_by(Entry.kind)
    async with database.read() as tx:
        by_kind = {kind: int(amount) for kind, amount in await tx.execute(sums)}
        spent = await tx.scalar(select(Wallet.spent).where(Wallet.account_id == "acc_1"))
    for kind, field in (("charge", "cost_usd"), ("shortfall", "shortfall_usd")):
        assert by_kind[kind] == sum(Decimal(row[field]) for row in rows) * 10**9
    assert spent == by_kind["charge"]


def assert_all_kinds_were_there(rows: list[dict[str, Any]]) -> None:
    """The dice must have shown all that a row can be."""
    lines = [line for row in rows for line in terms(row)]
    components = {line["component"] for line in lines}
    assert components == {
        *("input", "output", *INPUT_PARTS, *OUTPUT_PARTS, "call", "second", "image", "character")
    }
    assert sum(row["shortfall_usd"] != "0.00" for row in rows) > 100
    assert sum(bool(row["explain"]) for row in rows) > 800
    assert sum("markup" in line for line in lines) > 500
    assert sum("kind" in line for line in lines) > 100

"""Traffic: random requests that go the real way, journal and posting, and what plain Python says of them."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from pronghorn.kit.clock import FakeClock
from pronghorn.ledger import posting, repository
from pronghorn.ledger.journal import Journal, Record
from pronghorn.ledger.pots import AccountPot
from pronghorn.store import Database
from pronghorn.store.models import Account, Channel, Key, Membership, User
from pronghorn.wire.usage import Usage

CLOCK = FakeClock()
SERVER = "server-1"
USD = 1_000_000_000
DEPOSIT = 1_000 * USD
ACCOUNTS = ("acc_1", "acc_2", "acc_3")
KEYS = {"key_1": "acc_1", "key_2": "acc_1", "key_3": "acc_2", "key_4": "acc_3"}
OWNERS = {"acc_1": "usr_1", "acc_2": "usr_2"}
"""acc_1 has two owners, of whom usr_1 was the first; acc_3 has none."""
MODELS = ("gpt-4o", "claude-haiku-4-5", "=cmd|' /C calc'!A0", "模型，一")
FROM_MS = int(datetime(2026, 10, 20, tzinfo=UTC).timestamp()) * 1000
TO_MS = int(datetime(2026, 11, 5, tzinfo=UTC).timestamp()) * 1000
"""Within, clocks go back in Berlin and in New York."""
_TOKENS = ("cache_read", "cache_write_5m", "cache_write_1h", "reasoning", "audio_input", "image_output")


async def open_accounts(database: Database, *, note: str = "to begin with") -> None:
    """Accounts with money, keys, owners, and one channel; all of it a month before the traffic."""
    opened_ms = FROM_MS - 40 * 86_400_000
    async with database.write() as tx:
        for number, account in enumerate(ACCOUNTS, 1):
            name = f"Team {number}"
            await tx.execute(
                insert(Account).values(id=account, name=name, group_name="default", created_ms=opened_ms)
            )
            for mode in ("live", "test"):
                await repository.open_wallet(tx, account, mode)
                await repository.adjust(tx, account, mode, DEPOSIT, note=note, now_ms=opened_ms)
                await AccountPot(account, mode).lease(tx, SERVER, 1, need=DEPOSIT // 2, share=10**9)
        for key, account in KEYS.items():
            values = {
                "account_id": account,
                "name": f"name of {key}",
                "mode": "live",
                "hint": "sk-live...abcd",
            }
            hash = key.encode().ljust(32)
            await tx.execute(insert(Key).values(id=key, created_ms=opened_ms, hash=hash, **values))
        for number, (user, account) in enumerate(
            [("usr_2", "acc_2"), ("usr_1", "acc_1"), ("usr_0", "acc_1")], 1
        ):
            values = {"email": f"{user}@example.com", "password_hash": ""}
            await tx.execute(insert(User).values(id=user, created_ms=opened_ms, **values))
            await tx.execute(
                insert(Membership).values(user_id=user, account_id=account, role="owner", created_ms=number)
            )
        channel = {"name": "main", "vendor": "openai", "base_url": "https://v.example", "credentials": "x"}
        await tx.execute(insert(Channel).values(id="chn_1", models={}, groups=[], created_ms=1, **channel))


class Traffic:
    def __init__(self, folder: Path, seed: int, epoch: int = 1) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        self.records: list[Record] = []
        self._journal = Journal(folder, SERVER, epoch, 50)

    def send(self, count: int, **fields: Any) -> None:
        for _ in range(count):
            record = self._record(**fields)
            self.records.append(record)
            self._journal.append(record)

    async def post(self, database: Database) -> None:
        await posting.post_all(database, self.folder, CLOCK)

    def close(self) -> None:
        self._journal.close()

    def _record(self, **fields: Any) -> Record:
        chosen = self.random
        key = chosen.choice(list(KEYS))
        is_good = chosen.random() < 0.8
        usage = Usage(input=chosen.randrange(5_000_000_000), output=chosen.randrange(1000))
        for name in chosen.sample(_TOKENS, 2):
            setattr(usage, name, chosen.randrange(500))
        made: dict[str, Any] = {
            "id": f"req_{len(self.records):024x}",
            "created_ms": chosen.randrange(FROM_MS, TO_MS),
            "mode": "live" if chosen.random() < 0.8 else "test",
            "account_id": KEYS[key],
            "key_id": key,
            "group_name": chosen.choice(("default", "vip")),
            "endpoint": "chat",
            "model": chosen.choice(MODELS),
            "upstream_model": "upstream",
            "channel_id": chosen.choice(("chn_1", "chn_gone")) if is_good else "",
            "is_stream": chosen.random() < 0.5,
            "status": 200 if is_good else 429,
            "end_reason": chosen.choice(("ok", "client_gone")) if is_good else "limited",
            "finish": "stop" if is_good else "",
            "error": "" if is_good else "-too, many\r\nrequests",
            "usage": usage if is_good else Usage(),
            "hold": USD,
            "charge": chosen.randrange(USD // 100) if is_good else 0,
            "shortfall": chosen.randrange(1, 99) if is_good and chosen.random() < 0.1 else 0,
            "lines": [("input", usage.input, 2_500_000)],
            "factor_ppm": 1_000_000,
            "first_byte_ms": 12 if is_good else -1,
            "duration_ms": 34,
            "upstream_request_id": "",
            "client_ip": "::1",
            "attempts": [],
        }
        return Record(**(made | fields))


def counts(records: Iterable[Record]) -> dict[str, int]:
    """Counted by hand: what is not zero."""
    found: dict[str, int] = defaultdict(int)
    for record in records:
        usage = record.usage
        found["requests"] += 1
        found["errors"] += record.end_reason not in ("ok", "client_gone")
        found["cost"] += record.charge
        found["shortfall"] += record.shortfall
        found["cache_write"] += usage.cache_write_5m + usage.cache_write_1h
        for name in ("input", "output", "cache_read", "reasoning", "audio_input", "image_output"):
            found[name] += getattr(usage, name)
    return {name: count for name, count in found.items() if count}


def local_hour(at_ms: int, zone: str) -> str:
    """The hour on the wall, and how far it is ahead: a repeated hour is two."""
    at = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone))
    return at.replace(minute=0, second=0, microsecond=0).isoformat()


def local_day(at_ms: int, zone: str) -> str:
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).date().isoformat()


PART: dict[str, Callable[[Record], str]] = {
    "none": lambda record: "",
    "model": lambda record: record.model,
    "key": lambda record: record.key_id,
    "user": lambda record: OWNERS.get(record.account_id, ""),
    "channel": lambda record: record.channel_id,
    "account": lambda record: record.account_id,
    "group": lambda record: record.group_name,
}

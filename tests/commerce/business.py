"""One account and the servers that spend its money, as the database sees them: leases, charges, posting, jobs."""

from pathlib import Path
from typing import Any

from sqlalchemy import Row, case, func, insert, select

from pronghorn.accounts.act import Act
from pronghorn.accounts.secrets import Secrets
from pronghorn.commerce import plans, purchases
from pronghorn.commerce.jobs import Services
from pronghorn.errors import NoCredit
from pronghorn.kit.clock import Clock, FakeClock
from pronghorn.ledger import pots, repository
from pronghorn.ledger.pots import AccountPot, Amounts
from pronghorn.settings import Settings
from pronghorn.store import Database
from pronghorn.store.models import Account, Allowance, Entry, Plan

ACCOUNT = "acc_1"
BOOK = f"account:{ACCOUNT}"
POT = AccountPot(ACCOUNT, "live")
SECRET = "a secret of the tests"


def services(database: Database, clock: Clock, **settings: Any) -> Services:
    return Services(database, Secrets([SECRET]), Settings(data=Path("/nowhere"), **settings), clock)


class Business:
    """`leased` and `unposted` are what a server has in memory and in its journal."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database = database
        self.clock = clock
        self.services = services(database, clock)
        self.leased: dict[str, int] = {}
        self.unposted: dict[str, int] = {}

    @property
    def now_ms(self) -> int:
        return int(self.clock.now() * 1000)

    async def open(self) -> "Business":
        async with self.database.write() as tx:
            await tx.execute(
                insert(Account).values(id=ACCOUNT, name="Team A", group_name="default", created_ms=1)
            )
            await repository.open_wallet(tx, ACCOUNT, "live")
        return self

    async def plan(self, name: str, allowance: int, period: str = "month", price: int = 0) -> None:
        async with self.database.write() as tx:
            values = {"name": name, "allowance": allowance, "period": period, "price": price, "created_ms": 1}
            await tx.execute(insert(Plan).values(values))

    async def subscribe(self, plan: str, zone: str = "UTC") -> str:
        async with self.database.write() as tx:
            return await plans.subscribe(tx, ACCOUNT, plan, zone, self.now_ms)

    async def buy(self, plan: str, key: str = "") -> bool:
        """From the balance. Gives whether there was enough."""
        try:
            async with self.database.write() as tx:
                await purchases.from_balance(tx, Act("user:usr_1", self.now_ms), ACCOUNT, plan, key)
        except NoCredit:
            return False
        return True

    async def cancel(self, subscription_id: str, *, now: bool = False) -> None:
        async with self.database.write() as tx:
            await plans.cancel(tx, subscription_id, now=now, now_ms=self.now_ms)

    async def job(self) -> None:
        await plans.run(self.services)

    async def pay(self, amount: int) -> bool:
        """Gives whether there was enough, of a negative one."""
        try:
            async with self.database.write() as tx:
                await repository.adjust(tx, ACCOUNT, "live", amount, note="", now_ms=self.now_ms)
        except NoCredit:
            return False
        return True

    async def lease(self, server: str, need: int) -> None:
        async with self.database.write() as tx:
            taken = await POT.lease(tx, server, 1, need=need, share=4)
        self.leased[server] = self.leased.get(server, 0) + taken

    def free(self, server: str) -> int:
        return self.leased.get(server, 0) - self.unposted.get(server, 0)

    def charge(self, server: str, amount: int) -> None:
        assert amount <= self.free(server)
        self.unposted[server] = self.unposted.get(server, 0) + amount

    async def give_back(self, server: str, amount: int | None = None) -> None:
        amount = self.free(server) if amount is None else amount
        if amount:
            async with self.database.write() as tx:
                await POT.unlease(tx, server, 1, amount)
            self.leased[server] -= amount

    async def post(self, server: str) -> None:
        """What the worker makes of the journal: the entry, the wallet, the lease."""
        charge = self.unposted.pop(server, 0)
        if not charge:
            return
        entry = {"mode": "live", "kind": "charge", "debit": BOOK, "credit": "revenue", "amount": charge}
        async with self.database.write() as tx:
            await tx.execute(insert(Entry).values(created_ms=self.now_ms, **entry))
            await POT.spend(tx, server, 1, charge)
        self.leased[server] -= charge

    async def spend(self, amount: int) -> None:
        """One request, from the lease to the ledger."""
        await self.lease("server", amount)
        self.charge("server", amount)
        await self.post("server")
        await self.give_back("server")

    async def amounts(self) -> Amounts:
        async with self.database.read() as tx:
            return (await pots.account_amounts(tx, [ACCOUNT], "live"))[ACCOUNT]

    async def balance(self) -> int:
        """What the account can spend, if no server holds anything back."""
        found = await self.amounts()
        return found.balance + found.leased - sum(self.unposted.values())

    async def booked(self) -> dict[str, int]:
        """The account's book by kind: what came in less what went out."""
        signed = case((Entry.credit == BOOK, Entry.amount), (Entry.debit == BOOK, -Entry.amount), else_=0)
        async with self.database.read() as tx:
            rows = await tx.execute(select(Entry.kind, func.sum(signed)).group_by(Entry.kind))
            return {kind: int(amount) for kind, amount in rows}

    async def entries(self, kind: str) -> list[int]:
        async with self.database.read() as tx:
            found = await tx.execute(select(Entry.amount).where(Entry.kind == kind).order_by(Entry.id))
            return list(found.scalars())

    async def allowances(self, *, is_open: bool = False) -> list[Row[Any]]:
        statement = select(Allowance).order_by(Allowance.end_ms, Allowance.start_ms)
        if is_open:
            statement = statement.where(Allowance.is_open)
        async with self.database.read() as tx:
            return list((await tx.execute(statement)).all())

    async def granted(self) -> tuple[int, int, int]:
        """How many allowances there were, their sum, and what expired of it."""
        of = (func.count(), func.sum(Allowance.amount), func.sum(Allowance.expired))
        async with self.database.read() as tx:
            count, amount, expired = (await tx.execute(select(*of))).one()
        return int(count), int(amount), int(expired)

    async def entry_count(self, kind: str) -> int:
        async with self.database.read() as tx:
            return await tx.scalar(select(func.count()).where(Entry.kind == kind)) or 0

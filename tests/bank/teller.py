"""Teller: one life of one server of the bank. The only place that calls the ledger and the settlement."""

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from weakref import WeakValueDictionary

from sqlalchemy import insert
from tests.bank.edge import Lost, check_alive, together
from tests.bank.plan import Limit, Step
from tests.bank.promises import Promises

from pronghorn.app import _begin_epoch
from pronghorn.errors import NoCredit, Unavailable
from pronghorn.kit.clock import FakeClock
from pronghorn.ledger import holds, posting, pots, repository
from pronghorn.ledger.budgets import Budget
from pronghorn.ledger.credit import IDLE_RETURN_S, Credit, Purse
from pronghorn.ledger.journal import Journal
from pronghorn.ledger.pots import AccountPot, Window
from pronghorn.ledger.prices import Price, PriceDocument
from pronghorn.observability import Metrics
from pronghorn.relay.endpoints import BY_NAME
from pronghorn.relay.exchange import Exchange
from pronghorn.relay.holding import gather, take
from pronghorn.relay.incoming import Incoming
from pronghorn.routing import Grant
from pronghorn.routing.grant import Meter
from pronghorn.store import Database
from pronghorn.store.answering import is_unanswered
from pronghorn.store.models import Account, Key
from pronghorn.wire.usage import Usage

MODE = "live"
GROUP = "default"
PRICE = Price(PriceDocument(per_call_usd="0.000000001"))
"""A nano-dollar a call: a request costs what it says it used."""
ATTEMPTS = 3
LONG_S = 1_000.0
Pause = Callable[[], Awaitable[None]]


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """`Lost`, and whatever else says that the database does not answer now, is `Lost`: it may be asked again later.

    A deadlock is none of it. Nobody here takes two locks in an order of their own.
    """
    try:
        yield
    except Exception as error:
        is_deadlock = "deadlock" in str(error)
        if isinstance(error, Unavailable) or (is_unanswered(error) and not is_deadlock):
            raise Lost from error
        raise


def account_id(number: int) -> str:
    return f"acc_{number}"


def key_id(account: str) -> str:
    return account.replace("acc", "key")


async def open_accounts(database: Database, deposits: Sequence[int], promises: Promises) -> None:
    async with database.write() as tx:
        for number, amount in enumerate(deposits):
            account = account_id(number)
            await tx.execute(insert(Account).values(id=account, name="a", group_name="default", created_ms=1))
            values = {"id": key_id(account), "account_id": account, "name": "k", "mode": MODE, "hint": "h"}
            await tx.execute(insert(Key).values(**values, hash=account.encode(), created_ms=1))
            await repository.open_wallet(tx, account, MODE)
            if amount:
                promises.note("asked", f"opening-{number}", "paid", account, amount)
                await repository.adjust(tx, account, MODE, amount, note=f"opening-{number}", now_ms=1)
                promises.note("done", f"opening-{number}", amount)


class Teller:
    def __init__(
        self,
        database: Database,
        server: str,
        epoch: int,
        clock: FakeClock,
        promises: Promises,
        journal: Journal,
        limits: Sequence[Limit],
    ) -> None:
        self.server = server
        self.epoch = epoch
        self.clock = clock
        self.database = database
        self.promises = promises
        self.credit = Credit(database, server, epoch, clock)
        self.journal = journal
        self._limits = limits
        self._metrics = Metrics()
        self._grants: dict[str, Grant] = {}
        self.purses: WeakValueDictionary[str, Purse] = WeakValueDictionary()
        """By account or window; like `Credit`, it keeps none alive."""
        self.moving: Counter[str] = Counter()
        """Of each purse: held here still, and in the database perhaps already."""
        self._count = 0

    @classmethod
    async def start(
        cls,
        database: Database,
        folder: Path,
        server: str,
        clock: FakeClock,
        promises: Promises,
        limits: Sequence[Limit] = (),
        sync_ms: int = 0,
    ) -> "Teller":
        """As `app.open_gateway` does it."""
        epoch = await _begin_epoch(database, server, clock, folder)
        promises.note("born", server, epoch)
        await posting.post_dead(database, folder, clock, server, epoch)
        async with database.write() as tx:
            await pots.reclaim(tx, server, epoch)
        journal = Journal(folder, server, epoch, sync_ms)
        return cls(database, server, epoch, clock, promises, journal, limits)

    async def close(self) -> None:
        """As `app.Gateway.close` does it."""
        with contextlib.suppress(Lost), heard():  # the next start takes back what could not be returned now
            await self.credit.give_back_all()
        self.journal.close()

    async def go(self, steps: Sequence[Step], pause: Pause) -> None:
        for step in steps:
            # What was asked may have happened or not; whoever asked was told neither.
            with contextlib.suppress(Lost), heard():
                await getattr(self, step.kind)(step, pause)
            await pause()

    # The steps

    async def request(self, step: Step, pause: Pause) -> None:
        try:
            self.journal.check()
        except Unavailable:
            return
        exchange = await self._admitted(step)
        if exchange is None:
            return
        for _ in range(step.pauses):
            await pause()
        id = exchange.incoming.id
        self.promises.note("settling", id, step.charge)
        try:
            exchange.settle(200, "ok", usage=Usage(calls=step.charge))
        except Unavailable:
            self.promises.note("refused", id)
            return
        exchange.settle(500, "bug", usage=Usage(calls=step.charge))  # a second call does nothing
        self.promises.note("settled", id)

    async def _admitted(self, step: Step) -> Exchange | None:
        """With its hold in memory; None: it may not have so much."""
        grant = self._grant(account_id(step.account))
        exchange = self._exchange(grant)
        windows = grant.budget_purses(exchange.incoming.received_s)
        self.purses |= {_name(purse): purse for purse in (grant.purse, *windows)}
        await gather(self.credit, (grant.purse, *windows), step.amount, LONG_S)
        check_alive()
        if not take(exchange, step.amount):
            return None
        names = [_name(purse) for purse in windows]
        self.promises.note(
            "held", exchange.incoming.id, grant.account_id, step.amount, self.server, self.epoch, names
        )
        return exchange

    async def submit(self, step: Step, pause: Pause) -> None:
        """A task as `Submitter` has it: admitted in memory, then a hold in the database, which is resolved."""
        exchange = await self._admitted(step)
        if exchange is None:
            return
        id, grant = self._name("task"), exchange.grant
        purses = [grant.purse, *exchange.budgets]
        windows = [purse.pot for purse in exchange.budgets if isinstance(purse.pot, Window)]
        names = [window.name for window in windows]
        self.promises.note("placing", id, grant.account_id, step.amount, self.server, self.epoch, names)
        is_committing, lost = False, None
        self.moving.update(dict.fromkeys(map(_name, purses), step.amount))
        try:
            async with self.database.write() as tx:
                await self.credit.move(tx, purses, step.amount)
                await holds.place(tx, id, grant.account_id, MODE, step.amount, windows, now_ms=self._now_ms())
                is_committing = True
        except Exception as error:
            lost = error
        check_alive()
        (exchange.move_hold if is_committing else exchange.return_hold)()
        self.promises.note("refused", exchange.incoming.id)
        self.moving.subtract(dict.fromkeys(map(_name, purses), step.amount))
        if lost is not None:
            raise lost
        await self._wait_and_resolve(id, step, pause)

    async def task(self, step: Step, pause: Pause) -> None:
        """A hold in the database: asked for until it is there, resolved by two at once, each of whom asks again."""
        grant, id = self._grant(account_id(step.account)), self._name("task")
        purses = grant.budget_purses(self.clock.now())
        windows = [purse.pot for purse in purses if isinstance(purse.pot, Window)]
        names = [window.name for window in windows]
        self.promises.note("placing", id, grant.account_id, step.amount, self.server, self.epoch, names)

        async def place() -> None:
            async with self.database.write() as tx:
                await holds.place(tx, id, grant.account_id, MODE, step.amount, windows, now_ms=self._now_ms())

        try:
            if not await _until_answered(place, pause):
                return
        except NoCredit:
            return
        await self._wait_and_resolve(id, step, pause)

    async def _wait_and_resolve(self, id: str, step: Step, pause: Pause) -> None:
        for _ in range(step.pauses):
            await pause()
        await together([self._resolve(id, step.charge, pause), self._resolve(id, None, pause)])

    async def _resolve(self, id: str, charge: int | None, pause: Pause) -> None:
        """Post `charge`, or void it all."""
        won = False

        async def resolve() -> None:
            nonlocal won
            async with self.database.write() as tx:
                if charge is None:
                    won = await holds.void(tx, id, now_ms=self._now_ms())
                else:
                    won = await holds.post(tx, id, charge, now_ms=self._now_ms())

        if await _until_answered(resolve, pause) and won:
            self.promises.note("resolved", id, charge or 0)

    async def top_up(self, step: Step, pause: Pause) -> None:
        """A notice of a payment, which comes again until it was answered, and once more after that."""
        account, reference = account_id(step.account), self._name("top_up")
        self.promises.note("asked", reference, "paid", account, step.amount)
        for _ in range(ATTEMPTS):
            try:
                with heard():
                    await self._pay_in(account, step.amount, reference)
                self.promises.note("done", reference, step.amount)
            except Lost:
                await pause()

    async def _pay_in(self, account: str, amount: int, reference: str) -> None:
        async with self.database.write() as tx:
            await repository.pay_in(
                tx,
                account,
                amount,
                kind="top_up",
                source="funding",
                reference=reference,
                now_ms=self._now_ms(),
            )

    async def deposit(self, step: Step, pause: Pause) -> None:
        await self._adjust(step.account, step.amount, "paid")

    async def withdraw(self, step: Step, pause: Pause) -> None:
        with contextlib.suppress(NoCredit):
            await self._adjust(step.account, -step.amount, "taken")

    async def _adjust(self, number: int, amount: int, kind: str) -> None:
        account, reference = account_id(number), self._name("adjust")
        self.promises.note("asked", reference, kind, account, abs(amount))
        await self.credit.adjust(account, MODE, amount, note=reference, now_ms=self._now_ms())
        self.promises.note("done", reference, abs(amount))

    async def take_out(self, step: Step, pause: Pause) -> None:
        account, reference = account_id(step.account), self._name("take_out")
        self.promises.note("asked", reference, "taken", account, step.amount)
        async with self.database.write() as tx:
            taken = await repository.take_out(
                tx,
                account,
                step.amount,
                kind="expired",
                target="promotion",
                reference=reference,
                now_ms=self._now_ms(),
            )
        self.promises.note("done", reference, taken)

    async def idle(self, step: Step, pause: Pause) -> None:
        self.clock.advance(IDLE_RETURN_S + 1)
        await self.credit.give_back_idle()

    async def back(self, step: Step, pause: Pause) -> None:
        await self.credit.give_back(self._grant(account_id(step.account)).purse)

    async def jump(self, step: Step, pause: Pause) -> None:
        self.clock.jump(step.amount)

    # What they need

    def _grant(self, account: str) -> Grant:
        if account not in self._grants:
            self._grants[account] = Grant(
                key_id=key_id(account),
                name="k",
                account_id=account,
                mode=MODE,
                group=GROUP,
                factor_ppm=1_000_000,
                purse=self.credit.purse(account, MODE),
                meter=Meter(),
                budgets=[self._budget(limit) for limit in self._limits if limit.binds(account)],
            )
        return self._grants[account]

    def _budget(self, limit: Limit) -> Budget:
        account = account_id(limit.account)
        subject = {"key": key_id(account), "account": account, "group": GROUP}[limit.scope]
        name, period, amount = limit.name, limit.period, limit.amount
        return Budget(
            self.credit, id=name, scope=limit.scope, subject=subject, mode=MODE, amount=amount, period=period
        )

    def _exchange(self, grant: Grant) -> Exchange:
        incoming = Incoming(self._name("req"), {}, b"", None, "", self.clock.now())
        exchange = Exchange(incoming, grant, BY_NAME["chat"], self.journal, self._metrics)
        exchange.price = PRICE
        return exchange

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}-{self.server}-{self.epoch}-{self._count}"

    def _now_ms(self) -> int:
        return int(self.clock.now() * 1000)


async def _until_answered(ask: Callable[[], Awaitable[None]], pause: Pause) -> bool:
    for _ in range(ATTEMPTS):
        try:
            with heard():
                await ask()
            return True
        except Lost:
            await pause()
    return False


def _name(purse: Purse) -> str:
    return purse.pot.account_id if isinstance(purse.pot, AccountPot) else purse.pot.name


class Worker:
    """Posts what is in a folder, again and again, as `pronghorn worker` does."""

    def __init__(self, database: Database, folder: Path, clock: FakeClock) -> None:
        self._database = database
        self._folder = folder
        self._clock = clock
        self._positions: posting.Positions = {}

    async def post(self) -> None:
        await posting.post_all(self._database, self._folder, self._clock, self._positions)

    async def go(self, times: int, pause: Pause) -> None:
        for _ in range(times):
            with contextlib.suppress(Lost), heard():  # it looks again
                await self.post()
            await pause()

"""Credit in memory: what this server may spend without asking the database, and what open requests hold of it.

A purse is filled by leases, of a wallet or of a budget's window. All its changes happen on the event loop without a
pause between check and change, so two requests can never take the same nano-dollar.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple
from weakref import WeakValueDictionary

from pronghorn.kit.clock import Clock
from pronghorn.ledger import pots, repository
from pronghorn.ledger.pots import AccountPot, Amounts, Pot, Window
from pronghorn.store import Database, Tx

LEASE_SHARE = 4
"""A lease takes at most this part of a balance beyond what is needed now, so that other servers find some."""
IDLE_RETURN_S = 30.0
SCARCE_RETURN_S = 1.0
"""The same where the pot had no more than was needed: another server may be refusing for want of it."""


class Purse:
    """A slice of one pot, nano-dollars. `free + held` never exceeds what was leased."""

    __slots__ = (
        "__weakref__",
        "asked",
        "dry",
        "free",
        "held",
        "lock",
        "name",
        "pot",
        "return_s",
        "returning",
        "used_at",
        "waiters",
    )

    def __init__(self, pot: Pot) -> None:
        self.pot = pot
        self.name = pot.name
        self.free = 0
        self.held = 0
        self.returning = 0
        """On its way back to the database."""
        self.used_at = 0.0
        self.return_s = IDLE_RETURN_S
        self.lock = asyncio.Lock()
        self.asked = self.dry = 0
        """How often the pot was asked for more; which of these times was the last that it had too little."""
        self.waiters: deque[tuple[int, asyncio.Event]] = deque()

    def take(self, amount: int) -> None:
        """Begin a hold. The caller has checked, without a pause in between, that it is free."""
        self.free -= amount
        self.held += amount

    def settle(self, hold: int, charge: int) -> None:
        """End a hold: `charge` (at most `hold`) is gone, the rest is free again."""
        self.held -= hold
        self.free += hold - charge
        self.wake()

    def wake(self) -> None:
        """Tell the first in line when there is enough for it, or never will be; the others wait for it."""
        if self.waiters:
            need, told = self.waiters[0]
            if not self.may_come(need):
                told.set()

    def may_come(self, need: int) -> bool:
        """`need` is not free, but open holds could make it so."""
        return self.free < need <= self.free + self.held


class Standing(NamedTuple):
    """What the API shows, nano-dollars; balance + held + spent = everything ever paid in, or a budget's limit."""

    balance: int
    held: int
    spent: int
    leased: int


class Credit:
    """All purses of this server."""

    def __init__(self, database: Database, server: str, epoch: int, clock: Clock) -> None:
        self._database = database
        self._server = server
        self._epoch = epoch
        self._clock = clock
        self._purses: WeakValueDictionary[Pot, Purse] = WeakValueDictionary()
        self._filled: set[Purse] = set()
        """Those that may have money. The others live as long as somebody knows them: windows come and go."""
        self._limits: Mapping[str, int] = {}
        """Of budgets, as they are now: a request that came before a change may be the first in a window."""

    def purse(self, account_id: str, mode: str) -> Purse:
        return self.purse_of(AccountPot(account_id, mode))

    def purse_of(self, pot: Pot) -> Purse:
        if isinstance(pot, Window):
            pot = replace(pot, limit=self._limits.get(pot.budget_id, pot.limit))
        purse = self._purses.get(pot)
        if purse is None:
            purse = self._purses[pot] = Purse(pot)
        purse.pot = pot  # a budget's limit may be another now
        return purse

    async def follow(self, limits: Mapping[str, int]) -> None:
        """Budgets have these limits now: give back what is free of those that became lower, or are gone.

        Nothing more is leased by an old limit from the first moment on.
        """
        self._limits = limits
        lowered = []
        for purse in self._filled:
            if isinstance(pot := purse.pot, Window) and (limit := limits.get(pot.budget_id, 0)) < pot.limit:
                purse.pot = replace(pot, limit=limit)
                lowered.append(purse)
        for purse in lowered:
            await self.give_back(purse)

    async def fill(self, purse: Purse, need: int) -> None:
        """Lease more until `need` is free, or until the database has no more.

        Of a crowd that comes for what is used up one asks for all: whoever came before it asked knows, too.
        """
        asked = purse.asked
        async with purse.lock:
            missing = need - purse.free
            if missing <= 0 or purse.dry > asked:
                return
            purse.asked += 1
            self._filled.add(purse)
            async with self._database.write() as tx:
                taken = await purse.pot.lease(tx, self._server, self._epoch, need=missing, share=LEASE_SHARE)
            purse.free += taken
            if taken < missing:
                purse.dry = purse.asked
            purse.return_s = IDLE_RETURN_S if taken > missing else SCARCE_RETURN_S

    async def wait_for_settlement(self, purse: Purse, need: int, timeout_s: float) -> bool:
        """Wait in line until `need` is free; False once the time is up or no open hold could make it true."""
        told = asyncio.Event()
        waiter = (need, told)
        purse.waiters.append(waiter)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    while purse.may_come(need):
                        told.clear()
                        await told.wait()
        finally:
            purse.waiters.remove(waiter)
            # The next in line is told once this one has taken what it came for.
            asyncio.get_running_loop().call_soon(purse.wake)
        return purse.free >= need

    async def give_back(self, purse: Purse) -> None:
        """Return what is free to the database."""
        async with purse.lock:
            amount, purse.free = purse.free, 0
            if amount:
                purse.dry = 0  # whoever is in line behind us finds this
                await self._return(purse, amount)
            if not (purse.free or purse.held):
                self._filled.discard(purse)

    async def _return(self, purse: Purse, amount: int) -> None:
        is_committing = False
        purse.returning = amount
        try:
            async with self._database.write() as tx:
                await purse.pot.unlease(tx, self._server, self._epoch, amount)
                is_committing = True
        except BaseException:
            # Once the commit was asked for it may have happened: spending it here too would be twice.
            if not is_committing:
                purse.free += amount
            raise
        finally:
            purse.returning = 0

    async def move(self, tx: Tx, purses: Sequence[Purse], amount: int) -> None:
        """Return `amount` of each purse, which the caller has taken, within a transaction that does more with it."""
        for pot in sorted([purse.pot for purse in purses], key=pots.order):
            await pot.unlease(tx, self._server, self._epoch, amount)

    async def give_back_idle(self) -> None:
        """Return the leases of accounts and budgets that have not been used for a while."""
        now_s = self._clock.monotonic()
        for purse in list(self._filled):
            if not purse.held and purse.used_at < now_s - purse.return_s:
                await self.give_back(purse)

    async def give_back_all(self) -> None:
        """At shutdown, when no request is open."""
        for purse in list(self._filled):
            await self.give_back(purse)

    async def adjust(self, account_id: str, mode: str, amount: int, *, note: str, now_ms: int) -> None:
        """Pay in or take out. Taking out first calls back what this server has leased and not held."""
        if amount < 0:
            await self.give_back(self.purse(account_id, mode))
        async with self._database.write() as tx:
            await repository.adjust(tx, account_id, mode, amount, note=note, now_ms=now_ms)

    async def standing(self, account_ids: list[str], mode: str) -> dict[str, Standing]:
        """Exact for the leases of this server; what others have leased counts as balance."""
        async with self._database.read() as tx:
            stored = await pots.account_amounts(tx, account_ids, mode, self._server, self._epoch)
        return {
            account_id: self._merge(AccountPot(account_id, mode), found)
            for account_id, found in stored.items()
        }

    async def standing_of(self, window: Window) -> Standing:
        """The same for the window of a budget: its balance is what the limit still allows."""
        async with self._database.read() as tx:
            stored = await window.amounts(tx, self._server, self._epoch)
        return self._merge(window, stored)

    def _merge(self, pot: Pot, stored: Amounts) -> Standing:
        purse = self._purses.get(pot)
        total = stored.balance + stored.leased
        if purse is None:
            return Standing(total, stored.held, stored.spent, stored.leased)
        # What is leased here and none of these is charged in the journal, on its way to the database.
        unposted = max(0, stored.leased_here - purse.free - purse.held - purse.returning)
        balance = total - purse.held - unposted
        return Standing(balance, stored.held + purse.held, stored.spent + unposted, stored.leased)

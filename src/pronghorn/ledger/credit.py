"""Credit in memory: what this server may spend without asking the database, and what open requests hold of it.

A purse is filled by leases. All its changes happen on the event loop without a pause between check and change,
so two requests can never take the same nano-dollar.
"""

import asyncio
from collections import deque
from contextlib import suppress
from typing import NamedTuple

from pronghorn.kit.clock import Clock
from pronghorn.ledger import repository
from pronghorn.store import Database

LEASE_SHARE = 4
"""A lease takes at most this part of a balance beyond what is needed now, so that other servers find some."""
IDLE_RETURN_S = 30.0


class Purse:
    """One account in one mode, nano-dollars. `free + held` never exceeds what was leased."""

    __slots__ = ("account_id", "free", "held", "lock", "mode", "used_at", "waiters")

    def __init__(self, account_id: str, mode: str) -> None:
        self.account_id = account_id
        self.mode = mode
        self.free = 0
        self.held = 0
        self.used_at = 0.0
        self.lock = asyncio.Lock()
        self.waiters: deque[tuple[int, asyncio.Event]] = deque()

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
    """What the API shows, nano-dollars; balance + held + spent = everything ever paid in."""

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
        self._purses: dict[tuple[str, str], Purse] = {}

    def purse(self, account_id: str, mode: str) -> Purse:
        purse = self._purses.get((account_id, mode))
        if purse is None:
            purse = self._purses[account_id, mode] = Purse(account_id, mode)
        return purse

    async def fill(self, purse: Purse, need: int) -> None:
        """Lease more until `need` is free, or until the database has no more."""
        async with purse.lock:
            missing = need - purse.free
            if missing <= 0:
                return
            async with self._database.write() as tx:
                taken = await repository.take_lease(
                    tx,
                    purse.account_id,
                    purse.mode,
                    self._server,
                    self._epoch,
                    need=missing,
                    share=LEASE_SHARE,
                )
            purse.free += taken

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
            if not amount:
                return
            is_committing = False
            try:
                async with self._database.write() as tx:
                    await repository.return_lease(
                        tx, purse.account_id, purse.mode, self._server, self._epoch, amount
                    )
                    is_committing = True
            except BaseException:
                # Once the commit was asked for it may have happened: spending it here too would be twice.
                if not is_committing:
                    purse.free += amount
                raise

    async def give_back_idle(self) -> None:
        """Return the leases of accounts that have not been used for a while."""
        limit = self._clock.monotonic() - IDLE_RETURN_S
        for purse in list(self._purses.values()):
            if purse.free and not purse.held and purse.used_at < limit:
                await self.give_back(purse)

    async def give_back_all(self) -> None:
        """At shutdown, when no request is open."""
        for purse in list(self._purses.values()):
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
            stored = await repository.amounts(tx, account_ids, mode, self._server, self._epoch)
        return {account_id: self._merge(account_id, mode, found) for account_id, found in stored.items()}

    def _merge(self, account_id: str, mode: str, stored: repository.Amounts) -> Standing:
        purse = self._purses.get((account_id, mode))
        if purse is None:
            return Standing(stored.balance + stored.leased, 0, stored.spent, stored.leased)
        # What is leased here and neither free nor held is charged in the journal, on its way to the database.
        unposted = max(0, stored.leased_here - purse.free - purse.held)
        balance = stored.balance + stored.leased - purse.held - unposted
        return Standing(balance, purse.held, stored.spent + unposted, stored.leased)

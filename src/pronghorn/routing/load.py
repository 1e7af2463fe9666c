"""The loader: builds snapshots out of the database and keeps the newest one at hand."""

import asyncio
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import structlog
from sqlalchemy import select

from pronghorn import vendors
from pronghorn.accounts.secrets import SecretError, Secrets
from pronghorn.kit.clock import Clock
from pronghorn.ledger import markup
from pronghorn.ledger.budgets import Budget
from pronghorn.ledger.credit import Credit
from pronghorn.ledger.prices import PPM, Price, PriceDocument
from pronghorn.routing.gate import Gate
from pronghorn.routing.grant import Grant, Meter
from pronghorn.routing.health import Vitals
from pronghorn.routing.route import Route, Routes
from pronghorn.routing.snapshot import Channel, Model, Snapshot
from pronghorn.store import Database, Tx, revision
from pronghorn.store import models as tables
from pronghorn.upstream import origin

POLL_S = 1.0
"""A change made by another process is seen within this time."""
SANDBOX = "sandbox"
"""The simulator's id among the channels; its failures are made on demand and say nothing of health."""
STALE_S = 5.0
"""So long is waited for the database to say whether there is one."""

Budgets = dict[tuple[str, str, str], list[Budget]]
"""By scope, subject and mode."""

log = structlog.get_logger()


class Loader:
    """`snapshot` is the newest; `refresh` looks for a newer one."""

    def __init__(
        self, database: Database, credit: Credit, secrets: Secrets, clock: Clock, sandbox_url: str
    ) -> None:
        self._database = database
        self._credit = credit
        self._secrets = secrets
        self._clock = clock
        self._sandbox_url = sandbox_url
        self._meters: dict[str, Meter] = {}
        self._gates: dict[tuple[str, str], Gate] = {}
        """By scope and id, like the meters: what was used outlives the configuration."""
        self._prices: dict[tuple[bytes, int], Price] = {}
        self._markups: dict[str, int] = {}
        self._vitals: dict[tuple[str, str], Vitals] = {}
        """What was seen of a channel outlives its configuration, unless it moved to another address."""
        self._lock = asyncio.Lock()
        self.snapshot = Snapshot(revision=-1)

    async def refresh(self) -> None:
        """Swap the snapshot if the configuration has changed. A configuration that cannot be read changes nothing."""
        async with self._lock:
            async with asyncio.timeout(STALE_S) as waiting, self._database.read() as tx:
                newest = await revision.current(tx)
                waiting.reschedule(None)  # reading all of it may take longer
                self.snapshot.is_stale = False
                if newest == self.snapshot.revision:
                    return
                found = await self._load(tx, newest)
            self.snapshot = found  # without a pause before its limits hold, too
            budgets = (budget for grant in found.grants.values() for budget in grant.budgets)
            await self._credit.follow({budget.id: budget.amount for budget in budgets})

    async def refresh_forever(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            try:
                await self.refresh()
            except Exception as error:
                # The snapshot in use stays valid; the next round looks again.
                self.snapshot.is_stale = True
                log.warning("snapshot.refresh_failed", error=repr(error))

    async def _load(self, tx: Tx, newest: int) -> Snapshot:
        channels = [
            channel for row in await tx.execute(_CHANNELS) if (channel := self._channel(row)) is not None
        ]
        return Snapshot(
            revision=newest,
            grants=await self._grants(tx),
            models=await self._models(tx),
            channels=channels,
            sandbox=sandbox_channels(self._sandbox_url),
            routes=Routes([_route(row) for row in await tx.execute(_ROUTES)]),
        )

    def _channel(self, row: Any) -> Channel | None:
        gate = self._gate("channel", row.id, row)
        vitals = self._vitals.setdefault((row.id, row.base_url), Vitals())
        return channel_of(row, self._secrets, gate, vitals)

    async def _models(self, tx: Tx) -> dict[str, Model]:
        markups = {row.vendor: row.factor_ppm for row in await tx.execute(_MARKUPS)}
        if markups != self._markups:
            self._markups, self._prices = markups, {}  # nobody asks for those at the old mark-up again
        prices: dict[str, Any] = {}
        for row in await tx.execute(_PRICES):
            if row.source == "operator" or row.model not in prices:
                prices[row.model] = row
        return {
            row.name: Model(
                name=row.name,
                vendor=row.vendor,
                display_name=row.display_name,
                capabilities=row.capabilities,
                context_tokens=row.context_tokens,
                max_output_tokens=row.max_output_tokens,
                price=self._price(prices.get(row.name), markup.of(markups, row.vendor)),
                is_retired=row.is_retired,
                created_s=row.created_ms // 1000,
            )
            for row in await tx.execute(_MODELS)
        }

    def _price(self, row: Any, markup_ppm: int) -> Price | None:
        """Equal prices are one object, and are compiled once in the life of the process."""
        if row is None:
            return None
        ppm = PPM if row.source == "operator" else markup_ppm
        name = (msgspec.json.encode(row.components), ppm)
        price = self._prices.get(name)
        if price is None:
            price = self._prices[name] = markup.price(msgspec.convert(row.components, PriceDocument), ppm)
        return price

    async def _grants(self, tx: Tx) -> dict[bytes, Grant]:
        factors, group_gates = {}, {}
        for row in await tx.execute(_GROUPS):
            factors[row.name] = (row.factor_ppm, row.account_factors or {})
            group_gates[row.name] = self._gate("group", row.name, row)
        accounts = {row.id: row for row in await tx.execute(_ACCOUNTS)}
        budgets: Budgets = {}
        for row in await tx.execute(_BUDGETS):
            budgets.setdefault((row.scope, row.subject, row.mode), []).append(self._budget(row))
        grants = {}
        for row in await tx.execute(_KEYS):
            meter = self._meters.get(row.id)
            if meter is None:
                meter = self._meters[row.id] = Meter()
            group = row.group_name or row.account_group
            factor_ppm, account_factors = factors.get(group, (PPM, {}))
            gates = (
                self._gate("key", row.id, row, meter.gate),
                self._gate("account", f"{row.account_id}/{row.mode}", accounts[row.account_id]),
                group_gates.get(group),
            )
            grants[row.hash] = Grant(
                key_id=row.id,
                name=row.name,
                account_id=row.account_id,
                mode=row.mode,
                group=group,
                factor_ppm=account_factors.get(row.account_group, factor_ppm),
                purse=self._credit.purse(row.account_id, row.mode),
                meter=meter,
                models=row.models,
                ips=row.ips,
                budgets=self._budgets_of(row, group, budgets),
                gates=[gate for gate in gates if gate is not None],
                expires_s=row.expires_ms / 1000 if row.expires_ms is not None else None,
                is_strict=row.is_strict,
            )
        return grants

    def _budget(self, row: Any) -> Budget:
        return Budget(
            self._credit,
            id=row.id,
            scope=row.scope,
            subject=row.subject,
            mode=row.mode,
            amount=row.amount,
            period=row.period,
            time_zone=_known_zone(row.time_zone),
        )

    def _budgets_of(self, key: Any, group: str, budgets: "Budgets") -> list[Budget]:
        """Those that a request of this key counts against."""
        found: list[Budget] = []
        if key.budget is not None:
            own = Budget(
                self._credit, id=key.id, scope="key", subject=key.id, mode=key.mode, amount=key.budget
            )
            found.append(own)
        for scope, subject in (("key", key.id), ("account", key.account_id), ("group", group)):
            found += budgets.get((scope, subject, key.mode), ())
        return found

    def _gate(self, scope: str, name: str, row: Any, gate: Gate | None = None) -> Gate | None:
        """None where nothing is limited: then nothing is counted either."""
        gate = gate or self._gates.setdefault((scope, name), Gate(scope))
        limits = (row.rpm, row.tpm, row.concurrency, row.body_bytes)
        return gate if gate.set_limits(*limits, self._clock.monotonic()) else None


def channel_of(
    row: Any, secrets: Secrets, gate: Gate | None = None, vitals: Vitals | None = None
) -> Channel | None:
    """Of a row of `channels`; None, and a word in the log, if it cannot be used."""
    try:
        vendor = vendors.load()[row.vendor]
        proxy = secrets.open(row.proxy) if row.proxy else None
        where, base_path = origin.parse(row.base_url, proxy)
        return Channel(
            id=row.id,
            name=row.name,
            vendor=vendor,
            origin=where,
            base_path=base_path,
            credentials=msgspec.json.decode(secrets.open(row.credentials), type=list[str]),
            models=row.models,
            groups=row.groups,
            priority=row.priority,
            weight=row.weight,
            cost_ppm=row.cost_ppm,
            gate=gate,
            vitals=vitals,
        )
    except (KeyError, ValueError, SecretError) as error:
        log.error("channel.unusable", channel=row.id, error=str(error))
        return None


def sandbox_channels(url: str) -> dict[str, Channel]:
    """The simulator plays every vendor at its own addresses, so it is asked by every vendor's own module."""
    if not url:
        return {}
    where, _ = origin.parse(url)
    return {
        name: Channel(
            id=SANDBOX,
            name="Sandbox",
            vendor=vendor,
            origin=where,
            base_path="",
            credentials=["sandbox"],
            models={},
        )
        for name, vendor in vendors.load().items()
        if vendor.token is None  # its token service is a real one; such models are played as OpenAI's
    }


def _known_zone(name: str) -> str:
    """A zone that this machine has not heard of keeps no key from working: its periods are UTC's until then."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        log.error("budget.unknown_zone", time_zone=name, error=str(error))
        return "UTC"
    return name


def _route(row: Any) -> Route:
    return Route(row.name, tuple(row.models), row.policy, {c: tuple(m) for c, m in row.fallbacks.items()})


_BUDGETS = select(*tables.Budget.__table__.columns).order_by(tables.Budget.id)
_CHANNELS = select(*tables.Channel.__table__.columns).where(tables.Channel.is_disabled.is_(False))
_MODELS = select(*tables.Model.__table__.columns)
_PRICES = select(tables.Price.model, tables.Price.source, tables.Price.components)
_MARKUPS = select(tables.Markup.vendor, tables.Markup.factor_ppm)
_GROUPS = select(*tables.Group.__table__.columns)
_ACCOUNTS = select(*tables.Account.__table__.columns)
_ROUTES = select(*tables.Route.__table__.columns)
_KEYS = (
    select(*tables.Key.__table__.columns, tables.Account.group_name.label("account_group"))
    .join(tables.Account, tables.Account.id == tables.Key.account_id)
    .where(tables.Key.is_disabled.is_(False), tables.Account.is_disabled.is_(False))
)

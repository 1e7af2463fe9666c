"""Plans: an allowance comes once for each period, is used first, and takes nothing with it that is not its own."""

import asyncio
import random

import pytest
from sqlalchemy import select, update
from tests.commerce.business import ACCOUNT, Business, services
from tests.commerce.strict import Strict

from pronghorn.commerce import allowances, plans
from pronghorn.errors import BadRequest, Conflict, NotFound
from pronghorn.kit.clock import FakeClock
from pronghorn.kit.money import MAX_NANO
from pronghorn.store import Database
from pronghorn.store.models import Plan, Subscription

MINUTE_S, DAY_S = 60, 86_400
PLANS = {"m": (5_000, "month"), "w": (900, "week"), "d": (120, "day")}
LONG_S = 2 * 3_600
"""By then all that was spent in a period is in the database."""


@pytest.fixture
async def business(database: Database) -> Business:
    business = await Business(database, FakeClock()).open()
    await business.plan("basic", 1_000)
    return business


async def next_period(business: Business, days: int = 31) -> None:
    business.clock.advance(days * DAY_S)
    await business.job()


async def test_a_subscription_pays_its_allowance_in_at_once_and_again_each_month(business: Business) -> None:
    await business.subscribe("basic")
    assert await business.entries("allowance") == [1_000]
    await business.job()
    assert await business.balance() == 1_000
    await next_period(business)
    assert await business.entries("allowance") == [1_000, 1_000]
    assert await business.entries("expiry") == [1_000]
    assert await business.balance() == 1_000


@pytest.mark.parametrize(("spent", "own"), [(0, 500), (300, 500), (1_000, 500), (1_200, 300), (1_500, 0)])
async def test_the_allowance_is_used_first_and_own_money_outlives_the_period(
    business: Business, spent: int, own: int
) -> None:
    await business.pay(500)
    await business.subscribe("basic")
    if spent:
        await business.spend(spent)
    await next_period(business)
    assert await business.balance() == own + 1_000
    assert sum(await business.entries("expiry")) == max(0, 1_000 - spent)


async def test_of_several_allowances_the_one_that_ends_first_is_used_first(business: Business) -> None:
    await business.plan("daily", 100, "day")
    await business.subscribe("basic")
    await business.subscribe("daily")
    await business.spend(150)
    business.clock.advance(DAY_S)
    await business.job()
    assert await business.entries("expiry") == []
    assert await business.balance() == 950 + 100
    await business.spend(30)
    business.clock.advance(DAY_S)
    await business.job()
    assert await business.entries("expiry") == [70]
    assert await business.balance() == 950 + 100


async def test_what_servers_have_leased_is_taken_when_it_comes_back(business: Business) -> None:
    await business.pay(500)
    await business.subscribe("basic")
    await business.lease("a", 1_200)
    await next_period(business)
    assert await business.entries("expiry") == [], "all of it may be spent already, and wait in the journal"
    await business.give_back("a", 700)
    await business.job()
    assert await business.entries("expiry") == [500]
    await business.give_back("a")
    await business.job()
    await business.job()
    assert await business.entries("expiry") == [500, 500]
    assert await business.balance() == 500 + 1_000


async def test_what_was_spent_in_time_but_posted_late_is_not_taken_from_own_money(business: Business) -> None:
    await business.pay(500)
    await business.subscribe("basic")
    await business.lease("a", 400)
    business.charge("a", 400)
    await next_period(business)
    await business.post("a")
    await business.job()
    assert sum(await business.entries("expiry")) == 600
    assert await business.balance() == 500 + 1_000


async def test_a_lease_that_never_comes_back_does_not_keep_an_allowance_for_ever(business: Business) -> None:
    await business.pay(5_000)
    await business.subscribe("basic")
    await business.lease("a", 2_000)
    await next_period(business)
    assert await business.entries("expiry") == []
    business.clock.advance(LONG_S)
    await business.job()
    assert await business.entries("expiry") == [1_000]


async def test_a_withdrawal_uses_the_allowance_so_that_a_later_deposit_is_safe(business: Business) -> None:
    await business.subscribe("basic")
    assert await business.pay(-1_000)
    await business.pay(700)
    await next_period(business)
    assert await business.entries("expiry") == []
    assert await business.balance() == 700 + 1_000


async def test_a_clock_that_jumps_back_a_day_grants_nothing_twice(business: Business) -> None:
    await business.plan("daily", 100, "day")
    await business.subscribe("daily")
    await business.subscribe("basic")
    business.clock.advance(DAY_S)
    await business.job()
    business.clock.jump(-DAY_S)
    for _ in range(3):
        await business.job()
        business.clock.advance(DAY_S / 2)
    assert await business.entries("allowance") == [100, 1_000, 100]
    business.clock.advance(DAY_S / 2)
    await business.job()
    assert await business.entries("allowance") == [100, 1_000, 100, 100]


async def test_periods_that_no_worker_saw_are_not_paid_afterwards(business: Business) -> None:
    await business.subscribe("basic")
    await next_period(business, days=100)
    assert await business.entries("allowance") == [1_000, 1_000]
    assert await business.balance() == 1_000
    rows = await business.allowances()
    assert rows[-1].start_ms <= business.now_ms < rows[-1].end_ms


async def test_many_workers_at_the_same_moment_have_one_effect(business: Business) -> None:
    await business.pay(500)
    await business.subscribe("basic")
    await business.spend(100)
    business.clock.advance(31 * DAY_S)
    others = [Database(business.database.url) for _ in range(6)]
    await asyncio.gather(*(plans.run(services(other, business.clock)) for other in others for _ in range(3)))
    for other in others:
        await other.close()
    assert await business.entries("allowance") == [1_000, 1_000]
    assert await business.entries("expiry") == [900]
    assert await business.balance() == 500 + 1_000


async def test_cancelled_at_the_end_a_subscription_keeps_its_period_and_has_no_next(
    business: Business,
) -> None:
    subscription = await business.subscribe("basic")
    await business.cancel(subscription)
    await business.cancel(subscription)
    await business.job()
    assert await business.balance() == 1_000
    await next_period(business)
    await next_period(business)
    assert await business.balance() == 0
    assert await business.entries("allowance") == [1_000]
    async with business.database.read() as tx:
        assert await tx.scalar(select(Subscription.status)) == "ended"
    with pytest.raises(Conflict, match="ended already"):
        await business.cancel(subscription)


async def test_cancelled_now_a_subscription_gives_back_what_is_left(business: Business) -> None:
    await business.pay(50)
    subscription = await business.subscribe("basic")
    await business.spend(400)
    await business.cancel(subscription, now=True)
    await business.job()
    assert await business.entries("expiry") == [600]
    assert await business.balance() == 50
    await next_period(business)
    assert await business.entries("allowance") == [1_000]


async def test_a_plan_that_changes_holds_from_the_next_period_on(business: Business) -> None:
    await business.subscribe("basic")
    async with business.database.write() as tx:
        await tx.execute(update(Plan).values(allowance=70, is_active=False))
    assert await business.balance() == 1_000
    await next_period(business)
    assert await business.balance() == 70
    with pytest.raises(BadRequest, match="takes no new subscriptions"):
        await business.subscribe("basic")


async def test_an_allowance_that_would_not_fit_begins_no_period_in_part_and_comes_later(
    business: Business,
) -> None:
    await business.subscribe("basic")
    await business.spend(1_000)
    await business.pay(MAX_NANO - 1_000)
    business.clock.advance(31 * DAY_S)
    await business.job()
    assert await business.entries("allowance") == [1_000]
    assert await business.balance() == MAX_NANO - 1_000
    await business.pay(-1_000)
    await business.job()
    assert await business.entries("allowance") == [1_000, 1_000]


@pytest.mark.parametrize(
    ("plan", "zone", "param"),
    [("nothing", "UTC", "plan"), ("basic", "Mars/Base", "time_zone"), ("basic", "../etc", "time_zone")],
)
async def test_what_is_unknown_is_named(business: Business, plan: str, zone: str, param: str) -> None:
    with pytest.raises(BadRequest, match=param) as refused:
        await business.subscribe(plan, zone)
    assert refused.value.param == param
    assert await business.entries("allowance") == []
    with pytest.raises(NotFound):
        await business.cancel("sub_nothing")


async def test_what_is_left_is_known_before_any_job_counts_it(business: Business) -> None:
    subscription = await business.subscribe("basic")
    await business.spend(250)
    start_ms = (await business.allowances())[0].start_ms
    async with business.database.read() as tx:
        assert await allowances.lefts(tx, [ACCOUNT, "acc_unknown"]) == {(subscription, start_ms): 750}


async def test_jobs_beside_servers_postings_and_payments_at_the_same_moment_keep_the_sum(
    database: Database,
) -> None:
    business = await Business(database, FakeClock()).open()
    await business.plan("daily", 1_000, "day")
    subscription = await business.subscribe("daily")

    async def serve(server: str) -> None:
        await business.lease(server, 300)
        business.charge(server, min(150, business.free(server)))
        await business.post(server)
        await business.give_back(server)

    for _ in range(12):
        business.clock.advance(DAY_S / 2)
        servers = (serve(server) for server in "abcd")
        await asyncio.gather(business.job(), business.job(), *servers, business.pay(500), business.job())
    await business.cancel(subscription, now=True)
    await business.job()
    found, rows = await business.amounts(), await business.allowances()
    assert sum((await business.booked()).values()) == found.balance
    assert len(rows) == 7 and not any(row.is_open for row in rows)
    assert all(row.used + row.expired == row.amount for row in rows)
    assert found.balance == 12 * 500 + sum(row.used for row in rows) - found.spent
    assert sum(row.used for row in rows) <= found.spent


@pytest.mark.parametrize("prompt", [False, True], ids=["late", "prompt"])
@pytest.mark.parametrize(
    ("seed", "operations"),
    [
        pytest.param(1, 200, marks=pytest.mark.timeout(180)),
        pytest.param(3, 10_000, marks=[pytest.mark.nightly, pytest.mark.timeout(2_400)]),
    ],
)
async def test_whatever_happens_the_money_adds_up(
    database: Database, seed: int, operations: int, prompt: bool
) -> None:
    """Random operations beside a model that knows each charge at once, and ends each allowance to the millisecond.

    Of what that model leaves to the account, nothing is ever missing. If servers hold nothing and jobs are prompt,
    the two are equal.
    """
    business = await Business(database, FakeClock()).open()
    trial = Trial(business, random.Random(seed), prompt=prompt)
    await trial.begin()
    for number in range(operations):
        await trial.step()
        if number % (1 + operations // 2_500) == 0:  # what is missing once is missing from then on
            await trial.check()
    await trial.end()


class Trial:
    def __init__(self, business: Business, dice: random.Random, *, prompt: bool) -> None:
        self.business = business
        self.dice = dice
        self.prompt = prompt
        self.strict = Strict()
        self.subscriptions: list[str] = []
        self.bought = 0
        self.unposted_since: float | None = None
        self.steps = {
            self.deposit: 3,
            self.withdraw: 2,
            self.lease: 6,
            self.charge: 10,
            self.give_back: 4,
            self.post: 5,
            self.job: 5,
            self.jobs_at_once: 1,
            self.wait: 5,
            self.jump_back: 1,
            self.subscribe: 1,
            self.buy: 2,
            self.cancel: 1,
        }

    async def begin(self) -> None:
        for name, (allowance, period) in PLANS.items():
            await self.business.plan(name, allowance, period, price=allowance // 3)
        await self.subscribe()
        await self.look()

    async def step(self) -> None:
        await self.dice.choices(list(self.steps), list(self.steps.values()))[0]()
        await self.look()

    async def look(self) -> None:
        """The model is told which periods have begun, and what time it is."""
        self.strict.see(await self.business.allowances(is_open=True), self.business.now_ms)

    async def deposit(self) -> None:
        amount = self.dice.randrange(1, 2_000)
        await self.business.pay(amount)
        self.strict.own += amount

    async def withdraw(self) -> None:
        amount = self.dice.randrange(1, 1_500)
        if await self.business.pay(-amount):
            self.strict.take(amount)

    async def lease(self) -> None:
        await self.business.lease(self.dice.choice("ab"), self.dice.randrange(1, 400))

    async def charge(self) -> None:
        server = self.dice.choice("ab")
        if free := self.business.free(server):
            amount = min(free, self.dice.randrange(1, 300))
            self.business.charge(server, amount)
            self.strict.take(amount)
            self.unposted_since = self.unposted_since or self.business.clock.monotonic()
            if self.prompt:
                await self.settle_all()

    async def give_back(self) -> None:
        server = self.dice.choice("ab")
        if free := self.business.free(server):
            await self.business.give_back(server, self.dice.randrange(1, free + 1))

    async def post(self) -> None:
        for server in "ab":
            await self.business.post(server)
        self.unposted_since = None

    async def settle_all(self) -> None:
        await self.post()
        for server in "ab":
            await self.business.give_back(server)

    async def job(self) -> None:
        await self.business.job()

    async def jobs_at_once(self) -> None:
        await asyncio.gather(*(self.business.job() for _ in range(3)))

    async def wait(self) -> None:
        """No journal is further behind than its server allows: before a long wait it is posted."""
        seconds = self.dice.choice((1, 40, 600, 3_000, DAY_S / 3, DAY_S, 9 * DAY_S, 40 * DAY_S))
        now = self.business.clock.monotonic()
        if now + seconds > (self.unposted_since or now) + LONG_S / 2:
            await self.post()
        if self.prompt:
            await self.settle_all()
        self.business.clock.advance(seconds)
        if self.prompt:
            await self.business.job()

    async def jump_back(self) -> None:
        self.business.clock.jump(-DAY_S)

    async def subscribe(self) -> None:
        if len(self.subscriptions) < 4:
            zone = self.dice.choice(("UTC", "Europe/Berlin", "Asia/Shanghai"))
            self.subscriptions.append(await self.business.subscribe(self.dice.choice("mwd"), zone))

    async def buy(self) -> None:
        """Of its own money alone; what servers hold may be in the way."""
        name = self.dice.choice("mwd")
        price = PLANS[name][0] // 3
        if self.prompt:
            await self.settle_all()
        elif price > self.strict.own:
            return  # what was spent late has used an allowance: then there is more of its own than in the model
        is_bought = await self.business.buy(name, key=str(self.dice.random()))
        if self.prompt:
            assert is_bought == (price <= self.strict.own)
        if is_bought:
            self.bought += 1
            self.strict.own -= price

    async def cancel(self) -> None:
        if self.subscriptions and self.dice.random() < 0.5:
            subscription = self.subscriptions.pop(self.dice.randrange(len(self.subscriptions)))
            now = self.dice.random() < 0.5
            await self.business.cancel(subscription, now=now)
            await self.look()
            if now and self.prompt:
                await self.settle_all()
                await self.business.job()

    async def check(self) -> None:
        found, booked = await self.business.amounts(), await self.business.booked()
        assert sum(booked.values()) == found.balance + found.leased
        assert booked.get("charge", 0) == -found.spent
        assert found.leased == sum(self.business.leased.values())
        granted = (
            await self.business.entry_count("allowance"),
            booked["allowance"],
            -booked.get("expiry", 0),
        )
        assert granted == await self.business.granted()
        assert await self.business.entry_count("plan") == self.bought
        balance = await self.business.balance()
        if self.prompt:
            assert balance == self.strict.total
        assert balance >= self.strict.total, "own money, or an allowance that has not ended, was taken"

    async def end(self) -> None:
        for subscription in self.subscriptions:
            await self.business.cancel(subscription, now=True)
        await self.look()
        await self.settle_all()
        self.business.clock.advance(400 * DAY_S)
        await self.business.job()
        await self.look()
        await self.check()
        rows = await self.business.allowances()
        assert self.bought > 0
        assert not any(row.is_open for row in rows)
        assert all(row.used + row.expired == row.amount for row in rows)
        assert sum(row.used for row in rows) > 0 and sum(row.expired for row in rows) > 0

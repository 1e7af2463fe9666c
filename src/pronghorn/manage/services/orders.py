"""Orders: top-ups and plans that are paid. A payment moves money; nothing here does."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from sqlalchemy import select

from pronghorn.commerce import orders, purchases
from pronghorn.errors import NotFound
from pronghorn.kit.currency import format_minor
from pronghorn.kit.money import format_usd
from pronghorn.manage import fields
from pronghorn.manage.fields import Name, Time, Usd
from pronghorn.manage.paging import Page, Window, fetch, matching
from pronghorn.store import Tx
from pronghorn.store import models as table

Provider = Literal["epay", "stripe"]
PaidBy = Literal["balance", "epay", "stripe"]
Status = Literal["expired", "open", "paid"]


class NewOrder(Struct, forbid_unknown_fields=True):
    account_id: str
    provider: Provider
    amount_usd: (
        Annotated[
            str,
            Meta(
                description="A top-up: what the wallet gets, US dollars as a decimal string.",
                examples=["20.00"],
            ),
        ]
        | None
    ) = None
    plan: (
        Annotated[
            Name,
            Meta(
                description="In place of amount_usd: the plan to buy, at its price of now.", examples=["team"]
            ),
        ]
        | None
    ) = None
    currency: (
        Annotated[str, Meta(description="What it is paid in, one of the setting top_up_rates.")] | None
    ) = None
    method: Annotated[str, Meta(description="For Epay, its kind of payment; alipay if null.")] | None = None

    @property
    def wanted(self) -> orders.Wanted:
        return orders.Wanted(
            self.account_id,
            self.amount_usd or "",
            self.provider,
            self.currency or "",
            self.method or "",
            self.plan or "",
        )


class Order(Struct):
    id: str
    account_id: str
    provider: PaidBy
    """`balance`: a plan that the account paid for with its own money."""
    method: str
    plan: str | None
    """What is bought; null: a top-up."""
    subscription_id: str | None
    """What it began. Null in a paid order of a plan: it stayed a top-up, and the audit says why."""
    amount_usd: Usd
    """What the wallet gets; of a plan's order its price, which the plan takes."""
    price: Annotated[str, Meta(description="What the payer pays, a decimal string.", examples=["146.00"])]
    currency: str
    status: Status
    reference: str | None
    """The provider's own id."""
    pay_url: str | None
    """Where it is paid; null once there is nothing to pay any more."""
    created_at: Time
    paid_at: Time | None


def view(row: Any) -> Order:
    return Order(
        id=row.id,
        account_id=row.account_id,
        provider=row.provider,
        method=row.method,
        plan=row.plan,
        subscription_id=row.subscription_id,
        amount_usd=format_usd(row.amount),
        price=_price(row),
        currency=row.currency,
        status=row.status,
        reference=row.reference,
        pay_url=row.pay_url if row.status == "open" else None,
        created_at=fields.time_text(row.created_ms),
        paid_at=fields.maybe_time(row.paid_ms),
    )


def _price(row: Any) -> str:
    """A wallet pays to the nano-dollar, everybody else in whole minor units."""
    if row.provider == purchases.BALANCE:
        return format_usd(row.amount)
    return format_minor(row.price_minor, row.currency)


async def get(tx: Tx, order_id: str) -> Order:
    row = (await tx.execute(select(table.Order).where(table.Order.id == order_id))).one_or_none()
    if row is None:
        raise NotFound(f"there is no order {order_id!r}; GET /manage/v1/orders lists them")
    return view(row)


async def page(tx: Tx, part: Window, account_id: str | None, status: Status | None) -> Page[Order]:
    wanted = (table.Order.account_id, account_id), (table.Order.status, status)
    statement = matching(select(table.Order), *wanted)
    return await fetch(tx, statement, table.Order.created_ms, table.Order.id, part, view)

"""Orders: top-ups by payment providers. A payment moves money; nothing here does."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from sqlalchemy import select

from pronghorn.commerce import orders
from pronghorn.errors import NotFound
from pronghorn.kit.currency import format_minor
from pronghorn.kit.money import format_usd
from pronghorn.manage import fields
from pronghorn.manage.fields import Time, Usd
from pronghorn.manage.paging import Page, Window, fetch
from pronghorn.store import Tx
from pronghorn.store import models as table

Provider = Literal["epay", "stripe"]
Status = Literal["expired", "open", "paid"]


class NewOrder(Struct, forbid_unknown_fields=True):
    account_id: str
    amount_usd: Annotated[
        str, Meta(description="What the wallet gets, US dollars as a decimal string.", examples=["20.00"])
    ]
    provider: Provider
    currency: (
        Annotated[str, Meta(description="What it is paid in, one of the setting top_up_rates.")] | None
    ) = None
    method: Annotated[str, Meta(description="For Epay, its kind of payment; alipay if null.")] | None = None

    @property
    def wanted(self) -> orders.Wanted:
        return orders.Wanted(
            self.account_id, self.amount_usd, self.provider, self.currency or "", self.method or ""
        )


class Order(Struct):
    id: str
    account_id: str
    provider: Provider
    method: str
    amount_usd: Usd
    """What the wallet gets."""
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
        amount_usd=format_usd(row.amount),
        price=format_minor(row.price_minor, row.currency),
        currency=row.currency,
        status=row.status,
        reference=row.reference,
        pay_url=row.pay_url if row.status == "open" else None,
        created_at=fields.time_text(row.created_ms),
        paid_at=None if row.paid_ms is None else fields.time_text(row.paid_ms),
    )


async def get(tx: Tx, order_id: str) -> Order:
    row = (await tx.execute(select(table.Order).where(table.Order.id == order_id))).one_or_none()
    if row is None:
        raise NotFound(f"there is no order {order_id!r}; GET /manage/v1/orders lists them")
    return view(row)


async def page(tx: Tx, part: Window, account_id: str | None, status: Status | None) -> Page[Order]:
    statement = select(table.Order)
    if account_id is not None:
        statement = statement.where(table.Order.account_id == account_id)
    if status is not None:
        statement = statement.where(table.Order.status == status)
    return await fetch(tx, statement, table.Order.created_ms, table.Order.id, part, view)

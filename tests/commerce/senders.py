"""An account whose tasks are told about, by its webhook and by callbacks of their own."""

import json
from typing import Any

from sqlalchemy import Row, insert, select
from tests.commerce.business import ACCOUNT, SECRET, Business, services

from pronghorn.accounts.secrets import Secrets
from pronghorn.commerce import deliveries, dispatch
from pronghorn.store.models import Account, Delivery, Notice

WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Sender(Business):
    """`call_back` and `happen` queue, `send` is the worker's job."""

    vault = Secrets([SECRET])

    async def begin(self) -> "Sender":
        await self.open()
        return self.set(fetch_allow=("127.0.0.0/8",))

    def set(self, **settings: Any) -> "Sender":
        self.services = services(self.database, self.clock, **settings)
        return self

    async def notice(self, **values: Any) -> None:
        sealed = self.vault.seal(WEBHOOK_SECRET)
        values = {"emails": [], "webhook_secret": sealed, "language": "en"} | values
        async with self.database.write() as tx:
            await tx.execute(insert(Notice).values(account_id=ACCOUNT, changed_ms=1, **values))

    async def another(self, account_id: str) -> str:
        async with self.database.write() as tx:
            values = {"id": account_id, "name": account_id, "group_name": "default", "created_ms": 1}
            await tx.execute(insert(Account).values(values))
        return account_id

    async def call_back(
        self,
        url: str,
        subject: str = "task_1",
        kind: str = "task.succeeded",
        body: Any = None,
        account_id: str = ACCOUNT,
    ) -> None:
        async with self.database.write() as tx:
            await deliveries.queue_callback(
                tx,
                self.vault,
                account_id=account_id,
                subject=subject,
                kind=kind,
                url=url,
                body=body
                if isinstance(body, bytes)
                else json.dumps(body or {"task": subject, "kind": kind}).encode(),
                now_ms=self.now_ms,
            )

    async def happen(self, kind: str, subject: str = "task_1", account_id: str = ACCOUNT) -> None:
        data = {"id": subject, "status": kind.partition(".")[2]}
        async with self.database.write() as tx:
            await deliveries.queue_event(
                tx, account_id=account_id, subject=subject, kind=kind, data=data, now_ms=self.now_ms
            )

    async def send(self) -> None:
        await dispatch.send_due(self.services)

    async def rows(self) -> list[Row[Any]]:
        """In the order in which they were made."""
        async with self.database.read() as tx:
            order = (Delivery.created_ms, Delivery.subject, Delivery.turn)
            return list((await tx.execute(select(Delivery).order_by(*order))).all())

    async def statuses(self) -> list[str]:
        return [row.status for row in await self.rows()]

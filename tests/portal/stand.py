"""A site with two customers, each with an account, keys and calls, and people who log in to it."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import newapi
from sqlalchemy import insert, update
from tests.gateway import MODEL, Running, answer_json

from pronghorn.accounts import keys
from pronghorn.accounts.passwords import hash_password
from pronghorn.kit.money import NANO_PER_USD
from pronghorn.ledger import repository
from pronghorn.portal.desk import Desk
from pronghorn.store import models as tables
from pronghorn.store import revision

T = TypeVar("T")

PASSWORD = "correct horse battery"
HASH = hash_password(PASSWORD)
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 57, "total_tokens": 62},
}


class Person:
    """Somebody who can log in, with an account of their own."""

    def __init__(self, name: str, account: str, key: str, key_id: str) -> None:
        self.name = name
        self.email = f"{name}@example.org"
        self.user_id = f"usr_{name}"
        self.account = account
        self.key = key
        self.key_id = key_id


class Site:
    def __init__(self, run: Running) -> None:
        self.run = run
        self.url = run.url
        self.gateway = run.gateway
        self.people: dict[str, Person] = {}
        self.stripe: Any = None
        self._admin_token = ""
        self._browsers: list[httpx.AsyncClient] = []

    async def add(
        self, name: str, *, account: str = "", role: str = "owner", usd: int = 0, budget: int | None = None
    ) -> Person:
        """A user; without `account` with a new one, its wallets and a live key."""
        new, key_id = keys.new_key("live"), f"key_{name}"
        async with self.gateway.database.write() as tx:
            await tx.execute(
                insert(tables.User).values(
                    id=f"usr_{name}",
                    email=f"{name}@example.org",
                    name=name,
                    password_hash=HASH,
                    role="user",
                    created_ms=0,
                )
            )
            if not account:
                account = f"acc_{name}"
                await tx.execute(insert(tables.Account).values(id=account, name=f"{name}'s", created_ms=0))
                for mode in ("live", "test"):
                    await repository.open_wallet(tx, account, mode)
            await tx.execute(
                insert(tables.Membership).values(
                    user_id=f"usr_{name}", account_id=account, role=role, created_ms=0
                )
            )
            await tx.execute(
                insert(tables.Key).values(
                    id=key_id,
                    account_id=account,
                    name=f"{name}s key",
                    mode="live",
                    hint=new.hint,
                    hash=keys.keyed_hash(self.gateway.secrets.hash_key, new.secret),
                    budget=budget,
                    created_ms=1_000,
                )
            )
            await revision.bump(tx)
        if usd:
            await self.gateway.credit.adjust(account, "live", usd * NANO_PER_USD, note="", now_ms=1_000)
        await self.gateway.loader.refresh()
        person = self.people[name] = Person(name, account, new.secret, key_id)
        return person

    async def chat(self, person: Person, model: str = MODEL, **more: Any) -> str:
        """A call that went well; gives its id. 5 tokens in, 57 out."""
        self.run.vendor.script = answer_json(COMPLETION)
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100} | more
        async with httpx.AsyncClient(base_url=self.url) as http:
            answer = await http.post(
                "/v1/chat/completions", json=body, headers={"authorization": f"Bearer {person.key}"}
            )
        assert answer.status_code == 200, answer.text
        return answer.headers["x-request-id"]

    async def post(self) -> None:
        """The journal, into the database."""
        await self.run.rows()

    async def check_money(self) -> None:
        """Of every account: nothing is held, and what was spent is what its calls cost."""
        rows = await self.run.rows()
        for person in self.people.values():
            found = await self.gateway.credit.standing([person.account], "live")
            standing = found[person.account]
            assert standing.held == 0 and min(standing) >= 0
            assert standing.spent == sum(row.cost for row in rows if row.account_id == person.account)

    async def group(self, name: str, factor_ppm: int, description: str = "") -> None:
        async with self.gateway.database.write() as tx:
            await tx.execute(
                insert(tables.Group).values(
                    name=name, factor_ppm=factor_ppm, description=description, created_ms=0
                )
            )
            await revision.bump(tx)
        await self.gateway.loader.refresh()

    async def set(self, table: Any, row_id: str, **values: Any) -> None:
        async with self.gateway.database.write() as tx:
            await tx.execute(update(table).where(table.id == row_id).values(**values))
            await revision.bump(tx)
        await self.gateway.loader.refresh()

    @property
    def gateway_desk(self) -> Desk:
        """What the portal counts; it is there once the portal was asked for the first time."""
        built = self.gateway.asgi._portal._built
        assert built is not None
        app: Any = built.result()
        desk: Desk = app.state.desk
        return desk

    async def manage(self, path: str) -> Any:
        """What the management API says."""
        if not self._admin_token:
            self._admin_token = keys.new_token()
            hashed = keys.keyed_hash(self.gateway.secrets.hash_key, self._admin_token)
            operator = {"id": "usr_op", "email": "op@example.org", "password_hash": "", "created_ms": 0}
            token = {"id": "tok_1", "user_id": "usr_op", "name": "t", "hint": "", "hash": hashed}
            async with self.gateway.database.write() as tx:
                await tx.execute(insert(tables.User).values(role="admin", **operator))
                await tx.execute(insert(tables.Token).values(created_ms=0, **token))
        async with self.http(authorization=f"Bearer {self._admin_token}") as http:
            return (await http.get(f"/manage/v1{path}")).raise_for_status().json()

    def client(self, **more: Any) -> newapi.NewAPI:
        return newapi.NewAPI(self.url, **more)

    async def logged_in(self, person: Person) -> newapi.NewAPI:
        client = self.client()
        await call(client.login, person.email, PASSWORD)
        return client

    def http(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30)

    async def close(self) -> None:
        for http in self._browsers:
            await http.aclose()

    async def session(self, person: Person) -> httpx.AsyncClient:
        """A browser that has logged in: it has nothing but the cookie."""
        http = self.http()
        self._browsers.append(http)
        answer = await http.post("/api/user/login", json={"username": person.name, "password": PASSWORD})
        assert answer.json()["success"], answer.text
        if self.gateway.settings.public_url:
            # Its cookies are for TLS alone, which a reverse proxy would speak.
            http.headers["cookie"] = f"session={answer.cookies['session']}"
        return http


async def call(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """The client is a blocking one, and the gateway runs in this loop."""
    return await asyncio.to_thread(lambda: function(*arguments, **named))


async def data(http: httpx.AsyncClient, path: str, method: str = "GET", **more: Any) -> Any:
    """The `data` of an answer that must have gone well."""
    answer = await http.request(method, path, **more)
    assert answer.status_code < 300 and answer.json()["success"] is True, (path, answer.text)
    return answer.json()["data"]


async def refused(http: httpx.AsyncClient, method: str, path: str, status: int = 200, **more: Any) -> str:
    """The message of an answer that must have failed with this status."""
    answer = await http.request(method, path, **more)
    assert answer.status_code == status, (path, answer.text)
    body = answer.json()
    assert body["success"] is False and body["message"]
    return str(body["message"])

"""Receivers of notices on this machine: a webhook and a mail server, both real, both told how to behave."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import standardwebhooks
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Hook:
    """A webhook that keeps what it is sent; `answers` says what it does, one after the other, the last again."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[Any] = [200]
        self.url = ""
        self.written = 0
        """Bytes of an endless answer."""
        self.most_at_once = 0
        self._at_once = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._answer(request)
        finally:
            self._at_once -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.got.append((dict(request.headers), await request.read()))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "endless":
            return await self._endless(request)
        if answer == "silent":
            await asyncio.sleep(60)
        if answer == "redirect":
            raise web.HTTPFound(self.url.replace("/hook", "/elsewhere"))
        return web.Response(status=answer)

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x" * 65_536)
                self.written += 65_536
        return response

    def verified(self, secret: str) -> list[Any]:
        """What the official library takes as signed with `secret`; it raises at what is not."""
        return [standardwebhooks.Webhook(secret).verify(body, headers) for headers, body in self.got]

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]


@contextlib.asynccontextmanager
async def hooked() -> AsyncIterator[Hook]:
    hook = Hook()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hook.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield hook
    finally:
        await runner.cleanup()


class Drip:
    """What a server wrote that answers with `head` and then with `piece` for ever."""

    def __init__(self) -> None:
        self.url = ""
        self.written = 0
        self.has_ended = False


@contextlib.asynccontextmanager
async def dripping(head: bytes, piece: bytes, pause_s: float) -> AsyncIterator[Drip]:
    drip = Drip()
    tasks: set[asyncio.Task[Any] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            while not drip.has_ended:
                writer.write(piece)
                drip.written += len(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
        except ConnectionError:
            pass  # the other side had enough
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    drip.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        yield drip
    finally:
        server.close()
        drip.has_ended = True
        await asyncio.gather(*filter(None, tasks))
        await server.wait_closed()


class Mailbox:
    """A mail server's handler; `refusal` is what it says to every recipient instead of taking the letter."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.envelopes: list[tuple[str | None, list[str]]] = []
        self.raw: list[bytes] = []
        self.was_encrypted: list[bool] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.refusal = ""
        self.port = 0

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        self.raw.append(content)
        letter = message_from_bytes(content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
        self.was_encrypted.append(session.ssl is not None)
        return "250 OK"

    def login(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"open sesame")


@contextlib.asynccontextmanager
async def mail_server(
    tls: ssl.SSLContext | None = None, *, is_tls_at_once: bool = False, port: int = 0
) -> AsyncIterator[Mailbox]:
    """With `tls` it wants STARTTLS and a login; or TLS from the first byte on."""
    box = Mailbox()
    starttls = None if is_tls_at_once else tls

    def session() -> SMTP:
        return SMTP(
            box,
            hostname="mail.test",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=box.login,
            auth_required=starttls is not None,
            auth_require_tls=not is_tls_at_once,
        )

    at_once = tls if is_tls_at_once else None
    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", port, ssl=at_once)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()

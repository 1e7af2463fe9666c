"""Vendors made of a bare socket, with TLS or without, and our client towards them."""

import asyncio
import contextlib
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pronghorn.upstream import Call, Client, Deadlines, Handle, request_head
from pronghorn.upstream.origin import Origin, parse

SECRET = b"sk-canary-5b1d9e0f"
DEADLINES = Deadlines(connect=5.0, first_byte=5.0, idle=5.0, total=10.0)
LIMIT = 2**20


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server that leaves nothing open."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                await handler(reader, writer)
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # one turn of the loop, in which the sockets close


@dataclass
class Certificate:
    context: ssl.SSLContext
    """For the server."""
    path: Path


def certificate(
    folder: Path, name: str, *, days: int = 30, address: str | None = "127.0.0.1", host: str = "localhost"
) -> Certificate:
    """Signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names: list[x509.GeneralName] = [x509.DNSName(host)]
    if address is not None:
        names.append(x509.IPAddress(ipaddress.ip_address(address)))
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=60))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    folder.mkdir(exist_ok=True)
    path, key_path = folder / f"{name}.pem", folder / f"{name}.key"
    path.write_bytes(made.public_bytes(encoding))
    key_path.write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key_path)
    return Certificate(context, path)


@dataclass
class Server:
    """Answers every request with its number, and remembers what it was sent."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            body = b"%d" % len(self.heads)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()


@contextlib.asynccontextmanager
async def serving(context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()
    async with listening(server.serve, context) as server.port:
        yield server


@contextlib.asynccontextmanager
async def client(trusted: Sequence[Path] = ()) -> AsyncIterator[Client]:
    """Trusts what the machine trusts, and `trusted`."""
    tls = ssl.create_default_context()
    for path in trusted:
        tls.load_verify_locations(path)
    made = Client(tls)
    try:
        yield made
    finally:
        await made.close()


async def ask(
    asked: Client,
    origin: Origin,
    deadlines: Deadlines = DEADLINES,
    *,
    body: bytes = b"{}",
    is_repeatable: bool = True,
    handle: Handle | None = None,
) -> bytes:
    head = request_head(origin, b"/v1/chat/completions") + b"authorization: Bearer " + SECRET + b"\r\n"
    call = Call(origin, head, body, is_repeatable=is_repeatable)
    answer = await asked.send(call, deadlines, whole=True, limit=LIMIT, handle=handle)
    try:
        assert answer.status == 200
        return await answer.whole()
    finally:
        answer.release()


def https(port: int, host: str = "127.0.0.1", proxy: str | None = None) -> Origin:
    return parse(f"https://{host}:{port}", proxy)[0]

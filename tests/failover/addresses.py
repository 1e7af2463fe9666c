"""Addresses where a connection comes to nothing, each in its own way."""

import asyncio
import contextlib
import datetime
import functools
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.failover.scenario import Address
from tests.faults.upstream import refusing_port

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def refuses() -> AsyncIterator[Address]:
    async with refusing_port() as url:
        yield Address(url)


@contextlib.asynccontextmanager
async def has_no_address() -> AsyncIterator[Address]:
    yield Address("http://vendor.invalid")


@contextlib.asynccontextmanager
async def cannot_be_a_name() -> AsyncIterator[Address]:
    """No part of a name may be longer than 63 letters."""
    yield Address(f"http://{'v' * 64}.invalid")


@contextlib.asynccontextmanager
async def never_accepts() -> AsyncIterator[Address]:
    """The queue of new connections is full, and nobody takes them out."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first:
        first.connect(full.getsockname())
        yield Address(f"http://127.0.0.1:{full.getsockname()[1]}")


@contextlib.asynccontextmanager
async def hangs_up() -> AsyncIterator[Address]:
    async with _talking(_say(b"")) as port:
        yield Address(f"http://127.0.0.1:{port}")


@contextlib.asynccontextmanager
async def speaks_plainly() -> AsyncIterator[Address]:
    async with _talking(_say(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")) as port:
        yield Address(f"https://127.0.0.1:{port}")


@contextlib.asynccontextmanager
async def has_a_strange_certificate() -> AsyncIterator[Address]:
    async with _talking(_say(b""), _own_certificate()) as port:
        yield Address(f"https://127.0.0.1:{port}")


@contextlib.asynccontextmanager
async def never_greets() -> AsyncIterator[Address]:
    """Takes the connection, and says nothing of TLS."""
    async with _talking(_listen) as port:
        yield Address(f"https://127.0.0.1:{port}")


@contextlib.asynccontextmanager
async def is_behind_a_dead_proxy() -> AsyncIterator[Address]:
    async with refusing_port() as proxy:
        yield Address("http://vendor.invalid", proxy)


@contextlib.asynccontextmanager
async def is_behind_a_strict_proxy() -> AsyncIterator[Address]:
    async with _talking(_say(b"HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n")) as port:
        yield Address("https://vendor.invalid", f"http://127.0.0.1:{port}")


@contextlib.asynccontextmanager
async def _talking(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def _say(text: bytes) -> Talk:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        writer.close()

    return talk


async def _listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(2**16):
        pass
    writer.close()


@functools.cache
def _own_certificate() -> ssl.SSLContext:
    """Signed by itself, so that nobody vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem += key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "own.pem")
        path.write_bytes(pem)
        context.load_cert_chain(path)
    return context

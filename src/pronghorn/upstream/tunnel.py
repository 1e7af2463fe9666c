"""A TLS connection through an HTTP proxy: CONNECT first, then the handshake on the same socket."""

import asyncio
import ssl
from typing import cast

from pronghorn.errors import UpstreamUnreachable
from pronghorn.upstream.connection import Connection
from pronghorn.upstream.origin import Origin

_MAX_REPLY_BYTES = 16 * 1024


class _Reply(asyncio.Protocol):
    """Collects the proxy's answer to CONNECT."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.head = b""
        self.done: asyncio.Future[None] = loop.create_future()

    def data_received(self, data: bytes) -> None:
        self.head += data
        if (b"\r\n\r\n" in self.head or len(self.head) > _MAX_REPLY_BYTES) and not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(UpstreamUnreachable("the proxy closed the connection"))


async def open_tunnel(
    loop: asyncio.AbstractEventLoop, origin: Origin, connection: Connection, tls: ssl.SSLContext
) -> None:
    """Connect `connection` to `origin` through its proxy. Raises `UpstreamUnreachable` or `OSError`."""
    assert origin.proxy is not None
    transport, reply = await loop.create_connection(
        lambda: _Reply(loop), origin.proxy.host, origin.proxy.port
    )
    name = f"[{origin.host}]" if ":" in origin.host else origin.host
    target = f"{name}:{origin.port}".encode()
    transport.write(
        b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (target, target, origin.proxy.authorization)
    )
    try:
        await reply.done
        status = reply.head.split(b" ", 2)[1:2]
        if status != [b"200"]:
            raise UpstreamUnreachable("the proxy refused to connect to the vendor")
        secured = await loop.start_tls(transport, connection, tls, server_hostname=origin.host)
    except BaseException:
        transport.abort()
        raise
    connection.connection_made(cast(asyncio.BaseTransport, secured))

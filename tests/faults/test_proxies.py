"""A channel with a proxy asks through it: in a tunnel that sees nothing, or by the whole URL."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.faults.harness import Gateway
from tests.faults.upstream import completion, whole
from tests.faults.vendor_peer import SECRET, ask, certificate, client, https, listening, serving

from pronghorn.errors import UpstreamUnreachable
from pronghorn.store import models as tables
from pronghorn.store import revision
from pronghorn.upstream.origin import parse

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Proxy:
    """Tunnels CONNECT and forwards absolute URLs, all to `to`, whatever the name."""

    to: int
    port: int = 0
    refusal: bytes = b""
    heads: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        if self.refusal:
            writer.write(self.refusal)
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.to)
        if head.startswith(b"CONNECT "):
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            back.write(head)
        try:
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        finally:
            back.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


@contextlib.asynccontextmanager
async def proxying(to: int, refusal: bytes = b"") -> AsyncIterator[Proxy]:
    proxy = Proxy(to, refusal=refusal)
    async with listening(proxy.serve) as proxy.port:
        yield proxy


PAIR = b"proxy-authorization: Basic " + base64.b64encode(b"ann:p@ss")


async def test_a_tls_vendor_is_reached_through_a_tunnel_that_sees_no_request(tmp_path: Path) -> None:
    good = certificate(tmp_path, "good", host="vendor.example")
    async with serving(good.context) as server, proxying(server.port) as proxy, client([good.path]) as asked:
        origin = https(443, "vendor.example", f"http://ann:p%40ss@127.0.0.1:{proxy.port}")
        assert await ask(asked, origin) == b"1"
        assert await ask(asked, origin) == b"2"
    (head,) = proxy.heads
    assert head.startswith(b"CONNECT vendor.example:443 HTTP/1.1\r\nhost: vendor.example:443\r\n")
    assert PAIR in head
    assert SECRET not in head
    assert b"host: vendor.example\r\n" in server.heads[0]
    assert b"proxy-authorization" not in server.heads[0]


async def test_behind_a_tunnel_the_certificate_is_verified_too(tmp_path: Path) -> None:
    other = certificate(tmp_path, "other", host="other.example")
    async with (
        serving(other.context) as server,
        proxying(server.port) as proxy,
        client([other.path]) as asked,
    ):
        with pytest.raises(UpstreamUnreachable, match="certificate"):
            await ask(asked, https(443, "vendor.example", f"http://127.0.0.1:{proxy.port}"))
        assert server.heads == []


async def test_a_plain_vendor_is_asked_by_its_whole_url() -> None:
    async with serving() as server, proxying(server.port) as proxy, client() as asked:
        origin, _ = parse("http://vendor.example:8080", f"http://ann:p%40ss@127.0.0.1:{proxy.port}")
        assert await ask(asked, origin) == b"1"
    assert proxy.heads[0].startswith(
        b"POST http://vendor.example:8080/v1/chat/completions HTTP/1.1\r\nhost: vendor.example:8080\r\n"
    )
    assert PAIR in proxy.heads[0]


@pytest.mark.parametrize(
    "refusal",
    [
        b"HTTP/1.1 407 Authenticate\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 502 No\r\n\r\n",
        b"rubbish\r\n\r\n",
    ],
)
async def test_a_proxy_that_refuses_is_an_unreachable_vendor(refusal: bytes) -> None:
    async with proxying(1, refusal) as proxy, client() as asked:
        origin = https(443, "vendor.example", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(UpstreamUnreachable, match="the proxy refused"):
            await ask(asked, origin)
        assert asked.open_connections() == 0


async def test_a_channel_with_a_proxy_asks_through_it_and_through_nothing_else(gateway: Gateway) -> None:
    gateway.upstream.plays(*whole(completion()))
    port = int(gateway.upstream.url.rpartition(":")[2])
    case = await gateway.case()
    async with proxying(port) as proxy:
        sealed = gateway.inner.secrets.seal(f"http://ann:p%40ss@127.0.0.1:{proxy.port}")
        async with gateway.inner.database.write() as tx:
            mine = tables.Channel.models[case.model].as_string() == case.model
            await tx.execute(update(tables.Channel).where(mine).values(proxy=sealed))
            await revision.bump(tx)
        await gateway.inner.loader.refresh()
        assert (await case.chat()).status == 200
        assert len(proxy.heads) == len(gateway.upstream.seen) == 1
        assert PAIR in proxy.heads[0]
    await case.assert_invariants()

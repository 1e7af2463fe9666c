"""Deadlines towards a vendor hold, connections are kept and shared, and a stale one is replaced where that is safe."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.faults.upstream import ScriptedUpstream, completion, whole
from tests.faults.vendor_peer import DEADLINES, LIMIT, ask, client, https, listening

from pronghorn.errors import CallerGone, UpstreamDropped, UpstreamTimeout, UpstreamUnreachable
from pronghorn.upstream import Call, Deadlines, Handle, request_head
from pronghorn.upstream.origin import parse

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_vendor_that_never_takes_the_connection_is_given_up_in_time() -> None:
    """A tunnel that is opened and never answered is as good as a host that does not answer."""

    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with listening(silent) as port, client() as asked:
        hasty = Deadlines(connect=0.3, first_byte=5.0, idle=5.0, total=10.0)
        loop = asyncio.get_running_loop()
        for origin in (https(port), https(443, "vendor.example", f"http://127.0.0.1:{port}")):
            begun = loop.time()
            with pytest.raises(UpstreamUnreachable, match="in time"):
                await ask(asked, origin, hasty)
            assert 0.25 < loop.time() - begun < 3.0
        assert asked.open_connections() == 0


async def test_a_silent_vendor_is_a_timeout_and_its_connection_is_closed() -> None:
    upstream = await ScriptedUpstream().start()
    upstream.plays(asyncio.Event())
    try:
        async with client() as asked:
            hasty = Deadlines(connect=5.0, first_byte=0.3, idle=5.0, total=10.0)
            with pytest.raises(UpstreamTimeout):
                await ask(asked, parse(upstream.url)[0], hasty)
            assert asked.open_connections() == 0
            await asyncio.wait_for(upstream.seen[0].closed.wait(), 5)
    finally:
        await upstream.close()


async def test_connections_are_shared_by_those_that_go_the_same_way_and_no_others() -> None:
    upstream = await ScriptedUpstream().start()
    upstream.plays(*whole(completion()))
    port = upstream.url.rpartition(":")[2]
    try:
        async with client() as asked:
            for _ in range(3):
                await ask(asked, parse(upstream.url)[0])
            assert (len(upstream.seen), asked.open_connections()) == (3, 1)
            await ask(asked, parse(f"http://localhost:{port}")[0])
            assert asked.open_connections() == 2
    finally:
        await upstream.close()


async def test_a_stale_connection_is_replaced_only_where_asking_again_is_safe() -> None:
    """The vendor closes a kept connection as soon as the second request is on it."""
    answered: list[bytes] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answered.append(await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(2))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        answered.append(await reader.readuntil(b"\r\n\r\n"))

    async with listening(once) as port, client() as asked:
        origin, _ = parse(f"http://127.0.0.1:{port}")
        assert await ask(asked, origin) == b"{}"
        assert await ask(asked, origin) == b"{}"
        assert len(answered) == 3, "the second came twice: on the stale connection and on a fresh one"
        answered.clear()
        assert await ask(asked, origin, is_repeatable=False) == b"{}"
        assert len(answered) == 1, "on a fresh connection from the start"


async def test_a_fresh_connection_that_drops_is_not_asked_again() -> None:
    heads: list[bytes] = []

    async def drop(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))

    async with listening(drop) as port, client() as asked:
        with pytest.raises(UpstreamDropped):
            await ask(asked, parse(f"http://127.0.0.1:{port}")[0])
    assert len(heads) == 1


async def test_a_connection_whose_request_was_answered_before_it_was_read_serves_no_other() -> None:
    """The rest of that request stands in the way of the next one, or is taken for it."""
    connections: list[bytes] = []

    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await asyncio.Event().wait()

    async with listening(hasty) as port, client() as asked:
        origin, _ = parse(f"http://127.0.0.1:{port}")
        assert await ask(asked, origin, body=bytes(2**24)) == b"{}"
        assert await ask(asked, origin) == b"{}"
    assert len(connections) == 2


async def test_who_gives_up_after_an_answer_ends_no_other_call_on_its_connection() -> None:
    """Between two attempts a caller has no call; the connection of the first may be somebody else's by then."""
    connections = 0
    has_both, may_answer = asyncio.Event(), asyncio.Event()

    async def vendor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await reader.readuntil(b"{}")
        has_both.set()
        await may_answer.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()

    async with listening(vendor) as port, client() as asked:
        origin, _ = parse(f"http://127.0.0.1:{port}")
        mine = Handle()
        assert await ask(asked, origin, handle=mine) == b"{}"
        other = asyncio.ensure_future(ask(asked, origin))
        await has_both.wait()
        mine.caller_gone()
        may_answer.set()
        assert await other == b"{}"
    assert connections == 1


async def test_who_gives_up_after_an_answer_ends_the_connecting_to_the_next_vendor() -> None:
    is_asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        is_asked.set()
        await asyncio.Event().wait()

    first = await ScriptedUpstream().start()
    first.plays(*whole(completion()))
    try:
        async with listening(silent) as port, client() as asked:
            mine = Handle()
            await ask(asked, parse(first.url)[0], handle=mine)
            connecting = asyncio.ensure_future(ask(asked, https(port), handle=mine))
            await is_asked.wait()
            mine.caller_gone()
            await asyncio.wait({connecting}, timeout=1)
            assert isinstance(connecting.exception(), CallerGone)
    finally:
        await first.close()


async def test_an_answer_that_was_released_ends_nothing_any_more() -> None:
    upstream = await ScriptedUpstream().start()
    upstream.plays(*whole(completion()))
    try:
        async with client() as asked:
            origin, _ = parse(upstream.url)
            call = Call(origin, request_head(origin, b"/"), b"{}")
            answer = await asked.send(call, DEADLINES, whole=True, limit=LIMIT)
            answer.release()
            answer.fail(UpstreamTimeout())
            await ask(asked, origin)
            assert answer._connection.uses == 2
    finally:
        await upstream.close()


async def test_an_answer_is_heard_though_its_vendor_reads_no_more_of_an_upload() -> None:
    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Large\r\ncontent-length: 2\r\n\r\n{}")
        await asyncio.Event().wait()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(2**20)

    async with listening(hasty) as port, client() as asked, asyncio.timeout(2):
        origin, _ = parse(f"http://127.0.0.1:{port}")
        call = Call(origin, request_head(origin, b"/"), upload=endless())
        answer = await asked.send(call, DEADLINES, whole=True, limit=LIMIT)
        assert (answer.status, await answer.whole()) == (413, b"{}")
        answer.release()
        assert asked.open_connections() == 0

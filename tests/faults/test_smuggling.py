"""Through the whole gateway, nothing of a malformed request is served, and one request never becomes two."""

import json
from typing import Any

import pytest
from tests.faults import raw
from tests.faults.harness import Case
from tests.faults.raw import request
from tests.faults.upstream import completion, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"


def said(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content} | more


async def test_nothing_of_a_malformed_request_is_charged_or_logged(case: Case) -> None:
    """And the next one is served as if nothing had been."""
    good = case.chat_request()
    case.gateway.upstream.plays(*whole(completion()))
    for bad in (
        good.replace(b"content-length", b"content-length : 0\r\nx"),
        good.replace(b"host:", b"transfer-encoding: chunked\r\nhost:"),
        good.replace(b"POST ", b"POST http://other.example"),
        good.replace(b"\r\n", b"\n"),
        good.replace(b"host: ", b"x: " + b"a" * 70_000 + b"\r\nhost: "),
    ):
        answer = await raw.call(case.gateway.port, bad + good)
        assert answer.status in (400, 431)
    assert case.gateway.upstream.seen == []
    assert await case.rows() == []
    assert (await case.chat()).status == 200


async def test_one_request_never_becomes_two_at_the_vendor(case: Case) -> None:
    """The body is a request in itself, and comes once whole and once in chunks."""
    inner = case.chat_request(user="inner")
    document = {"model": case.model, "messages": [said("user", inner.decode())]}
    body = json.dumps(document).encode()
    case.gateway.upstream.plays(*whole(completion()))
    head = {"authorization": f"Bearer {case.key}", "content-type": "application/json"}
    sized = request("POST", CHAT, head, body)
    pieces = b"".join(
        b"%x\r\n%b\r\n" % (len(body[n : n + 7]), body[n : n + 7]) for n in range(0, len(body), 7)
    )
    chunked = request("POST", CHAT, head | {"transfer-encoding": "chunked"}) + pieces + b"0\r\n\r\n"
    async with case.open(sized + chunked) as connection:
        assert [(await connection.answer()).status for _ in range(2)] == [200, 200]
    assert [seen.json() for seen in case.gateway.upstream.seen] == [document] * 2
    assert len(await case.rows()) == 2

"""What may be fetched for a caller: public addresses alone, whatever the name, the spelling or the redirect."""

import asyncio
import base64
import ipaddress
import socket
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from aiohttp import web

from pronghorn.convert.turn import Media
from pronghorn.errors import BadRequest
from pronghorn.relay import fetching
from pronghorn.relay.fetching import Fetcher
from pronghorn.settings import Settings

CLOSED = Fetcher(Settings())
OPEN = Fetcher(Settings(fetch_allow=("127.0.0.0/8",)))


def picture(url: str) -> Media:
    return Media("image", url=url, at="$.messages[0].content[1]")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x.png",
        "http://localhost/x.png",
        "http://[::1]/x.png",
        "http://2130706433/x.png",  # 127.0.0.1 as one number
        "http://0x7f.1/x.png",
        "ftp://1.1.1.1/x.png",
        "file:///etc/passwd",
        "gopher://1.1.1.1/",
        "http:///x.png",
        "not an address",
    ],
)
async def test_what_is_not_a_public_web_address_is_refused_by_name(url: str) -> None:
    with pytest.raises(BadRequest) as caught:
        await CLOSED.fill([picture(url)])
    assert caught.value.param == "messages[0].content[1]"
    assert "base64" in caught.value.message


@pytest_asyncio.fixture
async def site() -> AsyncIterator[str]:
    async def serve(request: web.Request) -> web.StreamResponse:
        kind = request.match_info["kind"]
        if kind == "redirect":
            raise web.HTTPFound(request.query["to"])
        if kind == "nowhere":
            return web.Response(status=302)
        if kind == "large":
            return web.Response(body=bytes(fetching.MAX_BYTES + 1), content_type="image/png")
        if kind == "missing":
            raise web.HTTPNotFound
        return web.Response(body=b"pixels", content_type="image/png")

    app = web.Application()
    app.router.add_get("/{kind}", serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_what_is_fetched_takes_the_place_of_its_address(site: str) -> None:
    one, other = picture(f"{site}/a"), picture(f"{site}/redirect?to=/b")
    await OPEN.fill([one, other])
    for media in (one, other):
        assert (base64.b64decode(media.data), media.mime, media.url) == (b"pixels", "image/png", "")


LOOP = "redirect?to=" + "/redirect%3Fto%3D" * 6 + "/a"


@pytest.mark.parametrize(
    "path", ["large", "missing", "nowhere", "redirect?to=http://10.0.0.1/x", "redirect?to=file:///x", LOOP]
)
async def test_what_goes_wrong_is_the_callers_to_know(site: str, path: str) -> None:
    with pytest.raises(BadRequest):
        await OPEN.fill([picture(f"{site}/{path}")])


async def test_many_together_are_no_larger_than_a_few(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MAX_TOGETHER", 15)
    await OPEN.fill([picture(f"{site}/a"), picture(f"{site}/b")])
    with pytest.raises(BadRequest, match="128 MiB in all"):
        await OPEN.fill([picture(f"{site}/{number}") for number in range(3)])


# Names that resolve to one address and then to another

PUBLIC, PRIVATE, SILENT = "127.0.0.2", "127.0.0.3", "127.0.0.4"
"""On this machine all three; the second is closed to the fetcher, and nobody listens at the third."""
PARTLY = Fetcher(Settings(fetch_allow=(f"{PUBLIC}/32", f"{SILENT}/32")))


class Town:
    """A site at the public address, a counter of connections at the private one, and the names of both."""

    def __init__(self) -> None:
        self.port = 0
        self.requests = 0
        self.private_connections = 0
        self.answers: dict[str, list[list[str]]] = {}
        """The addresses of a name, each time that it is looked up; the last ones for ever."""
        self.asked: list[str] = []

    async def serve(self, request: web.Request) -> web.Response:
        """Each answer ends its connection, so that the name of the next request is looked up anew."""
        self.requests += 1
        to = request.query.get("to")
        answer = web.Response(body=b"pixels", content_type="image/png")
        if to is not None:
            answer = web.Response(status=302, headers={"location": to})
        answer.force_close()
        return answer

    async def count(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.private_connections += 1
        writer.close()

    def look_up(self, host: str, port: int, *_: Any) -> list[Any]:
        """In the place of `socket.getaddrinfo`."""
        self.asked.append(host)
        answers = self.answers[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [_info(ipaddress.ip_address(address), port) for address in found]

    def url(self, host: str, path: str = "a") -> str:
        return f"http://{host}:{self.port}/{path}"

    def through(self, hops: int, last: str) -> str:
        """An address that leads to `last` by so many redirects."""
        url = last
        for _ in range(hops):
            url = self.url(PUBLIC, "redirect?" + urlencode({"to": url}))
        return url


def _info(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> Any:
    is_new = address.version == 6
    place = (str(address), port, 0, 0) if is_new else (str(address), port)
    return (socket.AF_INET6 if is_new else socket.AF_INET, socket.SOCK_STREAM, 6, "", place)


@pytest_asyncio.fixture
async def town(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    town = Town()
    app = web.Application()
    app.router.add_get("/{path}", town.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, PUBLIC, 0).start()
    town.port = runner.addresses[0][1]
    private = await asyncio.start_server(town.count, PRIVATE, town.port)
    monkeypatch.setattr(socket, "getaddrinfo", town.look_up)
    yield town
    private.close()
    await private.wait_closed()
    await runner.cleanup()


async def test_the_address_that_was_checked_is_the_one_that_is_reached(town: Town) -> None:
    town.answers["turning.test"] = [[PUBLIC], [PRIVATE]]
    media = picture(town.url("turning.test"))
    await PARTLY.fill([media])
    assert base64.b64decode(media.data) == b"pixels"
    assert town.asked == ["turning.test"]
    assert (town.requests, town.private_connections) == (1, 0)


@pytest.mark.parametrize("second", [PRIVATE, f"::ffff:{PRIVATE}", "::1", "10.0.0.1", "169.254.169.254"])
async def test_a_name_that_turns_private_between_two_hops_is_refused(town: Town, second: str) -> None:
    town.answers["turning.test"] = [[PUBLIC], [second]]
    with pytest.raises(BadRequest):
        await PARTLY.fill([picture(town.url("turning.test", f"redirect?to={town.url('turning.test')}"))])
    assert town.asked == ["turning.test"] * 2
    assert (town.requests, town.private_connections) == (1, 0)


@pytest.mark.parametrize("addresses", [[SILENT, PRIVATE], [PRIVATE, SILENT], [PRIVATE]])
async def test_a_private_address_beside_a_public_one_is_no_way_out(town: Town, addresses: list[str]) -> None:
    town.answers["both.test"] = [addresses]
    with pytest.raises(BadRequest):
        await PARTLY.fill([picture(town.url("both.test"))])
    assert town.private_connections == 0


@pytest.mark.parametrize("host", [PRIVATE, "private.test"])
@pytest.mark.parametrize("hops", range(1, fetching.MAX_REDIRECTS + 1))
async def test_each_hop_is_looked_at_like_the_first(town: Town, hops: int, host: str) -> None:
    town.answers["private.test"] = [[PRIVATE]]
    with pytest.raises(BadRequest):
        await PARTLY.fill([picture(town.through(hops, town.url(host)))])
    assert (town.requests, town.private_connections) == (hops, 0)


@pytest.mark.parametrize("host", ["１２７.0.0.3", "127。0。0。3", "①②⑦.0.0.3"])
async def test_an_address_in_other_characters_is_looked_at_too(town: Town, host: str) -> None:
    """They mean ASCII digits and dots where names are written down, so nobody looks such a host up."""
    for url in (town.url(host), town.through(1, town.url(host))):
        with pytest.raises(BadRequest):
            await PARTLY.fill([picture(url)])
    assert (town.requests, town.private_connections) == (1, 0)


async def test_three_redirects_are_followed_and_no_fourth(town: Town) -> None:
    media = picture(town.through(3, town.url(PUBLIC)))
    await PARTLY.fill([media])
    assert base64.b64decode(media.data) == b"pixels"
    assert town.requests == 4
    with pytest.raises(BadRequest):
        await PARTLY.fill([picture(town.through(4, town.url(PUBLIC)))])
    assert town.requests == 8


async def test_the_private_counter_counts(town: Town) -> None:
    """Or the tests above would prove nothing."""
    town.answers["private.test"] = [[PRIVATE]]
    with pytest.raises(BadRequest):
        await OPEN.fill([picture(town.url("private.test"))])
    assert town.private_connections > 0

"""What may be fetched for a caller: public addresses alone, whatever the name, the spelling or the redirect."""

import base64
from collections.abc import AsyncIterator

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


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "ff02::1",
    ],
)
def test_private_addresses_are_closed(address: str) -> None:
    assert not CLOSED.is_open(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111"])
def test_public_addresses_are_open(address: str) -> None:
    assert CLOSED.is_open(address)


def test_the_operator_opens_what_is_his() -> None:
    assert OPEN.is_open("127.0.0.5")
    assert not OPEN.is_open("10.0.0.1")


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
    "path", ["large", "missing", "redirect?to=http://10.0.0.1/x", "redirect?to=file:///x", LOOP]
)
async def test_what_goes_wrong_is_the_callers_to_know(site: str, path: str) -> None:
    with pytest.raises(BadRequest):
        await OPEN.fill([picture(f"{site}/{path}")])

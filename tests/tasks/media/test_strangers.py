"""Addresses are the vendor's word: where they lead is looked at in the moment of connecting, and no key goes along."""

import ipaddress
import socket
from typing import Any

import pytest
from tests.gateway import CANARY
from tests.tasks.media.gallery import FOREIGN, SONG, Gallery

KEY = f"Bearer {CANARY}"


async def test_the_channels_own_origin_gets_the_credential_when_it_asks(gallery: Gallery) -> None:
    gallery.studio.is_closed_to_strangers = True
    answer, body = await gallery.get(
        await gallery.hang(f"{gallery.studio.url}/files/song.mp3"), range="bytes=0-9"
    )
    assert (answer.status, body) == (206, SONG[:10])
    assert gallery.studio.authorizations == ["", KEY]


async def test_another_origin_never_gets_it(let_in: Gallery) -> None:
    let_in.foreign.is_closed_to_strangers = True
    answer, _ = await let_in.get(await let_in.hang(f"{let_in.foreign.url}/files/song.mp3"))
    assert answer.status == 410
    assert let_in.foreign.authorizations == [""]


async def test_a_public_host_is_reached(let_in: Gallery) -> None:
    answer, body = await let_in.get(await let_in.hang(f"{let_in.foreign.url}/files/song.mp3"))
    assert (answer.status, body) == (200, SONG)


@pytest.mark.parametrize(
    "path",
    [
        "http://{host}:{port}/files/song.mp3",
        "http://2130706434:{port}/files/song.mp3",
        "http://0x7f.2:{port}/x",
    ],
)
async def test_a_private_host_is_not_however_it_is_written(gallery: Gallery, path: str) -> None:
    url = path.format(host=FOREIGN, port=gallery.foreign.url.rpartition(":")[2])
    answer, body = await gallery.get(await gallery.hang(url))
    assert (answer.status, gallery.foreign.seen) == (502, [])
    assert FOREIGN.encode() not in body


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "gopher://127.0.0.1/x",
        "/files/song.mp3",
        "not an address",
        "http://",
        "http://[::1]:{port}/files/song.mp3",
        "http://[::ffff:127.0.0.2]:{port}/files/song.mp3",
        "http://169.254.169.254/latest/meta-data",
        "http://0.0.0.0:{port}/files/song.mp3",
        "http://user:pass@127.0.0.1:{home}/files/song.mp3",
        "http://127.0.0.1:{home}@127.0.0.2:{port}/files/song.mp3",
    ],
)
async def test_what_is_no_public_web_address_is_refused(gallery: Gallery, url: str) -> None:
    ports = {
        one: studio.url.rpartition(":")[2]
        for one, studio in (("port", gallery.foreign), ("home", gallery.studio))
    }
    answer, _ = await gallery.get(await gallery.hang(url.format(**ports)))
    assert answer.status == 502
    assert gallery.foreign.seen == gallery.studio.seen == []


async def test_the_same_host_on_another_port_is_another_origin(gallery: Gallery) -> None:
    """The gateway itself listens there."""
    answer, _ = await gallery.get(await gallery.hang(f"{gallery.run.url}/healthz"))
    assert answer.status == 502


async def test_a_redirect_away_takes_no_credential_along(let_in: Gallery) -> None:
    let_in.foreign.is_closed_to_strangers = True
    let_in.studio.redirects = [f"{let_in.foreign.url}/files/song.mp3"]
    answer, _ = await let_in.get(await let_in.hang(f"{let_in.studio.url}/files/song.mp3"))
    assert answer.status == 410
    assert let_in.foreign.authorizations == [""]


async def test_who_was_led_away_is_not_led_back(let_in: Gallery) -> None:
    """Or a stranger could have our credential sent to an address of its choice."""
    let_in.foreign.redirects = [f"{let_in.studio.url}/files/song.mp3"]
    answer, _ = await let_in.get(await let_in.hang(f"{let_in.foreign.url}/files/x"))
    assert (answer.status, let_in.studio.seen) == (502, [])


async def test_a_redirect_to_a_private_host_is_refused(gallery: Gallery) -> None:
    gallery.studio.redirects = [f"{gallery.foreign.url}/files/song.mp3"]
    answer, _ = await gallery.get(await gallery.hang(f"{gallery.studio.url}/files/song.mp3"))
    assert (answer.status, gallery.foreign.seen) == (502, [])


@pytest.mark.parametrize(("hops", "status"), [(1, 200), (3, 200), (4, 502)])
async def test_three_redirects_are_followed_and_no_fourth(gallery: Gallery, hops: int, status: int) -> None:
    gallery.studio.redirects = ["/files/song.mp3"] * hops
    answer, _ = await gallery.get(await gallery.hang(f"{gallery.studio.url}/files/song.mp3"))
    assert (answer.status, len(gallery.studio.seen)) == (status, min(hops + 1, 4))


async def test_a_signed_address_is_asked_letter_by_letter(let_in: Gallery) -> None:
    let_in.foreign.files["a b/ö+.mp3"] = (SONG, "audio/mpeg")
    signed = "/files/a%20b%2F%C3%B6+.mp3?X-Sig=a%2Fb%3D&e=1%2B1"
    await let_in.get(await let_in.hang(let_in.foreign.url + signed))
    assert let_in.foreign.seen[0].raw_path == signed


class Names:
    """In the place of `socket.getaddrinfo`: each look-up of a name has its own answer, the last one for ever."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {f"{name}.test": found for name, found in answers.items()}
        self.asked: list[str] = []
        self._real = socket.getaddrinfo

    def look_up(self, host: Any, port: Any, *more: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in self.answers:
            return self._real(host, port, *more, **named)
        self.asked.append(name)
        answers = self.answers[name]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [_place(ipaddress.ip_address(address), int(port)) for address in found]


def _place(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> Any:
    is_new = address.version == 6
    place = (str(address), port, 0, 0) if is_new else (str(address), port)
    return (socket.AF_INET6 if is_new else socket.AF_INET, socket.SOCK_STREAM, 6, "", place)


@pytest.mark.parametrize("second", ["127.0.0.1", "::ffff:127.0.0.1", "::1", "10.0.0.1", "169.254.169.254"])
async def test_a_name_that_turns_private_between_two_looks_is_refused(
    let_in: Gallery, monkeypatch: pytest.MonkeyPatch, second: str
) -> None:
    names = Names(turning=[[FOREIGN], [second]])
    monkeypatch.setattr(socket, "getaddrinfo", names.look_up)
    port = let_in.foreign.url.rpartition(":")[2]
    path = await let_in.hang(f"http://turning.test:{port}/files/song.mp3")
    answer, body = await let_in.get(path)
    assert (answer.status, body) == (200, SONG)
    answer, _ = await let_in.get(path)
    assert answer.status == 502
    assert (names.asked, len(let_in.foreign.seen)) == (["turning.test"] * 2, 1)


async def test_a_private_address_beside_a_public_one_is_no_way_out(
    let_in: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody listens at the public one."""
    names = Names(both=[["127.0.0.2", "127.0.0.1"]])
    monkeypatch.setattr(socket, "getaddrinfo", names.look_up)
    port = let_in.studio.url.rpartition(":")[2]
    answer, _ = await let_in.get(await let_in.hang(f"http://both.test:{port}/files/song.mp3"))
    assert (answer.status, let_in.studio.seen) == (502, [])

"""Fetching what a vendor made from the address that it gave. The address is the vendor's word, so it is not trusted.

The channel's own origin is the operator's choice and may lie anywhere; everything else has to be public in the moment
in which it is connected, each redirect again. A credential goes to the channel's origin alone, and only if it asks.
"""

import contextlib
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import structlog

from pronghorn.errors import (
    NotFound,
    PronghornError,
    UpstreamError,
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from pronghorn.kit.guard import PrivateAddress, guard
from pronghorn.kit.later import Later
from pronghorn.settings import Settings
from pronghorn.tasks.channels import Where

if TYPE_CHECKING:
    import aiohttp
    import yarl
else:
    # They cost megabytes that a server which nobody asks for media never needs.
    aiohttp = Later("aiohttp")
    yarl = Later("yarl")

MAX_REDIRECTS = 3
CONNECT_S, SILENCE_S = 10.0, 30.0
PIECE_BYTES = 64 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "Pronghorn"}
_PROXY = "proxy-authorization"

log = structlog.get_logger()


class MediumGone(NotFound):
    """The vendor does not have this file any more. Files have to be fetched, or copied, while their links live."""

    status, code = 410, "medium_gone"


class Home(NamedTuple):
    """The origin of a task's channel."""

    base: str
    """Scheme, host and port."""
    credential: bytes
    """Header lines, each with its CRLF."""
    proxy: str | None = None
    proxy_authorization: str = ""


def home_of(where: Where | None) -> Home | None:
    """None: its channel was taken away, and nothing is trusted any more."""
    if where is None:
        return None
    channel, place = where
    origin = channel.origin
    base = f"{'https' if origin.is_tls else 'http'}://{origin.host_header.decode()}"
    vendor = channel.vendor
    # Where requests are signed or tokens bought, the credential itself is never sent.
    is_sent = vendor.sign is None and vendor.token is None
    home = Home(base, vendor.auth.head(channel.credential(place)) if is_sent else b"")
    if origin.proxy is None:
        return home
    proxy = f"http://{origin.proxy.host}:{origin.proxy.port}"
    authorization = origin.proxy.authorization.decode("latin-1").partition(":")[2].strip()
    return home._replace(proxy=proxy, proxy_authorization=authorization)


class Fetched:
    """An answer whose head is there. Read `pieces` once at most, and always `close` it in the end."""

    def __init__(self, session: "aiohttp.ClientSession", answer: "aiohttp.ClientResponse", most: int) -> None:
        self._session = session
        self._answer = answer
        self._most = most
        self.status = answer.status

    def header(self, name: str) -> str:
        return self._answer.headers.get(name, "")

    @property
    def length(self) -> int | None:
        """None: it is not known before the end."""
        text = self.header("content-length")
        return int(text) if text.isdecimal() and not self.header("content-encoding") else None

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Raises an `UpstreamError` where it breaks off, or is larger than it may be."""
        size = 0
        with _translated():
            async for piece in self._answer.content.iter_chunked(PIECE_BYTES):
                size += len(piece)
                if size > self._most:
                    raise _too_large()
                yield piece

    def give_up(self) -> None:
        """Close the vendor's connection at once; who waits for more sees an `UpstreamError`."""
        self._answer.close()

    async def close(self) -> None:
        self._answer.close()
        await self._session.close()


async def fetch(url: str, home: Home | None, settings: Settings, headers: Mapping[str, str]) -> Fetched:
    """With status 200, or 206 or 416 where `headers` ask for a range.

    Raises `MediumGone` or an `UpstreamError`, without a word of the address.
    """
    with _translated():
        target = _parsed(url)
        for _ in range(MAX_REDIRECTS + 1):
            if home is not None and target.origin() != yarl.URL(home.base):
                home = None  # who leads away from it does not lead back to it
            fetched = await _asked(target, home, settings, headers)
            if home is not None and home.credential and fetched.status in (401, 403):
                await fetched.close()
                fetched = await _asked(target, home, settings, {**headers, **_lines(home.credential)})
            if fetched.status not in _REDIRECTS:
                return await _checked(fetched, settings.media_max_bytes)
            await fetched.close()
            target = target.join(_parsed(fetched.header("location"), is_whole=False))
    raise UpstreamError("the vendor's address of this file leads nowhere: too many redirects")


async def _asked(
    url: "yarl.URL", home: Home | None, settings: Settings, headers: Mapping[str, str]
) -> Fetched:
    """One request. Where a host is no origin of the operator's own, its address is looked at."""
    if url.scheme not in ("http", "https") or not url.host or url.user is not None:
        raise ValueError("not a web address")
    factory = guard(settings.fetch_allow) if home is None else None
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(socket_factory=factory, force_close=True),
        timeout=aiohttp.ClientTimeout(
            total=settings.total_timeout_s, sock_connect=CONNECT_S, sock_read=SILENCE_S
        ),
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    proxy = {} if home is None or not home.proxy_authorization else {_PROXY: home.proxy_authorization}
    try:
        answer = await session.get(
            url,
            headers={**_HEADERS, **headers},
            allow_redirects=False,
            proxy=home.proxy if home is not None else None,
            proxy_headers=proxy,
        )
    except BaseException:
        await session.close()
        raise
    return Fetched(session, answer, settings.media_max_bytes)


async def _checked(fetched: Fetched, most: int) -> Fetched:
    error: PronghornError | None = None
    if fetched.status in (401, 403, 404, 410):  # an address that has expired is refused in all these ways
        error = MediumGone()
    elif fetched.status not in (200, 206, 416):
        error = UpstreamError(f"the vendor answered with status {fetched.status}")
    elif fetched.status != 416 and (fetched.length or 0) > most:
        error = _too_large()
    if error is None:
        return fetched
    await fetched.close()
    raise error


def _parsed(text: str, *, is_whole: bool = True) -> "yarl.URL":
    """As it was written: in a signed address each character counts. Raises `ValueError`."""
    is_plain = text.isascii() and text.isprintable() and " " not in text
    url = yarl.URL(text, encoded=is_plain)
    if not text or (is_whole and not url.absolute):
        raise ValueError("not a web address")
    return url


def _lines(head: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in head.decode("latin-1").split("\r\n") if line)
    return {name: value.strip() for name, _, value in pairs}


def _too_large() -> UpstreamError:
    return UpstreamError("the vendor's file is larger than this gateway passes on (setting media_max_bytes)")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise UpstreamTimeout("the vendor did not send the file in time") from error
    except aiohttp.ClientPayloadError as error:
        raise UpstreamTruncated("the vendor's file broke off before its end") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        log.info("media.not_fetched", error=_reason(error))
        raise UpstreamUnreachable("the vendor's file cannot be reached") from error


def _reason(error: Exception) -> str:
    """Without the address, which may be as good as a key."""
    cause = getattr(error, "os_error", error)
    return str(cause) if isinstance(cause, PrivateAddress) else type(error).__name__

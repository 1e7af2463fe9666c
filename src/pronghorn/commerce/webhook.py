"""Webhook: one signed message to an address that somebody gave (the Standard Webhooks way of signing).

The address is not trusted: no private network is reached, whatever its name means at whatever moment, no redirect
is followed, and of the answer only its status counts. Loaded when the first one is sent: its client is large.
"""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

import aiohttp
import standardwebhooks
from aiohttp.abc import AbstractResolver, ResolveResult

from pronghorn.commerce.undelivered import Undelivered
from pronghorn.kit.guard import PrivateAddress, guard

TIMEOUT_S = 10.0
MAX_READ_BYTES = 64 * 1024
"""How much of an answer may wait unread; its body is never looked at."""

_THREADS = ThreadPoolExecutor(max_workers=64, thread_name_prefix="names")


async def send(
    url: str, secret: str | None, delivery_id: str, body: bytes, *, at_s: float, allowed: tuple[str, ...]
) -> None:
    """`at_s` is signed, too: each attempt has its own. Without a secret nothing is signed.

    Raises `Undelivered`, without a word of the URL or the body.
    """
    headers = {
        "content-type": "application/json",
        "user-agent": "Pronghorn",
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(at_s)),
    }
    if secret is not None:
        moment = datetime.fromtimestamp(int(at_s), UTC)
        signature = standardwebhooks.Webhook(secret).sign(delivery_id, moment, body.decode())
        headers["webhook-signature"] = signature
    try:
        status = await _post(url, headers, body, allowed)
    except TimeoutError as error:
        raise Undelivered(f"no answer within {TIMEOUT_S:g} s") from error
    except (aiohttp.InvalidURL, ValueError) as error:
        raise Undelivered("its URL is not one that can be asked", is_final=True) from error
    except (aiohttp.ClientError, OSError) as error:
        raise Undelivered(_reason(error)) from error
    if not 200 <= status < 300:
        raise Undelivered(f"answered {status}")


async def _post(url: str, headers: dict[str, str], body: bytes, allowed: tuple[str, ...]) -> int:
    connector = aiohttp.TCPConnector(
        socket_factory=guard(allowed), resolver=_Names(), limit=1, force_close=True
    )
    session = aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        read_bufsize=MAX_READ_BYTES // 2,
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    async with (
        asyncio.timeout(TIMEOUT_S),
        session,
        session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
    ):
        return answer.status


class _Names(AbstractResolver):
    """Looks names up in threads of its own: one that takes a minute, on purpose perhaps, keeps nobody from his."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        ask = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
        found = await asyncio.get_running_loop().run_in_executor(_THREADS, ask)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=family,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for family, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Nothing is kept open."""


def _reason(error: Exception) -> str:
    cause = getattr(error, "os_error", error)
    if isinstance(cause, PrivateAddress):
        return str(cause)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its host has no address"
    if isinstance(error, aiohttp.ClientSSLError | aiohttp.ClientConnectorCertificateError):
        return "its certificate is not valid"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "it cannot be reached"
    return f"the connection failed ({type(error).__name__})"

"""Tokens that credentials buy: fetched when they are needed, kept until shortly before they expire."""

import asyncio
import time

import aiohttp
import msgspec

from pronghorn.errors import UpstreamRefusedUs, UpstreamUnreachable
from pronghorn.vendors import TokenExchange

TIMEOUT_S = 20.0
USED_SHARE = 0.9
"""Of a token's life; the rest is for clocks that differ and answers that take long."""


class Access:
    """One for the process. Two requests at once fetch one token."""

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[str, float]] = {}
        self._lock = asyncio.Lock()

    async def token(self, exchange: TokenExchange, credential: str) -> str:
        """Raises `UpstreamRefusedUs` where the credential buys nothing, `UpstreamUnreachable` where nobody answers."""
        token, until = self._tokens.get(credential, ("", 0.0))
        if time.monotonic() < until:
            return token
        async with self._lock:
            token, until = self._tokens.get(credential, ("", 0.0))
            if time.monotonic() >= until:
                token, lifetime_s = await _fetch(exchange, credential)
                self._tokens[credential] = token, time.monotonic() + lifetime_s * USED_SHARE
        return token


async def _fetch(exchange: TokenExchange, credential: str) -> tuple[str, float]:
    refused = "the vendor gave no access token for this channel's credential; the operator has to look at it"
    try:
        asked = exchange.request(credential, time.time())
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(asked.url, data=dict(asked.form)) as answer,
        ):
            body = await answer.read()
            if answer.status >= 500:
                raise UpstreamUnreachable("the vendor's token service failed")
            if answer.status != 200:
                raise UpstreamRefusedUs(refused)
        return exchange.read(msgspec.json.decode(body))
    except (ValueError, KeyError, TypeError) as error:
        raise UpstreamRefusedUs(refused) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise UpstreamUnreachable("the vendor's token service could not be reached") from error

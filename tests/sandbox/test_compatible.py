"""OpenAI's dialect under other vendors' roots: the sandbox answers wherever a vendor's module asks."""

import aiohttp
import pytest

from pronghorn import vendors
from pronghorn.vendors import ChatVendor

HELLO = [{"role": "user", "content": "Hello"}]
BODIES = {
    "chat": {"model": "m", "messages": HELLO},
    "messages": {"model": "m", "messages": HELLO, "max_tokens": 9},
    "responses": {"model": "m", "input": "Hello"},
    "completions": {"model": "m", "prompt": "Hello"},
    "embeddings": {"model": "m", "input": "Hello"},
    "rerank": {"model": "m", "query": "a", "documents": ["a", "b"]},
    "speech": {"model": "m", "input": "Hello", "voice": "alloy"},
}
CASES = [
    pytest.param(vendor, endpoint, id=f"{vendor.name}-{endpoint}")
    for vendor in vendors.load().values()
    for endpoint in vendor.paths
    if endpoint in BODIES and "{model}" not in vendor.paths[endpoint]
]


def headers(vendor: ChatVendor, key: str) -> dict[str, str]:
    name, _, value = vendor.auth.head(key).decode().strip().partition(": ")
    return {name: value, "anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(("vendor", "endpoint"), CASES)
async def test_a_vendor_is_played_at_its_own_address(
    sandbox_url: str, vendor: ChatVendor, endpoint: str
) -> None:
    path = vendor.url_path("", endpoint)
    assert path is not None
    async with (
        aiohttp.ClientSession(sandbox_url, headers=headers(vendor, "sandbox")) as session,
        session.post(path, json=BODIES[endpoint]) as response,
    ):
        assert response.status == 200, await response.text()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/openai/v1/chat/completions", "invalid_request_error"),
        ("/api/v1/messages", "authentication_error"),
    ],
)
async def test_errors_are_in_the_dialect_that_was_asked(sandbox_url: str, path: str, kind: str) -> None:
    async with (
        aiohttp.ClientSession(sandbox_url) as session,
        session.post(path, json=BODIES["messages"]) as response,
    ):
        assert response.status == 401
        assert (await response.json())["error"]["type"] == kind

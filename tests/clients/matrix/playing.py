"""Playing the matrix: every client asks every kind of model for every feature, and each outcome is put into words."""

import re
import time
from collections.abc import Iterator

from tests.clients.matrix.anthropic_messages import Messages
from tests.clients.matrix.asking import NoSuchOption, Sdk, Wish
from tests.clients.matrix.features import FEATURES, Feature, Model
from tests.clients.matrix.google_genai import Generate
from tests.clients.matrix.openai_chat import Chat
from tests.clients.matrix.openai_responses import Responses
from tests.process import Installation

CLIENTS: tuple[type[Sdk], ...] = (Chat, Responses, Messages, Generate)
MODELS = (
    Model("OpenAI", "gpt-5-mini", "text-embedding-3-small"),
    Model("Anthropic", "claude-sonnet-5", "claude-sonnet-5"),
    Model("Gemini", "gemini-3-flash-preview", "gemini-embedding-001"),
    Model("plain chat", "deepseek-chat", "deepseek-chat"),
)
USAGE = "usage, whole, streamed and in the log"
PASS, NO_SUCH_OPTION = "pass", "not in the SDK"
LOG_S = 5.0

Outcomes = dict[tuple[str, str], str]
"""Feature and vendor to what came of it."""
Shown = dict[str, tuple[str, tuple[int, int]]]
"""A request's id to its vendor and to the tokens, in and out, that the caller was told of."""


def features() -> list[str]:
    return [*FEATURES, USAGE]


def clients() -> Iterator[tuple[type[Sdk], bool]]:
    """Each SDK's way to ask, blocking and async."""
    for client in CLIENTS:
        yield client, False
        yield client, True


async def play(client: type[Sdk], gateway: Installation, *, is_async: bool) -> Outcomes:
    other_key = _key_of_another_account(gateway)
    sdk = client(gateway.base_url, gateway.first["test_key"], other_key, is_async=is_async)
    try:
        outcomes = {
            (name, model.vendor): await _outcome(ask, sdk, model)
            for name, ask in FEATURES.items()
            for model in MODELS
        }
        shown: Shown = {}
        for model in MODELS:
            outcomes[USAGE, model.vendor] = await _outcome(_usage(shown), sdk, model)
    finally:
        await sdk.close()
    return outcomes | _unlike_the_log(shown, gateway)


def _key_of_another_account(gateway: Installation) -> str:
    account = gateway.manage("POST", "/accounts", {"name": "another"})
    wanted = {"account_id": account["id"], "name": "another", "mode": "test"}
    key: str = gateway.manage("POST", "/keys", wanted)["key"]
    return key


async def _outcome(ask: Feature, sdk: Sdk, model: Model) -> str:
    sdk.ear.heads.clear()
    try:
        await ask(sdk, model)
    except NoSuchOption:
        return NO_SUCH_OPTION
    except sdk.errors as error:
        return f"refused: {sdk.status_of(error) or type(error).__name__}, {_reason(error)}"
    except Exception as error:
        return f"fails: {error!r}"
    dropped = sdk.ear.dropped()
    return f"dropped: {', '.join(dropped)}" if dropped else PASS


def _reason(error: Exception) -> str:
    """The gateway's own words, without the id of this one request."""
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, dict) else {}
    said = inner.get("message") or getattr(error, "message", None) or str(error)
    return re.split(r"; |\. | \(request id", str(said))[0]


def _usage(shown: Shown) -> Feature:
    async def usage(sdk: Sdk, model: Model) -> None:
        counted = []
        for is_streamed in (False, True):
            said = await sdk.talk(model.chat, Wish(is_streamed=is_streamed)).say("say 20 words")
            counted.append((said.input, said.output))
            shown[sdk.ear.request_id] = (model.vendor, counted[-1])
        whole, streamed = counted
        assert whole == streamed, f"whole {whole}, streamed {streamed}"
        assert whole[0] > 0 and whole[1] >= 20

    return usage


def _unlike_the_log(shown: Shown, gateway: Installation) -> Outcomes:
    rows: dict[str, tuple[int, int]] = {}
    deadline = time.monotonic() + LOG_S
    while not shown.keys() <= rows.keys() and time.monotonic() < deadline:
        rows = {
            row["id"]: (row["usage"]["input"], row["usage"]["output"])
            for row in gateway.all_requests(mode="test", limit="100")
        }
    return {
        (USAGE, vendor): f"fails: shown {counted}, logged {rows.get(request_id)}"
        for request_id, (vendor, counted) in shown.items()
        if rows.get(request_id) != counted
    }

"""What a feature asks of any SDK and what comes of it, so that each feature is written once for all of them."""

import base64
import inspect
import io
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx2
from PIL import Image
from pydantic import BaseModel

WEATHER, TIME = "get_weather", "get_time"
ARGUMENTS: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


class Meal(BaseModel):
    name: str
    calories: int
    is_vegan: bool


PAGE_TEXT = "Frogs are green."


def picture() -> bytes:
    """64x48 pixels, red."""
    data = io.BytesIO()
    Image.new("RGB", (64, 48), (220, 30, 30)).save(data, "PNG")
    return data.getvalue()


def pdf() -> bytes:
    """One page that says `PAGE_TEXT`."""
    shown = f"BT /F1 24 Tf 72 720 Td ({PAGE_TEXT}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(shown), shown),
    ]
    body = b"".join(b"%d 0 obj\n%b\nendobj\n" % pair for pair in enumerate(objects, 1))
    return b"%PDF-1.4\n" + body + b"trailer << /Root 1 0 R /Size 5 >>\n%%EOF\n"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


class NoSuchOption(Exception):
    """The SDK itself has no word for it."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How to ask; what is not wished for is not said."""

    system: str = ""
    tools: tuple[str, ...] = ()
    choice: str = ""
    """`none`, `required`, or the name of a tool."""
    schema: dict[str, Any] | None = None
    thinks: bool = False
    stop: str = ""
    limit: int = 0
    n: int = 0
    seed: int | None = None
    bias: dict[str, int] | None = None
    logprobs: int = 0
    is_streamed: bool = False
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Attachment:
    kind: str
    """`picture`, `pdf` or `text`."""


@dataclass(frozen=True)
class Call:
    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(kw_only=True)
class Said:
    """One answer, as its SDK shows it."""

    texts: list[str]
    """One for each choice."""
    finish: str
    """`stop`, `length`, `tool_calls` or `refusal`; the SDK's own word if it is none of these."""
    input: int
    output: int
    """Tokens, thoughts included."""
    thinking: str = ""
    signatures: list[str] = field(default_factory=list)
    """What proves the thinking later."""
    calls: list[Call] = field(default_factory=list)
    logprobs: int = 0
    """How many tokens came with their probability."""

    @property
    def text(self) -> str:
        return self.texts[0]


class Ear:
    """Hears every answer's head, whichever SDK asks."""

    def __init__(self) -> None:
        self.heads: list[httpx2.Headers] = []

    def hooks(self) -> dict[str, list[Callable[..., Any]]]:
        return {"response": [self._hear]}

    def async_hooks(self) -> dict[str, list[Callable[..., Any]]]:
        async def hear(response: httpx2.Response) -> None:
            self._hear(response)

        return {"response": [hear]}

    def _hear(self, response: httpx2.Response) -> None:
        self.heads.append(response.headers)

    def dropped(self) -> list[str]:
        """The paths of all answers since it was emptied, each once and in order."""
        named = [head.get("x-pronghorn-dropped", "") for head in self.heads]
        return list(dict.fromkeys(path for text in named for path in text.split(", ") if path))

    @property
    def request_id(self) -> str:
        return self.heads[-1]["x-request-id"]


class Sdk:
    """One SDK's client, blocking or async, used alike."""

    name: ClassVar[str]
    call: ClassVar[str]
    """The method that asks, for people."""
    errors: ClassVar[tuple[type[Exception], ...]]
    """What it raises when an answer fails."""
    lossy: ClassVar["Wish"]
    """Something that not every vendor can be told."""

    def __init__(self, base_url: str, key: str, other_key: str = "", *, is_async: bool) -> None:
        """`other_key` is another account's."""
        self.ear = Ear()
        self.base_url = base_url
        self.is_async = is_async
        http: type[httpx2.Client] | type[httpx2.AsyncClient] = (
            httpx2.AsyncClient if is_async else httpx2.Client
        )
        hooks = self.ear.async_hooks() if is_async else self.ear.hooks()
        self._http = http(event_hooks=hooks, timeout=30)
        self.sdk = self.connect(base_url, key)
        self.elsewhere = self.connect(base_url, other_key or key)

    def connect(self, base_url: str, key: str) -> Any:
        raise NotImplementedError

    async def close(self) -> None:
        if isinstance(self._http, httpx2.AsyncClient):
            await self._http.aclose()
        else:
            self._http.close()

    def talk(self, model: str, wish: Wish) -> "Talk":
        raise NotImplementedError

    async def count(self, model: str, text: str) -> int:
        """Tokens of a question that is not asked."""
        raise NoSuchOption

    async def parse(self, model: str, text: str, form: type[BaseModel]) -> Any:
        """The answer as an object of `form`, made by the SDK."""
        raise NotImplementedError

    async def embed(self, model: str, texts: list[str], size: int) -> list[list[float]]:
        raise NoSuchOption

    def status_of(self, error: Exception) -> int:
        """0: it is no answer."""
        return int(getattr(error, "status_code", 0) or 0)

    def is_typed(self, error: Exception, status: int) -> bool:
        """The exception that this SDK has for this status."""
        raise NotImplementedError


class Talk:
    """A conversation that keeps the SDK's own objects and gives them back with the next question."""

    def __init__(self, sdk: Sdk, model: str, wish: Wish) -> None:
        self.client = sdk.sdk
        self.model = model
        self.wish = wish
        self.history: list[Any] = []

    def move(self, sdk: Sdk) -> None:
        """Go on as another account, for which the gateway remembers nothing of what was said."""
        self.client = sdk.elsewhere

    def forget_thinking(self) -> None:
        """Keep of the last answer what a plain client keeps: words and calls."""
        raise NotImplementedError

    async def say(self, text: str, *attached: Attachment) -> Said:
        self.history.append(self.question(text, attached))
        return await self.ask()

    async def give(self, results: list[tuple[Call, str]]) -> Said:
        raise NotImplementedError

    def question(self, text: str, attached: tuple[Attachment, ...]) -> Any:
        raise NotImplementedError

    async def ask(self) -> Said:
        """Puts the answer into the history. Raises `NoSuchOption`, or the SDK's own exceptions."""
        raise NotImplementedError


async def done(answer: Any) -> Any:
    return await answer if inspect.isawaitable(answer) else answer


async def all_of(stream: Any) -> list[Any]:
    """Closes what can be closed, also when it breaks off."""
    try:
        return [event async for event in stream] if hasattr(stream, "__aiter__") else list(stream)
    finally:
        if hasattr(stream, "aclose"):
            await stream.aclose()


async def through(
    manager: AbstractContextManager[Any] | AbstractAsyncContextManager[Any],
    final: Callable[[Any], Any] | None = None,
) -> Any:
    """Reads one of an SDK's own streams to its end; gives its events, or what `final` makes of it then."""
    if isinstance(manager, AbstractAsyncContextManager):
        async with manager as stream:
            events = await all_of(stream)
            return events if final is None else await final(stream)
    with manager as blocking:
        events = await all_of(blocking)
        return events if final is None else final(blocking)


def only_known(method: Any, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as they are. Raises `NoSuchOption` for the first that the SDK's method does not have."""
    known = inspect.signature(method).parameters
    for name in fields:
        if name not in known:
            raise NoSuchOption(name)
    return fields

"""GET /v1/models in Anthropic's dialect, and what each generation of models takes.

Names that do not tell a generation are taken for models that allow everything.
"""

import re
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.openai import models as openai_models
from pronghorn.sandbox.reply import reply_json

NAMES = (
    "claude-fable-5-2",
    "claude-mythos-5-2",
    "claude-haiku-5-5",
    "claude-sonnet-5-5",
    "claude-opus-5-5",
    "claude-fable-5-1",
    "claude-mythos-5-1",
    "claude-sonnet-5",
    "claude-fable-5",
    "claude-mythos-5",
    "claude-opus-5",
    "claude-opus-4-8",
    "claude-opus-4-7",
    "claude-opus-4-6",
    "claude-sonnet-4-6",
    "claude-opus-4-5-20251101",
    "claude-sonnet-4-5-20250929",
    "claude-haiku-4-5-20251001",
)
_ALIASES = frozenset(name.rsplit("-", 1)[0] for name in NAMES if re.search(r"-\d{8}$", name))
_NAME = re.compile(r"claude-([a-z]+)-(\d{1,2})(?:-(\d{1,2}))?(?:-\d{8}|-latest)?")
_OLD_NAME = re.compile(r"claude-(\d)(?:-(\d))?-([a-z]+)(?:-\d{8}|-latest)?")
_MAX_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    line: str = ""
    generation: tuple[int, int] | None = None

    def is_since(self, *generation: int) -> bool:
        return self.generation is not None and self.generation >= generation

    def is_before(self, *generation: int) -> bool:
        return self.generation is not None and self.generation < generation

    @property
    def context_tokens(self) -> int:
        return 200_000 if self.is_before(4, 6) else 1_000_000

    @property
    def max_output_tokens(self) -> int:
        if self.is_before(3, 7):
            return 8_192
        return 64_000 if self.is_before(4, 6) else 128_000


def model_of(name: str) -> Model:
    if match := _NAME.fullmatch(name):
        return Model(name, match[1], (int(match[2]), int(match[3] or 0)))
    if match := _OLD_NAME.fullmatch(name):
        return Model(name, match[3], (int(match[1]), int(match[2] or 0)))
    return Model(name)


def _shown(model: Model) -> dict[str, Any]:
    assert model.generation is not None
    major, minor = model.generation
    number = f"{major}.{minor}" if minor else str(major)
    return {
        "type": "model",
        "id": model.name,
        "display_name": f"Claude {model.line.title()} {number}",
        "created_at": f"{2021 + major}-{minor + 1:02}-01T00:00:00Z",
        "max_input_tokens": model.context_tokens,
        "max_tokens": model.max_output_tokens,
        "capabilities": _capabilities(model),
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": model.line,
    }


def _capabilities(model: Model) -> dict[str, Any]:
    """What the sandbox can do as that model."""
    yes, no = {"supported": True}, {"supported": False}
    newer = yes if model.is_since(4, 6) else no
    efforts = dict.fromkeys(("low", "medium", "high", "xhigh", "max"), yes)
    edits = ("clear_thinking_20251015", "clear_tool_uses_20250919", "compact_20260112")
    return {
        "batch": no,
        "citations": yes,
        "code_execution": no,
        "context_management": no | dict.fromkeys(edits, no),
        "effort": yes | efforts,
        "image_input": yes,
        "pdf_input": yes,
        "structured_outputs": yes,
        "thinking": yes | {"types": {"adaptive": newer, "enabled": yes}},
    }


async def listing(request: web.Request) -> web.StreamResponse:
    """A page of them, newest first. Without a version in its headers the question is put to OpenAI."""
    if "anthropic-version" not in request.headers:
        return await openai_models.listing(request)
    start, end = _page(request.query.get("limit", "20"), request.query)
    names = NAMES[start:end]
    page = {
        "data": [_shown(model_of(name)) for name in names],
        "has_more": start > 0 if "before_id" in request.query else end < len(NAMES),
        "first_id": names[0] if names else None,
        "last_id": names[-1] if names else None,
    }
    return await reply_json(request, page)


def _page(limit: str, query: Any) -> tuple[int, int]:
    """Where the page begins and ends. Raises `SandboxError`."""
    if not re.fullmatch(r"\d{1,4}", limit) or not 1 <= int(limit) <= _MAX_LIMIT:
        raise SandboxError(f"limit: Input should be from 1 to {_MAX_LIMIT}")
    for name in ("after_id", "before_id"):
        if name in query and query[name] not in NAMES:
            raise SandboxError(f"{name}: Invalid cursor")
    if "before_id" in query:
        end = NAMES.index(query["before_id"])
        return max(0, end - int(limit)), end
    start = NAMES.index(query["after_id"]) + 1 if "after_id" in query else 0
    return start, start + int(limit)


async def one(request: web.Request) -> web.StreamResponse:
    if "anthropic-version" not in request.headers:
        return await openai_models.one(request)
    name = request.match_info["name"]
    if name not in NAMES and name not in _ALIASES:
        raise SandboxError(f"model: {name}", status=404)
    return await reply_json(request, _shown(model_of(name)))


routes = [web.get("/v1/models", listing), web.get("/v1/models/{name:.+}", one)]

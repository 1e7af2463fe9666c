"""Paths as clients write them, and as they are meant: with or without `/v1`, doubled, with too many slashes."""

import re
from typing import NamedTuple
from urllib.parse import unquote

_SLASHES = re.compile(r"/{2,}")
_DEPLOYMENTS = "/openai/deployments/"
_AZURE = re.compile(r"(.+?)/((?:chat/)?completions|embeddings|images/[a-z]+|audio/[a-z]+)$")
"""Looked for at one place alone: at each would take long in a path that repeats it."""
_OPENAI = re.compile(r"(?:/v1(?:beta)?)?/(?:openai|cursor)(?:/v1)?(/.+)?")
"""Azure's routes without a deployment, Gemini's own for clients of OpenAI, and a base URL that Cursor's users know."""
_ENGINES = re.compile(r"^(?:/v1)?/engines/(.+?)/(embeddings|completions|chat/completions)$")


class Target(NamedTuple):
    """`path` begins with `/v1/` where the dialects are; `model` is given by routes that name it in the path."""

    path: str
    model: str | None = None


def normalise(path: str) -> Target:
    """One spelling for all that mean the same. No redirect: many clients lose the body or the key on one."""
    path = _SLASHES.sub("/", path)
    if len(path) > 1 and path.endswith("/"):
        path = path[:-1]
    while path.startswith("/v1/v1") and path[6:7] in ("", "/"):
        path = path[3:]
    if azure := _AZURE.match(path.partition(_DEPLOYMENTS)[2]):
        return Target("/v1/" + azure[2], unquote(azure[1]))
    if engine := _ENGINES.search(path):
        return Target("/v1/" + engine[2], unquote(engine[1]))
    if openai := _OPENAI.fullmatch(path):
        path = "/v1" + (openai[1] or "")
    return Target(_ALIASES.get(path, path))


_ALIASES = {"/v2/rerank": "/v1/rerank", "/v1/reranks": "/v1/rerank"}

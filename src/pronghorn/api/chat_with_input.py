"""A chat whose body is written like a Responses request, as Cursor's are: written anew as the chat that it means.

The answer is then a chat's by itself. What a chat has no words for is named like everywhere else.
"""

import msgspec

from pronghorn import convert
from pronghorn.convert.conversion import Conversion
from pronghorn.convert.dialect import Target
from pronghorn.relay import Incoming

_OPENAI = frozenset({"openai"})
_OF_CHAT: tuple[str, ...] = (
    *("max_tokens", "max_completion_tokens", "n", "stop", "seed", "reasoning_effort", "response_format"),
    *("presence_penalty", "frequency_penalty", "logit_bias", "stream_options", "models", "provider"),
)
"""What such a body may have of a chat nevertheless; it stays as it came."""


def is_one(body: bytes) -> bool:
    """A look that costs the usual chat nothing: its `messages` are found at once."""
    return b'"messages"' not in body and b'"input"' in body


def rewritten(incoming: Incoming) -> Incoming:
    """As it came, if it cannot be read as what it looked like. Raises `BadRequest` that names the field."""
    try:
        document = msgspec.json.decode(incoming.body)
    except (ValueError, RecursionError):
        return incoming
    if not isinstance(document, dict) or "input" not in document:
        return incoming
    dialects = convert.load()
    turn = dialects["responses"].read_request(document)
    to = Target(model=turn.model, traits=_OPENAI)
    conversion = Conversion(dialects["responses"], dialects["chat"], turn, to)
    members = conversion.request()
    members.pop("stream_options", None)  # of the usage nobody is told who did not ask
    members |= {name: document[name] for name in _OF_CHAT if document.get(name) is not None}
    lost = tuple(path for path in conversion.losses.paths if path.removeprefix("$.") not in members)
    return msgspec.structs.replace(incoming, body=msgspec.json.encode(members), dropped=lost)

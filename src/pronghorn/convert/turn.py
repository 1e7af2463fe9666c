"""The canonical turn: one request to a model and its answer, in the words of no vendor.

Each dialect has a reader into these types and a writer out of them, so that four dialects need eight functions
and not twelve. What a reader does not understand it names in `unknown`; what a writer cannot say it names as lost.
`at` is the JSON path that a thing was read from, such as `$.messages[2].content[0]`: losses are named by it.
Parts and tools are final, so that `type(part) is Text` asks for a kind: it takes a tenth of the time in which
`isinstance` says no, and long conversations have many.
"""

from typing import Any, Literal, final

import msgspec

from pronghorn.wire.usage import Usage

Role = Literal["system", "developer", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "pause", "truncated", "error"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Json = dict[str, Any]


class Signature(msgspec.Struct, frozen=True):
    """What a vendor wants back unchanged: a thinking block's signature, encrypted reasoning, a thought signature."""

    origin: str
    """The dialect that understands it."""
    data: str


class Citation(msgspec.Struct):
    """Where a piece of text comes from. `raw` is the vendor's own object, for its own dialect."""

    url: str = ""
    title: str = ""
    quote: str = ""
    """What the source says."""
    start: int | None = None
    """Characters of the part's text that it stands behind: from `start` up to, not including, `end`."""
    end: int | None = None
    origin: str = ""
    raw: Json | None = None


@final
class Text(msgspec.Struct, tag="text", tag_field="part"):
    text: str
    citations: list[Citation] = []
    signature: Signature | None = None
    cache: str = ""
    """`5m` or `1h`: the prompt up to here is to be kept in the vendor's cache for so long."""
    at: str = ""


@final
class Media(msgspec.Struct, tag="media", tag_field="part"):
    """A picture, document, sound or film: exactly one of `data`, `url` and `file_id` is set."""

    kind: Literal["image", "document", "audio", "video"]
    mime: str = ""
    """Of `data`, always known there; a guess or empty for the others."""
    data: str = ""
    """In the standard base64 alphabet, padded."""
    url: str = ""
    file_id: str = ""
    name: str = ""
    """A file's name or a document's title."""
    detail: str = ""
    """How closely to look at a picture: `low`, `high`, `original`; empty is the vendor's choice."""
    transcript: str = ""
    """What a sound made by a model says."""
    wants_citations: bool = False
    signature: Signature | None = None
    cache: str = ""
    at: str = ""


@final
class Thinking(msgspec.Struct, tag="thinking", tag_field="part"):
    """Reasoning that a model showed, and what proves it to that model later. `text` may be empty."""

    text: str = ""
    signature: Signature | None = None
    is_redacted: bool = False
    """There is no text, only the signature."""
    id: str = ""
    at: str = ""


@final
class ToolCall(msgspec.Struct, tag="tool_call", tag_field="part"):
    id: str
    name: str
    arguments: str = ""
    """JSON text of an object (empty means `{}`); free text where `is_custom`."""
    is_custom: bool = False
    signature: Signature | None = None
    cache: str = ""
    at: str = ""
    namespace: str = ""
    """That of its tool."""


@final
class ToolResult(msgspec.Struct, tag="tool_result", tag_field="part"):
    call_id: str
    parts: list[Text | Media] = []
    name: str = ""
    """Of the tool; empty where the dialect does not say, then found by `call_id`."""
    is_error: bool = False
    is_custom: bool = False
    cache: str = ""
    at: str = ""


@final
class Refusal(msgspec.Struct, tag="refusal", tag_field="part"):
    text: str
    at: str = ""


@final
class Foreign(msgspec.Struct, tag="foreign", tag_field="part"):
    """Something that only its own dialect can say: a vendor's hosted tool at work, a compaction."""

    origin: str
    raw: Json
    at: str = ""

    @property
    def kind(self) -> str:
        """Its type, or, as Gemini has it, the member that says what it is."""
        if isinstance(kind := self.raw.get("type"), str):
            return kind
        return next((name for name in self.raw if not name.startswith("thought")), "")


Part = Text | Media | Thinking | ToolCall | ToolResult | Refusal | Foreign


class Message(msgspec.Struct):
    """Tool results stand alone in messages of the role `tool`, one or several to a message."""

    role: Role
    parts: list[Part]
    name: str = ""
    at: str = ""


@final
class Tool(msgspec.Struct):
    name: str
    description: str = ""
    schema: Json | None = None
    """JSON Schema of the arguments; None means none are taken."""
    is_strict: bool | None = None
    is_custom: bool = False
    """Takes free text, perhaps of the grammar `format` (in OpenAI's shape)."""
    format: Json | None = None
    namespace: str = ""
    """Of OpenAI: `name` begins with it."""
    cache: str = ""
    at: str = ""


@final
class HostedTool(msgspec.Struct):
    """A tool that the vendor runs. `web_search` exists nearly everywhere, `other` only in its own dialect."""

    kind: Literal["web_search", "other"]
    origin: str
    raw: Json
    at: str = ""


class ToolChoice(msgspec.Struct):
    mode: Literal["auto", "none", "required"]
    names: list[str] = []
    """Only these may be called; all of them where empty."""


class Reasoning(msgspec.Struct):
    effort: Effort | None = None
    budget: int | None = None
    """Tokens; -1 leaves it to the model."""
    is_shown: bool | None = None
    """The caller wants to read it; None is the vendor's choice."""


class OutputFormat(msgspec.Struct):
    kind: Literal["text", "json_object", "json_schema"]
    name: str = ""
    description: str = ""
    schema: Json | None = None
    is_strict: bool | None = None
    at: str = ""
    """Of the object that holds its name, description and strictness."""


class AudioOutput(msgspec.Struct):
    voice: str = ""
    format: str = ""


class Turn(msgspec.Struct):
    """One request. A field that is None was not given."""

    model: str = ""
    messages: list[Message] = []
    tools: list[Tool | HostedTool] = []
    is_stream: bool = False
    wants_usage: bool = True
    """In a stream of a dialect that only counts when asked."""
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: list[str] | None = None
    choices: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    """How many alternatives to each token; nothing without `logprobs`."""
    output_format: OutputFormat | None = None
    reasoning: Reasoning | None = None
    verbosity: str | None = None
    modalities: list[str] | None = None
    """Of `text`, `image`, `audio`."""
    audio: AudioOutput | None = None
    user: str | None = None
    """The end user, as an opaque id."""
    metadata: dict[str, str] | None = None
    service_tier: str | None = None
    """`auto`, `default`, `flex`, `priority`."""
    cache_key: str | None = None
    at: dict[str, str] = {}
    """Field of this struct to the JSON path that it was read from, for each field that was given."""
    unknown: list[str] = []
    """JSON paths of what the reader found and no field here can hold."""


class Logprob(msgspec.Struct):
    token: str
    logprob: float
    bytes: list[int] | None = None
    top: list["Logprob"] = []


class Choice(msgspec.Struct):
    parts: list[Part]
    finish: Finish = "stop"
    stop_sequence: str = ""
    logprobs: list[Logprob] | None = None
    detail: Json | None = None
    """What else the vendor says of a refusal or filter."""


class Reply(msgspec.Struct):
    """One whole answer."""

    id: str
    model: str
    choices: list[Choice]
    usage: Usage | None = None
    created_s: int = 0
    service_tier: str = ""
    unknown: list[str] = []
    """JSON paths of what the reader could not take in."""

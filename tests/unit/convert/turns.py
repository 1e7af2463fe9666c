"""Turns and answers of every shape for property tests. Each text is told from all others by a number of its own."""

import base64
from typing import Any

import msgspec
from hypothesis import strategies as st

from pronghorn.convert.turn import (
    AudioOutput,
    Choice,
    Citation,
    Finish,
    Foreign,
    HostedTool,
    Logprob,
    Media,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    Reply,
    Role,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from pronghorn.wire.usage import Usage

DIALECTS = ("chat", "responses", "messages", "generate")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
_WORDS = st.sampled_from(
    ["", "a", "é\n", "😀", '"\\', "<b>", "\u2028", "{", "null", "  two  words", "x" * 40]
)
_CACHES = st.sampled_from(["", "", "", "5m", "1h"])
_FLAGS = st.none() | st.booleans()
_VALUES: st.SearchStrategy[Any] = st.sampled_from([None, True, 2**63 + 1, -1, 0.5, "é", [1], {"a": {}}])
_FITTING_IDS = st.sampled_from(["call_", "toolu_", "a-"])
_ODD_IDS = st.sampled_from(["call_", "fc|", "a b ", "x" * 70, "é"])
_FITTING_NAMES = st.sampled_from(["look", "get_time", "a-b"])
_ODD_NAMES = st.sampled_from(["look", "mcp:find.it", "9lives", "x" * 100])
_MIMES = {
    "image": ["image/png", "image/jpeg"],
    "document": ["application/pdf", "text/plain"],
    "audio": ["audio/wav", "audio/mp3"],
    "video": ["video/mp4"],
}


class _Drawing:
    """`is_odd`: with what only some dialects can say, and with what makes sense to none."""

    def __init__(self, draw: st.DrawFn, *, is_odd: bool) -> None:
        self.draw = draw
        self.is_odd = is_odd
        self._count = 0

    def number(self) -> int:
        self._count += 1
        return self._count

    def text(self) -> str:
        return f"[{self.number()}]{self.draw(_WORDS)}"

    def often(self) -> bool:
        return self.draw(st.booleans())

    def chance(self) -> bool:
        return self.is_odd and self.draw(st.integers(0, 3)) == 0

    def several(self, make: Any, most: int, least: int = 0) -> list[Any]:
        return [make() for _ in range(self.draw(st.integers(least, most)))]

    def one(self, values: Any) -> Any:
        return self.draw(st.sampled_from(values))

    # Parts.

    def words(self) -> Text:
        part = Text(self.one(["", " "]) if self.chance() else self.text())
        if self.is_odd:
            part.cache = self.draw(_CACHES)
        return part

    def data(self) -> str:
        return base64.b64encode(f"[{self.number()}]".encode()).decode()

    def media(self) -> Media:
        if not self.is_odd:
            return Media("image", "image/png", self.data())
        kind = self.one(["image", "image", "document", "audio", "video"])
        media = Media(kind, cache=self.draw(_CACHES))
        where = self.one(["data", "data", "url", "file_id"])
        if where == "data":
            media.mime, media.data = self.one(_MIMES[kind]), self.data()
        elif where == "url":
            media.url = f"https://{kind}.example/{self.number()}"
        else:
            media.file_id = f"file-{self.number()}"
        if kind == "image":
            media.detail = self.one(["", "", "low", "high", "original"])
        if kind == "document":
            media.name, media.wants_citations = self.one(["", self.text()]), self.often()
        return media

    def signature(self) -> Signature:
        return Signature(self.one(DIALECTS), f"proof{self.number()}")

    def thinking(self) -> Thinking:
        if self.often():
            return Thinking(signature=self.signature(), is_redacted=True)
        return Thinking(self.text(), self.signature() if self.often() else None)

    def arguments(self) -> str:
        if self.chance():
            return str(self.one(["", "{", "[]", "7", "{}"]))
        found = {"n": self.number(), self.draw(_WORDS): self.draw(_VALUES)}
        return msgspec.json.encode(found).decode()

    def call(self) -> ToolCall:
        id = f"{self.draw(_ODD_IDS if self.is_odd else _FITTING_IDS)}{self.number()}"
        call = ToolCall(id, self.draw(_ODD_NAMES if self.is_odd else _FITTING_NAMES), self.arguments())
        if self.chance():
            call.is_custom, call.arguments = True, self.text()
        if self.is_odd:
            call.cache = self.draw(_CACHES)
        if self.chance():
            call.signature = self.signature()
        return call

    def result(self, call: ToolCall) -> ToolResult:
        parts: list[Text | Media] = self.several(self.words, 2, 1) if self.is_odd else [self.words()]
        result = ToolResult(call.id, parts, call.name, is_custom=call.is_custom)
        if self.chance():
            parts.append(self.media())
        if self.is_odd:
            result.is_error, result.cache = self.often(), self.draw(_CACHES)
        return result

    def cited(self) -> Text:
        text = self.words()
        raw = Citation(f"https://a.example/{self.number()}", "title", "quote", 0, len(text.text))
        text.citations = [raw]
        return text

    def foreign(self) -> Part:
        raws: dict[str, dict[str, Any]] = {
            "chat": {"type": "odd_part", "n": self.number()},
            "responses": {"type": "item_reference", "id": f"msg_{self.number()}"},
            "messages": {"type": "container_upload", "file_id": f"file_{self.number()}"},
            "generate": {"executableCode": {"language": "PYTHON", "code": f"{self.number()}"}},
        }
        origin = self.one(DIALECTS)
        return Foreign(origin, raws[origin])

    # Messages.

    def system(self) -> Message:
        role: Role = self.one(["system", "developer"]) if self.is_odd else "system"
        return Message(role, self.several(self.words, 2, 1) if self.is_odd else [self.words()])

    def user(self) -> Message:
        said: list[Any] = [Text(self.text())]
        said += self.several(lambda: self.media() if self.often() else self.words(), 2)
        if self.chance():
            said.append(self.foreign())
        return Message("user", said, self.one(["", "ann"]) if self.is_odd else "")

    def assistant(self) -> list[Message]:
        """With the results of its calls; where it is odd some are missing, or nobody asked for them."""
        said: list[Any] = []
        if self.is_odd:
            said += self.several(self.thinking, 2)
            said += self.several(self.cited if self.chance() else self.words, 2)
            said += [Refusal(self.text())] if self.chance() else []
            said += [self.media()] if self.chance() else []
        else:
            said += [self.words()] if self.often() else []
        calls: list[ToolCall] = self.several(self.call, 2, 0 if said else 1)
        results = [self.result(call) for call in calls]
        if self.chance():
            results = results[1:]
        if self.chance():
            results.append(self.result(self.call()))
        messages = [Message("assistant", said + calls)]
        if results and self.often():
            messages.append(Message("tool", [*results]))
        else:
            messages += [Message("tool", [result]) for result in results]
        return messages

    def messages(self) -> list[Message]:
        messages = [self.system()] if self.often() else []
        messages.append(self.user())
        for _ in range(self.draw(st.integers(0, 2))):
            messages += self.assistant()
            messages += [self.system()] if self.chance() else []
            messages += self.several(self.user, 2) if self.is_odd else [self.user()]
        return messages

    # The rest of a turn.

    def tool(self) -> Tool | HostedTool:
        if self.chance():
            raws: dict[str, dict[str, Any]] = {
                "chat": {"search_context_size": "low"},
                "responses": {"type": "web_search", "search_context_size": "low"},
                "messages": {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
                "generate": {"googleSearch": {}},
            }
            origin = self.one(DIALECTS)
            return HostedTool("web_search", origin, raws[origin])
        names = _ODD_NAMES if self.is_odd else _FITTING_NAMES
        tool = Tool(self.draw(names), self.text(), SCHEMA)
        if self.is_odd:
            tool.schema = self.one([None, {}, {"type": "object", "properties": {}}, SCHEMA])
            tool.is_strict, tool.cache = self.draw(_FLAGS), self.draw(_CACHES)
        if self.chance():
            tool.is_custom, tool.schema, tool.is_strict = True, None, None
            tool.format = self.one([None, {"type": "grammar", "syntax": "lark", "definition": self.text()}])
        return tool

    def tools(self) -> list[Tool | HostedTool]:
        found = self.several(self.tool, 3)
        named = {tool.name if isinstance(tool, Tool) else tool.kind: tool for tool in found}
        return list(named.values())

    def output_format(self) -> OutputFormat:
        kind = self.one(["text", "json_object", "json_schema"])
        if kind != "json_schema":
            return OutputFormat(kind)
        return OutputFormat(kind, "answer", self.one(["", self.text()]), SCHEMA, self.draw(_FLAGS))

    def reasoning(self) -> Reasoning:
        efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
        if self.often():
            return Reasoning(self.one(efforts), None, self.draw(_FLAGS))
        return Reasoning(None, self.one([-1, 512, 2000, 9000]), self.draw(_FLAGS))

    def turn(self) -> Turn:
        turn = Turn(model="m", messages=self.messages(), tools=self.tools(), at={}, unknown=[])
        names = [tool.name for tool in turn.tools if isinstance(tool, Tool)]
        makers: dict[str, Any] = {
            "max_output_tokens": lambda: self.one([16, 9000]),
            "temperature": lambda: self.one([0, 0.5, 1]),
            "stop": lambda: [self.text()],
        }
        if names:
            makers["tool_choice"] = lambda: self.choice(names)
        if self.is_odd:
            makers |= self.odd_makers()
        for field, make in makers.items():
            if self.often():
                setattr(turn, field, make())
        if turn.logprobs and self.often():
            turn.top_logprobs = 3
        return turn

    def choice(self, names: list[str]) -> ToolChoice:
        if self.often():
            return ToolChoice(self.one(["auto", "none", "required"]))
        if self.is_odd:
            return ToolChoice(self.one(["auto", "required"]), names[:2])
        return ToolChoice("required", names[:1])

    def odd_makers(self) -> dict[str, Any]:
        return {
            "max_output_tokens": lambda: self.one([1, 9000]),
            "temperature": lambda: self.one([0, 1, 1.7]),
            "stop": lambda: [self.one([" ", self.text()]) for _ in range(self.one([1, 4, 6]))],
            "parallel_tool_calls": self.often,
            "top_p": lambda: self.one([0.1, 1]),
            "top_k": lambda: 5,
            "choices": lambda: self.one([1, 2]),
            "seed": lambda: self.one([7, 2**40]),
            "presence_penalty": lambda: self.one([0, -1.5, 2]),
            "frequency_penalty": lambda: self.one([0, -1.5, 2]),
            "logprobs": lambda: True,
            "output_format": self.output_format,
            "reasoning": self.reasoning,
            "verbosity": lambda: "low",
            "modalities": lambda: self.one([["text"], ["text", "audio"], ["image"]]),
            "audio": lambda: AudioOutput("alloy", "wav"),
            "user": lambda: self.text(),
            "metadata": lambda: {"k": self.text()},
            "service_tier": lambda: self.one(["auto", "default", "flex", "priority"]),
            "cache_key": lambda: self.text(),
            "is_stream": self.often,
        }

    # Answers.

    def answer(self) -> Choice:
        parts: list[Part] = []
        if self.often():
            # Responses keeps the id of its item within its own signatures.
            origin = self.one(["chat", "messages", "generate"])
            parts.append(Thinking(self.text(), Signature(origin, f"proof{self.number()}")))
        if self.often():
            parts.append(Text(self.text()))
        if self.is_odd:
            parts += self.several(self.thinking, 1)
            parts += self.several(self.cited, 2)
            parts += [Media("image", "image/png", self.data())] if self.chance() else []
            parts += [Refusal(self.text())] if self.chance() else []
            parts += [self.foreign()] if self.chance() else []
        calls: list[ToolCall] = self.several(self.call, 2)
        clean: Finish = "tool_calls" if calls else "stop"
        ends: list[Finish] = ["length"] if not calls else []
        if self.is_odd:
            ends = ["length", "content_filter", "pause", "truncated"]
        choice = Choice([*parts, *calls], self.one([clean, clean, *ends]))
        if self.is_odd and any(isinstance(part, Text) for part in parts) and self.often():
            choice.logprobs = [Logprob("a", -0.5, [97], [Logprob("b", -1.5)])]
        return choice

    def reply(self) -> Reply:
        number = st.integers(0, 9)
        usage = Usage(
            input=50 + self.draw(number),
            output=50 + self.draw(number),
            cache_read=self.draw(number),
            cache_write_5m=self.draw(number) if self.is_odd else 0,
            reasoning=self.draw(number),
        )
        choices = self.several(self.answer, 2, 1) if self.is_odd else [self.answer()]
        return Reply(f"id{self.number()}", "m", choices, usage, 1_700_000_000)


@st.composite
def common_turns(draw: st.DrawFn) -> Turn:
    """Of what every dialect carries."""
    return _Drawing(draw, is_odd=False).turn()


@st.composite
def any_turns(draw: st.DrawFn) -> Turn:
    return _Drawing(draw, is_odd=True).turn()


@st.composite
def common_replies(draw: st.DrawFn) -> Reply:
    return _Drawing(draw, is_odd=False).reply()


@st.composite
def any_replies(draw: st.DrawFn) -> Reply:
    return _Drawing(draw, is_odd=True).reply()

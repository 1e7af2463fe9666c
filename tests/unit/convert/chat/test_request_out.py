"""Writing chat requests: OpenAI's own document judges them, and each vendor's manners are kept."""

from typing import Any

import pytest
from tests import openapi_schema
from tests.unit.convert.targets import target

from pronghorn.convert.chat import dialect
from pronghorn.convert.dialect import Losses, Target
from pronghorn.convert.turn import (
    AudioOutput,
    Citation,
    HostedTool,
    Media,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)

ASK = Message("user", [Text("Hi")])
PNG = Media("image", "image/png", "iVBORw0KGgo=", at="$.p")
OPENAI, DEEPSEEK = target("m", vendor="openai"), target("m", vendor="deepseek")
SEARCHER = target("gpt-5-search-api", vendor="openai")
ROUTER = target("m", vendor="openrouter")


def write(turn: Turn, target: Target = OPENAI, lost: list[str] | None = None) -> dict[str, Any]:
    losses = Losses()
    body = dialect.write_request(turn, target, losses)
    assert losses.paths == (lost or [])
    if "openai" in (target.traits or ()):
        openapi_schema.validate("CreateChatCompletionRequest", body)
    return body


def written(
    *messages: Message, target: Target = OPENAI, lost: list[str] | None = None
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = write(Turn(messages=list(messages)), target, lost)["messages"]
    return found


def assistant(*parts: Part) -> Message:
    return Message("assistant", list(parts))


def results(*parts: Part) -> Message:
    return Message("tool", list(parts))


def test_every_field_is_said_in_openais_words() -> None:
    turn = Turn(
        messages=[ASK],
        tools=[
            Tool("f", "Does", {"type": "object"}, True),
            Tool("c", is_custom=True, format={"type": "text"}),
        ],
        is_stream=True,
        tool_choice=ToolChoice("required", ["f"]),
        parallel_tool_calls=False,
        max_output_tokens=100,
        temperature=0.5,
        top_p=0.9,
        stop=["END"],
        choices=2,
        seed=2**53 + 1,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logprobs=True,
        top_logprobs=3,
        output_format=OutputFormat("json_schema", "a", "An a", {"type": "object"}, True),
        reasoning=Reasoning("low"),
        verbosity="low",
        modalities=["text", "audio"],
        audio=AudioOutput("alloy", "wav"),
        user="u",
        metadata={"a": "b"},
        service_tier="flex",
        cache_key="k",
    )
    assert write(turn) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "n": 2,
        "seed": 2**53 + 1,
        "stop": ["END"],
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "logprobs": True,
        "top_logprobs": 3,
        "verbosity": "low",
        "modalities": ["text", "audio"],
        "user": "u",
        "metadata": {"a": "b"},
        "service_tier": "flex",
        "prompt_cache_key": "k",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "a", "description": "An a", "schema": {"type": "object"}, "strict": True},
        },
        "audio": {"voice": "alloy", "format": "wav"},
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "f",
                    "description": "Does",
                    "parameters": {"type": "object"},
                    "strict": True,
                },
            },
            {"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}},
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": False,
        "reasoning_effort": "low",
    }


def test_the_limit_of_output_has_its_older_name_elsewhere() -> None:
    turn = Turn(messages=[ASK], max_output_tokens=5)
    assert write(turn, DEEPSEEK)["max_tokens"] == 5
    assert "max_tokens" not in write(turn, target("m", vendor="azure"))


def test_openai_has_no_top_k() -> None:
    turn = Turn(messages=[ASK], top_k=4, at={"top_k": "$.top_k"})
    assert "top_k" not in write(turn, lost=["$.top_k"])
    assert write(turn, DEEPSEEK)["top_k"] == 4


@pytest.mark.parametrize(
    ("wanted", "effort"),
    [
        (Reasoning("none"), "none"),
        (Reasoning(budget=0), "none"),
        (Reasoning(budget=1024), "low"),
        (Reasoning(budget=8192), "medium"),
        (Reasoning(budget=32768), "high"),
        (Reasoning(budget=-1), None),
        (Reasoning("xhigh", 100), "xhigh"),
    ],
)
def test_budgets_become_efforts(wanted: Reasoning, effort: str | None) -> None:
    assert write(Turn(messages=[ASK], reasoning=wanted)).get("reasoning_effort") == effort


@pytest.mark.parametrize(
    ("wanted", "switch", "lost"),
    [
        (Reasoning("none"), "disabled", []),
        (Reasoning(budget=8192), "enabled", []),
        (Reasoning("high"), "enabled", ["$.reasoning_effort"]),
    ],
)
def test_kimi_is_told_whether_to_think_and_not_how_much(
    wanted: Reasoning, switch: str, lost: list[str]
) -> None:
    turn = Turn(messages=[ASK], reasoning=wanted, at={"reasoning": "$.reasoning_effort"})
    body = write(turn, target("m", vendor="moonshot"), lost)
    assert (body["thinking"], "reasoning_effort" in body) == ({"type": switch}, False)


def test_a_router_takes_budgets_and_openai_shows_no_reasoning() -> None:
    turn = Turn(
        messages=[ASK], reasoning=Reasoning(budget=900, is_shown=True), at={"reasoning": "$.thinking"}
    )
    assert write(turn, ROUTER)["reasoning"] == {"max_tokens": 900, "exclude": False}
    write(turn, OPENAI, lost=["$.thinking"])


@pytest.mark.parametrize(
    ("choice", "openai", "elsewhere", "names"),
    [
        (ToolChoice("auto"), "auto", "auto", ["f", "c"]),
        (ToolChoice("none"), "none", "none", ["f", "c"]),
        (ToolChoice("required"), "required", "required", ["f", "c"]),
        (
            ToolChoice("required", ["c"]),
            {"type": "custom", "custom": {"name": "c"}},
            {"type": "function", "function": {"name": "c"}},
            ["f", "c"],
        ),
        (
            ToolChoice("auto", ["f"]),
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
            "auto",
            ["f"],
        ),
    ],
)
def test_choices_of_tools(choice: ToolChoice, openai: Any, elsewhere: Any, names: list[str]) -> None:
    turn = Turn(messages=[ASK], tools=[Tool("f"), Tool("c", is_custom=True)], tool_choice=choice)
    assert write(turn)["tool_choice"] == openai
    body = write(turn, DEEPSEEK)
    assert body["tool_choice"] == elsewhere
    assert [tool[tool["type"]]["name"] for tool in body["tools"]] == names


def test_a_choice_without_tools_is_not_sent() -> None:
    turn = Turn(messages=[ASK], tool_choice=ToolChoice("required"), at={"tool_choice": "$.tool_choice"})
    assert "tool_choice" not in write(turn, lost=["$.tool_choice"])


def test_searching_the_web_is_an_option_whatever_dialect_asked_for_it() -> None:
    place = {"city": "Oslo", "country": "NO"}
    raw = {
        "type": "web_search_20250305",
        "name": "web_search",
        "max_uses": 3,
        "user_location": {"type": "approximate"} | place,
    }
    turn = Turn(messages=[ASK], tools=[HostedTool("web_search", "messages", raw, "$.tools[0]")])
    options = write(turn, SEARCHER, lost=["$.tools[0].max_uses"])["web_search_options"]
    assert options == {"user_location": {"type": "approximate", "approximate": place}}


@pytest.mark.parametrize(
    ("to", "is_known"),
    [
        (target("gpt-4o-mini-search-preview", vendor="openai"), True),
        (target("sonar", vendor="perplexity"), True),
        (ROUTER, True),
        (target("m"), True),
        (target("gpt-5", vendor="openai"), False),
        (DEEPSEEK, False),
        (target("m", vendor="groq"), False),
        (target("m", vendor="mistral"), False),
    ],
)
@pytest.mark.parametrize("origin", ["chat", "messages"])
def test_who_does_not_search_is_not_asked_to(to: Target, is_known: bool, origin: str) -> None:
    turn = Turn(messages=[ASK], tools=[HostedTool("web_search", origin, {}, "$.search")])
    body = write(turn, to, lost=[] if is_known else ["$.search"])
    assert ("web_search_options" in body, "tools" in body) == (is_known, False)


def test_every_result_is_a_message_and_its_pictures_follow_all_of_them() -> None:
    found = written(
        ASK,
        assistant(ToolCall("a", "shot"), ToolCall("b", "shot", '{"n":1}')),
        results(ToolResult("a", [Text("one"), PNG]), ToolResult("b", [PNG])),
        Message("user", [Text("And?")]),
    )
    assert [message["role"] for message in found] == ["user", "assistant", "tool", "tool", "user", "user"]
    assert found[1]["content"] is None
    assert found[1]["tool_calls"][0]["function"] == {"name": "shot", "arguments": "{}"}
    assert (found[2]["tool_call_id"], found[2]["content"]) == ("a", "one")
    assert found[3]["content"] != ""
    assert [part["type"] for part in found[4]["content"]] == ["text", "image_url", "text", "image_url"]
    assert "a" in found[4]["content"][0]["text"]


def test_a_failed_result_loses_its_mark() -> None:
    calls = assistant(ToolCall("a", "f"))
    failed = ToolResult("a", [Text("no")], is_error=True, at="$.m[1].content[0]")
    assert written(calls, results(failed), lost=["$.m[1].content[0].is_error"])[1]["content"] == "no"


def test_developers_are_systems_elsewhere() -> None:
    message = Message("developer", [Text("Be kind.")])
    assert [found["role"] for found in written(message, ASK)] == ["developer", "user"]
    assert [found["role"] for found in written(message, ASK, target=DEEPSEEK)] == ["system", "user"]


def test_documents_sounds_and_films() -> None:
    pdf = Media("document", "application/pdf", "JVBE", name="a.pdf")
    note = Media("document", "text/plain", "aGVsbG8=", name="n.txt")
    sound = Media("audio", "audio/mpeg", "SUQz")
    film = Media("video", url="https://x/v.mp4", at="$.v")
    remote = Media("audio", url="https://x/a.mp3", at="$.a")
    found = written(
        Message("user", [pdf, note, sound, Media("image", file_id="file-1"), film, remote]),
        lost=["$.v", "$.a"],
    )
    assert found[0]["content"] == [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
        {"type": "text", "text": "n.txt:\n\nhello"},
        {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]
    assert written(Message("user", [film]), target=ROUTER)[0]["content"] == [
        {"type": "video_url", "video_url": {"url": "https://x/v.mp4"}}
    ]


def test_which_media_may_stay_addresses() -> None:
    taken = {
        kind: dialect.takes_url(Media(kind, url="https://x"), OPENAI)
        for kind in ("image", "document", "audio", "video")
    }
    assert taken == {"image": True, "document": False, "audio": False, "video": True}
    assert dialect.takes_url(Media("document", url="https://x"), ROUTER)


def test_cache_marks_go_to_routers_alone() -> None:
    message = Message("system", [Text("Long", cache="1h", at="$.s[0]")])
    turn = Turn(messages=[message], tools=[Tool("f", cache="5m", at="$.tools[0]")])
    body = write(turn, ROUTER)
    mark = {"type": "ephemeral", "ttl": "1h"}
    assert body["messages"][0]["content"] == [{"type": "text", "text": "Long", "cache_control": mark}]
    assert body["tools"][0]["cache_control"] == {"type": "ephemeral"}
    plain = write(turn, OPENAI, lost=["$.s[0].cache_control", "$.tools[0].cache_control"])
    assert plain["messages"][0]["content"] == "Long"


def test_texts_are_one_string_where_lists_are_not_known() -> None:
    message = Message("system", [Text("One."), Text("Two.")])
    assert written(message, target=DEEPSEEK)[0]["content"] == "One.\n\nTwo."
    assert [part["text"] for part in written(message)[0]["content"]] == ["One.", "Two."]


CALL, RESULT = ToolCall("a", "f"), results(ToolResult("a", [Text("1")]))


def test_signed_thinking_goes_back_to_routers_alone() -> None:
    own, foreign = Signature("chat", "sig"), Signature("messages", "other")
    message = assistant(
        Thinking("signed", own, at="$.own"), Thinking("bare"), Thinking("no", foreign, at="$.foreign"), CALL
    )
    found = written(ASK, message, RESULT, target=ROUTER, lost=["$.foreign"])[1]
    assert found["reasoning_details"] == [
        {"type": "reasoning.text", "text": "signed", "index": 0, "signature": "sig", "format": "unknown"},
        {"type": "reasoning.text", "text": "bare", "index": 1},
    ]
    found = written(ASK, message, RESULT, target=DEEPSEEK, lost=["$.own", "$.foreign"])[1]
    assert (found["reasoning_content"], "reasoning_details" in found) == ("bare", False)


@pytest.mark.parametrize("vendor", ["deepseek", "moonshot", "zhipu", "doubao", "qwen", "openrouter", ""])
def test_thinking_of_every_turn_goes_back_to_who_knows_it(vendor: str) -> None:
    found = written(
        ASK,
        assistant(Thinking("one"), CALL),
        RESULT,
        assistant(Thinking("two"), Thinking("three"), Text("A")),
        ASK,
        target=target("m", vendor=vendor),
    )
    assert [message.get("reasoning_content") for message in found] == [
        None,
        "one",
        None,
        "two\n\nthree",
        None,
    ]


@pytest.mark.parametrize("vendor", ["openai", "azure", "groq", "mistral", "perplexity", "cohere"])
def test_thinking_is_lost_where_it_would_be_refused(vendor: str) -> None:
    own = Signature("chat", "sig")
    message = assistant(Thinking("bare", at="$.bare"), Thinking("signed", own, at="$.own"), CALL)
    found = written(ASK, message, RESULT, target=target("m", vendor=vendor), lost=["$.bare", "$.own"])[1]
    assert found.keys() == {"role", "content", "tool_calls"}


@pytest.mark.parametrize(("vendor", "empty"), [("deepseek", ""), ("moonshot", ""), ("zhipu", None)])
def test_who_wants_thinking_back_gets_an_empty_one_where_there_is_none(
    vendor: str, empty: str | None
) -> None:
    messages = (ASK, assistant(CALL), RESULT, assistant(Text("A")), ASK)
    found = written(*messages, target=target("m", vendor=vendor))
    assert [message.get("reasoning_content") for message in found] == [None, empty, None, empty, None]


@pytest.mark.parametrize("model", ["deepseek-chat", "deepseek-ai/DeepSeek-V3.2", "moonshotai/Kimi-K2.6"])
def test_who_wants_thinking_back_is_known_behind_openais_dialect_too(model: str) -> None:
    turn = Turn(
        messages=[ASK, assistant(Thinking("one"), CALL), RESULT, assistant(Text("A")), ASK],
        max_output_tokens=5,
    )
    body = dialect.write_request(turn, target(model, vendor="openai"), Losses())
    assert body["max_tokens"] == 5
    found = [message.get("reasoning_content") for message in body["messages"]]
    assert found == [None, "one", None, "", None]


def test_a_call_keeps_only_the_signature_that_this_dialect_gave() -> None:
    own = ToolCall("a", "f", "{}", signature=Signature("chat", "s1"))
    foreign = ToolCall("b", "f", "{}", signature=Signature("generate", "s2"), at="$.b")
    calls = written(ASK, assistant(own, foreign), target=ROUTER, lost=["$.b.thoughtSignature"])[1][
        "tool_calls"
    ]
    assert calls[0]["extra_content"] == {"google": {"thought_signature": "s1"}}
    assert "extra_content" not in calls[1]


def test_what_the_assistant_made_is_shown_again() -> None:
    found = written(assistant(Text("Here"), PNG), assistant(Media("audio", file_id="audio_1")))
    assert found[1]["content"][1]["type"] == "image_url"
    assert found[2] == {"role": "assistant", "content": None, "audio": {"id": "audio_1"}}
    assert written(assistant(PNG), target=ROUTER)[0]["images"][0]["image_url"]["url"].endswith("iVBORw0KGgo=")
    spoken = Media("audio", "audio/wav", "UklG", transcript="Hello", at="$.a")
    assert written(assistant(spoken), lost=["$.a"])[0]["content"] == "Hello"


def test_refusals_are_text_where_they_have_no_field() -> None:
    message = assistant(Refusal("No."))
    assert written(message) == [{"role": "assistant", "content": None, "refusal": "No."}]
    assert written(message, target=target("m", vendor="groq")) == [{"role": "assistant", "content": "No."}]


def test_citations_of_older_answers_are_lost_by_name() -> None:
    written(assistant(Text("So", [Citation("https://x")], at="$.t")), lost=["$.t"])


def test_empty_messages_stay_messages() -> None:
    assert written(Message("user", []), assistant()) == [
        {"role": "user", "content": ""},
        {"role": "assistant", "content": ""},
    ]


def test_free_text_is_wrapped_for_vendors_that_know_only_objects() -> None:
    called = assistant(ToolCall("a", "c", "ls -l", True))
    tool = Tool("c", is_custom=True, format={"type": "text"}, at="$.tools[0]")
    body = write(Turn(messages=[ASK, called], tools=[tool]), DEEPSEEK, ["$.tools[0].format"])
    function = body["tools"][0]["function"]
    assert (function["name"], function["parameters"]["required"]) == ("c", ["input"])
    assert body["messages"][1]["tool_calls"][0]["function"] == {"name": "c", "arguments": '{"input":"ls -l"}'}


def test_a_mark_on_a_result_goes_to_its_last_text() -> None:
    called, marked = (
        assistant(ToolCall("a", "f")),
        ToolResult("a", [Text("1"), Text("2")], cache="5m", at="$.r"),
    )
    found = written(called, results(marked), target=ROUTER)[1]["content"]
    assert [part.get("cache_control") for part in found] == [None, {"type": "ephemeral"}]
    written(called, results(marked), target=DEEPSEEK, lost=["$.r.cache_control"])

"""The body that the vendor gets: the caller's bytes, and only what is ours put in, so that all parsers agree on it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.unit.relay.making import exchange, peek
from tests.unit.routing.making import CREDENTIAL, HOST, channel

from pronghorn import convert, vendors
from pronghorn.convert.conversion import Conversion
from pronghorn.convert.dialect import Target
from pronghorn.relay import outgoing
from pronghorn.relay.endpoints import BY_NAME
from pronghorn.relay.form import Form
from pronghorn.vendors import ChatVendor, load


def sent(
    body: bytes,
    *,
    upstream: str = "m",
    is_stream: bool = False,
    adjusted: int = 0,
    endpoint: str = "chat",
    **rest: Any,
) -> bytes:
    made = exchange(body, endpoint=endpoint, is_stream=is_stream)
    made.upstream_model = upstream
    made.adjusted_limit = adjusted
    return outgoing.json_body(made, channel(**rest), peek(body))


def members(body: bytes) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = json.loads(body, object_pairs_hook=list)
    return found


PLAIN = b' {"messages": [ {"role":"user","content":"h\\u0069 \xe2\x82\xac"}],\n "model":"m" , "temperature":1.0e0 }\n'
PLAIN_NO_ESCAPES = PLAIN.replace(b"\\u0069", b"i")


def test_nothing_to_change_changes_no_byte() -> None:
    assert sent(PLAIN_NO_ESCAPES) is not None
    assert sent(PLAIN_NO_ESCAPES) == PLAIN_NO_ESCAPES


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","stream":true,"stream_options":{"include_usage":true}}',
        b'{"model":"m","stream":true, "stream_options":{"include_usage":true,"include_obfuscation":false}}',
    ],
)
def test_a_stream_with_usage_changes_no_byte(body: bytes) -> None:
    assert sent(body, is_stream=True) == body


def test_an_alias_replaces_the_model_and_nothing_else() -> None:
    body = b'{"model":"m","big":123456789012345678901234567890,"f":1.10,"e":1E-7,"x":{"model":"inner"},"u":"\\u00e9"}'
    assert (
        sent(body, upstream='vendor/"m"')
        == b'{"model":"vendor/\\"m\\"","big":123456789012345678901234567890,"f":1.10,"e":1E-7,'
        b'"x":{"model":"inner"},"u":"\\u00e9"}'
    )


def test_a_model_from_the_path_is_put_in() -> None:
    assert members(sent(b'{"input":"x"}', endpoint="embeddings")) == [("input", "x"), ("model", "m")]


@pytest.mark.parametrize(
    ("given", "options"),
    [
        (b"", {"include_usage": True}),
        (b',"stream_options":null', {"include_usage": True}),
        (b',"stream_options":{}', {"include_usage": True}),
        (b',"stream_options":{"include_usage":false}', {"include_usage": True}),
        (b',"stream_options":{"include_usage":null,"new":[1]}', {"include_usage": True, "new": [1]}),
        (
            b',"stream_options":{"include_obfuscation":false}',
            {"include_obfuscation": False, "include_usage": True},
        ),
    ],
)
def test_usage_is_asked_for_beside_the_callers_own_options(given: bytes, options: dict[str, Any]) -> None:
    body = b'{"model":"m","stream":true' + given + b"}"
    out = msgspec.json.decode(sent(body, is_stream=True))
    assert out == {"model": "m", "stream": True, "stream_options": options}


@pytest.mark.parametrize(
    ("endpoint", "is_stream"), [("chat", False), ("images_generations", True), ("speech", True)]
)
def test_usage_is_asked_for_only_where_there_is_such_an_option(endpoint: str, is_stream: bool) -> None:
    body = b'{"model":"m","input":"x"}'
    assert sent(body, endpoint=endpoint, is_stream=is_stream) == body


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        (b',"max_tokens":900', {"max_tokens": 50}),
        (b',"max_completion_tokens":900', {"max_completion_tokens": 50}),
        (b',"max_tokens":900,"max_completion_tokens":800', {"max_tokens": 50, "max_completion_tokens": 50}),
        (b"", {"max_completion_tokens": 50}),
        (b',"max_tokens":null', {"max_tokens": None, "max_completion_tokens": 50}),
    ],
)
def test_an_adjusted_limit_goes_into_the_callers_own_fields(given: bytes, limits: dict[str, Any]) -> None:
    out = msgspec.json.decode(sent(b'{"model":"m"' + given + b"}", adjusted=50))
    assert out == {"model": "m"} | limits


def test_without_a_field_of_the_callers_the_vendor_says_which() -> None:
    other = ChatVendor(name="x", base_url="", output_limit="max_tokens")
    assert msgspec.json.decode(sent(b'{"model":"m"}', adjusted=50, vendor=other)) == {
        "model": "m",
        "max_tokens": 50,
    }
    assert msgspec.json.decode(sent(b'{"model":"m"}', adjusted=50, endpoint="completions")) == {
        "model": "m",
        "max_tokens": 50,
    }


AMBIGUOUS = [
    b'{"model":"dear","model":"m"}',
    b'{"mod\\u0065l":"dear","model":"m"}',
    b'{"model":"dear","\\u006d\\u006F\\u0064\\u0065\\u006C":"m"}',
    b'{"model":"m","max_tokens":99999,"max_tokens":5}',
    b'{"model":"m","max_tokens":99999,"max\\u005ftokens":5}',
    b'{"model":"m","max_completion_tokens":99999,"max_completion_tokens":5}',
    b'{"model":"m","n":100,"n":1}',
    b'{"model":"m","stream":true,"stream":false}',
    b'{"model":"m","stream_options":{"a":1},"stream_options":{"include_usage":true}}',
    b'{"model":"m","best_of":20,"best_of":1}',
]


@pytest.mark.parametrize("body", AMBIGUOUS)
def test_of_a_member_that_is_there_twice_only_our_reading_remains(body: bytes) -> None:
    """Another parser may take the first of the two: then it would do what we do not bill."""
    out = members(sent(body))
    names = [name for name, _ in out]
    assert len(set(names)) == len(names)
    ours = peek(body)
    assert dict(out)["model"] == ours.model == "m"
    for name in ("max_tokens", "max_completion_tokens", "n", "stream", "best_of"):
        assert dict(out).get(name) == getattr(ours, name)


@pytest.mark.parametrize(
    "body",
    [
        b'{"Model":"dear","model":"m"}',
        b'{"model":"m","MODEL":"dear"}',
        b'{"model":"m","max_tokens":5,"Max_Tokens":99999}',
        b'{"model":"m","N":100}',
    ],
)
def test_a_member_in_other_letters_does_not_reach_a_parser_that_ignores_case(body: bytes) -> None:
    """Go's encoding/json, which many OpenAI-shaped servers use, takes the last of `model` and `MODEL`."""
    names = [name.lower() for name, _ in members(sent(body))]
    ours = {"model", "max_tokens", "max_completion_tokens", "n", "best_of", "stream", "stream_options"}
    assert all(names.count(name) <= 1 for name in ours)
    assert not any(name != name.lower() and name.lower() in ours for name, _ in members(sent(body)))


@pytest.mark.parametrize(
    ("endpoint", "name", "other"),
    [
        ("images_generations", "size", "SIZE"),
        ("images_generations", "quality", "quality"),
        ("images_edits", "partial_images", "Partial_Images"),
        ("speech", "input", "Input"),
        ("responses_compact", "max_output_tokens", "Max_Output_Tokens"),
    ],
)
def test_nothing_that_says_what_an_endpoint_costs_is_read_otherwise(
    endpoint: str, name: str, other: str
) -> None:
    is_text = name in ("size", "quality", "input")
    dear, cheap = ('"8"', '"4"') if is_text else ("8", "4")
    body = f'{{"model":"m","{other}":{dear},"{name}":{cheap}}}'.encode()
    assert members(sent(body, endpoint=endpoint)) == [("model", "m"), (name, json.loads(cheap))]


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","messages":[{"role":"user","content":"say \\"model\\" twice: \\"model\\""}]}',
        b'{"model":"m","messages":[{"role":"user","content":"na\\u00efve"}]}',
        b'{"model":"m","tools":[{"parameters":{"properties":{"model":{},"n":{},"stream":{},"max_x":{}}}}]}',
    ],
)
def test_a_false_alarm_changes_no_meaning(body: bytes) -> None:
    assert msgspec.json.decode(sent(body)) == msgspec.json.decode(body)


def test_unknown_fields_survive_with_their_bytes() -> None:
    body = b'{"model":"m","tomorrow":{"a":[1.50,-0.0,1e2],"model":"x"},"seed":18446744073709551616}'
    out = sent(body, upstream="u")
    assert b'{"a":[1.50,-0.0,1e2],"model":"x"}' in out
    assert b"18446744073709551616" in out


def test_the_call_has_the_channels_head_and_only_harmless_headers_of_the_caller() -> None:
    headers = {
        b"authorization": b"Bearer sk-caller",
        b"cookie": b"session=1",
        b"x-forwarded-for": b"203.0.113.9",
        b"user-agent": b"app",
        b"openai-beta": b"assistants=v2",
        b"x-title": b"My app",
        b"openai-organization": b"org-1",
    }
    made = exchange(b'{"model":"m"}', headers=headers)
    call = outgoing.build(made, channel(), peek(b'{"model":"m"}'), None)
    lines = call.head.lower().split(b"\r\n")
    assert b"authorization: bearer " + CREDENTIAL.encode() in lines
    assert f"host: {HOST}".encode() in lines
    assert b"content-type: application/json" in lines
    assert {b"openai-beta: assistants=v2", b"x-title: my app"} <= set(lines)
    for secret in (b"sk-caller", b"session=1", b"203.0.113.9", b"org-1", b"user-agent"):
        assert secret not in call.head
    assert call.body == b'{"model":"m"}'


async def test_a_form_is_announced_as_it_came() -> None:
    content_type = b"multipart/form-data; boundary=xyz"
    data = b'--xyz\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--xyz--\r\n'

    async def upload() -> AsyncIterator[bytes]:
        yield data

    made = exchange(b"", endpoint="transcriptions", headers={b"content-type": content_type})
    made.upstream_model = "longer-name"
    form = Form(content_type, upload(), len(data))
    await form.read_ahead()
    call = outgoing.build(made, channel(), peek(b"{}"), form)
    assert b"content-type: " + content_type in call.head.split(b"\r\n")
    assert call.upload is not None
    sent_ = b"".join([part async for part in call.upload])
    form.close()
    assert sent_ == data.replace(b"\r\nm\r\n", b"\r\nlonger-name\r\n")
    assert call.upload_length == len(sent_)


@pytest.mark.parametrize("name", ["deepseek", "ollama", "zhipu", "siliconflow", "perplexity"])
def test_a_limit_has_the_word_that_its_vendor_knows(name: str) -> None:
    vendor = load()[name]
    asked = {"model": "m", "max_completion_tokens": 9}
    assert json.loads(sent(json.dumps(asked).encode(), vendor=vendor)) == {"model": "m", "max_tokens": 9}
    adjusted = sent(json.dumps(asked).encode(), vendor=vendor, adjusted=5)
    assert json.loads(adjusted) == {"model": "m", "max_tokens": 5}
    plain = b'{"model":"m",  "max_tokens":9}'
    assert sent(plain, vendor=vendor) == plain


def test_a_vendors_shape_comes_last_over_names_drops_and_limits() -> None:
    vendor = ChatVendor(
        name="v",
        base_url="",
        renames={"seed": "random_seed"},
        drops=frozenset(("user",)),
        shape=lambda endpoint, body, headers: {"shaped": endpoint, **body},
    )
    body = b'{"model":"m","seed":1,"user":"u"}'
    found = json.loads(sent(body, vendor=vendor, adjusted=9))
    assert found == {"shaped": "chat", "model": "m", "random_seed": 1, "max_tokens": 9}
    body = b'{"generation_config":{"topK":1},"contents":[]}'
    found = json.loads(sent(body, vendor=vendor, endpoint="generate", adjusted=9))
    assert found == {
        "shaped": "generate",
        "contents": [],
        "generationConfig": {"topK": 1, "maxOutputTokens": 9},
    }


@pytest.mark.parametrize(
    ("vendor", "refused"),
    [("groq", ["prompt_cache_key", "metadata", "text.verbosity"]), ("mistral", ["text.verbosity", "user"])],
)
def test_what_a_vendor_refuses_is_named_where_the_caller_said_it(vendor: str, refused: list[str]) -> None:
    body = {"model": "m", "input": "go", "prompt_cache_key": "k", "metadata": {"a": "b"}, "user": "u"}
    made = exchange(json.dumps(body | {"text": {"verbosity": "low"}}).encode(), endpoint="responses")
    dialects, known = convert.load(), vendors.load()
    turn = dialects["responses"].read_request(json.loads(made.incoming.body))
    made.conversion = Conversion(dialects["responses"], dialects["chat"], turn, Target(model="m"))
    made.target = BY_NAME["chat"]
    found = outgoing.build(made, channel(vendor=known[vendor]), peek(b"{}"), None)
    members_ = {"user", "prompt_cache_key", "metadata", "verbosity"}
    assert json.loads(found.body).keys() & members_ == members_ - {name.split(".")[-1] for name in refused}
    assert sorted(made.dropped) == sorted(f"$.{name}" for name in refused)

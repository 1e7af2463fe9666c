"""Claude and Gemini as clouds sell them, with live channels: signed requests, bought tokens, binary streams."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.process import Installation

from pronghorn.sandbox.bedrock.signature import ACCESS_KEY, SECRET_KEY

PLACE = "/v1/projects/p/locations/us-east5"
PRICE = {"input_usd_per_million": "1", "output_usd_per_million": "2"}
HELLO: Any = [{"role": "user", "content": "Hello"}]
OVERLOADED: Any = [{"role": "user", "content": "overloaded"}]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
MODELS = {
    "cloud-bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "cloud-bedrock-key": "anthropic.claude-haiku-4-5-20251001-v1:0",
    "cloud-bedrock-stranger": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "cloud-claude": "claude-sonnet-4-5@20250929",
    "cloud-gemini": "gemini-2.5-flash",
}
GOOD = [name for name in MODELS if name != "cloud-bedrock-stranger"]


def account(sandbox: str) -> str:
    """The JSON key of a service account whose tokens the sandbox sells."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    mail = "gateway@p.iam.gserviceaccount.com"
    return json.dumps({"client_email": mail, "private_key": pem, "token_uri": f"{sandbox}/token"})


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    command = [sys.executable, "-m", "pronghorn", "sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().rstrip(".\n").rpartition(" ")[2]
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture(scope="module")
def cloud(gateway: Installation, sandbox: str) -> Iterator[Installation]:
    google = account(sandbox)
    channels = {
        "cloud-bedrock": ("bedrock", sandbox, f"{ACCESS_KEY}:{SECRET_KEY}"),
        "cloud-bedrock-key": ("bedrock", sandbox, "ABSKexample"),
        "cloud-bedrock-stranger": ("bedrock", sandbox, f"{ACCESS_KEY}:another-secret"),
        "cloud-claude": ("vertex_claude", sandbox + PLACE, google),
        "cloud-gemini": ("vertex", sandbox + PLACE, google),
    }
    made = []
    for model, (vendor, base_url, credential) in channels.items():
        channel = {"name": model, "vendor": vendor, "base_url": base_url, "credentials": [credential]}
        made.append(gateway.manage("POST", "/channels", channel | {"models": {model: MODELS[model]}}))
        gateway.manage("PUT", f"/prices/{model}", PRICE)
    for one in gateway.manage("GET", "/accounts")["items"]:
        gateway.manage("POST", f"/accounts/{one['id']}/adjust", {"amount_usd": "10", "note": "clouds"})
    yield gateway
    for channel in made:
        gateway.manage("DELETE", f"/channels/{channel['id']}")


@pytest.fixture
def claude(cloud: Installation) -> Iterator[anthropic.Anthropic]:
    key = cloud.first["live_key"]
    with anthropic.Anthropic(base_url=cloud.base_url, api_key=key, max_retries=0) as client:
        yield client


@pytest.fixture
def chat(cloud: Installation) -> Iterator[openai.OpenAI]:
    key = cloud.first["live_key"]
    with openai.OpenAI(base_url=f"{cloud.base_url}/v1", api_key=key, max_retries=0) as client:
        yield client


@pytest.mark.parametrize("model", GOOD)
def test_messages_are_answered_whole_and_streamed(claude: anthropic.Anthropic, model: str) -> None:
    whole = claude.messages.create(model=model, max_tokens=200, messages=HELLO)
    assert whole.stop_reason == "end_turn"
    assert whole.usage.output_tokens > 0
    with claude.messages.stream(model=model, max_tokens=200, messages=HELLO) as stream:
        streamed = stream.get_final_message()
    assert text(streamed) == text(whole) != ""
    assert streamed.stop_reason == "end_turn"
    assert streamed.usage.output_tokens == whole.usage.output_tokens


def text(message: anthropic.types.Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


@pytest.mark.parametrize("model", GOOD)
def test_chats_are_answered_whole_and_streamed(chat: openai.OpenAI, model: str) -> None:
    whole = chat.chat.completions.create(model=model, messages=HELLO, max_tokens=200)
    chunks = list(
        chat.chat.completions.create(
            model=model,
            messages=HELLO,
            max_tokens=200,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    told = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert told == whole.choices[0].message.content
    assert told
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage is not None
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens > 0


@pytest.mark.parametrize("model", GOOD)
def test_tools_are_called_through_every_cloud(chat: openai.OpenAI, model: str) -> None:
    tool: Any = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}
    answer = chat.chat.completions.create(
        model=model, messages=HELLO, max_tokens=200, tools=[tool], tool_choice="required"
    )
    calls: Any = answer.choices[0].message.tool_calls
    assert calls[0].function.name == "get_weather"
    assert set(json.loads(calls[0].function.arguments)) == {"city"}


@pytest.mark.parametrize("model", GOOD)
def test_responses_are_answered(chat: openai.OpenAI, model: str) -> None:
    answer = chat.responses.create(model=model, input="Hello", max_output_tokens=200)
    assert answer.status == "completed"
    assert answer.output_text


def test_gemini_on_vertex_needs_no_role_of_the_caller(cloud: Installation) -> None:
    path = "/v1beta/models/cloud-gemini:generateContent"
    body = {"contents": [{"parts": [{"text": "Hello"}]}]}
    status, answer = cloud.call("POST", path, body, cloud.first["live_key"])
    assert status == 200, answer
    assert answer["candidates"][0]["content"]["parts"][0]["text"]


def test_betas_reach_bedrock(claude: anthropic.Anthropic) -> None:
    answer = claude.beta.messages.create(
        model="cloud-bedrock",
        max_tokens=2048,
        messages=HELLO,
        thinking={"type": "enabled", "budget_tokens": 1024},
        betas=["interleaved-thinking-2025-05-14"],
    )
    assert answer.content[0].type == "thinking"


@pytest.mark.parametrize("model", ["cloud-bedrock", "cloud-claude", "cloud-gemini"])
def test_tokens_are_counted_by_the_vendor_or_by_us(claude: anthropic.Anthropic, model: str) -> None:
    assert claude.messages.count_tokens(model=model, messages=HELLO).input_tokens > 0


@pytest.mark.parametrize("model", ["cloud-bedrock", "cloud-claude"])
def test_a_stream_that_the_vendor_breaks_off_ends_in_an_error(
    claude: anthropic.Anthropic, model: str
) -> None:
    with (
        pytest.raises(anthropic.APIError),
        claude.messages.stream(model=model, max_tokens=200, messages=OVERLOADED) as stream,
    ):
        for _ in stream:
            pass


def test_a_wrong_secret_is_the_operators_matter(cloud: Installation, claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.InternalServerError) as refused:
        claude.messages.create(model="cloud-bedrock-stranger", max_tokens=200, messages=HELLO)
    said = str(refused.value.body)
    assert "credential" in said
    assert not [word for word in (ACCESS_KEY, "another-secret", "127.0.0.1", "signature") if word in said]


def test_bedrocks_words_about_a_request_reach_the_caller(claude: anthropic.Anthropic) -> None:
    wrong: Any = [{"role": "nobody", "content": "Hello"}]
    with pytest.raises(anthropic.BadRequestError, match=r"messages\.0\.role"):
        claude.messages.create(model="cloud-bedrock", max_tokens=200, messages=wrong)


def test_a_test_key_reaches_the_sandbox_for_models_of_vertex(cloud: Installation) -> None:
    for model in MODELS:
        body = {"model": model, "messages": HELLO, "max_tokens": 50}
        status, answer = cloud.call("POST", "/v1/chat/completions", body, cloud.first["test_key"])
        assert status == 200, (model, answer)


def test_a_test_key_reaches_every_vendor_of_the_catalogue(cloud: Installation) -> None:
    for model in (
        "command-a-03-2025",
        "glm-4.6",
        "sonar",
        "mistral-large-latest",
        "grok-4",
        "gemini-2.5-flash",
    ):
        body = {"model": model, "messages": HELLO, "max_tokens": 50, "seed": 1}
        status, answer = cloud.call("POST", "/v1/chat/completions", body, cloud.first["test_key"])
        assert status == 200, (model, answer)
    for path, model in (
        ("embeddings", "gemini-embedding-001"),
        ("embeddings", "embed-v4.0"),
        ("rerank", "rerank-v3.5"),
    ):
        body = (
            {"model": model, "input": "x"}
            if path == "embeddings"
            else {"model": model, "query": "a", "documents": ["a"]}
        )
        status, answer = cloud.call("POST", f"/v1/{path}", body, cloud.first["test_key"])
        assert status == 200, (model, answer)

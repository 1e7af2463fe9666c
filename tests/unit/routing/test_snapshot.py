"""What a snapshot knows: tiers of channels, what a key sees, what a mistyped name could have meant."""

import pytest
from tests.unit.routing.making import CREDENTIAL, HOST, channel, grant, model, snapshot

from pronghorn import vendors
from pronghorn.routing.snapshot import spellings
from pronghorn.routing.tier import Tier
from pronghorn.upstream import Origin


def ids(tiers: list[Tier]) -> list[list[str]]:
    return [[known.id for known in tier.channels] for tier in tiers]


def test_tiers_are_by_priority_highest_first_and_by_group() -> None:
    known = snapshot(
        channels=[
            channel("low", priority=-1),
            channel("a", priority=5),
            channel("b", priority=5),
            channel("vip", priority=9, groups=["vip"]),
            channel("both", priority=0, groups=["vip", "default"]),
            channel("other", ["n"], priority=9),
        ]
    )
    assert ids(known.tiers("m", "default")) == [["a", "b"], ["both"], ["low"]]
    assert ids(known.tiers("m", "vip")) == [["vip"], ["both"]]
    assert known.tiers("m", "nobody") == []
    assert known.tiers("unknown", "default") == []


def test_made_up_names_are_not_remembered() -> None:
    known = snapshot(channels=[channel()])
    for number in range(100):
        known.tiers(f"made-up-{number}", "default")
    assert len(known._tiers) == 0


def test_a_live_key_sees_what_a_channel_serves_and_a_test_key_everything() -> None:
    known = snapshot(
        model("m"),
        model("n"),
        model("old", is_retired=True),
        model("nobody-serves"),
        channels=[channel("a", ["m", "old"]), channel("b", ["n"], groups=["vip"])],
    )

    def seen(**fields: object) -> list[str]:
        return [found.name for found in known.visible_models(grant(**fields))]  # type: ignore[arg-type]

    assert seen() == ["m"]
    assert seen(group="vip") == ["n"]
    assert seen(models=["n*"]) == []
    assert seen(mode="test") == ["m", "n", "old", "nobody-serves"]
    assert seen(mode="test", models=["n*"]) == ["n", "nobody-serves"]


@pytest.mark.parametrize(
    ("asked", "similar"),
    [("gpt-4o-minj", "gpt-4o-mini"), ("GPT4o-mini", "gpt-4o-mini"), ("claude-sonet", "claude-sonnet")],
)
def test_similar_names_are_those_that_the_key_may_use(asked: str, similar: str) -> None:
    names = ["gpt-4o", "gpt-4o-mini", "claude-sonnet", "whisper-1"]
    known = snapshot(*map(model, names), channels=[channel("a", names)])
    assert known.similar_names(asked, grant())[0] == similar
    assert known.similar_names(asked, grant(models=["whisper-1"])) == []
    assert known.similar_names("x" * 100_000, grant()) == []


def test_a_channel_says_its_heads_with_credentials_in_turn() -> None:
    known = channel(credentials=["one-secret", "two-secret"], base_path="/base")
    heads = [known.head("chat", "m", known.places(None, 0.0)[0], is_stream=False) for _ in range(4)]
    assert all(head.startswith(b"POST /base/chat/completions HTTP/1.1\r\n") for head in heads)
    assert [b"one-secret" in head for head in heads].count(True) == 2
    assert heads[0] != heads[1]
    assert all(f"host: {HOST}\r\n".encode() in head.lower() for head in heads)
    assert all(head.endswith(b"\r\n") for head in heads)


def test_a_channel_without_a_path_of_its_own_gets_the_vendors() -> None:
    known = channel(origin=Origin(False, "::1", 8080), base_path="")
    assert known.head("embeddings", "m", 0, is_stream=False).startswith(b"POST /v1/embeddings HTTP/1.1\r\n")
    assert b"host: [::1]:8080\r\n" in known.head("embeddings", "m", 0, is_stream=False).lower()
    assert f"authorization: Bearer {CREDENTIAL}\r\n".encode() in known.head("chat", "m", 0, is_stream=False)


def test_a_channel_serves_what_its_vendor_has_a_path_for() -> None:
    assert all(channel().serves(endpoint) for endpoint in vendors.load()["openai"].paths)
    assert not channel().serves("nonsense")


def test_a_channel_without_credentials_asks_without() -> None:
    assert b"authorization" not in channel(credentials=[]).head("chat", "m", 0, is_stream=False).lower()


def test_a_vendor_with_the_model_in_its_path_gets_it_there() -> None:
    known = channel(vendor=vendors.load()["gemini"], base_path="")
    assert known.head("generate", "gemini-3", 0, is_stream=False).startswith(
        b"POST /v1beta/models/gemini-3:generateContent HTTP/1.1\r\n"
    )
    streamed = known.head("generate", "a/b c?x", 0, is_stream=True)
    assert streamed.startswith(
        b"POST /v1beta/models/a%2Fb%20c%3Fx:streamGenerateContent?alt=sse HTTP/1.1\r\n"
    )
    assert f"x-goog-api-key: {CREDENTIAL}\r\n".encode() in streamed


@pytest.mark.parametrize(
    ("vendor", "asked", "target"),
    [
        ("openai", "chat", "chat"),
        ("openai", "messages", "chat"),
        ("openai", "generate", "chat"),
        ("openai", "responses", "responses"),
        ("anthropic", "chat", "messages"),
        ("anthropic", "responses", "messages"),
        ("gemini", "chat", "generate"),
        ("gemini", "messages", "generate"),
        ("openai", "embed_content", "embeddings"),
        ("anthropic", "speech", None),
        ("openai", "count_tokens", None),
    ],
)
def test_a_turn_goes_to_the_dialect_that_the_vendor_speaks(
    vendor: str, asked: str, target: str | None
) -> None:
    assert channel(vendor=vendors.load()[vendor]).target(asked) == target


def test_short_credentials_are_not_looked_for_in_answers() -> None:
    assert channel(credentials=["abc", "long-enough"]).secrets == [b"long-enough", b"bG9uZy1lbm91Z2g="]
    assert spellings(["a/b:cdef"]) == [b"a/b:cdef", b"a%2Fb%3Acdef", b"YS9iOmNkZWY="]

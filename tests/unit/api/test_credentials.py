"""The caller's key: wherever a client may put it, and never from where somebody else could have written it."""

from typing import Any

import pytest
from tests.unit.routing.making import grant

from pronghorn.accounts import keys
from pronghorn.accounts.secrets import Secrets
from pronghorn.api.credentials import Doorkeeper
from pronghorn.errors import AccessDenied, Unauthenticated, Unavailable
from pronghorn.routing import Grant, Snapshot

SECRETS = Secrets(["a-secret-of-this-installation", "an-older-secret-of-it"])
MINE, OTHER, UNKNOWN = (keys.new_key("live").secret for _ in range(3))
AGED = keys.new_key("live").secret
WRONG = MINE[:-1] + ("a" if MINE[-1] != "a" else "b")


def snapshot(**fields: Any) -> Snapshot:
    old_hash = SECRETS.hash_keys[1]
    return Snapshot(
        grants={
            keys.keyed_hash(SECRETS.hash_key, MINE): grant(key_id="mine", **fields),
            keys.keyed_hash(SECRETS.hash_key, OTHER): grant(key_id="other"),
            keys.keyed_hash(old_hash, AGED): grant(key_id="aged"),
        }
    )


def scope(*headers: tuple[str, str], query: str = "", client: str = "203.0.113.9") -> dict[str, Any]:
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return {"headers": pairs, "query_string": query.encode(), "client": (client, 5)}


def admit(
    asked: dict[str, Any], known: Snapshot | None = None, proxies: tuple[str, ...] = (), now_s: float = 0.0
) -> tuple[Grant, str]:
    return Doorkeeper(SECRETS, proxies).admit(known or snapshot(), asked, now_s)


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", f"Bearer {MINE}")],
        [("authorization", f"bearer {MINE}")],
        [("authorization", f"BEARER   {MINE}  ")],
        [("authorization", f"Token {MINE}")],
        [("authorization", f"Key {MINE}")],
        [("authorization", MINE)],
        [("authorization", f" {MINE}\t")],
        [("x-api-key", MINE)],
        [("x-api-key", f"Bearer {MINE}")],
        [("x-goog-api-key", MINE)],
        [("api-key", MINE)],
        [("x-key", MINE)],
        [("xi-api-key", MINE)],
        [("mj-api-secret", MINE)],
        [("sec-websocket-protocol", f"realtime, openai-insecure-api-key.{MINE}, openai-beta.realtime-v1")],
        [("authorization", f"Bearer {MINE}"), ("x-api-key", MINE)],
        [("authorization", f"Bearer {MINE}"), ("authorization", f"Bearer {MINE}")],
        [("authorization", "Bearer sk-no-key-needed"), ("x-api-key", MINE)],
        [("authorization", f"Bearer {UNKNOWN}"), ("x-api-key", MINE)],
        [("authorization", ""), ("x-api-key", MINE)],
        [("authorization", f"Bearer {MINE}"), ("openai-organization", "org-1"), ("openai-project", "p")],
    ],
)
def test_a_key_is_found_wherever_clients_put_it(headers: list[tuple[str, str]]) -> None:
    assert admit(scope(*headers))[0].key_id == "mine"


@pytest.mark.parametrize("query", ["key={}", "alt=sse&key={}", "beta=true&key=%20{}%0A", "key=x&key={}"])
def test_a_key_in_the_query(query: str) -> None:
    assert admit(scope(query=query.format(MINE)))[0].key_id == "mine"


@pytest.mark.parametrize(
    "asked",
    [
        scope(("authorization", f"Bearer {MINE}"), ("x-api-key", OTHER)),
        scope(("authorization", f"Bearer {MINE}"), ("authorization", f"Bearer {OTHER}")),
        scope(("authorization", f"Bearer {MINE}"), query=f"key={OTHER}"),
        scope(query=f"key={MINE}&key={OTHER}"),
    ],
)
def test_two_different_valid_keys_are_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated, match="two different"):
        admit(asked)


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", f"Bearer {WRONG}")],
        [("authorization", f"Bearer {UNKNOWN}")],
        [("authorization", f"Bearer {MINE.lower()}")],
        [("authorization", f"Bearer {MINE} extra")],
        [("authorization", f"Basic {MINE}")],
        [("authorization", "Bearer")],
        [("authorization", "Bearer " + "x" * 100_000)],
        [("x-other", MINE)],
        [("cookie", f"key={MINE}")],
        [("sec-websocket-protocol", MINE)],
        [],
    ],
)
def test_what_is_no_valid_key_is_401(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(Unauthenticated) as refused:
        admit(scope(*headers))
    assert refused.value.status == 401
    assert MINE not in refused.value.message


def test_a_missing_key_and_a_wrong_one_are_told_apart() -> None:
    with pytest.raises(Unauthenticated, match="No valid API key was given"):
        admit(scope())
    with pytest.raises(Unauthenticated, match="mistyped"):
        admit(scope(("authorization", f"Bearer {WRONG}")))


def test_while_the_configuration_cannot_be_read_a_new_key_is_no_wrong_one() -> None:
    """503 for what could be a key made a moment ago; what is no key at all is 401 as ever; known ones go on."""
    stale = snapshot()
    stale.is_stale = True
    with pytest.raises(Unavailable, match="cannot be looked up"):
        admit(scope(("authorization", f"Bearer {UNKNOWN}")), stale)
    with pytest.raises(Unauthenticated, match="not valid here"):
        admit(scope(("authorization", f"Bearer {WRONG}")), stale)
    assert admit(scope(("authorization", f"Bearer {MINE}")), stale)[0].key_id == "mine"


def test_a_query_with_very_many_fields_is_no_fault_of_ours() -> None:
    query = "&".join(f"a{number}=1" for number in range(500)) + f"&key={UNKNOWN}"
    with pytest.raises(Unauthenticated):
        admit(scope(query=query))


def test_keys_of_before_the_rotation_still_open() -> None:
    assert admit(scope(("x-api-key", AGED)))[0].key_id == "aged"


def test_an_expired_key() -> None:
    known = snapshot(expires_s=100.0)
    assert admit(scope(("x-api-key", MINE)), known, now_s=99.0)[0].key_id == "mine"
    with pytest.raises(Unauthenticated, match="expired"):
        admit(scope(("x-api-key", MINE)), known, now_s=100.0)


def test_a_foreign_address() -> None:
    known = snapshot(ips=["203.0.113.0/24"])
    assert admit(scope(("x-api-key", MINE)), known)[1] == "203.0.113.9"
    with pytest.raises(AccessDenied):
        admit(scope(("x-api-key", MINE), client="198.51.100.1"), known)


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "seen"),
    [
        ("198.51.100.7", "203.0.113.9", (), "198.51.100.7"),
        ("198.51.100.7", "203.0.113.9", ("10.0.0.0/8",), "198.51.100.7"),  # not from a proxy of ours: spoofed
        ("10.0.0.1", "203.0.113.9", ("10.0.0.0/8",), "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9", ("10.0.0.0/8",), "203.0.113.9"),  # the caller wrote the first
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", ("10.0.0.0/8",), "203.0.113.9"),
        ("10.0.0.1", "10.0.0.3,10.0.0.2", ("10.0.0.0/8",), "10.0.0.1"),
        ("10.0.0.1", "", ("10.0.0.0/8",), "10.0.0.1"),
        ("10.0.0.1", " , 203.0.113.9 ,", ("10.0.0.1",), "203.0.113.9"),
        ("::1", "2001:db8::9", ("::1", "10.0.0.0/8"), "2001:db8::9"),
        ("::ffff:10.0.0.1", "203.0.113.9", ("10.0.0.0/8",), "203.0.113.9"),  # as a dual-stack socket has it
        ("10.0.0.1", "203.0.113.9", ("::ffff:10.0.0.0/104",), "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9:5678, 10.0.0.2:443", ("10.0.0.0/8",), "203.0.113.9"),
        ("10.0.0.1", "[2001:db8::9]:5678", ("10.0.0.0/8",), "2001:db8::9"),
        ("10.0.0.1", "[2001:db8::9]", ("10.0.0.0/8",), "2001:db8::9"),
        ("10.0.0.1", "203.0.113.9:5678:1", ("10.0.0.0/8",), "10.0.0.1"),
    ],
)
def test_forwarded_addresses_are_believed_of_our_own_proxies_alone(
    peer: str, forwarded: str, proxies: tuple[str, ...], seen: str
) -> None:
    asked = scope(("x-api-key", MINE), ("x-forwarded-for", forwarded), client=peer)
    assert admit(asked, proxies=proxies)[1] == seen


@pytest.mark.parametrize("forwarded", ["x" * 10_000, "unknown", "<script>", "a\xffb", "[]:1", "...:1"])
def test_what_is_forwarded_is_an_address_or_nothing(forwarded: str) -> None:
    """It goes into the usage log, whose column takes 60 characters."""
    asked = scope(("x-api-key", MINE), ("x-forwarded-for", forwarded), client="10.0.0.1")
    assert admit(asked, proxies=("10.0.0.0/8",))[1] == "10.0.0.1"


def test_several_header_lines_are_one_list() -> None:
    asked = scope(
        ("x-api-key", MINE),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-forwarded-for", "203.0.113.9"),
        client="10.0.0.1",
    )
    assert admit(asked, proxies=("10.0.0.0/8",))[1] == "203.0.113.9"


def test_the_quick_way_gives_the_same_answers() -> None:
    known = snapshot(expires_s=100.0)
    asked = scope(("authorization", f"Bearer {MINE}"))
    asked["pronghorn.headers"] = dict(asked["headers"])
    for _ in range(3):
        assert admit(asked, known)[0].key_id == "mine"
    with pytest.raises(Unauthenticated, match="expired"):
        admit(asked, known, now_s=100.0)
    both = scope(("authorization", f"Bearer {MINE}"), ("x-api-key", OTHER))
    both["pronghorn.headers"] = dict(both["headers"])
    with pytest.raises(Unauthenticated, match="two different"):
        admit(both, known)
    for wrong in (WRONG, UNKNOWN):
        asked = scope(("authorization", f"Bearer {wrong}"))
        asked["pronghorn.headers"] = dict(asked["headers"])
        for _ in range(2):
            with pytest.raises(Unauthenticated):
                admit(asked, known)

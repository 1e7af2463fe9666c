"""A wrong key costs nothing to refuse, teaches nothing, and leaves nothing behind."""

import random
import string
import time
from typing import Any

import pytest
from tests.unit.routing.making import grant

from pronghorn.accounts import keys
from pronghorn.accounts.secrets import Secrets
from pronghorn.api.credentials import Doorkeeper
from pronghorn.errors import Unauthenticated
from pronghorn.routing import Grant, Snapshot


class Counted(dict[bytes, Grant]):
    """Grants by their hash, which count how often somebody looks."""

    looks = 0

    def get(self, key: bytes, default: Any = None) -> Any:
        self.looks += 1
        return super().get(key, default)


SECRETS = Secrets(["a-secret-of-this-installation"])
MINE = keys.new_key("live").secret
ALPHABET = string.ascii_letters + string.digits


def door() -> tuple[Doorkeeper, Snapshot, Counted]:
    grants = Counted({keys.keyed_hash(SECRETS.hash_key, MINE): grant(key_id="mine")})
    return Doorkeeper(SECRETS, ()), Snapshot(grants=grants), grants


def knock(doorkeeper: Doorkeeper, snapshot: Snapshot, value: bytes) -> Grant:
    scope = {"headers": [(b"authorization", value)], "query_string": b"", "client": ("203.0.113.9", 1)}
    return doorkeeper.admit(snapshot, scope, 0.0)[0]


def test_a_typo_is_refused_without_a_look_up() -> None:
    doorkeeper, snapshot, grants = door()
    for place in range(3, len(MINE)):
        for wrong in (MINE[:place] + chr(ord(MINE[place]) ^ 1) + MINE[place + 1 :], MINE[:place]):
            with pytest.raises(Unauthenticated, match="mistyped"):
                knock(doorkeeper, snapshot, b"Bearer " + wrong.encode())
    assert grants.looks == 0
    assert knock(doorkeeper, snapshot, b"Bearer " + MINE.encode()).key_id == "mine"
    assert grants.looks == 1


def test_a_right_checksum_alone_opens_nothing() -> None:
    doorkeeper, snapshot, grants = door()
    for _ in range(1_000):
        with pytest.raises(Unauthenticated, match="mistyped"):
            knock(doorkeeper, snapshot, b"Bearer " + keys.new_key("live").secret.encode())
    assert grants.looks == 1_000


def test_ten_thousand_wrong_keys_get_one_message() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chosen = random.Random(seed)
    doorkeeper, snapshot, _ = door()
    begun, messages = time.process_time(), set()
    for number in range(10_000):
        secret = "".join(chosen.choices(ALPHABET, k=chosen.choice((0, 1, 44, 51, 300))))
        if number % 3 == 0:
            body = chosen.choice(("live", "test")) + "".join(chosen.choices(ALPHABET, k=38))
            secret = f"sk-{body}{keys.checksum(body)}"
        scheme = chosen.choice(("Bearer ", "bearer ", "Token ", "Key ", "Basic ", "Bearer Bearer ", ""))
        quote = chosen.choice(("", "'", '"', " ", "\0", "%00", ";--", "é"))
        with pytest.raises(Unauthenticated) as refused:
            knock(doorkeeper, snapshot, f"{scheme}{secret}{quote} x".encode())
        messages.add(refused.value.message)
        assert secret == "" or secret not in refused.value.message or len(secret) < 2
    assert len(messages) == 1
    assert time.process_time() - begun < 10_000 * 0.005
    assert len(snapshot.known_callers) == 0, "what strangers make up is not remembered"


def test_what_is_remembered_of_callers_is_bounded() -> None:
    """One key, written in ever new ways."""
    doorkeeper, snapshot, _ = door()
    for number in range(11_000):
        blanks = f"{number:014b}".replace("0", " ").replace("1", "\t").encode()
        assert knock(doorkeeper, snapshot, b"Bearer " + blanks + MINE.encode()).key_id == "mine"
    assert len(snapshot.known_callers) <= 10_000

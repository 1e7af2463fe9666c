"""Client secrets: they say what they stand for, for a while, to the installation that made them alone."""

import pytest

from pronghorn.accounts.secrets import Secrets
from pronghorn.errors import BadRequest, Unauthenticated
from pronghorn.relay.realtime_secret import ClientSecret, seal, unseal

NOW_S = 1_780_000_000
OURS = Secrets(["one secret of the installation"])
SECRET = ClientSecret("key_1", NOW_S + 600, "gpt-realtime", False, '{"type":"realtime","instructions":"Ü"}')


def test_a_secret_says_what_it_was_made_of() -> None:
    assert unseal(OURS, seal(OURS, SECRET), NOW_S + 599) == SECRET


def test_a_secret_may_stand_in_a_subprotocol() -> None:
    sealed = seal(OURS, SECRET)
    assert sealed.startswith("ek_")
    assert all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in sealed)
    assert "key_1" not in sealed


def test_a_secret_survives_a_change_of_the_installations_own() -> None:
    newer = Secrets(["another secret of the same", "one secret of the installation"])
    assert unseal(newer, seal(OURS, SECRET), NOW_S) == SECRET


def test_a_secret_ends() -> None:
    with pytest.raises(Unauthenticated, match="expired"):
        unseal(OURS, seal(OURS, SECRET), NOW_S + 600)


@pytest.mark.parametrize(
    "text",
    [
        "ek_",
        "ek_" + "A" * 100,
        "ek_\u00e4",
        seal(Secrets(["somebody else's secret"]), SECRET),
        seal(OURS, SECRET)[:-4],
        "ek_" + OURS.seal('["a credential of a channel"]').rstrip("="),
    ],
)
def test_what_we_did_not_make_opens_nothing(text: str) -> None:
    with pytest.raises(Unauthenticated, match="not valid"):
        unseal(OURS, text, NOW_S)


def test_what_would_not_fit_into_a_header_is_not_made() -> None:
    incompressible = "".join(chr(0x4E00 + number * 7 % 20_000) for number in range(8_000))
    with pytest.raises(BadRequest, match=r"session\.update"):
        seal(OURS, ClientSecret("key_1", NOW_S, "m", False, incompressible))

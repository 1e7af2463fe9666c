"""The installation's secret: made once for its owner alone, rotated without losing what was sealed, never shown."""

import stat
from pathlib import Path

import pytest

from pronghorn.accounts import secrets
from pronghorn.accounts.secrets import SecretError, Secrets

OLD, NEW = "old-secret-0123456789", "new-secret-0123456789"


def test_the_first_secret_seals_and_all_open() -> None:
    old, new, both = Secrets([OLD]), Secrets([NEW]), Secrets([NEW, OLD])
    assert both.open(old.seal("before")) == "before"
    assert new.open(both.seal("after")) == "after"
    with pytest.raises(SecretError):
        old.open(both.seal("after"))


def test_rotation_keeps_the_old_keys_at_hand() -> None:
    old, new, both = Secrets([OLD]), Secrets([NEW]), Secrets([NEW, OLD])
    assert both.hash_key == new.hash_key
    assert both.hash_keys == [new.hash_key, old.hash_key]
    assert both.link_keys == new.link_keys + old.link_keys


def test_the_wrong_secret_is_named_as_the_reason() -> None:
    with pytest.raises(SecretError, match="PRONGHORN_SECRET"):
        Secrets([NEW]).open(Secrets([OLD]).seal("x"))


@pytest.mark.parametrize("sealed", ["", "rubbish", "gAAAAA=="])
def test_damaged_seals_are_refused(sealed: str) -> None:
    with pytest.raises(SecretError):
        Secrets([NEW]).open(sealed)


def test_a_seal_does_not_show_its_text_and_two_differ() -> None:
    vault = Secrets([NEW])
    assert vault.seal("sk-upstream") != vault.seal("sk-upstream")
    assert "sk-upstream" not in vault.seal("sk-upstream")


def test_short_secrets_are_refused_with_a_way_out() -> None:
    with pytest.raises(SecretError, match="openssl rand"):
        Secrets(["short"])
    with pytest.raises(SecretError, match="16 characters"):
        Secrets([NEW, "short"])


@pytest.mark.parametrize("text", [str, repr])
def test_repr_hides(text: type[str]) -> None:
    shown = text(Secrets([NEW, OLD]))
    assert NEW not in shown
    assert OLD not in shown
    assert shown == "Secrets(***)"


def test_the_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    first = secrets.load("", data)
    path = data / "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert len(text) == 64
    assert secrets.load("", data).open(first.seal("x")) == "x"
    assert path.read_text() == text


def test_two_installations_have_two_secrets(tmp_path: Path) -> None:
    assert secrets.load("", tmp_path / "a").hash_key != secrets.load("", tmp_path / "b").hash_key


def test_configured_secrets_win_and_blanks_around_them_do_not_count(tmp_path: Path) -> None:
    found = secrets.load(f" {NEW} , {OLD},", tmp_path)
    assert found.hash_key == Secrets([NEW]).hash_key
    assert not (tmp_path / "secret").exists()


def test_a_configuration_without_any_secret_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SecretError):
        secrets.load(" , ", tmp_path)


def test_an_empty_secret_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n")  # as a crash between making and writing it leaves it
    with pytest.raises(SecretError):
        secrets.load("", tmp_path)

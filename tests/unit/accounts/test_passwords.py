"""Passwords: only the right one opens, and a user without one cannot log in with any."""

from pronghorn.accounts import passwords


def test_only_the_right_password_opens() -> None:
    stored = passwords.hash_password("correct horse battery")
    assert "correct" not in stored
    assert passwords.is_right(stored, "correct horse battery")
    assert not passwords.is_right(stored, "correct horse batterz")


def test_no_password_opens_a_user_without_one() -> None:
    assert not passwords.is_right(passwords.NO_PASSWORD, "")
    assert not passwords.is_right("rubbish", "anything")


def test_new_passwords_are_long_and_differ() -> None:
    made = {passwords.new_password() for _ in range(50)}
    assert len(made) == 50
    assert min(len(password) for password in made) >= passwords.MIN_CHARACTERS

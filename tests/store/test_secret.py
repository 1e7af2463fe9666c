"""Whose secret an installation has: that of whoever started first, also where nothing else was sealed yet."""

import asyncio
from pathlib import Path

import pytest

from pronghorn.accounts import secrets
from pronghorn.accounts.secrets import SecretError, Secrets
from pronghorn.store import Database


async def test_of_two_first_starts_at_once_one_gives_the_secret(database: Database, tmp_path: Path) -> None:
    """Each with a data folder of its own: keys that one makes, the other would not know."""
    starts = [secrets.of_installation(database, "", tmp_path / name) for name in ("a", "b")]
    found = await asyncio.gather(*starts, return_exceptions=True)
    assert [type(one) for one in found if not isinstance(one, Secrets)] == [SecretError]


async def test_a_later_start_needs_the_secret_of_the_first(database: Database, tmp_path: Path) -> None:
    first = await secrets.of_installation(database, "", tmp_path / "a")
    with pytest.raises(SecretError, match="PRONGHORN_SECRET"):
        await secrets.of_installation(database, "", tmp_path / "b")
    assert not (tmp_path / "b").exists()
    with pytest.raises(SecretError, match="is not the one that sealed it"):
        await secrets.of_installation(database, "another-secret-of-some-length", tmp_path / "b")
    text = (tmp_path / "a" / "secret").read_text()
    again = await secrets.of_installation(database, f"a-newer-secret-of-some-length,{text}", tmp_path / "b")
    assert again.open(first.seal("x")) == "x"

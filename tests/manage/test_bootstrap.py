"""The first secrets: the same on every start for as long as they are valid."""

import json
import stat
from pathlib import Path

import pytest
from tests.manage.installed import Manage

from pronghorn.manage import bootstrap
from pronghorn.manage.bootstrap import Bootstrapped

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _again(manage: Manage) -> Bootstrapped:
    gateway = manage.gateway
    return await bootstrap.ensure(gateway.database, gateway.secrets, manage.clock, gateway.settings)


async def test_a_later_start_finds_the_same_and_forgets_what_was_revoked(manage: Manage) -> None:
    assert await _again(manage) == manage.first
    (account,) = await manage.items("/accounts")
    keys = {key["mode"]: key["id"] for key in await manage.items(f"/keys?account_id={account['id']}")}
    await manage.delete(f"/keys/{keys['live']}")
    await manage.patch(f"/keys/{keys['test']}", disabled=True)
    assert (await _again(manage)).live_key is None
    assert (await _again(manage)).test_key is None
    await manage.patch(f"/keys/{keys['test']}", disabled=False)
    assert (await _again(manage)).test_key == manage.first.test_key
    (user,) = await manage.items("/users")
    await manage.patch(f"/users/{user['id']}", password="another pass word", email="root@example.com")
    later = await _again(manage)
    assert (later.admin_password, later.admin_email) == (None, "root@example.com")
    (token,) = await manage.items("/tokens")
    await manage.delete(f"/tokens/{token['id']}")
    assert (await _again(manage)).admin_token is None


async def test_no_first_secret_lies_open_in_the_data_folder_or_in_a_repr(manage: Manage) -> None:
    secrets = [manage.first.admin_password, manage.first.admin_token, manage.first.live_key]
    for path in manage.gateway.settings.data.rglob("*"):
        content = b"" if path.is_dir() else path.read_bytes()
        assert all(secret is not None and secret.encode() not in content for secret in secrets), path
    assert all(str(secret) not in repr(manage.first) for secret in secrets)


async def test_the_file_for_scripts_is_the_owners_alone(manage: Manage, tmp_path: Path) -> None:
    path = tmp_path / "first.json"
    path.write_text("of before")
    path.chmod(0o644)
    bootstrap.write_file(path, manage.first, base_url="http://127.0.0.1:1", console_url="http://127.0.0.1:1/")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(json.loads(path.read_text())) == [
        "admin_email",
        "admin_password",
        "admin_token",
        "base_url",
        "console_url",
        "live_key",
        "test_key",
    ]
    assert list(tmp_path.iterdir()) == [path]

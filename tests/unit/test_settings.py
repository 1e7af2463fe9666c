"""Settings: defaults, then TOML, then the environment, then the command line; each one explained, each fault named."""

import ast
from pathlib import Path
from typing import Any

import pytest

from pronghorn import settings as module
from pronghorn.settings import Settings, SettingsError, environment_for, load
from pronghorn.store import Database


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.__struct_fields__:
        monkeypatch.delenv(f"PRONGHORN_{field.upper()}", raising=False)


def toml(folder: Path, text: str) -> Path:
    path = folder / "pronghorn.toml"
    path.write_text(text)
    return path


def test_the_defaults_suit_one_machine() -> None:
    found = load()
    assert found == Settings()
    assert (found.host, found.port, found.data) == ("127.0.0.1", 8400, Path("data"))
    assert found.resolved_database_url == f"sqlite+aiosqlite:///{Path('data').resolve()}/pronghorn.db"


def test_each_layer_wins_over_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = toml(tmp_path, 'host = "from-toml"\nport = 1\ndrain_s = 5')
    assert (load(config).host, load(config).port, load(config).drain_s) == ("from-toml", 1, 5.0)
    monkeypatch.setenv("PRONGHORN_PORT", "2")
    assert (load(config).host, load(config).port) == ("from-toml", 2)
    assert load(config, port=3, host=None).port == 3


def test_every_setting_can_come_from_toml(tmp_path: Path) -> None:
    text = """
host = "h"
port = 1
data = "/srv/pronghorn"
database_url = "postgresql://u@h/n"
secret = "s"
sandbox_url = "http://127.0.0.1:1"
public_url = "https://x.example"
trusted_proxies = ["10.0.0.0/8"]
max_body_bytes = 2048
allow_unpriced = true
low_balance = "refuse"
"""
    found = load(toml(tmp_path, text))
    assert (found.data, found.trusted_proxies) == (Path("/srv/pronghorn"), ("10.0.0.0/8",))
    assert (found.allow_unpriced, found.low_balance) == (True, "refuse")
    assert found.resolved_database_url == "postgresql+asyncpg://u@h/n"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("PORT", "9000", 9000),
        ("DATA", "/srv/data", Path("/srv/data")),
        ("ALLOW_UNPRICED", "true", True),
        ("ALLOW_UNPRICED", "0", False),
        ("DRAIN_S", "1.5", 1.5),
        ("TRUSTED_PROXIES", "10.0.0.0/8,::1", ("10.0.0.0/8", "::1")),
        ("TRUSTED_PROXIES", "10.0.0.0/8, ::1", ("10.0.0.0/8", "::1")),
        ("TRUSTED_PROXIES", "", ()),
        ("SECRET", "one,two", "one,two"),
    ],
)
def test_the_environment(name: str, text: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"PRONGHORN_{name}", text)
    assert getattr(load(), name.lower()) == value


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("prot = 1", "prot"),
        ('port = "many"', "port"),
        ("port = 70000", "port"),
        ("drain_s = 0", "drain_s"),
        ("max_body_bytes = 5", "max_body_bytes"),
        ('trusted_proxies = "10.0.0.0/8"', "trusted_proxies"),
        ("host = [1]", "host"),
        ('low_balance = "maybe"', "low_balance"),
        ("port = ", "TOML"),
        ("drain_s = inf", "drain_s"),
        ("credit_wait_s = inf", "credit_wait_s"),
        ("probe_s = nan", "probe_s"),
        ('trusted_proxies = ["10.0.0.1", "foo"]', "trusted_proxies: 'foo'"),
        ('fetch_allow = ["10.0.0.0/99"]', "fetch_allow: '10.0.0.0/99'"),
        ('public_url = "ai.example.com"', "public_url must be"),
        ('public_url = "https://"', "public_url must be"),
        ('public_url = "http://[::1"', "public_url must be"),
        ('sandbox_url = "http://host:abc"', "sandbox_url must be"),
        ('epay_url = "pay.example"', "epay_url must be"),
        ('stripe_api_base = "ftp://x"', "stripe_api_base must be"),
        ('database_url = "pronghorn.db"', "database_url must start with"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load(toml(tmp_path, text))


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    config = tmp_path / "pronghorn.toml"
    config.write_bytes('host = "größe"'.encode("latin-1"))
    with pytest.raises(SettingsError, match="pronghorn.toml is not UTF-8"):
        load(config)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nowhere.toml"):
        load(tmp_path / "nowhere.toml")


def test_a_bad_value_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRONGHORN_PORT", "many")
    with pytest.raises(SettingsError, match="port"):
        load()


@pytest.mark.parametrize(
    ("url", "resolved"),
    [
        ("sqlite:////srv/x.db", "sqlite+aiosqlite:////srv/x.db"),
        ("postgresql://u:p@h:5/n", "postgresql+asyncpg://u:p@h:5/n"),
        ("postgresql+asyncpg://h/n", "postgresql+asyncpg://h/n"),
        ("postgres://u:p@h:5/n", "postgresql+asyncpg://u:p@h:5/n"),
        ("postgresql://u:p%40/?@h/n?sslmode=require", "postgresql+asyncpg://u:p%40/?@h/n?ssl=require"),
        ("postgresql+asyncpg://[::1]:5/n?ssl=disable", "postgresql+asyncpg://[::1]:5/n?ssl=disable"),
        ("postgresql://u@/n?host=/run/pg&port=6", "postgresql+asyncpg://u@/n?host=/run/pg&port=6"),
        ("postgresql:///n?host=a:1&host=b:2", "postgresql+asyncpg:///n?host=a:1&host=b:2"),
    ],
)
def test_database_urls(url: str, resolved: str) -> None:
    assert Settings(database_url=url).resolved_database_url == resolved


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("mysql://root:hunter2@db/x", "must start with"),
        ("sqlite://hunter2.db", "must start with sqlite:///"),
        ("sqlite:///", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("root:hunter2@db/x", "must start with"),
        ("postgresql://root:hunter2@db:abc/x", "port"),
        ("postgresql://root:hunter2/x", "port"),
        ("postgresql://root:hunter2@[::1]:70000/x", "port"),
        ("postgresql://root:hunter2@db/x?channel_binding=require", "leave out channel_binding"),
        ("postgresql://root:hunter2@db/x?sslmode=hunter2", "sslmode must be one of .*require"),
    ],
)
def test_another_database_is_refused_without_its_password(url: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named) as refused:
        load(database_url=url)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("name", ["plain", "with space é中", "q?x=1", "p%41r", "h#sh", "at@x:y"])
def test_the_database_is_inside_the_data_folder_whatever_that_is_called(tmp_path: Path, name: str) -> None:
    found = Database(Settings(data=tmp_path / name).resolved_database_url)
    assert found.file == tmp_path / name / "pronghorn.db"


def test_a_child_has_what_is_secret_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRONGHORN_DATABASE_URL", "sqlite:///other.db")
    found = environment_for(load(database_url="postgresql://u:p@h/n", smtp_password="letters"))
    assert found["PRONGHORN_DATABASE_URL"] == "postgresql://u:p@h/n"
    assert found["PRONGHORN_SMTP_PASSWORD"] == "letters"
    assert "PRONGHORN_SECRET" not in found
    assert "PATH" in found


def test_settings_do_not_change() -> None:
    with pytest.raises(AttributeError):
        Settings().port = 1  # type: ignore[misc]


def test_every_setting_has_a_line_that_explains_it() -> None:
    tree = ast.parse(Path(module.__file__).read_text())
    (found,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    explained = set()
    for field, after in zip(found.body, found.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if is_text and isinstance(after.value.value, str) and after.value.value.endswith("."):  # type: ignore[attr-defined]
                explained.add(field.target.id)
    assert explained == set(Settings.__struct_fields__)

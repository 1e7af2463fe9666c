"""The installation's secret and what is derived from it: hashes of keys and the vault for vendor credentials.

`PRONGHORN_SECRET` holds comma-separated secrets, the first is current, the others still open what they closed.
Without it the secret lives in `<data>/secret`, readable by its owner alone.
"""

import base64
import contextlib
import os
import secrets as random_source
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import select, text

from pronghorn.settings import SettingsError
from pronghorn.store import Database, Tx
from pronghorn.store.models import Bootstrap, Channel, Meta

MIN_SECRET_CHARACTERS = 16
_SEALED = "sealed"
_FIRST_SEALED = text("INSERT INTO meta (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING")


class SecretError(SettingsError):
    """The installation's secret is missing, too short, or not the one that sealed the data."""


class Secrets:
    """Derived keys: `hash_keys` for API keys and tokens, `link_keys` for signed addresses, and the vault's own.

    The first of each makes what is new; what any of them has made is good.
    """

    def __init__(self, secrets: list[str]) -> None:
        if not secrets:
            raise SecretError(
                "the installation has no secret: PRONGHORN_SECRET or the data folder's `secret` file is empty; "
                "restore the one that sealed the data, or make a new installation"
            )
        for secret in secrets:
            if len(secret) < MIN_SECRET_CHARACTERS:
                raise SecretError(
                    f"each secret in PRONGHORN_SECRET needs at least {MIN_SECRET_CHARACTERS} characters; "
                    "make one with: openssl rand -hex 32"
                )
        self.hash_keys = [_derive(secret, b"keys") for secret in secrets]
        self.hash_key = self.hash_keys[0]
        self.link_keys = [_derive(secret, b"links") for secret in secrets]
        self._vault = MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(s, b"vault"))) for s in secrets])

    def seal(self, text: str) -> str:
        return self.seal_bytes(text.encode())

    def open(self, sealed: str) -> str:
        """Raises `SecretError` if another secret sealed it."""
        return self.open_bytes(sealed).decode()

    def seal_bytes(self, data: bytes) -> str:
        return self._vault.encrypt(data).decode()

    def open_bytes(self, sealed: str) -> bytes:
        """Raises `SecretError` if another secret sealed it."""
        try:
            return self._vault.decrypt(sealed.encode())
        except InvalidToken as error:
            raise SecretError(
                "what is stored cannot be opened: PRONGHORN_SECRET (or the data folder's `secret` file) "
                "is not the one that sealed it; give the installation its own secret again"
            ) from error

    def __repr__(self) -> str:
        return "Secrets(***)"


async def of_installation(database: Database, configured: str, data: Path) -> Secrets:
    """Those that open what the database holds, made at the first start of all. Raises `SecretError`."""
    async with database.read() as tx:
        sealed = await sealed_text(tx)
    if sealed is None:
        return await _first(database, load(configured, data))
    path = data / "secret"
    if not configured and not path.exists():
        raise SecretError(
            f"{path} does not exist, and the database holds what the installation's secret has sealed; "
            "set PRONGHORN_SECRET to that secret, or restore the file"
        )
    found = load(configured, data)
    found.open(sealed)
    return found


async def _first(database: Database, found: Secrets) -> Secrets:
    """Of several that start at once on one database, only one lays down whose secret is the installation's."""
    async with database.write() as tx:
        await tx.execute(_FIRST_SEALED, {"name": _SEALED, "value": found.seal("")})
        sealed = await sealed_text(tx)
    if sealed is not None:
        found.open(sealed)
    return found


async def sealed_text(tx: Tx) -> str | None:
    """Something that only the installation's secret opens; None before its first start."""
    first = await tx.scalar(select(Bootstrap.sealed).limit(1))
    # Where every server was started by `serve`, there is no bootstrap.
    first = first or await tx.scalar(select(Channel.credentials).limit(1))
    return first or await tx.scalar(select(Meta.value).where(Meta.name == _SEALED))


def load(configured: str, data: Path) -> Secrets:
    """The configured secrets, or those of the data folder, made at first start."""
    if configured:
        return Secrets([part.strip() for part in configured.split(",") if part.strip()])
    path = data / "secret"
    if not path.exists():
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Written aside and then linked: a crash in between leaves no empty secret, a race no second one.
        draft = data / f".secret.{os.getpid()}"
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(random_source.token_hex(32))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return Secrets([part.strip() for part in path.read_text().split(",") if part.strip()])


def _derive(secret: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"pronghorn " + purpose).derive(
        secret.encode()
    )

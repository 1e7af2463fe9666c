"""Issuing: how a key is made, changed and ended, at whatever door: each with its audit row and a new revision."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, insert, update

from pronghorn.accounts import keys
from pronghorn.accounts.act import Act
from pronghorn.accounts.secrets import Secrets
from pronghorn.kit.ids import new_id
from pronghorn.ledger import pots
from pronghorn.store import Tx, revision
from pronghorn.store.models import Key


async def issue(
    tx: Tx,
    act: Act,
    secrets: Secrets,
    account_id: str,
    mode: keys.Mode,
    columns: Mapping[str, Any],
    told: Mapping[str, Any],
) -> tuple[str, str]:
    """Gives its id, and the key this once. `told`: what the audit says of it, but for what is None."""
    made, key_id = keys.new_key(mode), new_id("key")
    row = {"is_strict": False, **columns}
    await tx.execute(
        insert(Key).values(
            id=key_id,
            account_id=account_id,
            mode=mode,
            hint=made.hint,
            hash=keys.keyed_hash(secrets.hash_key, made.secret),
            spent=0,
            is_disabled=False,
            created_ms=act.now_ms,
            **row,
        )
    )
    given = {name: value for name, value in told.items() if value is not None}
    await act.record(tx, "key.create", key_id, account_id=account_id, mode=mode, **given)
    await revision.bump(tx)
    return key_id, made.secret


async def change(tx: Tx, act: Act, key_id: str, columns: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    if not columns:
        return
    if columns.get("budget") is not None:
        await pots.recount(tx, key_id)
    await tx.execute(update(Key).where(Key.id == key_id).values(columns))
    await act.record(tx, "key.change", key_id, **told)
    await revision.bump(tx)


async def revoke(tx: Tx, act: Act, key: Any) -> None:
    """It is gone for good; its ledger entries and usage log stay."""
    await tx.execute(delete(Key).where(Key.id == key.id))
    detail = {"account_id": key.account_id, "name": key.name, "hint": key.hint}
    if gone := await pots.remove_budgets(tx, "key", key.id):
        detail["budgets"] = ", ".join(gone)
    await act.record(tx, "key.revoke", key.id, **detail)
    await revision.bump(tx)

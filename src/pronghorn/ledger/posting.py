"""Posting: move records from the journal into the database, each exactly once.

A batch of records, what they change and how far the segment is read are one transaction, so that a crash in
between repeats nothing and forgets nothing. The request's id is unique too, as a second lock on the same door.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from pronghorn.kit.clock import Clock
from pronghorn.ledger import journal
from pronghorn.ledger.journal import Record, Segment
from pronghorn.ledger.prices import explain
from pronghorn.ledger.repository import account_book
from pronghorn.store import Database, Tx
from pronghorn.store.models import Entry, JournalCursor, Key, Lease, Request, Wallet

BATCH = 500


async def post_all(database: Database, folder: Path, clock: Clock) -> int:
    """Post what there is in every segment, and delete those that are done. Gives the number of records.

    The last segment of a server may still be written to: it stays.
    """
    total = 0
    found = journal.segments(folder)
    for index, segment in enumerate(found):
        total += await _post_segment(database, segment, clock)
        successor = found[index + 1] if index + 1 < len(found) else None
        if successor is not None and successor.server == segment.server:
            await _forget(database, segment)
    return total


async def post_dead(database: Database, folder: Path, clock: Clock, server: str, before_epoch: int) -> int:
    """Post and delete what former lives of `server` left; nobody writes to those segments any more."""
    total = 0
    for segment in journal.segments(folder):
        if segment.server == server and segment.epoch < before_epoch:
            total += await _post_segment(database, segment, clock)
            await _forget(database, segment)
    return total


async def _post_segment(database: Database, segment: Segment, clock: Clock) -> int:
    """Gives the number of records posted here, once there is nothing left to post."""
    total = 0
    while (count := await _post_batch(database, segment, clock)) is not None:
        total += count
    return total


async def _post_batch(database: Database, segment: Segment, clock: Clock) -> int | None:
    """None: nothing is left. 0: another worker was faster, look again."""
    name = segment.path.name
    cursor = select(JournalCursor.position).where(JournalCursor.segment == name)
    async with database.read() as tx:
        position = await tx.scalar(cursor) or 0
    batch = list(journal.read(segment, position, BATCH))
    if not batch:
        return None
    async with database.write() as tx:
        if (await tx.scalar(cursor.with_for_update()) or 0) != position:
            return 0
        await _apply(tx, segment, [record for record, _ in batch], int(clock.now() * 1000))
        await _move_cursor(tx, name, batch[-1][1], is_new=position == 0)
    return len(batch)


async def _apply(tx: Tx, segment: Segment, records: list[Record], now_ms: int) -> None:
    insert: Any = sqlite_insert if tx.dialect.name == "sqlite" else postgresql_insert
    rows = [_request_row(record, now_ms) for record in records]
    kept = await tx.execute(insert(Request).on_conflict_do_nothing().returning(Request.id), rows)
    new_ids = set(kept.scalars())
    new = {record.id: record for record in records if record.id in new_ids}.values()
    entries = [entry for record in new for entry in _entry_rows(record)]
    if entries:
        await tx.execute(insert(Entry), entries)
    await _move_money(tx, segment, new)


async def _move_money(tx: Tx, segment: Segment, records: Any) -> None:
    by_purse: dict[tuple[str, str], int] = defaultdict(int)
    by_key: dict[str, int] = defaultdict(int)
    for record in records:
        if record.charge:
            by_purse[record.account_id, record.mode] += record.charge
            by_key[record.key_id] += record.charge
    for (account_id, mode), charge in sorted(by_purse.items()):
        await tx.execute(
            update(Lease)
            .where(
                Lease.account_id == account_id,
                Lease.mode == mode,
                Lease.server == segment.server,
                Lease.epoch == segment.epoch,
            )
            .values(amount=Lease.amount - charge)
        )
        await tx.execute(
            update(Wallet)
            .where(Wallet.account_id == account_id, Wallet.mode == mode)
            .values(spent=Wallet.spent + charge)
        )
    for key_id, charge in sorted(by_key.items()):
        await tx.execute(update(Key).where(Key.id == key_id).values(spent=Key.spent + charge))


async def _move_cursor(tx: Tx, segment: str, position: int, *, is_new: bool) -> None:
    if is_new:
        insert: Any = sqlite_insert if tx.dialect.name == "sqlite" else postgresql_insert
        await tx.execute(insert(JournalCursor).values(segment=segment, position=position))
    else:
        await tx.execute(
            update(JournalCursor).where(JournalCursor.segment == segment).values(position=position)
        )


async def _forget(database: Database, segment: Segment) -> None:
    """The file first: a cursor without a file is harmless, a file without its cursor would be posted again."""
    segment.path.unlink(missing_ok=True)
    async with database.write() as tx:
        await tx.execute(delete(JournalCursor).where(JournalCursor.segment == segment.path.name))


def _request_row(record: Record, now_ms: int) -> dict[str, Any]:
    usage = {name: getattr(record.usage, name) for name in record.usage.__struct_fields__}
    kept = {name: value for name, value in usage.items() if value or name in ("input", "output")}
    return {
        "id": record.id,
        "created_ms": record.created_ms,
        "mode": record.mode,
        "account_id": record.account_id,
        "key_id": record.key_id,
        "group_name": record.group_name,
        "endpoint": record.endpoint,
        "model": record.model,
        "upstream_model": record.upstream_model or None,
        "channel_id": record.channel_id or None,
        "is_stream": record.is_stream,
        "status": record.status,
        "end_reason": record.end_reason,
        "finish": record.finish or None,
        "error": record.error,
        "usage": kept,
        "hold": record.hold,
        "cost": record.charge,
        "shortfall": record.shortfall,
        "first_byte_ms": record.first_byte_ms if record.first_byte_ms >= 0 else None,
        "duration_ms": record.duration_ms,
        "upstream_request_id": record.upstream_request_id or None,
        "client_ip": record.client_ip,
        "attempts": [
            {"channel": a.channel_id, "status": a.status, "error": a.error, "duration_ms": a.duration_ms}
            for a in record.attempts
        ],
        "explain": explain(record.lines, record.factor_ppm),
        "posted_ms": now_ms,
    }


def _entry_rows(record: Record) -> list[dict[str, Any]]:
    common = {"created_ms": record.created_ms, "mode": record.mode, "credit": "revenue", "note": ""}
    rows = []
    if record.charge:
        rows.append(
            common
            | {
                "kind": "charge",
                "debit": account_book(record.account_id),
                "amount": record.charge,
                "reference": f"charge:{record.id}",
            }
        )
    if record.shortfall:
        rows.append(
            common
            | {
                "kind": "shortfall",
                "debit": "shortfall",
                "amount": record.shortfall,
                "reference": f"shortfall:{record.id}",
            }
        )
    return rows

"""The journal: one append for each request that ended, so that a crash of the process loses no charge.

A segment is a file of frames: length and CRC32 as little-endian 32-bit numbers, then a MessagePack record.
A record is written by one `write` before the answer's last byte leaves, which survives `kill -9`; a thread
syncs the file in groups, which bounds what a power cut can lose. A torn last frame is cut off when read.
"""

import asyncio
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgspec

from pronghorn.errors import Unavailable
from pronghorn.wire.usage import Usage

SEGMENT_BYTES = 64 * 1024 * 1024
MAX_BACKLOG_BYTES = 1024 * 1024 * 1024
MAX_BACKLOG_S = 15 * 60.0
MAX_RECORD_BYTES = 1024 * 1024
PROBE_BYTES = 64 * 1024
_sync = getattr(os, "fdatasync", os.fsync)  # macOS has the one that syncs more
_FRAME = struct.Struct("<II")


class Attempt(msgspec.Struct, array_like=True, gc=False):
    """One call of a vendor within a request."""

    channel_id: str
    status: int
    """The vendor's HTTP status, 0 if none came."""
    error: str
    duration_ms: int


class Record(msgspec.Struct, array_like=True, gc=False):
    """Everything about one ended request; array-like, so fields are only ever added at the end."""

    id: str
    created_ms: int
    mode: str
    account_id: str
    key_id: str
    group_name: str
    endpoint: str
    model: str
    upstream_model: str
    channel_id: str
    is_stream: bool
    status: int
    end_reason: str
    finish: str
    error: str
    usage: Usage
    hold: int
    charge: int
    """What the account pays: the cost, but never more than the hold."""
    shortfall: int
    """What the cost exceeded the hold by."""
    lines: list[tuple[str, int, int]]
    factor_ppm: int
    first_byte_ms: int
    duration_ms: int
    upstream_request_id: str
    client_ip: str
    attempts: list[Attempt]
    windows: list[str] = []
    """Of the budgets that it was held against."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Record)


def frame(record: Record) -> bytes:
    """As it stands in a segment. Raises `OSError` for what no reader would take."""
    payload = _encoder.encode(record)
    if len(payload) > MAX_RECORD_BYTES:
        raise OSError(f"a record of {len(payload)} bytes is larger than any reader takes")
    return _FRAME.pack(len(payload), crc32(payload)) + payload


class Journal:
    """The segments that one life of one server writes. `append` from the event loop's thread only."""

    def __init__(self, folder: Path, server: str, epoch: int, sync_ms: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._stem = f"{server}-{epoch:08d}"
        self._number = 0
        self._sync_s = sync_ms / 1000
        self._file = -1
        self._size = 0
        self._is_dirty = False
        self._fault = ""
        self._wants_next = False
        self._moved_at: float | None = None
        self.posted_bytes = 0
        self.is_blocked = False
        """The backlog is too long or too old: nothing new is taken until the database follows again."""
        self._open_next()

    def note_posted(self, posted: int, written: int, now_s: float) -> None:
        """Told once a second how far the database has followed."""
        if self._moved_at is None or posted != self.posted_bytes or posted >= written:
            self._moved_at = now_s
        self.posted_bytes = posted
        self.is_blocked = written - posted > MAX_BACKLOG_BYTES or now_s - self._moved_at > MAX_BACKLOG_S

    def append(self, record: Record) -> None:
        """Write one record. Raises `OSError` when the disk refuses; nothing half-written stays behind."""
        self.append_frames(frame(record))

    def append_frames(self, frames: bytes) -> None:
        """The same for what `frame` gave, of one record or of several that stand or fall together."""
        try:
            if self._wants_next or self._size + len(frames) > SEGMENT_BYTES:
                self._open_next()
            self._write(frames)
        except OSError as error:
            self._fault = str(error)
            raise
        self._fault = ""
        self._size += len(frames)
        self._is_dirty = True
        if not self._sync_s:
            self._sync_now()

    def _sync_now(self) -> None:
        """What was written is charged, synced or not: a poster may have read it. New work waits for a sync."""
        try:
            _sync(self._file)
            self._is_dirty = False
        except OSError as error:
            self._fault = str(error)

    def _write(self, data: bytes) -> None:
        """All of it or, by cutting off what came through, nothing."""
        try:
            written = os.write(self._file, data)
            if written != len(data):
                raise OSError(f"only {written} of {len(data)} bytes could be written")
        except OSError:
            os.ftruncate(self._file, self._size)
            raise

    def is_well(self) -> bool:
        """There is nothing that `check` would look at."""
        return not (self._fault or self.is_blocked)

    def check(self) -> None:
        """Raises `Unavailable` while records cannot be written or posted: nothing is served unbilled."""
        if self._fault:
            self._probe()
        if self.is_blocked:
            raise Unavailable(
                "the gateway's database does not keep up with its journal; nothing was sent or charged",
                retry_after_s=30,
            )

    def _probe(self) -> None:
        try:
            if self._wants_next:
                self._open_next()
            self._write(bytes(PROBE_BYTES))  # to readers, zeros are the end of the segment
            os.ftruncate(self._file, self._size)
            self._fault = ""
        except OSError as error:
            raise Unavailable(
                "the gateway cannot write its journal (is the disk full?); nothing was sent or charged",
                retry_after_s=5,
            ) from error

    async def sync_forever(self) -> None:
        """Sync what was written, in groups, until cancelled."""
        while True:
            await asyncio.sleep(self._sync_s or 1.0)
            if self._is_dirty:
                self._is_dirty = False
                await self._sync_once()

    async def _sync_once(self) -> None:
        handle = self._file
        try:
            await asyncio.to_thread(_sync, handle)
        except OSError as error:
            if handle == self._file:  # a segment that was closed meanwhile was synced by that
                self._fault = str(error)

    def close(self) -> None:
        _close(self._file)

    def _open_next(self) -> None:
        path = self._folder / f"{self._stem}-{self._number + 1:06d}.journal"
        self._wants_next = True
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        former, self._file, self._size, self._wants_next = self._file, opened, 0, False
        self._number += 1
        if former >= 0:
            _close(former)  # last: if the disk refuses its sync, the next append goes on in the new one


def _close(file: int) -> None:
    try:
        _sync(file)
    finally:
        os.close(file)


class Segment(NamedTuple):
    """A segment on disk. Names sort in the order of writing."""

    path: Path

    def size(self) -> int:
        """In bytes; 0 once it was posted and deleted."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def is_written(self) -> bool:
        """Its writer lives, if only asleep: the system lets go of the lock when a process ends."""
        try:
            with self.path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            pass  # posted and deleted
        return False

    @property
    def server(self) -> str:
        return self.path.stem.rsplit("-", 2)[0]

    @property
    def epoch(self) -> int:
        return int(self.path.stem.rsplit("-", 2)[1])


def segments(folder: Path) -> list[Segment]:
    return [Segment(path) for path in sorted(folder.glob("*.journal"))]


def written_bytes(folder: Path) -> dict[str, int]:
    """The size of each segment that is still there, by its name."""
    return {segment.path.name: segment.size() for segment in segments(folder)}


def read(segment: Segment, position: int, limit: int) -> Iterator[tuple[Record, int]]:
    """Up to `limit` records from `position` on, each with the position after it; ends at a torn frame."""
    try:
        file = segment.path.open("rb")
    except FileNotFoundError:
        return  # posted and deleted by another worker
    with file:
        file.seek(position)
        for _ in range(limit):
            head = file.read(_FRAME.size)
            if len(head) < _FRAME.size:
                return
            length, checksum = _FRAME.unpack(head)
            if not length or length > MAX_RECORD_BYTES:
                return
            payload = file.read(length)
            if len(payload) < length or crc32(payload) != checksum:
                return
            position += _FRAME.size + length
            yield _decoder.decode(payload), position

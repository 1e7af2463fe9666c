"""The journal: what was appended reads back; a torn end is cut off; a full disk leaves nothing half-written."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from pronghorn.errors import Unavailable
from pronghorn.ledger import journal
from pronghorn.ledger.journal import Attempt, Journal, Record, Segment
from pronghorn.wire.usage import Usage


def record(number: int, error: str = "") -> Record:
    return Record(
        id=f"req_{number:024x}",
        created_ms=1_780_000_000_000 + number,
        mode="live",
        account_id="acc_1",
        key_id="key_1",
        group_name="default",
        endpoint="chat",
        model="gpt-4o",
        upstream_model="gpt-4o-2024-11-20",
        channel_id="chn_1",
        is_stream=True,
        status=200,
        end_reason="ok",
        finish="stop",
        error=error,
        usage=Usage(input=10, output=number, cache_read=3),
        hold=1_000,
        charge=number,
        shortfall=0,
        lines=[("input", 10, 2_500_000)],
        factor_ppm=850_000,
        first_byte_ms=12,
        duration_ms=34,
        upstream_request_id="up-1",
        client_ip="::1",
        attempts=[Attempt("chn_1", 503, "upstream_error", 5), Attempt("chn_1", 200, "", 9)],
    )


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Journal]:
    journal_ = Journal(tmp_path / "journal", "server-1", 7, 50)
    yield journal_
    journal_.close()


def only(folder: Path) -> Segment:
    (segment,) = journal.segments(folder / "journal")
    return segment


def everything(folder: Path) -> list[Record]:
    found = journal.segments(folder / "journal")
    return [record_ for segment in found for record_, _ in journal.read(segment, 0, 10**6)]


def test_what_was_written_reads_back_from_every_position(tmp_path: Path, opened: Journal) -> None:
    records = [record(number) for number in range(20)]
    for written in records:
        opened.append(written)
    segment = only(tmp_path)
    assert (segment.server, segment.epoch) == ("server-1", 7)
    pairs = list(journal.read(segment, 0, 1_000))
    assert [found for found, _ in pairs] == records
    for index, (_, position) in enumerate(pairs):
        assert [found for found, _ in journal.read(segment, position, 1_000)] == records[index + 1 :]
    assert pairs[-1][1] == segment.size() == sum(journal.written_bytes(tmp_path / "journal").values())


def test_no_more_than_the_limit_is_read(tmp_path: Path, opened: Journal) -> None:
    for number in range(5):
        opened.append(record(number))
    assert [found.charge for found, _ in journal.read(only(tmp_path), 0, 2)] == [0, 1]


def test_the_last_frame_torn_at_every_byte_is_cut_off(tmp_path: Path, opened: Journal) -> None:
    opened.append(record(1))
    whole = only(tmp_path).size()
    opened.append(record(2))
    data = only(tmp_path).path.read_bytes()
    torn = Segment(tmp_path / "server-1-00000008-000001.journal")
    for length in range(whole, len(data)):
        torn.path.write_bytes(data[:length])
        assert [found.charge for found, _ in journal.read(torn, 0, 10)] == [1]
    torn.path.write_bytes(data)
    assert [found.charge for found, _ in journal.read(torn, 0, 10)] == [1, 2]


def test_a_frame_that_grows_whole_later_is_read_from_where_reading_ended(
    tmp_path: Path, opened: Journal
) -> None:
    opened.append(record(1))
    first = only(tmp_path).size()
    opened.append(record(2))
    data = only(tmp_path).path.read_bytes()
    growing = Segment(tmp_path / "server-1-00000008-000001.journal")
    growing.path.write_bytes(data[:-1])
    assert [position for _, position in journal.read(growing, 0, 10)] == [first]
    growing.path.write_bytes(data)
    assert [found.charge for found, _ in journal.read(growing, first, 10)] == [2]


@pytest.mark.parametrize("offset", [0, 3, 4, 7, 8, 40, -1])
def test_a_damaged_frame_stops_the_reading(tmp_path: Path, opened: Journal, offset: int) -> None:
    opened.append(record(1))
    start = only(tmp_path).size()
    opened.append(record(2))
    end = only(tmp_path).size()
    opened.append(record(3))
    data = bytearray(only(tmp_path).path.read_bytes())
    data[(start if offset >= 0 else end) + offset] ^= 0x55
    damaged = Segment(tmp_path / "x-00000001-000001.journal")
    damaged.path.write_bytes(data)
    assert [found.charge for found, _ in journal.read(damaged, 0, 10)] == [1]


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 4, b"\0" * 64, b"\xff" * 64], ids=["empty", "4 zeros", "64 zeros", "64 ones"]
)
def test_rubbish_gives_no_record(tmp_path: Path, data: bytes) -> None:
    rubbish = Segment(tmp_path / "x-00000001-000001.journal")
    rubbish.path.write_bytes(data)
    try:
        assert list(journal.read(rubbish, 0, 10)) == []
    except Exception as error:
        pytest.fail(f"reading raised {error!r}")


def test_a_segment_that_is_gone_is_empty(tmp_path: Path) -> None:
    gone = Segment(tmp_path / "x-00000001-000001.journal")
    assert gone.size() == 0
    assert list(journal.read(gone, 0, 10)) == []


def test_segments_follow_each_other_in_the_order_of_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 1_000)  # its own constant, only smaller
    opened = Journal(tmp_path / "journal", "s", 1, 50)
    for number in range(30):
        opened.append(record(number))
    opened.close()
    found = journal.segments(tmp_path / "journal")
    assert len(found) > 3
    assert all(0 < segment.size() <= 1_000 for segment in found)
    assert [written.charge for written in everything(tmp_path)] == list(range(30))


def test_a_second_life_does_not_write_into_the_first(tmp_path: Path) -> None:
    for epoch in (1, 2):
        life = Journal(tmp_path / "journal", "s", epoch, 50)
        life.append(record(epoch))
        life.close()
    assert [written.charge for written in everything(tmp_path)] == [1, 2]
    with pytest.raises(FileExistsError):
        Journal(tmp_path / "journal", "s", 2, 50)


def test_without_group_commit_each_record_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(journal, "_sync", synced.append)
    opened = Journal(tmp_path / "journal", "s", 1, 0)
    opened.append(record(1))
    opened.append(record(2))
    assert len(synced) == 2
    opened.close()


def test_a_segment_is_readable_by_its_owner_alone(tmp_path: Path, opened: Journal) -> None:
    assert only(tmp_path).path.stat().st_mode & 0o077 == 0


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from pronghorn.errors import Unavailable
from pronghorn.ledger import journal
from tests.unit.ledger.test_journal import record

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path(sys.argv[1])
opened = journal.Journal(folder, "s", 1, 50)
opened.append(record(1))
opened.check()
(segment,) = journal.segments(folder)
before = segment.size()
# Room for half a record: the write is cut short, as on a disk that fills up.
resource.setrlimit(resource.RLIMIT_FSIZE, (before + 100, resource.RLIM_INFINITY))
for _ in range(2):
    try:
        opened.append(record(2))
    except OSError:
        pass
    else:
        sys.exit("the append did not raise")
    if segment.size() != before:
        sys.exit("something half-written remains")
    try:
        opened.check()
    except Unavailable as error:
        if not error.retry_after_s:
            sys.exit("no retry-after")
    else:
        sys.exit("check let it pass")
    if segment.size() != before:
        sys.exit("the probe remains")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
opened.check()
if segment.size() != before:
    sys.exit("the probe remains")
opened.append(record(3))
opened.close()
print([found.charge for found, _ in journal.read(segment, 0, 10)])
"""


def test_a_full_disk_refuses_new_work_and_recovers(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "journal")],
        capture_output=True,
        text=True,
        cwd=Path.cwd(),
    )
    assert (run.stderr, run.stdout.strip()) == ("", "[1, 3]")


def test_when_no_next_segment_can_be_opened_work_is_refused_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk without inodes, or a process without file handles: the old file is closed, the new one is not there."""
    folder = tmp_path / "journal"
    opened = Journal(folder, "s", 1, 50)
    opened.append(record(1))
    moved = folder.rename(tmp_path / "away")
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 1)
    with pytest.raises(OSError):
        opened.append(record(2))
    others = [os.open(os.devnull, os.O_WRONLY) for _ in range(8)]  # whoever gets the closed file's number
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 10**6)
    try:
        with pytest.raises(Unavailable):
            opened.check()
        moved.rename(folder)
        opened.check()
        opened.append(record(3))
        assert [written.charge for written in everything(tmp_path)] == [1, 3]
    finally:
        for other in others:
            os.close(other)


async def test_syncing_goes_on_when_its_segment_was_closed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Event()
    pool = ThreadPoolExecutor(1)
    asyncio.get_running_loop().set_default_executor(pool)
    pool.submit(gate.wait)
    opened = Journal(tmp_path / "journal", "s", 1, 1)
    opened.append(record(1))
    syncing = asyncio.create_task(opened.sync_forever())
    async with asyncio.timeout(5):
        while pool._work_queue.qsize() == 0:
            await asyncio.sleep(0)
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 1)
    opened.append(record(2))  # closes the segment whose sync waits for the thread
    gate.set()
    done, _ = await asyncio.wait([syncing], timeout=0.1)
    assert not done, f"syncing ended: {syncing.exception()!r}"
    syncing.cancel()
    await asyncio.gather(syncing, return_exceptions=True)
    opened.close()


# The backlog


def test_the_backlog_may_be_long_or_old_up_to_its_bounds(opened: Journal) -> None:
    opened.note_posted(0, journal.MAX_BACKLOG_BYTES, 100.0)
    opened.check()
    opened.note_posted(0, journal.MAX_BACKLOG_BYTES + 1, 101.0)
    with pytest.raises(Unavailable) as refused:
        opened.check()
    assert refused.value.retry_after_s == 30
    opened.note_posted(10, journal.MAX_BACKLOG_BYTES + 1, 102.0)
    opened.check()


def test_a_database_that_stands_still_is_noticed_after_its_time(opened: Journal) -> None:
    opened.note_posted(5, 10, 0.0)
    opened.note_posted(5, 20, journal.MAX_BACKLOG_S)
    opened.check()
    opened.note_posted(5, 30, journal.MAX_BACKLOG_S + 1)
    with pytest.raises(Unavailable):
        opened.check()
    opened.note_posted(6, 30, journal.MAX_BACKLOG_S + 2)  # it moves again
    opened.check()


def test_an_idle_gateway_has_no_backlog(opened: Journal) -> None:
    for hour in range(5):
        opened.note_posted(100, 100, hour * 3600.0)
    opened.check()
    opened.note_posted(100, 200, 4 * 3600.0 + 1)  # work after a long silence is not late at once
    opened.check()


def test_a_record_that_is_too_large_to_read_is_not_written(tmp_path: Path, opened: Journal) -> None:
    """What cannot be read back would hide everything behind it."""
    opened.append(record(1))
    with suppress(OSError):
        opened.append(record(2, error="x" * (journal.MAX_RECORD_BYTES + 1)))
    opened.append(record(3))
    assert 3 in [written.charge for written in everything(tmp_path)]

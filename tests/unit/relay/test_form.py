"""Multipart bodies: whatever the split, the same fields and the same outgoing bytes; what is clever is refused."""

from collections.abc import AsyncIterator, Coroutine, Sequence
from email.parser import BytesParser
from email.policy import HTTP
from itertools import pairwise
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronghorn.errors import BadRequest, UnsupportedMediaType
from pronghorn.relay import form
from pronghorn.relay.form import Form, Scanner

T = TypeVar("T")

B = b"----Bound4ry"
TYPE = b"multipart/form-data; boundary=" + B


def part(name: str, value: bytes, filename: str = "", extra: bytes = b"") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"'.encode()
    if filename:
        head += f'; filename="{filename}"\r\nContent-Type: application/octet-stream'.encode()
    return b"--" + B + b"\r\n" + head + extra + b"\r\n\r\n" + value + b"\r\n"


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--" + B + b"--\r\n"


FILE = part("file", b"RIFF\r\n--\r\n----Bound\r\n--" + B[:-1] + b"\0\xff" * 40, "a.wav")
WHOLE = body(
    part("language", b"en"), part("model", b"whisper-1"), FILE, part("n", b"2"), part("stream", b" true ")
)


def pieces(data: bytes, *cuts: int) -> list[bytes]:
    ends = [0, *cuts, len(data)]
    return [data[start:end] for start, end in pairwise(ends)]


async def coming(parts: Sequence[bytes]) -> AsyncIterator[bytes]:
    for data in parts:
        yield data


async def send(
    data: bytes, model: str, parts: Sequence[bytes] | None = None
) -> tuple[bytes, int | None, Form]:
    """What the vendor gets, and the length that was announced."""
    under_way = Form(TYPE, coming([data] if parts is None else parts), len(data))
    try:
        await under_way.read_ahead()
        length = under_way.length(model)
        sent = b"".join([chunk async for chunk in under_way.stream(model)])
    finally:
        under_way.close()
    return sent, length, under_way


def parsed(data: bytes) -> list[tuple[str, Any]]:
    """By Python's own parser, which shares nothing with ours."""
    message: Any = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + TYPE + b"\r\n\r\n" + data)
    found = []
    for section in message.iter_parts():
        name = section["content-disposition"].params["name"]
        found.append((name, section.get_payload(decode=True)))
    return found


def test_the_fields_that_matter_are_kept() -> None:
    scanner = Scanner(TYPE)
    scanner.feed(WHOLE)
    scanner.finish()
    assert scanner.fields == {"model": "whisper-1", "n": "2", "stream": "true"}
    assert scanner.model_at is not None
    assert WHOLE[slice(*scanner.model_at)] == b"whisper-1"


@pytest.mark.parametrize("cut", range(len(WHOLE) + 1))
async def test_every_split_gives_the_same_fields_and_the_same_bytes(cut: int) -> None:
    sent, length, under_way = await send(WHOLE, "upstream-model", pieces(WHOLE, cut))
    assert under_way.fields == {"model": "whisper-1", "n": "2", "stream": "true"}
    assert sent == WHOLE.replace(b"whisper-1", b"upstream-model", 1)
    assert length == len(sent)


async def test_byte_by_byte() -> None:
    sent, length, _ = await send(WHOLE, "x", [bytes([byte]) for byte in WHOLE])
    assert sent == WHOLE.replace(b"whisper-1", b"x", 1)
    assert length == len(sent)


async def test_the_same_model_changes_no_byte() -> None:
    assert (await send(WHOLE, "whisper-1"))[0] == WHOLE


@pytest.mark.parametrize("cut", [0, 1, 30, 200])
async def test_a_missing_model_is_put_in(cut: int) -> None:
    data = body(FILE, part("prompt", b"hi"))
    sent, length, under_way = await send(data, "whisper-1", pieces(data, cut))
    assert under_way.fields == {}
    assert parsed(sent) == [("model", b"whisper-1"), *parsed(data)]
    assert length == len(sent)


async def test_a_model_after_a_large_file_waits_on_disk_and_loses_nothing() -> None:
    large = bytes(range(256)) * 12_000  # three times what stays in memory
    data = body(part("file", large, "big.bin"), part("model", b"a"), part("prompt", b"p"))
    parts = [data[start : start + 50_000] for start in range(0, len(data), 50_000)]
    sent, length, under_way = await send(data, "bbbb", parts)
    assert under_way.fields == {"model": "a"}
    assert length == len(sent) == len(data) + 3
    assert under_way.came_bytes == len(data)
    assert parsed(sent) == [("file", large), ("model", b"bbbb"), ("prompt", b"p")]


async def test_reading_ahead_stops_at_the_model() -> None:
    came = 0

    async def slowly() -> AsyncIterator[bytes]:
        nonlocal came
        for byte in WHOLE:
            came += 1
            yield bytes([byte])

    under_way = Form(TYPE, slowly(), None)
    await under_way.read_ahead()
    assert came < WHOLE.index(b"RIFF")
    assert under_way.length("x") is None
    assert not under_way.is_sent
    stream: Any = under_way.stream("x")
    await anext(stream)
    assert under_way.is_sent
    await stream.aclose()
    under_way.close()


@pytest.mark.parametrize("name", sorted(form.FIELDS))
async def test_a_field_that_is_there_twice_is_refused(name: str) -> None:
    data = body(part(name, b"1"), part("file", b"x" * 100, "f"), part(name, b"2"))
    with pytest.raises(BadRequest, match="twice") as refused:
        await send(data, "m")
    assert refused.value.param == name


async def test_other_fields_may_repeat() -> None:
    data = body(part("model", b"a"), part("image[]", b"1", "1"), part("image[]", b"2", "2"))
    assert (await send(data, "a"))[0] == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        WHOLE[:-6],
        WHOLE[: WHOLE.index(b"whisper") + 3],
        WHOLE.replace(b"\r\n", b"\n"),
        body(part("file", b"x", "f")).replace(b"--\r\n", b""),
        b"--" + B + b"junk after the boundary\r\n" + body(part("model", b"m")),
        b"--" + B + b"x" * 200,
        body(part("model", b"m" * (form.MAX_FIELD + 1))),
        b"--" + B + b"\r\nX: " + b"h" * (form.MAX_PART_HEAD + 10),
        body(*[part("x", b"") for _ in range(form.MAX_PARTS + 1)]),
    ],
)
async def test_damaged_bodies_are_refused(data: bytes) -> None:
    with pytest.raises(BadRequest):
        await send(data, "m")


@pytest.mark.parametrize("content_type", [b"multipart/form-data", b"multipart/form-data; boundary=", b""])
def test_a_boundary_has_to_be_named(content_type: bytes) -> None:
    with pytest.raises(UnsupportedMediaType):
        Scanner(content_type)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        (b"multipart/form-data; boundary=abc", b"abc"),
        (b'multipart/form-data; boundary="a b;c"', b"a b;c"),
        (b"multipart/form-data; BOUNDARY=abc; charset=utf-8", b"abc"),
    ],
)
def test_boundaries(content_type: bytes, boundary: bytes) -> None:
    assert Scanner(content_type).boundary == boundary


@pytest.mark.parametrize(
    "head",
    [
        b'Content-Disposition: form-data; name="model"',
        b"Content-Disposition: form-data; name=model",
        b'content-disposition:form-data;name="model"',
        b'Content-Type: text/plain\r\nContent-Disposition: form-data; name="model"',
        b'Content-Disposition: form-data; filename="m.txt"; name="model"',
    ],
)
def test_the_name_of_a_part_in_all_its_spellings(head: bytes) -> None:
    scanner = Scanner(TYPE)
    scanner.feed(b"--" + B + b"\r\n" + head + b"\r\n\r\nm-1\r\n--" + B + b"--")
    assert scanner.fields == {"model": "m-1"}


@pytest.mark.parametrize(
    "head",
    [
        # Any other parser reads `model` here: what we did not see as the model we would not bill as it.
        b'Content-Type: text/plain; name="x"\r\nContent-Disposition: form-data; name="model"',
        b'Content-Disposition: form-data; filename="; name=x"; name="model"',
        b'X-Note: a; name="x"\r\nContent-Disposition: form-data; name="model"',
        b'Content-Disposition: form-data; name="mod\\el"',
        b"Content-Disposition: form-data; name*=utf-8''model",
    ],
)
def test_a_model_cannot_hide_behind_another_name(head: bytes) -> None:
    scanner = Scanner(TYPE)
    try:
        scanner.feed(b"--" + B + b"\r\n" + head + b"\r\n\r\ndear-model\r\n--" + B + b"--")
    except BadRequest:
        return
    assert scanner.fields == {"model": "dear-model"}


@pytest.mark.parametrize(
    "head",
    [
        b'Content-Disposition: form-data; name="file"; filename="; name=model"',
        b'Content-Disposition: form-data; filename="; name=model"; name="file"',
        b'Content-Disposition: form-data; name="file"\r\nContent-Type: text/plain; name="model"',
        b'Content-Type: audio/wav; name="model"\r\nContent-Disposition: form-data; name="file"',
    ],
)
def test_a_file_is_not_taken_for_the_model(head: bytes) -> None:
    scanner = Scanner(TYPE)
    try:
        scanner.feed(b"--" + B + b"\r\n" + head + b"\r\n\r\ncheap-model\r\n--" + B + b"--")
    except BadRequest:
        return
    assert scanner.fields == {}


async def test_a_preamble_is_no_part_of_the_model_that_is_put_in() -> None:
    data = b"This is a message of parts.\r\n" + body(part("file", b"x", "f"))
    try:
        sent, length, _ = await send(data, "whisper-1")
    except BadRequest:
        return
    assert parsed(sent) == [("model", b"whisper-1"), ("file", b"x")]
    assert length == len(sent)


@pytest.mark.parametrize("has_model", [True, False])
@pytest.mark.parametrize("cut", range(1, 12))
async def test_lines_before_the_first_boundary_may_be_empty(cut: int, has_model: bool) -> None:
    data = b"\r\n\r\n" + body(*[part("model", b"m")] * has_model, part("file", b"x", "f"))
    sent, length, _ = await send(data, "whisper-1", pieces(data, cut))
    assert parsed(sent) == [("model", b"whisper-1"), ("file", b"x")]
    assert length == len(sent)


async def test_a_preamble_of_empty_lines_alone_has_an_end() -> None:
    with pytest.raises(BadRequest):
        await send(b"\r\n" * 100 + WHOLE, "m")


def test_what_follows_the_end_is_not_kept_in_memory() -> None:
    scanner = Scanner(TYPE)
    scanner.feed(WHOLE)
    for _ in range(64):
        scanner.feed(bytes(64 * 1024))
    assert len(scanner._buffer) < 1024 * 1024


names = st.sampled_from(["file", "image[]", "prompt", "language", "mask"])
values = st.binary(max_size=200) | st.sampled_from(
    [b"", b"\r\n", b"\r\n--", b"--" + B, B, b"\r\n--" + B[:-2], b"\r", b"\n", b"-" * 50]
)


@given(
    before=st.lists(st.tuples(names, values, st.booleans()), max_size=4),
    after=st.lists(st.tuples(names, values, st.booleans()), max_size=4),
    has_model=st.booleans(),
    model=st.text("abc-/:.1", max_size=30),
    replaced_by=st.text("xyz/-2", min_size=1, max_size=30),
    data=st.data(),
)
@settings(max_examples=150)
def test_random_forms_reach_the_vendor_with_only_the_model_changed(
    before: list[tuple[str, bytes, bool]],
    after: list[tuple[str, bytes, bool]],
    has_model: bool,
    model: str,
    replaced_by: str,
    data: st.DataObject,
) -> None:
    def built(listed: list[tuple[str, bytes, bool]]) -> list[bytes]:
        return [part(name, value, "f" if is_file else "") for name, value, is_file in listed]

    mine = [part("model", model.encode())] if has_model else []
    sent = body(*built(before), *mine, *built(after))
    if sent.count(b"\r\n--" + B) + 1 != len(before) + len(mine) + len(after) + 1:
        return  # a value that holds the delimiter is another form
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=5)))

    async def go() -> tuple[bytes, int | None, dict[str, str]]:
        got, length, under_way = await send(sent, replaced_by, pieces(sent, *cuts))
        return got, length, under_way.fields

    got, length, fields = run(go())
    assert length == len(got)
    assert fields == ({"model": model.strip()} if has_model else {})
    changed = part("model", replaced_by.encode())
    wanted = (
        [*built(before), changed, *built(after)] if has_model else [changed, *built(before), *built(after)]
    )
    assert got == body(*wanted)


def run(task: Coroutine[object, object, T]) -> T:
    """The task suspends only on itself: no loop is needed."""
    try:
        task.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waited for something")

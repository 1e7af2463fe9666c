"""When nobody could answer, all are asked once more after a moment: where it is safe, within the budget, and in vain
for a vendor that wants more time.
"""

import time
from collections.abc import AsyncIterator, Sequence
from email.utils import formatdate
from typing import Any

import pytest
import pytest_asyncio
from tests.faults.harness import Gateway, running
from tests.faults.upstream import Seen, completion, refusing_port, stream, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOWN = whole({"error": {"message": "m"}}, "503 Busy")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with running(tmp_path_factory.mktemp("retries"), retries=1) as found:
        yield found


def limited(**headers: str) -> tuple[bytes]:
    (answer,) = whole({"error": {"message": "m"}}, "429 Slow")
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return (answer.replace(b"\r\n", b"\r\n" + lines.encode(), 1),)


def first(script: Sequence[Any], then: Sequence[Any], gateway: Gateway) -> None:
    """The vendor plays `script` once, and then for ever the other."""

    def choose(_: Seen) -> Sequence[Any]:
        return script if len(gateway.upstream.seen) == 1 else then

    gateway.upstream.seen = []
    gateway.upstream.choose = choose


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    "failure", [DOWN, limited(), limited(retry_after="1")], ids=["503", "429", "429 in 1 s"]
)
async def test_one_bad_moment_is_invisible(gateway: Gateway, failure: Sequence[Any], is_stream: bool) -> None:
    case = await gateway.case()
    first(failure, stream() if is_stream else whole(completion()), gateway)
    begun_s = time.monotonic()
    answer = await case.chat(stream=is_stream)
    assert (answer.status, answer.is_whole) == (200, True)
    assert (time.monotonic() - begun_s >= 1.0) == (failure is not DOWN)
    row = await case.row()
    assert [attempt["status"] for attempt in row.attempts] == [int(failure[0][9:12]), 200]
    await case.assert_invariants()


@pytest.mark.parametrize(
    "retry_after",
    ["3", "3600", "1000000000", formatdate(time.time() + 3600, usegmt=True)],
    ids=["seconds", "an hour", "for ever", "a date"],
)
async def test_a_vendor_that_wants_more_time_is_not_waited_for(gateway: Gateway, retry_after: str) -> None:
    case = await gateway.case()
    first(limited(retry_after=retry_after), whole(completion()), gateway)
    begun_s = time.monotonic()
    answer = await case.chat()
    assert time.monotonic() - begun_s < 2.0
    assert (answer.status, answer.error["code"]) == (429, "rate_limit_exceeded")
    assert 3 <= int(answer.header("retry-after")) <= 3600
    # The credential is left alone until then: the next one is told so without a call.
    again = await case.chat()
    assert (again.status, again.error["code"]) == (503, "no_channel")
    assert len(gateway.upstream.seen) == 1
    await case.assert_invariants()


async def test_it_is_asked_twice_and_no_more(gateway: Gateway) -> None:
    case = await gateway.case()
    gateway.upstream.plays(*DOWN)
    assert (await case.chat()).status == 502
    assert len(gateway.upstream.seen) == 2
    await case.assert_invariants()


async def test_a_refused_credential_and_a_faulty_request_are_not_asked_again(gateway: Gateway) -> None:
    for status, code in (("401 No", 502), ("400 Bad", 400)):
        case = await gateway.case()
        gateway.upstream.plays(*whole({"error": {"message": "m", "code": "c"}}, status))
        assert (await case.chat()).status == code
        assert len(gateway.upstream.seen) == 1
        await case.assert_invariants()


async def test_pictures_that_may_have_been_made_are_not_made_again(gateway: Gateway) -> None:
    case = await gateway.case()
    body = b'{"model":"%b","prompt":"a deer"}' % case.model.encode()
    gateway.upstream.plays(*DOWN)
    assert (await case.call(case.post("/v1/images/generations", body))).status == 502
    assert len(gateway.upstream.seen) == 1
    async with refusing_port() as url:
        refused = await gateway.case(url)  # nothing was sent, so it may be tried again
        body = b'{"model":"%b","prompt":"a deer"}' % refused.model.encode()
        assert (await refused.call(refused.post("/v1/images/generations", body))).status == 502
        assert len((await refused.row()).attempts) == 2
    await case.assert_invariants()

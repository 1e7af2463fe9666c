"""No byte of a request goes to a vendor whose certificate does not hold."""

from pathlib import Path

import pytest
from tests.faults.harness import Gateway
from tests.faults.vendor_peer import DEADLINES, SECRET, ask, certificate, client, https, serving

from pronghorn.errors import UpstreamUnreachable

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_vendor_with_a_trusted_certificate_is_asked(tmp_path: Path) -> None:
    good = certificate(tmp_path, "good")
    async with serving(good.context) as server, client([good.path]) as asked:
        assert await ask(asked, https(server.port)) == b"1"
        assert await ask(asked, https(server.port)) == b"2"
        assert server.connections == 1
        assert SECRET in server.heads[0]


@pytest.mark.parametrize("fault", ["unknown", "expired", "of another host", "of another address"])
async def test_a_certificate_that_does_not_hold_gets_no_byte_of_a_request(tmp_path: Path, fault: str) -> None:
    shown = {
        "unknown": lambda: certificate(tmp_path, "unknown"),
        "expired": lambda: certificate(tmp_path, "expired", days=-1),
        "of another host": lambda: certificate(tmp_path, "host", host="other.example", address=None),
        "of another address": lambda: certificate(tmp_path, "address", address="127.0.0.9"),
    }[fault]()
    host = "localhost" if fault == "of another host" else "127.0.0.1"
    async with serving(shown.context) as server, client([] if fault == "unknown" else [shown.path]) as asked:
        with pytest.raises(UpstreamUnreachable, match="certificate"):
            await ask(asked, https(server.port, host))
        assert server.heads == []
        assert asked.open_connections() == 0


async def test_a_vendor_that_speaks_no_tls_gets_no_byte_of_a_request() -> None:
    async with serving() as server, client() as asked:
        with pytest.raises(UpstreamUnreachable):
            await ask(asked, https(server.port), DEADLINES._replace(connect=0.5))
        assert all(SECRET not in head for head in server.heads)


async def test_a_channel_with_a_bad_certificate_is_a_502_that_names_no_host(
    gateway: Gateway, tmp_path: Path
) -> None:
    """The gateway's own client trusts what the machine trusts, and nothing else."""
    async with serving(certificate(tmp_path, "own").context) as server:
        case = await gateway.case(f"https://127.0.0.1:{server.port}")
        answer = await case.chat()
        assert (answer.status, answer.error["code"]) == (502, "upstream_error")
        assert str(server.port) not in answer.error["message"]
        assert server.heads == []
        await case.assert_invariants()

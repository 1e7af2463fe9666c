"""The front page says where to begin, and believes no stranger."""

import pytest
from tests.faults import raw
from tests.faults.harness import Gateway
from tests.faults.raw import request

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_front_page_says_where_to_begin(gateway: Gateway) -> None:
    answer = await raw.call(gateway.port, request("GET", "/", {"host": f"localhost:{gateway.port}"}))
    page = answer.body.decode()
    assert answer.header("content-type").startswith("text/html")
    assert f"http://localhost:{gateway.port}/v1</code>" in page
    assert f"curl http://localhost:{gateway.port}/v1/chat/completions" in page
    assert "/manage/openapi.json" in page
    assert "running" in page
    assert "<script" not in page and 'src="http' not in page, "nothing is loaded from elsewhere"


async def test_the_front_page_believes_no_strangers_host(gateway: Gateway) -> None:
    answer = await raw.call(gateway.port, request("GET", "/", {"host": "evil.example"}))
    assert answer.status == 200
    assert b"evil.example" not in answer.body
    assert f"http://127.0.0.1:{gateway.port}/v1".encode() in answer.body

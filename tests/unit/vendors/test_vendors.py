"""Vendors are found by walking their folder, and are whole."""

import pytest

from pronghorn import vendors
from pronghorn.relay import ENDPOINTS
from pronghorn.vendors import Bearer, ChatVendor


@pytest.mark.parametrize("name", sorted(vendors.load()))
def test_a_vendor_is_whole(name: str) -> None:
    vendor = vendors.load()[name]
    assert vendor.name == name == name.lower()
    assert set(vendor.paths) <= {endpoint.name for endpoint in ENDPOINTS.values()}
    assert all(path.startswith("/") for path in vendor.paths.values())
    assert not vendor.base_url.endswith("/")


def test_openai_and_the_sandbox_have_every_endpoint() -> None:
    for name in ("openai", "sandbox"):
        assert set(vendors.load()[name].paths) == {endpoint.name for endpoint in ENDPOINTS.values()}


@pytest.mark.parametrize(
    ("base_path", "endpoint", "path"),
    [
        ("", "chat", "/v1/chat/completions"),
        ("/v1", "chat", "/v1/chat/completions"),
        ("/api/paas/v4", "chat", "/api/paas/v4/chat/completions"),
        ("/v1", "nonsense", None),
    ],
)
def test_paths_lie_below_the_channels_own(base_path: str, endpoint: str, path: str | None) -> None:
    assert ChatVendor(name="x", base_url="").url_path(base_path, endpoint) == path


def test_bearer() -> None:
    assert Bearer().head("sk-1") == b"authorization: Bearer sk-1\r\n"

"""Base URLs and proxies lead where they say, or are refused."""

import pytest

from pronghorn.upstream.origin import parse, parse_proxy


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://api.example.com/v1", "api.example.com", 443),
        ("http://127.0.0.1:8000", "127.0.0.1", 8000),
        ("http://[::1]:8000/x/", "::1", 8000),
    ],
)
def test_where_a_base_url_leads(url: str, host: str, port: int) -> None:
    origin, path = parse(url)
    assert (origin.host, origin.port, origin.is_tls) == (host, port, url.startswith("https"))
    assert not path.endswith("/")
    assert origin.host_header.startswith(b"[::1]" if ":" in host else host.encode())


@pytest.mark.parametrize("url", ["ftp://x", "https://", "x", "https://u:p@x", "https://x?a=b", "https://x#a"])
def test_what_is_no_base_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        parse(url)


@pytest.mark.parametrize("url", ["socks5://x:1", "https://x:1", "http://x", "http://:1"])
def test_what_is_no_proxy_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="proxy"):
        parse_proxy(url)

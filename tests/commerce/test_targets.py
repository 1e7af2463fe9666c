"""Targets: which URLs are taken to tell something at, and what of them is shown."""

import pytest

from pronghorn.commerce.targets import MAX_CHARACTERS, check_url, origin
from pronghorn.errors import BadRequest

ALLOWED = ("10.1.0.0/16", "127.0.0.1")


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "HTTPS://Hooks.Example.com:8443/a%20b/c?d=e&f=https://g/?h@i",
        "http://hooks.example.com?x=1",
        "http://93.184.215.14/x",
        "http://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:80/x",
        "http://10.1.2.3/hook",
        "http://127.0.0.1:8400/hook",
        "http://localhost/names-are-looked-at-when-connecting",
        "https://a.example/" + "x" * (MAX_CHARACTERS - len("https://a.example/")),
    ],
)
def test_a_url_that_can_be_asked_is_taken(url: str) -> None:
    check_url(url, ALLOWED)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com",
        "//hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https://user:S3CRET@hooks.example.com/",
        "https://S3CRET@hooks.example.com/",
        "https://@hooks.example.com/",
        "https://hooks.example.com/#S3CRET",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com:port/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/a\r\nX-Evil: 1",
        "https://hooks.example.com\\@10.0.0.1/",
        "https://hooks.example.com/\x00",
        "https://例え.example/",
        "https://hooks.example.com/路径",
        "https://[::1",
        "https://[hooks]/",
        " https://hooks.example.com/",
        "https://a.example/" + "x" * (MAX_CHARACTERS - len("https://a.example/") + 1),
        "http://10.2.0.1/",
        "http://127.0.0.2/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://100.64.0.1/",
        "http://[fd00::1]/",
        "http://[fe80::1%25eth0]/",
    ],
)
def test_any_other_is_refused_by_name_and_not_quoted(url: str) -> None:
    with pytest.raises(BadRequest, match="callback_url") as caught:
        check_url(url, ALLOWED)
    assert caught.value.param == "callback_url"
    assert "S3CRET" not in caught.value.message
    with pytest.raises(BadRequest, match="notifyHook"):
        check_url(url, ALLOWED, "notifyHook")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://Hooks.Example.com:8443/T0K3N?t=1", "https://hooks.example.com:8443"),
        ("http://user:pw@a.example/x", "http://a.example"),
        ("http://[2001:DB8::1]:80/x", "http://[2001:db8::1]:80"),
    ],
)
def test_of_a_url_its_origin_is_shown(url: str, shown: str) -> None:
    assert origin(url) == shown

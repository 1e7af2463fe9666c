"""The signature of AWS against values that AWS has published."""

import calendar

import pytest

from pronghorn.vendors import signature_v4
from pronghorn.vendors.base import Unsigned
from pronghorn.vendors.signature_v4 import Keys

KEYS = Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
LENT = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUu"
    "wthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQc"
    "HNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/o"
    "LxBA=="
)
NOW_S = float(calendar.timegm((2015, 8, 30, 12, 36, 0)))
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize(
    ("method", "host", "target", "service", "headers", "keys", "signature"),
    [
        pytest.param(
            "GET",
            "iam.amazonaws.com",
            "/?Action=ListUsers&Version=2010-05-08",
            "iam",
            FORM,
            KEYS,
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            id="the documented example",
        ),
        pytest.param(
            "GET",
            "example.amazonaws.com",
            "/",
            "service",
            {},
            KEYS,
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            id="get-vanilla",
        ),
        pytest.param(
            "POST",
            "example.amazonaws.com",
            "/",
            "service",
            {},
            KEYS,
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            id="post-vanilla",
        ),
        pytest.param(
            "GET",
            "example.amazonaws.com",
            "/?Param2=value2&Param1=value1",
            "service",
            {},
            KEYS,
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            id="get-vanilla-query-order-key-case",
        ),
        pytest.param(
            "POST",
            "example.amazonaws.com",
            "/",
            "service",
            {},
            KEYS._replace(session_token=LENT),
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            id="post-sts-header-before",
        ),
    ],
)
def test_signatures_are_those_that_aws_published(
    method: str,
    host: str,
    target: str,
    service: str,
    headers: dict[str, str],
    keys: Keys,
    signature: str,
) -> None:
    request = Unsigned(method, host, target, b"", NOW_S)
    lines = signature_v4.head(request, keys, region="us-east-1", service=service, headers=headers).decode()
    assert f", Signature={signature}\r\n" in lines
    assert "x-amz-date: 20150830T123600Z\r\n" in lines
    assert f"Credential=AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request" in lines
    assert ("x-amz-security-token: " in lines) == bool(keys.session_token)


@pytest.mark.parametrize("change", [{"body": b"{}"}, {"target": "/model/a%3A1/invoke"}, {"host": "other"}])
def test_whatever_is_changed_changes_the_signature(change: dict[str, str]) -> None:
    request = Unsigned("POST", "example.amazonaws.com", "/model/a%3A0/invoke", b"", NOW_S)
    other = request._replace(**change)  # type: ignore[arg-type]
    first, second = (
        signature_v4.head(one, KEYS, region="us-east-1", service="bedrock") for one in (request, other)
    )
    assert first != second

"""Bedrock: what its bodies, its regions and its streams look like."""

import base64
import json
import struct
from binascii import crc32

import pytest

from pronghorn.vendors import Unsigned, bedrock
from pronghorn.vendors.bedrock import vendor

REQUEST = Unsigned("POST", "bedrock-runtime.eu-west-3.amazonaws.com", "/model/m/invoke", b"{}", 1.8e9)


def frame(headers: dict[str, str], payload: object) -> bytes:
    head = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(head) + len(body), len(head))
    begun = prelude + struct.pack(">I", crc32(prelude)) + head + body
    return begun + struct.pack(">I", crc32(begun))


def chunk(text: bytes) -> bytes:
    headers = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, {"bytes": base64.b64encode(text).decode(), "p": "abc"})


def test_the_body_has_a_version_and_betas_and_no_model() -> None:
    assert vendor.shape is not None
    body = {"model": "m", "stream": True, "max_tokens": 1}
    headers = {b"anthropic-beta": b"context-1m-2025-08-07, interleaved-thinking-2025-05-14"}
    assert vendor.shape("messages", body, headers) == {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 1,
        "anthropic_beta": ["context-1m-2025-08-07", "interleaved-thinking-2025-05-14"],
    }
    assert vendor.shape("messages", body, {}) == {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1}


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("bedrock-runtime.us-west-2.amazonaws.com", "us-west-2"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("vpce-0a1b-2c3d.bedrock-runtime.ap-southeast-2.vpce.amazonaws.com:443", "ap-southeast-2"),
        ("127.0.0.1:8401", "us-east-1"),
    ],
)
def test_the_region_is_in_the_hosts_name(host: str, region: str) -> None:
    assert bedrock.region(host) == region


def test_a_pair_of_keys_signs_and_an_api_key_is_shown() -> None:
    assert vendor.sign is not None
    assert vendor.sign(REQUEST, "ABSKexample=") == b"authorization: Bearer ABSKexample=\r\n"
    signed = vendor.sign(REQUEST, "AKID:secret").decode()
    assert "Credential=AKID/20270115/eu-west-3/bedrock/aws4_request, SignedHeaders=host;x-amz-date," in signed
    lent = vendor.sign(REQUEST, "AKID:secret:token:with=colons").decode()
    assert "x-amz-security-token: token:with=colons\r\n" in lent
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token," in lent


def test_frames_become_events() -> None:
    data = chunk(b'{"type":"message_start",\n"message":{}}') + frame({":event-type": "new"}, {"x": 1})
    data += chunk(b'{"type":"message_stop"}')
    events = bedrock.Events()
    told = b"".join(events.feed(data[place : place + 7]) for place in range(0, len(data), 7))
    assert told == (
        b'event: message_start\ndata: {"type":"message_start","message":{}}\n\n'
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )


@pytest.mark.parametrize(
    ("headers", "payload", "kind", "message"),
    [
        (
            {":message-type": "exception", ":exception-type": "throttlingException"},
            {"message": "Slow down"},
            "rate_limit_error",
            "Slow down",
        ),
        (
            {":message-type": "exception", ":exception-type": "modelStreamErrorException"},
            {"message": "Broke", "originalStatusCode": 500},
            "api_error",
            "Broke",
        ),
        (
            {":message-type": "error", ":error-code": "InternalError", ":error-message": "Sorry"},
            None,
            "api_error",
            "Sorry",
        ),
    ],
)
def test_exceptions_become_errors_of_anthropic(
    headers: dict[str, str], payload: object, kind: str, message: str
) -> None:
    told = bedrock.Events().feed(frame(headers, payload))
    name, data, *_ = told.split(b"\n")
    assert name == b"event: error"
    error = json.loads(data.removeprefix(b"data: "))
    assert error == {"type": "error", "error": {"type": kind, "message": message}}


@pytest.mark.parametrize(
    "data",
    [
        chunk(b"{}")[:-1] + b"\x00",
        chunk(b'{"type":"mess"'),
        chunk(b"{}"),
        frame({":event-type": "chunk"}, {"bytes": "%"}),
        frame({":event-type": "chunk"}, {}),
        frame({":message-type": "exception"}, []),
    ],
)
def test_what_is_damaged_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        bedrock.Events().feed(data)

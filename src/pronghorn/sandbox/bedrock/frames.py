"""Anthropic's events in Amazon's binary frames, so that every fault plays in both forms alike.

Source: https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import base64
import json
import struct
import zlib
from typing import Any

from aiohttp import web

from pronghorn.sandbox.errors import REQUEST_ID
from pronghorn.sandbox.reply import Events

_STRING = b"\x07"


class Framed(Events):
    def __init__(self, request: web.Request) -> None:
        super().__init__(request)
        headers = {
            "content-type": "application/vnd.amazon.eventstream",
            "x-amzn-bedrock-content-type": "application/json",
            "x-amzn-requestid": request[REQUEST_ID],
        }
        self.response = _Frames(headers=headers)


class _Frames(web.StreamResponse):
    _rest = b""

    async def write(self, data: Any) -> None:
        """A frame is written when its event is whole: compact JSON has no blank line inside."""
        *whole, self._rest = (self._rest + bytes(data)).split(b"\n\n")
        for event in whole:
            await super().write(_framed(event))


def _framed(event: bytes) -> bytes:
    name, _, data = event.partition(b"\ndata: ")
    if name == b"event: error":
        message = json.loads(data)["error"]["message"]
        payload = json.dumps({"message": message}).encode()
        return frame(
            {":exception-type": "serviceUnavailableException", ":message-type": "exception"}, payload
        )
    if name == b"event: message_stop":
        data = (
            data[:-1] + b',"amazon-bedrock-invocationMetrics":{"invocationLatency":1,"firstByteLatency":1}}'
        )
    chunk = {"bytes": base64.b64encode(data).decode(), "p": "abcdefghijklmnop"}
    headers = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, json.dumps(chunk).encode())


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    head = b"".join(
        bytes([len(name)]) + name.encode() + _STRING + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    begun = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + payload
    return begun + struct.pack(">I", zlib.crc32(begun))

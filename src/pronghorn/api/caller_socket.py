"""The caller's end of a WebSocket: whole texts over ASGI, and the server's own protocol with what it lacks."""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from pronghorn.api.reply import CORS, Receive, Send
from pronghorn.errors import BadRequest, CallerGone
from pronghorn.relay.incoming import Headers


class SocketProtocol(WebSocketsSansIOProtocol):
    """For `uvicorn.Config(ws=...)`."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated and self.conn.handshake_exc is not None:
            # A head that our HTTP took and this parser does not (lines beyond 8 KiB) would stay open for ever.
            self.transport.close()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True  # a refusal ends a handshake too, and is no error to be logged


class CallerSocket:
    """`receive` gives None once the caller has gone; `close_code` says why."""

    def __init__(self, receive: Receive, send: Send, request_id: str, *, protocol: str | None = None) -> None:
        self._receive = receive
        self._send = send
        self._protocol = protocol
        self.request_id = request_id
        self.close_code = 0
        self._is_closed = False

    async def accept(self) -> None:
        headers = [(b"x-request-id", self.request_id.encode())]
        await self._tell({"type": "websocket.accept", "subprotocol": self._protocol, "headers": headers})

    async def refuse(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer the handshake with an ordinary HTTP answer."""
        head = [*headers, (b"x-request-id", self.request_id.encode()), *CORS]
        await self._tell({"type": "websocket.http.response.start", "status": status, "headers": head})
        await self._tell({"type": "websocket.http.response.body", "body": body, "more_body": False})

    async def receive(self) -> str | None:
        """Raises `BadRequest` for bytes that are no text."""
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self.close_code = message.get("code") or 1005
                self._is_closed = True
                return None
            if message["type"] == "websocket.receive":
                return _text(message)

    async def send(self, text: str) -> None:
        await self._tell({"type": "websocket.send", "text": text})

    async def close(self, code: int, reason: str = "") -> None:
        if not self._is_closed:
            self._is_closed = True
            await self._tell({"type": "websocket.close", "code": code, "reason": reason})

    async def _tell(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except OSError as error:  # what the server raises once the connection is lost
            raise CallerGone from error


def _text(message: Any) -> str:
    text: str | None = message.get("text")
    if text is not None:
        return text
    try:
        decoded: str = message["bytes"].decode()
    except UnicodeDecodeError as error:
        raise BadRequest("events are JSON text") from error
    return decoded

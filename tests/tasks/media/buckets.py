"""An object store that speaks as much of S3 as copies need, and remembers what it was asked."""

import asyncio
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote
from xml.sax.saxutils import escape

from aiohttp import web


class Bucket:
    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str, datetime]] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.kinds: dict[str, str] = {}
        self.refuses = False
        self.stalls_at: int | None = None
        """The part that is never taken."""
        self.url = ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Bucket"]:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/media{key:/?.*}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def age(self, key: str, days: int) -> None:
        data, kind, at = self.objects[key]
        self.objects[key] = data, kind, at - timedelta(days=days)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self.refuses:
            return web.Response(status=403)
        assert "AWS4-HMAC-SHA256" in request.headers["authorization"]
        key, query = request.match_info["key"].lstrip("/"), request.query
        if request.method in ("GET", "HEAD"):
            return self._listed() if "list-type" in query else self._object(request, key)
        body = await request.read()
        if "uploads" in query:
            upload = f"u{len(self.uploads)}"
            self.uploads[upload], self.kinds[upload] = {}, request.headers.get("content-type", "")
            return _xml(
                f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            )
        if "partNumber" in query:
            if int(query["partNumber"]) == self.stalls_at:
                await asyncio.Event().wait()
            self.uploads[query["uploadId"]][int(query["partNumber"])] = body
            return web.Response(headers={"etag": '"part"'})
        if request.method == "POST" and "uploadId" in query:
            parts = self.uploads.pop(query["uploadId"])
            self._put(key, b"".join(parts[number] for number in sorted(parts)), self.kinds[query["uploadId"]])
            return _xml('<CompleteMultipartUploadResult><ETag>"whole"</ETag></CompleteMultipartUploadResult>')
        if request.method == "DELETE" and "uploadId" in query:
            self.uploads.pop(query["uploadId"], None)
            return web.Response(status=204)
        if "delete" in query:
            gone = [unquote(one) for one in re.findall(r"<Key>(.*?)</Key>", body.decode())]
            for one in gone:
                self.objects.pop(one, None)
            return _xml(
                f"<DeleteResult>{''.join(f'<Deleted><Key>{one}</Key></Deleted>' for one in gone)}</DeleteResult>"
            )
        assert request.method == "PUT"
        self._put(key, body, request.headers.get("content-type", ""))
        return web.Response(headers={"etag": '"whole"'})

    def _put(self, key: str, data: bytes, kind: str) -> None:
        self.objects[key] = data, kind, datetime.now(UTC)

    def _object(self, request: web.Request, key: str) -> web.Response:
        if key not in self.objects:
            return web.Response(status=404)
        data, kind, at = self.objects[key]
        headers = {
            "content-type": kind,
            "etag": f'"{hashlib.md5(data).hexdigest()}"',
            "last-modified": at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        }
        span = request.http_range
        if span.start is None:
            return web.Response(body=data, headers=headers)
        start, stop, _ = span.indices(len(data))
        headers["content-range"] = f"bytes {start}-{stop - 1}/{len(data)}"
        return web.Response(status=206, body=data[start:stop], headers=headers)

    def _listed(self) -> web.Response:
        found = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(data)}</Size><ETag>&quot;x&quot;</ETag>"
            f"<LastModified>{at.strftime('%Y-%m-%dT%H:%M:%S.000Z')}</LastModified></Contents>"
            for key, (data, _, at) in sorted(self.objects.items())
        )
        return _xml(f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>")


def _xml(text: str) -> web.Response:
    return web.Response(text=f'<?xml version="1.0"?>{text}', content_type="application/xml")

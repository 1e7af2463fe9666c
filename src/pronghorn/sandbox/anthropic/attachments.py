"""Pictures, documents and search results of a request: looked at once, for what they weigh and what can be said.

The sandbox is offline: what stands at an address or in Anthropic's file store is not opened.
"""

import asyncio
import base64
import binascii
import io
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pronghorn.kit.later import Later
from pronghorn.sandbox import counting
from pronghorn.sandbox.anthropic import pdf
from pronghorn.sandbox.anthropic.shape import refuse
from pronghorn.sandbox.anthropic.turns import Turn, with_inner
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.openai.chat_prompt import describe_pictures

if TYPE_CHECKING:
    import PIL
    from PIL import Image
else:
    PIL = Later("PIL")
    Image = Later("PIL.Image")


MAX_IMAGE_BYTES = 5 * 1024 * 1024
MAX_PDF_BYTES = 32 * 1024 * 1024
MAX_PDF_PAGES = 600
MAX_SIDE = 8000
MAX_IMAGE_TOKENS = 1600
PIXELS_PER_TOKEN = 750
TOKENS_PER_PAGE = 1500
MAX_QUOTED = 500

Shape = dict[str, Any]


@dataclass(slots=True)
class Attachments:
    sentences: list[str] = field(default_factory=list)
    citations: list[Shape] = field(default_factory=list)
    """One for each document and search result that wants to be cited."""
    tokens: dict[int, int] = field(default_factory=dict)
    """`id` of the block to what it weighs."""


async def look(turns: list[Turn]) -> Attachments:
    """Raises `SandboxError` for what cannot be read or is too large."""
    found = Attachments()
    blocks = [inner for turn in turns for path, block in turn.blocks for inner in with_inner(path, block)]
    pictures = [(path, block) for path, block in blocks if block["type"] == "image"]
    documents = [(path, block) for path, block in blocks if block["type"] == "document"]
    results = [block for path, block in blocks if block["type"] == "search_result"]
    if said := await _describe(pictures, found):
        found.sentences.append(said)
    for index, (path, block) in enumerate(documents):
        await asyncio.to_thread(_read_document, path, block, index, found)
    for index, block in enumerate(results):
        _read_result(block, index, found)
    return found


async def _describe(pictures: list[tuple[str, Shape]], found: Attachments) -> str:
    urls = []
    for path, block in pictures:
        source = block["source"]
        if source["type"] == "base64":
            found.tokens[id(block)] = await asyncio.to_thread(_weigh, path, source)
            urls.append(f"data:{source['media_type']};base64,{source['data']}")
        else:
            found.tokens[id(block)] = MAX_IMAGE_TOKENS
            urls.append("https://example.com/")
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    try:
        return await describe_pictures([{"role": "user", "content": parts}])
    except SandboxError as error:
        raise refuse("messages", "Could not process image") from error


def _weigh(path: str, source: Shape) -> int:
    path = f"{path}.image.source.base64"
    data = _decoded(path, source["data"])
    if len(data) > MAX_IMAGE_BYTES:
        raise refuse(path, f"image exceeds 5 MB maximum: {len(data)} bytes > {MAX_IMAGE_BYTES} bytes")
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            kind = Image.MIME.get(image.format or "", "")
    except (PIL.UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise refuse(path, "Could not process image") from error
    if kind != source["media_type"]:
        raise refuse(
            path,
            f"The image was specified using the {source['media_type']} media type, "
            f"but the image appears to be a {kind} image",
        )
    if max(width, height) > MAX_SIDE:
        raise refuse(path, f"At least one of the image dimensions exceed max allowed size: {MAX_SIDE} pixels")
    return min(math.ceil(width * height / PIXELS_PER_TOKEN), MAX_IMAGE_TOKENS)


def _decoded(path: str, data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise refuse(f"{path}.data", "Invalid base64 data") from error


def _read_document(path: str, block: Shape, index: int, found: Attachments) -> None:
    source, name = block["source"], block.get("title") or f"Document {index + 1}"
    if source["type"] in ("url", "file"):
        found.tokens[id(block)] = TOKENS_PER_PAGE
        found.sentences.append(f"{name} is at a place that the sandbox, being offline, does not open.")
        return
    if source["type"] == "base64":
        pages, text = _read_pdf(f"{path}.document.source.base64", source["data"])
        found.tokens[id(block)] = pages * TOKENS_PER_PAGE + counting.count(text)
        told = f"{pages} page{'s' * (pages > 1)}"
        place = {"type": "page_location", "start_page_number": 1, "end_page_number": 2}
    elif source["type"] == "text":
        text = source["data"]
        found.tokens[id(block)] = counting.count(text)
        told = f"{len(text)} characters"
        place = {
            "type": "char_location",
            "start_char_index": 0,
            "end_char_index": len(text[:MAX_QUOTED]),
        }
    else:
        text = _text_of(source["content"])
        found.tokens[id(block)] = counting.count(text) if isinstance(source["content"], str) else 0
        told = f"{len(text)} characters"
        place = {"type": "content_block_location", "start_block_index": 0, "end_block_index": 1}
    quoted = text[:MAX_QUOTED]
    found.sentences.append(f"{name} has {told}{f' and says: {quoted}' if quoted else '.'}")
    if (block.get("citations") or {}).get("enabled"):
        cited = {"cited_text": quoted, "document_index": index, "document_title": block.get("title")}
        found.citations.append({**place, **cited, "file_id": None})


def _read_pdf(path: str, data: str) -> tuple[int, str]:
    content = _decoded(path, data)
    if len(content) > MAX_PDF_BYTES:
        raise refuse(path, f"PDF exceeds 32 MB maximum: {len(content)} bytes > {MAX_PDF_BYTES} bytes")
    try:
        pages, text = pdf.look(content)
    except pdf.NotAPdf as error:
        raise refuse(f"{path}.data", "The PDF specified was not valid.") from error
    if pages > MAX_PDF_PAGES:
        raise refuse(f"{path}.data", f"A maximum of {MAX_PDF_PAGES} PDF pages may be provided.")
    return pages, text


def _text_of(content: str | list[Shape]) -> str:
    if isinstance(content, str):
        return content
    return " ".join(part["text"] for part in content if part["type"] == "text")


def _read_result(block: Shape, index: int, found: Attachments) -> None:
    quoted = _text_of(block["content"])[:MAX_QUOTED]
    found.sentences.append(f"{block['title']} ({block['source']}) says: {quoted}")
    if (block.get("citations") or {}).get("enabled"):
        found.citations.append(
            {
                "type": "search_result_location",
                "cited_text": quoted,
                "search_result_index": index,
                "source": block["source"],
                "title": block["title"],
                "start_block_index": 0,
                "end_block_index": 1,
            }
        )

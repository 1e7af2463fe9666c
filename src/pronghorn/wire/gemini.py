"""The Gemini dialect, as far as the gateway has to understand it. Sources: Google's discovery document, wire notes.

Members may be written in camelCase or snake_case; Google's own SDK mixes both in one body.
"""

from typing import Any

import msgspec

from pronghorn.wire.openai import Count, Limit


class GenerationConfig(msgspec.Struct, gc=False):
    maxOutputTokens: Limit | None = None
    max_output_tokens: Limit | None = None
    candidateCount: Count | None = None
    candidate_count: Count | None = None


class Peek(msgspec.Struct, gc=False):
    """What the gateway needs of a request body; the model and whether it streams are in the path."""

    generationConfig: GenerationConfig | None = None
    generation_config: GenerationConfig | None = None


class ModalityCount(msgspec.Struct, gc=False):
    modality: str | None = None
    tokenCount: int | None = None


class UsageMetadata(msgspec.Struct, gc=False):
    """`promptTokenCount` has the cached tokens in it, `candidatesTokenCount` has no thoughts in it."""

    promptTokenCount: int | None = None
    cachedContentTokenCount: int | None = None
    candidatesTokenCount: int | None = None
    thoughtsTokenCount: int | None = None
    toolUsePromptTokenCount: int | None = None
    totalTokenCount: int | None = None
    promptTokensDetails: list[ModalityCount] | None = None
    cacheTokensDetails: list[ModalityCount] | None = None
    """Of the cached part, which is in the prompt's details, too."""
    candidatesTokensDetails: list[ModalityCount] | None = None


class Part(msgspec.Struct, gc=False):
    text: str | None = None
    functionCall: Any = None
    inlineData: Any = None
    executableCode: Any = None
    codeExecutionResult: Any = None


class Content(msgspec.Struct, gc=False):
    parts: list[Part] | None = None


class Candidate(msgspec.Struct, gc=False):
    content: Content | None = None
    finishReason: str | None = None


class PromptFeedback(msgspec.Struct, gc=False):
    blockReason: str | None = None


class Answer(msgspec.Struct, gc=False):
    """A whole answer, or one chunk of a stream: they have the same shape."""

    candidates: list[Candidate] | None = None
    promptFeedback: PromptFeedback | None = None
    usageMetadata: UsageMetadata | None = None
    error: Any = None


class Embedding(msgspec.Struct, gc=False):
    embedding: Any = None
    embeddings: list[Any] | None = None
    usageMetadata: UsageMetadata | None = None
    error: Any = None


embedding_decoder = msgspec.json.Decoder(Embedding)
peek_decoder = msgspec.json.Decoder(Peek)
answer_decoder = msgspec.json.Decoder(Answer)

"""OpenAI's chat completions, as frozen records: what is read of a request, and what is answered.

Fields of theirs that mean nothing here are passed over, as other servers of these routes do. None
of them shows anybody's words in a representation.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from finmodel.errors import BadInput, FinmodelError

Finish: TypeAlias = Literal["stop", "length", "content_filter"]
"""`content_filter`: a script answers in the model's place, or a guard ended the reply."""
Tokens: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000)]
CHUNK = "chat.completion.chunk"


class _Quiet(Struct, frozen=True, kw_only=True):
    """A record that shows nothing of what it holds."""

    def __repr__(self) -> str:
        return type(self).__name__


class Part(_Quiet, frozen=True):
    """A piece of a message; only text is read."""

    type: str
    text: str = ""


class ChatMessage(_Quiet, frozen=True):
    """One message so far."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, Meta(max_length=100_000)] | tuple[Part, ...] | None = None

    @property
    def text(self) -> str:
        """Its words; BadInput where a part is none."""
        if isinstance(self.content, str) or self.content is None:
            return self.content or ""
        if any(part.type != "text" for part in self.content):
            raise BadInput("only text is read", where="messages", remedy="leave pictures out")
        return "".join(part.text for part in self.content)


class StreamOptions(Struct, frozen=True):
    """What a stream holds beside the reply."""

    include_usage: bool = False


class ChatRequest(_Quiet, frozen=True):
    """What is asked of `POST /v1/chat/completions`."""

    model: Annotated[str, Meta(max_length=200)]
    messages: Annotated[tuple[ChatMessage, ...], Meta(min_length=1, max_length=500)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_completion_tokens: Tokens | None = None
    max_tokens: Tokens | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    seed: int | None = None
    n: Literal[1] | None = None


class Usage(Struct, frozen=True):
    """Tokens, about."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Said(_Quiet, frozen=True):
    """What the assistant says, whole or the next piece of it."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    refusal: str | None = None
    """Why nothing is said."""


class Choice(_Quiet, frozen=True):
    """The one reply."""

    message: Said
    finish_reason: Finish
    index: int = 0
    logprobs: None = None


class Completion(_Quiet, frozen=True):
    """The answer at once."""

    id: str
    created: int
    model: str
    choices: tuple[Choice, ...]
    usage: Usage
    system_fingerprint: str = ""
    """Who wrote: an adapter's version, or an engine."""
    object: Literal["chat.completion"] = "chat.completion"


class Model(Struct, frozen=True):
    """One that may be asked."""

    id: str
    created: int
    object: Literal["model"] = "model"
    owned_by: str = "finmodel"


class Models(Struct, frozen=True):
    """All that may be asked now."""

    data: tuple[Model, ...]
    object: Literal["list"] = "list"


class OpenAIProblem(Struct, frozen=True):
    """What is wrong, where and what to do, in OpenAI's words."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAIRefusal(Struct, frozen=True):
    """Every answer of these addresses that is not a success has this form."""

    error: OpenAIProblem


def refusal_of(error: FinmodelError) -> bytes:
    """A refusal as OpenAI's clients read it.

    >>> refusal_of(BadInput("only text is read", where="messages", remedy="leave pictures out"))
    b'{"error":{"message":"only text is read; leave pictures out",\
"type":"invalid_request_error","param":"messages","code":"BadInput"}}'
    """
    said = f"{error.what}; {error.remedy}" if error.remedy else error.what
    kind = "invalid_request_error" if error.http_status < 500 else "server_error"
    problem = OpenAIProblem(said, kind, error.where or None, error.code)
    return msgspec.json.encode(OpenAIRefusal(problem))


def chunk_of(whole: Completion, delta: dict[str, Any], finish: Finish | None = None) -> bytes:
    """A piece of a stream, as a server-sent event."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return event_of(_piece(whole) | {"choices": [choice]})


def usage_of(whole: Completion) -> bytes:
    """The event that tells of tokens, which has no choice."""
    return event_of(_piece(whole) | {"choices": [], "usage": whole.usage})


def event_of(told: Any) -> bytes:
    """One server-sent event without a name."""
    return b"data: " + msgspec.json.encode(told) + b"\n\n"


def _piece(whole: Completion) -> dict[str, Any]:
    return {
        "id": whole.id,
        "object": CHUNK,
        "created": whole.created,
        "model": whole.model,
        "system_fingerprint": whole.system_fingerprint,
    }

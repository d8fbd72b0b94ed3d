"""Any server that speaks OpenAI's routes, by its URL: llama.cpp's, vLLM, SGLang.

`http://host:port/v1`, with `#model` behind where it serves several, comes in; replies go out. Where
the base's tokenizer is known the prompt goes as token numbers, those of training; else the server
applies its own template to messages in which nothing can be read as a control token.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

from finmodel.assistant.engines.engine import Asked, Spoken, limited
from finmodel.errors import BadInput, FinmodelError, NotFound, NotReady, Refused

_CONTROL: Final = re.compile(r"<\|[^|<>]{1,40}\|>|\[/?INST\]|<</?SYS>>|</?s>|</?think>", re.I)
_DATA: Final = "data: "
_DONE: Final = "[DONE]"
_WAIT_S: Final = 10.0
"""For an answer that is no reply."""
_SOON_S: Final = 2.0
"""The same, where a reply waits for it."""
_AGAIN_S: Final = 60.0
"""So long a server that gave no answer to what it serves is not asked again."""
_LLAMA_CPP: Final = "llamacpp"
"""Who owns a model, by llama.cpp's own server."""


Clock = Callable[[], float]


class Endpoint:
    """A server of OpenAI's routes."""

    keeps = False  # it may, but it is not ours to keep busy

    def __init__(
        self,
        url: str,
        *,
        key: str = "",
        spoken: Spoken | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        """BadInput where it is no URL of http or https; asks nothing yet."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput(
                "it is no http:// or https:// URL",
                where="endpoint",
                remedy="give http://127.0.0.1:8000/v1, with #MODEL behind where it has several",
            )
        self._secure, self._host = parts.scheme == "https", parts.hostname
        self._port, self._path = parts.port, parts.path.rstrip("/") or "/v1"
        self._key, self._spoken, self._model = key, spoken, parts.fragment
        self._grammars: bool | None = None
        self._clock, self._ask_again = clock, clock()
        self.name = f"{self._host}:{self._port}" if self._port else self._host

    def stream(self, asked: Asked) -> Generator[str, None, None]:
        """The reply in pieces; NotReady where the server does not answer."""
        return limited(self._pieces(asked), asked)

    def close(self) -> None:
        """Each request has a connection of its own: nothing is held."""

    @property
    def grammars(self) -> bool:
        """Whether it is llama.cpp's own server: others pass over a grammar, or refuse it.

        It is asked once; where it gave no answer, again after a minute.
        """
        if self._grammars is None and self._clock() >= self._ask_again:
            try:
                told = self._served(_SOON_S)
            except (FinmodelError, OSError, HTTPException, ValueError, LookupError, TypeError):
                self._ask_again = self._clock() + _AGAIN_S
                return False
            mine = {name: owner for name, owner in told.items() if name == self._model} or told
            self._grammars = set(mine.values()) == {_LLAMA_CPP}
        return bool(self._grammars)

    def models(self) -> tuple[str, ...]:
        """The names of what it serves; NotReady where it does not answer."""
        return tuple(self._served(_WAIT_S))

    def _served(self, seconds: float) -> dict[str, str]:
        """What it serves, and to whom each model belongs by its own account."""
        with (
            closing(self._connected(seconds)) as connection,
            self._asked(connection, "GET", "/models", None) as answer,
        ):
            told = json.loads(answer.read())
        return {str(one["id"]): str(one.get("owned_by", "")) for one in told["data"]}

    def _pieces(self, asked: Asked) -> Generator[str, None, None]:
        route, body = self._request(asked)
        with (
            closing(self._connected(asked.seconds)) as connection,
            self._asked(connection, "POST", route, body) as answer,
        ):
            yield from self._told(answer)

    def _request(self, asked: Asked) -> tuple[str, dict[str, Any]]:
        model = asked.adapter or self._model or self._first()
        body: dict[str, Any] = {
            "model": model,
            "max_tokens": asked.most,
            "temperature": asked.temperature,
            "seed": asked.seed,
            "stream": True,
        }
        body |= {"grammar": asked.grammar} if asked.grammar else {}
        if self._spoken is not None:
            return "/completions", body | {"prompt": self._spoken.prompt(asked)}
        said = [{"role": one.role, "content": defused(one.text)} for one in asked.messages]
        return "/chat/completions", body | {"messages": said}

    def _first(self) -> str:
        self._model = next(iter(self.models()), "")
        return self._model

    def _connected(self, seconds: float) -> HTTPConnection:
        kind = HTTPSConnection if self._secure else HTTPConnection
        return kind(self._host, self._port, timeout=seconds)

    def _asked(
        self, connection: HTTPConnection, method: str, route: str, body: dict[str, Any] | None
    ) -> HTTPResponse:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, self._path + route, data, headers)
            answer = connection.getresponse()
        except (OSError, HTTPException) as error:
            raise self._silent(error) from error
        if answer.status != 200:
            raise self._refusal(answer.status, route)
        return answer

    def _told(self, answer: HTTPResponse) -> Iterator[str]:
        try:
            for line in answer:
                text = line.decode().strip()
                if text == _DATA + _DONE:
                    return
                if text.startswith(_DATA):
                    yield _text_of(json.loads(text.removeprefix(_DATA)))
        except (OSError, HTTPException, ValueError) as error:
            raise self._silent(error) from error

    def _silent(self, error: Exception) -> NotReady:
        return NotReady(
            f"the endpoint does not answer ({type(error).__name__})",
            where=self.name,
            remedy="see that the server runs there and has loaded its model",
        )

    def _refusal(self, status: int, route: str) -> FinmodelError:
        """What a status means; the server's own words may hold the prompt: not repeated."""
        if status in (401, 403):
            return Refused(
                "the endpoint wants a key", where=self.name, remedy="set FINMODEL_ENDPOINT_KEY"
            )
        if status == 404:
            return NotFound(
                f"the endpoint has no {self._path}{route}, or not this model",
                where=self.name,
                remedy="give the URL up to /v1, with #MODEL behind",
            )
        if 400 <= status < 500 and status != 429:
            return BadInput(
                f"the endpoint does not take the request ({status})",
                where=self.name,
                remedy="see that the conversation fits its context",
            )
        return NotReady(
            f"the endpoint is busy or failed ({status})", where=self.name, remedy="try again"
        )


def defused(text: str) -> str:
    """A text in which a server's template finds no control token.

    >>> defused("<|im_end|>怎么还款")
    '<｜im_end｜>怎么还款'
    """
    return _CONTROL.sub(lambda found: found[0].translate(_WIDE), text)


_WIDE: Final = str.maketrans({"|": "｜", "[": "［", "]": "］", "/": "／", "s": "ｓ", "t": "ｔ"})


def _text_of(chunk: dict[str, Any]) -> str:
    choices = chunk.get("choices") or [{}]
    said = choices[0].get("text") or (choices[0].get("delta") or {}).get("content")
    return str(said or "")

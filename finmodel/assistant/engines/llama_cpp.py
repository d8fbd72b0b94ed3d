"""llama.cpp in this process, by xllamacpp: a GGUF on the CPU, adapters switched with each request.

A base's GGUF and adapters' GGUFs come in; replies go out. Prompts go in as token numbers that the
base's own tokenizer made, so they are those of training. The library opens a port on the loopback
address beside: it is locked with a key that nobody is told.
"""

from __future__ import annotations

import queue
import secrets
import threading
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, Final

from finmodel.assistant.engines.engine import (
    Asked,
    Laid,
    Read,
    Spoken,
    broke_down,
    limited,
    require_all_of,
    require_known,
    was_closed,
)
from finmodel.errors import BadInput, FinmodelError, NotFound, NotReady

CONTEXT: Final = 4_096
"""Tokens of a conversation and its reply."""
READ_AT_ONCE: Final = 128
"""Tokens of a prompt that are read before those who write get a turn."""
_KEPT_MIB: Final = 1_024
"""Memory for what was read of conversations that have no slot any more."""
_ALIKE: Final = 0.5
"""A conversation takes the slot of one with which it shares so much, else that of the one that was
longest not asked about: all share their opening, and would push each other out for it."""
_TOO_LONG: Final = "exceed_context_size_error"
_END: Final = object()


class LlamaCpp:
    """A GGUF base with its adapters, in this process."""

    name = "llama.cpp"
    grammars = True
    keeps = True

    def __init__(
        self,
        gguf: Path,
        spoken: Spoken,
        adapters: Mapping[str, Laid] | None = None,
        *,
        context: int = CONTEXT,
        slots: int = 1,
        threads: int = 0,
    ) -> None:
        """Load a base; `slots` conversations at once, each with its prefix cached.

        BadInput where an adapter belongs to another base, NotReady where the file does not load.
        """
        laid = dict(adapters or {})
        require_all_of(spoken.digest, laid)
        if not gguf.is_file():
            raise NotFound("no such file", where=str(gguf), remedy="name a base's .gguf file")
        self._spoken = spoken
        self._numbers = {name: number for number, name in enumerate(laid)}
        self._server = _opened(gguf, list(laid.values()), (context, slots, threads))

    def stream(self, asked: Asked) -> Generator[str, None, None]:
        """The reply in pieces; closed early, the slot is free after the next token."""
        require_known(asked.adapter, self._numbers, self.name)
        return limited(self._pieces(asked), asked)

    def close(self) -> None:
        """Let go of the model."""
        self._server = None

    def _pieces(self, asked: Asked) -> Generator[str, None, None]:
        if self._server is None:
            raise was_closed(self.name)
        heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
        cancelled = threading.Event()
        ask = threading.Thread(
            target=_ask, args=(self._server, self._request(asked), heard, cancelled), daemon=True
        )
        ask.start()
        try:
            tell = asked.tell
            while (chunk := heard.get()) is not _END:
                said = self._text(chunk)
                if tell is not None and (times := chunk.get("timings")):
                    kept = int(times["cache_n"])
                    tell(Read(kept + int(times["prompt_n"]), kept))
                    tell = None
                yield said
        finally:
            cancelled.set()

    def _request(self, asked: Asked) -> dict[str, Any]:
        request = {
            "prompt": self._spoken.prompt(asked),
            "max_tokens": asked.most,
            "temperature": asked.temperature,
            "seed": asked.seed,
            "stream": True,
            "cache_prompt": True,
            "timings_per_token": True,  # they tell what was kept of the prompt
            # An adapter that is not named would lie over the base with its own scale.
            "lora": [
                {"id": number, "scale": float(name == asked.adapter)}
                for name, number in self._numbers.items()
            ],
        }
        return request | ({"grammar": asked.grammar} if asked.grammar else {})

    def _text(self, chunk: Any) -> str:
        if isinstance(chunk, BaseException):
            raise broke_down(self.name, chunk, "open it again") from chunk
        if "error" in chunk:
            raise self._refusal(chunk["error"])
        return str(chunk["choices"][0]["text"])

    def _refusal(self, told: Mapping[str, Any]) -> FinmodelError:
        """What llama.cpp would not do; its own words may hold the prompt and are not repeated."""
        if told.get("type") == _TOO_LONG:
            return BadInput(
                f"the conversation has {told.get('n_prompt_tokens')} tokens, "
                f"{told.get('n_ctx')} are read",
                where=self.name,
                remedy="leave out its older messages, or open the engine with more context",
            )
        if "grammar" in str(told.get("message", "")):
            return BadInput("the grammar cannot be read", where=self.name, remedy="mend the GBNF")
        return NotReady(
            f"llama.cpp refused ({told.get('code')})", where=self.name, remedy="try again"
        )


def _ask(
    server: Any, request: dict[str, Any], heard: queue.SimpleQueue[Any], cancelled: threading.Event
) -> None:
    """Ask, and hand on what is said; an error too, since it belongs to whoever asked."""

    def hand_on(chunk: dict[str, Any]) -> bool:
        heard.put(chunk)
        return cancelled.is_set()

    try:
        told = server.handle_completions(request, hand_on)
        if told:
            heard.put(told)
    except Exception as error:  # noqa: BLE001 - it crosses a thread
        heard.put(error)
    finally:
        heard.put(_END)


def _opened(gguf: Path, laid: list[Laid], sizes: tuple[int, int, int]) -> Any:
    import xllamacpp

    context, slots, threads = sizes
    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.n_ctx, params.n_parallel = context * slots, slots
    if threads:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(one.path), 0.0) for one in laid]
    params.n_batch = params.n_ubatch = READ_AT_ONCE
    params.cache_ram_mib = _KEPT_MIB
    params.slot_prompt_similarity = _ALIKE
    params.verbosity = 0  # its log would hold prompts
    params.api_keys = [secrets.token_urlsafe(32)]
    params.ui = params.endpoint_slots = params.warmup = params.fit_params = False
    try:
        server = xllamacpp.Server(params)
        # Let go of before its loop runs, the library would wait for it for ever.
        server.handle_completions({"prompt": [0], "max_tokens": 1, "cache_prompt": False})
        return server
    except (RuntimeError, ValueError) as error:
        raise NotReady(
            "llama.cpp cannot load it",
            where=gguf.name,
            remedy="see that base and adapters are whole and fit into memory",
        ) from error

"""transformers in this process: a base's directory, with PEFT's adapters chosen by request.

A model comes in, or the directory of one; replies go out, a token at a time. It is the engine of a
GPU, and on a CPU the one whose likelihoods training knows; code of a model's own is never run.
Whoever asks while others are being written for joins them at the next token. One thread writes; it
ends where nobody waits. transformers' own `ContinuousBatchingManager` (5.24) lays no adapters by
request, knows no wording and no seed of a reply's own, and ends with an error of one step.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from finmodel.assistant.engines.batch import (
    NOTHING,
    Batch,
    Row,
    chosen,
    device_of,
    joined,
    new,
    only,
    plain_attention,
    read_on,
)
from finmodel.assistant.engines.engine import (
    Asked,
    Laid,
    Read,
    Spoken,
    broke_down,
    limited,
    refuse_grammar,
    require_all_of,
    require_known,
    was_closed,
)
from finmodel.assistant.engines.laid import LaidAdapters
from finmodel.errors import FinmodelError


@dataclass(slots=True, eq=False)
class _Reply:
    """A row, and the way to whoever reads it."""

    row: Row
    until: float
    heard: queue.SimpleQueue[int | Exception | None] = field(default_factory=queue.SimpleQueue)
    """Its tokens, and None or an error behind the last one."""
    told: int = 0
    left: bool = False
    """Its reader has gone."""

    def tell(self) -> None:
        """What is new."""
        for token in self.row.out[self.told :]:
            self.heard.put(token)
        self.told = len(self.row.out)
        if self.row.ended:
            self.heard.put(None)

    def fail(self, error: Exception) -> None:
        """It ends with an error."""
        self.heard.put(error)
        self.row.ended = True

    def goes_on(self) -> bool:
        """Whether there is somebody to write for; whoever waits on hears the end."""
        if not (self.row.ended or self.left or time.monotonic() > self.until):
            return True
        self.heard.put(None)
        return False


class Transformer:
    """A model of transformers; `slots` replies are written at once, whoever comes next waits."""

    name = "transformers"
    grammars = False
    keeps = False

    def __init__(self, model: Any, spoken: Spoken, slots: int = 1) -> None:
        """A causal model, or one under PEFT with adapters by name."""
        self._model, self._spoken, self._slots = model, spoken, slots
        self._laid, self._device = LaidAdapters(model), device_of(model)
        self._lock = threading.Lock()
        self._waiting: list[_Reply] = []
        self._thread: threading.Thread | None = None
        self._writes = self._closed = False
        # Of the thread that writes:
        self._reading: list[tuple[_Reply, Batch]] = []
        self._writing: dict[str, Batch] = {}

    def stream(self, asked: Asked) -> Generator[str, None, None]:
        """The reply in pieces; closed early, its slot is free after the next token."""
        require_known(asked.adapter, self._laid.names, self.name)
        refuse_grammar(asked, self.name)
        return limited(self._pieces(asked), asked)

    def close(self) -> None:
        """End what is being written, and let go of the model."""
        with self._lock:
            self._closed = True
        if self._thread is not None:
            self._thread.join()
        self._laid.close()
        self._model = None

    def _pieces(self, asked: Asked) -> Generator[str, None, None]:
        decode = self._spoken.encode.decode
        row = Row.of(self._spoken, asked, self._device)
        reply = _Reply(row, time.monotonic() + asked.seconds)
        self._hand_over(reply)
        out: list[int] = []
        said = ""
        try:
            while (token := self._heard(reply)) is not None:
                if asked.tell is not None and not out:
                    asked.tell(Read(row.begun, 0))
                out.append(token)
                text = decode(out)
                if not text.endswith("\ufffd"):  # a character's first bytes
                    yield text[len(said) :]
                    said = text
        finally:
            reply.left = True

    def _heard(self, reply: _Reply) -> int | None:
        """The next token, or None behind the last one; NotReady where writing failed."""
        heard = reply.heard.get()
        if isinstance(heard, FinmodelError):
            raise heard
        if isinstance(heard, Exception):
            raise broke_down(self.name, heard, "ask again") from heard
        return heard

    def _hand_over(self, reply: _Reply) -> None:
        with self._lock:
            if self._closed:
                raise was_closed(self.name)
            self._waiting.append(reply)
            if not self._writes:
                self._writes = True
                self._thread = threading.Thread(target=self._write, name=self.name, daemon=True)
                self._thread.start()

    def _write(self) -> None:
        """The thread's work, until nobody wants a reply."""
        before: list[_Reply] = []
        while going := self._still_going(before):
            try:
                self._keep(going, before)
                self._turn(going)
            except Exception as error:  # noqa: BLE001 - it crosses threads
                self._reading.clear()
                self._writing.clear()
                for reply in going:
                    reply.fail(error)
            before = going

    def _still_going(self, before: list[_Reply]) -> list[_Reply]:
        """Those who go on, and whoever gets a slot that came free; the others hear the end.

        Where nobody goes on another thread may begin as soon as the lock is free: nothing is
        touched behind it.
        """
        with self._lock:
            every = [*before, *self._waiting]
            if self._closed:
                for reply in every:
                    reply.fail(was_closed(self.name))
            every = [reply for reply in every if reply.goes_on()]
            going, self._waiting = every[: self._slots], every[self._slots :]
            self._writes = bool(going)
            if not going:
                self._reading, self._writing = [], {}
        return going

    def _keep(self, going: list[_Reply], before: list[_Reply]) -> None:
        """Cut out the rows of those who left, and begin those who came."""
        there = {reply.row for reply in going}
        self._reading = [one for one in self._reading if one[0].row in there]
        for name, batch in self._writing.items():
            places = [place for place, row in enumerate(batch.rows) if row in there]
            self._writing[name] = only(batch, places)
        self._reading += [(reply, new(reply.row)) for reply in going if reply not in before]

    def _turn(self, going: list[_Reply]) -> None:
        """A token more of each reply, and a piece more of the prompt that waits longest."""
        for name, batch in self._writing.items():
            if batch.rows:
                self._writing[name] = chosen(batch)
        for reply in going:
            reply.tell()
        for name, batch in self._writing.items():
            self._writing[name] = self._read_on(batch)
        if self._reading:
            self._read_prompt(*self._reading.pop(0))

    def _read_prompt(self, reply: _Reply, batch: Batch) -> None:
        try:
            batch = self._read_on(batch)
        except Exception as error:  # noqa: BLE001 - it crosses a thread, and is this reply's alone
            reply.fail(error)
            return
        if batch.unread:
            self._reading.insert(0, (reply, batch))
            return
        name = self._laid.batch_of(reply.row.asked.adapter)
        self._writing[name] = joined(self._writing.get(name, NOTHING), batch)

    def _read_on(self, batch: Batch) -> Batch:
        if not batch.unread:
            return batch
        adapters = [row.asked.adapter for row in batch.rows]
        with plain_attention(self._model), self._laid.over(adapters):
            return read_on(self._model, batch)


def open_transformer(
    folder: Path,
    spoken: Spoken,
    adapters: Mapping[str, Laid] | None = None,
    *,
    dtype: torch.dtype = torch.float32,
    slots: int = 1,
) -> Transformer:
    """A base from its directory, on the GPU where there is one; `slots` replies at once.

    BadInput where an adapter belongs to another base.
    """
    laid = dict(adapters or {})
    require_all_of(spoken.digest, laid)
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=dtype,
        trust_remote_code=False,
        use_safetensors=True,
        local_files_only=True,
    )
    if torch.cuda.is_available():
        model = model.to("cuda")
    for place, (name, one) in enumerate(laid.items()):
        if place == 0:
            model = PeftModel.from_pretrained(model, one.path, adapter_name=name)
        else:
            model.load_adapter(one.path, adapter_name=name)
    return Transformer(model.eval(), spoken, slots)

"""PEFT's adapters over one base, by the rows of a batch that want them.

A model comes in, and for each step the adapter's name of every row. Where all want the same, PEFT's
ordinary way stands; where they differ, each layer is told the names, and adds to a row what its own
adapter makes of it. Rows whose adapters PEFT cannot mix belong into batches of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from peft import LoraConfig
from peft.tuners.lora import LoraLayer

_NONE: Final = "__base__"
"""What PEFT calls the bare base among the names of rows."""


class LaidAdapters:
    """A model's adapters; one thread at a time."""

    def __init__(self, model: Any) -> None:
        """A causal model, or one under PEFT."""
        self._model = model
        self.names: tuple[str, ...] = tuple(getattr(model, "peft_config", ()))
        layers: list[Any] = [one for one in model.modules() if isinstance(one, LoraLayer)]
        self._mixes = bool(layers) and all(map(_plain, model.peft_config.values()))
        self._mixes = self._mixes and not any(one.lora_variant for one in layers)
        self._rows: list[str] | None = None
        self._told = [one.register_forward_pre_hook(self._tell, with_kwargs=True) for one in layers]

    def batch_of(self, adapter: str) -> str:
        """Which rows may be written in one batch: those of which this says the same."""
        return "" if self._mixes else adapter

    @contextmanager
    def over(self, rows: Sequence[str]) -> Iterator[None]:
        """Each row's adapter over the base, or none where its name is empty."""
        first = rows[0]
        if not self.names:
            yield
        elif first and all(name == first for name in rows):
            if self._model.active_adapter != first:
                self._model.set_adapter(first)
            yield
        elif not self._mixes:
            with self._model.disable_adapter():
                yield
        else:
            self._rows = [name or _NONE for name in rows]
            try:
                yield
            finally:
                self._rows = None

    def close(self) -> None:
        """Leave the model as it was."""
        for one in self._told:
            one.remove()

    def _tell(self, _: Any, given: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return given, named if self._rows is None else named | {"adapter_names": self._rows}


def _plain(config: Any) -> bool:
    """Whether an adapter changes nothing but linears of which PEFT can mix rows."""
    return isinstance(config, LoraConfig) and not (
        config.modules_to_save or config.trainable_token_indices or config.target_parameters
    )

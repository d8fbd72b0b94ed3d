"""The bytes of tensors that are alive while torch works, real ones or fake.

A `with` comes in; what was alive at most inside it goes out, by phase, beside what was known
before. Counts storages, as often as they are viewed but once; knows no allocator.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sums the storages that operators make, for as long as somebody holds them."""

    def __init__(self, phase: str = "") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = 0
        self.phase = phase
        self.peak: dict[str, int] = {phase: 0}
        self._known: set[int] = set()

    def know(self, tensor: torch.Tensor) -> None:
        """Leave a tensor's storage out of the account; it has to outlive the `with`."""
        self._known.add(id(tensor.untyped_storage()))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any | None = None
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        for one in tree_leaves(found):
            if isinstance(one, torch.Tensor):
                self._take(one.untyped_storage())
        self.peak[self.phase] = max(self.peak.get(self.phase, 0), self.now)
        return found

    def _take(self, storage: Any) -> None:
        name, size = id(storage), storage.nbytes()
        if name not in self._known:
            self._known.add(name)
            self.now += size
            weakref.finalize(storage, self._drop, name, size)

    def _drop(self, name: int, size: int) -> None:
        self._known.discard(name)
        self.now -= size

"""Cards by name: how much they multiply a second and hold, as their makers print it.

Pure. Rates are dense bfloat16 products with float32 sums; memory is what the card has for a
process, which is a little less than its name says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from finmodel.errors import NotFound

CPU: Final = "cpu"
"""This machine, measured when it is asked for."""


@dataclass(frozen=True, slots=True)
class Device:
    """Something that a run may take place on."""

    name: str
    rate: float
    """Floating-point operations a second."""
    memory: int
    """Bytes."""
    runtime: int
    """Bytes that are taken before any tensor is: the CUDA context and its libraries."""
    slack: float
    """What the allocator takes beside the tensors that come and go, as a part of them."""
    utilisation: float
    """The part of the rate that a run may be planned with."""


def _card(name: str, teraflops: float, gibibytes: float) -> Device:
    return Device(
        name,
        rate=teraflops * 1e12,
        memory=int(gibibytes * 2**30),
        runtime=768 << 20,
        slack=0.08,
        utilisation=0.5,
    )


CARDS: Final[Mapping[str, Device]] = {
    one.name: one
    for one in (
        _card("h100-80g", 989.4, 79.1),
        _card("h200-141g", 989.4, 139.8),
        _card("h20-96g", 148.0, 95.1),
        _card("a100-80g", 312.0, 79.1),
        _card("a100-40g", 312.0, 39.4),
        _card("l40s-48g", 362.0, 44.4),
        _card("4090-24g", 165.2, 23.5),
    )
}


def card(name: str) -> Device:
    """A card by its name.

    >>> card("h100")
    Traceback (most recent call last):
    finmodel.errors.NotFound: --device: no card is called 'h100'; name one of: cpu, h100-80g, \
h200-141g, h20-96g, a100-80g, a100-40g, l40s-48g, 4090-24g
    """
    if name not in CARDS:
        raise NotFound(
            f"no card is called {name!r}",
            where="--device",
            remedy=f"name one of: {', '.join([CPU, *CARDS])}",
        )
    return CARDS[name]

"""How much memory a step takes, for any number of layers, from traces of two and three.

Traces come in; bytes by part and the settings that fit come out. A layer's share is a difference of
two traces, so what is said of forty layers is exact as long as they are alike. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

FORWARD: Final = "forward"
LOSS: Final = "loss"
BACKWARD: Final = "backward"


@dataclass(frozen=True, slots=True)
class Trace:
    """Bytes that are alive at most, by phase of a step, beside weights and adapter."""

    peak: Mapping[str, int]
    kept: int
    """At the end of the way forward, before the loss."""


@dataclass(frozen=True, slots=True)
class Traces:
    """Steps of few layers: (layers, so many of them computed again)."""

    none_of_three: Trace
    one_of_two: Trace
    one_of_three: Trace
    all_of_two: Trace
    all_of_three: Trace


@dataclass(frozen=True, slots=True)
class Parts:
    """Bytes when most are taken."""

    weights: int
    adapter: int
    gradients: int
    optimiser: int
    activations: int
    logits: int
    beside: int
    """The allocator's and the libraries'."""
    at: str
    """Where in the step that is."""

    @property
    def peak(self) -> int:
        """Bytes of all parts."""
        held = self.weights + self.adapter + self.gradients + self.optimiser
        return held + self.activations + self.logits + self.beside


@dataclass(frozen=True, slots=True)
class Held:
    """What is held for all of a step. Bytes."""

    weights: int
    adapter: int
    layers: int
    """How many layers there are."""
    more_packs: bool
    """A step has several packs: the gradients of those before are there from the beginning."""
    extra: int = 0
    """A product's own: the panel or the matrix that four-bit weights are unpacked to."""


def parts(held: Held, traces: Traces, again: int, runtime: int, slack: float) -> Parts:
    """The memory of a step in which `again` of the layers are computed again."""
    peaks = {
        FORWARD: _at(traces, FORWARD, held.layers, again),
        LOSS: _at(traces, LOSS, held.layers, again),
        BACKWARD: _backward(held, traces, again),
    }
    if held.more_packs:
        peaks = {phase: size + held.adapter for phase, size in peaks.items()}
    at = max(peaks, key=lambda phase: peaks[phase])
    gradients = held.adapter if at == BACKWARD or held.more_packs else 0
    logits = peaks[LOSS] - _kept(traces, held.layers, again) if at == LOSS else 0
    logits = max(logits - (held.adapter if held.more_packs else 0), 0)
    dynamic = peaks[at] + held.extra
    optimiser = 2 * held.adapter  # AdamW's two moments, in the adapter's own dtype
    return Parts(
        weights=held.weights,
        adapter=held.adapter,
        gradients=gradients,
        optimiser=optimiser,
        activations=dynamic - gradients - logits,
        logits=logits,
        beside=runtime + int(slack * dynamic),
        at=at,
    )


def fewest_again(layers: int, peak: Callable[[int], int], memory: int) -> int | None:
    """The fewest layers to compute again so that a step fits; None where even all are too few.

    >>> fewest_again(4, lambda again: 100 - 20 * again, 50), fewest_again(4, lambda _: 9, 8)
    (3, None)
    """
    return next((again for again in range(layers + 1) if peak(again) <= memory), None)


def _at(traces: Traces, phase: str, layers: int, again: int) -> int:
    """A phase on the way forward: what enters the layers computed again, and all of the others."""
    whole = traces.one_of_three.peak[phase] - traces.one_of_two.peak[phase]
    entry = traces.all_of_three.peak[phase] - traces.all_of_two.peak[phase]
    if again == 0:
        return traces.none_of_three.peak[phase] + (layers - 3) * whole
    if again == layers:
        return traces.all_of_three.peak[phase] + (layers - 3) * entry
    return traces.one_of_three.peak[phase] + (layers - again - 2) * whole + (again - 1) * entry


def _backward(held: Held, traces: Traces, again: int) -> int:
    """The way back: at its begin, and where the first layer is computed again."""
    begun = _at(traces, BACKWARD, held.layers, again)
    if again in (0, held.layers):
        return begun
    entry = traces.all_of_three.peak[BACKWARD] - traces.all_of_two.peak[BACKWARD]
    gradients = held.adapter * (held.layers - again) // held.layers
    return max(begun, traces.all_of_three.peak[BACKWARD] + (again - 3) * entry + gradients)


def _kept(traces: Traces, layers: int, again: int) -> int:
    whole = traces.one_of_three.kept - traces.one_of_two.kept
    entry = traces.all_of_three.kept - traces.all_of_two.kept
    if again == 0:
        return traces.none_of_three.kept + (layers - 3) * whole
    return traces.one_of_three.kept + (layers - again - 2) * whole + (again - 1) * entry

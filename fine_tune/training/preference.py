"""Direct preference optimisation: what agents sent becomes likelier than what they did not.

Packs of pairs (pairs.py) come in, a loss goes out. The reference is the model as it is before the
first step: its base, or the adapter that is learnt on; what it makes of the pairs is computed once
and kept. Source: Rafailov et al., 2023, "Direct Preference Optimization", equation 7.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from torch.nn.functional import logsigmoid

from fine_tune.lessons.pack import Pack, best_fit, pack_of
from fine_tune.lessons.pairs import pairs_in
from fine_tune.lessons.samples import Sample
from fine_tune.network.loss import Groups, frozen_head_losses
from fine_tune.network.model import Batch, before_learnt
from fine_tune.network.processes import first, shared_out
from finmodel.durable import replace_file
from finmodel.errors import Damaged
from finmodel.progress import Progress, silent, teller

KEPT: Final = "reference.safetensors"
_KEY: Final = "likelihood"


@dataclass(frozen=True, slots=True, eq=False)
class Preferring:
    """The loss of pairs, as `train.py` asks for it: mean over a step's pairs."""

    beta: float
    """How far the reference is left: the smaller, the farther."""

    def __call__(
        self, model: Any, packs: Sequence[Pack], device: torch.device
    ) -> Iterator[torch.Tensor]:
        """Each pack's part of the loss, with its graph."""
        every = sum(pairs_in(one) for pack in packs for one in pack.samples)
        for pack, share in shared_out(packs):
            gained = likelihoods(model, pack, device) - _reference(pack, device)
            yield -logsigmoid(self.beta * (gained[0::2] - gained[1::2])).sum() * (share / every)


def likelihoods(model: Any, pack: Pack, device: torch.device) -> torch.Tensor:
    """(2 × pairs,) log-likelihood of what is learnt of each branch: a reply, then a suggestion."""
    batch = Batch.of(pack, device)
    hidden, head = before_learnt(model, batch)
    learnt = pack.column("learnt") > 0
    before = np.cumsum([0, *(2 * pairs_in(one) for one in pack.samples)])
    offset = np.repeat(before[:-1], np.diff(pack.begins))
    of = torch.from_numpy((offset + pack.column("branch") - 1)[learnt]).long().to(device)
    groups = Groups(of, int(before[-1]))
    return -frozen_head_losses(hidden, head, batch.target, batch.weight, groups)


def with_reference(
    model: Any, samples: Sequence[Sample], length: int, progress: Progress = silent
) -> tuple[Sample, ...]:
    """The samples, each with what the model makes of its branches as it is now."""
    device = next(model.parameters()).device
    rows = best_fit([len(one) for one in samples], length)
    tell = teller("pairs weighed by the reference", len(rows), progress)
    found = list(samples)
    model.eval()
    with torch.no_grad():
        for row in rows:
            told = likelihoods(model, pack_of([samples[place] for place in row]), device)
            ends = np.cumsum([2 * pairs_in(samples[place]) for place in row])[:-1]
            for place, part in zip(row, np.split(told.double().cpu().numpy(), ends), strict=True):
                found[place] = replace(samples[place], reference=part)
            tell()
    return tuple(found)


def kept_reference(
    folder: Path, model: Any, samples: Sequence[Sample], length: int, progress: Progress = silent
) -> tuple[Sample, ...]:
    """The same, from the folder of a run that goes on, or kept there; Damaged where it is torn."""
    path = folder / KEPT
    if not path.is_file():
        found = with_reference(model, samples, length, progress)
        every = np.concatenate([one.reference for one in found if one.reference is not None])
        if first():
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(path, save({_KEY: every}))
        return found
    ends = np.cumsum([2 * pairs_in(one) for one in samples])
    try:
        parts = np.split(load_file(path)[_KEY], ends)
    except (KeyError, OSError, SafetensorError) as error:
        raise Damaged("it cannot be read", where=str(path), remedy="remove it") from error
    if len(parts[-1]) or len(parts[-2]) != 2 * pairs_in(samples[-1]):
        raise Damaged("it is of other pairs", where=str(path), remedy="remove it")
    return tuple(replace(one, reference=part) for one, part in zip(samples, parts, strict=False))


class Preferred(NamedTuple):
    """How a model stands to pairs that it did not learn."""

    pairs: int
    agreement: float
    """Pairs whose reply gained more on the reference than the suggestion did; NaN without any."""
    margin: float
    """By how much, in nats, on average."""


def preferred(model: Any, samples: Sequence[Sample], length: int) -> Preferred:
    """What a model prefers of samples that have their reference."""
    device = next(model.parameters()).device
    margins = []
    model.eval()
    with torch.no_grad():
        for row in best_fit([len(one) for one in samples], length):
            pack = pack_of([samples[place] for place in row])
            gained = likelihoods(model, pack, device) - _reference(pack, device)
            margins.append((gained[0::2] - gained[1::2]).double().cpu())
    every = torch.cat(margins) if margins else torch.zeros(0, dtype=torch.float64)
    if not len(every):
        return Preferred(0, math.nan, math.nan)
    return Preferred(len(every), float((every > 0).double().mean()), float(every.mean()))


def _reference(pack: Pack, device: torch.device) -> torch.Tensor:
    kept = [one.reference for one in pack.samples if one.reference is not None]
    return torch.from_numpy(np.concatenate(kept)).to(device)

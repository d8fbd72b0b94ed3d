"""What may be offered to whom, at what gain and cost, and how much there is of everything.

Arrays over customers and offers come in and are checked; frozen options and limits go out. What
cannot be meant (a budget that buys nothing, an offer that nobody may get) is refused in a sentence.
Pure: knows no model, no consent and no clock.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from finmodel.errors import BadInput
from finmodel.records import Float64s, Int64s

Channels = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """n customers × k offers, each by the channel that is best for the two."""

    gain: Float64s
    """(n, k) expected gain; -inf where the offer may not be made."""
    cost: Float64s
    """(n, k) expected cost, 0 or more, in the budget's unit."""
    channel: Channels
    """(n, k) place of the channel."""
    offers: tuple[str, ...]
    channels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.gain)

    def only(self, rows: Int64s | slice) -> Options:
        """Some customers."""
        return Options(
            np.ascontiguousarray(self.gain[rows]),
            np.ascontiguousarray(self.cost[rows]),
            np.ascontiguousarray(self.channel[rows]),
            self.offers,
            self.channels,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """What a campaign may use up; infinity where nothing is said."""

    budget: float
    inventory: Float64s
    """(k,) how often each offer may be made."""
    capacity: Float64s
    """(channels,) how many contacts each channel takes."""

    @property
    def together(self) -> Float64s:
        """(1 + k + channels,) in the order of the prices."""
        return np.concatenate([[self.budget], self.inventory, self.capacity])


def options_of(
    gain: Float64s,
    cost: Float64s,
    channel: Channels,
    names: tuple[tuple[str, ...], tuple[str, ...]],
    allowed: npt.NDArray[np.bool_],
    minimum: float = 0.0,
) -> Options:
    """Options of which none is vetoed or gains less than the minimum; `names` of offers, channels.

    >>> one = options_of(np.array([[2.0, 9.0]]), np.ones((1, 2)), np.zeros((1, 2), np.int8),
    ...     (("rate cut", "credit"), ("sms",)), np.array([[True, False]]))
    >>> one.gain.tolist()
    [[2.0, -inf]]
    """
    offers, channels = names
    shape = (len(gain), len(offers))
    for name, array in (("gain", gain), ("cost", cost), ("channel", channel), ("allowed", allowed)):
        if array.shape != shape:
            raise BadInput(
                f"it has the shape {array.shape}, not {shape}",
                where=f"options: {name}",
                remedy="give a row for each customer and a column for each offer",
            )
    if not np.isfinite(cost).all() or cost.min(initial=0.0) < 0.0 or np.isnan(gain).any():
        raise BadInput(
            "a gain or a cost is no number, or a cost is below 0",
            where="options",
            remedy="veto the pair, or give its cost",
        )
    if channel.size and not 0 <= int(channel.min()) <= int(channel.max()) < len(channels):
        raise BadInput(
            f"a pair's channel is none of {', '.join(channels)}",
            where="options: channel",
            remedy="name a channel of the campaign",
        )
    kept = allowed & (gain > 0.0) & (gain >= minimum)
    return Options(
        np.where(kept, gain, -np.inf),
        np.ascontiguousarray(cost, dtype=np.float64),
        np.ascontiguousarray(channel, dtype=np.int8),
        offers,
        channels,
    )


def require_of_use(options: Options, limits: Limits) -> None:
    """BadInput where nothing could be offered, and why."""
    shapes = (len(options.offers),), (len(options.channels),)
    if (limits.inventory.shape, limits.capacity.shape) != shapes:
        raise BadInput(
            "there is not one limit for each offer and channel",
            where="limits",
            remedy="say infinity where there is none",
        )
    _require_not_negative(limits, options)
    allowed = np.isfinite(options.gain)
    for offer, column in zip(options.offers, allowed.T, strict=True):
        if not column.any():
            raise BadInput(
                "nobody may get it",
                where=f"offer {offer}",
                remedy="take it out, or see which rule vetoes it",
            )
    cheapest = float(options.cost[allowed].min())
    if limits.budget <= 0.0 or limits.budget < cheapest:
        raise BadInput(
            f"{limits.budget:g} buys nothing: the cheapest offer costs {cheapest:g}",
            where="budget",
            remedy="raise it",
        )


def _require_not_negative(limits: Limits, options: Options) -> None:
    names = ("budget", *options.offers, *options.channels)
    for name, limit in zip(names, limits.together.tolist(), strict=True):
        if np.isnan(limit) or limit < 0.0:
            raise BadInput(f"{limit:g} is no limit", where=name, remedy="give 0 or more")

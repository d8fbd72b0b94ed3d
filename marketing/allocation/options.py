"""What may be offered to whom, at what gain and cost, and how much there is of everything.

Arrays over customers and ways (an offer, each by its best channel; or an offer by a channel, where
the plan is to choose both) come in and are checked; frozen options and limits go out. What
cannot be meant (a budget that buys nothing, an offer that nobody may get) is refused in a sentence.
Pure: knows no model, no consent and no clock.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from finmodel.errors import BadInput
from finmodel.records import Float64s, Int64s

Channels = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """n customers × k ways: an offer each, or each offer by each channel."""

    gain: Float64s
    """(n, k) expected gain; -inf where the offer may not be made so."""
    cost: Float64s
    """(n, k) expected cost, 0 or more, in the budget's unit."""
    channel: Channels
    """(n, k) place of the channel."""
    offers: tuple[str, ...]
    channels: tuple[str, ...]
    offer: Int64s
    """(k,) place of each way's offer."""

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
            self.offer,
        )

    @property
    def places(self) -> tuple[Int64s, int]:
        """(k,) place of each way's offer among the prices, and where the channels' begin."""
        return 1 + self.offer, 1 + len(self.offers)


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """What a campaign may use up; infinity where nothing is said."""

    budget: float
    inventory: Float64s
    """(offers,) how often each offer may be made."""
    capacity: Float64s
    """(channels,) how many contacts each channel takes."""

    @property
    def together(self) -> Float64s:
        """(1 + offers + channels,) in the order of the prices."""
        return np.concatenate([[self.budget], self.inventory, self.capacity])


def options_of(
    gain: Float64s,
    cost: Float64s,
    channel: Channels,
    names: tuple[tuple[str, ...], tuple[str, ...]],
    allowed: npt.NDArray[np.bool_],
    minimum: float = 0.0,
) -> Options:
    """Options of an offer each, none vetoed or gaining less than the minimum; `names` of both.

    >>> one = options_of(np.array([[2.0, 9.0]]), np.ones((1, 2)), np.zeros((1, 2), np.int8),
    ...     (("rate cut", "credit"), ("sms",)), np.array([[True, False]]))
    >>> one.gain.tolist()
    [[2.0, -inf]]
    """
    offer = np.arange(len(names[0]))
    return _checked(Options(gain, cost, channel, *names, offer), allowed, minimum)


def options_of_pairs(
    gain: Float64s,
    cost: Float64s,
    pairs: Sequence[tuple[int, int]],
    names: tuple[tuple[str, ...], tuple[str, ...]],
    allowed: npt.NDArray[np.bool_],
    minimum: float = 0.0,
) -> Options:
    """The same of k ways, each an offer's place and a channel's."""
    offer, channel = (np.array(part, np.int64) for part in zip(*pairs, strict=True))
    ways = np.broadcast_to(channel.astype(np.int8), (len(gain), len(pairs)))
    return _checked(Options(gain, cost, ways, *names, offer), allowed, minimum)


def _checked(given: Options, allowed: npt.NDArray[np.bool_], minimum: float) -> Options:
    gain, cost, channel = given.gain, given.cost, given.channel
    shape = (len(gain), len(given.offer))
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
    if channel.size and not 0 <= int(channel.min()) <= int(channel.max()) < len(given.channels):
        raise BadInput(
            f"a pair's channel is none of {', '.join(given.channels)}",
            where="options: channel",
            remedy="name a channel of the campaign",
        )
    kept = allowed & (gain > 0.0) & (gain >= minimum)
    return Options(
        np.where(kept, gain, -np.inf),
        np.ascontiguousarray(cost, dtype=np.float64),
        np.ascontiguousarray(channel, dtype=np.int8),
        given.offers,
        given.channels,
        given.offer,
    )


def barred_offers(options: Options) -> tuple[str, ...]:
    """Offers that nobody may get."""
    allowed = np.isfinite(options.gain).any(axis=0)
    there = set(options.offer[allowed].tolist())
    return tuple(name for place, name in enumerate(options.offers) if place not in there)


def require_of_use(options: Options, limits: Limits, barred: Collection[str] = ()) -> None:
    """BadInput where nothing could be offered, and why; offers of `barred` nobody need get."""
    shapes = (len(options.offers),), (len(options.channels),)
    if (limits.inventory.shape, limits.capacity.shape) != shapes:
        raise BadInput(
            "there is not one limit for each offer and channel",
            where="limits",
            remedy="say infinity where there is none",
        )
    _require_not_negative(limits, options)
    found = barred_offers(options)
    if lost := [one for one in found if one not in barred or len(found) == len(options.offers)]:
        raise BadInput(
            "nobody may get it",
            where=f"offer {lost[0]}",
            remedy="take it out, or see which rule vetoes it",
        )
    allowed = np.isfinite(options.gain)
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

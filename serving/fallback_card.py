"""The scorecard that stands in where the model cannot decide, on the features that serving reads.

A card's JSON, as it was signed with its model, and the model's features come in; log-odds of rows
and the reasons of one go out. Damaged where the card reads what serving does not have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finmodel.errors import BadInput, Damaged
from finmodel.manifest import Manifest
from finmodel.records import Float32s, Float64s, Reason
from risk.reasons import ReasonTable, costliest
from risk.scorecard.bins import Column, NumericBins
from risk.scorecard.card import Scorecard, decode, log_odds_of, points_lost


@dataclass(frozen=True, slots=True, eq=False)
class FallbackCard:
    """A card, and where each of its variables stands in a row."""

    card: Scorecard
    places: dict[str, int]

    def log_odds_many(self, matrix: Float32s) -> Float64s:
        """(n,) calibrated log-odds of being bad of (n, f) rows; a missing value has its own bin."""
        return log_odds_of(self.card, self._columns(matrix))

    def reasons(self, row: Float32s, table: ReasonTable) -> tuple[Reason, ...]:
        """The at most four groups of (1, f) features that cost the most points, costliest first.

        In the model's groups and order, so that an answer reads alike whoever scored: a variable
        costs what it has less than its neutral points, those of the average customer.
        """
        lost = points_lost(self.card, self._columns(row))[0]
        membership = table.membership[list(self.places.values())]
        # Rounded as the card's points are: a sum of theirs has no more decimals than they have.
        return costliest(np.round(lost @ membership, self.card.decimals), table.groups)

    def _columns(self, matrix: Float32s) -> dict[str, Column]:
        return {name: np.ascontiguousarray(matrix[:, place]) for name, place in self.places.items()}


def fallback_card(data: bytes, manifest: Manifest) -> FallbackCard | None:
    """The card of a model; None where none was trained with it."""
    if not data:
        return None
    where = f"{manifest.name} version {manifest.version}: scorecard.json"
    try:
        card = decode(data, where)
    except BadInput as error:
        raise Damaged(error.what, where=where, remedy="train and promote it again") from error
    places = {name: place for place, name in enumerate(manifest.features)}
    unread = [
        one.name
        for one in card.variables
        if one.name not in places or not isinstance(one.bins, NumericBins)
    ]
    if unread or card.scaling != manifest.scaling:
        what = f"it reads {unread[0]!r}, which no row has" if unread else "it is on another scale"
        raise Damaged(what, where=where, remedy="train and promote it again")
    return FallbackCard(card, {one.name: places[one.name] for one in card.variables})

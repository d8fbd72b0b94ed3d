"""What offers need of the world, opened when somebody first asks: ledger, campaigns, champions.

Settings and the service's reader of features come in. Campaigns and models are read again where
their files changed; what cannot be trusted is refused, not kept. For the threads of one process.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from feature_store.online_answers import OnlineReader
from finmodel.errors import NotFound
from finmodel.export import load_champion
from finmodel.pointers import pointer_path
from finmodel.settings import Settings
from marketing.campaign.lanes import Flags
from marketing.campaign.recipe import CampaignRecipe
from marketing.ledger.at_once import used_at_once
from marketing.ledger.contacts import Planned, plans_of
from marketing.ledger.customers import known_in, standing_of
from marketing.ledger.file import Ledger, has_ledger, open_ledger
from marketing.models import CustomerModel, model_of
from serving.campaigns.scoring import Champions, open_champions, with_veto
from serving.in_force import policy_stamp
from serving.offers.campaign_now import CampaignNow, campaign_now
from serving.offers.work import Worked, work

Stamp = tuple[int, ...]


class OffersRoom:
    """Where offers at once and propensities are worked out."""

    def __init__(self, settings: Settings, features: OnlineReader) -> None:
        self._settings, self._features = settings, features
        self._gate = threading.Lock()
        self._ledger: Ledger | None = None
        self._campaigns: dict[str, CampaignNow] = {}
        self._champions: dict[str, tuple[Stamp, Champions]] = {}
        self._models: dict[str, tuple[Stamp, CustomerModel | None]] = {}

    def close(self) -> None:
        """Let go of the ledger."""
        with self._gate:
            if self._ledger is not None:
                self._ledger.close()
            self._ledger = None

    def offers(self, campaign: str, ids: list[int], as_of: datetime) -> Worked:
        """What the campaign gives these customers; it is in the ledger when this returns."""
        ledger = self._opened()
        now = self._campaign(ledger, campaign)
        return work(now, self._asked(now), ledger, self._features, (ids, as_of))

    def plans(self) -> list[Planned]:
        """Every plan of every campaign, the newest last."""
        return plans_of(self._opened()) if has_ledger(self._settings) else []

    def plan(self, campaign: str, number: int | None) -> CampaignNow:
        """A plan of a campaign, the newest if none is named; NotFound where there is none."""
        ledger = self._opened()
        if number is None:
            return self._campaign(ledger, campaign)
        found = [one for one in plans_of(ledger, campaign) if one.number == number]
        if not found:
            raise NotFound(
                f"it has no plan {number}",
                where=f"campaign {campaign}",
                remedy="see those that were made: finmodel campaign list",
            )
        return campaign_now(self._settings, found[0])

    def used(self, campaign: str) -> dict[str, float]:
        """What a campaign's offers at once have used, by the name of the limit."""
        return used_at_once(self._opened(), campaign)

    def models(self, names: Sequence[str] | None) -> list[CustomerModel]:
        """The customer models of these names, or all in service; NotFound for another's name."""
        with self._gate:
            if names is None:
                found = [self._model(name) for name in _exported(self._settings.exports)]
                told = [one for one in found if one is not None]
                if not told:
                    raise NotFound(
                        "no customer model is in service",
                        where="marketing",
                        remedy="train one of marketing/ and promote it",
                    )
                return told
            return [self._named(name) for name in names]

    def withheld(self, ids: list[int]) -> Flags:
        """(n,) who opted out of marketing or of personalisation (PIPL art. 24), by the ledger."""
        told = np.zeros(len(ids), bool)
        if not has_ledger(self._settings):
            return told
        ledger = self._opened()
        known = known_in(ledger, ids)
        place = np.flatnonzero([one in known for one in ids])
        standing = standing_of(ledger, np.array(ids, np.int64)[place])
        told[place] = standing.opted_out | ~standing.personalised
        return told

    def _opened(self) -> Ledger:
        with self._gate:
            if self._ledger is None:
                self._ledger = open_ledger(self._settings)
            return self._ledger

    def _campaign(self, ledger: Ledger, name: str) -> CampaignNow:
        newest = plans_of(ledger, name)[-1]
        with self._gate:
            kept = self._campaigns.get(name)
            if kept is None or kept.planned != newest:
                kept = self._campaigns[name] = campaign_now(self._settings, newest)
            return kept

    def _asked(self, now: CampaignNow) -> Champions:
        recipe = now.recipe
        of_models = (part for name in _names(recipe) for part in self._stamp(name))
        stamp = (now.planned.id, *of_models, *policy_stamp(self._settings))
        with self._gate:
            kept = self._champions.get(recipe.name)
            if kept is None or kept[0] != stamp:
                found = open_champions(self._settings, recipe)
                found = with_veto(self._settings, recipe, found)
                kept = self._champions[recipe.name] = stamp, found
            return kept[1]

    def _model(self, name: str) -> CustomerModel | None:
        """A customer model; None for a risk card, and for what was never promoted."""
        stamp = self._stamp(name)
        kept = self._models.get(name)
        if kept is None or kept[0] != stamp:
            kept = self._models[name] = stamp, self._read(name) if stamp else None
        return kept[1]

    def _named(self, name: str) -> CustomerModel:
        found = self._model(name)
        if found is None:
            raise NotFound(
                f"{name} is no customer model in service",
                where="the body at `$.models`",
                remedy="leave `models` out to see all that are",
            )
        return found

    def _read(self, name: str) -> CustomerModel | None:
        settings = self._settings
        exported = load_champion(settings.exports, name, settings.signing)
        served = exported.manifest.card is None and exported.manifest.plan
        return model_of(exported) if served else None

    def _stamp(self, name: str) -> Stamp:
        """By what another champion is told; empty where there is none."""
        try:
            stat = pointer_path(self._settings.exports, name, "champion").stat()
        except FileNotFoundError:
            return ()
        return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _names(recipe: CampaignRecipe) -> list[str]:
    told = recipe.models
    return [told.propensity, told.preference, *([told.risk] if told.risk else [])]


def _exported(exports: Path) -> list[str]:
    if not exports.is_dir():
        return []
    return sorted(path.name for path in exports.iterdir() if path.is_dir())

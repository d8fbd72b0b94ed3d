"""From a campaign's YAML to a recipe that can be meant, or to one sentence why it cannot.

A file comes in, a typed and frozen recipe goes out; a refusal names the file, the key and what to
write instead. Knows no customer and no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from finmodel.errors import BadInput
from finmodel.events import TOPICS
from finmodel.recipe_text import convert, parse_text, read_text
from marketing.campaign.contact_hours import minutes_of, open_minutes, windows_of
from marketing.campaign.recipe import CHANNELS, CampaignRecipe, Cap

GUIDE = "docs/campaigns.md"
LONGEST_DAYS = 366
LAST_YEAR = 2199
"""Of a campaign: what comes after its days, as a window of response, must be a day too."""
MOST_WAYS = 60
"""A plan keeps who may get what as the bits of a number."""
NEVER_FOR_CREDIT = "repayment_willingness"
"""还款意愿度 orders reminders of repayment; whom it favours is no reason to lend."""


def load_campaign(path: Path) -> CampaignRecipe:
    """The campaign in a YAML file; BadInput where it cannot be meant."""
    return campaign_in(read_text(path), path)


def campaign_in(text: str, path: Path) -> CampaignRecipe:
    """The campaign in a YAML text; `path` is what sentences name."""
    recipe = convert(parse_text(text, path), CampaignRecipe, path, GUIDE)
    require_meant(recipe, path)
    return msgspec.structs.replace(recipe, text=text)


def require_meant(recipe: CampaignRecipe, path: Path) -> None:
    """BadInput for the first thing that cannot be meant."""
    for check in (_time, _money, _offers, _channels, _caps, _lanes, _credit, _uniform):
        check(recipe, path)


def _time(recipe: CampaignRecipe, path: Path) -> None:
    try:
        ZoneInfo(recipe.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        what = f"{recipe.zone!r} is no time zone"
        raise _bad(path, "zone", what, "write one such as Asia/Shanghai") from error
    days = (recipe.ends - recipe.starts).days + 1
    if days < 1:
        raise _bad(path, "ends", f"it is before {recipe.starts}", "name the campaign's last day")
    if days > LONGEST_DAYS:
        raise _bad(path, "ends", f"the campaign lasts {days} days", "let it end within a year")
    if recipe.ends.year > LAST_YEAR:
        raise _bad(path, "ends", f"it is after {LAST_YEAR}", "name a day that somebody will see")
    if recipe.response.event not in TOPICS:
        what = f"{recipe.response.event!r} is no event"
        raise _bad(path, "response.event", what, f"choose of {', '.join(TOPICS)}")


def _money(recipe: CampaignRecipe, path: Path) -> None:
    if recipe.budget_minor <= 0:
        what = f"a budget of {recipe.budget_minor} buys nothing"
        raise _bad(path, "budget_minor", what, "give one above 0")
    if not recipe.offers or not recipe.channels:
        raise _bad(path, "offers", "there is no offer or no channel", "name at least one of each")
    offer = min(recipe.offers, key=lambda one: one.cost_minor)
    cheapest = offer.cost_minor + min(one.cost_minor for one in recipe.channels)
    if recipe.budget_minor < cheapest:
        what = f"{recipe.budget_minor} is below the cheapest offer, {offer.id}, at {cheapest}"
        raise _bad(path, "budget_minor", what, "raise it")


def _offers(recipe: CampaignRecipe, path: Path) -> None:
    _require_once(path, "offers", [one.id for one in recipe.offers])
    for offer in recipe.offers:
        if offer.id in ("budget", *CHANNELS):
            what = f"{offer.id!r} is another limit's name"
            raise _bad(path, "offers", what, "call the offer something else")
    if len(recipe.pairs) > MOST_WAYS:
        what = f"{len(recipe.pairs)} ways to make an offer"
        raise _bad(path, "offers", what, f"offer at most {MOST_WAYS} offers times channels")
    for place, offer in enumerate(recipe.offers):
        key = f"offers[{place}]"
        if offer.cost_minor >= offer.value_minor:
            what = f"{offer.id} costs {offer.cost_minor} and brings {offer.value_minor}"
            remedy = "nobody may get it: take it out, or mend value_minor"
            raise _bad(path, key, what, remedy)
        if not (offer.script.strip() and offer.sentence.zh.strip() and offer.sentence.en.strip()):
            what = f"{offer.id} has no approved script or no sentence in both languages"
            raise _bad(path, key, what, "fill script and sentence")


def _channels(recipe: CampaignRecipe, path: Path) -> None:
    _require_once(path, "channels", [one.name for one in recipe.channels])
    quiet = recipe.quiet_hours.since, recipe.quiet_hours.to
    for key, told in zip(("from", "to"), quiet, strict=True):
        _minutes(path, f"quiet_hours.{key}", told)
    for place, channel in enumerate(recipe.channels):
        key = f"channels[{place}]"
        if channel.name not in CHANNELS:
            what = f"unknown channel {channel.name!r}"
            raise _bad(path, f"{key}.name", what, f"choose of {', '.join(CHANNELS)}")
        since, until = (_minutes(path, f"{key}.hours", told) for told in channel.hours)
        if since >= until:
            what = f"{channel.hours[0]} is not before {channel.hours[1]}"
            raise _bad(path, f"{key}.hours", what, 'write them as ["09:00", "21:00"]')
        stretches = open_minutes(channel.hours, quiet)
        days = recipe.starts, recipe.ends
        if not len(windows_of(stretches, days, recipe.zone, 0).opens_us):
            what = f"quiet hours and the night leave {channel.name} no time"
            raise _bad(path, f"{key}.hours", what, "widen its hours, or narrow quiet_hours")


def _minutes(path: Path, key: str, told: str) -> int:
    """Minutes since midnight of a time of day; BadInput with the file and the key."""
    try:
        return minutes_of(told)
    except BadInput as refusal:
        raise _bad(path, key, f"{told!r} is no time of day", refusal.remedy) from refusal


def _caps(recipe: CampaignRecipe, path: Path) -> None:
    if not recipe.caps:
        what = "no customer's contacts are limited"
        raise _bad(path, "caps", what, "write one, as {contacts: 1, days: 7}")
    told = sorted(recipe.caps, key=lambda cap: cap.days)
    for short, long in pairwise(told):
        if why := _contradiction(short, long):
            raise _bad(path, "caps", f"they contradict each other: {why}", "keep one of the two")


def _contradiction(short: Cap, long: Cap) -> str:
    """Why two caps cannot both be meant; empty where they can.

    >>> _contradiction(Cap(1, 7), Cap(3, 30))
    ''
    >>> _contradiction(Cap(3, 7), Cap(1, 30))
    '3 in 7 days can never be, since 30 days allow 1'
    """
    if short.days == long.days:
        return f"{short.contacts} and {long.contacts} in the same {short.days} days"
    if short.contacts >= long.contacts:
        told = f"{short.contacts} in {short.days} days"
        if short.contacts == long.contacts:
            return f"{told} says nothing beside {long.contacts} in {long.days}"
        return f"{told} can never be, since {long.days} days allow {long.contacts}"
    most = short.contacts * -(-long.days // short.days)
    if long.contacts > most:
        told = f"{long.contacts} in {long.days} days"
        return f"{told} can never be, since {short.contacts} in {short.days} days allow {most}"
    return ""


def _lanes(recipe: CampaignRecipe, path: Path) -> None:
    holdout = recipe.holdout
    if holdout is None or holdout.share <= 0.0:
        what = "there is no holdout, so nobody could say what the campaign did"
        raise _bad(path, "holdout", what, "write {share: 0.05, salt: a word that stays}")
    if not holdout.salt.strip():
        raise _bad(path, "holdout.salt", "it is empty", "write a word that stays the same")
    both = holdout.share + recipe.explore.share
    if both >= 1.0:
        what = f"holdout and explore take {both:.0%} of the customers"
        raise _bad(path, "explore.share", what, "leave some for the plan")


def _credit(recipe: CampaignRecipe, path: Path) -> None:
    credit = [offer.id for offer in recipe.offers if offer.credit]
    if not credit:
        return
    if recipe.models.risk is None:
        what = f"{credit[0]} is credit, and no risk model may veto it"
        raise _bad(path, "models.risk", what, "name the risk model")
    if NEVER_FOR_CREDIT in (recipe.models.propensity, recipe.models.preference):
        what = f"{NEVER_FOR_CREDIT} would steer {credit[0]}, which is credit"
        remedy = "use it for the order of repayment reminders only"
        raise _bad(path, "models", what, remedy)


def _uniform(recipe: CampaignRecipe, path: Path) -> None:
    """Who is never scored is cleared by no risk model: no credit for them."""
    uniform = recipe.unpersonalised
    if uniform is None:
        return
    offer = next((one for one in recipe.offers if one.id == uniform.offer), None)
    if offer is None:
        names = ", ".join(one.id for one in recipe.offers)
        what = f"{uniform.offer!r} is no offer of this campaign"
        raise _bad(path, "unpersonalised.offer", what, f"choose of {names}")
    names = ", ".join(one.name for one in recipe.channels)
    if uniform.channel not in names.split(", "):
        what = f"unknown channel {uniform.channel!r}"
        raise _bad(path, "unpersonalised.channel", what, f"choose of {names}")
    if offer.credit:
        what = f"{offer.id} is credit, and whoever opted out is never scored, not for risk either"
        raise _bad(path, "unpersonalised.offer", what, "name an offer that is none")


def _require_once(path: Path, key: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise _bad(path, key, f"{name!r} stands twice", "merge the two")


def _bad(path: Path, key: str, what: str, remedy: str) -> BadInput:
    return BadInput(what, where=f"{path}: {key}", remedy=remedy)

"""A decision policy as an analyst writes it: rules, bands, prices, lanes, what to fall back to.

YAML text comes in, a typed and frozen policy goes out, or one sentence that names the place and
what to write instead. Knows no model: whether its features exist is asked with `misfits`.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from finmodel.errors import BadInput
from finmodel.manifest import DecisionPoint, Manifest, Outcome, Scaling
from finmodel.recipe_text import convert, parse_text, read_text
from risk.policy.answers import ANSWERS

GUIDE = "docs/policy.md"
BUREAU = ("bureau_score", "bureau_inquiry_count_90d", "bureau_overdue_account_count")
REQUEST_NUMBERS = ("amount_minor", "term_months", *BUREAU)
REQUEST_WORDS = ("product", "channel")
"""What a rule may read of an application, by its fields in the service's schema."""
FALLBACKS = ("scorecard", "rules", "refer")
"""In the only order that there is: each knows less than the one before it."""

Bps = Annotated[int, Meta(ge=0, le=10_000)]
"""A hundredth of a percent: rates and shares are whole numbers, so that they are exact."""
Minor = Annotated[int, Meta(ge=1, le=10**12)]
"""Money in minor units (分)."""
Step = Literal["model", "scorecard", "rules", "refer"]
Stop = Literal["refer", "decline"]


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one field of the request, or one feature, must be; a missing value meets nothing."""

    request: str | None = None
    feature: str | None = None
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    among: tuple[str | float, ...] = ()
    missing: bool = False
    """Holds where there is no value; beside other words, where there is none or they hold."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stops an application whatever its score; all conditions must hold."""

    code: str
    zh: str
    en: str
    when: tuple[Condition, ...]
    then: Stop
    products: tuple[str, ...] = ()
    """Only for these; for all, where none is named."""


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Points from `at_least` to below `below`, and what they are answered with."""

    code: str
    then: Literal["approve", "refer", "decline"]
    at_least: float | None = None
    below: float | None = None
    limit_minor: Minor | None = None
    annual_rate_bps: Bps | None = None


class Product(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cut-offs of one product."""

    bands: tuple[Band, ...]
    """Best first; together they hold every number of points, each once."""
    over_limit: Literal["cap", "refer", "decline"] = "refer"
    """What more than the band's limit is answered with; `cap` approves the limit."""


class Views(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a stale or missing view may do; `allow` leaves it to the points."""

    stale: Outcome = "refer"
    missing: Outcome = "refer"
    optional: tuple[str, ...] = ()
    """Views that a customer may lack without any effect."""


class RandomApprove(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A share of those whom the points alone decline is approved by a draw, small and dear."""

    share_bps: Bps
    seed: str
    at_least: float
    """None below these points is drawn."""
    limit_minor: Minor
    annual_rate_bps: Bps
    most_a_day: Annotated[int, Meta(ge=1)] | None = None
    """So many approvals by lot on one day, and not one more."""
    most_minor_a_day: Minor | None = None
    """Together they lend no more than this on one day."""

    @property
    def capped(self) -> bool:
        """Whether what was drawn today shuts it."""
        return self.most_a_day is not None or self.most_minor_a_day is not None


class Challenger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model under the alias `challenger`: which share it decides, and whether it shadows."""

    seed: str
    share_bps: Bps = 0
    shadow: bool = True
    """Both models score every application; who does not decide is only logged."""


class Economics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a simulation needs to turn probabilities into money."""

    loss_given_default_bps: Bps = 6_000
    funding_cost_bps: Bps = 400
    """A year's cost of the money that is lent."""


class PolicyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole policy."""

    name: str
    model: str
    """The registered model whose points the bands are written in."""
    decision_point: DecisionPoint
    products: dict[str, Product]
    fallback: tuple[Literal["scorecard", "rules", "refer"], ...]
    """What decides where the model cannot, in this order; the last is `refer`."""
    scaling: Scaling = Scaling()
    """The scale of those points; a model on another scale is refused."""
    currency: str = "CNY"
    highest_rate_bps: Bps = 2_400
    """No price may stand above it."""
    views: Views = Views()
    rules: tuple[Rule, ...] = ()
    random_approve: RandomApprove | None = None
    challenger: Challenger | None = None
    economics: Economics = Economics()


def load_policy(path: Path) -> tuple[PolicyFile, str]:
    """The policy in a YAML file, and its text."""
    text = read_text(path, "a policy")
    policy = parse_policy(text, path)
    _require_currency(policy, path)
    _require_fair_terms(policy, path)
    return policy, text


def _require_currency(policy: PolicyFile, path: Path) -> None:
    """BadInput where it is not written as ISO 4217 writes one; asked of what is written now."""
    told = policy.currency
    if not (len(told) == 3 and told.isascii() and told.isalpha() and told.isupper()):
        raise _bad(
            path, "currency", f"{told[:40]!r} is no currency", "write its three capitals: CNY"
        )


def _require_fair_terms(policy: PolicyFile, path: Path) -> None:
    """BadInput where fewer points get a higher limit or a lower price.

    Asked of what is written now; what was approved before this was asked goes on as it stands.
    """
    for name, product in policy.products.items():
        approving = [band for band in product.bands if band.then == "approve"]
        for better, worse in pairwise(approving):
            _require_no_better(better, worse, path, f"products.{name}.bands")


def _require_no_better(better: Band, worse: Band, path: Path, where: str) -> None:
    if (worse.limit_minor or 0) > (better.limit_minor or 0):
        what = f"{worse.code} has a higher limit than {better.code}, which has more points"
        raise _bad(path, where, what, "let limit_minor fall from band to band, or stay")
    if (worse.annual_rate_bps or 0) < (better.annual_rate_bps or 0):
        what = f"{worse.code} is cheaper than {better.code}, which has more points"
        raise _bad(path, where, what, "let annual_rate_bps rise from band to band, or stay")


def parse_policy(text: str, path: Path) -> PolicyFile:
    """The policy in a text; `path` is what its sentences name."""
    policy = convert(parse_text(text, path), PolicyFile, path, GUIDE)
    if not policy.name.isidentifier():
        raise _bad(path, "name", f"{policy.name!r} is not a name", "use a-z, 0-9 and _")
    _require_fallback(policy, path)
    if not policy.products:
        raise _bad(path, "products", "it has no product", "name at least one")
    _require_rules(policy, path)
    for name, product in policy.products.items():
        _require_bands(product, policy.highest_rate_bps, path, f"products.{name}.bands")
    _require_lane(policy, path)
    return policy


def misfits(policy: PolicyFile, manifest: Manifest, views: Collection[str]) -> list[str]:
    """What stands between a policy and a model: nothing, where they may serve together."""
    found = []
    if manifest.name != policy.model:
        found.append(f"it is for {policy.model}, not {manifest.name}")
    if manifest.decision_point != policy.decision_point:
        found.append(f"it decides at {policy.decision_point}, not at {manifest.decision_point}")
    if manifest.scaling != policy.scaling:
        found.append(f"its points are on another scale than those of {manifest.name}")
    found += [
        f"rule {rule.code} reads {condition.feature!r}, which is no feature"
        for rule in policy.rules
        for condition in rule.when
        if condition.feature is not None and condition.feature not in manifest.features
    ]
    absent = [view for view in policy.views.optional if view not in views]
    return found + [f"views.optional names {view!r}, which is no view" for view in absent]


def _require_fallback(policy: PolicyFile, path: Path) -> None:
    steps = policy.fallback
    places = [FALLBACKS.index(step) for step in steps]
    if not steps or steps[-1] != "refer" or places != sorted(set(places)):
        what = f"{list(steps)} is no way down that ends with a person"
        raise _bad(path, "fallback", what, "write [scorecard, rules, refer], or leave some out")


def _require_rules(policy: PolicyFile, path: Path) -> None:
    codes = [rule.code for rule in policy.rules]
    for place, rule in enumerate(policy.rules):
        where = f"rules[{place}]"
        if codes.count(rule.code) > 1:
            raise _bad(path, where, f"code {rule.code!r} stands twice", "give each rule its own")
        if not (rule.code and rule.zh.strip() and rule.en.strip() and rule.when):
            what = "a rule lacks its code, a sentence or its conditions"
            raise _bad(path, where, what, "fill code, zh, en and when")
        _require_products(rule.products, policy, path, f"{where}.products")
        for number, condition in enumerate(rule.when):
            _require_condition(condition, policy, path, f"{where}.when[{number}]")


def _require_condition(condition: Condition, policy: PolicyFile, path: Path, where: str) -> None:
    if (condition.request is None) == (condition.feature is None):
        raise _bad(path, where, "it reads nothing, or two things", "give `request` or `feature`")
    ordered = [condition.at_least, condition.above, condition.at_most, condition.below]
    compares = any(edge is not None for edge in ordered)
    if not (compares or condition.among or condition.missing):
        raise _bad(path, where, "it asks nothing", "give at_least, below, among or missing")
    words = condition.request in REQUEST_WORDS
    if condition.request is not None and not words and condition.request not in REQUEST_NUMBERS:
        known = ", ".join((*REQUEST_WORDS, *REQUEST_NUMBERS))
        what = f"{condition.request!r} is no field of a request"
        raise _bad(path, where, what, f"choose from {known}")
    wrong = [one for one in condition.among if isinstance(one, str) != words]
    if wrong or (words and (compares or condition.missing)):
        what = f"{condition.request or condition.feature!r} is {'words' if words else 'a number'}"
        raise _bad(path, where, what, "use among with words, or numbers with a number")
    if condition.request == "product":
        _require_products([str(one) for one in condition.among], policy, path, where)


def _require_products(named: Collection[str], policy: PolicyFile, path: Path, where: str) -> None:
    for name in named:
        if name not in policy.products:
            known = ", ".join(sorted(policy.products))
            raise _bad(path, where, f"{name!r} is no product", f"choose from {known}")


def _require_bands(product: Product, highest: int, path: Path, where: str) -> None:
    bands = product.bands
    if not bands or bands[0].below is not None or bands[-1].at_least is not None:
        what = "they do not reach from the best points to the worst"
        raise _bad(path, where, what, "leave out `below` of the first, `at_least` of the last")
    for place, band in enumerate(bands):
        _require_terms(band, highest, path, f"{where}[{place}]")
        if [one.code for one in bands].count(band.code) > 1:
            raise _bad(path, where, f"code {band.code!r} stands twice", "give each its own")
    for better, worse in pairwise(bands):
        _require_adjacent(better, worse, path, where)


def _require_adjacent(better: Band, worse: Band, path: Path, where: str) -> None:
    if better.at_least is None or worse.below is None:
        what = f"{better.code} and {worse.code} overlap: one of them has no edge between them"
        raise _bad(path, where, what, f"give {better.code} at_least and {worse.code} below")
    if better.at_least != worse.below:
        how = "leave a gap" if better.at_least > worse.below else "overlap"
        low, high = sorted((better.at_least, worse.below))
        what = f"{better.code} and {worse.code} {how} from {low:g} to {high:g} points"
        raise _bad(path, where, what, f"let {worse.code} end where {better.code} begins")
    if worse.at_least is not None and worse.at_least >= worse.below:
        raise _bad(path, where, f"{worse.code} holds no points", "write the best band first")
    if ANSWERS.index(worse.then) < ANSWERS.index(better.then):
        what = f"{worse.code} is treated better than {better.code}, which has more points"
        raise _bad(path, where, what, "let `then` go from approve over refer to decline")


def _require_terms(band: Band, highest: int, path: Path, where: str) -> None:
    terms = (band.limit_minor, band.annual_rate_bps)
    if band.then == "approve" and None in terms:
        what = f"{band.code} approves without limit or price"
        raise _bad(path, where, what, "give limit_minor and annual_rate_bps")
    if band.then != "approve" and terms != (None, None):
        what = f"{band.code} does not approve, and has a limit or a price"
        raise _bad(path, where, what, "take limit_minor and annual_rate_bps out")
    _require_rate(band.annual_rate_bps or 0, highest, path, where)


def _require_rate(rate: int, highest: int, path: Path, where: str) -> None:
    if rate > highest:
        what = f"a price of {rate} bps is above the highest, {highest}"
        raise _bad(path, where, what, "lower annual_rate_bps")


def _require_lane(policy: PolicyFile, path: Path) -> None:
    lane, challenger = policy.random_approve, policy.challenger
    if lane is not None:
        _require_rate(lane.annual_rate_bps, policy.highest_rate_bps, path, "random_approve")
        if lane.most_minor_a_day is not None and lane.most_minor_a_day < lane.limit_minor:
            what = f"a day's {lane.most_minor_a_day} is less than one limit, {lane.limit_minor}"
            remedy = "raise it, or lower limit_minor"
            raise _bad(path, "random_approve.most_minor_a_day", what, remedy)
    for key, draws in (("random_approve", lane), ("challenger", challenger)):
        if draws is not None and not draws.seed:
            raise _bad(path, f"{key}.seed", "it is empty", "write any word, and keep it")


def _bad(path: Path, key: str, what: str, remedy: str) -> BadInput:
    return BadInput(what, where=f"{path}: {key}", remedy=remedy)

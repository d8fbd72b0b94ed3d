"""Who may be offered what, by which channel: every refusal is a rule with its sentence.

Standings, contacts already made, and what risk and the scores say come in as arrays; what is left
goes out, for a million customers or for one, with the rules that stopped the rest. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from types import MappingProxyType

import numpy as np

from finmodel.records import Float64s, Int64s
from marketing.campaign.contact_hours import is_open, open_minutes
from marketing.campaign.lanes import Flags
from marketing.campaign.recipe import CHANNELS, CampaignRecipe
from marketing.campaign.standing import NEVER, Standing

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Rule:
    """Why somebody gets no offer, or not this one."""

    id: str
    zh: str
    en: str


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        rule.id: rule
        for rule in (
            Rule(
                "restricted",
                "客户已要求删除个人信息，不得营销",
                "The customer asked to be erased: no marketing",
            ),
            Rule("opted_out", "客户已退订营销", "The customer opted out of marketing"),
            Rule("no_consent", "客户未同意接收营销", "The customer did not consent to marketing"),
            Rule("open_complaint", "客户有未结投诉", "A complaint of the customer is open"),
            Rule("overdue", "客户有逾期欠款", "The customer is overdue"),
            Rule("recently_declined", "客户近期申请被拒", "An application was declined lately"),
            Rule("student", "客户声明为在校学生", "The customer is a declared student"),
            Rule("frequency_cap", "触达次数已达上限", "The customer was contacted often enough"),
            Rule("holdout", "客户属于长期对照组", "The customer is in the permanent holdout"),
            Rule(
                "no_channel_consent",
                "客户未同意该渠道",
                "The customer did not consent to this channel",
            ),
            Rule("quiet_hours", "当前为免打扰时段", "It is a time at which nobody is contacted"),
            Rule(
                "unpersonalised",
                "客户已关闭个性化推荐，只可获得统一优惠",
                "The customer opted out of personalisation: only the uniform offer",
            ),
            Rule("not_scored", "没有可用的客户特征", "There is no feature to score"),
            Rule("risk_declines", "风控不予授信", "Risk would decline: no credit offer"),
            Rule("minimum_uplift", "预期增量不足", "The expected uplift is too small"),
            Rule("no_gain", "预期收益不抵成本", "It is expected to cost more than it brings"),
            Rule("spent", "活动额度已用完", "Nothing is left of the campaign's limits"),
            Rule("unknown_customer", "名册中没有该客户", "The customer is not in the ledger"),
            Rule("price", "预算另有更好用途", "The budget brings more elsewhere"),
            Rule("lot", "随机探索抽中不触达", "The lot of the exploring lane fell on nothing"),
        )
    }
)
"""Every rule, the ones about the customer before those about an offer or a channel."""
OF_SOME_WAYS = frozenset({"risk_declines", "unpersonalised"})
"""Rules that leave a customer what they are not about: what is no credit, the uniform offer."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """n customers × p ways to make an offer (`CampaignRecipe.pairs`), and what stops each."""

    stopped: Mapping[str, Flags]
    """(n,) by rule: no offer at all."""
    vetoed: Mapping[str, Flags]
    """(n, p) by rule: not this offer, or not this way."""

    @property
    def free(self) -> Flags:
        """(n,) whom no rule about the customer stops."""
        stopped: Flags = reduce(np.logical_or, self.stopped.values())
        return ~stopped

    @property
    def allowed(self) -> Flags:
        """(n, p) what may be offered."""
        vetoed: Flags = reduce(np.logical_or, self.vetoed.values())
        return self.free[:, None] & ~vetoed

    def counts(self) -> dict[str, int]:
        """Customers whom each rule stops, or leaves no way; one may be stopped by several.

        It leaves none where it takes all, or the last that the rules before it left. A rule of
        `OF_SOME_WAYS` counts whom it takes any way: it is about those alone.
        """
        free = self.free
        names, earliest = self._earliest()
        told = {rule: int(flags.sum()) for rule, flags in self.stopped.items()}
        for rule, ways in self.vetoed.items():
            hit = ways.any(axis=1) if rule in OF_SOME_WAYS else ways.all(axis=1)
            told[rule] = int((free & (hit | (earliest == names.index(rule)))).sum())
        return {rule: told[rule] for rule in RULES if rule in told}

    def first(self) -> list[str]:
        """(n,) the first rule that leaves each customer nothing; empty where something is left."""
        names, earliest = self._earliest()
        told: list[str] = np.array([*names, ""])[earliest].tolist()
        return told

    def _earliest(self) -> tuple[list[str], Int64s]:
        """The rules in their order, and (n,) the place of each customer's first among them."""
        names = [*self.stopped, *self.vetoed]
        gone = np.zeros((len(self.free), len(names)), bool)
        left = np.ones_like(next(iter(self.vetoed.values())))
        for place, name in enumerate(names):
            if name in self.stopped:
                gone[:, place] = self.stopped[name]
            else:
                left &= ~self.vetoed[name]
                gone[:, place] = ~left.any(axis=1)
        return names, np.where(gone.any(axis=1), gone.argmax(axis=1), len(names))

    def of_ways(self, rows: Int64s, ways: Flags) -> Judged:
        """Of some customers, and of (p,) some ways alone."""
        stopped = {rule: flags[rows] for rule, flags in self.stopped.items()}
        return Judged(stopped, {rule: flags[rows][:, ways] for rule, flags in self.vetoed.items()})

    def against(self, row: int, way: int) -> str:
        """The first rule that stops a customer, or this way of an offer; empty where none does."""
        stopped = [rule for rule, flags in self.stopped.items() if flags[row]]
        vetoed = [rule for rule, flags in self.vetoed.items() if flags[row, way]]
        return next(iter((*stopped, *vetoed)), "")

    def of(self, row: int) -> list[Rule]:
        """All rules about one customer, and those that veto every way left of making an offer."""
        told = [RULES[rule] for rule, flags in self.stopped.items() if flags[row]]
        told += [RULES[rule] for rule, flags in self.vetoed.items() if flags[row].all()]
        return told


def judge(
    recipe: CampaignRecipe,
    standing: Standing,
    contacts: Int64s,
    now_us: int,
    at_us: int | None = None,
) -> Judged:
    """What is known before anybody is scored.

    `contacts` are (n, caps): how often each customer is contacted within each cap's days. With
    `at_us` an offer is made at that moment, and channels that are not open then are vetoed.
    """
    since = now_us - recipe.suppress.recently_declined_days * DAY_US
    caps = np.array([cap.contacts for cap in recipe.caps])
    stopped = {
        "restricted": standing.restricted,
        "opted_out": standing.opted_out,
        "no_consent": ~standing.consent,
        "open_complaint": standing.open_complaint,
        "overdue": standing.overdue,
        "recently_declined": (standing.declined_us != NEVER) & (standing.declined_us > since),
        "student": standing.student,
        "frequency_cap": (contacts >= caps).any(axis=1),
    }
    ways = [CHANNELS.index(recipe.channels[c].name) for _, c in recipe.pairs]
    vetoed = {
        "no_channel_consent": ~standing.channels[:, ways],
        "unpersonalised": ~standing.personalised[:, None] & ~_uniform(recipe),
    }
    if at_us is not None:
        shut = np.array([not _open(recipe, c, at_us) for _, c in recipe.pairs])
        vetoed["quiet_hours"] = np.broadcast_to(shut, (len(standing), len(shut)))
    return Judged(stopped, vetoed)


def without_shut(judged: Judged, recipe: CampaignRecipe, shut: Sequence[bool]) -> Judged:
    """The same, without the channels that have no window left; `shut` has one for each channel."""
    over = np.array([shut[c] for _, c in recipe.pairs])
    ways = np.broadcast_to(over, (len(judged.free), len(over)))
    return replace(judged, vetoed={**judged.vetoed, "quiet_hours": ways})


def with_holdout(judged: Judged, held: Flags) -> Judged:
    """The same, with the permanent holdout."""
    return replace(judged, stopped={**judged.stopped, "holdout": held})


def with_risk(judged: Judged, recipe: CampaignRecipe, lacking: Flags, declines: Flags) -> Judged:
    """The same, with (n,) whom the models had to score and could not, and whom risk declines.

    `declines` are (n,), or (n, p) where risk declines one product and not another.
    """
    credit = np.array([recipe.offers[o].credit for o, _ in recipe.pairs])
    vetoes = {
        "not_scored": np.broadcast_to(lacking[:, None], (len(lacking), len(credit))),
        "risk_declines": (declines if declines.ndim == 2 else declines[:, None]) & credit,
    }
    return replace(judged, vetoed={**judged.vetoed, **vetoes})


def worth_it(
    judged: Judged, scored: Flags, uplift: Float64s, gain: Float64s, minimum: float
) -> Judged:
    """The same, with (n, p) uplift below the minimum and gains that are none.

    Of who is not (n,) `scored` neither is known, and neither is asked.
    """
    known = scored[:, None]
    vetoes = {"minimum_uplift": known & (uplift < minimum), "no_gain": known & ~(gain > 0.0)}
    return replace(judged, vetoed={**judged.vetoed, **vetoes})


def _uniform(recipe: CampaignRecipe) -> Flags:
    """(p,) the way that who opted out of personalisation may get an offer."""
    told = recipe.unpersonalised
    found = np.zeros(len(recipe.pairs), bool)
    if told is not None:
        for place, (offer, channel) in enumerate(recipe.pairs):
            names = recipe.offers[offer].id, recipe.channels[channel].name
            found[place] = names == (told.offer, told.channel)
    return found


def _open(recipe: CampaignRecipe, channel: int, at_us: int) -> bool:
    quiet = recipe.quiet_hours.since, recipe.quiet_hours.to
    stretches = open_minutes(recipe.channels[channel].hours, quiet)
    return is_open(at_us, stretches, recipe.zone)

"""A campaign's report: what it did against its holdout, what it cost, what else might have been.

A plan's rows with the responses of those who have matured come in, one record goes out, as the
console and `finmodel campaign report` show it. A campaign of which nothing has matured is refused.
Pure: knows no file and no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import numpy as np

from finmodel.drift import Shift, bin_counts, fit_bins, shift
from finmodel.errors import NotReady
from finmodel.records import Float32s, Float64s, Int64s
from marketing.campaign.lanes import Flags, Lane, Lanes
from marketing.campaign.plan_summary import BudgetPoint, PlanSummary, Used
from marketing.campaign.recipe import CampaignRecipe
from marketing.effects.uplift_metrics import Interval, Trial
from marketing.outcome.measure import (
    DAY_US,
    FEWEST,
    Adjusted,
    CurvePoint,
    Decile,
    Figure,
    Imbalance,
    Lift,
    Responses,
    adjusted_lift,
    balance_of,
    deciles_of,
    lift_of,
    qini_of,
    responded,
    worth_more,
)
from marketing.outcome.other_policies import PolicyValue, Tried, policy_values

SETTLE_US = 3 * DAY_US
"""Events may become known so much later than they happen, as when models learn (`LabelRule`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """n customers of a plan, in increasing order, as its folder keeps them."""

    customer: Int64s
    lanes: Lanes
    action: Int64s
    planned: Int64s
    allowed: Int64s
    """(n,) a bit for each way that no rule forbade."""
    propensity: Float64s
    opens_us: Int64s
    """(n,) from when on a response counts."""
    uplift: Float64s
    """(n,) expected of what was planned."""
    scores: Float32s
    """(n, s) propensity of a response, each treatment's effect, risk's points."""
    score_names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """What a report is made of, beside the rows."""

    recipe: CampaignRecipe
    ways: tuple[str, ...]
    effects: tuple[int, ...]
    """(p,) place of each way's effect among the treatments."""
    summary: PlanSummary
    policy_version: str
    now_us: int
    receipts: dict[tuple[str, str, str], int]
    """Contacts by offer, channel and kind of receipt."""
    before: Float32s | None
    """Scores of the campaign's plan before this, for the drift."""
    observational: tuple[str, ...] = ()
    """Models whose effects are differences between those chosen, not what a treatment did."""
    archived_us: int | None = None
    """Up to when events are archived, where responses come from there; None where a file tells."""

    @property
    def known_us(self) -> int:
        """Up to when all responses are known: some come a few days late."""
        if self.archived_us is None:
            return self.now_us
        return min(self.now_us, self.archived_us - SETTLE_US)


class WayTold(msgspec.Struct, frozen=True):
    """One offer by one channel."""

    offer: str
    channel: str
    contacts: int
    receipts: dict[str, int]
    lift: Lift | None
    """None where too few have matured on either side."""


class Earned(msgspec.Struct, frozen=True):
    """What the contacts brought, in minor units: the worth of responses more, less the cost."""

    contacts: int
    responses_more: Interval | None
    """None, as the gain, where too few of either group have matured."""
    spent_minor: float
    """On contacts, and on the offers of those who responded."""
    gain_minor: Interval | None
    expected_gain_minor: float
    """By the plan, of the same contacts."""


class ScoreShift(msgspec.Struct, frozen=True):
    """A score's distribution beside that of the plan before."""

    score: str
    shift: Shift


class CampaignReport(msgspec.Struct, frozen=True):
    """All of it."""

    campaign: str
    number: int
    policy_version: str
    response: str
    made_at: str
    matured: int
    """Of who was or would have been contacted, those whose window ended by `known_until`."""
    not_matured: int
    lift: Lift
    adjusted: Adjusted | None
    """None where too few of either group have matured."""
    earned: Earned
    ways: tuple[WayTold, ...]
    deciles: tuple[Decile, ...]
    figures: dict[str, Figure]
    """Qini, AUUC and uplift@k of the order by expected uplift."""
    curve: tuple[CurvePoint, ...]
    policies: tuple[PolicyValue, ...]
    balance: tuple[Imbalance, ...]
    drift: tuple[ScoreShift, ...]
    limits: tuple[Used, ...]
    budget_curve: tuple[BudgetPoint, ...]
    cap_hits: int
    not_contacted: dict[str, int]
    stopped_by_rule: dict[str, int]
    observational: tuple[str, ...] = ()
    """Models that steered by differences between those chosen, not by what a treatment did."""
    known_until: str = ""
    """ISO 8601: whose window of response ended by then has matured."""


def report_of(basis: Basis, rows: Rows, told: Responses) -> CampaignReport:
    """The report; NotReady where nothing has matured, BadInput where the groups differ before."""
    over, compared = _matured(basis, rows)
    response = responded(rows.customer, rows.opens_us, basis.recipe.response.within_days, told)
    at = np.flatnonzero(compared & over)
    trial = Trial(rows.lanes[at] == Lane.PLAN, response[at].astype(np.float64))
    balance = balance_of(rows.scores[at], rows.score_names, trial)
    figures, curve = qini_of(rows.uplift[at], trial)
    wanted, summary = basis.recipe.response, basis.summary
    return CampaignReport(
        campaign=basis.recipe.name,
        number=summary.number,
        policy_version=basis.policy_version,
        response=f"{wanted.event} within {wanted.within_days} days",
        made_at=_told(basis.now_us),
        matured=len(at),
        not_matured=int((compared & ~over).sum()),
        lift=lift_of(trial),
        adjusted=adjusted_lift(trial, rows.scores[at, 0].astype(np.float64)),
        earned=_earned(basis, rows, at, trial),
        ways=_ways(basis, rows, compared & over, response),
        deciles=deciles_of(rows.uplift[at], trial),
        figures=figures,
        curve=curve,
        policies=policy_values(_tried(basis, rows, over, response), basis.ways),
        balance=balance,
        drift=_drift(basis, rows),
        limits=summary.limits,
        budget_curve=summary.budget_curve,
        cap_hits=summary.stopped_by_rule.get("frequency_cap", 0),
        not_contacted=summary.not_contacted,
        stopped_by_rule=summary.stopped_by_rule,
        observational=basis.observational,
        known_until=_told(basis.known_us),
    )


def _matured(basis: Basis, rows: Rows) -> tuple[Flags, Flags]:
    """(n,) whose window of response is over and all known of, and who is compared."""
    days = basis.recipe.response.within_days
    compared = (rows.planned >= 0) & np.isin(rows.lanes, (Lane.PLAN, Lane.HOLDOUT))
    ends = rows.opens_us + days * DAY_US
    over = ends <= basis.known_us
    for lane in (Lane.PLAN, Lane.HOLDOUT):
        if not (compared & over & (rows.lanes == lane)).any():
            theirs = ends[compared & (rows.lanes == lane)]
            raise NotReady(
                f"no outcome of its {lane.name.lower()} lane has matured",
                where=f"campaign {basis.recipe.name}, plan {basis.summary.number}",
                remedy=_when(basis, int(theirs.min()))
                if len(theirs)
                else "plan for more customers: nobody there was or would have been contacted",
            )
    return over, compared


def _when(basis: Basis, first_us: int) -> str:
    """When to ask again."""
    if basis.archived_us is None or first_us > basis.now_us:
        return f"the first does on {_day(first_us)}; ask then"
    ends, needed = _day(basis.archived_us), _day(first_us + SETTLE_US)
    return (
        f"{basis.recipe.response.event} is archived up to {ends}, and it needs all up to {needed}: "
        "run finmodel archive, or name --outcomes FILE"
    )


def _day(at_us: int) -> str:
    return _told(at_us)[:10]


def _told(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat()


def _earned(basis: Basis, rows: Rows, at: Int64s, trial: Trial) -> Earned:
    """What the treated brought more than the control, less what the contacts cost."""
    pairs = [basis.recipe.pairs[way] for way in rows.planned[at].tolist()]
    offers = [basis.recipe.offers[o] for o, _ in pairs]
    value = np.array([one.value_minor for one in offers], np.float64)
    taken = np.array([one.cost_minor for one in offers], np.float64)
    contact = np.array([basis.recipe.channels[c].cost_minor for _, c in pairs], np.float64)
    n = int(trial.treated.sum())
    spent = float((contact + taken * trial.response)[trial.treated].sum())
    more, worth = worth_more(trial, np.ones(len(at))), worth_more(trial, value)
    planned = basis.summary.contacts_by_lane["plan"]
    return Earned(
        contacts=n,
        responses_more=more and _times(n, more, 0.0),
        spent_minor=spent,
        gain_minor=worth and _times(n, worth, spent),
        expected_gain_minor=basis.summary.value_minor * n / max(planned, 1),
    )


def _times(n: int, one: Interval, less: float) -> Interval:
    return Interval(*(n * end - less for end in (one.value, one.low, one.high)))


def _ways(basis: Basis, rows: Rows, compared: Flags, response: Flags) -> tuple[WayTold, ...]:
    found = []
    for place, way in enumerate(basis.ways):
        offer, channel = way.split("/")
        at = np.flatnonzero(compared & (rows.planned == place))
        treated = rows.lanes[at] == Lane.PLAN
        few = min(int(treated.sum()), int((~treated).sum())) < FEWEST
        told = {k: n for (o, c, k), n in basis.receipts.items() if (o, c) == (offer, channel)}
        found.append(
            WayTold(
                offer=offer,
                channel=channel,
                contacts=int((rows.action == place).sum()),
                receipts=told,
                lift=None if few else lift_of(Trial(treated, response[at].astype(np.float64))),
            )
        )
    return tuple(found)


def _tried(basis: Basis, rows: Rows, over: Flags, response: Flags) -> Tried:
    """Who was not held out, had a choice, and has matured."""
    lanes = np.isin(rows.lanes, (Lane.PLAN, Lane.EXPLORE))
    at = np.flatnonzero(lanes & (rows.allowed > 0) & over)
    base = rows.scores[at, 0].astype(np.float64)[:, None]
    effects = rows.scores[at][:, 1 + np.array(basis.effects)].astype(np.float64)
    allowed = (rows.allowed[at, None] >> np.arange(len(basis.ways)) & 1).astype(bool)
    return Tried(
        action=rows.action[at],
        planned=rows.planned[at],
        propensity=rows.propensity[at],
        responded=response[at].astype(np.float64),
        allowed=allowed,
        expected=np.clip(np.concatenate([base, base + effects], axis=1), 0.0, 1.0),
    )


def _drift(basis: Basis, rows: Rows) -> tuple[ScoreShift, ...]:
    """Each score's PSI beside the plan before; nothing for a campaign's first."""
    before = basis.before
    if before is None:
        return ()
    found = []
    for place, name in enumerate(rows.score_names):
        then, now = (part[~np.isnan(part)] for part in (before[:, place], rows.scores[:, place]))
        if not len(then) or not len(now):
            continue  # nobody has it, as risk's points where no risk model is asked
        bins = fit_bins(then)
        found.append(ScoreShift(name, shift(bin_counts(bins, then), bin_counts(bins, now))))
    return tuple(found)

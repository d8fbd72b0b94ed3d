"""Contacts taken out of a plan because the ledger changed while it was made.

A plan and what the rules say now of those it would contact come in; the plan without those whom a
rule stops meanwhile goes out: an opt-out, a complaint, an offer made at once. They are then as if
the rule had been known before: no contact, no comparison, nothing allowed. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from finmodel.records import Int64s
from marketing.campaign.eligibility import Judged
from marketing.campaign.lanes import Flags
from marketing.campaign.planning import NOBODY, CampaignPlan, Case


def concerned(made: CampaignPlan) -> Int64s:
    """Rows that the plan contacts, or would contact were they not held out."""
    return np.flatnonzero((made.actions.action >= 0) | (made.actions.planned >= 0))


def withdraw(
    case: Case, made: CampaignPlan, rows: Int64s, later: Judged
) -> tuple[Case, CampaignPlan]:
    """The same without whom a rule stops now; `later` judges `rows`, as `concerned` gives them."""
    actions = made.actions
    way = np.where(actions.action >= 0, actions.action, actions.planned)[rows]
    lost = np.flatnonzero(~later.allowed[np.arange(len(rows)), way])
    gone, first = rows[lost], later.first()
    action, planned = actions.action.copy(), actions.planned.copy()
    propensity, reason = actions.propensity.copy(), list(actions.reason)
    action[gone] = planned[gone] = NOBODY
    propensity[gone] = 1.0
    for row, place in zip(gone.tolist(), lost.tolist(), strict=True):
        reason[row] = first[place] or "no_channel_consent"
    kept = replace(actions, action=action, planned=planned, propensity=propensity, reason=reason)
    judged = _stopped(made.judged, later, gone, lost)
    known = _stopped(case.judged, later, gone, lost)
    return replace(case, judged=known), replace(made, actions=kept, judged=judged)


def _stopped(before: Judged, later: Judged, gone: Int64s, lost: Int64s) -> Judged:
    """The rules, with what they say now of those who are gone: nothing is allowed them."""
    stopped = _merged(before.stopped, later.stopped, gone, lost)
    vetoed = _merged(before.vetoed, later.vetoed, gone, lost)
    shut = vetoed["no_channel_consent"].copy()
    shut[gone[later.free[lost]]] = True
    return Judged(stopped, vetoed | {"no_channel_consent": shut})


def _merged(
    before: Mapping[str, Flags], later: Mapping[str, Flags], gone: Int64s, lost: Int64s
) -> dict[str, Flags]:
    told = dict(before)
    for rule, flags in later.items():
        told[rule] = before[rule].copy()
        told[rule][gone] |= flags[lost]
    return told

"""Plans, receipts and reports of campaigns as a person reads them in a shell.

A record comes in; what is shown goes to standard output, figures first, then a table for each
question. With JSON it is the record itself.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console

from marketing.outcome.measure import Lift
from marketing.outcome.report import CampaignReport
from serving.screen import emit

if TYPE_CHECKING:
    from serving.campaigns.acts import Done
    from serving.campaigns.reports import Receipts
    from serving.campaigns.stops import Stops

PLAN_TABLES = ("limits", "budget_curve")
TOO_FEW = "— 对照组或实验组人数过少 too few in the holdout or treated"
HEAD = (
    *("campaign", "number", "policy_version", "response", "made_at"),
    *("matured", "not_matured", "known_until"),
)


def show_plan(done: Done, json: bool) -> None:
    """Print a plan that was made."""
    told = asdict(done)
    summary = msgspec.to_builtins(told.pop("summary"))
    if json:
        emit(told | {"summary": summary}, True)
        return
    note = _observational(told.pop("observational")) | _barred(summary.pop("barred"))
    tables = [(name, list(summary.pop(name))) for name in PLAN_TABLES]
    emit(told | note | {name: _few(value) for name, value in summary.items()}, False)
    for title, (_, rows) in zip(("约束 Limits", "预算曲线 Other budgets"), tables, strict=True):
        _table(title, rows)


def show_receipts(taken: Receipts, json: bool) -> None:
    """Print what was done with a file of receipts; for a person its rows told of below."""
    told = asdict(taken)
    if json:
        emit(told, True)
        return
    rows = told.pop("noted") + told.pop("not_used")
    told["stops_lost"] = len(told["stops_lost"])
    emit(told, False)
    if rows:
        emit(rows, False)


def show_stops(stops: Stops, json: bool) -> None:
    """Print what is not to be sent; for a person the contacts too, unless they are in a file."""
    told = asdict(stops)
    if json:
        emit(told, True)
        return
    contacts = told.pop("contacts")
    emit({name: _few(value) for name, value in told.items()}, False)
    if contacts and not stops.output:
        emit(contacts, False)


def show_report(report: CampaignReport, json: bool) -> None:
    """Print it."""
    if json:
        emit(report, True)
        return
    head: dict[str, Any] = {name: getattr(report, name) for name in HEAD}
    head |= _observational(report.observational)
    earned = report.earned
    head |= {
        "lift": _lift(report.lift),
        "lift, adjusted": _ends(report.adjusted),
        "responses more": _ends(earned.responses_more),
        "spent": earned.spent_minor,
        "gain": _ends(earned.gain_minor),
        "gain expected": earned.expected_gain_minor,
        "cap hits": report.cap_hits,
        "not contacted": report.not_contacted,
    }
    emit(head | {name: _ends(one) for name, one in report.figures.items()}, False)
    for title, rows in (
        ("渠道与优惠 Offers by channel", _ways(report)),
        ("十分位 Deciles of expected uplift", list(report.deciles)),
        ("其他策略 Other policies, responses a customer", _policies(report)),
        ("均衡 Balance before the campaign", list(report.balance)),
        (
            "漂移 Drift of scores",
            [{"score": one.score, "psi": one.shift.psi} for one in report.drift],
        ),
        ("约束 Limits", list(report.limits)),
    ):
        _table(title, rows)


def _table(title: str, rows: list[Any]) -> None:
    Console().print(f"\n[bold]{title}[/]")
    plain = msgspec.to_builtins(rows)
    emit([{k: "—" if v is None else v for k, v in row.items()} for row in plain], False)


def _observational(models: tuple[str, ...]) -> dict[str, str]:
    """A warning, where models learnt from a trial that was none."""
    if not models:
        return {}
    told = "训练数据非随机，预期增量未必是触达的效果 chance did not decide who was treated in what"
    return {"warning": f"{', '.join(models)}: {told} it learnt from, so uplift may be no effect"}


def _barred(offers: dict[str, dict[str, int]]) -> dict[str, str]:
    """Offers that were passed over, and by which rules."""
    told = "; ".join(f"{name} ({_few(rules)})" for name, rules in offers.items())
    return {"无人可得 offers that nobody may get": told} if told else {}


def _few(value: Any) -> Any:
    """Counts in one line, without those that are none."""
    if not isinstance(value, dict):
        return value
    return " · ".join(f"{name} {count:,}" for name, count in value.items() if count)


def _ways(report: CampaignReport) -> list[dict[str, Any]]:
    return [
        {
            "offer": one.offer,
            "channel": one.channel,
            "contacts": one.contacts,
            **{kind: one.receipts.get(kind, 0) for kind in ("sent", "answered", "opted_out")},
            "lift": "" if one.lift is None else _lift(one.lift),
        }
        for one in report.ways
    ]


def _policies(report: CampaignReport) -> list[dict[str, Any]]:
    return [
        {
            "policy": one.policy,
            "snips": "" if one.snips is None else _ends(one.snips),
            "doubly robust": "" if one.doubly_robust is None else _ends(one.doubly_robust),
            "effective": None if one.snips is None else one.snips.effective,
            "": "too few" if one.too_few else "",
        }
        for one in report.policies
    ]


def _lift(lift: Lift) -> str:
    treated = f"{lift.treated_rate:.2%} of {lift.treated:,}"
    return f"{_ends(lift)}, {treated} against {lift.control_rate:.2%} of {lift.control:,}"


def _ends(told: Any) -> str:
    """A figure with its interval, whatever it is called in its record."""
    if told is None:
        return TOO_FEW
    value = told.lift if hasattr(told, "lift") else told.value
    return f"{_number(value)} [{_number(told.low)}, {_number(told.high)}]"


def _number(figure: float | None) -> str:
    return "—" if figure is None else f"{figure:,.4g}"

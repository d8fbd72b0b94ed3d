"""Receipts and reports over the small world: counted once, compared with the holdout alone."""

from __future__ import annotations

import csv
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from shutil import copytree, ignore_patterns

import msgspec
import numpy as np
import pandas as pd
import pytest

from feature_store.archive import archive_log
from feature_store.archive_key import make_archive
from feature_store.event_log import FileEventLog, append_all
from finmodel.audit import scan
from finmodel.clock import micros, parse_time
from finmodel.errors import BadInput, NotFound, NotReady
from finmodel.events import LoanDrawn
from finmodel.settings import Settings
from marketing.ledger.contacts import parts_of
from marketing.ledger.customers import standing_of
from marketing.ledger.file import open_ledger
from marketing.outcome.measure import Figure
from marketing.outcome.report import CampaignReport
from serving.campaigns.acts import Asked, make_plan, take_customers
from serving.campaigns.folder import read_plan
from serving.campaigns.reports import make_report, report_file, require_some, take_receipts
from serving.campaigns.screen import show_report
from tests.serving.campaign_world import PERSON, champions, customers_csv, recipe_file
from tests.serving.small_world import CUSTOMERS, make_world

LATER = "2005-12-01T00:00:00+08:00"
HOLDOUT, PLAN = 0, 2
CAMPAIGN = "drawdown_spring"


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    """A home with one plan, two months after it was made."""
    folder = tmp_path_factory.mktemp("world")
    here = make_world(folder / "home").settings
    take_customers(here, customers_csv(folder / "customers.csv"), PERSON)
    share = {"holdout": {"share": 0.4, "salt": "2026"}}
    make_plan(here, Asked(recipe_file(folder, **share)), PERSON, opening=champions)
    return replace(here, standing_clock=LATER)


@pytest.fixture(scope="module")
def actions(settings) -> pd.DataFrame:
    return read_plan(settings, "drawdown_spring", 1)[1].to_pandas()


def responses(folder: Path, actions: pd.DataFrame) -> Path:
    """Every other treated customer responds within the window, every fifth of the holdout."""
    chosen = actions[actions.planned >= 0]
    rows = []
    for lane, step in ((PLAN, 2), (HOLDOUT, 5)):
        rows += chosen[chosen.lane == lane][::step][["customer_id", "opens_us"]].values.tolist()
    path = folder / "responses.csv"
    times = [pd.Timestamp(opens + 10**6, unit="us", tz="UTC").isoformat() for _, opens in rows]
    told = pd.DataFrame({"customer_id": [one for one, _ in rows], "at": times})
    told.to_csv(path, index=False)
    return path


def contact_ids(settings: Settings) -> list[str]:
    path = settings.marketing / "campaigns" / "drawdown_spring" / "1" / "contacts.csv"
    return pd.read_csv(path).contact_id.tolist()


def receipts(path: Path, rows: list[tuple[str, ...]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("event_id", "contact_id", "kind", "at", "customer_id"), *rows])
    return path


def at(contact: str, minutes: int = 1) -> str:
    opens = parts_of(contact)[2] + minutes * 60_000_000
    return pd.Timestamp(opens, unit="us", tz="UTC").isoformat()


def test_the_lift_is_of_who_was_contacted_against_who_would_have_been(settings, actions, tmp_path):
    report = make_report(settings, "drawdown_spring", outcomes=responses(tmp_path, actions))
    chosen = actions[actions.planned >= 0]
    treated, held = (int((chosen.lane == lane).sum()) for lane in (PLAN, HOLDOUT))
    assert (report.lift.treated, report.lift.control) == (treated, held)
    assert min(treated, held) > 40
    assert report.lift.treated_rate == pytest.approx(np.ceil(treated / 2) / treated)
    assert report.lift.control_rate == pytest.approx(np.ceil(held / 5) / held)
    assert report.lift.low > 0.0
    kept = report_file(settings, "drawdown_spring", 1).read_bytes()
    assert msgspec.json.decode(kept, type=CampaignReport) == report


def drawn(customer: int, at: str) -> LoanDrawn:
    time = pd.Timestamp(at).to_pydatetime()
    return LoanDrawn(
        event_id=f"d{customer}-{at}",
        customer_id=customer,
        occurred_at=time,
        known_at=time,
        product="cash_loan",
        loan_number=1,
        currency="CNY",
        amount_minor=100_000,
        term_months=12,
        apr_bp=1_800,
    )


def archived(settings: Settings, folder: Path, events: list[LoanDrawn]) -> Settings:
    """The same plan in a home of its own, with these events in its archive."""
    home = copytree(settings.home, folder / "home", ignore=ignore_patterns("online"))
    here = replace(settings, home=home)
    with FileEventLog(here.events, write=True) as log:
        append_all(log, events)
    archive_log(FileEventLog(here.events), make_archive(here), at_least=1)
    return here


def test_responses_come_out_of_the_archive_where_no_file_is_given(settings, actions, tmp_path):
    told = pd.read_csv(responses(tmp_path, actions))
    by_file = make_report(settings, "drawdown_spring", outcomes=tmp_path / "responses.csv")
    events = [drawn(row.customer_id, row.at) for row in told.itertuples()]
    later = [drawn(one, "2005-11-28T00:00:00+08:00") for one in range(1, CUSTOMERS + 1)]
    by_archive = make_report(archived(settings, tmp_path, events + later), "drawdown_spring")
    assert by_archive.lift == by_file.lift
    assert by_archive.policies == by_file.policies
    assert by_archive.known_until == "2005-11-24T16:00:00+00:00"  # and three days to settle


def test_what_the_archive_does_not_hold_yet_is_no_missing_response(settings, actions, tmp_path):
    """The clock goes on, the archive does not: nobody is compared whose window it does not hold."""
    told = pd.read_csv(responses(tmp_path, actions))
    ends = "2005-11-13T00:00:00+08:00"
    events = [drawn(row.customer_id, row.at) for row in told.itertuples()]
    events += [drawn(one, ends) for one in range(1, CUSTOMERS + 1)]
    here = archived(settings, tmp_path, events)
    report = make_report(here, "drawdown_spring")
    opens = actions[(actions.planned >= 0) & actions.lane.isin([PLAN, HOLDOUT])].opens_us
    matured = (opens + 33 * 86_400 * 10**6 <= micros(parse_time(ends))).sum()
    assert report.matured == matured
    assert report.matured + report.not_matured == len(opens)
    assert 0.2 * len(opens) < matured < 0.8 * len(opens)
    assert make_report(replace(here, standing_clock="2006-06-01T00:00:00+08:00"), CAMPAIGN) == (
        msgspec.structs.replace(report, made_at="2006-05-31T16:00:00+00:00")
    )


def test_an_archive_that_ends_before_any_window_is_refused_with_what_to_do(
    settings, actions, tmp_path
):
    events = [drawn(one, "2005-10-05T00:00:00+08:00") for one in range(1, CUSTOMERS + 1)]
    here = archived(settings, tmp_path, events)
    says = r"is archived up to 2005-10-04, and it needs all up to 2005-11-\d+: run finmodel archive"
    with pytest.raises(NotReady, match=says):
        make_report(here, CAMPAIGN)


def test_an_archive_without_the_response_is_refused(settings, tmp_path):
    here = archived(settings, tmp_path, [])
    with pytest.raises(
        NotReady, match=r"it holds no loan\.drawdown\.v1, which would be a response"
    ):
        make_report(here, CAMPAIGN)


def test_receipts_are_taken_once_and_shown_by_way(settings, actions, tmp_path):
    ids = contact_ids(settings)[:9]
    rows = [(f"s{n}", one, "sent", at(one), "") for n, one in enumerate(ids)]
    rows += [("a0", ids[0], "answered", at(ids[0], 5), ""), ("o1", "", "opted_out", LATER, "400")]
    path = receipts(tmp_path / "r.csv", [*rows, ("bad", ids[0], "read", LATER, "")])
    first, again = (take_receipts(settings, path, PERSON) for _ in range(2))
    assert (first.new, first.refused, first.opted_out) == (11, 1, 1)
    assert (again.new, again.known, again.refused) == (0, 11, 1)
    [unused] = first.not_used
    assert (unused.line, unused.event_id) == (13, "bad")
    assert "no kind of receipt" in unused.reason
    report = make_report(settings, "drawdown_spring", outcomes=responses(tmp_path, actions))
    told = [one.receipts for one in report.ways]
    assert sum(one.get("sent", 0) for one in told) == 9
    assert sum(one.get("answered", 0) for one in told) == 1
    entries = [one.body for one in scan(settings.audit, "receipts_taken_in")]
    assert [one["new"] for one in entries] == [11]  # what changes nothing is no act
    assert entries[0]["file_sha256"] == sha256(path.read_bytes()).hexdigest()


def test_a_file_of_receipts_that_says_nothing_is_refused(settings, tmp_path):
    rows = [("x", "1-2-3", "sent", LATER, ""), ("y", "", "sent", "2005-11-01T00:00:00", "")]
    path = receipts(tmp_path / "r.csv", rows)
    taken = take_receipts(settings, path, PERSON)
    assert [one.reason for one in taken.not_used] == [
        "no contact 1-2-3 was ever planned",
        "its time is not ISO 8601 with a zone",
    ]
    with pytest.raises(BadInput, match="none of its 2 rows could be used"):
        require_some(taken, path)


def test_a_campaign_without_matured_outcomes_is_refused(settings, actions, tmp_path):
    early = replace(settings, standing_clock="2005-10-20T00:00:00+08:00")
    with pytest.raises(NotReady, match=r"of its \w+ lane has matured; the first does on"):
        make_report(early, "drawdown_spring", outcomes=responses(tmp_path, actions))


def test_an_opt_out_is_never_thrown_away(settings, tmp_path):
    rows = [
        ("u1", "", "opted_out", "2005-11-20", "31"),
        ("u2", "", "OPTED_OUT", "2005-11-20 09:00:00", "32"),
        ("u3", "7-33-1", "opted_out", "20/11/2005", "33"),
        ("u4", "", "opted_out", LATER, "999999"),
        ("u5", "", "complained", LATER, ""),
    ]
    path = receipts(tmp_path / "r.csv", rows)
    taken = take_receipts(settings, path, PERSON)
    assert (taken.new, taken.opted_out, taken.stops_lost) == (3, 3, [5, 6])
    assert [(one.line, one.event_id) for one in taken.noted] == [(2, "u1"), (3, "u2"), (4, "u3")]
    assert taken.noted[0].reason == "its time has no zone: taken as Beijing's"
    with closing(open_ledger(settings)) as ledger:
        assert standing_of(ledger, np.array([31, 32, 33])).opted_out.all()
        with ledger.reading() as db:
            told = db.execute("SELECT at_us FROM receipts WHERE event_id = 'u1'").fetchone()[0]
    assert told == micros(parse_time("2005-11-20T00:00:00+08:00"))
    with pytest.raises(BadInput, match="2 of its opt-outs and complaints stop nobody, on lines 5"):
        require_some(taken, path)
    stops = receipts(tmp_path / "only.csv", rows[:3])
    require_some(take_receipts(settings, stops, PERSON), stops)


def test_what_was_never_planned_is_named(settings):
    with pytest.raises(NotFound, match="campaign 'autumn': it was never planned"):
        make_report(settings, "autumn")
    with pytest.raises(NotFound, match="campaign drawdown_spring, plan 7: there is no such plan"):
        make_report(settings, "drawdown_spring", 7)


def test_responses_that_cannot_be_read_are_refused(settings, tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("customer_id,at\n1,2005-10-10T00:00:00+08:00\n2,soon\n")
    with pytest.raises(BadInput, match="line 3: at is no ISO 8601 time"):
        make_report(settings, "drawdown_spring", outcomes=path)


def test_a_person_sees_figures_and_tables(settings, actions, tmp_path, capsys):
    report = make_report(settings, "drawdown_spring", outcomes=responses(tmp_path, actions))
    show_report(report, json=False)
    shown = capsys.readouterr().out
    for part in ("lift", "Offers by channel", "Deciles", "doubly robust", "Limits", "rate_cut"):
        assert part in shown
    show_report(report, json=True)
    assert msgspec.json.decode(capsys.readouterr().out)["matured"] == report.matured


def test_a_person_sees_a_dash_for_what_cannot_be_told(settings, actions, tmp_path, capsys):
    report = make_report(settings, "drawdown_spring", outcomes=responses(tmp_path, actions))
    earned = msgspec.structs.replace(report.earned, responses_more=None, gain_minor=None)
    unknown = dict.fromkeys(report.figures, Figure(None, None, None))
    nobody = tuple(msgspec.structs.replace(one, control_rate=None) for one in report.deciles)
    told = {"adjusted": None, "earned": earned, "figures": unknown, "deciles": nobody}
    show_report(msgspec.structs.replace(report, **told), json=False)
    lines = capsys.readouterr().out.splitlines()
    for name in ("lift, adjusted", "responses more", "gain "):
        assert any(one.startswith(name) and "— " in one and "too few" in one for one in lines)
    assert any(one.startswith("uplift@10%") and "— [—, —]" in one for one in lines)
    assert any(one.split()[0] == "1" and "—" in one.split() for one in lines if one.strip())

"""An erasure is answered by a restriction while a rule holds, and then leaves nothing anywhere."""

import dataclasses
import shutil
from contextlib import closing
from datetime import date

import numpy as np
import pytest

from feature_store.event_log import FileEventLog
from finmodel.acts import opened_log
from finmodel.audit import Personal, find, scan, verify
from finmodel.errors import BadInput, NotFound
from finmodel.imported_proof import check_loads
from finmodel.restriction_book import may_train
from finmodel.retention import Periods
from finmodel.vault import Vault
from marketing.campaign.eligibility import judge
from marketing.campaign.recipe_file import load_campaign
from marketing.ledger.customers import standing_of
from marketing.ledger.file import open_ledger
from risk.underwriting.book import ACT
from serving.assisting.taking import take
from serving.campaigns.acts import take_customers
from serving.campaigns.plan import CONTACTS, plan_files
from serving.forgetting import erasing, stores
from serving.forgetting.erasing import Asked, erase, sweep, where
from serving.underwriting.room import CaseRoom
from tests.serving.campaign_world import customers_csv, recipe_file
from tests.serving.forgotten_world import (
    AFTER,
    AUDITOR,
    BROUGHT,
    OTHER,
    WHO,
    WITHIN,
    amount_of,
    at,
    canaries,
    found_in,
    make_world,
)

ENDED = date(2005, 10, 1)
EVERYWHERE = {
    *("event log", "archive", "snapshots", "online features", "dead letters", "contacts"),
    *("campaign plans", "conversations", "suggestions", "audit log", "wrap-ups"),
    *("imported decisions", "guards' cases"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forgotten")
    return make_world(folder / "home", folder)


@pytest.fixture
def here(made, tmp_path):
    shutil.copytree(made.home, tmp_path / "home")
    return dataclasses.replace(made, home=tmp_path / "home", data=tmp_path)


def held(here, who=WHO):
    return {one.store: one.count for one in where(here, str(who)) if one.count}


def asked(who=WHO, ended=ENDED):
    return Asked(str(who), "the customer asked", ended)


def taught(here, out):
    take(here, out, ("c.jsonl", "v.jsonl"))
    return (out / "c.jsonl").read_text() + (out / "v.jsonl").read_text()


def stopped(here, folder):
    """Rules that stop each of the ledger's customers."""
    with closing(open_ledger(here)) as ledger:
        standing = standing_of(ledger)
    recipe = load_campaign(recipe_file(folder))
    judged = judge(recipe, standing, np.zeros((len(standing), len(recipe.caps)), np.int64), 0)
    return {who: judged.of(row) for row, who in enumerate(standing.customer.tolist())}


def applied_for(here, decisions):
    """What the queue shows of cases, the first of two verdicts behind each."""
    with (
        opened_log(here, here.audit) as log,
        closing(Vault(here.vault)) as vault,
        closing(CaseRoom(here, log, vault)) as room,
    ):
        assert {room.case(one).first.code for one in decisions} == {"MD2"}
        return [room.amount(one) for one in decisions]


def test_within_the_period_everything_stays_and_is_used_for_no_marketing_and_no_training(
    here, tmp_path
):
    before, now = held(here), at(here, WITHIN)
    assert set(before) == EVERYWHERE
    told = erase(now, asked(), AUDITOR)
    assert (told.answer, told.until) == ("restricted", "2015-10-01")
    assert "反洗钱法" in told.said
    assert "10 years after the relationship ends" in told.said
    assert held(now) == before | {
        "audit log": before["audit log"] + 1,
        "contacts": before["contacts"] + 1,
    }
    rules = stopped(now, tmp_path)
    assert [one.id for one in rules[WHO]] == ["restricted"]
    assert rules[OTHER] == []
    take_customers(now, customers_csv(tmp_path / "again.csv", (WHO, OTHER)), AUDITOR)
    assert [one.id for one in stopped(now, tmp_path)[WHO]] == ["restricted"]
    assert may_train(now, np.array([WHO, OTHER])).tolist() == [False, True]
    assert f"c-{OTHER}" in (lessons := taught(now, tmp_path / "out"))
    assert str(WHO) not in lessons
    entry = find(now.audit, told.audit_entry)
    assert (entry.kind, entry.body["by"], entry.personal_state) == (
        "customer_restricted",
        "zhou",
        Personal.SEALED,
    )


def test_after_it_no_place_holds_the_person_and_every_other_customer_is_as_before(here):
    wanted, others = canaries(here), canaries(here, OTHER)
    before, of_others = found_in(here.home, wanted), found_in(here.home, others)
    assert {place for place, _ in before} >= {
        *("events", "archive", "offline", "online", "dead_letters", "marketing"),
        *("conversations", "suggestions"),  # the ids that they have in the open
        *("imported", "outcomes", "guards"),
    }
    assert {("marketing", "id, in SQLite"), ("marketing", "id, of SQLite's rows")} <= before
    assert {("imported", "stand-in"), ("imported", "amount, packed")} <= before
    assert ("outcomes", "stand-in of the application") in before
    held_of_other, ends = held(here, OTHER), FileEventLog(here.events).states()
    decisions = [one.id for one in scan(here.audit, "decision")]
    acts = [(one.body["about"]["decision"], one.body["act"]) for one in scan(here.audit, ACT)]
    assert acts == [(one, act) for one in decisions for act in ("claimed", "verdict")]
    assert applied_for(here, decisions) == [amount_of(WHO), amount_of(OTHER)]
    told = erase(at(here, AFTER), asked(), AUDITOR)
    assert told.answer == "erased", told.said
    assert set(told.removed) >= EVERYWHERE - {"audit log"}
    assert found_in(here.home, wanted) == set()
    assert held(here) == {}
    assert applied_for(here, decisions) == [None, amount_of(OTHER)]
    assert held(here, OTHER) == held_of_other
    assert found_in(here.home, others) == of_others
    assert FileEventLog(here.events).states() == ends
    assert str(OTHER).encode() in plan_files(here, "spring", 1)[CONTACTS]
    verify(here.audit)
    assert check_loads(here.imported, here.audit) == 1
    with closing(Vault(here.vault)) as vault:
        assert vault.known(str(WHO)) is None
        sealed = [one for one in scan(here.audit, "decision", vault=vault)]
    assert [one.personal_state for one in sealed] == [Personal.ERASED, Personal.OPEN]
    kinds = [one.kind for one in scan(here.audit)]
    assert kinds[-1] == "customer_erased"
    with pytest.raises(NotFound, match="nothing is held"):
        erase(at(here, AFTER), asked(), AUDITOR)


def test_killed_at_any_step_it_is_ended_by_the_next_sweep(here, monkeypatch):
    now, wanted = at(here, AFTER), canaries(here)

    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    every = stores.stores()
    for place, one in enumerate(every):
        dying = (*every[:place], dataclasses.replace(one, forget=die), *every[place + 1 :])
        monkeypatch.setattr(erasing, "stores", lambda dying=dying: dying)
        with pytest.raises(Killed):
            erase(now, asked(), AUDITOR)
    monkeypatch.setattr(erasing, "stores", lambda: every)
    monkeypatch.setattr(Vault, "erase", die)
    with pytest.raises(Killed):
        erase(now, asked(), AUDITOR)
    monkeypatch.undo()
    assert sweep(now, AUDITOR, dry_run=True).due == 1
    done = sweep(now, AUDITOR)
    assert (done.restricted, done.due, done.erased) == (1, 1, 1)
    assert found_in(here.home, wanted) == set()
    assert sweep(now, AUDITOR).restricted == 0


def test_who_is_known_by_imported_decisions_alone_is_restricted_by_the_rule_and_then_erased(here):
    ended = date(2004, 6, 30)
    assert held(here, BROUGHT) == {"imported decisions": 1}
    told = erase(at(here, WITHIN), asked(BROUGHT, ended), AUDITOR)
    assert (told.answer, told.until) == ("restricted", "2014-06-30")
    assert "10 years after the relationship ends: 反洗钱法 (2024) art. 34" in told.said
    early = erase(at(here, WITHIN), asked(BROUGHT, date(2001, 1, 1)), AUDITOR)
    assert early.until == "2013-05-01", "not before ten years after the last decision"
    assert sweep(at(here, AFTER), AUDITOR).erased == 1
    assert held(here, BROUGHT) == {}
    assert held(here)["imported decisions"] == 1
    assert verify(here.audit)
    assert check_loads(here.imported, here.audit) == 1
    with pytest.raises(NotFound, match="nothing is held"):
        erase(at(here, AFTER), asked(BROUGHT), AUDITOR)


def test_a_key_that_went_before_its_restriction_leaves_no_row(here):
    erase(at(here, WITHIN), asked(), AUDITOR)
    with closing(Vault(here.vault)) as vault:
        vault.erase(str(WHO))
    assert sweep(at(here, AFTER), AUDITOR).restricted == 0


def test_what_was_restricted_is_erased_on_the_day_after_and_not_before(here):
    erase(at(here, WITHIN), asked(), AUDITOR)
    last = sweep(at(here, "2015-10-01T23:00:00+08:00"), AUDITOR)
    assert (last.due, last.erased, last.next) == (0, 0, "2015-10-01")
    assert sweep(at(here, "2015-10-02T01:00:00+08:00"), AUDITOR).erased == 1
    assert held(here) == {}


def test_an_end_before_the_last_record_an_unknown_end_and_longer_periods_keep_longer(here):
    now = at(here, "2015-09-20T12:00:00+08:00")
    early = erase(now, asked(ended=date(2001, 1, 1)), AUDITOR)
    assert (early.answer, early.until) == ("restricted", "2015-09-30")
    unknown = erase(at(here, AFTER), asked(OTHER, None), AUDITOR)
    assert (unknown.answer, unknown.until) == ("restricted", "")
    assert "--ended" in unknown.said
    assert sweep(at(here, AFTER), AUDITOR, dry_run=True).due == 1
    longer = dataclasses.replace(at(here, AFTER), keep=Periods(transactions=144))
    assert sweep(longer, AUDITOR, dry_run=True).due == 0
    for kind in ("conversations", "contacts"):  # the lender's own, where nothing else holds
        own = dataclasses.replace(at(here, AFTER), keep=Periods(**{kind: 999}))
        assert sweep(own, AUDITOR, dry_run=True).due == 0


def test_what_cannot_be_is_refused(here):
    with pytest.raises(BadInput, match="still to come"):
        erase(here, asked(ended=date(2030, 1, 1)), AUDITOR)
    with pytest.raises(NotFound):
        erase(here, Asked("u-nobody", "asked"), AUDITOR)
    with pytest.raises(BadInput, match="reason"):
        erase(here, Asked(str(WHO), " "), AUDITOR)
    assert not here.restrictions.exists() or sweep(here, AUDITOR).restricted == 0

"""From a proposal to what decides: two people, each step in the audit log, nothing half-done."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from finmodel.audit import find, scan, verify
from finmodel.errors import BadInput, Damaged, NotFound, NotReady, Refused
from finmodel.records import Person
from finmodel.settings import Settings
from risk.policy.proposals import check, proposals_of, propose
from risk.policy.registry import approve, rollback, show, turn_off, turn_on
from risk.policy.versions import (
    active_path,
    load_version,
    read_active,
    read_switch,
    set_switch,
    switch_path,
)
from tests.risk.policies import POLICY, crown, text_of

ANN = Person("ann", frozenset({"analyst", "validator"}))
VAL = Person("val", frozenset({"validator"}))
WEI = Person("wei", frozenset({"validator"}))
DEMO = Person("demo", frozenset({"analyst", "validator"}), demo=True)


@pytest.fixture
def bare(tmp_path: Path) -> Settings:
    """Nothing was ever trained here."""
    home = tmp_path / "home"
    home.mkdir()
    return Settings(home=home, data=home, standing_clock="2026-01-01T00:00:00+00:00")


@pytest.fixture
def settings(bare: Settings) -> Settings:
    """There is a champion that the policy fits."""
    crown(bare)
    return bare


@pytest.fixture
def write(tmp_path):
    def made(**changes) -> Path:
        path = tmp_path / "policy.yaml"
        path.write_text(text_of(**changes), encoding="utf-8")
        return path

    return made


def kinds(settings: Settings) -> list[str]:
    return [entry.kind for entry in scan(settings.audit)]


def approved(settings: Settings, path: Path) -> int:
    propose(settings, path, ANN)
    return approve(settings, "drawdown", None, VAL).version


def active(settings: Settings) -> int:
    pointer = read_active(settings.policies, "drawdown", settings.signing)
    assert pointer is not None
    return pointer.version


def test_a_policy_decides_once_a_second_person_approved_it(settings, write):
    proposal = propose(settings, write(), ANN)
    assert (proposal.version, proposal.author) == (1, "ann")
    assert read_active(settings.policies, "drawdown", settings.signing) is None
    assert show(settings, "drawdown").waiting == ("version 1 by ann",)
    pointer = approve(settings, "drawdown", None, VAL)
    found = load_version(settings.policies, "drawdown", 1, settings.signing)
    assert (found.about.author, found.about.approved_by) == ("ann", "val")
    assert found.policy.products["cash_loan"].bands[0].annual_rate_bps == 1080
    assert kinds(settings) == ["policy_proposed", "policy_approved"]
    entry = find(settings.audit, pointer.audit_entry)
    assert (entry.body["version"], entry.body["by"], entry.body["from"]) == (1, "val", None)
    shown = show(settings, "drawdown")
    assert (shown.active, shown.approved_by, shown.waiting, shown.off) == (1, "val", (), ())
    verify(settings.audit)


@pytest.mark.parametrize(
    ("approver", "says"),
    [
        (ANN, "policy drawdown version 1: ann wrote it; ask another validator: two pairs of eyes"),
        (Person("eva", frozenset({"engineer"})), "eva may not approve a policy; ask .* validator"),
        (DEMO, "demo was made by the demo"),
    ],
)
def test_who_may_not_approve(settings, write, approver, says):
    propose(settings, write(), ANN)
    with pytest.raises(Refused, match=says):
        approve(settings, "drawdown", None, approver)
    assert kinds(settings) == ["policy_proposed"]
    assert not active_path(settings.policies, "drawdown").exists()


def test_who_may_not_propose_and_what_is_not_there(settings, write):
    with pytest.raises(Refused, match="val may not propose a policy; ask somebody who is analyst"):
        propose(settings, write(), VAL)
    with pytest.raises(NotFound, match="no such policy"):
        show(settings, "nosuch")
    with pytest.raises(NotFound, match="policy drawdown: none waits for approval"):
        approve(settings, "drawdown", None, VAL)
    with pytest.raises(BadInput, match="it is not a policy's name"):
        show(settings, "../exports")
    propose(settings, write(), ANN)
    with pytest.raises(NotFound, match="version 7 is not known"):
        approve(settings, "drawdown", 7, VAL)


def test_what_the_demo_writes_is_approved_in_the_demo_only(settings, write):
    propose(settings, write(), DEMO)
    with pytest.raises(Refused, match="written or approved by the demo's people"):
        approve(settings, "drawdown", None, VAL)
    other = Person("demo-val", frozenset({"validator"}), demo=True)
    assert approve(settings, "drawdown", None, other, demo=True).demo


def test_a_rollback_is_a_move_of_its_own_and_says_why(settings, write):
    approved(settings, write())
    approved(settings, write(currency="USD"))
    with pytest.raises(BadInput, match="no reason is given; say why"):
        rollback(settings, "drawdown", VAL, " ")
    pointer = rollback(settings, "drawdown", WEI, "too many refers")
    assert (pointer.version, pointer.sequence, pointer.previous) == (1, 3, ())
    assert (active(settings), pointer.reason) == (1, "too many refers")
    assert kinds(settings)[-1] == "policy_rollback"
    with pytest.raises(Refused, match="there is no policy before this one"):
        rollback(settings, "drawdown", VAL, "again")
    assert approve(settings, "drawdown", 2, VAL).sequence == 4
    assert active(settings) == 2


def test_an_approval_that_was_cut_short_is_completed(settings, write):
    approved(settings, write())
    active_path(settings.policies, "drawdown").unlink()
    pointer = approve(settings, "drawdown", 1, WEI)
    assert (pointer.version, pointer.sequence) == (1, 2)


def test_a_proposal_that_was_altered_is_not_approved(settings, write):
    propose(settings, write(), ANN)
    (file,) = (settings.policies / "drawdown" / "proposals").glob("*.json")
    told = msgspec.json.decode(file.read_bytes())
    for change in (
        {"author": "eva"},
        {"text": told["text"].replace("1080", "2380")},
        {"audit_entry": "a000001-00000068-000000000000"},
    ):
        file.write_bytes(msgspec.json.encode(told | change))
        with pytest.raises((Damaged, NotFound)):
            approve(settings, "drawdown", None, VAL)
    assert not active_path(settings.policies, "drawdown").exists()


@pytest.mark.parametrize("file", ["policy.yaml", "about.json", "SIGNATURE.json"])
def test_an_approved_policy_that_was_altered_is_not_loaded(settings, write, file):
    approved(settings, write())
    path = settings.policies / "drawdown" / "1" / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(Damaged):
        load_version(settings.policies, "drawdown", 1, settings.signing)


def test_a_version_put_in_the_place_of_another_is_not_loaded(settings, write):
    approved(settings, write())
    approved(settings, write(currency="USD"))
    folder = settings.policies / "drawdown"
    (folder / "1").rename(folder / "old")
    (folder / "2").rename(folder / "1")
    with pytest.raises(Damaged, match="it is version 2 of drawdown"):
        load_version(settings.policies, "drawdown", 1, settings.signing)
    with pytest.raises(NotReady, match="no such version was approved"):
        load_version(settings.policies, "drawdown", 2, settings.signing)


def test_one_person_switches_off_and_another_on(settings, write):
    with pytest.raises(NotFound, match="no policy decides"):
        turn_off(settings, "drawdown", ["model"], ANN, "it fails")
    approved(settings, write())
    with pytest.raises(BadInput, match="'modle' is no step that can be switched off"):
        turn_off(settings, "drawdown", ["modle"], ANN, "it fails")
    with pytest.raises(BadInput, match="no reason is given"):
        turn_off(settings, "drawdown", ["model"], ANN, "")
    turned = turn_off(settings, "drawdown", ["model"], ANN, "it fails")
    assert (turned.off, turned.sequence) == (("model",), 1)
    assert turn_off(settings, "drawdown", [], VAL, "all of it").off == (
        "model",
        "scorecard",
        "rules",
    )
    assert show(settings, "drawdown").off_because == "all of it"
    with pytest.raises(Refused, match="val switched it off; ask another validator"):
        turn_on(settings, "drawdown", VAL, "mended")
    with pytest.raises(Refused, match="may not switch on"):
        turn_on(settings, "drawdown", Person("eva", frozenset({"engineer"})), "mended")
    assert turn_on(settings, "drawdown", WEI, "mended").off == ()
    with pytest.raises(Refused, match="nothing is switched off"):
        turn_on(settings, "drawdown", WEI, "mended")
    assert kinds(settings)[2:] == ["policy_switched"] * 3


def test_a_switch_that_was_altered_or_is_anothers_is_refused(settings, write):
    approved(settings, write())
    switch = turn_off(settings, "drawdown", [], ANN, "stop")
    path = switch_path(settings.policies, "drawdown")
    path.write_bytes(path.read_bytes().replace(b'"off":["model"', b'"off":["rules"'))
    with pytest.raises(Damaged, match="the signature does not hold"):
        read_switch(settings.policies, "drawdown", settings.signing)
    other = msgspec.structs.replace(switch, name="other", off=())
    (settings.policies / "other").mkdir()
    set_switch(settings.policies, other, settings.signing)
    path.write_bytes(switch_path(settings.policies, "other").read_bytes())
    with pytest.raises(Damaged, match="it is the switch of other"):
        read_switch(settings.policies, "drawdown", settings.signing)


def test_a_check_says_what_it_was_held_against(bare, write):
    told = check(bare, write())
    assert (told.rules, told.products) == (3, ("cash_loan", "instalment"))
    assert told.fits == "not checked: behaviour_risk has no champion"
    assert not bare.audit.exists()
    crown(bare)
    assert check(bare, write()).fits == "behaviour_risk version 1"


def test_a_check_warns_of_a_scorecard_that_is_not_there(settings, write):
    warned = "fallback: behaviour_risk version 1 has no scorecard, so that step is passed over"
    assert check(settings, write()).warnings == (warned,)
    assert check(settings, write(fallback=["refer"])).warnings == ()
    crown(settings, card=b"{}", version=2)
    assert check(settings, write()).warnings == ()


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ({"feature": "b", "above": 5, "below": 3}, "no b is above 5 and below 3"),
        ({"feature": "b", "above": 5, "below": 5}, "no b is above 5 and below 5"),
        ({"feature": "b", "at_least": 5, "below": 5}, "no b is at least 5 and below 5"),
        ({"feature": "b", "at_least": 6, "at_most": 5}, "no b is at least 6 and at most 5"),
        ({"request": "bureau_score", "among": [7], "below": 7}, "is below 7 and among"),
        ({"feature": "b", "missing": True, "above": 5, "below": 3}, "no b is above 5"),
    ],
)
def test_a_condition_that_nothing_meets_is_refused(settings, write, condition, says):
    rule = POLICY["rules"][0] | {"when": [condition]}
    for asked in (check, lambda *told: propose(*told, ANN)):
        with pytest.raises(BadInput, match=f"policy.yaml: rule H1: .*{says}"):
            asked(settings, write(rules=[rule]))
    assert proposals_of(settings, "drawdown").read == ()
    for held in ({"feature": "b", "at_least": 5, "at_most": 5}, {"feature": "b", "missing": True}):
        check(settings, write(rules=[rule | {"when": [held]}]))


def test_a_lane_that_begins_above_every_declined_band_is_refused(settings, write):
    """Bands decline below 580 and below 610: at 609 points somebody can be drawn, at 610 nobody."""
    lane = POLICY["random_approve"]
    said = "policy.yaml: random_approve: no band declines at 610 points or more"
    for asked in (check, lambda *told: propose(*told, ANN)):
        with pytest.raises(BadInput, match=said):
            asked(settings, write(random_approve=lane | {"at_least": 610}))
    assert proposals_of(settings, "drawdown").read == ()
    check(settings, write(random_approve=lane | {"at_least": 609}))
    check(settings, write(random_approve=lane | {"at_least": 610, "share_bps": 0}))


@pytest.mark.parametrize("currency", ["cny1", "cny", "人民币", "", "RMB1"])
def test_a_currency_that_is_none_is_refused(settings, write, currency):
    with pytest.raises(BadInput, match=r"currency: .* is no currency; write its three capitals"):
        check(settings, write(currency=currency))
    check(settings, write(currency="HKD"))


def test_a_policy_for_a_model_without_champion_is_not_approved(bare, write):
    """The service would have nothing to serve after its next start."""
    propose(bare, write(), ANN)
    with pytest.raises(
        Refused, match=r"behaviour_risk has no champion .*; promote a version first"
    ):
        approve(bare, "drawdown", None, VAL)
    assert not active_path(bare.policies, "drawdown").exists()
    crown(bare)
    assert approve(bare, "drawdown", None, VAL).version == 1


def test_a_policy_does_not_change_the_model_that_it_decides_for(settings, write):
    approved(settings, write())
    crown(settings, name="loans")
    propose(settings, write(model="loans"), ANN)
    says = "decides for behaviour_risk, and this one is for loans; propose it under another name"
    with pytest.raises(Refused, match=says):
        approve(settings, "drawdown", 2, VAL)
    assert active(settings) == 1
    propose(settings, write(model="loans", name="loans"), ANN)
    assert approve(settings, "loans", None, VAL).version == 1


def test_a_lost_proposal_does_not_give_its_number_to_another(settings, write):
    approved(settings, write())
    (proposed,) = (settings.policies / "drawdown" / "proposals").glob("*.json")
    proposed.unlink()
    assert propose(settings, write(currency="USD"), ANN).version == 2
    assert approve(settings, "drawdown", None, VAL).version == 2


def test_another_text_under_an_approved_number_is_not_approved(settings, write, tmp_path):
    """Proposals of another home, as a restored folder would hold them."""
    approved(settings, write())
    approved(settings, write(currency="USD"))
    folder = settings.policies / "drawdown"
    (folder / "2").rename(tmp_path / "aside")
    (folder / "proposals" / "2.json").unlink()
    assert propose(settings, write(currency="EUR"), ANN).version == 2
    (tmp_path / "aside").rename(folder / "2")
    with pytest.raises(Refused, match="another text was approved under this number; propose it"):
        approve(settings, "drawdown", 2, WEI)
    assert active(settings) == 2
    found = load_version(settings.policies, "drawdown", 2, settings.signing)
    assert found.policy.currency == "USD"


def test_a_proposal_that_cannot_be_read_stands_in_nobodys_way(settings, write):
    approved(settings, write())
    propose(settings, write(currency="USD"), ANN)
    (settings.policies / "drawdown" / "proposals" / "2.json").write_bytes(b"{")
    shown = show(settings, "drawdown")
    assert (shown.active, shown.waiting, shown.damaged) == (1, (), ("2.json",))
    with pytest.raises(Damaged, match="version 2: its proposal cannot be read; propose it again"):
        approve(settings, "drawdown", 2, VAL)
    assert propose(settings, write(currency="USD"), ANN).version == 3
    assert show(settings, "drawdown").waiting == ("version 3 by ann",)
    assert approve(settings, "drawdown", None, VAL).version == 3


EVA = Person("eva", frozenset({"engineer"}))


def test_nobody_revives_a_step_that_they_switched_off(settings, write):
    """Neither after another switched off another step, nor after another did so again."""
    approved(settings, write())
    turn_off(settings, "drawdown", ["model"], VAL, "it drifts")
    turn_off(settings, "drawdown", ["rules"], WEI, "a wrong rule")
    turned = turn_off(settings, "drawdown", ["model"], EVA, "it drifts on")
    assert turned.off == ("model", "rules")
    assert turned.reasons == {"model": "it drifts", "rules": "a wrong rule"}
    assert show(settings, "drawdown").stopped == (
        "model by val: it drifts",
        "rules by wei: a wrong rule",
        "model by eva: it drifts on",
    )
    for person in (VAL, WEI):
        with pytest.raises(Refused, match=f"{person.name} switched it off; ask another validator"):
            turn_on(settings, "drawdown", person, "mended")
    assert turn_on(settings, "drawdown", ANN, "mended").stopped == ()
    assert turn_off(settings, "drawdown", ["model"], WEI, "again").stopped[0].by == "wei"
    assert turn_on(settings, "drawdown", VAL, "mended").off == ()


def lost(path: Path, _before: bytes) -> None:
    path.unlink()


def older(path: Path, before: bytes) -> None:
    path.write_bytes(before)


@pytest.mark.parametrize("lose", [lost, older])
def test_a_switch_that_is_lost_stays_off(settings, write, lose):
    approved(settings, write())
    turn_off(settings, "drawdown", [], EVA, "try it")
    turn_on(settings, "drawdown", WEI, "tried")
    path = switch_path(settings.policies, "drawdown")
    before = path.read_bytes()
    turn_off(settings, "drawdown", ["model"], VAL, "it drifts")
    lose(path, before)
    shown = show(settings, "drawdown")
    assert (shown.off, shown.stopped) == (("model",), ("model by val: it drifts",))
    assert "audit log" in shown.off_because or "its file is lost" in shown.off_because
    assert shown.off_because.endswith("holds until it is revived: it drifts")
    with pytest.raises(Refused, match="val switched it off"):
        turn_on(settings, "drawdown", VAL, "mended")
    assert turn_off(settings, "drawdown", ["rules"], EVA, "these too").sequence == 4
    assert turn_on(settings, "drawdown", WEI, "mended").sequence == 5
    assert show(settings, "drawdown").off == ()
    path.unlink()
    assert show(settings, "drawdown").off == ()


def test_a_revival_that_was_cut_short_is_none(settings, write):
    approved(settings, write())
    turn_off(settings, "drawdown", ["model"], VAL, "it drifts")
    path = switch_path(settings.policies, "drawdown")
    killed = path.read_bytes()
    turn_on(settings, "drawdown", WEI, "mended")
    path.write_bytes(killed)
    assert show(settings, "drawdown").off == ("model",)
    with pytest.raises(Refused, match="val switched it off"):
        turn_on(settings, "drawdown", VAL, "mended")
    assert turn_on(settings, "drawdown", WEI, "mended").sequence == 3


def test_a_switch_that_cannot_be_read_is_everything_off_and_can_be_moved(settings, write):
    approved(settings, write())
    turn_off(settings, "drawdown", ["model"], VAL, "it drifts")
    switch_path(settings.policies, "drawdown").write_bytes(b"{")
    shown = show(settings, "drawdown")
    assert shown.off == ("model", "scorecard", "rules")
    assert shown.off_because == "the switch cannot be read: it is not a signed switch"
    with pytest.raises(Refused, match="val switched it off"):
        turn_on(settings, "drawdown", VAL, "mended")
    assert turn_on(settings, "drawdown", WEI, "mended").sequence == 2
    assert show(settings, "drawdown").off == ()


def test_a_switch_of_before_names_were_kept_is_its_last_movers(settings, write):
    approved(settings, write())
    switch = turn_off(settings, "drawdown", ["model"], VAL, "it drifts")
    set_switch(settings.policies, msgspec.structs.replace(switch, stopped=()), settings.signing)
    assert show(settings, "drawdown").stopped == ("model by val: it drifts",)
    with pytest.raises(Refused, match="val switched it off"):
        turn_on(settings, "drawdown", VAL, "mended")

"""The real service under an approved policy: what it answers, keeps, and computes again."""

from __future__ import annotations

import csv
from dataclasses import replace

import httpx
import numpy as np
import pytest

from finmodel import outcome_files
from finmodel.audit import find, scan
from finmodel.clock import parse_time
from finmodel.errors import BadInput, NotFound
from finmodel.outcomes import Outcomes
from finmodel.pointers import Pointer, set_champion
from finmodel.vault import Vault
from risk.policy.draws import draw
from risk.policy.registry import turn_off, turn_on
from serving.decision_history import Window
from serving.flows import replay
from serving.matured import Maturity, read_outcomes
from serving.screen import Progress
from serving.simulation import simulate
from tests.serving.policy_world import APPROVER, AUTHOR, WORLDS_POLICY, decide_by, write_policy
from tests.serving.small_world import (
    APPLICATION,
    CLOCK,
    NAME,
    make_world,
    running,
    wait_until,
)

pytestmark = pytest.mark.servers
DAY = Window(parse_time("2005-09-30T00:00:00+08:00"), parse_time("2005-10-02T00:00:00+08:00"))


@pytest.fixture(scope="module")
def lender(tmp_path_factory):
    """A world with a challenger, decisions by the manifest's own cut-offs, and then a policy."""
    world = make_world(tmp_path_factory.mktemp("policy"))
    pointer = Pointer(NAME, "challenger", 2, 1, (), "v", CLOCK, True, "a test", "")
    set_champion(world.settings.exports, pointer, world.settings.signing)
    with running(world.settings) as address, httpx.Client(base_url=address, timeout=20) as client:
        log = world.settings.home / "service.log"
        wait_until(lambda: client.get("/readyz").status_code == 200, 60, log)
        before = [decided(client, world, customer) for customer in range(21, 31)]
        decide_by(world.settings)
        wait_until(lambda: status(client, world)["policy"] is not None, 10, log)
        yield world, client, before


def decided(client, world, customer: int, **changes) -> dict:
    asked = APPLICATION | {"customer_id": customer, "application_id": f"A-{customer}"} | changes
    answer = client.post("/decide", json=asked, headers=world.headers("underwriter"))
    assert answer.status_code == 200, answer.text
    return answer.json()


def status(client, world) -> dict:
    return client.get("/status", headers=world.headers("analyst")).json()


def entry_of(world, answer):
    return find(world.settings.audit, answer["decision_id"])


def expected(world, customer: int) -> tuple[str, str, int]:
    """Band and answer by arithmetic written out here, and the version that should decide."""
    arm = draw("arm", "small world", f"A-{customer}") < 0.4
    row = world.features[customer - 1 : customer]
    raw = world.boosters[2 if arm else 1].predict(row, raw_score=True)[0]
    points = 600 - 20 / np.log(2) * (0.05 + 1.1 * raw + np.log(50))
    version = 2 if arm else 1
    if row[0, 0] > 1.5:
        return "", "decline", version
    if points >= 540:
        return "A", "approve", version
    if points >= 515:
        return "B", "refer", version
    by_lot = points >= 440 and draw("lane", "small world", f"A-{customer}") < 0.3
    return "C", "approve" if by_lot else "decline", version


def test_decisions_are_the_policys_on_both_arms_and_come_out_the_same_again(lender):
    world, client, _ = lender
    seen = set()
    for customer in range(31, 91):
        answer = decided(client, world, customer)
        policy = answer["policy"]
        told = policy["band"], answer["decision"], answer["model"]["version"]
        assert told == expected(world, customer)
        assert (policy["name"], policy["version"], policy["fallback"]) == ("drawdown", 1, [])
        if policy["lane"] == "random_approve":
            terms = (policy["limit_minor"], policy["annual_rate_bps"], policy["propensity"])
            assert (*terms, answer["rule"]) == (600_000, 2400, 0.3, "random_approve")
        if answer["rule"] == "rule:H1":
            assert policy["rule_zh"] == "余额过高"
        entry = entry_of(world, answer)
        shadow = entry.body["policy"]["shadow"]
        assert {shadow["version"], answer["model"]["version"]} == {1, 2}
        replayed = replay(entry, world.settings)
        assert replayed.same, replayed
        seen.add((answer["decision"], policy["lane"], policy["arm"]))
    assert {("approve", "standard", "champion"), ("approve", "random_approve", "champion")} <= seen
    assert {arm for _, _, arm in seen} == {"champion", "challenger"}


def test_what_the_other_arm_would_say_is_kept_as_lightgbm_says_it(lender):
    world, client, _ = lender
    entry = entry_of(world, decided(client, world, 100))
    shadow = entry.body["policy"]["shadow"]
    raw = world.boosters[shadow["version"]].predict(world.features[99:100], raw_score=True)[0]
    points = 600 - 20 / np.log(2) * (0.05 + 1.1 * raw + np.log(50))
    assert shadow["points"] == pytest.approx(points, rel=1e-12)


def test_a_record_that_was_altered_does_not_come_out_the_same(lender):
    world, client, _ = lender
    entry = entry_of(world, decided(client, world, 101))
    entry.body["policy"]["limit_minor"] = 7
    entry.body["policy"]["sha256"] = "0" * 64
    replayed = replay(entry, world.settings)
    wrong = [check.name for check in replayed.checks if not check.same]
    assert wrong == ["policy's text", "policy's outcome"]


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("points", lambda points: float(np.nextafter(points, 0))),
        ("version", lambda version: 3 - version),
        ("arm", lambda arm: "champion" if arm == "challenger" else "challenger"),
    ],
)
def test_what_the_other_arm_said_is_computed_again_and_compared_bit_for_bit(lender, key, change):
    world, client, _ = lender
    entry = entry_of(world, decided(client, world, 103))
    assert "shadow points" in [one.name for one in replay(entry, world.settings).checks]
    shadow = entry.body["policy"]["shadow"]
    shadow[key] = change(shadow[key])
    replayed = replay(entry, world.settings)
    assert not replayed.same
    assert [one.name for one in replayed.checks if not one.same] == ["shadow points"]


def test_a_decision_comes_out_the_same_after_its_customer_was_erased(lender):
    world, client, _ = lender
    answer = decided(client, world, 102, bureau_query_id="q", bureau_consent_id="c", bureau_score=1)
    assert answer["rule"] in ("rule:H2", "rule:H1")
    vault = Vault(world.settings.vault)
    assert vault.erase("102")
    vault.close()
    entry = find(world.settings.audit, answer["decision_id"])
    assert entry.body["policy"]["request"]["bureau_score"] == 1
    assert "application_id" not in str(entry.body)
    assert replay(entry, world.settings).same


def test_a_product_that_the_policy_does_not_know_is_refused_by_the_field(lender):
    world, client, _ = lender
    asked = client.post(
        "/decide", json=APPLICATION | {"product": "car"}, headers=world.headers("underwriter")
    )
    assert asked.status_code == 422
    error = asked.json()["error"]
    assert error["what"] == "no product of policy drawdown version 1 has this name"
    assert (error["where"], error["remedy"]) == ("the body at `$.product`", "choose from cash_loan")


def test_a_kill_switch_reaches_the_service_and_says_why(lender):
    world, client, _ = lender
    turn_off(world.settings, "drawdown", ["model"], AUTHOR, "the model drifts")
    wait_until(lambda: status(client, world)["policy"]["off"] == ["model"], 10)
    answer = decided(client, world, 110)
    assert (answer["decision"], answer["rule"]) == ("refer", "no_score")
    assert (answer["points"], answer["probability_of_default"]) == (None, None)
    assert answer["policy"]["fallback"] == [
        {"step": "model", "reason": "switched off: the model drifts"},
        {"step": "scorecard", "reason": "this version has no scorecard"},
    ]
    assert replay(entry_of(world, answer), world.settings).same
    shown = client.get(f"/explain/{answer['decision_id']}", headers=world.headers("analyst")).json()
    assert shown["policy"]["step"] == "rules"
    assert (shown["points"], shown["raw_score"]) == (None, None)
    assert shown["replay"]["same"]
    turn_on(world.settings, "drawdown", APPROVER, "mended")
    wait_until(lambda: status(client, world)["policy"]["off"] == [], 10)
    assert decided(client, world, 110)["policy"]["step"] == "model"
    kinds = [entry.kind for entry in scan(world.settings.audit)]
    assert kinds.count("switch_in_service") == 2


def simulated(world, tmp_path, matured=None, window=DAY, **changes):
    settings = replace(world.settings, key=world.keys["analyst"])
    file = write_policy(tmp_path, **changes)
    with Progress() as progress:
        return simulate(settings, file, window, (matured, tmp_path / "who.csv"), progress)


def logged(world) -> list:
    return list(scan(world.settings.audit, "decision"))


def test_a_simulation_of_the_policy_in_force_changes_nobody_it_decided(lender, tmp_path):
    world, _, before = lender
    found = simulated(world, tmp_path)
    entries = logged(world)
    under = [one for one in entries if one.body["policy"] is not None]
    assert found.figures.decisions == len(entries) == len(before) + len(under)
    assert (found.sealed_opened, found.drawn_anew) == (len(before), len(before))
    with (tmp_path / "who.csv").open() as lines:
        changed = list(csv.DictReader(lines))
    known = {one.id: one for one in entries}
    stopped = {"no_score"}
    for line in changed:
        entry = known[line["decision_id"]]
        assert entry.body["policy"] is None or entry.body["rule"] in stopped
        assert bytes.fromhex(line["pseudonym"]) == entry.pseudonym
        assert set(line) & {"customer_id", "application_id"} == set()


def test_a_stricter_policy_swaps_out_and_the_figures_are_counted_by_hand(lender, tmp_path):
    world, _, _ = lender
    entries = logged(world)
    terms = WORLDS_POLICY["products"]["cash_loan"]["bands"][0]
    bands = [{**terms, "at_least": 560}, {"code": "C", "below": 560, "then": "decline"}]
    matured = tmp_path / "outcomes.csv"
    rows = [f"{one.id},{place % 3 == 0:d}" for place, one in enumerate(entries)]
    matured.write_text("decision_id,bad\n" + "\n".join(rows) + "\nelsewhere,1\n")
    found = simulated(
        world,
        tmp_path,
        matured,
        products={"cash_loan": {"bands": bands}},
        random_approve=None,
        rules=[],
        views={"stale": "allow", "missing": "allow"},
    )
    points = np.array([float(one.columns["points"]) for one in entries])
    by_lot = np.array(
        [(one.body["policy"] or {}).get("lane") == "random_approve" for one in entries]
    )
    was = np.array([one.body["decision"] == "approve" for one in entries])
    bad = np.arange(len(entries)) % 3 == 0
    now = points >= 560
    figures = found.figures
    assert figures.approval_was == pytest.approx(was.mean())
    assert figures.approval_now == pytest.approx(now.mean())
    assert figures.bad_rate_was == pytest.approx(bad[was & ~by_lot].mean())
    cells = {(cell.was, cell.now): cell.count for cell in figures.swap_set}
    own = was & ~by_lot
    assert cells["approved", "not approved"] == (own & ~now).sum() > 0
    assert cells["approved", "approved"] == (own & now).sum() > 0
    assert sum(cells.values()) == len(entries) == figures.matured
    assert found.outcomes_elsewhere == 1
    approvals = [cut.approval for cut in figures.cut_offs]
    assert approvals == sorted(approvals, reverse=True)
    (entry,) = [one for one in scan(world.settings.audit, "policy_simulated")][-1:]
    assert entry.body["actor"] == "the analyst"


def test_outcomes_that_were_loaded_count_once_they_are_mature(lender, tmp_path):
    """Of those seen to the end of the window, and of nobody whose window is not over."""
    world, _, _ = lender
    entries = logged(world)
    decided_us = entries[0].time_us
    ids = np.array([entry.columns["application"] for entry in entries], np.int64)
    old, count = ids[:20], 20
    told = Outcomes(
        application=old,
        observed_us=np.full(count, decided_us + 86_400_000_000),
        bad=np.full(count, -1, np.int8),
        dpd=np.where(np.arange(count) % 4 == 0, 31, 0).astype(np.int32),
        fpd=np.full(count, -1, np.int32),
    )
    outcome_files.keep(world.settings.outcomes, told, lambda _: None)
    young = simulated(world, tmp_path)
    assert young.figures.matured == 0
    assert young.figures.bad_rate_was is None
    settings = replace(
        world.settings, key=world.keys["analyst"], standing_clock="2005-10-03T00:00:00+08:00"
    )
    with Progress() as progress:
        file, files = write_policy(tmp_path), (None, tmp_path / "who.csv")
        grown = simulate(settings, file, DAY, files, progress, Maturity(window_days=1))
    last = {int(one.columns["application"]): one for one in entries}
    followed = [one for stand_in, one in last.items() if stand_in in set(old.tolist())]
    assert grown.figures.matured == len(followed) > 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,bad\n", "it lacks the columns decision_id and bad"),
        ("decision_id,bad\na,maybe\n", "line 2: bad is not 0 or 1"),
        ("decision_id,bad\na,1\na,0\n", "line 3: this decision has two outcomes that disagree"),
    ],
)
def test_outcomes_that_do_not_hold(tmp_path, text, says):
    path = tmp_path / "outcomes.csv"
    path.write_text(text)
    with pytest.raises(BadInput, match=says):
        read_outcomes(path)
    with pytest.raises(NotFound, match="no such file"):
        read_outcomes(tmp_path / "nowhere.csv")


def test_a_span_without_decisions_is_one_sentence(lender, tmp_path):
    world, _, _ = lender
    never = Window(parse_time("2001-01-01T00:00:00Z"), parse_time("2001-02-01T00:00:00Z"))
    with pytest.raises(BadInput, match=r"2001-01-01.*: no decision was logged then"):
        simulated(world, tmp_path, window=never)
    with pytest.raises(BadInput, match="it ends before it begins"):
        simulated(world, tmp_path, window=Window(DAY.until, DAY.since))

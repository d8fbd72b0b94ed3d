"""Offers at once by the real service: each is what LightGBM and the rules say."""

from __future__ import annotations

from contextlib import closing

import httpx
import numpy as np
import pytest

from feature_store.online_reader import open_features
from finmodel.audit import find, scan
from finmodel.clock import micros, parse_time
from marketing.campaign.pacing import EAGERNESS
from marketing.campaign.standing import Standing
from marketing.ledger.at_once import used_at_once
from marketing.ledger.contacts import parts_of
from marketing.ledger.customers import standing_of, take_in
from marketing.ledger.file import open_ledger
from serving.campaigns.reports import take_receipts
from serving.offers import work
from serving.offers.answers import draft
from serving.offers.room import OffersRoom
from tests.serving.campaign_world import PERSON
from tests.serving.marketing_world import Market, make_market
from tests.serving.policy_world import TERMS, decide_by
from tests.serving.small_world import CLOCK, CUSTOMERS, NAME, running, wait_until

pytestmark = pytest.mark.servers
NOW_US = micros(parse_time(CLOCK))
CAMPAIGN = "drawdown_spring"
OPTED_OUT, STUDENT, IMPERSONAL, NO_SMS = 31, 32, 33, 34
STANDING = {
    "opted_out": {OPTED_OUT: 1},
    "student": {STUDENT: 1},
    "personalisation": {IMPERSONAL: 0},
    "consent_sms": {NO_SMS: 0},
}
RECIPE = {
    "budget_minor": 120_000,
    "at_once": {"share": 0.5},
    "explore": {"share": 0.1},
    "minimum_uplift": 0.01,
}


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    return make_market(tmp_path_factory.mktemp("market"), STANDING, **RECIPE)


@pytest.fixture(scope="module")
def client(market):
    with running(market.world.settings) as address, httpx.Client(base_url=address) as client:
        log = market.world.settings.home / "service.log"
        wait_until(lambda: client.get("/readyz").status_code == 200, 60, log)
        client.timeout = 60
        yield client


def asked(client, market: Market, ids, role="agent", campaign=CAMPAIGN):
    body = {"campaign": campaign, "customer_ids": ids}
    return client.post("/offers", json=body, headers=market.world.headers(role))


@pytest.fixture(scope="module")
def first(client, market):
    """The first answers, to a segment and to customers about whom a rule has something to say."""
    response = asked(client, market, [*range(35, 335), OPTED_OUT, STUDENT, IMPERSONAL, 403, 9_999])
    assert response.status_code == 200, response.text
    return response.json()


def test_each_offer_is_the_best_after_prices_by_lightgbm_itself(market, first):
    recipe = {one["id"]: one for one in yaml_of(market)["offers"]}
    contact = {one["name"]: one["cost_minor"] for one in yaml_of(market)["channels"]}
    made = [one for one in first["answers"] if one["lane"] == "plan" and one["offer"]]
    assert len(made) > 15
    for one in made:
        row = market.world.features[one["customer_id"] - 1][None, :]
        told, base = one["offer"], market.propensity(row)[0]
        assert one["propensity"] == pytest.approx(base, abs=1e-12)
        offer = recipe[told["offer"]]
        uplift = market.uplift(told["channel"], row)[0]
        assert told["expected_uplift"] == pytest.approx(uplift, abs=1e-12)
        cost = contact[told["channel"]] + np.clip(base + uplift, 0, 1) * offer["cost_minor"]
        assert told["expected_cost_minor"] == pytest.approx(cost)
        assert told["expected_gain_minor"] == pytest.approx(uplift * offer["value_minor"] - cost)
        price = told["prices"]
        after = told["expected_gain_minor"] - price["budget"] * cost
        after -= price["offer"] + price["channel"]
        assert told["gain_after_prices_minor"] == pytest.approx(after)
        assert after > 0
        assert uplift >= 0.01
        assert 0.9 < one["chosen_with"] < 0.93  # 1 - explore, and a lot among the ways and none
        assert told["script"] == offer["script"]
        assert told["opens_at"].startswith("2005-10-03T09:00:00+08:00")


def test_who_gets_nothing_is_told_the_rule(first):
    told = {one["customer_id"]: one for one in first["answers"]}
    assert len(told) == 305
    for customer, rule in (
        (OPTED_OUT, "opted_out"),
        (STUDENT, "student"),
        (403, "not_scored"),
        (9_999, "unknown_customer"),
    ):
        assert told[customer]["offer"] is None
        assert told[customer]["reason"]["rule"] == rule
        assert told[customer]["reason"]["zh"]
    uniform = told[IMPERSONAL]
    assert uniform["lane"] == "uniform"
    assert uniform["propensity"] is None
    assert (uniform["offer"]["offer"], uniform["offer"]["channel"]) == ("points", "app")
    rules = {one["reason"]["rule"] for one in first["answers"] if one["reason"]}
    assert {"holdout", "frequency_cap"} <= rules  # the plan's own contacts count
    held = [one for one in first["answers"] if one["lane"] == "holdout"]
    assert len(held) > 20
    assert all(one["offer"] is None and one["chosen_with"] == 1.0 for one in held)
    assert any(one["lane"] == "explore" and one["offer"] for one in first["answers"])


def test_an_offer_is_in_the_ledger_and_its_receipt_is_taken(market, first, tmp_path):
    made = [one for one in first["answers"] if one["offer"]]
    with closing(open_ledger(market.world.settings)) as ledger, ledger.reading() as db:
        kept = {row[:3] for row in db.execute("SELECT plan, customer, opens_us FROM contacts")}
    assert {parts_of(one["offer"]["contact_id"]) for one in made} <= kept
    file = tmp_path / "receipts.csv"
    file.write_text(
        "event_id,contact_id,kind,at\n"
        f"e-1,{made[0]['offer']['contact_id']},sent,2005-09-30T10:00:00+08:00\n"
    )
    assert take_receipts(market.world.settings, file, PERSON).new == 1


def test_the_record_holds_what_the_choice_was_made_of_and_names_nobody(market, first):
    made = next(one for one in first["answers"] if one["offer"] and one["lane"] == "plan")
    entry = find(market.world.settings.audit, made["offer_id"])
    assert entry.kind == "offer"
    assert entry.body["offer"] == made["offer"]["offer"]
    assert entry.body["policy_version"] == first["policy_version"] == market.plan.policy_version
    assert entry.body["prices"]["budget"] == made["offer"]["prices"]["budget"]
    assert float(entry.columns["propensity"]) == made["propensity"]
    best = int(np.argmax(entry.columns["after_prices"]))
    assert int(entry.columns["action"]) == best
    assert entry.columns["uplift"][best] == made["offer"]["expected_uplift"]
    assert made["offer"]["contact_id"] not in str(entry.body)
    assert entry.personal is None  # sealed
    kinds = [one.kind for one in scan(market.world.settings.audit)]
    assert kinds.count("offer") >= 305


def test_who_got_an_offer_gets_no_second_one(client, market, first):
    made = [one["customer_id"] for one in first["answers"] if one["offer"]][:5]
    again = asked(client, market, made).json()["answers"]
    assert {one["reason"]["rule"] for one in again} == {"frequency_cap"}


def test_prices_rise_with_what_is_spent_and_the_limit_is_never_passed(client, market, first):
    settings, plan = market.world.settings, market.plan.summary
    limit = 0.5 * RECIPE["budget_minor"]
    start = next(one.price for one in plan.limits if one.name == "budget")
    with closing(open_ledger(settings)) as ledger:
        before = used_at_once(ledger, CAMPAIGN)["budget"]
        spent_first = sum(
            one["offer"]["expected_cost_minor"] for one in first["answers"] if one["offer"]
        )
        assert before == pytest.approx(spent_first)
        later = asked(client, market, list(range(335, 400))).json()["answers"]
        after = used_at_once(ledger, CAMPAIGN)["budget"]
    assert after <= limit
    price = next(one["offer"]["prices"]["budget"] for one in later if one["offer"])
    moved = EAGERNESS * plan.value_minor / limit * before / limit
    assert price == pytest.approx(start + moved)
    assert price > first_price(first)


def test_a_contact_that_failed_makes_room_for_another_in_the_same_window(
    client, market, first, tmp_path
):
    made = [one for one in first["answers"] if one["offer"] and one["lane"] == "plan"]
    told = made[-1]
    file = tmp_path / "failed.csv"
    file.write_text(
        "event_id,contact_id,kind,at\n"
        f"f-1,{told['offer']['contact_id']},failed,2005-09-30T10:00:00+08:00\n"
    )
    assert take_receipts(market.world.settings, file, PERSON).new == 1
    again = asked(client, market, [told["customer_id"], made[0]["customer_id"]])
    assert again.status_code == 200, again.text
    one, other = again.json()["answers"]
    assert one["offer"] is None or one["offer"]["contact_id"] != told["offer"]["contact_id"]
    assert one["reason"] is None or one["reason"]["rule"] == "price"
    assert other["reason"]["rule"] == "frequency_cap"


def test_who_opts_out_while_an_offer_is_chosen_gets_none(tmp_path, monkeypatch):
    """The opt-out comes in between what was read and what is kept."""
    settings, choose = make_market(tmp_path, **RECIPE).world.settings, work.choose
    with closing(open_ledger(settings)) as ledger, closing(open_features(settings)) as features:
        room, ids = OffersRoom(settings, features), list(range(30, 400))
        with ledger.writing() as db:
            db.execute("DELETE FROM contacts")  # as if the plan's had all been long ago
        before, chosen = standing_of(ledger, np.array(ids)), []
        columns = {name: getattr(before, name) for name in before.__slots__}
        gone = Standing(**columns | {"opted_out": np.ones(len(before), bool)})

        def slow(*given):
            chosen.append(choose(*given))
            take_in(ledger, gone, NOW_US)
            return chosen[-1]

        monkeypatch.setattr(work, "choose", slow)
        told = room.offers(CAMPAIGN, ids, settings.clock.now())
        room.close()
    made = chosen[0].action >= 0
    assert made.sum() > 10
    assert {told.reason[one] for one, was in zip(ids, made, strict=True) if was} == {"opted_out"}
    assert not any(told.contact.values())


def test_a_segment_in_one_call_is_paced_as_its_customers_one_by_one_are(tmp_path):
    made = make_market(tmp_path, **RECIPE | {"explore": {"share": 0.02}})
    whole, apart = both_ways(made, list(range(30, 400)))
    assert whole[0] == pytest.approx(apart[0])
    assert whole[1] == apart[1]
    assert whole[1].count("") > 15
    assert whole[1].count("price") > 15
    assert whole[2] == pytest.approx(apart[2])


def test_who_is_not_scored_costs_as_much_alone_as_in_a_segment(tmp_path):
    """The mean of whom the plan scored, by LightGBM itself."""
    impersonal = {one: 0 for one in range(30, 400, 4)}
    made = make_market(tmp_path, {"personalisation": impersonal}, **RECIPE)
    whole, apart = both_ways(made, list(range(30, 400)))
    assert whole[0] == pytest.approx(apart[0])
    assert whole[1] == apart[1]
    assert whole[2] == pytest.approx(apart[2])
    rows = np.array([one for one in range(1, CUSTOMERS + 1) if one not in impersonal]) - 1
    scored = made.world.features[rows]
    taken = np.clip(made.propensity(scored) + made.uplift("app", scored), 0.0, 1.0).mean()
    assert 0.05 < taken < 0.8
    for told in (whole, apart):
        found = [cost for customer, cost in told[3].items() if customer in impersonal]
        assert len(found) > 50
        np.testing.assert_allclose(found, 1 + taken * 600)


def both_ways(market: Market, ids: list[int]) -> list[tuple]:
    """Used, reasons, prices and costs by customer: of one call for all, and of one for each."""
    settings, now, told = market.world.settings, market.world.settings.clock.now(), []
    with closing(open_ledger(settings)) as ledger, closing(open_features(settings)) as features:
        room = OffersRoom(settings, features)
        for calls in ([ids], [[one] for one in ids]):
            with ledger.writing() as db:  # as if everything before had been long ago
                db.execute("DELETE FROM contacts")
                db.execute("DELETE FROM spent_at_once")
            found = [room.offers(CAMPAIGN, some, now) for some in calls]
            reasons = [one.reason[customer] for one in found for customer in one.rows]
            costs = {who: made.cost_minor for one in found for who, made in one.made.items()}
            told.append((used_at_once(ledger, CAMPAIGN), reasons, found[-1].prices, costs))
        room.close()
    return told


def test_a_policy_that_is_approved_while_the_service_runs_holds_for_offers(tmp_path):
    settings = make_market(tmp_path, **RECIPE).world.settings
    with closing(open_features(settings)) as features:
        room, ids = OffersRoom(settings, features), list(range(30, 400))
        with closing(open_ledger(settings)) as ledger, ledger.writing() as db:
            db.execute("DELETE FROM contacts")  # as if the plan's had all been long ago
        now = settings.clock.now()
        before = room.offers(CAMPAIGN, ids[:180], now)
        bands = [
            {"code": "A", "at_least": 900, "then": "approve", **TERMS},
            {"code": "B", "below": 900, "then": "decline"},
        ]
        decide_by(settings, products={"cash_loan": {"bands": bands}})
        after = room.offers(CAMPAIGN, ids[180:], now)
        room.close()
    told = []
    for worked in (before, after):
        made = [one for one in worked.made.values() if not worked.reason[one.customer]]
        policy = draft(worked, made[0].customer, PERSON)["body"]["risk_policy"]
        told.append((policy, {one.offer for one in made} - {"points"} != set()))
    assert told == [(f"{NAME} 1", True), ("drawdown 1", False)]


def first_price(first) -> float:
    return next(one["offer"]["prices"]["budget"] for one in first["answers"] if one["offer"])


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"customer_ids": [1]}, 422, "campaign"),
        ({"campaign": "autumn", "customer_ids": [1]}, 404, "it was never planned"),
        ({"campaign": CAMPAIGN, "customer_ids": []}, 422, "length >= 1"),
        ({"campaign": CAMPAIGN, "customer_ids": [1, 2, 1]}, 422, "a customer stands twice"),
        ({"campaign": CAMPAIGN, "customer_ids": ["1"]}, 422, "Expected `int`"),
        ({"campaign": CAMPAIGN, "customer_ids": [1], "budget": 9}, 422, "unknown field `budget`"),
    ],
)
def test_what_cannot_be_asked_is_said(client, market, body, status, says):
    response = client.post("/offers", json=body, headers=market.world.headers("agent"))
    assert response.status_code == status
    assert says in response.json()["error"]["what"]


def test_only_who_may_is_answered(client, market):
    assert asked(client, market, [1], role="auditor").status_code == 403
    nobody = client.post("/offers", json={"campaign": CAMPAIGN, "customer_ids": [1]})
    assert nobody.status_code == 401


def test_the_customer_models_answer_for_many_from_one_read(client, market):
    ids = [*range(1, 200), 5_000]
    headers = market.world.headers("analyst")
    told = client.post("/propensities", json={"customer_ids": ids}, headers=headers).json()
    assert set(told["scores"]) == {"borrowing_intent", "marketing_preference"}
    assert (told["unknown"], told["withheld"]) == (1, 2)
    rows = market.world.features[:199]
    may = np.array([one not in (OPTED_OUT, IMPERSONAL) for one in range(1, 200)])
    intent = np.array(told["scores"]["borrowing_intent"]["probability"], np.float64)
    np.testing.assert_allclose(intent[:-1][may], market.propensity(rows)[may], atol=1e-12)
    assert np.isnan(intent[:-1][~may]).all()
    assert np.isnan(intent[-1])
    effects = told["scores"]["marketing_preference"]["effects"]
    for channel in ("app", "push", "sms"):
        found = np.array(effects[channel], np.float64)
        expected = market.uplift(channel, rows)[may]
        np.testing.assert_allclose(found[:-1][may], expected, atol=1e-12)
        assert np.isnan(found[-1])
    entry = find(market.world.settings.audit, told["score_id"])
    assert entry.body["models"] == {"borrowing_intent": 1, "marketing_preference": 1}
    for name, says in ((NAME, "is no customer model"), ("nobody", "is no customer model")):
        body = {"customer_ids": [1], "models": [name]}
        response = client.post("/propensities", json=body, headers=headers)
        assert response.status_code == 404
        assert says in response.json()["error"]["what"]


def yaml_of(market: Market):
    import yaml

    folder = market.world.settings.marketing / "campaigns" / CAMPAIGN / "1"
    return yaml.safe_load((folder / "recipe.yaml").read_text())

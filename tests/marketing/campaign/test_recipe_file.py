"""Recipes that cannot be meant, each refused in a sentence with its key."""

from __future__ import annotations

import pytest
import yaml

from finmodel.errors import BadInput, NotFound
from marketing.campaign.recipe_file import load_campaign
from tests.marketing.small_campaign import SHIPPED, recipe, told

GIVEN = yaml.safe_load(SHIPPED.read_text())


def changed(key: str, place: int, **fields) -> dict:
    rows = [dict(one) for one in GIVEN[key]]
    rows[place] |= fields
    return {key: rows}


def test_the_shipped_recipe_is_read_whole():
    read = load_campaign(SHIPPED)
    assert [offer.id for offer in read.offers] == [one["id"] for one in GIVEN["offers"]]
    assert len(read.pairs) == len(GIVEN["offers"]) * len(GIVEN["channels"])
    assert read.quiet_hours.since == "21:00"
    assert read.text == SHIPPED.read_text()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"budget_minor": 0}, "budget_minor: a budget of 0 buys nothing; give one above 0"),
        ({"budget_minor": -5}, "a budget of -5 buys nothing"),
        ({"budget_minor": 600}, "600 is below the cheapest offer, points, at 601; raise it"),
        ({"holdout": None}, "holdout: there is no holdout, so nobody could say what the campaign"),
        ({"holdout": {"share": 0.0, "salt": "a"}}, "there is no holdout"),
        ({"holdout": {"share": 0.1, "salt": " "}}, "holdout.salt: it is empty"),
        (
            {"holdout": {"share": 0.6, "salt": "a"}, "explore": {"share": 0.4}},
            "holdout and explore take 100% of the customers; leave some for the plan",
        ),
        (
            changed("channels", 1, name="wechat"),
            "unknown channel 'wechat'; choose of app, push, sms, call",
        ),
        (changed("channels", 1, name="sms"), "channels: 'sms' stands twice"),
        (changed("channels", 2, hours=["20:00", "09:00"]), "20:00 is not before 09:00"),
        (
            changed("channels", 2, hours=["21:00", "24:00"]),
            "quiet hours and the night leave sms no time; widen its hours, or narrow quiet_hours",
        ),
        (
            changed("channels", 2, hours=["9h", "24:00"]),
            "channels[2].hours: '9h' is no time of day; write it as \"09:00\", in quotes",
        ),
        ({"quiet_hours": {"from": "8", "to": "09:00"}}, "quiet_hours.from: '8' is no time of day"),
        ({"quiet_hours": {"from": "21:00", "to": "25:00"}}, "quiet_hours.to: '25:00' is no time"),
        ({"budget_minor": 10**15 + 1}, "budget_minor: expected `int` <= 1000000000000000"),
        ({"budget_minor": 10**310}, "budget_minor: "),
        ({"starts": "9999-12-01", "ends": "9999-12-31"}, "ends: it is after 2199; name a day"),
        ({"quiet_hours": {"from": "00:00", "to": "24:00"}}, "leave app no time"),
        (
            {"zone": "America/Los_Angeles", "quiet_hours": {"from": "16:00", "to": "09:00"}},
            "leave app no time",  # its day is night in China
        ),
        (
            {"caps": [{"contacts": 3, "days": 7}, {"contacts": 1, "days": 30}]},
            "caps: they contradict each other: 3 in 7 days can never be, since 30 days allow 1",
        ),
        (
            {"caps": [{"contacts": 1, "days": 7}, {"contacts": 2, "days": 7}]},
            "1 and 2 in the same 7 days",
        ),
        (
            {"caps": [{"contacts": 1, "days": 7}, {"contacts": 9, "days": 30}]},
            "9 in 30 days can never be, since 1 in 7 days allow 5",
        ),
        (
            {"caps": [{"contacts": 2, "days": 7}, {"contacts": 2, "days": 30}]},
            "2 in 7 days says nothing beside 2 in 30",
        ),
        ({"caps": []}, "no customer's contacts are limited"),
        (changed("offers", 0, cost_minor=18000), "nobody may get it: take it out, or mend value"),
        (changed("offers", 0, inventory=0), "offers[0].inventory: expected `int` >= 1"),
        (changed("offers", 0, id="points"), "offers: 'points' stands twice"),
        (changed("offers", 2, script=" "), "points has no approved script"),
        (
            {"offers": [GIVEN["offers"][2] | {"id": f"gift_{place}"} for place in range(21)]},
            "63 ways to make an offer; offer at most 60 offers times channels",
        ),
        ({"offers": []}, "there is no offer or no channel"),
        ({"ends": "2026-04-05"}, "ends: it is before 2026-04-06"),
        ({"ends": "2027-05-05"}, "the campaign lasts 395 days; let it end within a year"),
        ({"zone": "Asia/Nowhere"}, "'Asia/Nowhere' is no time zone"),
        ({"response": {"event": "loan.paid.v1", "within_days": 30}}, "'loan.paid.v1' is no event"),
        (
            {"models": GIVEN["models"] | {"risk": None}},
            "models.risk: rate_cut is credit, and no risk model may veto it",
        ),
        (
            {"models": GIVEN["models"] | {"propensity": "repayment_willingness"}},
            "repayment_willingness would steer rate_cut, which is credit; use it for the order of",
        ),
        (
            {"unpersonalised": {"offer": "points", "channel": "call"}},
            "unpersonalised.channel: unknown channel 'call'; choose of app, push, sms",
        ),
        ({"unpersonalised": {"offer": "gift", "channel": "app"}}, "'gift' is no offer of this"),
        (
            {"unpersonalised": {"offer": "rate_cut", "channel": "app"}},
            "rate_cut is credit, and whoever opted out is never scored",
        ),
        ({"minimum_uplift": 1.5}, "minimum_uplift"),
        ({"name": "Spring!"}, "name"),
        ({"budgets": 5}, "unknown key 'budgets'"),
    ],
)
def test_what_cannot_be_meant(tmp_path, changes, says):
    with pytest.raises(BadInput) as refused:
        recipe(tmp_path, **changes)
    assert says in str(refused.value)
    assert str(tmp_path / "campaign.yaml") in str(refused.value)


def test_a_time_that_yaml_takes_for_a_number_is_explained(tmp_path):
    path = tmp_path / "campaign.yaml"
    path.write_text(told().replace("from: '21:00'", "from: 21:00"))
    with pytest.raises(BadInput, match=r"quiet_hours\.from: expected `str`, got `int`; put it in"):
        load_campaign(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(NotFound, match="no such file"):
        load_campaign(tmp_path / "none.yaml")

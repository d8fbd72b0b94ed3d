"""What must not be sent any more: of the list handed out, whom the ledger stops by now."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from hashlib import sha256

import pandas as pd
import pytest

from finmodel.audit import find
from finmodel.errors import NotFound
from serving.campaigns.acts import Asked, make_plan, take_customers
from serving.campaigns.reports import take_receipts
from serving.campaigns.screen import show_stops
from serving.campaigns.stops import Stop, list_stops
from tests.serving.campaign_world import PERSON, champions, customers_csv, recipe_file
from tests.serving.demo_shell import Shell
from tests.serving.small_world import CLOCK, World, make_world

NAME = "drawdown_spring"


@pytest.fixture
def world(tmp_path) -> World:
    made = make_world(tmp_path / "home")
    take_customers(made.settings, customers_csv(tmp_path / "customers.csv"), PERSON)
    return made


def planned(world: World, folder) -> pd.DataFrame:
    done = make_plan(world.settings, Asked(recipe_file(folder)), PERSON, opening=champions)
    return pd.read_csv(done.contact_list)


def test_who_is_stopped_since_the_plan_is_listed_with_the_rules(world, tmp_path, capsys):
    listed = planned(world, tmp_path)
    out, complaining, owing, declined, unwilling, shy = listed.customer_id[:6].tolist()
    way = listed.channel[4]
    file = customers_csv(
        tmp_path / "later.csv",
        overdue={owing: 1},
        declined_at={declined: CLOCK},
        **{f"consent_{way}": {unwilling: 0}} | {"personalisation": {shy: 0}},
    )
    take_customers(world.settings, file, PERSON)
    rows = [f"o,,opted_out,{CLOCK},{out}", f"c,,complained,{CLOCK},{complaining}"]
    rows.append(f"f,{listed.contact_id[0]},failed,{CLOCK},")  # and may be sent again
    told = tmp_path / "receipts.csv"
    told.write_text("event_id,contact_id,kind,at,customer_id\n" + "\n".join(rows) + "\n")
    take_receipts(world.settings, told, PERSON)

    done = list_stops(world.settings, NAME, tmp_path / "stops.csv", PERSON)
    assert (done.ahead, done.stopped) == (len(listed), len(done.contacts))
    stops = pd.read_csv(tmp_path / "stops.csv")
    assert list(stops.columns) == list(Stop.__slots__)
    both = stops.merge(listed, on="contact_id", suffixes=("", "_then"))
    assert len(both) == len(stops)
    for name in ("customer_id", "offer", "channel", "window_opens", "policy_version"):
        assert (both[name] == both[f"{name}_then"]).all()
    rules = dict(zip(stops.customer_id, stops.rules, strict=True))
    expected = {
        out: "opted_out",
        complaining: "open_complaint",
        owing: "overdue",
        declined: "recently_declined",
        unwilling: "no_channel_consent",
    }
    assert {one: rule for one, rule in rules.items() if one != shy} == expected
    uniform = (listed.offer[5], listed.channel[5]) == ("points", "app")
    assert rules.get(shy, "") == ("" if uniform else "unpersonalised")
    assert done.by_rule == Counter(rules.values())
    entry = find(world.settings.audit, done.audit_entry).body
    assert entry["file_sha256"] == sha256((tmp_path / "stops.csv").read_bytes()).hexdigest()
    show_stops(done, json=False)
    assert "opted_out 1" in capsys.readouterr().out


def test_what_is_over_needs_no_stop(world, tmp_path):
    planned(world, tmp_path)
    everybody = {one: 1 for one in range(1, 401)}
    take_customers(
        world.settings, customers_csv(tmp_path / "later.csv", opted_out=everybody), PERSON
    )
    now = list_stops(world.settings, NAME, None, PERSON)
    assert now.stopped == now.ahead > 50
    after = replace(world.settings, standing_clock="2005-12-01T00:00:00+08:00")
    done = list_stops(after, NAME, tmp_path / "stops.csv", PERSON)
    assert (done.ahead, done.stopped) == (0, 0)
    assert (tmp_path / "stops.csv").read_text() == ",".join(Stop.__slots__) + "\n"


def test_a_campaign_that_was_never_planned_is_named(world):
    with pytest.raises(NotFound, match="campaign 'autumn': it was never planned"):
        list_stops(world.settings, "autumn", None, PERSON)


def test_a_shell_says_what_must_not_be_sent_and_fails_where_an_opt_out_is_lost(world, tmp_path):
    customer = int(planned(world, tmp_path).customer_id[0])
    shell = Shell(world.settings.home, more={"FINMODEL_STANDING_CLOCK": CLOCK})
    key, file = world.keys["analyst"], tmp_path / "r.csv"
    rows = [f"a,9-9-9,opted_out,2005-09-30,{customer}", f"b,,opted_out,{CLOCK},99999"]
    file.write_text("event_id,contact_id,kind,at,customer_id\n" + "\n".join(rows) + "\n")
    answer = shell.finmodel("campaign", "receipts", str(file), "--json", key=key)
    assert answer.code == 2
    assert answer.json["stops_lost"] == [3]
    assert "stop nobody, on lines 3" in answer.err
    told = shell.finmodel("campaign", "stops", NAME, "--json", key=key)
    assert told.code == 0, told.err
    assert [one["customer_id"] for one in told.json["contacts"]] == [customer]
    assert shell.finmodel("campaign", "stops", NAME).code != 0  # with no key

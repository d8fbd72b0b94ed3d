"""A campaign planned over the small world: every rule kept, all of it written or nothing."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from finmodel.audit import find
from finmodel.errors import BadInput, Damaged, NotFound
from finmodel.export import schema_of, write_export
from finmodel.manifest import digests_of
from finmodel.pointers import read_champion, set_champion
from finmodel.settings import Settings
from marketing.effects.uplift import UpliftModel
from marketing.ledger.contacts import parts_of, plans_of
from marketing.ledger.customers import standing_of
from marketing.ledger.file import open_ledger
from serving.campaigns.acts import Asked, Done, campaigns, make_plan, take_customers
from serving.campaigns.folder import read_plan
from serving.campaigns.screen import show_plan
from tests.serving.campaign_world import PERSON, champions, customers_csv, recipe_file
from tests.serving.demo_shell import Shell
from tests.serving.policy_world import TERMS, decide_by
from tests.serving.small_world import CLOCK, CUSTOMERS, NAME, World, make_world, plan

IDS = range(1, CUSTOMERS + 21)
"""The last twenty are in no feature store."""
OPTED_OUT = {one: 1 for one in range(5, 400, 40)}
IMPERSONAL = {one: 0 for one in range(7, 400, 25)}
NO_SMS = {one: 0 for one in range(2, 400, 3)}


@pytest.fixture
def world(tmp_path) -> World:
    made = make_world(tmp_path / "home")
    file = customers_csv(
        tmp_path / "customers.csv",
        IDS,
        opted_out=OPTED_OUT,
        personalisation=IMPERSONAL,
        consent_sms=NO_SMS,
        overdue={9: 1},
        declined_at={11: "2005-09-01"},
    )
    take_customers(made.settings, file, PERSON)
    return made


def planned(world: World, folder: Path, opening=champions, **changes) -> Done:
    asked = Asked(recipe_file(folder, **changes))
    return make_plan(world.settings, asked, PERSON, opening=opening)


def contact_list(done: Done) -> pd.DataFrame:
    return pd.read_csv(done.contact_list, float_precision="round_trip")


def ledger_rows(settings: Settings, *, ghosts: bool = False) -> list[tuple]:
    """Contacts; those in the lane of the holdout are ghosts."""
    told = "SELECT * FROM contacts WHERE (lane = 0) = ? ORDER BY customer"
    with closing(open_ledger(settings)) as ledger, ledger.reading() as db:
        return db.execute(told, (ghosts,)).fetchall()


def test_what_is_written_is_one_plan_everywhere(world, tmp_path, capfd):
    done = planned(world, tmp_path)
    assert capfd.readouterr().out == ""
    listed = contact_list(done)
    assert len(listed) == done.summary.contacts > 50
    assert list(listed.columns) == [
        *("contact_id", "customer_id", "offer", "channel", "window_opens", "window_closes"),
        *("script", "policy_version", "propensity", "lane", "risk_policy"),
    ]
    told = [
        (*parts_of(row.contact_id), row.customer_id, row.offer, row.channel, row.propensity)
        for row in listed.itertuples()
    ]
    kept = [(r[2], r[0], r[1], r[0], r[4], r[5], r[6]) for r in ledger_rows(world.settings)]
    assert sorted(told) == sorted(kept)
    opens = pd.to_datetime(listed.window_opens).map(lambda at: int(at.timestamp() * 1e6))
    assert opens.tolist() == [parts_of(one)[2] for one in listed.contact_id]
    entry = find(world.settings.audit, done.audit_entry)
    for name, digest in entry.body["files_sha256"].items():
        assert sha256((Path(done.folder) / name).read_bytes()).hexdigest() == digest
    assert entry.body["contacts"] == len(listed)
    [plan] = campaigns(world.settings)
    assert (plan.policy_version, plan.audit_entry) == (done.policy_version, done.audit_entry)
    recipe_sha = sha256((Path(done.folder) / "recipe.yaml").read_bytes()).hexdigest()
    assert done.policy_version == f"{recipe_sha[:12]}-1"


def test_rules_hold_in_the_list(world, tmp_path):
    done = planned(world, tmp_path, explore={"share": 0.2})
    listed = contact_list(done)
    contacted = set(listed.customer_id)
    assert not contacted & {*OPTED_OUT, 9, 11}
    assert not set(listed[listed.channel == "sms"].customer_id) & NO_SMS.keys()
    impersonal = listed[listed.customer_id.isin(IMPERSONAL)]
    assert set(impersonal.offer) == {"points"}
    assert set(impersonal.channel) == {"app"}
    assert set(impersonal.lane) == {"uniform"}
    assert not contacted & set(range(CUSTOMERS + 1, CUSTOMERS + 21))
    assert done.summary.not_contacted["not_scored"] >= 10
    assert done.summary.expected_cost_minor <= 60_000
    _, table, _ = read_plan(world.settings, "drawdown_spring", 1)
    held = set(table["customer_id"].to_numpy()[table["lane"].to_numpy() == 0].tolist())
    assert 40 < len(held) < 130
    assert not contacted & held


def test_no_credit_is_offered_to_whom_risk_declines(world, tmp_path):
    """Points by LightGBM itself, from the features as they were written."""
    done = planned(world, tmp_path, explore={"share": 0.3}, budget_minor=400_000)
    raw = world.boosters[1].predict(world.features, raw_score=True, num_threads=1)
    points = 600 - 20 / np.log(2) * (0.05 + 1.1 * raw + np.log(50))
    declined = set((np.flatnonzero(points < 515.0) + 1).tolist())
    credit = contact_list(done).query("offer != 'points'")
    assert 20 < len(declined) < 380
    assert len(credit) > 30
    assert not set(credit.customer_id) & declined
    assert set(contact_list(done).customer_id) & declined  # other offers reach them


def test_the_approved_policy_decides_whom_risk_declines(world, tmp_path):
    """All its bands lie ten points higher than the cut-offs in the card's own recipe."""
    bands = [
        {"code": "A", "at_least": 550, "then": "approve", **TERMS},
        {"code": "B", "at_least": 525, "below": 550, "then": "refer"},
        {"code": "C", "below": 525, "then": "decline"},
    ]
    asked = {"explore": {"share": 0.3}, "budget_minor": 400_000}
    before = planned(world, tmp_path, **asked, name="before")
    assert set(contact_list(before).risk_policy) == {f"{NAME} 1"}
    for version in (1, 2):
        changes = {"products": {"cash_loan": {"bands": bands}}, "rules": None}
        assert decide_by(world.settings, **changes) == version
    done = planned(world, tmp_path, **asked, caps=[{"contacts": 9, "days": 30}])
    raw = world.boosters[1].predict(world.features, raw_score=True, num_threads=1)
    points = 600 - 20 / np.log(2) * (0.05 + 1.1 * raw + np.log(50))
    declined = set((np.flatnonzero(points < 525.0) + 1).tolist())
    assert set(contact_list(before).query("offer != 'points'").customer_id) & declined
    listed = contact_list(done)
    credit = set(listed.query("offer != 'points'").customer_id)
    assert len(credit) > 10
    assert not credit & declined
    assert set(listed.risk_policy) == {done.risk_policy} == {"drawdown 2"}
    assert read_plan(world.settings, "drawdown_spring", 1)[0].risk_policy == "drawdown 2"
    assert find(world.settings.audit, done.audit_entry).body["risk_policy"] == "drawdown 2"
    risk = "risk_declines"
    assert done.summary.stopped_by_rule[risk] > before.summary.stopped_by_rule[risk] > 20


def test_who_must_not_be_scored_is_not_even_read(world, tmp_path):
    models = champions(world.settings)
    planned(world, tmp_path, opening=lambda *_: models)
    read = np.concatenate(models.propensity.seen)
    rows = {row.tobytes() for row in world.features}
    assert len(rows) == CUSTOMERS
    hidden = [*OPTED_OUT, *IMPERSONAL, 9, 11]
    seen = {row.tobytes() for row in read}
    assert not any(world.features[one - 1].tobytes() in seen for one in hidden)
    _, table, _ = read_plan(world.settings, "drawdown_spring", 1)
    of = dict(zip(table["customer_id"].to_pylist(), table["score"].to_pylist(), strict=True))
    assert all(np.isnan(of[one]) for one in hidden)


def test_a_second_plan_keeps_the_caps_of_the_first(world, tmp_path):
    first, second = (planned(world, tmp_path, budget_minor=most) for most in (8_000, 16_000))
    one, two = contact_list(first), contact_list(second)
    assert not set(one.customer_id) & set(two.customer_id)
    assert second.summary.number == 2
    ghosts = [row for row in ledger_rows(world.settings, ghosts=True) if row[2] == 1]
    assert len(ghosts) > 5
    assert second.summary.stopped_by_rule["frequency_cap"] == len(one) + len(ghosts)


def test_who_opts_out_while_a_plan_is_made_is_not_in_it(world, tmp_path):
    """The ledger goes on while one plans: as the models score, a third of the customers opt out."""
    gone = {one: 1 for one in range(1, CUSTOMERS + 1, 3)}

    def opening(*_):
        models = champions(world.settings)
        scored = models.preference.effects

        def effects(matrix):
            file = customers_csv(tmp_path / "meanwhile.csv", IDS, opted_out=gone)
            take_customers(world.settings, file, PERSON)
            return scored(matrix)

        models.preference.effects = effects
        return models

    done = planned(world, tmp_path, opening=opening)
    listed = contact_list(done)
    assert len(listed) > 50
    assert not set(listed.customer_id) & gone.keys()
    assert done.summary.contacts == len(listed) == len(ledger_rows(world.settings))
    assert done.summary.not_contacted["opted_out"] > 40


def test_a_segment_is_planned_alone_and_strangers_are_refused(world, tmp_path):
    segment, output = tmp_path / "segment.csv", tmp_path / "list.csv"
    segment.write_text("customer_id\n" + "\n".join(map(str, range(1, 201))))
    asked = Asked(recipe_file(tmp_path), segment=segment, output=output)
    done = make_plan(world.settings, asked, PERSON, opening=champions)
    assert done.summary.customers == 200
    assert output.read_bytes() == Path(done.contact_list).read_bytes()
    segment.write_text("customer_id\n1\n9999\n")
    with pytest.raises(NotFound, match="1 of 2 are not in the ledger, as 9999"):
        make_plan(world.settings, asked, PERSON, opening=champions)
    assert len(campaigns(world.settings)) == 1


@pytest.mark.parametrize("output", ["nowhere/list.csv", "."])
def test_a_list_that_cannot_be_copied_is_refused_before_anything_is_made(world, tmp_path, output):
    asked = Asked(recipe_file(tmp_path), output=tmp_path / output)
    with pytest.raises(BadInput, match="--output: no file can be written at"):
        make_plan(world.settings, asked, PERSON, opening=champions)
    assert campaigns(world.settings) == []
    assert not (world.settings.marketing / "campaigns").exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"budget_minor": 0}, "a budget of 0 buys nothing"),
        ({"minimum_uplift": 0.99}, "offer rate_cut: nobody may get it"),
        ({"starts": "2005-08-01", "ends": "2005-08-09"}, "has no window left"),
        ({"holdout": None}, "there is no holdout"),
    ],
)
def test_where_it_cannot_be_planned_nothing_is_left(world, tmp_path, changes, says):
    before = list(world.settings.marketing.rglob("*"))
    with pytest.raises(BadInput, match=says):
        planned(world, tmp_path, **changes)
    assert [p for p in world.settings.marketing.rglob("*") if "-" not in p.name] == before
    assert campaigns(world.settings) == []
    assert ledger_rows(world.settings) == ledger_rows(world.settings, ghosts=True) == []


def test_on_the_last_evening_the_channels_that_are_still_open_are_planned(world, tmp_path):
    evening = replace(world.settings, standing_clock="2005-10-16T19:30:00+08:00")
    done = make_plan(evening, Asked(recipe_file(tmp_path)), PERSON, opening=champions)
    listed = contact_list(done)
    assert len(listed) > 50
    assert set(listed.channel) == {"app", "push"}  # sms closes at 20:00
    assert set(listed.window_opens) == {"2005-10-16T20:00:00+08:00"}


def test_past_a_channels_last_window_no_rule_counts_who_was_never_scored(world, tmp_path):
    """An hour before the last text: who does not take one has nothing left, and is not read."""
    evening = replace(world.settings, standing_clock="2005-10-16T18:30:00+08:00")
    hours = {"app": "18:00", "push": "18:00", "sms": "20:00"}
    open_until = [
        {"name": name, "cost_minor": 1, "hours": ["09:00", until]} for name, until in hours.items()
    ]
    models = champions(world.settings)
    asked = Asked(recipe_file(tmp_path, channels=open_until, unpersonalised=None))
    done = make_plan(evening, asked, PERSON, opening=lambda *_: models)
    assert set(contact_list(done).channel) == {"sms"}
    stopped, first = done.summary.stopped_by_rule, done.summary.not_contacted
    free = set(IDS) - OPTED_OUT.keys() - {9, 11}
    asked_for = free - IMPERSONAL.keys() - NO_SMS.keys()
    read = sum(map(len, models.propensity.seen))
    assert read == len(asked_for) > 200
    _, table, _ = read_plan(world.settings, "drawdown_spring", 1)
    free -= set(table["customer_id"].to_numpy()[table["lane"].to_numpy() == 0].tolist())
    beyond = [one for one in asked_for & free if one > CUSTOMERS]
    assert stopped["not_scored"] == len(beyond) > 10
    assert stopped["quiet_hours"] == len(free & NO_SMS.keys() - IMPERSONAL.keys()) > 80
    assert stopped["no_channel_consent"] == 0
    assert max(stopped["minimum_uplift"], stopped["no_gain"]) <= len(asked_for & free) - len(beyond)
    rules = first.keys() - {"price", "lot"}
    assert all(stopped[rule] >= first[rule] for rule in rules)


def test_a_later_plan_without_anybody_for_credit_plans_the_rest_and_says_so(
    world, tmp_path, capsys
):
    raw = world.boosters[1].predict(world.features, raw_score=True, num_threads=1)
    points = 600 - 20 / np.log(2) * (0.05 + 1.1 * raw + np.log(50))
    segment = tmp_path / "segment.csv"
    declined = (np.flatnonzero(points < 515.0) + 1).tolist()
    segment.write_text("customer_id\n" + "\n".join(map(str, declined)))
    asked = Asked(recipe_file(tmp_path, budget_minor=6_000), segment=segment)
    with pytest.raises(BadInput, match=r"offer rate_cut: nobody may get it: .*risk_declines stops"):
        make_plan(world.settings, asked, PERSON, opening=champions)
    planned(world, tmp_path, budget_minor=6_000)
    recipe_file(tmp_path, budget_minor=60_000)
    done = make_plan(world.settings, asked, PERSON, opening=champions)
    assert set(contact_list(done).offer) == {"points"}
    assert done.summary.barred.keys() == {"rate_cut", "interest_free_week"}
    assert done.summary.barred["rate_cut"]["risk_declines"] > 20
    show_plan(done, json=False)
    shown = " ".join(capsys.readouterr().out.split())
    assert "offers that nobody may get" in shown
    assert "rate_cut (" in shown


FEW = {"app": 20, "push": 25, "sms": 30}


def test_plans_of_one_campaign_share_its_limits(world, tmp_path):
    """Until nothing is left of any channel: together they use no more than there is."""
    open_hours = ["09:00", "21:00"]
    given = {
        "channels": [
            {"name": name, "cost_minor": 1, "capacity": most, "hours": open_hours}
            for name, most in FEW.items()
        ],
        "at_once": {"share": 0.0},
        "explore": {"share": 0.02},
        "caps": [{"contacts": 1, "days": 30}],
    }
    done: list[Done] = []
    while sum(one.summary.contacts for one in done) < sum(FEW.values()):
        done.append(planned(world, tmp_path, **given))
    with pytest.raises(BadInput, match="its earlier plans left nothing of any channel; raise"):
        planned(world, tmp_path, **given)
    rows = ledger_rows(world.settings)
    channels = [row[5] for row in rows]
    assert {name: channels.count(name) for name in FEW} == FEW
    assert sum(row[-1] for row in rows) == pytest.approx(
        sum(one.summary.expected_cost_minor for one in done)
    )
    with pytest.raises(BadInput, match="left nothing of the budget and of any channel"):
        planned(world, tmp_path, **given | {"budget_minor": 2_000})
    more = given | {"channels": [{**one, "capacity": 60} for one in given["channels"]]}
    again = planned(world, tmp_path, **more)
    told = {one.name: one for one in again.summary.limits}
    assert [(told[name].limit, told[name].earlier) for name in FEW] == [
        (60.0, float(most)) for most in FEW.values()
    ]
    assert all(one.used + one.earlier <= (one.limit or np.inf) for one in told.values())


def test_what_a_crash_left_of_a_plan_is_made_anew(world, tmp_path):
    stray = world.settings.marketing / "campaigns" / "drawdown_spring" / "1"
    stray.mkdir(parents=True)
    (stray / "contacts.csv").write_text("half")
    done = planned(world, tmp_path)
    assert len(contact_list(done)) == done.summary.contacts


def test_a_plan_that_was_altered_is_not_read(world, tmp_path):
    done = planned(world, tmp_path)
    path = Path(done.contact_list)
    path.write_bytes(path.read_bytes().replace(b"points", b"rate_cut", 1))
    with pytest.raises(Damaged, match=r"contacts\.csv"):
        read_plan(world.settings, "drawdown_spring", 1)


def test_a_plan_says_which_models_made_it(world, tmp_path):
    done = planned(world, tmp_path)
    about, _, text = read_plan(world.settings, "drawdown_spring", 1)
    assert [one.name for one in about.models] == [
        *("borrowing_intent", "marketing_preference", "behaviour_risk")
    ]
    assert about.demo  # the world's models are the demo's
    assert text == (tmp_path / "campaign.yaml").read_text()
    assert msgspec.json.decode((Path(done.folder) / "plan.json").read_bytes())["made_by"] == "lin"


def test_customers_of_a_bad_file_stay_as_they_were(world, tmp_path):
    file = customers_csv(tmp_path / "more.csv", IDS, overdue={3: "perhaps"}, opted_out={4: 1})
    with pytest.raises(BadInput, match="line 4: overdue is neither 1 nor 0"):
        take_customers(world.settings, file, PERSON)
    with closing(open_ledger(world.settings)) as ledger:
        assert int(standing_of(ledger).opted_out.sum()) == len(OPTED_OUT)
        with pytest.raises(NotFound, match="it was never planned"):
            plans_of(ledger, "drawdown_spring")


def export_customer_models(world: World) -> None:
    """Signed exports of both marketing models, as training leaves them; champions."""
    texts = [world.boosters[n].model_to_string() for n in (1, 2)]
    told = UpliftModel("t", dict(treated=texts[1], control=texts[0]), 0.7, plan().names)
    uplift = msgspec.json.encode({name: told for name in ("app", "push", "sms")})
    for name, beside in (("borrowing_intent", b""), ("marketing_preference", uplift)):
        kept = champions(world.settings).risk.manifest
        bare = msgspec.structs.replace(
            kept,
            name=name,
            card=None,
            decision_point=None,
            policy=None,
            reasons=(),
            uplift_sha256=sha256(beside).hexdigest() if beside else "",
        )
        digests = digests_of(
            schema_of(bare),
            sha256(texts[0].encode()).hexdigest(),
            bare.calibration,
            (None, bare.scaling, ()),
        )
        manifest = msgspec.structs.replace(bare, digests=digests)
        keys = world.settings.signing
        write_export(world.settings.exports, manifest, texts[0], keys, uplift=beside)
        pointer = read_champion(world.settings.exports, NAME, keys)
        set_champion(world.settings.exports, msgspec.structs.replace(pointer, name=name), keys)


def test_a_shell_plans_with_the_models_that_were_promoted(world, tmp_path):
    export_customer_models(world)
    shell = Shell(world.settings.home, more={"FINMODEL_STANDING_CLOCK": CLOCK})
    recipe, key = str(recipe_file(tmp_path, minimum_uplift=0.0)), world.keys["analyst"]
    answer = shell.finmodel("campaign", "plan", recipe, "--json", key=key)
    assert answer.code == 0, answer.err
    summary = answer.json["summary"]
    assert summary["contacts"] > 30
    assert summary["gap_to_bound"] < 0.02
    listed = pd.read_csv(answer.json["contact_list"])
    assert len(listed) == summary["contacts"]
    matrix = world.features
    of = [world.boosters[n].predict(matrix, num_threads=1) for n in (1, 2)]
    moved = (of[1] - of[0])[listed[listed.lane == "plan"].customer_id - 1]
    assert moved.min() > 0.0
    shown = shell.finmodel("campaign", "list", "--json")
    assert [(one["campaign"], one["number"]) for one in shown.json] == [("drawdown_spring", 1)]
    early = shell.finmodel("campaign", "report", "drawdown_spring", "--json")
    assert early.code == 3
    assert early.out == ""


def test_a_person_sees_a_plan_in_figures_and_tables(world, tmp_path, capsys):
    show_plan(planned(world, tmp_path), json=False)
    shown = capsys.readouterr().out
    for part in ("gap_to_bound", "opted_out 10", "Limits", "Other budgets", "rate_cut"):
        assert part in shown
    assert "{" not in shown

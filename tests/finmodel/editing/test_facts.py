"""Product facts go the road of scripts: drafted in files, published by another, signed, ended."""

import json
from datetime import date

import pytest

from finmodel.assistant.matching.sources import load_sources, read_sources
from finmodel.audit import scan
from finmodel.editing.draft import digest_of
from finmodel.editing.draft_file import waiting
from finmodel.editing.facts import facts_text, import_facts
from finmodel.editing.importing import import_scripts
from finmodel.editing.published import load_ours, published, readable, sayable
from finmodel.editing.publishing import expire
from finmodel.errors import BadInput, Damaged, NotFound, Refused
from finmodel.records import Person
from tests.finmodel.fact_files import CLOUD, write_facts
from tests.finmodel.script_sheets import GOOD, home, publish_seen, write

AN, BO, CI = (Person(name, frozenset({"script_editor"})) for name in ("an", "bo", "ci"))
SHIPPED = {one.id: one for one in load_sources()}
REPAY = {
    "id": "repay-1",
    "version": 2,
    "topic": "怎么还款",
    "valid_from": "2026-06-01",
    "reviewer": "compliance.zhou",
    "text": "还款日系统会从绑定的还款卡自动扣款，也可以在App或云闪付主动还款。",
}
"""The shipped one in other words."""


@pytest.fixture
def here(tmp_path):
    return home(tmp_path / "home")


def bring(here, *facts, person=AN):
    return import_facts(here, write_facts(here, *facts), person)


def drafts(here):
    return waiting(here, published(load_ours(here)))


def read(here):
    return {one.id: one for one in readable(load_ours(here))[0]}


def test_another_editor_publishes_a_file_and_the_log_tells_who_and_what(here):
    found = bring(here, CLOUD, REPAY)
    assert [one.id for one in found.added] == ["cloud_pay-1"]
    assert [one.id for one in found.changed] == ["repay-1"]
    assert bring(here, CLOUD, REPAY).waiting == ["cloud_pay-1", "repay-1"]
    assert read(here) == SHIPPED
    with pytest.raises(Refused, match="product fact cloud_pay-1: an wrote it; ask another"):
        publish_seen(here, AN)
    made = publish_seen(here, BO)
    assert [(one.fact.id, one.author, one.published_by) for one in made] == [
        ("cloud_pay-1", "an", "bo"),
        ("repay-1", "an", "bo"),
    ]
    (entry,) = scan(here.audit, "scripts_published")
    assert "scripts" not in entry.body
    assert entry.body["facts"][1] == {
        "id": "repay-1", "version": 2, "author": "an",
        "before": digest_of(SHIPPED["repay-1"]), "after": digest_of(made[1].fact),
    }  # fmt: skip
    there = read(here)
    assert (len(there), there["repay-1"].reviewer) == (len(SHIPPED) + 1, "compliance.zhou")
    assert there["apply-1"] == SHIPPED["apply-1"]
    assert bring(here, CLOUD, REPAY).unchanged == ["cloud_pay-1", "repay-1"]
    assert drafts(here) == {}


def test_a_script_and_the_fact_that_it_must_agree_with_are_published_at_once(here):
    import_scripts(here, write(here.home.parent / "sent.xlsx", GOOD), AN)
    bring(here, CLOUD)
    assert len(publish_seen(here, BO)) == 2
    ours = load_ours(here)
    assert (ours.version, set(ours.scripts), set(ours.facts)) == (
        1,
        {"due_date-6"},
        {"cloud_pay-1"},
    )
    (entry,) = scan(here.audit, "scripts_published")
    assert [entry.body[kind][0]["id"] for kind in ("scripts", "facts")] == [*ours.every][::-1]
    import_scripts(here, write(here.home.parent / "sent.xlsx", GOOD), AN)
    assert drafts(here) == {}


def test_one_editor_ends_a_fact_and_its_file_is_not_published_again_unseen(here):
    bring(here, CLOUD)
    publish_seen(here, BO)
    made = expire(here, "cloud_pay-1", date(2026, 6, 3), AN, "the way is closed")
    assert (made.fact.version, made.fact.valid_to, made.author) == (2, date(2026, 6, 2), "an")
    assert read(here)["cloud_pay-1"] == made.fact
    (entry,) = scan(here.audit, "scripts_expired")
    assert (entry.body["reason"], entry.body["facts"][0]["from_day"]) == (
        "the way is closed",
        "2026-06-03",
    )
    with pytest.raises(BadInput, match="it says version 1, and version 2 is published") as told:
        bring(here, CLOUD)
    assert told.value.where == "ours.yaml: cloud_pay-1"
    with pytest.raises(NotFound, match="no such script or product fact"):
        expire(here, "cloud_pay-9", date(2026, 7, 1), AN)
    ended = expire(here, "repay-1", date(2026, 7, 1), AN)
    assert (ended.author, ended.fact.version) == ("shipped", 2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"text": "手续费为百分之三。"}, "a number stands in the text"),
        ({"text": "您放心，保证通过审批。"}, "breaks the rule promise"),
        ({"product": "gold"}, "no product 'gold'"),
        ({"valid_to": "2026-06-02"}, "it expired on 2026-06-02"),
        ({"id": "due_date-90"}, "due_date is an intent"),
        ({"version": 2}, "it says version 2, and none is published"),
        ({"id": "apply-1"}, "version 1 is published with other words; .* write version 2"),
        ({"id": "other-1", "intent": "due_date"}, "intent"),
        ({"id": "repay-1", "version": 3}, "its id stands twice"),
    ],
)
def test_a_fact_that_may_not_stand_takes_all_of_them_with_it(here, changes, said):
    with pytest.raises(BadInput, match=said) as told:
        bring(here, REPAY, CLOUD | changes)
    assert told.value.where == f"ours.yaml: {changes.get('id', 'cloud_pay-1')}"
    assert told.value.remedy
    assert drafts(here) == {}


def test_who_may_not_and_what_waits_of_another_is_refused(here):
    with pytest.raises(Refused, match="ask somebody who is script_editor"):
        bring(here, CLOUD, person=Person("li", frozenset({"agent"})))
    with pytest.raises(NotFound, match="no sources"):
        import_facts(here, here.facts / "nowhere", AN)
    assert import_facts(here, write_facts(here, CLOUD), AN, dry_run=True).count == 1
    assert drafts(here) == {}
    bring(here, CLOUD)
    with pytest.raises(BadInput, match="a draft of an waits for cloud_pay-1") as told:
        bring(here, CLOUD | {"topic": "云闪付"}, person=CI)
    assert told.value.where == "ours.yaml: cloud_pay-1"


def test_what_was_changed_on_the_disk_is_neither_published_nor_read(here):
    bring(here, CLOUD)
    path = here.scripts / "drafts.json"
    good = path.read_text()
    told = json.loads(good)
    assert set(told[0]) == {"fact", "author", "demo", "at", "before", "audit_entry"}
    told[0]["fact"]["text"] = "还款只能用云闪付。"
    path.write_text(json.dumps(told))
    with pytest.raises(Damaged, match="not what was drafted"):
        publish_seen(here, BO)
    path.write_text(good.replace('"fact"', '"script"'))
    with pytest.raises(Damaged, match="no drafts"):
        drafts(here)
    del told[0]["fact"]
    path.write_text(json.dumps(told))
    with pytest.raises(Damaged, match="no drafts"):
        drafts(here)
    path.write_text(good)
    publish_seen(here, BO)
    kept = here.scripts / "approved" / "1" / "scripts.json"
    kept.write_bytes(kept.read_bytes().replace("贷款".encode(), "房贷".encode()))
    with pytest.raises(Damaged, match="changed after it was signed"):
        load_ours(here)


def test_a_fact_that_a_newer_rule_forbids_is_left_out_and_its_shipped_one_too(here, monkeypatch):
    bring(here, REPAY)
    publish_seen(here, BO)
    monkeypatch.setattr("finmodel.assistant.script_rules.LONGEST", 5)
    facts, (why,) = readable(load_ours(here))
    assert "repay-1: the text has" in why
    assert {one.id for one in facts} == SHIPPED.keys() - {"repay-1"}
    assert sayable(load_ours(here))[1] == []


def test_facts_that_are_exported_read_as_the_same_again(tmp_path):
    path = tmp_path / "all.yaml"
    path.write_bytes(facts_text(SHIPPED.values()))
    assert [one for _, one in read_sources(path)] == list(SHIPPED.values())

"""The demo's customers wait for replies, in words that nothing was trained on."""

import dataclasses
import os
from contextlib import closing

import msgspec

from fine_tune.bases.shelf import Shelved
from finmodel.arrival import read_arrival
from finmodel.conversation_book import ConversationBook
from finmodel.finding_book import FindingBook, Sought
from finmodel.settings import Settings
from finmodel.vault import Vault
from serving.access import People
from serving.assisting.demo import AGENT, BASE, PEOPLE, WAITING, home_of, prepare, served_beside
from serving.assisting.demo_findings import COLLEAGUE
from serving.launch import ASSIST


def test_customers_wait_and_a_second_time_nothing_is_new(tmp_path):
    here = home_of(Settings.from_env({"FINMODEL_HOME": str(tmp_path / "fm")}))
    assert here.home == tmp_path / "fm-assistant"
    keys = prepare(here)
    assert keys.keys() == PEOPLE.keys()
    assert prepare(here) == keys
    assert People(here.people).find(keys[AGENT]).demo
    with (
        closing(Vault(here.vault)) as vault,
        closing(ConversationBook(here.conversations, vault)) as book,
    ):
        found = [book.read(one.id) for one in book.of(AGENT)]
        findings = FindingBook(book, vault).find(Sought(), 100)
    assert len(found) == WAITING
    assert all(one.messages[-1].who == "customer" for one in found)
    assert all(one.messages[-1].at <= here.clock.now() for one in found)
    assert not any(message.intent or message.family for one in found for message in one.messages)
    by_rule = {one.rule: one for one in findings if one.agent == COLLEAGUE}
    assert {"promise", "collection", "rate", "inducement"} <= by_rule.keys()
    assert not [one for one in findings if one.conversation.endswith("5")]


def test_a_base_is_brought_unless_it_is_here_or_not_wanted(tmp_path):
    given = Settings.from_env({"FINMODEL_HOME": str(tmp_path / "fm")})
    here = home_of(given)
    run, (helper,) = served_beside(here)
    assert (run.service, run.settings.writer) == (ASSIST, f"{BASE}@champion")
    assert helper.words == ("base", "get", BASE, "--tell", str(here.arrival))
    helper.started(os.getpid())
    assert read_arrival(here.arrival).sentence == f"{BASE} is being fetched"
    for settings in (
        dataclasses.replace(here, fetch_base=False),
        dataclasses.replace(here, writer="mine"),
    ):
        run, helpers = served_beside(settings)
        assert (helpers, run.settings.writer) == ((), settings.writer)
        assert not here.arrival.exists()
    given.bases.mkdir(parents=True)
    shelved = Shelved(BASE, str(tmp_path), "ab" * 32)
    (given.bases / f"{BASE}.json").write_bytes(msgspec.json.encode(shelved))
    run, helpers = served_beside(here, shelf=given.bases)
    assert (helpers, run.settings.writer) == ((), f"{BASE}@champion")


def test_without_the_packages_that_write_scripts_stand_alone_and_say_so(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("serving.assisting.demo.NEEDED", ("torch", "no_such_package"))
    here = home_of(Settings.from_env({"FINMODEL_HOME": str(tmp_path / "fm")}))
    run, helpers = served_beside(here)
    assert (helpers, run.settings.writer) == ((), "")
    run.announce("")
    assert (
        "no_such_package are not installed (pip install finmodel[tune])" in capsys.readouterr().out
    )


def test_another_home_is_left_alone(tmp_path):
    here = Settings.from_env({"FINMODEL_HOME": str(tmp_path / "fm")})
    prepare(home_of(here))
    assert not here.home.exists()
    assert home_of(
        dataclasses.replace(here, standing_clock="2026-06-02T09:00:00+08:00")
    ).standing_clock == ("2026-06-02T09:00:00+08:00")

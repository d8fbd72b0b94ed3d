"""A customer goes out of what was imported, and no figure, proof or other row changes with that."""

import dataclasses
import json
import shutil
from contextlib import closing

import pytest

from finmodel import outcome_files
from finmodel.audit import scan
from finmodel.durable import held_alone
from finmodel.errors import BadInput, Damaged, NotReady
from finmodel.imported_files import known_in, loads_of, mapped
from finmodel.imported_proof import check_loads, gone, undone
from finmodel.vault import Vault
from serving.forgetting import imported
from serving.forgetting.imported import forget_imported, held_in_imported
from serving.monitoring.reading import watch_model
from serving.not_used import Asked
from serving.outcomes import load_outcomes
from serving.past_decisions import load_decisions
from tests.serving.forgotten_world import found_in
from tests.serving.past_lender import ANALYST, YEAR, make_lender

WHO, OTHER = "K5", "K6"
"""Each has a decision in both loads."""


@pytest.fixture(scope="module")
def lender(tmp_path_factory):
    made = make_lender(tmp_path_factory.mktemp("lender"), 710)
    late = made.decisions["申请编号"] >= "P-00700"
    for name, rows in (("early.csv", ~late), ("late.csv", late)):
        file = made.write(name, made.decisions[rows])
        load_decisions(made.settings, file, ANALYST, Asked(made.mapping))
    file = made.write("became.csv", made.outcomes)
    load_outcomes(made.settings, file, ANALYST, asked=Asked(made.mapping))
    return made


@pytest.fixture(scope="module")
def figures(lender):
    return watch_model(lender.settings, YEAR)


@pytest.fixture
def here(lender, tmp_path):
    shutil.copytree(lender.settings.home, tmp_path / "home")
    return dataclasses.replace(lender.settings, home=tmp_path / "home")


def stand_ins(here, who):
    names = [who, *(f"P-{int(who[1:]) + of:05d}" for of in (0, 700))]
    with closing(Vault(here.vault)) as vault:
        numbers = vault.stand_ins(names)
    return {
        name: one.to_bytes(8, "little", signed=True)
        for name, one in zip(names, numbers, strict=True)
    }


def places(here, who):
    return {(place, name) for place, name in found_in(here.home, stand_ins(here, who))}


def contents(here):
    return set(known_in(here.imported).content.tolist())


def held_well(here, figures):
    assert check_loads(here.imported, here.audit) == 2
    assert [*gone(here.imported, here.audit), *undone(here.imported, here.audit)] == []
    assert watch_model(here, YEAR) == figures
    names = sorted(one.name for one in here.imported.iterdir())
    assert names == [".lock", "decisions-000001", "decisions-000002"]
    for load in loads_of(here.imported):
        there = {one.name for one in (here.imported / load.name).iterdir()}
        assert there == {"load.json", *(load.file(name) for name in load.columns)}


def test_rows_stay_and_nobody_finds_whose_they_were(here, figures):
    found = held_in_imported(here, WHO)
    assert (found.count, list(found.newest)) == (2, ["identification"])
    assert found.newest["identification"].isoformat() == "2005-09-22"
    both = {"P-00005", "P-00705"}
    before = {("imported", one) for one in {WHO, *both}} | {("outcomes", one) for one in both}
    assert places(here, WHO) == before
    of_before = contents(here)
    of_other, count = places(here, OTHER), len(outcome_files.kept_in(here.outcomes))
    assert forget_imported(here, WHO) == 2
    assert places(here, WHO) == set()
    assert (held_in_imported(here, WHO).count, forget_imported(here, WHO)) == (0, 0)
    assert places(here, OTHER) == of_other
    assert len(of_before - contents(here)) == 2, "it is made of whose the row is"
    assert len(outcome_files.kept_in(here.outcomes)) == count
    held_well(here, figures)
    told = [one.body for one in scan(here.audit, "decisions_forgotten")]
    assert [(one["load"], one["rows"]) for one in told] == [(1, 1), (2, 1)]
    (told,) = [one.body for one in scan(here.audit, "outcomes_forgotten")]
    assert (told["rows"], (here.outcomes / told["kept_in"]).is_file()) == (2, True)
    assert forget_imported(here, OTHER) == 2
    assert places(here, OTHER) == set()
    held_well(here, figures)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ["restate", "rewrite", "tidy", "unlink"])
def test_killed_at_any_write_the_next_call_ends_it(here, figures, monkeypatch, step, after):
    class Killed(BaseException):
        pass

    places_of = {"restate": imported.outcome_files, "unlink": type(here.imported)}
    place = places_of.get(step, imported)
    real = getattr(place, step)

    def die(*told, **named):
        if step != "unlink" or told[0].name == ".forgetting.json":
            if after:
                real(*told, **named)
            raise Killed
        return real(*told, **named)

    monkeypatch.setattr(place, step, die)
    with pytest.raises(Killed):
        forget_imported(here, WHO)
    monkeypatch.undo()
    assert forget_imported(here, OTHER) == 2, "whoever comes next ends it"
    assert places(here, WHO) == places(here, OTHER) == set()
    held_well(here, figures)


def test_what_was_altered_is_not_made_good_by_an_erasure(here):
    load = loads_of(here.imported)[0]
    path = here.imported / load.name / load.file("row")
    data = path.read_bytes()
    path.write_bytes(data[:-8] + bytes(8))
    with pytest.raises(Damaged, match=r"row\.npy"):
        forget_imported(here, WHO)
    path.write_bytes(data)
    assert forget_imported(here, OTHER) == 2
    path = here.imported / load.name / "load.json"
    told = json.loads(path.read_bytes())
    told["columns"]["points"]["sha256"] = "0" * 64
    path.write_text(json.dumps(told))
    with pytest.raises(Damaged, match=r"load\.json: it is not what was loaded"):
        check_loads(here.imported, here.audit)


def test_an_older_copy_that_is_brought_back_is_told(here, lender, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(here.imported / "decisions-000002", copy)
    forget_imported(here, WHO)
    shutil.rmtree(here.imported / "decisions-000002")
    shutil.copytree(copy, here.imported / "decisions-000002")
    assert check_loads(here.imported, here.audit) == 2, "it is what was loaded"
    (says,) = undone(here.imported, here.audit)
    assert says.startswith("load 2 of imported decisions holds an erased customer")
    forget_imported(here, WHO)
    assert list(undone(here.imported, here.audit)) == []


def test_a_file_does_not_bring_back_who_was_erased_since(here, lender, figures):
    forget_imported(here, WHO)
    asked = Asked(lender.mapping)
    with pytest.raises(BadInput, match="was erased since it was loaded, and would come back"):
        load_decisions(here, lender.folder / "early.csv", ANALYST, asked)
    left = lender.write("left.csv", lender.decisions[lender.decisions["客户号"] != WHO])
    assert load_decisions(here, left, ANALYST, asked).known == 708
    told = load_outcomes(here, lender.folder / "became.csv", ANALYST, asked=asked)
    assert (told.new, told.known, told.refused) == (0, 708, 2)
    held_well(here, figures)


def test_an_erasure_waits_for_a_load(here):
    with (
        held_alone(here.imported / ".lock", NotReady("busy", where="", remedy="")),
        pytest.raises(NotReady, match="a load is under way"),
    ):
        forget_imported(here, WHO)
    assert held_in_imported(here, WHO).count == 2


def test_loads_that_name_no_customer_hold_nobody(tmp_path):
    mine = make_lender(tmp_path / "mine", 20)
    mine.mapping.write_text(mine.mapping.read_text().replace("  customer_id: 客户号\n", ""))
    assert forget_imported(mine.settings, WHO) == 0
    assert not mine.settings.imported.exists()
    load_decisions(
        mine.settings, mine.write("all.csv", mine.decisions), ANALYST, Asked(mine.mapping)
    )
    assert held_in_imported(mine.settings, WHO).count == 0
    assert forget_imported(mine.settings, WHO) == 0


def test_who_reads_while_a_customer_is_erased_is_told_to_ask_again(here):
    before = loads_of(here.imported)
    forget_imported(here, WHO)
    changed = next(one for one in before if one != loads_of(here.imported)[one.number - 1])
    name = next(
        name
        for name in changed.columns
        if not (here.imported / changed.name / changed.file(name)).exists()
    )
    with pytest.raises(NotReady, match="a customer was erased"):
        mapped(here.imported / changed.name / changed.file(name))
    now = loads_of(here.imported)[changed.number - 1]
    (here.imported / now.name / now.file(name)).unlink()
    with pytest.raises(Damaged, match="not what was loaded"):
        mapped(here.imported / now.name / now.file(name))

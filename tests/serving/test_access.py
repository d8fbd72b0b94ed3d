import io
import os
import threading
from datetime import date

import pytest

from finmodel.audit import scan
from finmodel.errors import BadInput, Damaged, NotFound, Refused
from finmodel.records import Person
from finmodel.settings import Settings
from serving import operators
from serving.access import People, signed_in


@pytest.fixture
def people(tmp_path):
    return People(tmp_path / "people.json")


def test_a_key_finds_its_person_and_no_other_does(people):
    key = people.add("Li", {"underwriter", "engineer"}, demo=True)
    people.add("Wang", {"auditor"})
    assert people.find(key) == Person("Li", frozenset({"underwriter", "engineer"}), demo=True)
    for wrong in ("", "fm_", key[:-1], key + "x", key.swapcase(), "键" * 10, "x" * 10_000):
        assert people.find(wrong) is None


def test_when_somebody_began_is_kept_and_nobody_need_say(people):
    began = date(2026, 3, 1)
    people.add("Li", {"agent"}, since=began)
    people.add("Wang", {"agent"})
    assert [one.since for one in people.everyone()] == [began, None]


def test_a_new_key_takes_the_place_of_the_one_before_and_of_nothing_else(people):
    began = date(2026, 3, 1)
    first = people.add("Li", {"agent", "engineer"}, since=began)
    people.link("Li", "42")
    before = people.standing("Li")
    second = people.new_key("Li")
    assert people.find(first) is None
    assert people.find(second) == Person("Li", frozenset({"agent", "engineer"}), since=began)
    assert people.by_account("42")[0] == people.find(second)
    assert people.standing("Li")[1] != before[1]  # sessions begun before have ended


def test_keys_are_long_and_random_and_only_their_hash_is_written(people, tmp_path):
    keys = {people.add(f"p{n}", {"agent"}) for n in range(20)}
    assert len(keys) == 20
    assert all(key.startswith("fm_") and len(key) >= 3 + 43 for key in keys)
    file = tmp_path / "people.json"
    assert not any(key[3:] in file.read_text() for key in keys)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_change_by_another_process_counts_at_once(people, tmp_path):
    other = People(tmp_path / "people.json")
    key = other.add("Li", {"analyst"})
    assert people.find(key)
    other.revoke("Li")
    assert people.find(key) is None
    assert people.everyone() == []


def test_writers_do_not_lose_each_others_people(tmp_path):
    def add(number):
        People(tmp_path / "people.json").add(f"p{number}", {"agent"})

    threads = [threading.Thread(target=add, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(People(tmp_path / "people.json").everyone()) == 16


def test_what_cannot_be_is_refused_and_changes_nothing(people, tmp_path):
    people.add("Li", {"agent"})
    before = (tmp_path / "people.json").read_bytes()
    for name, roles, error in (
        ("Li", {"agent"}, Refused),
        ("", {"agent"}, BadInput),
        (" Li", {"agent"}, BadInput),
        ("a\nb", {"agent"}, BadInput),
        ("x" * 65, {"agent"}, BadInput),
        ("Wang", {"king"}, BadInput),
        ("Wang", set(), BadInput),
    ):
        with pytest.raises(error):
            people.add(name, roles)
    with pytest.raises(NotFound):
        people.revoke("Nobody")
    assert (tmp_path / "people.json").read_bytes() == before


def test_a_damaged_file_lets_nobody_in_and_says_so(people, tmp_path):
    key = people.add("Li", {"agent"})
    file = tmp_path / "people.json"
    file.write_bytes(file.read_bytes()[:-9])
    os.utime(file, ns=(1, 1))
    with pytest.raises(Damaged, match="not a list of people"):
        people.find(key)


def test_signed_in_demands_a_key_and_a_role(people, tmp_path):
    key = people.add("Li", {"engineer"})
    here = Settings(home=tmp_path, data=tmp_path, key=key)
    assert signed_in(here, {"engineer", "validator"}).name == "Li"
    with pytest.raises(Refused, match="Li is engineer"):
        signed_in(here, {"validator"})
    with pytest.raises(Refused, match="no key"):
        signed_in(Settings(home=tmp_path, data=tmp_path), {"engineer"})


PASSWORD = "lantern orbit mustard quay"


def test_a_password_finds_its_person_and_only_its_hash_is_written(people, tmp_path):
    key = people.add("Li", {"agent"})
    assert people.by_password("Li", "") is None
    people.set_password("Li", PASSWORD)
    person, stamp = people.by_password("Li", PASSWORD)
    assert (person, stamp) == people.standing("Li")
    assert people.find(key) == person
    assert people.by_password("Li", PASSWORD + "x") is None
    assert people.by_password("Nobody", PASSWORD) is None
    assert "lantern" not in (tmp_path / "people.json").read_text()
    with pytest.raises(NotFound):
        people.set_password("Nobody", PASSWORD)
    with pytest.raises(BadInput, match="at least 15"):
        people.set_password("Li", "short")


def test_the_stamp_is_another_one_after_each_change_of_key_or_password(people):
    people.add("Li", {"agent"})
    stamps = [people.standing("Li")[1]]
    people.set_password("Li", PASSWORD)
    stamps.append(people.standing("Li")[1])
    assert people.set_roles("Li", {"auditor"}) == ("agent",)
    person, same = people.standing("Li")
    assert (person.roles, same) == (frozenset({"auditor"}), stamps[-1])
    people.revoke("Li")
    assert people.standing("Li") is None
    people.add("Li", {"agent"})
    assert len({*stamps, people.standing("Li")[1]}) == 3
    with pytest.raises(BadInput, match="no such role"):
        people.set_roles("Li", {"king"})
    with pytest.raises(NotFound):
        people.set_roles("Nobody", {"agent"})


def test_the_command_takes_a_password_from_standard_input_and_the_log_says_when(
    people, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("FINMODEL_HOME", str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\nmore\n"))
    people.add("Li", {"agent"})
    operators.people_password("Li")
    operators.people_roles("Li", ["auditor"])
    assert people.by_password("Li", PASSWORD)[0].roles == {"auditor"}
    told = [(one.kind, one.body) for one in scan(tmp_path / "audit")]
    assert told == [
        ("password_set", {"name": "Li"}),
        ("roles_changed", {"name": "Li", "before": ["agent"], "after": ["auditor"]}),
    ]
    assert capsys.readouterr().out == ""


def test_the_command_asks_twice_without_echo_at_a_terminal(people, tmp_path, monkeypatch):
    asked = []

    def prompt(text, **how):
        asked.append(how)
        return PASSWORD

    monkeypatch.setenv("FINMODEL_HOME", str(tmp_path))
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda _self: True})())
    monkeypatch.setattr(operators.typer, "prompt", prompt)
    people.add("Li", {"agent"})
    operators.people_password("Li")
    assert people.by_password("Li", PASSWORD)
    assert asked[0]["hide_input"]
    assert asked[0]["confirmation_prompt"]

"""A lender's cases are a file that people edit: each id once, and what is no case is named."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from finmodel.assistant.guards.cases import Case
from finmodel.errors import BadInput
from finmodel.guard_cases import GuardCases

AT = datetime(2026, 6, 3, tzinfo=UTC)


def case(name, text="没人能保证一定通过。"):
    return Case(id=name, rule="promise", expected="none", text=text, by="zhao", at=AT)


def test_cases_are_kept_once_each_and_taken_out(tmp_path):
    file = GuardCases(tmp_path / "guards" / "cases.jsonl")
    assert file.every() == []
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(file.put, [case(f"f{number % 8}") for number in range(24)]))
    assert sorted(one.id for one in file.every()) == [f"f{number}" for number in range(8)]
    file.put(case("f3", "别的话"))
    assert [one.text for one in file.every() if one.id == "f3"] == ["别的话"]
    assert (file.remove("f3"), file.remove("f3")) == (True, False)
    assert len(file.every()) == 7
    assert (tmp_path / "guards" / "cases.jsonl").stat().st_mode & 0o077 == 0


def test_a_line_that_is_no_case_is_named_and_nothing_is_lost(tmp_path):
    path = tmp_path / "cases.jsonl"
    file = GuardCases(path)
    file.put(case("f1"))
    path.write_text(path.read_text() + '\n{"id": "f2", "rule": "promise", "expected": "some"}\n')
    before = path.read_bytes()
    for work in (file.every, lambda: file.put(case("f3"))):
        with pytest.raises(BadInput, match="line 3") as told:
            work()
        assert "expected" in str(told.value) or "text" in str(told.value)
    assert path.read_bytes() == before

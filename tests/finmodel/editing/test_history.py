"""What was published before: by version, with who wrote and who published each."""

import shutil
from datetime import date

import pytest

from finmodel.editing.history import publications
from finmodel.editing.importing import import_scripts
from finmodel.editing.published import load_ours
from finmodel.editing.publishing import expire
from finmodel.errors import Damaged
from finmodel.records import Person
from tests.finmodel.script_sheets import GOOD, home, publish_seen, row, write

AN, BO = (Person(name, frozenset({"script_editor"})) for name in ("an", "bo"))


def test_each_version_tells_what_it_changed_and_the_newest_comes_first(tmp_path):
    here = home(tmp_path / "home")
    assert publications(here, load_ours(here)) == []
    import_scripts(here, write(tmp_path / "a.xlsx", GOOD), AN)
    publish_seen(here, BO)
    changed = row(id="due_date-6", text="本期账单的还款日是{due_date}，请准时还款。")
    import_scripts(here, write(tmp_path / "b.xlsx", changed), BO)
    publish_seen(here, AN)
    expire(here, "due_date-1", date(2026, 9, 1), AN)

    def told(most):
        return [
            (one.version, one.by, [(m.what.record.id, m.what.author, m.change) for m in one.moves])
            for one in publications(here, load_ours(here), most)
        ]

    every = [
        (3, "an", [("due_date-1", "shipped", "ended")]),
        (2, "an", [("due_date-6", "bo", "changed")]),
        (1, "bo", [("due_date-6", "an", "added")]),
    ]
    assert told(20) == every
    assert told(2) == every[:2]
    shutil.rmtree(here.scripts / "approved" / "1")
    assert told(1) == every[:1]
    with pytest.raises(Damaged):
        told(2)

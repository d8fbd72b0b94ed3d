"""What is served is opened as the service opens it."""

import shutil

import pytest

from finmodel.editing.importing import import_scripts
from finmodel.errors import Damaged
from finmodel.records import Person
from serving.doctor.models import scripts
from tests.finmodel.script_sheets import GOOD, home, publish_seen, write

AN, BO = (Person(name, frozenset({"script_editor"})) for name in ("an", "bo"))


def test_scripts_that_were_published_are_looked_at(tmp_path, monkeypatch):
    here = home(tmp_path / "home")
    assert [one.says for one in scripts(here)] == ["as shipped: none of our own was ever published"]
    assert not here.home.exists()
    import_scripts(here, write(tmp_path / "sent.xlsx", GOOD), AN)
    publish_seen(here, BO)
    (one,) = scripts(here)
    assert (one.state, one.says[:20]) == ("ok", "version 1 is whole, ")
    with monkeypatch.context() as patch:
        patch.setattr("finmodel.assistant.script_rules.LONGEST", 5)
        assert [one.state for one in scripts(here)] == ["warning", "ok"]
    (here.scripts / "approved" / "1" / "about.json").write_text("{}")
    with pytest.raises(Damaged):
        scripts(here)
    shutil.rmtree(here.scripts)  # the audit log knows better than that none was ever published
    with pytest.raises(Damaged, match="it holds no scripts"):
        scripts(here)

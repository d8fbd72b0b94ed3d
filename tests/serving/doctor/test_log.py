"""The audit log that is gone, and loads of decisions beside it that are not what it names."""

import json
import shutil

import numpy as np
import pytest

from finmodel.acts import audited
from finmodel.errors import Damaged
from finmodel.imported_files import CHANGED, KIND, Meaning, Origin, keep, loads_of, rewrite
from finmodel.settings import Settings
from serving.doctor.log import audit, imported


@pytest.fixture
def home(tmp_path):
    """A home with one load of three decisions."""
    settings = Settings(home=tmp_path / "home", data=tmp_path)
    settings.make_home()
    settings.imported.mkdir()
    body = {"model": "m", "version": 1, "decision": "approve"}
    told = Origin("审批.csv", "a", "b", "Lin", "2026"), Meaning((), {1: body}, {})
    columns = {"time_us": np.arange(3), "facts": np.ones(3, np.int64)}
    keep(settings.imported, told, columns, lambda load: audited(settings, KIND, load.entered))
    return settings


@pytest.mark.parametrize("kept", ["exports", "scripts", "policies", "imported", "the vault"])
def test_a_log_that_is_gone_is_missed_by_what_it_should_tell_of(home, kept):
    from finmodel.vault import Vault

    shutil.rmtree(home.audit)
    shutil.rmtree(home.imported)
    home.vault.unlink(missing_ok=True)
    assert [one.state for one in audit(home, whole=False)] == ["ok"]
    if kept == "the vault":
        vault = Vault(home.vault)
        assert [one.state for one in audit(home, whole=False)] == ["ok"], "it holds no key yet"
        vault.keys_of({"customer"})
        vault.sync()
        vault.close()
    else:
        (home.home / kept / "one").mkdir(parents=True)
    for whole in (False, True):
        (found,) = audit(home, whole)
        assert (found.state, found.remedy) == ("wrong", f"cp -a BACKUP/audit {home.audit}")
        assert f"it is gone, and {kept} are there" in found.says


@pytest.mark.parametrize("whole", [False, True])
def test_a_load_that_was_made_to_mean_something_else_is_wrong(home, whole):
    assert [one.state for one in imported(home, whole)] == ["ok"]
    path = home.imported / "decisions-000001" / "load.json"
    told = json.loads(path.read_bytes())
    told["meaning"]["bodies"]["1"]["decision"] = "decline"
    path.write_text(json.dumps(told))
    with pytest.raises(Damaged, match="not what was loaded"):
        imported(home, whole)


@pytest.mark.parametrize("name", ["facts.npy", "load.json"])
def test_a_load_that_lacks_a_file_is_wrong(home, name):
    (home.imported / "decisions-000001" / name).unlink()
    with pytest.raises(Damaged, match=name):
        imported(home, whole=False)


def test_a_load_that_is_gone_is_told_where_the_whole_log_is_read(home):
    shutil.rmtree(home.imported / "decisions-000001")
    (found,) = imported(home, whole=True)
    assert found.state == "warning"
    assert "load 1 of 3 imported decisions (审批.csv" in found.says


def test_a_load_from_before_an_erasure_is_wrong(home, tmp_path):
    (load,) = loads_of(home.imported)
    shutil.copytree(home.imported / load.name, tmp_path / "copy")
    columns = {"facts": np.array([1, 1, 0])}
    rewrite(home.imported, load, columns, 1, lambda told: audited(home, CHANGED, told))
    assert [one.state for one in imported(home, whole=True)] == ["ok"]
    shutil.rmtree(home.imported / load.name)
    shutil.copytree(tmp_path / "copy", home.imported / load.name)
    (found,) = imported(home, whole=True)
    assert (found.state, found.remedy[:22]) == ("wrong", "finmodel customer eras")
    assert "load 1 of imported decisions holds an erased customer" in found.says

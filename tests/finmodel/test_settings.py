"""Settings out of an environment, and what of it a child process sees."""

import pytest

from finmodel.errors import BadInput, FinmodelError
from finmodel.settings import Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FINMODEL_PORT", "many"),
        ("FINMODEL_PORT", "99999"),
        ("FINMODEL_PORT", "0"),
        ("FINMODEL_PORT", "nan"),
        ("FINMODEL_PORT", "inf"),
        ("FINMODEL_ONLINE_MAP_GB", "-1"),
        ("FINMODEL_ONLINE_MAP_GB", "nan"),
        ("FINMODEL_ONLINE_MAP_GB", ""),
    ],
)
def test_a_number_that_cannot_be_is_named(name, value):
    with pytest.raises(BadInput, match=name):
        Settings.from_env({name: value})


def test_a_child_sees_the_same_settings_without_the_persons_key(tmp_path, monkeypatch):
    monkeypatch.setenv("FINMODEL_KEY", "fm_secret")
    ours = Settings.from_env({"FINMODEL_HOME": str(tmp_path), "FINMODEL_PORT": "3999"})
    theirs = ours.child_env()
    assert Settings.from_env(theirs).port == 3999
    assert Settings.from_env(theirs).mlflow_uri == ours.mlflow_uri
    assert "fm_secret" not in theirs.values()


def test_a_home_is_for_its_owner_alone_and_where_none_can_be_is_told(tmp_path):
    settings = Settings(home=tmp_path / "a" / "home", data=tmp_path)
    settings.make_home()
    assert settings.home.stat().st_mode & 0o077 == 0
    (tmp_path / "file").touch()
    with pytest.raises(FinmodelError, match="home"):
        Settings(home=tmp_path / "file" / "home", data=tmp_path).make_home()

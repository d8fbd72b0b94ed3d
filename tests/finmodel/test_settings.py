"""Settings out of an environment, and what of it a child process sees."""

from dataclasses import replace

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
        ("FINMODEL_WRITER_B_SHARE", "1.5"),
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
    ours = replace(ours, writer="scripts/3", writer_b="scripts/4", writer_b_share=0.2)
    theirs = ours.child_env()
    again = Settings.from_env(theirs)
    assert (again.port, again.writer, again.writer_b) == (3999, "scripts/3", "scripts/4")
    assert again.writer_b_share == 0.2
    assert Settings.from_env(theirs).mlflow_uri == ours.mlflow_uri
    assert "fm_secret" not in theirs.values()


def test_the_key_of_a_server_that_writes_goes_to_the_service_and_none_stands_in_its_url(
    monkeypatch,
):
    monkeypatch.setenv("FINMODEL_ENDPOINT_KEY", "sk-secret")
    asked = {"FINMODEL_WRITER": "http://127.0.0.1:8080/v1", "FINMODEL_ENDPOINT_KEY": "sk-secret"}
    assert Settings.from_env(Settings.from_env(asked).child_env()).endpoint_key == "sk-secret"
    without = Settings.from_env(asked | {"FINMODEL_WRITER": "scripts"})
    assert "sk-secret" not in without.child_env().values()
    for name in ("FINMODEL_WRITER", "FINMODEL_WRITER_B", "FINMODEL_JUDGE"):
        with pytest.raises(BadInput, match=name) as caught:
            Settings.from_env({name: "http://user:s3cret@127.0.0.1:8080/v1"})
        assert "s3cret" not in str(caught.value)


def test_an_online_store_that_is_no_redis_url_is_refused_and_its_password_is_not_shown(tmp_path):
    with pytest.raises(BadInput, match="FINMODEL_ONLINE_STORE") as caught:
        Settings.from_env({"FINMODEL_ONLINE_STORE": "http://:secret@host"})
    assert "secret" not in str(caught.value)
    ours = Settings(home=tmp_path, data=tmp_path, online_store="rediss://:secret@host:6379/0")
    assert "secret" not in repr(ours)
    assert Settings.from_env(ours.child_env()).online_store == ours.online_store


def test_a_home_is_for_its_owner_alone_and_where_none_can_be_is_told(tmp_path):
    settings = Settings(home=tmp_path / "a" / "home", data=tmp_path)
    settings.make_home()
    assert settings.home.stat().st_mode & 0o077 == 0
    (tmp_path / "file").touch()
    with pytest.raises(FinmodelError, match="home"):
        Settings(home=tmp_path / "file" / "home", data=tmp_path).make_home()

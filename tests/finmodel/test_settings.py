"""Settings out of an environment, and what of it a child process sees."""

from dataclasses import replace

import pytest

from finmodel.errors import BadInput, FinmodelError
from finmodel.event_broker import EventBroker
from finmodel.retention import Periods
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


def test_a_child_is_told_of_the_broker_and_its_options_are_of_no_use_alone(tmp_path):
    told = {"FINMODEL_KAFKA": "127.0.0.1:9092", "FINMODEL_KAFKA_CONFIG": str(tmp_path / "k.yaml")}
    assert Settings.from_env(Settings.from_env(told).child_env()).kafka == EventBroker(
        "127.0.0.1:9092", tmp_path / "k.yaml"
    )
    with pytest.raises(BadInput, match="FINMODEL_KAFKA_CONFIG: it is for Kafka"):
        Settings.from_env(told | {"FINMODEL_KAFKA": ""})


def test_prices_are_nobodys_until_they_are_said_and_a_child_knows():
    assert Settings.from_env({}).gpu_hour_price == 0.0
    said = {"FINMODEL_CORE_HOUR_PRICE": "0.35", "FINMODEL_GPU_HOUR_PRICE": "18.5"}
    ours = Settings.from_env(Settings.from_env(said).child_env())
    assert (ours.core_hour_price, ours.gpu_hour_price, ours.engine_hour_price) == (0.35, 18.5, 0)
    with pytest.raises(BadInput, match="FINMODEL_GPU_HOUR_PRICE"):
        Settings.from_env({"FINMODEL_GPU_HOUR_PRICE": "-1"})


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


def test_records_are_kept_as_long_as_the_law_says_or_longer_and_a_child_knows():
    assert Settings.from_env({}).keep == Periods()
    ours = Settings.from_env({"FINMODEL_KEEP": "logs=1y"})
    assert ours.keep == Settings.from_env(ours.child_env()).keep == Periods(logs=12)
    with pytest.raises(BadInput, match="10 years at least"):
        Settings.from_env({"FINMODEL_KEEP": "transactions=5y"})

"""The doctor on a home that is whole, on one that is broken in every way, and on none at all."""

import hashlib
import json
import os
import sqlite3
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from finmodel import mlflow_file
from finmodel.clock import parse_time
from finmodel.identity_provider import IdentityProvider
from finmodel.settings import Settings
from serving.doctor.answering import Answer
from serving.doctor.apart import guarded
from serving.doctor.finding import Finding
from serving.doctor.rounds import Asked, checks, report
from tests.serving.demo_shell import Shell
from tests.serving.lying_provider import CLIENT, lying
from tests.serving.small_world import NAME, free_port
from tests.spoken_commands import misspoken


def state_of(home: Path) -> dict[str, tuple[int, str]]:
    """Every file under home but LMDB's table of readers, which any reader enters itself in."""
    return {
        str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in home.rglob("*")
        if path.is_file() and path.name != "lock.mdb"
    }


def looked(settings) -> dict[str, Finding]:
    """What is amiss in a home, by the first word of what was looked at; nothing is changed.

    How full the disk of this machine is says nothing of the home.
    """
    before = state_of(settings.home)
    found = report(Asked(settings)).findings
    assert state_of(settings.home) == before
    for one in found:
        assert one.says
        assert bool(one.remedy) == (one.state != "ok")
        if one.remedy.startswith("finmodel "):
            assert misspoken(one.remedy) == ""
    amiss = {one.at.split()[0]: one for one in found if one.state != "ok"}
    if "are free" in getattr(amiss.get("disk"), "says", ""):
        del amiss["disk"]
    return amiss


def registered(settings, version: int) -> None:
    """MLflow's tables, as far as they are read."""
    with sqlite3.connect(settings.home / "mlflow.db") as db:
        db.execute("CREATE TABLE registered_models(name)")
        db.execute("CREATE TABLE registered_model_aliases(name, alias, version)")
        db.execute("INSERT INTO registered_models VALUES (?)", (NAME,))
        db.execute(
            "INSERT INTO registered_model_aliases VALUES (?, 'champion', ?)", (NAME, version)
        )
    db.close()


def flip(path: Path, place: int = 200) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_home_that_is_whole_lacks_its_service_alone(home):
    registered(home, 1)
    found = looked(home)
    assert set(found) == {"service"}, found


def test_everything_broken_at_once_is_a_finding_each(home):
    flip(home.exports / NAME / "1" / "model.txt")
    os.truncate(home.online / "data.mdb", 8_192)
    (home.home / "mlflow.db").write_bytes(b"SQLite format 3\0" + bytes(200))
    home.people.write_text("[{")
    home.vault.chmod(0o644)
    flip(home.audit / "audit-000001.log", place=400)
    home.home.chmod(0o755)
    home.arrival.write_text(json.dumps({"base": "qwen", "pid": 2**22 + 1}))
    home.streams.mkdir()
    word = {"name": "desk-1", "at": "2026-01-01T00:00:00Z", "topics": []}
    (home.streams / "desk-1.json").write_text(json.dumps(word))
    found = looked(home)
    assert {name for name, one in found.items() if one.state == "wrong"} == {
        "service", "model", "map", "features", "MLflow", "people", "vault", "audit", "stream",
    }  # fmt: skip
    assert "it was changed after it was signed" in found["model"].says
    assert found["model"].remedy == f"finmodel promote {NAME} --version N --to champion"
    assert "not a list of people" in found["people"].says
    assert "audit-000001.log at byte" in found["audit"].says
    assert found["home"].remedy == f"chmod 700 {home.home}"
    assert "it ended before it was done" in found["left"].says


def test_a_home_without_keys_and_with_a_registry_moved_by_hand(home):
    registered(home, 2)
    (home.signing / "signing.pub").unlink()
    home.vault.unlink()
    found = looked(home)
    assert {"signing", "vault", "model"} <= set(found)
    assert "there is no key" in found["signing"].says
    assert "can never be read again" in found["vault"].says


def test_an_alias_moved_outside_the_gate_is_told_with_both_versions(home):
    registered(home, 2)
    found = looked(home)["MLflow"]
    assert found.state == "warning"
    assert "moved outside the gate: MLflow says 2, served is 1" in found.says


def test_a_registry_that_somebody_holds_is_told(home, monkeypatch):
    monkeypatch.setattr(mlflow_file, "PATIENCE_S", 0.1)
    registered(home, 1)
    holder = sqlite3.connect(home.home / "mlflow.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        found = looked(home)["MLflow"]
    finally:
        holder.close()
    assert "locked" in found.says


def test_features_past_their_time_to_live_and_a_clock_that_went_back(home):
    registered(home, 1)
    late = replace(home, standing_clock="2005-12-24T00:00:00+08:00")
    assert "stale after 45 days" in looked(late)["features"].says
    early = looked(replace(home, standing_clock="2004-12-24T00:00:00+08:00"))
    assert "later time than this clock's" in early["features"].says
    assert "the audit log's newest entry is" in early["clock"].says
    ahead = parse_time("2100-01-01T00:00:00+00:00").timestamp()
    os.utime(home.people, (ahead, ahead))
    assert "people.json is dated" in looked(home)["clock"].says


def test_a_demo_that_is_not_served_is_not_judged_by_todays_clock(home):
    registered(home, 1)
    assert set(looked(replace(home, standing_clock=""))) == {"service"}


def test_a_redis_that_is_away_is_told_without_its_password(home):
    away = replace(home, online_store=f"redis://:secret@127.0.0.1:{free_port()}")
    found = looked(away)
    assert "Redis does not answer" in found["online"].says
    assert "Redis does not answer" in found["features"].says
    assert "secret" not in str(found)


def test_a_home_that_is_not_there_is_not_made(tmp_path, lender):
    nowhere = replace(lender, home=tmp_path / "home")
    assert "there is no home here" in looked(nowhere)["home"].says
    assert not nowhere.home.exists()


@pytest.mark.parametrize("words", [(), ("--whole", "--json")])
def test_a_shell_is_told_in_words_and_in_json_with_an_exit_code(home, words):
    shell = Shell(home.home, home.port, {"FINMODEL_STANDING_CLOCK": home.standing_clock})
    answer = shell.finmodel("doctor", *words)
    assert answer.code == 4
    assert answer.err == ""
    if words:
        amiss = [one for one in answer.json["findings"] if one["state"] == "wrong"]
        assert answer.json["wrong"] == len(amiss)
        looked_at = {one["at"].split()[0] for one in amiss if "are free" not in one["says"]}
        assert looked_at == {"service", "MLflow"}
        assert answer.json["findings"][0]["remedy"] == "finmodel serve"
    else:
        lines = answer.out.splitlines()
        amiss = [line for line in lines if line.startswith("wrong")]
        assert "do: finmodel serve" in answer.out
        assert len([line for line in amiss if "are free" not in line]) == 2
        assert lines[-1].startswith(f"{len(amiss)} wrong, ")


def test_settings_that_cannot_be_read_are_what_is_wrong(home):
    shell = Shell(home.home, home.port, {"FINMODEL_ONLINE_MAP_GB": "much"})
    (found,) = shell.finmodel("doctor", "--json").json["findings"]
    assert found["at"] == "settings"
    assert "FINMODEL_ONLINE_MAP_GB" in found["says"]
    held = {"FINMODEL_KEY": "the secret", "PATH": os.environ["PATH"]}
    words = ["sh", "-c", found["remedy"]]
    typed = subprocess.run(words, env=held, capture_output=True, text=True, check=True)
    assert typed.stdout == "FINMODEL_KEY\n"


def test_no_address_is_told_with_what_it_keeps_secret(tmp_path):
    uri = "postgresql://u:secret@db:5432/mlflow?user=u&password=secret"
    here = Settings(home=tmp_path, data=tmp_path, mlflow_tracking_uri=uri)
    places = [one.at for one in checks(Asked(here), Answer("127.0.0.1:3000"))]
    assert "MLflow postgresql://db:5432/mlflow" in places
    assert "secret" not in " ".join(places)


def test_an_identity_provider_is_asked_where_one_is_named(tmp_path):
    bare = Settings(home=tmp_path, data=tmp_path)

    def asked(issuer):
        named = replace(bare, provider=IdentityProvider(issuer, CLIENT))
        every = checks(Asked(named), Answer("127.0.0.1:9"))
        return [found for one in every if "identity" in one.at.split()[0] for found in guarded(one)]

    assert asked("") == []
    with lying() as provider:
        (well,) = asked(provider.issuer)
        (another,) = asked(provider.issuer + "/")
    (down,) = asked(provider.issuer)
    assert (well.state, another.state, down.state) == ("ok", "wrong", "wrong")
    assert "it calls itself" in another.says
    assert "does not answer as it should (ConnectError)" in down.says
    assert down.remedy == f"curl -sS {provider.issuer}/.well-known/openid-configuration"

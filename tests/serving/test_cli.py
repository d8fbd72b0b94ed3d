"""The `finmodel` command as a shell sees it: help on everything, sentences, exit codes."""

from pathlib import Path

import numpy as np
import pytest
import typer

from finmodel.audit import AuditLog
from finmodel.clock import SystemClock
from finmodel.vault import Vault
from serving.cli import app
from tests.serving.demo_shell import Shell

SHIPPED = str(Path(__file__).parents[2] / "risk" / "behaviour_risk.yaml")
INTENT = SHIPPED.replace("risk/behaviour_risk", "marketing/borrowing_intent")


@pytest.fixture(scope="module")
def shell(tmp_path_factory) -> Shell:
    return Shell(tmp_path_factory.mktemp("shell") / "home")


def commands() -> list[tuple[str, ...]]:
    found = []
    for name, command in typer.main.get_command(app).commands.items():
        found.append((name,))
        found += [(name, below) for below in getattr(command, "commands", {})]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_explains_itself_and_each_of_its_words(words):
    command = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    assert command.help
    assert command.help[0].isupper()
    bare = [
        parameter.name
        for parameter in command.params
        if parameter.name != "help" and not getattr(parameter, "help", None)
    ]
    assert bare == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nosuch",), "No such command"),
        (("train", "--zzz"), "No such option"),
        (("train", "nowhere.yaml"), "NotFound nowhere.yaml: no such file; name a recipe's file"),
        (("train", INTENT, "--cv"), "--cv: it is judged on later rows alone: folds would judge"),
        (("train", INTENT), "FINMODEL_KEY"),
        (("search", INTENT), "it is a marketing recipe, and this is asked of risk cards"),
        (("search", "nowhere.yaml"), "no such file; name a recipe's file"),
        (("search", SHIPPED, "--trials", "0"), "BadInput --trials: 0 trials; give between 1 and"),
        (("search", SHIPPED, "--seed", "-1"), "--seed: seed -1 is below 0; give 0 or more"),
        (("search", SHIPPED, "--trials", "2"), "FINMODEL_KEY"),
        (("bench", "nosuch"), "choose one of: agreement, allocate, assist, behaviour_risk"),
        (("bench", "lora", "--base", "nosuch"), "argument --base: invalid choice: 'nosuch'"),
        (("rollback", "behaviour_risk", "--reason", "x"), "FINMODEL_KEY"),
        (("people", "add", "lin", "--role", "king"), "engineer"),
        (("model", "import", "no.csv", "--recipe", SHIPPED), "no.csv: no such file; name a score"),
        (("model", "import", SHIPPED, "--recipe", SHIPPED), "of no format that is known here: its"),
        (("retire", "behaviour_risk", "1", "--reason", "x"), "FINMODEL_KEY"),
        (("withdraw", "behaviour_risk", "--reason", "x"), "FINMODEL_KEY"),
        (("policy", "check", "nowhere.yaml"), "no such file; name a policy's file"),
        (("policy", "approve", "drawdown"), "FINMODEL_KEY"),
        (("policy", "show", "nosuch"), "no such policy"),
        (("policy", "simulate", "p.yaml", "--from", "now", "--to", "2026-01-01"), "is no time"),
        (("monitor", "m", "--from", "0001-01-01T00:00:00+08:00"), "+08:00 is before 1970; begin"),
        (("monitor", "m", "--to", "1969-12-31"), "1969-12-31T00:00:00+08:00 is before 1970"),
        (("monitor", "m", "--alert", "Wang Fang"), "FINMODEL_KEY"),
        (("monitor", "m", "--window-days", "1000000000"), "be less than or equal to"),
        (("policy", "simulate", "p.yaml", "--window-days", "9999"), "be less than or equal to"),
        (("monitor", "m", "--from", "now"), "--from: 'now' is no time; write 2026-01-31"),
        (("monitor", "m", "--to", "0001-01-01T00:00:00+08:00"), "+08:00 is before 1970; begin"),
        (("monitor", "m", "--to", "9999-12-31T23:59:59-08:00"), "is after the year 9000; end"),
        (("campaign", "plan", "nowhere.yaml"), "FINMODEL_KEY"),
        (("campaign", "customers", "nowhere.csv"), "FINMODEL_KEY"),
        (("campaign", "receipts", "nowhere.csv"), "FINMODEL_KEY"),
        (("campaign", "reminders", "nowhere.csv"), "FINMODEL_KEY"),
        (("campaign", "report", "nosuch"), "campaign 'nosuch': it was never planned"),
        (("audit", "show", "a000001-00000708-41046fb593d3"), "NotFound"),
        (("features", "materialize"), "feast apply"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else "",
)
def test_what_went_wrong_is_one_sentence_and_no_traceback(shell, words, said):
    answer = shell.finmodel(*words)
    assert answer.code in {2, 3}, answer.err
    assert said in " ".join(answer.err.split())
    assert "Traceback" not in answer.err
    assert answer.out == ""


def test_a_setting_that_is_no_number_is_named(shell, monkeypatch):
    monkeypatch.setenv("FINMODEL_ONLINE_MAP_GB", "much")
    answer = shell.finmodel("models")
    assert answer.code == 2
    assert "FINMODEL_ONLINE_MAP_GB" in answer.err


def test_a_person_is_added_listed_and_revoked_and_the_key_is_kept_nowhere(shell):
    refused = shell.finmodel("people", "add", "lin", "--role", "engineer", "--since", "spring")
    assert "--since: 'spring' is no time" in refused.err
    began = ("--since", "2026-03-01")
    key = shell.finmodel("people", "add", "lin", "--role", "engineer", *began).out.strip()
    (lin,) = shell.finmodel("people", "list", "--json").json
    assert (lin["name"], lin["roles"]) == ("lin", ["engineer"])
    kept = [path for path in shell.home.rglob("*") if path.is_file()]
    assert kept
    assert [path for path in kept if key.encode() in path.read_bytes()] == []
    assert shell.finmodel("people", "revoke", "lin").code == 0
    assert shell.finmodel("people", "list", "--json").json == []


def test_the_audit_log_is_listed_and_shown_with_its_columns(shell):
    log = AuditLog(shell.home / "audit", Vault(shell.home / "vault" / "keys.db"), SystemClock())
    vector = np.array([0.5, np.nan], dtype=np.float32)
    ids = [log.append("decision", {"n": n}, columns={"features": vector}) for n in range(3)]
    log.close()
    rows = shell.finmodel("audit", "list", "--kind", "decision", "--last", "2", "--json").json
    assert [row["id"] for row in rows] == ids[1:]
    shown = shell.finmodel("audit", "show", ids[0]).json
    assert shown["body"] == {"n": 0}
    assert shown["columns"] == {"features": [0.5, None]}
    table = shell.finmodel("audit", "list")
    assert all(one in table.out for one in ids)


def test_asking_for_a_campaign_that_never_was_writes_nothing(tmp_path):
    shell = Shell(tmp_path / "home")
    assert shell.finmodel("campaign", "report", "nosuch").code == 2
    assert shell.finmodel("campaign", "list", "--json").json == []
    assert not (tmp_path / "home").exists()

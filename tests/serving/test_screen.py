"""What a person sees in a shell: nothing of it cut, nothing of it taken for a style."""

import json
import re

import pytest

from finmodel.acts import opened_log
from finmodel.settings import Settings
from risk.monitor.alerts import RAISED
from serving.screen import Progress, emit
from tests.serving.demo_shell import Shell

SAID = "评分 PSI 0.3127 超过噪声下限", "PSI of the points is 0.3127, beyond its floor [0.0214]"


@pytest.fixture
def shell(tmp_path) -> Shell:
    """A home with two alerts."""
    settings = Settings(home=tmp_path / "home", data=tmp_path)
    settings.make_home()
    with opened_log(settings, settings.alerts) as log:
        for version in (3, 4):
            log.append(
                RAISED,
                {
                    "model": "behaviour_risk",
                    "version": version,
                    "segment": {"product": "cash_loan"},
                    "signal": "psi",
                    "colour": "red",
                    "zh": SAID[0],
                    "en": SAID[1],
                    "owner": "Wang Fang",
                },
            )
    return Shell(settings.home)


def test_a_person_reads_times_where_the_lender_is_and_a_program_as_they_were_recorded(capsys):
    """As `policy show`, `policy kill` and `alerts list` have them, alone and within a list."""
    record = {"since": "2026-01-31T16:30:00.250000+00:00", "marks": ["2026-01-31T16:30:00Z"]}
    emit(record, as_json=False)
    told = capsys.readouterr().out
    assert told.count("2026-02-01T00:30:00+08:00") == 2
    assert "16:30" not in told
    emit([{"reason": "at 2026-01-31T16:30:00Z", "day": "2026-01-31"}], as_json=False)
    assert "at 2026-01-31T16:30:00Z  2026-01-31" in capsys.readouterr().out
    emit(record, as_json=True)
    assert json.loads(capsys.readouterr().out) == record


def test_in_a_file_long_work_tells_how_far_it_is_once_a_minute_and_its_end_once(capsys):
    now = [0.0]
    with Progress(lambda: now[0]) as progress:
        for done in range(1, 11):
            now[0] += 25.0
            progress(f"steps learnt · {done} tokens/s", done, 10)
        progress("replies written", 3, 3)
        progress("replies written", 3, 3)
    assert capsys.readouterr().err.splitlines() == [
        "steps learnt · 3 tokens/s: 3 of 10",
        "steps learnt · 6 tokens/s: 6 of 10",
        "steps learnt · 9 tokens/s: 9 of 10",
        "steps learnt: 10",
        "replies written: 3",
    ]


def test_alerts_in_a_file_are_a_table_and_on_a_narrow_terminal_records(shell):
    filed = shell.finmodel("alerts", "list")
    assert filed.code == 0, filed.err
    assert filed.out.split()[:3] == ["id", "raised_at", "model"]
    shown = shell.on_a_terminal("alerts", "list", columns=80)
    assert max(map(len, shown.out.splitlines())) <= 80
    ids = [one["id"] for one in shell.finmodel("alerts", "list", "--json").json]
    for text in (filed.out, shown.out):
        assert "…" not in text
        words = text.split()
        assert [word for word in words if word in ids] == ids, "ids are whole"
        assert words.count("behaviour_risk") == words.count("0.3127,") == 2
        assert words.count("[0.0214]") == 2
    assert re.findall(r"^version +([0-9]+)", shown.out, re.M) == ["4", "3"]

"""What a person sees in a shell: nothing of it cut, nothing of it taken for a style."""

import re

import pytest

from finmodel.acts import opened_log
from finmodel.settings import Settings
from risk.monitor.alerts import RAISED
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

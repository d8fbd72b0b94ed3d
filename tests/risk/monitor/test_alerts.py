"""Alerts are acknowledged within the same limits in a shell as on the page."""

import pytest

from finmodel.acts import opened_log
from finmodel.audit import scan
from finmodel.errors import BadInput, NotFound
from finmodel.records import Person
from finmodel.settings import Settings
from risk.monitor.alerts import RAISED, acknowledge

LIN = Person("Lin", frozenset({"analyst"}))


def test_an_owner_of_more_than_64_signs_is_refused_and_nothing_is_kept(tmp_path):
    settings = Settings(home=tmp_path, data=tmp_path)
    with pytest.raises(BadInput, match="at most 64 signs, this one has 300"):
        acknowledge(settings, "a000001-0000a3f0-9f3ac41d0b7e", LIN, "seen", "王" * 300)
    with pytest.raises(NotFound, match="there is no such alert"):
        acknowledge(settings, "a000001-0000a3f0-9f3ac41d0b7e", LIN, "seen", "王" * 64)
    assert not settings.alerts.exists()


def test_who_acknowledged_which_alert_stands_in_the_audit_log_without_the_note(tmp_path):
    settings = Settings(home=tmp_path, data=tmp_path)
    raised = {
        "model": "behaviour_risk", "version": 2, "segment": {}, "signal": "score_psi",
        "colour": "red", "zh": "分数漂移", "en": "scores moved", "owner": "", "raised_by": "Lin",
        "window": ["2026-01-01", "2026-02-01"],
    }  # fmt: skip
    with opened_log(settings, settings.alerts) as log:
        alert = log.append(RAISED, raised)
    seen = acknowledge(settings, alert, LIN, "a partner's customers", "Wang Fang")
    assert [one.by for one in seen.acknowledgements] == ["Lin"]
    (told,) = scan(settings.audit)
    assert (told.kind, told.body) == (
        "alert_acknowledged",
        {
            "by": "Lin", "alert": alert, "model": "behaviour_risk", "version": 2,
            "signal": "score_psi", "handed_over": True,
        },
    )  # fmt: skip

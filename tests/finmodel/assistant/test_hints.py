"""Who sees which hints: offers every agent, risk those alone who answer for it."""

from datetime import UTC, datetime, timedelta

import pytest

from finmodel.assistant.hints import Hint, seen_by

AT = datetime(2026, 6, 3, tzinfo=UTC)
OFFER = Hint(kind="offer", chinese="免息券", english="interest-free", source="drawdown", at=AT)
RISK = Hint(kind="risk", chinese="评分偏低", english="a low score", source="d1", at=AT)
NEWER = Hint(
    kind="offer", chinese="提额", english="a limit", source="drawdown", at=AT + timedelta(1)
)


@pytest.mark.parametrize(
    ("roles", "kinds"),
    [
        ({"agent"}, ["offer", "offer"]),
        ({"agent", "underwriter"}, ["offer", "risk", "offer"]),
        ({"supervisor"}, ["offer", "risk", "offer"]),
        ({"engineer"}, []),
        (set(), []),
    ],
)
def test_a_role_sees_what_it_may_the_newest_first(roles, kinds):
    assert [one.kind for one in seen_by([RISK, OFFER, NEWER], roles)] == kinds


def test_a_hint_shows_nothing_in_a_log():
    assert repr(RISK) == "Hint(risk)"

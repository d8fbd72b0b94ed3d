"""Events of an archive as customers and times: those of the lender's own columns, no more."""

from __future__ import annotations

import numpy as np
import pytest

from feature_store.archive_key import Archive, open_archive
from feature_store.archived_moments import Condition, moments_of
from feature_store.simulated_home import simulated_home
from finmodel.errors import BadInput
from finmodel.lender.simulated import Lender
from tests.feature_store.small_home import small_settings

LENDER = Lender(customers=300, days=200, seed=5)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return open_archive(simulated_home(small_settings(tmp_path_factory.mktemp("home")), LENDER))


def pairs(customers, at_us):
    return sorted(zip(customers.tolist(), at_us.tolist(), strict=True))


@pytest.mark.parametrize(
    ("topic", "where", "field", "holds"),
    [
        ("loan.drawdown.v1", (), "event_id", lambda column: column == column),
        (
            "app.login.v1",
            (Condition("status", "=", "success"),),
            "status",
            lambda column: column == b"success",
        ),
        ("loan.overdue.v1", (Condition("dpd", ">=", "7"),), "dpd", lambda column: column >= 7),
        ("loan.overdue.v1", (Condition("dpd", "<=", "3"),), "dpd", lambda column: column <= 3),
    ],
)
def test_events_that_meet_a_condition_are_the_lenders(archive, topic, where, field, holds):
    found, columns = moments_of(archive, topic, where), LENDER.columns(topic)
    kept = holds(columns[field])
    at = columns["occurred_at"].astype("M8[us]").astype(np.int64)
    assert pairs(found.customers, found.at_us) == pairs(columns["customer_id"][kept], at[kept])
    assert len(found) > 50
    order = np.lexsort((found.at_us, found.customers))
    np.testing.assert_array_equal(order, np.arange(len(found)))


def test_a_field_comes_with_its_event(archive):
    found = moments_of(archive, "marketing.offer_shown.v1", keep=("channel",))
    columns = LENDER.columns("marketing.offer_shown.v1")
    told = dict(zip(columns["customer_id"].tolist(), columns["channel"].tolist(), strict=True))
    customers, counts = np.unique(found.customers, return_counts=True)
    once = customers[counts == 1].tolist()
    for customer in once:
        (row,) = np.flatnonzero(found.customers == customer)
        assert found.fields["channel"][row] == told[customer].decode()
    assert len(once) > 5


@pytest.mark.parametrize(
    ("topic", "one", "says"),
    [
        ("loan.draw.v1", None, r"there is no topic 'loan.draw.v1'; name one of card"),
        ("loan.overdue.v1", Condition("days", "=", "3"), "no field 'days'; name one of event_id"),
        ("loan.overdue.v1", Condition("dpd", "=", "three"), "'three' is no value of 'dpd'"),
        ("app.login.v1", Condition("status", ">=", "a"), "'status' is a word; compare it by ="),
    ],
)
def test_what_no_event_has(archive, topic, one, says):
    with pytest.raises(BadInput, match=says):
        moments_of(archive, topic, () if one is None else (one,))

"""Reminders: every overdue customer once, the least willing first, nobody else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finmodel.audit import find
from finmodel.errors import BadInput, NotReady
from finmodel.settings import Settings
from serving.campaigns.acts import take_customers
from serving.campaigns.reminders import order_reminders
from tests.serving.campaign_world import PERSON, champions, customers_csv
from tests.serving.small_world import CUSTOMERS, World, make_world

OVERDUE = {one: 1 for one in (*range(4, CUSTOMERS, 9), CUSTOMERS + 1, CUSTOMERS + 2)}
"""The last two are in no feature store."""
COMPLAINT = {one: 1 for one in (4, 13, 14)}


def willing(settings: Settings):
    return champions(settings).propensity


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    folder = tmp_path_factory.mktemp("world")
    made = make_world(folder / "home")
    ids = range(1, CUSTOMERS + 3)
    file = customers_csv(folder / "c.csv", ids, overdue=OVERDUE, open_complaint=COMPLAINT)
    take_customers(made.settings, file, PERSON)
    return made


def test_the_least_willing_come_first_and_the_unknown_last(world, tmp_path):
    done = order_reminders(world.settings, tmp_path / "list.csv", PERSON, willing)
    listed = pd.read_csv(tmp_path / "list.csv", float_precision="round_trip")
    assert set(listed.customer_id) == OVERDUE.keys() - {4, 13}
    assert listed.customer_id.is_unique
    assert listed.customer_id.tolist()[-2:] == [CUSTOMERS + 1, CUSTOMERS + 2]
    first = world.features[listed.customer_id[:-2] - 1, 0]
    expected = 1.0 / (1.0 + np.exp(2.0 - np.nan_to_num(first).astype(float)))
    np.testing.assert_allclose(listed.willingness[:-2], expected)
    assert listed.willingness[:-2].is_monotonic_increasing
    assert (done.customers, done.not_scored, done.open_complaint) == (len(listed), 2, 2)
    entry = find(world.settings.audit, done.audit_entry).body
    assert (entry["by"], entry["customers"]) == ("lin", len(listed))


def test_where_no_model_was_promoted_nothing_is_written(world, tmp_path):
    with pytest.raises(NotReady, match="repayment_willingness: no champion was ever promoted"):
        order_reminders(world.settings, tmp_path / "list.csv", PERSON)
    assert list(tmp_path.iterdir()) == []


def test_where_nobody_is_overdue_it_says_so(tmp_path):
    made = make_world(tmp_path / "home")
    take_customers(made.settings, customers_csv(tmp_path / "c.csv"), PERSON)
    with pytest.raises(BadInput, match="nobody is overdue without an open complaint"):
        order_reminders(made.settings, tmp_path / "list.csv", PERSON, willing)

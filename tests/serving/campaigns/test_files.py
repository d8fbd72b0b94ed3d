"""Customers' files: read whole or refused whole, with the first line that is wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finmodel.clock import micros, parse_time
from finmodel.errors import BadInput
from marketing.campaign.standing import NEVER
from serving.campaigns.files import (
    COLUMNS,
    read_customers,
    read_receipts,
    read_responses,
    read_segment,
)
from tests.serving.campaign_world import customers_csv

NOW = micros(parse_time("2026-04-01T12:00:00+08:00"))


def test_a_file_is_read_column_by_column(tmp_path):
    path = customers_csv(
        tmp_path / "c.csv",
        range(1, 6),
        opted_out={2: "yes"},
        consent={3: "False"},
        consent_sms={4: 0},
        personalisation={5: 0},
        declined_at={1: "2026-03-01", 2: "2026-03-01T00:00:00+08:00"},
    )
    told = read_customers(path, NOW)
    assert told.customer.tolist() == [1, 2, 3, 4, 5]
    assert told.opted_out.tolist() == [False, True, False, False, False]
    assert told.consent.tolist() == [True, True, False, True, True]
    assert told.channels[3].tolist() == [True, True, False, True]
    assert told.personalised.tolist() == [True, True, True, True, False]
    day = micros(parse_time("2026-03-01T00:00:00+08:00"))
    assert told.declined_us.tolist() == [day, day, NEVER, NEVER, NEVER]


def test_parquet_with_its_own_types_is_read_the_same(tmp_path):
    frame = pd.DataFrame({name: [True, True] for name in COLUMNS})
    frame["customer_id"] = [7, 9]
    frame["opted_out"] = [False, True]
    frame["declined_at"] = ["2026-03-01", None]
    frame.to_parquet(tmp_path / "c.parquet")
    told = read_customers(tmp_path / "c.parquet", NOW)
    assert told.customer.tolist() == [7, 9]
    assert told.opted_out.tolist() == [False, True]
    assert (told.declined_us == NEVER).tolist() == [False, True]


@pytest.mark.parametrize(
    ("column", "said", "why"),
    [
        ("consent", "maybe", "line 3: consent is neither 1 nor 0; mend it; nothing of the file"),
        ("opted_out", "", "line 3: opted_out is neither 1 nor 0"),
        ("customer_id", "x7", "line 3: customer_id is no whole number of 0 or more"),
        ("customer_id", "-7", "line 3: customer_id is no whole number"),
        ("customer_id", "9223372036854775808", "line 3: customer_id is larger than any id"),
        ("customer_id", "1", "line 3: customer_id 1 stands twice"),
        ("declined_at", "last week", "line 3: declined_at is no ISO 8601 time"),
        ("declined_at", "2026-05-01", "line 3: declined_at is later than now"),
    ],
)
def test_a_line_that_cannot_be_read_refuses_the_file(tmp_path, column, said, why):
    path = customers_csv(tmp_path / "c.csv", range(1, 5), **{column: {2: said}})
    with pytest.raises(BadInput) as refused:
        read_customers(path, NOW)
    assert why in str(refused.value)


def test_more_bad_rows_are_counted(tmp_path):
    path = customers_csv(tmp_path / "c.csv", range(1, 9), student={2: "?", 5: "?", 6: "?"})
    with pytest.raises(BadInput, match="student is neither 1 nor 0, and in 2 more rows"):
        read_customers(path, NOW)


def test_a_column_that_is_missing_is_named(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("customer_id,consent\n1,1\n")
    with pytest.raises(BadInput, match="it lacks the column personalisation; give customer_id"):
        read_customers(path, NOW)


def test_a_segment_is_sorted_and_each_customer_once(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("customer_id,why\n9,a\n2,b\n")
    np.testing.assert_array_equal(read_segment(path), [2, 9])


@pytest.mark.parametrize(
    ("said", "zone", "meant"),
    [
        ("2005-10-06 14:00:00+08", True, "2005-10-06T14:00:00+08:00"),  # as PostgreSQL writes it
        ("2005-10-06T14:00:00.5-03", True, "2005-10-06T14:00:00.5-03:00"),
        ("2005-10-06T14:00:00+0800", True, "2005-10-06T14:00:00+08:00"),
        ("2005-10-06T06:00:00Z", True, "2005-10-06T14:00:00+08:00"),
        ("20051006T140000+08", True, "2005-10-06T14:00:00+08:00"),
        ("2005-10-06 14:00:00", False, "2005-10-06T14:00:00+08:00"),
        ("2005-10-06", False, "2005-10-06T00:00:00+08:00"),
        ("20051006", False, "2005-10-06T00:00:00+08:00"),
    ],
)
def test_a_receipts_zone_is_seen_however_it_is_written(tmp_path, said, zone, meant):
    path = tmp_path / "r.csv"
    path.write_text(f"event_id,contact_id,kind,at,customer_id\ne1,,opted_out,{said},2\n")
    (told,) = read_receipts(path)
    at_us = micros(parse_time(meant))
    assert (told.at_us, told.loose_us) == ((at_us, None) if zone else (None, at_us))


def test_a_response_without_a_zone_is_by_beijings_clocks(tmp_path):
    path = tmp_path / "responses.csv"
    path.write_text("customer_id,at\n1,2005-10-06 14:00:00\n2,2005-10-06\n3,2005-10-06T06:00:00Z\n")
    meant = ("2005-10-06T14:00:00+08:00", "2005-10-06T00:00:00+08:00", "2005-10-06T14:00:00+08:00")
    assert read_responses(path).at_us.tolist() == [micros(parse_time(one)) for one in meant]

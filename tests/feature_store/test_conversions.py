"""A lender's values as ours: amounts exact, times with a zone, every refusal by its word."""

from base64 import b64encode
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_store.conversions import (
    epoch,
    hundredths,
    joined,
    local_date,
    local_time,
    packed_hundredths,
    record_time,
    text,
    whole_number,
    word,
    zoned_time,
)
from feature_store.rejections import Unfit
from feature_store.source_formats import read_json

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
WALL_CLOCKS = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1))  # noqa: DTZ001
fens = st.integers(-(10**15), 10**15)


def refused(convert, value):
    with pytest.raises(Unfit) as error:
        convert(value)
    return str(error.value.reason)


@given(fens)
def test_yuan_are_fen_to_the_last(fen):
    """However an amount is written: as text, as a JSON number, as Avro's double or decimal."""
    yuan = Decimal(fen).scaleb(-2)
    written = f"{yuan:.2f}"
    assert hundredths(written) == fen
    assert hundredths(written + "00") == fen
    assert hundredths(read_json(written.encode())) == fen
    assert hundredths(yuan) == fen
    assert hundredths(float(yuan)) == fen
    if fen % 100 == 0:
        assert hundredths(fen // 100) == hundredths(str(fen // 100)) == fen


@given(st.integers(0, 10**13), st.integers(3, 20), st.data())
def test_more_than_two_decimals_are_never_rounded(yuan, places, data):
    """A third decimal, or a twentieth, in any of an amount's forms; zeros there are none."""
    cents = 10 ** (places - 2)
    decimals = data.draw(st.integers(0, 10**places - 1) | st.integers(0, 99).map(cents.__mul__))
    written = f"{yuan}.{decimals:0{places}}"
    for value in (written, Decimal(written), read_json(written.encode())):
        if decimals % cents:
            assert refused(hundredths, value) == "too_precise"
        else:
            assert hundredths(value) == yuan * 100 + decimals // cents


@given(st.integers(-(10**15), 10**15), st.integers(0, 2))
def test_debeziums_packed_amounts_are_exact(unscaled, scale):
    data = unscaled.to_bytes(8, "big", signed=True)
    found = packed_hundredths(scale)(b64encode(data).decode())
    assert found == Decimal(unscaled).scaleb(2 - scale)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        *[
            (text, "no_number")
            for text in ("", "12 ", "1,234.00", "1e3", "１２", "1_0", ".5", "5.")
        ],
        *[(text, "no_number") for text in ("¥12", "NaN", "+-1", "12.3.4", "0" * 21)],
        *[
            (value, "wrong_type")
            for value in (True, [1], {}, b"12", datetime(2024, 1, 1, tzinfo=UTC))
        ],
        *[(value, "no_number") for value in (float("nan"), float("inf"), Decimal("sNaN"))],
        *[(value, "out_of_range") for value in (Decimal("1e999999999"), 1e300)],
        *[(value, "too_precise") for value in (Decimal("1e-999999999"), Decimal("0." + "1" * 60))],
        *[(value, "too_precise") for value in ("12.345", 12.345, Decimal("0.001"), 0.1 + 0.2)],
    ],
)
def test_what_is_no_amount(value, said):
    assert refused(hundredths, value) == said


def test_a_zero_is_a_zero_however_it_is_written():
    for zero in (0, "0.000", "-0.00", Decimal("0E+999999999"), Decimal("0E-99999"), -0.0):
        assert hundredths(zero) == 0


@pytest.mark.parametrize("value", ["BNI", "", "B?==", "A" * 40])
def test_what_is_no_packed_amount(value):
    assert refused(packed_hundredths(2), value) == "no_number"
    assert refused(packed_hundredths(2), 1234) == "wrong_type"
    assert refused(packed_hundredths(4), "BNI=") == "too_precise"  # 0.1234


def test_whole_numbers_are_whole():
    for value in (7, "7", "007"):
        assert whole_number(value) == 7
    assert whole_number("-12") == -12
    for value in (7.0, Decimal("7.0"), "7.0", "C7", "", " 7", "٧", "9" * 20):
        assert refused(whole_number, value) == "no_whole_number"
    for value in (True, [7], {}, b"7"):
        assert refused(whole_number, value) == "wrong_type"


def test_texts_and_words():
    key = UUID("12345678-1234-5678-1234-567812345678")
    assert [text(value) for value in ("a", 7, key)] == ["a", "7", str(key)]
    assert [word(value) for value in (1, "1", True, False)] == ["1", "1", "true", "false"]
    for value in (True, 7.0, Decimal("7.1"), b"a", [1]):
        assert refused(text, value) == "wrong_type"


@given(st.lists(st.text(":\\a"), min_size=1), st.lists(st.text(":\\a"), min_size=1))
def test_no_two_lists_are_joined_to_one_text(one, other):
    assert (joined(one) == joined(other)) == (one == other)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2024-05-01T08:00:00+08:00", "2024-05-01T00:00:00+00:00"),
        ("2024-05-01T00:00:00Z", "2024-05-01T00:00:00+00:00"),
        ("2024-05-01 08:00:00+08", "2024-05-01T00:00:00+00:00"),
        ("2024-05-01 08:00+0800", "2024-05-01T00:00:00+00:00"),
        ("2024-05-01T00:00:00.123456789Z", "2024-05-01T00:00:00.123456+00:00"),
    ],
)
def test_a_time_with_a_zone(written, read):
    assert zoned_time(written).isoformat() == read
    assert local_time(NEW_YORK)(written).isoformat() == read, "its own zone is the one that counts"


def test_a_time_without_a_zone_needs_one():
    assert refused(zoned_time, "2024-05-01 08:00:00") == "no_zone"
    assert refused(zoned_time, datetime(2024, 5, 1)) == "no_zone"  # noqa: DTZ001
    read = datetime(2024, 5, 1, tzinfo=UTC)
    for written in ("2024-05-01 08:00:00", "2024-05-01T08:00", datetime(2024, 5, 1, 8)):  # noqa: DTZ001
        assert local_time(SHANGHAI)(written) == read


@pytest.mark.parametrize(
    "value",
    ["", "now", "2024-05-01", "2024-13-01T00:00:00Z", "2024-02-30T00:00:00Z", "20240501T000000Z"],
)
def test_what_is_no_time(value):
    assert refused(zoned_time, value) == refused(local_time(SHANGHAI), value) == "no_time"
    assert refused(zoned_time, "2024-05-01T00:00:60Z") == "no_time"
    for other in (1, None, [1], True, date(2024, 5, 1)):
        assert refused(zoned_time, other) == "wrong_type"


def test_an_hour_that_was_skipped_or_came_twice_is_not_guessed():
    convert = local_time(NEW_YORK)
    assert refused(convert, "2024-03-10 02:30:00") == "hour_skipped"
    assert refused(convert, "2024-11-03 01:30:00") == "hour_repeated"
    assert convert("2024-03-10 03:00:00").isoformat() == "2024-03-10T07:00:00+00:00"
    assert convert("2024-11-03 02:00:00").isoformat() == "2024-11-03T07:00:00+00:00"
    # China had summer time too, until 1991.
    assert refused(local_time(SHANGHAI), "1988-04-17 02:30:00") == "hour_skipped"
    assert convert("2024-11-03 01:30:00-05:00").isoformat() == "2024-11-03T06:30:00+00:00"


@given(WALL_CLOCKS, st.sampled_from([SHANGHAI, NEW_YORK]))
def test_a_local_time_is_when_the_wall_clock_showed_it(wall, zone):
    """Against every moment that the zone's clock could mean."""
    moments = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    meant = {at for at in moments if at.astimezone(zone).replace(tzinfo=None) == wall}
    if len(meant) == 1:
        assert {local_time(zone)(str(wall))} == meant
    else:
        said = refused(local_time(zone), str(wall))
        assert said == ("hour_repeated" if meant else "hour_skipped")


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_counts_since_1970(at):
    micros = (at - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution)
    assert epoch(6)(micros) == epoch(6)(str(micros)) == at
    assert epoch(3)(micros // 1000) == at.replace(microsecond=at.microsecond // 1000 * 1000)
    assert epoch(0)(micros // 10**6) == at.replace(microsecond=0)
    assert epoch(0)(Decimal(micros).scaleb(-6)) == at
    assert epoch(6, SHANGHAI)(micros + 8 * 3600 * 10**6) == at or at.year < 1992


def test_what_is_no_count_since_1970():
    assert epoch(0)("1718000000.1234567").microsecond == 123456
    assert epoch(3)(-1).isoformat() == "1969-12-31T23:59:59.999000+00:00"
    for value in (10**18, 10**400, -(10**18), Decimal("1e300")):
        assert refused(epoch(3), value) == "out_of_range"
    for value in (True, None, [1], datetime(2024, 1, 1, tzinfo=UTC)):
        assert refused(epoch(3), value) == "wrong_type"
    assert refused(epoch(3), "2024-05-01") == "no_number"
    # What Debezium makes of a column without a zone: the clock on the wall, as if it were UTC's.
    assert epoch(3, SHANGHAI)(1_714_550_400_000) == datetime(2024, 5, 1, tzinfo=UTC)
    assert refused(epoch(3, NEW_YORK), 1_710_037_800_000) == "hour_skipped"


def test_a_day_begins_in_its_zone():
    begin = datetime(2024, 4, 30, 16, tzinfo=UTC)
    for value in ("2024-05-01", date(2024, 5, 1), 19_844):
        assert local_date(SHANGHAI)(value) == begin
    for value in ("2024-02-30", "20240501", "2024-05-01T00:00:00Z", "", 10**9):
        assert refused(local_date(SHANGHAI), value) == "no_time"
    for value in (True, 1.5, [1], begin):
        assert refused(local_date(SHANGHAI), value) == "wrong_type"


def test_a_records_time_is_the_end_of_its_millisecond():
    """A producer's clock that shows microseconds is not ahead of the same clock's milliseconds."""
    assert record_time(1_714_521_600_123).isoformat() == "2024-05-01T00:00:00.123999+00:00"
    for value in (None, -1):
        assert refused(record_time, value) == "no_record_time"
    assert refused(record_time, 2**62) == "out_of_range"

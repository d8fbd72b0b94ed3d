"""A record's shape: whatever number, name or address lies in it, it is not shown."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finmodel.privacy.outline import LONGEST, outline

SECRETS = ("13800138000", "张伟", "110101199003078515", "zhang.wei@example.cn", "6222021234567890")


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "record",
    [
        lambda one: {"note": one},
        lambda one: {"a": [{"b": {"c": one}}]},
        lambda one: {one: 1},
        lambda one: {"note": f"联系{one}"},
        lambda one: {"姓名": one},
        lambda one: [one, one],
    ],
)
def test_no_secret_is_shown_wherever_it_lies(secret, record):
    told = record(secret)
    assert secret not in outline(json.dumps(told, ensure_ascii=False).encode())
    assert secret not in outline(json.dumps(told).encode())


@settings(max_examples=40)
@given(st.binary(max_size=200) | st.text(max_size=80).map(str.encode))
def test_any_bytes_have_a_shape_of_bounded_length(data):
    assert len(outline(data)) <= LONGEST + 1


def test_what_tells_what_is_wrong_stays():
    seen = outline(b'{"status": "sucess", "dpd": -3, "at": "2024-02-30", "amount": "12.345"}')
    assert json.loads(seen) == {
        "status": "sucess",
        "dpd": -3,
        "at": "2024-02-30",
        "amount": "12.345",
    }
    assert outline(b"[" * 5_000).endswith("no JSON›")

"""Codes are a closed list: each says one thing, and against the score only people's own count."""

from hypothesis import given
from hypothesis import strategies as st

from risk.underwriting.codes import (
    AGAINST_LOW,
    APPROVE,
    BY_CODE,
    DECLINE,
    Given,
    codes_for,
    side_of,
)

SAYS = st.sampled_from(("approve", "refer", "decline", ""))
RULES = st.sampled_from(("points", "over_limit", "rule:H03", "view_stale:balance"))


def test_each_code_is_there_once_in_both_languages():
    every = (*APPROVE, *AGAINST_LOW, *DECLINE)
    assert len(BY_CODE) == len(every) == 15
    assert all(one.code.startswith("M") and one.zh and one.en for one in every)


@given(SAYS, RULES, st.sampled_from(("approve", "decline")))
def test_an_override_needs_a_code_of_people(says, rule, verdict):
    codes = codes_for(Given(says, rule, ("R01", "R02")), verdict)
    assert len(set(codes)) == len(codes) > 0
    side = side_of(says, verdict)
    assert (side == "low") == (set(codes) <= {one.code for one in AGAINST_LOW})
    if side:
        assert not {"R01", "R02"} & set(codes)

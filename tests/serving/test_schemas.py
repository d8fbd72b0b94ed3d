import ast
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.errors import BadInput
from serving.schemas import BUREAU, Application, ScoreRequest, read
from tests.serving.small_world import APPLICATION, ROOT

BODY = (
    b'{"application_id":"A-1","customer_id":42,"amount_minor":500000,"term_months":12,'
    b'"product":"cash_loan","channel":"app"%s}'
)


def requested() -> set[str]:
    """The fields of Feast's `drawdown_request`, read from the definitions without Feast."""
    tree = ast.parse((ROOT / "feature_store" / "repo" / "definitions.py").read_text())
    [source] = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "drawdown_request"
    )
    fields = next(keyword.value for keyword in source.keywords if keyword.arg == "schema")
    return {
        keyword.value.value for f in fields.elts for keyword in f.keywords if keyword.arg == "name"
    }


def test_an_application_holds_what_feast_says_only_the_request_knows():
    ours = set(Application.__struct_fields__) - {"application_id", "customer_id"}
    assert len(ours) == 10
    assert requested() == ours


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (b',"colour":"red"', "Object contains unknown field `colour`"),
        (b',"bureau_score":700', "`bureau_score` needs `bureau_query_id` and `bureau_consent_id`"),
        (b',"bureau_score":null', "the body at `$.bureau_score`: Expected `int`, got `null`"),
        (b',"term_months":184.0', "the body at `$.term_months`: Expected `int`, got `float`"),
        (b',"amount_minor":-1', "the body at `$.amount_minor`: Expected `int` >= 1"),
        (b',"customer_id":"4211223344"', None),
    ],
)
def test_what_is_wrong_is_told_by_its_place(extra, told):
    if told is None:
        assert read(BODY % extra, Application).customer_id == "4211223344"
        return
    with pytest.raises(BadInput) as error:
        read(BODY % extra, Application)
    assert told in str(error.value)


def test_a_missing_field_is_named():
    for name in APPLICATION:
        told = {key: value for key, value in APPLICATION.items() if key != name}
        body = json.dumps(told).encode()
        with pytest.raises(BadInput, match=f"missing required field `{name}`"):
            read(body, Application)


def test_bureau_fields_are_all_that_a_bureau_answers():
    assert len(BUREAU) == 6


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_as_bad_input(body):
    for kind in (Application, ScoreRequest):
        with suppress(BadInput):
            assert isinstance(read(body, kind), kind)


@given(st.text(max_size=40, alphabet=st.characters(codec="utf-8")))
def test_a_value_is_never_repeated_in_its_refusal(text):
    secret = f"§{text}"
    body = json.dumps(APPLICATION | {"product": secret, "channel": [secret]}).encode()
    with pytest.raises(BadInput) as error:
        read(body, Application)
    assert "§" not in str(error.value)

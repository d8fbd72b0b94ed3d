"""Products: the shipped ones hold together, and a file that does not is told where."""

from fractions import Fraction

import pytest

from finmodel.assistant.products import load_products, product_named
from finmodel.errors import BadInput, NotFound

WHOLE = {
    "name": "试贷",
    "english": "Trial",
    "method": "equal_instalment",
    "day_count": "365",
    "yearly_rate": '"12%"',
    "instalments": "[3]",
}


def written(folder, **changes):
    lines = [f"  {key}: {value}" for key, value in (WHOLE | changes).items() if value is not None]
    path = folder / "products.yaml"
    path.write_text("\n".join(["trial:", *lines]), encoding="utf-8")
    return path


def test_the_shipped_products_cover_both_years_and_every_method():
    products = load_products().values()
    assert len(products) >= 4
    assert {one.day_count for one in products} == {360, 365}
    assert {one.method for one in products} == {
        "equal_instalment",
        "equal_principal",
        "interest_first",
    }
    assert {one.across for one in products} == {"oldest_instalment", "kind"}
    assert all(one.allocation == ("fee", "penalty", "interest", "principal") for one in products)


def test_the_default_penalty_is_half_as_much_again(tmp_path):
    trial = load_products(written(tmp_path))["trial"]
    assert trial.penalty_multiple == Fraction(3, 2)
    assert trial.penalty_rate == Fraction(12, 100) / 365 * Fraction(3, 2)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"yearly_rate": "0.12"}, "0.12 is no rate: write it in quotes"),
        ({"yearly_rate": '"12"'}, "`yearly_rate` is above 36%"),
        ({"yearly_rate": '"-1%"'}, "'-1%' is no rate"),
        ({"yearly_rate": '"abc"'}, "Invalid literal"),
        ({"day_count": "364"}, "364"),
        ({"instalments": "[]"}, "`instalments` is empty"),
        ({"allocation": "[fee, interest]"}, "`allocation` must hold"),
        ({"upfront_fee": '"100%"'}, "leaves nothing to pay out"),
        ({"penalty_multiple": '"0.5"'}, "`penalty_multiple` is below 1"),
        ({"interest_by": "day"}, "by actual days are not offered"),
        ({"name": None}, "missing required field `name`"),
        ({"colour": "red"}, "unknown field `colour`"),
    ],
)
def test_terms_that_do_not_hold_together_are_told(tmp_path, changes, what):
    with pytest.raises(BadInput, match=f"(?s)trial.*{what}"):
        load_products(written(tmp_path, **changes))


def test_an_unknown_product_is_told_with_those_that_are_known():
    with pytest.raises(NotFound, match="no product 'gold'; name one of cash_loan"):
        product_named("gold")

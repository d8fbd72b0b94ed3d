"""What a policy may not say, and that the shipped one fits the shipped recipe."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from finmodel.errors import BadInput, NotFound
from finmodel.manifest import Calibration, Digests, Manifest, Policy, Scaling
from risk.policy.file import load_policy, misfits, parse_policy
from risk.recipe import load_recipe
from tests.risk.policies import POLICY, policy_of, text_of

ROOT = Path(__file__).parents[3]


def bands(*edges: tuple[str, float | None, float | None, str]) -> dict[str, Any]:
    """A product of bands (code, at_least, below, then)."""
    terms = {"limit_minor": 1, "annual_rate_bps": 1}
    told = [
        {key: value for key, value in zip(("at_least", "below"), (low, high), strict=True)}
        | {"code": code, "then": then}
        | (terms if then == "approve" else {})
        for code, low, high, then in edges
    ]
    return {"cash_loan": {"bands": told}, "instalment": POLICY["products"]["instalment"]}


def rule(**changes: Any) -> list[dict[str, Any]]:
    """The first rule alone, changed."""
    return [{**copy.deepcopy(POLICY["rules"][0]), **changes}]


def priced(rate: int | None, limit: int | None = 1) -> dict[str, Any]:
    """A product whose best band has this price and this limit."""
    products = copy.deepcopy(POLICY["products"])
    products["cash_loan"]["bands"][0] |= {"annual_rate_bps": rate, "limit_minor": limit}
    return products


def second(**terms: int) -> dict[str, Any]:
    """A product whose second band has these terms; the first lends 500,000 at 1,080 bps."""
    products = copy.deepcopy(POLICY["products"])
    products["cash_loan"]["bands"][1] |= terms
    return products


LANE = POLICY["random_approve"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fallback": None}, "object missing required field `fallback`; add it"),
        ({"fallback": []}, r"fallback: \[\] is no way down that ends with a person"),
        ({"fallback": ["scorecard", "rules"]}, "ends with a person; write .scorecard, rules"),
        ({"fallback": ["rules", "scorecard", "refer"]}, "is no way down"),
        (
            {"products": bands(("A", 620, None, "approve"), ("B", None, 600, "decline"))},
            "products.cash_loan.bands: A and B leave a gap from 600 to 620 points",
        ),
        (
            {"products": bands(("A", 600, None, "approve"), ("B", None, 610, "decline"))},
            "A and B overlap from 600 to 610 points; let B end where A begins",
        ),
        (
            {"products": bands(("A", None, None, "approve"), ("B", None, 610, "decline"))},
            "A and B overlap: one of them has no edge",
        ),
        (
            {"products": bands(("A", 600, 700, "approve"), ("B", None, 600, "decline"))},
            "do not reach from the best points to the worst",
        ),
        (
            {"products": bands(("A", 600, None, "refer"), ("B", None, 600, "approve"))},
            "B is treated better than A, which has more points",
        ),
        (
            {"products": second(limit_minor=500_001)},
            "products.cash_loan.bands: B has a higher limit than A, which has more points; let",
        ),
        (
            {"products": second(annual_rate_bps=1_079)},
            "B is cheaper than A, which has more points; let annual_rate_bps rise",
        ),
        (
            {"products": bands(("A", 600, None, "refer"), ("A", None, 600, "decline"))},
            "code 'A' stands twice",
        ),
        (
            {
                "products": bands(
                    ("A", 600, None, "refer"),
                    ("B", 650, 600, "refer"),
                    ("C", None, 650, "decline"),
                )
            },
            "B holds no points",
        ),
        ({"products": {}}, "it has no product"),
        ({"products": priced(None)}, "A approves without limit or price"),
        ({"products": priced(2_401)}, "a price of 2401 bps is above the highest, 2400"),
        ({"random_approve": {**LANE, "annual_rate_bps": 3_600}}, "random_approve: a price of 3600"),
        ({"random_approve": {**LANE, "share_bps": 10_001}}, "random_approve.share_bps"),
        ({"random_approve": {**LANE, "seed": ""}}, "random_approve.seed: it is empty"),
        ({"rules": rule(products=["car"])}, "'car' is no product; choose from cash_loan, instal"),
        (
            {"rules": rule(when=[{"request": "product", "among": ["car"]}])},
            r"rules\[0\].when\[0\]: 'car' is no product",
        ),
        ({"rules": rule(when=[{"request": "income", "below": 1}])}, "'income' is no field of a"),
        ({"rules": rule(when=[{"request": "channel", "below": 1}])}, "'channel' is words"),
        ({"rules": rule(when=[{"feature": "a", "among": ["x"]}])}, "'a' is a number"),
        ({"rules": rule(when=[{"feature": "a"}])}, "it asks nothing"),
        ({"rules": rule(when=[{"below": 1}])}, "it reads nothing, or two things"),
        ({"rules": rule(when=[])}, "a rule lacks its code, a sentence or its conditions"),
        ({"rules": rule(zh=" ")}, "a rule lacks its code, a sentence"),
        ({"rules": rule() * 2}, "code 'H1' stands twice"),
        ({"rules": rule(then="approve")}, "rules"),
        ({"name": "draw down"}, "'draw down' is not a name"),
        ({"prodcts": {}}, "unknown key 'prodcts'; did you mean 'products'"),
        ({"highest_rate_bps": 24.5}, "highest_rate_bps.*docs/policy.md shows every key"),
    ],
)
def test_what_a_policy_may_not_say_is_one_sentence(tmp_path, changes, says):
    path = tmp_path / "p.yaml"
    path.write_text(text_of(**changes), encoding="utf-8")
    with pytest.raises(BadInput, match=says) as refused:
        load_policy(path)
    assert str(refused.value).startswith(f"{path}: ")


def test_a_file_that_is_not_there():
    with pytest.raises(NotFound, match="no such file; name a policy's file"):
        load_policy(Path("nowhere.yaml"))


def manifest_of(**changes: Any) -> Manifest:
    manifest = Manifest(
        name="behaviour_risk",
        version=1,
        card="B",
        decision_point="支用",
        features=("a", "b"),
        calibration=Calibration(),
        scaling=Scaling(),
        policy=Policy(600, 580),
        reasons=(),
        digests=Digests("", "", "", ""),
    )
    return msgspec.structs.replace(manifest, **changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"features": ("a",)}, "rule H2 reads 'b', which is no feature"),
        ({"scaling": Scaling(pdo=60)}, "points are on another scale"),
        ({"name": "other"}, "it is for behaviour_risk, not other"),
        ({"decision_point": "授信"}, "it decides at 支用, not at 授信"),
    ],
)
def test_what_a_policy_and_a_model_must_agree_on(changes, says):
    assert misfits(policy_of(), manifest_of(), {"rare"}) == []
    (found,) = misfits(policy_of(), manifest_of(**changes), {"rare"})
    assert says in found
    assert misfits(policy_of(), manifest_of(), set()) == [
        "views.optional names 'rare', which is no view"
    ]


def test_the_shipped_policy_is_for_the_shipped_recipe():
    policy, text = load_policy(ROOT / "risk" / "policy.yaml")
    recipe = load_recipe(ROOT / "risk" / "behaviour_risk.yaml")
    assert (policy.model, policy.decision_point) == (recipe.name, recipe.decision_point)
    assert policy.scaling == recipe.scaling
    read = {c.feature for r in policy.rules for c in r.when if c.feature}
    assert read
    assert read <= set(recipe.monotone)
    assert "finmodel policy approve drawdown" in text


def test_the_same_terms_in_two_bands_are_fair(tmp_path):
    path = tmp_path / "policy.yaml"
    same = second(limit_minor=500_000, annual_rate_bps=1_080)
    path.write_text(text_of(products=same), encoding="utf-8")
    assert load_policy(path)[0].products["cash_loan"].bands[1].limit_minor == 500_000


def test_terms_that_were_approved_before_they_were_compared_are_still_read():
    text = text_of(products=second(limit_minor=900_000))
    assert parse_policy(text, Path("kept")).products["cash_loan"].bands[1].limit_minor == 900_000

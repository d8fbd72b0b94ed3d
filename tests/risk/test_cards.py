"""Which card may read what: by names and tags alone, and on the features as shipped."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

from feature_store import history, store
from finmodel.errors import Refused
from risk.cards import made_of_own_repayments, refuse_audit_only, refuse_own_repayments
from risk.frames.load import load_frame
from risk.recipe import Recipe, load_recipe

SHIPPED = Path(__file__).parents[2] / "risk" / "behaviour_risk.yaml"


@pytest.fixture(scope="module")
def shipped() -> Recipe:
    return load_recipe(SHIPPED)


def as_card(folder: Path, card: str, **changes: object) -> Recipe:
    """The shipped recipe, as a person would write it for another card."""
    text = SHIPPED.read_text(encoding="utf-8")
    recipe = yaml.safe_load(text) | {"card": card, **changes}
    path = folder / "other.yaml"
    path.write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    return load_recipe(path)


@pytest.mark.parametrize(
    ("tags", "own"),
    [
        ({}, []),
        ({"bureau": {"own_repayments": "false"}}, []),
        ({"late": {"own_repayments": "true"}}, ["late"]),
        ({"late": {}}, ["late"]),  # it does not say
        ({"late": {"own_repayments": "False"}, "bill": {"own_repayments": "no"}}, ["bill", "late"]),
        ({"late": {"domain": "card"}, "bureau": {"own_repayments": "false"}}, ["late"]),
    ],
)
def test_a_view_is_made_of_own_repayments_unless_it_says_not(tags, own):
    assert made_of_own_repayments(tags) == own


def test_an_application_card_may_not_read_the_applicants_own_repayments(shipped):
    card = replace(shipped, card="A")
    with pytest.raises(
        Refused, match=r"repayments \(bill, late\); .*own_repayments: false"
    ) as said:
        refuse_own_repayments(card, ["late", "bill"])
    assert said.value.where == f"{SHIPPED}: card"
    refuse_own_repayments(card, [])


@pytest.mark.parametrize("card", ["B", "C"])
def test_other_cards_may(shipped, card):
    refuse_own_repayments(replace(shipped, card=card), ["late", "bill"])


@pytest.mark.parametrize("feature", ["sex", "SEX", "Marriage", "aGe", "ſex"])
def test_audit_only_attributes_are_refused_whatever_their_case(shipped, feature):
    with pytest.raises(Refused, match=rf"are features \({feature}\); leave them out") as said:
        refuse_audit_only(shipped, ["balance_lag_0m", feature])
    assert said.value.where == f"{SHIPPED}: audit_only"


def test_other_features_are_not(shipped):
    refuse_audit_only(shipped, ["balance_lag_0m", "sex_ratio", "agent", "ages"])
    refuse_audit_only(replace(shipped, audit_only=()), ["sex"])


def test_both_refusals_name_everything_at_once(shipped):
    with pytest.raises(Refused, match=r"\(Age, MARRIAGE, sex\)"):
        refuse_audit_only(shipped, ["sex", "MARRIAGE", "x", "Age"])


# -------------------------------------------------------------------------- on the features shipped


def test_the_shipped_recipe_as_an_application_card_is_refused(features, tmp_path):
    recipe = as_card(tmp_path, "A")
    views = ", ".join(sorted(history.VIEWS))
    with pytest.raises(Refused, match=rf"own repayments \({views}\)") as said:
        load_frame(recipe, features.settings)
    assert said.value.where == f"{tmp_path / 'other.yaml'}: card"
    assert "make it a B card" in said.value.remedy


def test_an_application_card_reads_views_that_are_made_of_other_things(features, tmp_path):
    home = features.copy(tmp_path / "home")
    opened = store.open_store(home.settings)
    views = [opened.get_feature_view(name) for name in history.VIEWS]
    recipe = as_card(tmp_path, "A")
    for view in views[1:]:
        view.tags["own_repayments"] = "false"
    opened.apply(views)
    with pytest.raises(Refused, match=rf"own repayments \({views[0].name}\)"):
        load_frame(recipe, home.settings)
    views[0].tags["own_repayments"] = "false"
    opened.apply(views)
    assert load_frame(recipe, home.settings).service == "behaviour_risk_v1"


def test_a_collection_card_may_read_them(features, tmp_path):
    recipe = as_card(tmp_path, "C", decision_point="贷后")
    assert len(load_frame(recipe, features.settings).names) == 84

"""Recipes as people write them, and a sentence for each that cannot be meant."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from finmodel.errors import BadInput, Refused
from marketing.recipe import is_marketing, load_recipe
from risk.recipe import load_recipe as load_risk_recipe
from tests.marketing.small_lender import SHIPPED, TRIAL, written

NAMES = sorted(
    p.stem for p in SHIPPED.glob("*.yaml") if is_marketing(yaml.safe_load(p.read_text()))
)
FIVE = {
    "borrowing_intent",
    "marketing_preference",
    "offer_satisfaction",
    "repayment_willingness",
    "churn_warning",
}


def changed(recipe: dict[str, Any], place: str, value: object) -> dict[str, Any]:
    """A copy with one key set, or taken out where the value is None."""
    made = copy.deepcopy(recipe)
    *path, last = place.split(".")
    inner = made
    for key in path:
        inner = inner[key]
    inner[last] = value
    if value is None:
        del inner[last]
    return made


def shipped(name: str) -> dict[str, Any]:
    return yaml.safe_load((SHIPPED / f"{name}.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shipped_says_its_label_in_both_languages_and_its_own_command(name):
    recipe = load_recipe(SHIPPED / f"{name}.yaml")
    assert recipe.name == name
    assert f"finmodel train marketing/{name}.yaml" in recipe.text
    assert recipe.label.words.zh != recipe.label.words.en
    assert recipe.title.zh != recipe.title.en


@pytest.mark.parametrize("name", NAMES)
def test_a_label_speaks_of_complaints_in_both_languages_or_in_none(name):
    words = load_recipe(SHIPPED / f"{name}.yaml").label.words
    assert ("投诉" in words.zh) == ("complain" in words.en)


def test_the_five_models_are_here_on_one_vector_and_one_lender():
    assert set(NAMES) >= FIVE
    recipes = [load_recipe(SHIPPED / f"{name}.yaml") for name in FIVE]
    assert {one.source.service for one in recipes} == {"customer_behaviour_v1"}
    (lender,) = {one.source.lender for one in recipes}
    risk = load_risk_recipe(SHIPPED.parent / "risk" / "lender_behaviour_risk.yaml")
    assert lender == risk.source.lender
    assert [one.name for one in recipes if one.model == "uplift"] == ["marketing_preference"]


def test_each_kind_of_recipe_is_told_from_the_other():
    with pytest.raises(BadInput, match="it is a marketing recipe, and this is asked of risk cards"):
        load_risk_recipe(SHIPPED / "churn_warning.yaml")
    with pytest.raises(BadInput, match=r"it names no model.*name a recipe of marketing/"):
        load_recipe(SHIPPED.parent / "risk" / "behaviour_risk.yaml")


CHURN = "churn_warning"
WRONG = [
    (CHURN, "model", "scoring", r"model: invalid enum value 'scoring'"),
    (CHURN, "name", "churn warning", "'churn warning' is not a name"),
    (CHURN, "model", "uplift", "needs to know who was treated and who was held out"),
    (CHURN, "half_life_days", 0, "half_life_days: it is not above 0"),
    (CHURN, "label.settle_day", 3, "unknown key 'settle_day'.*did you mean 'settle_days'"),
    (CHURN, "label.positive", [], "`positive` is needed"),
    (CHURN, "label.among", [], "`among` says whose months are looked at"),
    (
        CHURN,
        "label.among",
        [{"none": ["loan.overdue.v1"], "within_days": 30}],
        "whose months are looked at: name an event of theirs under `any`",
    ),
    (CHURN, "label.zone", "Asia/Peking", "'Asia/Peking' is no zone"),
    (CHURN, "label.words.en", " ", "say the label in both languages"),
    (CHURN, "label.observe.month_end.to", "2023-01", "from 2024-06 is after to 2023-01"),
    (CHURN, "label.observe.event", "app.login.v1", "one of month_end, event and campaign_log"),
    (CHURN, "label.positive", [{"within_days": 9}], "events under either `any` or `none`"),
    (CHURN, "label.positive", [{"any": ["a b"], "within_days": 9}], "'a b' is no event"),
    (CHURN, "label.positive", [{"any": ["a"], "within_days": 0}], "within_days must be above 0"),
    (CHURN, "label.observe.most_per_customer", 0, "most_per_customer must be at least 1"),
    (CHURN, "source.lender", None, None),
    (CHURN, "split.oot_from", "2025-01-01", "valid_from must be before oot_from"),
    (CHURN, "label.column", {"name": "y", "yes": 1}, "give either `observe` and `positive`"),
    ("marketing_preference", "model", "propensity", "and a propensity model does not use it"),
    ("marketing_preference", "learners", ["z"], "invalid enum value 'z'"),
    ("marketing_preference", "learners", [], "learners: there is none"),
    ("marketing_preference", "source.lender", None, "only the simulated lender has such a log"),
]


@pytest.mark.parametrize(("name", "place", "value", "says"), WRONG)
def test_a_recipe_that_cannot_be_meant(tmp_path, name, place, value, says):
    path = written(tmp_path, changed(shipped(name), place, value))
    if says is None:  # a lender's own archive
        assert load_recipe(path).source.lender is None
        return
    with pytest.raises(BadInput, match=says):
        load_recipe(path)


TABLE = "source.table"
WRONG_TABLE = [
    (f"{TABLE}.features", [], "features: name at least one column"),
    (f"{TABLE}.categoricals", ["city"], "'city' is not under features"),
    (f"{TABLE}.separator", ";;", "separator ';;' is not one character"),
    (f"{TABLE}.treatment.treatments", {}, "name at least one treatment"),
    (f"{TABLE}.treatment.treatments", {"a": "none"}, "'none' is control and treatment"),
    (f"{TABLE}.treatment", None, "needs to know who was treated"),
    ("label.column", None, "give either `observe` and `positive`, or a table's `column`"),
    ("gate.parity_rows", 0, "gate.parity_rows: it is below 1"),
]


@pytest.mark.parametrize(("place", "value", "says"), WRONG_TABLE)
def test_a_table_that_cannot_be_meant(tmp_path, place, value, says):
    with pytest.raises(BadInput, match=says):
        load_recipe(written(tmp_path, changed(TRIAL, place, value)))


@pytest.mark.parametrize(
    ("feature", "rule"),
    [
        ("age", "protected_attribute: nobody is chosen by age"),
        ("customer_Sex", "protected_attribute: nobody is chosen by sex"),
        ("marital", "protected_attribute"),
        ("民族", "protected_attribute: nobody is chosen by 民族"),
        ("duration", "known_afterwards: a call's length is known when the answer is"),
        ("years", "audit_only: it is kept to measure groups with"),
    ],
)
def test_a_feature_that_may_not_be_one_is_refused_by_its_rule(tmp_path, feature, rule):
    table = [*TRIAL["source"]["table"]["features"], feature]
    with pytest.raises(Refused, match=rf"'{feature}' may not be a feature \({rule}.*drop it"):
        load_recipe(written(tmp_path, changed(TRIAL, f"{TABLE}.features", table)))

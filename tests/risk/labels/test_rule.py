"""A recipe's `label:` block: each mistake is one sentence with its key and what to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from finmodel.errors import BadInput
from risk.labels.rule import LabelRule, month_name, month_number
from risk.labels.words import BUCKETS, exclusion_of, outcome_of
from risk.recipe import load_recipe
from tests.risk.small_loans import SHIPPED, lender_recipe

GOOD = {"observation": "first_drawdown", "window": 6, "bad": "dpd >= 30 ever by mob 6"}
ENDS = GOOD | {"observation": "month_end"}
FILE = {"path": "seen.csv", "entity": "loan_id", "time": "month", "dpd": "dpd"}


def test_buckets_are_those_of_chinese_lenders():
    """M1 1–30, M2 31–60, M3 61–90, … M6 151–180, M7 > 180."""
    assert [least for _, least in BUCKETS] == [0, 1, 31, 61, 91, 121, 151, 181]
    assert [outcome_of(f"M{n}+ at mob 1").days for n in range(1, 8)] == [
        least for _, least in BUCKETS[1:]
    ]
    assert exclusion_of("M2+ ever before observation") == exclusion_of(
        "dpd >= 31 ever before  observation"
    )


def test_months_are_named_and_numbered():
    assert [month_name(month_number(name)) for name in ("1970-01", "2024-12")] == [
        "1970-01",
        "2024-12",
    ]


def test_a_rule_with_its_defaults(tmp_path):
    recipe = load_recipe(lender_recipe(tmp_path, "application_risk", label=GOOD))
    assert recipe.label == LabelRule("first_drawdown", "dpd >= 30 ever by mob 6", 6)
    assert recipe.label_column == "dpd >= 30 ever by mob 6"
    assert (recipe.label.settle_days, recipe.label.zone) == (3, "Asia/Shanghai")


@pytest.mark.parametrize("name", ["application_risk", "lender_behaviour_risk", "behaviour_risk"])
def test_the_shipped_recipes_are_read_and_have_a_card_beside_the_trees(name):
    recipe = load_recipe(SHIPPED / f"{name}.yaml")
    assert recipe.name == name
    assert recipe.scorecard is not None


@pytest.mark.parametrize(
    ("label", "says"),
    [
        (GOOD | {"bad": "late"}, r"label: 'late' says no outcome: write `dpd >= 30 ever by mob 6`"),
        (GOOD | {"bad": "dpd > 30 ever by mob 6"}, "says no outcome"),
        (GOOD | {"bad": "M8+ ever by mob 6"}, "says no outcome"),
        (GOOD | {"bad": "dpd >= 0 ever by mob 6"}, "the number must be 1 or more"),
        (GOOD | {"bad": "fpd 9"}, "'fpd 9': write fpd 1, 7, 15 or 30"),
        (GOOD | {"bad": "fpd 7", "window": 1}, "fpd is known 2 months on: the window is 1"),
        (ENDS | {"bad": "fpd 7"}, "fpd is of the first bill: write `observation: first_drawdown`"),
        (GOOD | {"window": 3}, "bad looks to mob 6, and the window ends at mob 3"),
        (GOOD | {"window": 0}, "window must be from 1 to 60 months"),
        (GOOD | {"window": 61}, "window must be from 1 to 60 months"),
        (GOOD | {"window": "six"}, r"label\.window: expected `int`"),
        (GOOD | {"settle_days": -1}, "settle_days must be from 0 to 60"),
        (GOOD | {"zone": "Asia/Peking"}, "'Asia/Peking' is no time zone: write Asia/Shanghai"),
        (
            GOOD | {"indeterminate": "dpd >= 30 ever by mob 6"},
            "nobody can be indeterminate by 'dpd >= 30 ever by mob 6'",
        ),
        (GOOD | {"indeterminate": "dpd >= 7 at mob 9"}, "indeterminate looks to mob 9"),
        (GOOD | {"exclude": ["dpd >= 1 at observation"]}, "nobody was late before the first draw"),
        (ENDS | {"exclude": ["dpd >= 30"]}, "'dpd >= 30' says no exclusion: write `dpd >= 30 at"),
        (ENDS | {"cohorts": {"from": "2024-13"}}, r"'2024-13' is no month: write 2024-03"),
        (ENDS | {"cohorts": {"from": "2024-05", "to": "2024-04"}}, "from 2024-05 is after to 2024"),
        (ENDS | {"cohorts": {"form": "2024-05"}}, r"label\.cohorts\.form: .*did you mean 'from'"),
        (ENDS | {"observation": "monthly"}, r"label\.observation: invalid enum value 'monthly'"),
        (ENDS | {"bads": 1}, r"label\.bads: unknown key 'bads'; did you mean 'bad'\?"),
        ({"window": 6, "bad": "fpd 7"}, "label: object missing required field `observation`"),
        (GOOD | {"observation": "row"}, "`observation: row` needs `performance`"),
        (GOOD | {"performance": FILE}, "`observation: row` needs `performance`, and others have"),
        ("bad", "label: 'bad' is a column, and a lender's events have none; say observation,"),
        (
            {**GOOD, "observation": "row", "performance": FILE},
            r"label\.observation: rows are looked at at their time, and there is no table",
        ),
        (
            {**GOOD, "observation": "row", "performance": FILE, "exclude": ["mob < 2"]},
            "a row's months on book begin at its time",
        ),
    ],
)
def test_a_mistake_is_told_with_its_key(tmp_path: Path, label: Any, says: str):
    path = lender_recipe(tmp_path, "application_risk", label=label)
    with pytest.raises(BadInput, match=says) as told:
        load_recipe(path)
    assert str(told.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"service": "application_risk_v1"}, "a `service` needs a `spine` or a `lender`"),
        (
            {"service": "a", "spine": "credit_default", "lender": {"customers": 1, "days": 1}},
            "a `service` needs a `spine` or a `lender`",
        ),
        (
            {"service": "a", "spine": "credit_default"},
            r"label\.observation: first_drawdown is seen in events of loans",
        ),
        (
            {"table": {"path": "a.csv", "entity": "id"}, "lender": {"customers": 1, "days": 1}},
            "a table has neither|a `table` has neither",
        ),
    ],
)
def test_a_rule_and_a_source_that_do_not_go_together(tmp_path: Path, source: Any, says: str):
    path = lender_recipe(tmp_path, "application_risk")
    recipe = yaml.safe_load(path.read_text(encoding="utf-8")) | {"source": source}
    path.write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    with pytest.raises(BadInput, match=says):
        load_recipe(path)


def test_a_lender_has_no_attributes_to_audit(tmp_path: Path):
    path = lender_recipe(tmp_path, "application_risk", audit_only=["sex"])
    with pytest.raises(BadInput, match="audit_only: a lender's events hold no attribute"):
        load_recipe(path)

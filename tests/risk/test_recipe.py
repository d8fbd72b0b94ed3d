"""Recipes: what is read, and for each mistake one sentence with its file, key and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from finmodel.errors import BadInput, NotFound
from risk.recipe import CARD_POINTS, load_recipe

GOOD = """
name: small
card: A
decision_point: 授信
source:
  table: {path: t.csv, entity: id}
label: bad
params: {rounds: 10}
gate: {auc: 0.6, ks: 0.2, brier: 0.2}
policy: {approve_points: 620, refer_points: 580}
reasons:
  - {code: R1, zh: 收入, en: Income, features: [income]}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "r.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_with_its_defaults(tmp_path):
    recipe = load_recipe(write(tmp_path, GOOD))
    assert (recipe.name, recipe.card, recipe.decision_point) == ("small", "A", "授信")
    assert (recipe.scaling.base_points, recipe.scaling.base_odds, recipe.scaling.pdo) == (
        600,
        50,
        20,
    )
    assert (recipe.split.folds, recipe.split.repeats) == (5, 2)
    assert (recipe.policy.stale, recipe.policy.missing) == ("refer", "refer")
    assert recipe.folder == tmp_path
    assert recipe.text == GOOD


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("label: bad", "lable: bad", "lable: unknown key 'lable'; did you mean 'label'?"),
        ("rounds: 10", "num_leafs: 10", r"params.num_leafs: .*did you mean 'num_leaves'"),
        ("entity: id", "entitty: id", r"source.table.entitty: .*did you mean 'entity'"),
        ("zh: 收入", "cn: 收入", r"reasons\[0\].cn: unknown key"),
        ("en: Income", "en: Income, reference: 1.0", r"reasons\[0\].reference: unknown key"),
        ("label: bad\n", "", "required field `label`; add it"),
        ("label: bad", "file: x", "unknown key 'file'"),
        ("card: A", "card: D", "card: .*'D'"),
        ("rounds: 10", "rounds: ten", "params.rounds: expected `int`, got `str`"),
        ("auc: 0.6", "auc: 1e-3", "gate.auc: .*write 1.0e-3"),
        ("rounds: 10", "rounds: 0", "rounds must be between 1 and 10000"),
        ("label: bad", "label: 1", "got `int`; put a name in quotes, or write keys below it"),
        ("path: t.csv, entity: id", "path: t.csv", "source.table: .*`entity`"),
        ("  table:", "  service: s_v1\n  table:", "source: give either"),
        ("table: {path: t.csv, entity: id}", "service: s_v1", "a `service` needs a `spine`"),
        ("refer_points: 580", "refer_points: 640", "must not be above approve_points"),
        ("label: bad", "label: bad\nlabel: worse", "key 'label' stands twice"),
        ("name: small", "name: 'small lender'", "name: 'small lender' is not a name"),
        ("name: small", "name: ../small", "is not a name"),
        ("en: Income", "en: ''", r"reasons\[0\]: a reason lacks"),
        ("label: bad", "label: bad\naudit_bands: {age: [30]}", "'age' is not under audit_only"),
        ("label: bad", "label: bad\nsplit: {valid_from: 2024-01-01}", "together"),
        ("label: bad", "label: bad\nsplit: {folds: 1}", "folds must be at least 2"),
        ("label: bad", "label: bad\nscaling: {pdo: 0}", "must be above 0"),
        ("label: bad", "label: bad\nmonotone: {income: 2}", "monotone"),
        ("label: bad", "label: bad\ncalibration: base_rate", "base_rate: .*no rate is stated"),
        ("label: bad", "label: bad\nbase_rate: 0.08", "base_rate: .*calibration is none"),
        (
            "label: bad",
            "label: bad\ncalibration: base_rate\nbase_rate: 8",
            "8 is not between 0 and 1; write a share, such as 0.08 for 8 %",
        ),
        ("label: bad", "label: bad\ncalibration: isotonic", "calibration: .*'isotonic'"),
        ("label: bad", "label: bad\npricing_pd: platt", "pricing_pd: .*'platt'"),
        ("label: bad", "label: [bad", "it is not YAML"),
        ("label: bad", "label: bad\n? [a, b]\n: 1", "a key is no text"),
        ("label: bad", "label: bad\nscaling: {pdo: .inf}", "scaling.pdo: it is no number"),
        ("refer_points: 580", "refer_points: .nan", "policy.refer_points: it is no number"),
        ("auc: 0.6", "auc: 0.6, parity_rows: -5", "gate.parity_rows"),
        ("entity: id", "entity: id, separator: ''", "separator '' is not one character"),
    ],
)
def test_a_mistake_is_told_with_file_key_and_remedy(tmp_path, old, new, says):
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(BadInput, match=says) as caught:
        load_recipe(path)
    assert str(path) in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("card", "point"), [("A", "贷中"), ("A", "贷后"), ("B", "贷后"), ("C", "授信"), ("C", "支用")]
)
def test_a_card_decides_only_where_it_can(tmp_path, card, point):
    text = GOOD.replace("card: A", f"card: {card}").replace("授信", point)
    with pytest.raises(BadInput, match=f"card {card} does not decide at {point}"):
        load_recipe(write(tmp_path, text))


def test_every_card_and_point_that_goes_together_is_read(tmp_path):
    for card, points in CARD_POINTS.items():
        for point in points:
            text = GOOD.replace("card: A", f"card: {card}").replace("授信", point)
            assert load_recipe(write(tmp_path, text)).card == card


@pytest.mark.parametrize(
    "extra",
    [
        "audit_only: [INCOME]",
        "audit_only: [sex]\nmonotone: {sex: 1}",
    ],
)
def test_audit_only_attributes_are_refused_as_features(tmp_path, extra):
    with pytest.raises(BadInput, match="audit_only"):
        load_recipe(write(tmp_path, f"{GOOD}{extra}\n"))


def test_two_groups_of_one_code(tmp_path):
    recipe = yaml.safe_load(GOOD)
    recipe["reasons"] *= 2
    with pytest.raises(BadInput, match="code 'R1' stands twice"):
        load_recipe(write(tmp_path, yaml.safe_dump(recipe, allow_unicode=True)))


@pytest.mark.parametrize("content", [b"", b"- a\n- b\n", b"\xff\xfe\x00", b"x" * (1 << 20) + b"x"])
def test_what_is_no_recipe_at_all(tmp_path, content):
    path = tmp_path / "r.yaml"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"r\.yaml"):
        load_recipe(path)


def test_no_such_file(tmp_path):
    with pytest.raises(NotFound, match="no such file"):
        load_recipe(tmp_path / "absent.yaml")


def test_nothing_in_a_recipe_is_run(tmp_path):
    with pytest.raises(BadInput):
        load_recipe(write(tmp_path, GOOD + "x: !!python/object/apply:os.getcwd []\n"))

"""`finmodel model import` as a shell sees it: a mistake is one sentence, and nothing is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from finmodel.errors import BadInput, Refused
from finmodel.progress import silent
from finmodel.settings import Settings
from serving.access import People
from serving.importing import Said, bring
from tests.risk.small_lender import RECIPE, loans, table_recipe

HEAD = "variable,bin,woe,points\nbasepoints,,,512\n"
DEBT = 'debt_count,"[-inf,inf)",0,0\n'
GAP = 'debt_count,"[-inf,3)",-0.2,9\ndebt_count,"[4,inf)",0.3,-9\n'
OVERLAP = 'debt_count,"[-inf,5)",-0.2,9\ndebt_count,"[4,inf)",0.3,-9\n'
WHOLE = 'debt_total,"[-inf,4000)",{low},25\ndebt_total,"[4000,inf)",{high},-25\n'


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    """A home where lin, an engineer, is signed in."""
    home = tmp_path_factory.mktemp("importing") / "home"
    here = Settings(home=home, data=home)
    here.make_home()
    return replace(here, key=People(here.people).add("lin", frozenset({"engineer"})))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A lender's table and recipe, and its files."""
    place = tmp_path_factory.mktemp("lender")
    loans(600).to_csv(place / "loans.csv", index=False)
    recipe = RECIPE | {"source": table_recipe(time=None, exclude=["note", "applied_on"])}
    (place / "recipe.yaml").write_text(yaml.safe_dump(recipe, allow_unicode=True))
    return place


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        (HEAD + GAP, {}, "debt_count: there is a gap: no bin holds what is from 3 up to 4; give"),
        (HEAD + OVERLAP, {}, "debt_count: bins overlap: [-inf, 5) and [4, inf); let each end"),
        (HEAD + DEBT + DEBT, {}, "line 4: debt_count: bin '[-inf,inf)' stands twice, first at"),
        (HEAD + DEBT.replace("debt", "loan"), {}, "'loan_count' is no feature of"),
        (HEAD + WHOLE.format(low=-0.4, high=0.3), {}, "rows have no value, and it has no bin for"),
        (
            HEAD + WHOLE.format(low=0.4, high=-0.3) + "debt_total,missing,0,0\n",
            {},
            "its WOE are of the other sign: on the recipe's rows they run as ln(good share / bad",
        ),
        (HEAD + DEBT, {"form": "excel"}, "--format: 'excel' is no format; one of optbinning"),
        (HEAD + DEBT, {"woe": "up"}, "--woe: 'up' is no sign of WOE; say bad/good or good/bad"),
        ("a,b\n1,2\n", {}, "it is a scorecard of no format that is known here: its columns are"),
        ("tree\nversion=v4\n", {}, "it is cut short: 'end of trees' is not there; give what"),
        ("tree\nversion=v4\n", {"woe": "bad/good"}, "it is a LightGBM model: --format, --woe"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(settings, folder, text, more, said):
    file = folder / "champion.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        bring(settings, file, folder / "recipe.yaml", Said(**more), silent)
    assert said in str(caught.value)
    assert str(caught.value).startswith((str(file), "champion.csv", "--"))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert not (settings.home / "mlflow.db").exists()


def test_who_may_not_train_imports_nothing(settings, folder):
    file = folder / "fine.csv"
    file.write_text(HEAD + DEBT, encoding="utf-8")
    with pytest.raises(Refused, match="FINMODEL_KEY: no key, or a key that is nobody's"):
        bring(replace(settings, key=""), file, folder / "recipe.yaml", Said(), silent)


def test_a_file_in_gbk_says_how_to_save_it(settings, folder):
    file = folder / "gbk.csv"
    file.write_bytes("variable,bin,points\n收入,缺失,3\n".encode("gbk"))
    with pytest.raises(BadInput) as caught:
        bring(settings, file, folder / "recipe.yaml", Said(), silent)
    assert str(caught.value) == (
        f"{file}: it is GBK, not UTF-8; save it as UTF-8 (Excel: 另存为 Save As, CSV UTF-8)"
    )
